/* The inside of a trust, for trust*.c and verdict*.c only. */
#ifndef MTLSD_PKI_TRUST_IMPL_H
#define MTLSD_PKI_TRUST_IMPL_H

#include "pki/anchor_id.h"
#include "pki/cert.h"
#include "pki/crl.h"
#include "pki/name_match.h"
#include "pki/trust.h"

struct anchor {
    gnutls_x509_crt_t crt; /* owned */
    gnutls_datum_t der;    /* owned; `cert` points into it */
    struct cert cert;
    struct certname name;   /* its subject, parsed */
    struct anchor_id *id;   /* a reference; NULL: it is unreadable */
    uint64_t hash;          /* of its subject, see name_match.h */
    const char *unreadable; /* why cert_parse refused it, NULL: `cert` is filled */
    bool advertised;        /* its name may be sent to clients */
    struct src src;         /* where it was configured */
};

struct trust_crl {
    struct crl *crl;     /* one reference; others may have it too */
    const char *problem; /* why it must not be used here, NULL: it may */
};

struct trust {
    unsigned refs; /* atomic */
    struct anchor *anchor;
    size_t n_anchors;
    size_t *by_subject; /* indexes of the readable anchors, sorted by the hash of the subject */
    size_t n_by_subject;
    struct certname *advertised; /* what stands in both arrays is borrowed from `anchor` */
    gnutls_x509_crt_t *advertised_crt;
    size_t n_advertised;
    struct trust_crl *crl;
    size_t n_crls;
    enum certificate_form form;
    enum crl_check crl_check;
    enum crl_stale crl_stale;
    long long crl_grace;
    unsigned verify_depth;
    long long expires_soon;
    bool every_end; /* of struct trust_input */
    struct trust_note *note;
    size_t n_notes;
};

/* trust_notes.c: judges each trusted CA. 0 or ERR_NOMEM. */
MUST_CHECK int trust_take_notes(struct trust *trust, time_t now);
enum { TRUST_NOTE_ALWAYS = 0 };
#define TRUST_NOTE_NEVER ((time_t)INT64_MAX)
/* A warning about a CRL, or the want of one, to `diag` and, where CRLs are looked at, among the notes. */
void trust_warn_crl(struct trust *trust, struct src src, time_t until, struct diag *diag, const char *fmt,
                    ...) PRINTF(5, 6);
void trust_forget_notes(struct trust *trust);

/* The anchors with this subject (RFC 5280 section 7.1): positions [*first, *first + result) of by_subject. */
size_t trust_find(const struct trust *trust, const struct der *subject, size_t *first);

/* The anchor that is this certificate, or NULL. */
const struct anchor *trust_holds(const struct trust *trust, const struct cert *cert);

/* Whether one of the configured CAs of the CRL's name signed it. */
bool trust_signed(const struct trust *trust, struct crl *crl);
/* Whether a later list that may be used stands in for this one: then it does not matter when it ends. */
bool trust_crl_superseded(const struct trust *trust, const struct crl *crl);

/* The first attribute with this label, or NULL. */
const struct certname_attr *trust_attribute(const struct certname *name, const char *label);
/* A configured CA of the same organization (or, without one, of the same domain components), or NULL. */
const struct anchor *trust_relative(const struct trust *trust, const struct certname *name);

#endif
