/* The inside of creds, for creds.c and creds_lint.c only. */
#ifndef MTLSD_PKI_CREDS_IMPL_H
#define MTLSD_PKI_CREDS_IMPL_H

#include "pki/creds.h"

/* One certificate with its key and the chain that goes out with it. */
struct creds_set {
    struct certinfo **chain; /* leaf first; owned */
    size_t n;
    bool complete;    /* the last one is self-signed, or was issued by a self-signed one that was given too */
    bool self_signed; /* the leaf is */
    bool in_order;    /* the files had it in this order */
    bool must_staple; /* RFC 7633 */
    bool stapled;
    bool key_readable_by_others;
    struct src crt_src, key_src;
    const char *crt_file,
        *key_file; /* borrowed from the configuration: valid while creds_load and creds_lint run */
};

struct creds {
    unsigned refs; /* atomic */
    gnutls_certificate_credentials_t gnutls;
    struct creds_set *set;
    size_t n;
    const struct certinfo **leaf; /* of each set; borrowed from it */
};

#endif
