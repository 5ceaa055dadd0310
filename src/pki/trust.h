/* What a listener believes: trust anchors, intermediates and CRLs, loaded once, immutable, refcounted. */
#ifndef MTLSD_PKI_TRUST_H
#define MTLSD_PKI_TRUST_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/diag.h"
#include "config/conf.h"
#include "pki/anchor_id.h"
#include "pki/certinfo.h"

struct trust; /* private to trust*.c and verdict*.c (trust_impl.h) */
struct crl;

/* Where the parts come from: parsed objects, whose ownership passes to the trust (success or not). The lists
 * stay the caller's. */
struct trust_input {
    gnutls_x509_crt_t *ca; /* trusted; self-signed or not (an intermediate in the trust file works) */
    size_t n_ca;
    const struct src *ca_src; /* where each was configured; NULL: nobody asks */
    size_t n_advertised;      /* the first so many of `ca` are advertised to clients */
    struct crl **crl;
    size_t n_crls;
    enum certificate_form form; /* also of CRLs: "strict" uses none with anything odd about it */
    enum crl_check crl_check;
    enum crl_stale crl_stale;
    long long crl_grace;    /* seconds */
    unsigned verify_depth;  /* most intermediates */
    long long expires_soon; /* seconds */
    bool every_end; /* peers are told of every CA at which a path of theirs ends, not of the first alone */
    /* For judging single chains: a forged CRL is no error but unusable, so that its issuer counts as one
     * without a CRL. */
    bool keep_forged_crls;
};

/* Builds it. Refuses a CRL that bears the name of a configured CA without its signature (ERR_CRYPTO names
 * it). A CRL under another name waits for the intermediate of that name, which clients send, and is checked
 * against its key then. One that cannot be used (indirect, of some reasons only, ...) is kept but never
 * used: its issuer counts as one without a CRL. 0 and *out with one reference; ERR_CRYPTO, ERR_NOMEM. `input`
 * has no object any more. */
MUST_CHECK int trust_new(struct trust_input *input, struct trust **out, struct err *err);
/* Frees the objects that trust_new was not given. */
void trust_input_drop(struct trust_input *input);

/* The CRLs of one round of loading, by the names of their files: each is read once, however many listeners
 * name it. For one thread; gone before the next round, which reads anew. */
struct crl_shelf;
struct crl_shelf *crl_shelf_new(void); /* NULL: out of memory */
void crl_shelf_free(struct crl_shelf *shelf);

/* Loads the files of a listener and builds it; every problem goes to `diag` with file and line, warnings
 * (expired CA, stale CRL, not a CA, CRL list incomplete) too. `shelf` may be NULL. A listener without a CA
 * gives an empty trust, under which nothing verifies. */
MUST_CHECK int trust_load(const struct conf *conf, const struct conf_listener *listener,
                          struct crl_shelf *shelf, struct diag *diag, struct trust **out);

/* Warns of each CRL that is older than the one of the same issuer in `old`, by its CRL number: whoever was
 * revoked between the two is let in again. */
void trust_warn_older_crls(const struct trust *old, const struct trust *trust, struct src src,
                           struct diag *diag);

/* What is to be said of the trusted CAs and their CRLs, whoever they issue to: found when the trust was
 * loaded, in the order of the configuration. */
enum trust_note_kind {
    TRUST_NOTE_ODD,     /* whoever it is about passes with a warning */
    TRUST_NOTE_REFUSED, /* nobody whom it is about can pass */
    TRUST_NOTE_CRL,     /* nobody can for want of a CRL; told while loading */
    TRUST_NOTE_OVER,    /* nobody can because the CA is over, or not yet valid; told while loading */
};
struct trust_note {
    struct src src;
    enum trust_note_kind kind;
    time_t from, until; /* it holds at from <= now < until */
    char *text;         /* a sentence */
};
const struct trust_note *trust_notes(const struct trust *trust, size_t *n);
/* Those that were not told while loading: who is refused is an error, the others are warnings. */
void trust_lint(const struct trust *trust, struct diag *diag);

struct trust *trust_ref(struct trust *trust);
void trust_unref(struct trust *trust);

/* The names that go into CertificateRequest, without repetition, in order. Borrowed; lives as long as the
 * trust. */
const struct certname *trust_advertised(const struct trust *trust, size_t *n);
/* The same CAs as certificates, for gnutls_certificate_set_x509_trust. */
const gnutls_x509_crt_t *trust_advertised_crts(const struct trust *trust, size_t *n);

/* The DER of the i-th configured CA, NULL when there are fewer. Borrowed. */
const gnutls_datum_t *trust_anchor(const struct trust *trust, size_t i);

/* Whether it is one of the configured CAs. */
bool trust_has(const struct trust *trust, const struct anchor_id *id);
/* A configured CA that is not in `set`, but issued by name of one that is: paths end there before they reach
 * that one, which goes to *above. NULL: there is none. */
const struct anchor_id *trust_short_of(const struct trust *trust, const struct anchor_set *set,
                                       const struct anchor_id **above);

/* How long Client-Cert-Chain (RFC 9440) gets with the configured CAs alone: of all paths through them the
 * longest, in characters. */
size_t trust_chain_length(const struct trust *trust);

/* A name that a CA of one and a CA of the other bear (they may be the same trust) with different keys; NULL
 * when there is none. Borrowed from `one`. */
const char *trust_shared_name(const struct trust *one, const struct trust *other);

/* For /health and metrics: the earliest nextUpdate of the complete CRLs in use, 0 when there is none. */
time_t trust_crl_next_update(const struct trust *trust);

#endif
