/* The body of a Certificate message: RFC 8446 section 4.4.2, RFC 5246 section 7.4.2. Pure. */
#ifndef MTLSD_TLS_CERTIFICATE_MESSAGE_H
#define MTLSD_TLS_CERTIFICATE_MESSAGE_H

#include <gnutls/gnutls.h>

#include "tls/wire.h"

/* The list of certificates, to be taken apart by certificate_next. */
static inline bool certificate_list(struct wire body, bool tls13, struct wire *list)
{
    struct wire context;
    return (!tls13 || wire_vector8(&body, &context)) && wire_vector24(&body, list);
}

/* What an entry of TLS 1.3 may carry behind its certificate: nothing, or one status_request and nothing
 * behind it (RFC 8446 section 4.4.2.1), which is all that is ever asked for. */
static inline bool certificate_extensions_fit(struct wire extensions)
{
    struct wire data;
    uint16_t type;
    return extensions.n == 0 || (wire_u16(&extensions, &type) && type == 5 &&
                                 wire_vector16(&extensions, &data) && extensions.n == 0);
}

/* The next certificate of a list that is not empty. False: the list is malformed. */
static inline bool certificate_next(struct wire *list, bool tls13, struct wire *certificate,
                                    struct wire *extensions)
{
    *extensions = (struct wire){NULL, 0};
    return wire_vector24(list, certificate) && (!tls13 || wire_vector16(list, extensions));
}

enum certificate_fault {
    CERTIFICATE_FINE,
    CERTIFICATE_MALFORMED,
    CERTIFICATE_MANY,      /* more than `room` */
    CERTIFICATE_EXTENSION, /* one that was not asked for */
};

/* All of them, borrowed from `body`. Empty are to GnuTLS, in TLS 1.2, also no list at all and one of a single
 * certificate without a byte, which some clients send. */
static inline enum certificate_fault certificate_chain(struct wire body, bool tls13, gnutls_datum_t *chain,
                                                       unsigned room, unsigned *n)
{
    struct wire list, certificate, extensions;
    *n = 0;
    if (!tls13 && (body.n == 0 || (body.n == 6 && memcmp(body.p, "\0\0\3\0\0\0", 6) == 0)))
        return CERTIFICATE_FINE;
    if (!certificate_list(body, tls13, &list))
        return CERTIFICATE_MALFORMED;
    while (list.n > 0) {
        if (*n == room)
            return CERTIFICATE_MANY;
        if (!certificate_next(&list, tls13, &certificate, &extensions))
            return CERTIFICATE_MALFORMED;
        if (!certificate_extensions_fit(extensions))
            return CERTIFICATE_EXTENSION;
        chain[(*n)++] = (gnutls_datum_t){(unsigned char *)(uintptr_t)certificate.p, (unsigned)certificate.n};
    }
    return CERTIFICATE_FINE;
}

#endif
