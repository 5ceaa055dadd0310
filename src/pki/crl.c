#include "pki/crl.h"

#include <stdlib.h>

static const unsigned char ID_CE[] = {0x55, 0x1d};
enum {
    CE_CRL_NUMBER = 20,
    CE_REASON = 21,
    CE_INVALIDITY_DATE = 24,
    CE_DELTA = 27,
    CE_POINT = 28,
    CE_CERTIFICATE_ISSUER = 29,
    CE_AUTHORITY_KEY_ID = 35,
    CE_FRESHEST = 46,
    CE_ISSUER_ALT_NAME = 18,
};
enum { CRL_MAX_EXTENSIONS = 32, CRL_MAX_ENTRIES = 4 * 1024 * 1024 };

const char *crl_reason_word(int reason)
{
    static const char *const words[] = {
        "unspecified",   "keyCompromise",        "cACompromise",    "affiliationChanged",
        "superseded",    "cessationOfOperation", "certificateHold", NULL,
        "removeFromCRL", "privilegeWithdrawn",   "aACompromise"};
    return reason >= 0 && (size_t)reason < ARRAY_LEN(words) ? words[reason] : NULL;
}

static int compare_serials(const struct der *a, const struct der *b)
{
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    return a->n == 0 ? 0 : memcmp(a->p, b->p, a->n);
}

static int compare_entries(const void *a, const void *b)
{
    return compare_serials(&((const struct crl_entry *)a)->serial, &((const struct crl_entry *)b)->serial);
}

const struct crl_entry *crl_find(const struct crl *crl, const struct der *serial)
{
    struct crl_entry key = {.serial = *serial};
    return crl->n == 0 ? NULL : bsearch(&key, crl->entry, crl->n, sizeof(*crl->entry), compare_entries);
}

/* {OID, critical, OCTET STRING}; `ce` is the last arc under id-ce, or 0 for an OID from elsewhere. */
static bool take_extension(struct der *list, unsigned *ce, bool *critical, struct der *value)
{
    struct der one, oid, v;
    *critical = false;
    if (!der_take(list, DER_SEQUENCE, &one) || !der_take(&one, DER_OID, &oid))
        return false;
    if (der_next_is(&one, DER_BOOLEAN) && (!der_take(&one, DER_BOOLEAN, &v) || !der_bool(&v, critical)))
        return false;
    *ce = oid.n == 3 && memcmp(oid.p, ID_CE, 2) == 0 ? oid.p[2] : 0;
    return der_take(&one, DER_OCTET_STRING, value) && one.n == 0;
}

static bool parse_entry(struct crl *crl, struct der one, struct crl_entry *entry)
{
    struct der v, list, value;
    unsigned tag, ce, reason;
    bool critical;
    entry->reason = -1;
    if (!der_take(&one, DER_INTEGER, &entry->serial) || entry->serial.n == 0 ||
        !der_any(&one, &tag, &v, NULL) || !der_time(tag, &v, &entry->date))
        return false;
    if (one.n == 0)
        return true;
    if (!der_take(&one, DER_SEQUENCE, &list) || one.n != 0)
        return false;
    while (list.n > 0) {
        if (!take_extension(&list, &ce, &critical, &value))
            return false;
        if (ce == CE_REASON) {
            if (!der_take(&value, DER_ENUMERATED, &v) || !der_uint(&v, &reason) || reason > 10)
                return false;
            entry->reason = (int)reason;
        } else if (ce == CE_CERTIFICATE_ISSUER) {
            crl->problem = "it is an indirect CRL, which is not processed";
        } else if (critical && ce != CE_INVALIDITY_DATE) {
            crl->problem = "an entry has a critical extension that is not processed";
        }
    }
    return true;
}

static bool parse_entries(struct crl *crl, struct der list)
{
    struct der count = list, one;
    size_t n = 0;
    while (der_take(&count, DER_SEQUENCE, &one))
        n++;
    if (count.n != 0 || n > CRL_MAX_ENTRIES)
        return false;
    if (n == 0)
        return true;
    crl->entry = calloc(n, sizeof(*crl->entry));
    if (crl->entry == NULL)
        return false;
    while (der_take(&list, DER_SEQUENCE, &one))
        if (!parse_entry(crl, one, &crl->entry[crl->n++]))
            return false;
    bool sorted = true;
    for (size_t i = 1; i < n && sorted; i++)
        sorted = compare_entries(&crl->entry[i - 1], &crl->entry[i]) <= 0;
    if (!sorted)
        qsort(crl->entry, n, sizeof(*crl->entry), compare_entries);
    return true;
}

