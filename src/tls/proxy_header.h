/* The header by which a proxy in front tells whose connection it hands on: PROXY protocol, versions 1 and 2,
 * as haproxy 2.6 documents them. Pure. */
#ifndef MTLSD_TLS_PROXY_HEADER_H
#define MTLSD_TLS_PROXY_HEADER_H

#include <netinet/in.h>
#include <sys/un.h>

#include "base/base.h"

enum {
    PROXY_V1 = 1,
    PROXY_V2 = 2,
    PROXY_MOST = 4096, /* bytes of a header; one with more extensions is refused */
};

struct proxy_header {
    bool has_source; /* false: the connection is the proxy's own (LOCAL), or it does not know (UNKNOWN) */
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un; /* without a name */
    } source;
};

/* Looks at the first `len` bytes of a connection. `versions`: PROXY_V1 | PROXY_V2. Returns how many of them
 * are the header; 0: more are needed to tell; -1: they are none, and *why (static) says what is wrong. `out`
 * is filled when positive. */
int proxy_header_parse(const uint8_t *bytes, size_t len, unsigned versions, struct proxy_header *out,
                       const char **why);

/* Where none is expected: 1 when the bytes begin one, 0: they may, -1: they do not. */
int proxy_header_begins(const uint8_t *bytes, size_t len);

#endif
