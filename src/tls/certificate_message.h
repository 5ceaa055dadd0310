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

/* The next certificate of a list that is not empty. False: the list is malformed. */
static inline bool certificate_next(struct wire *list, bool tls13, struct wire *certificate)
{
    struct wire extensions;
    return wire_vector24(list, certificate) && (!tls13 || wire_vector16(list, &extensions));
}

/* All of them, borrowed from `body`. False when it is malformed or has more than `room`. Empty are to GnuTLS,
 * in TLS 1.2, also no list at all and one of a single certificate without a byte, which some clients send. */
static inline bool certificate_chain(struct wire body, bool tls13, gnutls_datum_t *chain, unsigned room,
                                     unsigned *n)
{
    struct wire list, certificate;
    *n = 0;
    if (!tls13 && (body.n == 0 || (body.n == 6 && memcmp(body.p, "\0\0\3\0\0\0", 6) == 0)))
        return true;
    if (!certificate_list(body, tls13, &list))
        return false;
    while (list.n > 0) {
        if (*n == room || !certificate_next(&list, tls13, &certificate))
            return false;
        chain[(*n)++] = (gnutls_datum_t){(unsigned char *)(uintptr_t)certificate.p, (unsigned)certificate.n};
    }
    return true;
}

#endif