/* IssuingDistributionPoint, RFC 5280 section 5.2.5. */
static void parse_point(struct crl *crl, struct der value)
{
    struct der body, v, name;
    unsigned tag;
    bool set = false, ok = der_take(&value, DER_SEQUENCE, &body) && value.n == 0;
    while (ok && body.n > 0) {
        ok = der_any(&body, &tag, &v, NULL);
        if (!ok)
            break;
        switch (tag) {
        case DER_CONTEXT_C(0):
            if (der_take(&v, DER_CONTEXT_C(0), &name) && name.n > 0)
                crl->point = name;
            else
                crl->problem = "its issuing distribution point is a relative name, which is not processed";
            break;
        case DER_CONTEXT(1):
            ok = der_bool(&v, &crl->only_user);
            break;
        case DER_CONTEXT(2):
            ok = der_bool(&v, &crl->only_ca);
            break;
        case DER_CONTEXT(3):
            crl->problem = "it covers only some reasons of revocation";
            break;
        case DER_CONTEXT(4):
        case DER_CONTEXT(5):
            ok = der_bool(&v, &set);
            if (ok && set)
                crl->problem = tag == DER_CONTEXT(4) ? "it is an indirect CRL, which is not processed"
                                                     : "it covers attribute certificates only";
            break;
        default:
            ok = false;
        }
    }
    if (!ok)
        crl->problem = "its issuing distribution point is malformed";
}

static bool parse_extensions(struct crl *crl, struct der list)
{
    struct der value, v, body;
    unsigned ce;
    bool critical, number = false;
    unsigned seen = 0;
    while (list.n > 0) {
        if (++seen > CRL_MAX_EXTENSIONS || !take_extension(&list, &ce, &critical, &value))
            return false;
        switch (ce) {
        case CE_CRL_NUMBER:
            number = true;
            if (!der_take(&value, DER_INTEGER, &crl->number) || crl->number.n == 0 || crl->number.n > 21 ||
                (crl->number.p[0] & 0x80) != 0)
                crl->problem = "its CRL number is malformed";
            else if (critical)
                crl->problem = "its CRL number is marked critical (RFC 5280 section 5.2.3)";
            break;
        case CE_AUTHORITY_KEY_ID:
            if (der_take(&value, DER_SEQUENCE, &body) && der_next_is(&body, DER_CONTEXT(0)) &&
                der_take(&body, DER_CONTEXT(0), &v))
                crl->authority_key_id = v;
            break;
        case CE_POINT:
            parse_point(crl, value);
            break;
        case CE_DELTA:
            crl->problem = "it is a delta CRL, which is not processed";
            break;
        case CE_ISSUER_ALT_NAME:
        case CE_FRESHEST:
            break;
        default:
            if (critical)
                crl->problem = "it has a critical extension that is not processed";
        }
    }
    if (!number && crl->problem == NULL)
        crl->problem = "it has no CRL number (RFC 5280 section 5.2.3)";
    return true;
}

static bool parse(struct crl *crl)
{
    struct der in = {crl->der.data, crl->der.size}, outer, tbs, inner, algorithm, v, list;
    unsigned tag, version = 0;
    if (!der_take(&in, DER_SEQUENCE, &outer) || in.n != 0 || !der_any(&outer, &tag, &tbs, &crl->tbs) ||
        tag != DER_SEQUENCE || !der_any(&outer, &tag, &v, &algorithm) || tag != DER_SEQUENCE)
        return false;
    crl->sign = cert_sign_algorithm(v);
    if (!cert_sign_accepted(crl->sign))
        crl->problem = "its signature algorithm does not hold";
    if (!der_take(&outer, DER_BIT_STRING, &crl->signature) || crl->signature.n < 1 ||
        crl->signature.p[0] != 0 || outer.n != 0)
        return false;
    crl->signature.p++;
    crl->signature.n--;
    if (der_next_is(&tbs, DER_INTEGER) &&
        (!der_take(&tbs, DER_INTEGER, &v) || !der_uint(&v, &version) || version > 1))
        return false;
    if (!der_any(&tbs, &tag, &v, &inner) || tag != DER_SEQUENCE || !der_any(&tbs, &tag, &v, &crl->issuer) ||
        tag != DER_SEQUENCE)
        return false;
    if (!der_equal(&inner, &algorithm))
        crl->problem = "the signature algorithm inside and outside of the signed part differ";
    if (!der_any(&tbs, &tag, &v, NULL) || !der_time(tag, &v, &crl->this_update))
        return false;
    if (der_next_is(&tbs, DER_UTC_TIME) || der_next_is(&tbs, DER_GENERALIZED_TIME)) {
        if (!der_any(&tbs, &tag, &v, NULL) || !der_time(tag, &v, &crl->next_update))
            return false;
    } else {
        crl->problem = "it does not say when the next one comes (RFC 5280 section 5.1.2.5)";
    }
    if (der_next_is(&tbs, DER_SEQUENCE) &&
        (!der_take(&tbs, DER_SEQUENCE, &list) || !parse_entries(crl, list)))
        return false;
    if (tbs.n == 0) {
        /* Version 1 cannot carry a number; openssl writes it by default. Version 2 must have one. */
        if (version != 0)
            crl->problem = "it has no CRL number (RFC 5280 section 5.2.3)";
        return true;
    }
    return version == 1 && der_take(&tbs, DER_CONTEXT_C(0), &v) && tbs.n == 0 &&
           der_take(&v, DER_SEQUENCE, &list) && v.n == 0 && parse_extensions(crl, list);
}

