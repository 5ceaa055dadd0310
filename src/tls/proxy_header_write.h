/* The PROXY header that a backend gets, about the client for whom a connection is made (proxy_header.h reads
 * those of others). Pure. */
#ifndef MTLSD_TLS_PROXY_HEADER_WRITE_H
#define MTLSD_TLS_PROXY_HEADER_WRITE_H

#include <gnutls/gnutls.h>

#include "base/buf.h"
#include "tls/proxy_header.h"

enum {
    /* What is longer is left out: a receiver may have room for few bytes, and half a name is another's. */
    PROXY_MOST_TEXT = 1024,
    /* All that is in the header fits into 64 KiB; a chain of certificates has 32. */
    PROXY_MOST_CERTIFICATE = 32 * 1024,
};

/* {0}: the connection is our own. All is borrowed. */
struct proxy_said {
    const char *source, *target; /* "192.0.2.1:443", "[2001:db8::1]:443"; NULL, or neither: not known */
    bool tls;
    const char *server_name, *alpn; /* "" or NULL: none */
    const char *version, *cipher;   /* "TLSv1.3" */
    const char *signature;          /* of the certificate that was shown, NULL: none was */
    const char *key;                /* "RSA2048" */
    bool certificate;               /* the client has shown one */
    bool resumed;                   /* in an earlier handshake */
    bool verified;
    const void *common_name; /* of one that was verified; may hold anything */
    size_t common_name_len;
    gnutls_datum_t der; /* the certificate that was verified, where it is asked for; else empty */
};

/* Appends it; `version`: PROXY_V1, PROXY_V2, 0: nothing. */
void proxy_write_header(unsigned version, const struct proxy_said *said, struct buf *out);

#endif
