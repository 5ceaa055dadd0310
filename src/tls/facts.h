/* What was negotiated on a connection, copied out of the session after the handshake. Owned by the
 * connection, immutable from then on. */
#ifndef MTLSD_TLS_FACTS_H
#define MTLSD_TLS_FACTS_H

#include <gnutls/gnutls.h>

#include "tls/client_hello.h"

struct tls_facts {
    bool tls13;
    const char *version;          /* "TLSv1.3" */
    const char *cipher_suite;     /* IANA name */
    const char *group;            /* "x25519", NULL when none is known */
    const char *server_signature; /* "ecdsa_secp256r1_sha256", NULL on resumption */
    const char *client_signature; /* NULL when no certificate came */
    char alpn[33];                /* "" none */
    char server_name[256];        /* "" none */
    bool resumed;
    bool extended_master_secret;
    bool post_quantum;                     /* the key exchange has ML-KEM in it */
    const struct hello_pack *client_hello; /* NULL when it could not be kept. Owned by the connection */
};

/* Reads them from a session whose handshake is over; whether it resumed another one is proof.h's to say.
 * `hello` is stored as it is. Strings are static or copied. */
void tls_facts_read(gnutls_session_t session, const struct hello_pack *hello, bool resumed,
                    struct tls_facts *out);

#endif
