/* Who a trust anchor is: a name and a key (RFC 5280 section 6.1.1 d), whatever certificate they came in. And
 * sets of such, out of files: the CAs of a location. */
#ifndef MTLSD_PKI_ANCHOR_ID_H
#define MTLSD_PKI_ANCHOR_ID_H

#include "base/diag.h"
#include "config/conf.h"
#include "pki/cert.h"

/* Immutable, refcounted: those who were judged under a trust outlive it. */
struct anchor_id {
    unsigned refs; /* atomic; use anchor_id_ref, anchor_id_unref */
    char *subject; /* as RFC 4514 writes it */
    char fingerprint_sha256[65];
    struct der name, spki; /* whole Name and SubjectPublicKeyInfo */
    unsigned char bytes[]; /* that they point into */
};

/* 0, or ERR_NOMEM, ERR_CRYPTO, or ERR_SYNTAX: the name cannot be read. */
MUST_CHECK int anchor_id_new(const struct cert *cert, struct anchor_id **out);
struct anchor_id *anchor_id_ref(struct anchor_id *id);
void anchor_id_unref(struct anchor_id *id);
/* Names are compared as section 7.1 says, keys by their octets. */
bool anchor_id_equal(const struct anchor_id *a, const struct anchor_id *b);

/* Immutable once it is loaded. */
struct anchor_set {
    struct anchor_id **id; /* a reference each */
    struct src *src;       /* where each was configured */
    size_t n;
};

/* The certificates in the files, each name and key once; every problem goes to `diag` with file and line. 0
 * and *out, or negative when one was reported. */
MUST_CHECK int anchor_set_load(const struct conf_list *files, struct diag *diag, struct anchor_set **out);
void anchor_set_free(struct anchor_set *set);
bool anchor_set_has(const struct anchor_set *set, const struct anchor_id *id);

#endif
