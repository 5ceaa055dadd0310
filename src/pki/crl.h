/* A certificate revocation list, made ready for looking serial numbers up. Immutable once made, but for a
 * memo of who signed it. GnuTLS honours CRLs that are stale, from the future or forged; so the rules of RFC
 * 5280 section 6.3 stand here and in verdict_crl.c. */
#ifndef MTLSD_PKI_CRL_H
#define MTLSD_PKI_CRL_H

#include <gnutls/x509.h>
#include <pthread.h>

#include "pki/cert.h"

struct crl_entry {
    struct der serial;
    time_t date;
    int reason; /* CRLReason, -1: not given */
};

struct crl {
    gnutls_x509_crl_t crl; /* owned */
    gnutls_datum_t der;    /* owned; every slice points into it */
    struct der tbs, signature;
    gnutls_sign_algorithm_t sign;
    struct der issuer; /* whole Name */
    struct der authority_key_id;
    struct der number; /* octets of the CRL number; empty in a version 1 CRL */
    time_t this_update, next_update;
    struct crl_entry *entry; /* sorted by serial */
    size_t n;
    bool only_user, only_ca; /* the scope that its issuing distribution point sets */
    struct der point;        /* body of that extension's fullName, or empty: for every certificate in scope */
    const char *problem;     /* why it must not be used, NULL: it may */
    pthread_mutex_t lock;    /* guards `signer` */
    unsigned char *signer;   /* SubjectPublicKeyInfo of a key that is known to have signed it */
    size_t signer_len;
};

/* Takes `crl` over, success or not. A CRL with a `problem` is a success. ERR_SYNTAX, ERR_NOMEM. */
MUST_CHECK int crl_new(gnutls_x509_crl_t crl, struct crl **out, struct err *err);
void crl_free(struct crl *crl);

/* The entry of a serial number, or NULL. */
const struct crl_entry *crl_find(const struct crl *crl, const struct der *serial);

/* Whether both are lists of the same issuer, key and scope, and `crl` has the lower number of the two. */
bool crl_is_older(const struct crl *crl, const struct crl *old);

/* Whether the key of `issuer` signed it, may sign CRLs, and with an algorithm that holds. Positive answers
 * are remembered. Thread-safe. */
bool crl_signed_by(struct crl *crl, gnutls_x509_crt_t issuer, const struct cert *facts);

/* Whether `cert` is in its scope. */
bool crl_covers(const struct crl *crl, const struct cert *cert);

/* "keyCompromise" and so on; NULL for none or unknown. */
const char *crl_reason_word(int reason);

#endif
