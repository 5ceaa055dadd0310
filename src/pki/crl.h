/* A certificate revocation list, made ready for looking serial numbers up, whatever its size: its signature
 * is checked against a digest that is made once, and its entries are packed (serials.h). Nothing of the file
 * is kept but what is named here. Immutable once made, but for a memo of who signed it; refcounted, for
 * several listeners may have the same. GnuTLS honours CRLs that are stale, from the future or forged; so the
 * rules of RFC 5280 section 6.3 stand here and in verdict_crl.c. */
#ifndef MTLSD_PKI_CRL_H
#define MTLSD_PKI_CRL_H

#include <gnutls/x509.h>
#include <pthread.h>

#include "pki/cert.h"
#include "pki/serials.h"

enum { CRL_SIGNERS = 8, CRL_NEGATIVES = 256, CRL_MAX_ODD = 4, CRL_DIGEST = 64 };

/* Whether a key signed it. Also a negative answer is remembered, for as many questions: GnuTLS says the same
 * when memory is short. */
struct crl_signer {
    unsigned char *spki; /* owned: SubjectPublicKeyInfo; NULL: free */
    size_t n;
    bool signed_it;
    unsigned left; /* of a negative answer: how often it is given again */
};

struct crl {
    unsigned refs;         /* atomic */
    unsigned char *octets; /* owned; every slice points into it */
    struct der algorithm;  /* body of the AlgorithmIdentifier */
    gnutls_sign_algorithm_t sign;
    struct der signature;
    unsigned char digest[CRL_DIGEST]; /* of what is signed */
    size_t digest_len;
    struct der tbs;    /* what is signed: for EdDSA alone, which signs no digest; else empty */
    struct der issuer; /* whole Name */
    struct der authority_key_id;
    struct der number; /* octets of the CRL number; empty without one */
    bool is_delta;
    struct der base; /* of a delta: the number of the list that it starts from */
    time_t this_update, next_update;
    struct serials serials;
    bool only_user, only_ca; /* the scope that its issuing distribution point sets */
    struct der point;        /* body of that extension's fullName, or empty: for every certificate in scope */
    const char *problem;     /* why it must not be used, NULL: it may */
    const char *odd[CRL_MAX_ODD]; /* what RFC 5280 asks of whoever makes CRLs, and is not so */
    size_t n_odd;
    pthread_mutex_t lock; /* guards the memo */
    struct crl_signer signer[CRL_SIGNERS];
    unsigned next_signer;
};

/* Whether it has the outline of a CRL: then what crl_new says of it is worth telling. Cheap. */
bool crl_is_one(struct der der);
/* Reads one; `der` may go afterwards. Takes memory by its size. A CRL with a `problem` is a success.
 * ERR_SYNTAX (the text says what is malformed), ERR_NOMEM. */
MUST_CHECK int crl_new(struct der der, struct crl **out, struct err *err);
struct crl *crl_ref(struct crl *crl);
void crl_unref(struct crl *crl);

/* Whether there is an entry for the serial number. */
bool crl_find(const struct crl *crl, const struct der *serial, struct crl_entry *out);

/* Their numbers: negative, 0, positive as that of `crl` is lower, the same, higher; 0 also where one has
 * none. */
int crl_compare_numbers(const struct crl *crl, const struct crl *other);
/* Whether both are lists of one kind (complete or delta), issuer, key and scope, and `crl` has the lower
 * number. */
bool crl_is_older(const struct crl *crl, const struct crl *old);
/* Whether `crl` is a later list of that kind, issuer and scope, by whichever key of the issuer. */
bool crl_replaces(const struct crl *crl, const struct crl *old);
/* Whether the complete `crl` is older than `delta`, of the same key and scope; and as new: then the delta
 * says nothing more. */
bool crl_precedes(const struct crl *crl, const struct crl *delta);
bool crl_overtakes(const struct crl *crl, const struct crl *delta);
/* Whether the complete `base` and `delta` together are a complete list (RFC 5280 section 5.2.4). */
bool crl_combines(const struct crl *base, const struct crl *delta);

/* Whether the key of `issuer` signed it, may sign CRLs, and with an algorithm that holds. The answer is
 * remembered. Thread-safe. */
bool crl_signed_by(struct crl *crl, gnutls_x509_crt_t issuer, const struct cert *facts);

/* Whether `cert` is in its scope. */
bool crl_covers(const struct crl *crl, const struct cert *cert);

/* "keyCompromise" and so on; NULL for none or unknown. */
const char *crl_reason_word(int reason);

#endif
