#include "pki/crl.h"

#include <stdlib.h>

#include "pki/name_match.h"

const char *crl_reason_word(int reason)
{
    static const char *const words[] = {
        "unspecified",   "keyCompromise",        "cACompromise",    "affiliationChanged",
        "superseded",    "cessationOfOperation", "certificateHold", NULL,
        "removeFromCRL", "privilegeWithdrawn",   "aACompromise"};
    return reason >= 0 && (size_t)reason < ARRAY_LEN(words) ? words[reason] : NULL;
}

bool crl_find(const struct crl *crl, const struct der *serial, struct crl_entry *out)
{
    return serials_find(&crl->serials, *serial, out);
}

struct crl *crl_ref(struct crl *crl)
{
    __atomic_add_fetch(&crl->refs, 1, __ATOMIC_RELAXED);
    return crl;
}

void crl_unref(struct crl *crl)
{
    if (crl == NULL || __atomic_sub_fetch(&crl->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    for (size_t i = 0; i < CRL_SIGNERS; i++)
        free(crl->signer[i].spki);
    serials_done(&crl->serials);
    free(crl->octets);
    pthread_mutex_destroy(&crl->lock);
    free(crl);
}

/* --- who signed it --- */

/* False when it is not known. */
static bool recall(struct crl *crl, const struct der *spki, bool *signed_it)
{
    bool known = false;
    pthread_mutex_lock(&crl->lock);
    for (size_t i = 0; i < CRL_SIGNERS && !known; i++) {
        struct crl_signer *signer = &crl->signer[i];
        bool same =
            signer->spki != NULL && signer->n == spki->n && memcmp(signer->spki, spki->p, spki->n) == 0;
        known = same && (signer->signed_it || signer->left > 0);
        if (known)
            *signed_it = signer->signed_it;
        if (known && !signer->signed_it)
            signer->left--;
    }
    pthread_mutex_unlock(&crl->lock);
    return known;
}

/* When many keys ask, the one that was first is forgotten; that of the signer never. */
static void remember(struct crl *crl, const struct der *spki, bool signed_it)
{
    unsigned char *copy = malloc(spki->n);
    if (copy == NULL) /* only the memo is lost */
        return;
    memcpy(copy, spki->p, spki->n);
    pthread_mutex_lock(&crl->lock);
    struct crl_signer *signer = &crl->signer[crl->next_signer];
    if (signer->signed_it)
        signer = &crl->signer[crl->next_signer = (crl->next_signer + 1) % CRL_SIGNERS];
    crl->next_signer = (crl->next_signer + 1) % CRL_SIGNERS;
    free(signer->spki);
    *signer = (struct crl_signer){copy, spki->n, signed_it, CRL_NEGATIVES};
    pthread_mutex_unlock(&crl->lock);
}

bool crl_signed_by(struct crl *crl, gnutls_x509_crt_t issuer, const struct cert *facts)
{
    bool signed_it = false;
    if (!name_equal(&crl->issuer, &facts->subject) || !cert_may(facts, GNUTLS_KEY_CRL_SIGN))
        return false;
    if (crl->authority_key_id.n > 0 && facts->subject_key_id.n > 0 &&
        !der_equal(&crl->authority_key_id, &facts->subject_key_id))
        return false;
    if (!facts->is_ca && !cert_self_issued(facts))
        return false;
    if (recall(crl, &facts->spki, &signed_it))
        return signed_it;
    if (issuer == NULL)
        return false;
    signed_it = crl->tbs.n > 0
                    ? cert_signature_holds(crl->sign, &crl->tbs, &crl->signature, issuer)
                    : crl->digest_len > 0 && cert_digest_holds(crl->sign, crl->algorithm, crl->digest,
                                                               crl->digest_len, &crl->signature, issuer);
    remember(crl, &facts->spki, signed_it);
    return signed_it;
}

/* --- which of several --- */

/* Of one issuer, whichever of its keys signed, for the same certificates. */
static bool same_scope(const struct crl *crl, const struct crl *other)
{
    return name_equal(&crl->issuer, &other->issuer) && der_equal(&crl->point, &other->point) &&
           crl->only_user == other->only_user && crl->only_ca == other->only_ca;
}

bool crl_replaces(const struct crl *crl, const struct crl *old)
{
    return crl->is_delta == old->is_delta && same_scope(crl, old) && crl->this_update > old->this_update;
}

static int compare_numbers(const struct der *a, const struct der *b)
{
    return serial_compare(serial_normal(*a), serial_normal(*b));
}

int crl_compare_numbers(const struct crl *crl, const struct crl *other)
{
    return crl->number.n > 0 && other->number.n > 0 ? compare_numbers(&crl->number, &other->number) : 0;
}

static bool same_key(const struct crl *crl, const struct crl *other)
{
    return same_scope(crl, other) && der_equal(&crl->authority_key_id, &other->authority_key_id);
}

bool crl_is_older(const struct crl *crl, const struct crl *old)
{
    return crl->is_delta == old->is_delta && same_key(crl, old) && crl_compare_numbers(crl, old) < 0;
}

bool crl_precedes(const struct crl *crl, const struct crl *delta)
{
    return !crl->is_delta && delta->is_delta && same_key(crl, delta) && crl_compare_numbers(crl, delta) < 0;
}

bool crl_combines(const struct crl *base, const struct crl *delta)
{
    return crl_precedes(base, delta) && compare_numbers(&base->number, &delta->base) >= 0;
}

bool crl_overtakes(const struct crl *crl, const struct crl *delta)
{
    return !crl->is_delta && delta->is_delta && crl->number.n > 0 && same_key(crl, delta) &&
           crl_compare_numbers(crl, delta) >= 0;
}

/* --- scope --- */

/* Whether one of the CRL's names is among these. */
static bool names_meet(const struct crl *crl, struct der names)
{
    struct der mine, v, w;
    unsigned type, my_type;
    while (cert_general_name(&names, &type, &v)) {
        mine = crl->point;
        while (cert_general_name(&mine, &my_type, &w))
            if (type == my_type && (type == NAME_DIRECTORY ? name_equal(&v, &w) : der_equal(&v, &w)))
                return true;
    }
    return false;
}

/* Whether one of the certificate's distribution points shares a name with the CRL's. */
static bool points_meet(const struct crl *crl, const struct cert *cert)
{
    struct der in = cert->ext[EXT_CRL_DISTRIBUTION_POINTS].value, body, point, name, names;
    if (!cert->ext[EXT_CRL_DISTRIBUTION_POINTS].present || !der_take(&in, DER_SEQUENCE, &body))
        return false;
    while (der_take(&body, DER_SEQUENCE, &point))
        if (der_take(&point, DER_CONTEXT_C(0), &name) && der_take(&name, DER_CONTEXT_C(0), &names) &&
            names_meet(crl, names))
            return true;
    return false;
}

/* A CRL at the name of its issuer is for every certificate of that issuer (RFC 5280 section 6.3.3, at the
 * end). */
static bool point_is_issuer(const struct crl *crl, const struct cert *cert)
{
    struct der mine = crl->point, v;
    unsigned type;
    while (cert_general_name(&mine, &type, &v))
        if (type == NAME_DIRECTORY && name_equal(&v, &cert->issuer))
            return true;
    return false;
}

bool crl_covers(const struct crl *crl, const struct cert *cert)
{
    if ((crl->only_user && cert->is_ca) || (crl->only_ca && !cert->is_ca))
        return false;
    return crl->point.n == 0 || points_meet(crl, cert) || point_is_issuer(crl, cert);
}