int crl_new(gnutls_x509_crl_t gcrl, struct crl **out, struct err *err)
{
    struct crl *crl = calloc(1, sizeof(*crl));
    if (crl == NULL) {
        gnutls_x509_crl_deinit(gcrl);
        return err_nomem(err);
    }
    crl->crl = gcrl;
    pthread_mutex_init(&crl->lock, NULL);
    int rc = gnutls_x509_crl_export2(gcrl, GNUTLS_X509_FMT_DER, &crl->der);
    if (rc < 0) {
        rc = err_set(err, rc == GNUTLS_E_MEMORY_ERROR ? ERR_NOMEM : ERR_SYNTAX, "the CRL: %s",
                     gnutls_strerror(rc));
        crl_free(crl);
        return rc;
    }
    if (!parse(crl)) {
        crl_free(crl);
        return err_set(err, ERR_SYNTAX, "the CRL is malformed");
    }
    *out = crl;
    return 0;
}

void crl_free(struct crl *crl)
{
    if (crl == NULL)
        return;
    gnutls_x509_crl_deinit(crl->crl);
    gnutls_free(crl->der.data);
    free(crl->entry);
    free(crl->signer);
    pthread_mutex_destroy(&crl->lock);
    free(crl);
}

bool crl_signed_by(struct crl *crl, gnutls_x509_crt_t issuer, const struct cert *facts)
{
    if (!der_equal(&crl->issuer, &facts->subject) || !cert_may(facts, GNUTLS_KEY_CRL_SIGN))
        return false;
    if (crl->authority_key_id.n > 0 && facts->subject_key_id.n > 0 &&
        !der_equal(&crl->authority_key_id, &facts->subject_key_id))
        return false;
    pthread_mutex_lock(&crl->lock);
    bool known = crl->signer != NULL && crl->signer_len == facts->spki.n &&
                 memcmp(crl->signer, facts->spki.p, facts->spki.n) == 0;
    pthread_mutex_unlock(&crl->lock);
    if (known)
        return true;
    if (!facts->is_ca || !cert_signature_holds(crl->sign, &crl->tbs, &crl->signature, issuer))
        return false;
    unsigned char *copy = malloc(facts->spki.n);
    if (copy == NULL) /* only the memo is lost */
        return true;
    memcpy(copy, facts->spki.p, facts->spki.n);
    pthread_mutex_lock(&crl->lock);
    free(crl->signer);
    crl->signer = copy;
    crl->signer_len = facts->spki.n;
    pthread_mutex_unlock(&crl->lock);
    return true;
}

/* Without the octet 0 that keeps a number from being negative. Empty in a version 1 CRL. */
static struct der number_of(const struct crl *crl)
{
    bool zero = crl->number.n > 1 && crl->number.p[0] == 0;
    return der_skip(crl->number, zero ? 1 : 0);
}

bool crl_is_older(const struct crl *crl, const struct crl *old)
{
    if (!der_equal(&crl->issuer, &old->issuer) ||
        !der_equal(&crl->authority_key_id, &old->authority_key_id) || !der_equal(&crl->point, &old->point) ||
        crl->only_user != old->only_user || crl->only_ca != old->only_ca)
        return false;
    struct der a = number_of(crl), b = number_of(old);
    return a.n > 0 && b.n > 0 && compare_serials(&a, &b) < 0;
}

/* Whether one of the certificate's distribution points shares a name with the CRL's. */
static bool points_meet(const struct crl *crl, const struct cert *cert)
{
    struct der in = cert->ext[EXT_CRL_DISTRIBUTION_POINTS].value, body, point, name, names, v, mine, w;
    unsigned type, my_type;
    if (!cert->ext[EXT_CRL_DISTRIBUTION_POINTS].present || !der_take(&in, DER_SEQUENCE, &body))
        return false;
    while (der_take(&body, DER_SEQUENCE, &point)) {
        if (!der_take(&point, DER_CONTEXT_C(0), &name) || !der_take(&name, DER_CONTEXT_C(0), &names))
            continue;
        while (cert_general_name(&names, &type, &v)) {
            mine = crl->point;
            while (cert_general_name(&mine, &my_type, &w))
                if (type == my_type && der_equal(&v, &w))
                    return true;
        }
    }
    return false;
}

bool crl_covers(const struct crl *crl, const struct cert *cert)
{
    if ((crl->only_user && cert->is_ca) || (crl->only_ca && !cert->is_ca))
        return false;
    return crl->point.n == 0 || points_meet(crl, cert);
}
