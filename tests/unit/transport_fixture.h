/* A transport over a pair of sockets, behind a handshake with a client of GnuTLS's own. */
#ifndef MTLSD_TESTS_UNIT_TRANSPORT_FIXTURE_H
#define MTLSD_TESTS_UNIT_TRANSPORT_FIXTURE_H

#include <gnutls/gnutls.h>
#include <stddef.h>

#include "base/wheel.h"
#include "tls/share.h"
#include "tls/transport.h"

enum { TF_LINGER_MS = 10 };

/* One at a time. */
struct transport_fixture {
    struct tls_share share;
    struct wheel wheel;
    struct transport transport;
    gnutls_session_t server, client;
    gnutls_certificate_credentials_t server_creds, client_creds;
    int near, far;     /* the server's end, and the client's */
    unsigned was_late; /* how often its deadline passed */
};

extern struct transport_fixture tf;

/* A handshake by `priority`, with a client that takes records of up to `most` bytes (0: it does not say). A
 * failure is the test's. */
void tf_connect(const char *priority, size_t most);
/* As a worker does when the socket can be read: what transport_read returned. */
ssize_t tf_read(void);
/* Of the connection; its worker's share stays. */
void tf_disconnect(void);
void tf_end(void);

#endif
