/* CertificateList (RFC 5280 section 5.1) taken apart by our own bounded reader: GnuTLS's tree of one takes
 * 0.9 KB for each entry. What spoils the whole list is a problem; what only its maker should have done better
 * is odd. */
#include <gnutls/crypto.h>
#include <stdlib.h>

#include "pki/crl.h"

static const unsigned char ID_CE[] = {0x55, 0x1d};
enum {
    CE_ISSUER_ALT_NAME = 18,
    CE_CRL_NUMBER = 20,
    CE_REASON = 21,
    CE_INVALIDITY_DATE = 24,
    CE_DELTA = 27,
    CE_POINT = 28,
    CE_CERTIFICATE_ISSUER = 29,
    CE_AUTHORITY_KEY_ID = 35,
    CE_FRESHEST = 46,
    CE_MOST = 63,
};
enum { CRL_MAX_EXTENSIONS = 32, NUMBER_MOST = 21 };

static void add_problem(struct crl *crl, const char *problem)
{
    if (crl->problem == NULL)
        crl->problem = problem;
}

static void add_odd(struct crl *crl, const char *odd)
{
    for (size_t i = 0; i < crl->n_odd; i++)
        if (crl->odd[i] == odd)
            return;
    if (crl->n_odd < CRL_MAX_ODD)
        crl->odd[crl->n_odd++] = odd;
}

/* `ce` is the last arc under id-ce, or 0 for an OID from elsewhere. */
static bool take_extension(struct der *list, unsigned *ce, bool *critical, struct der *value)
{
    struct der oid;
    if (!cert_take_extension(list, &oid, critical, value))
        return false;
    *ce = oid.n == 3 && memcmp(oid.p, ID_CE, 2) == 0 ? oid.p[2] : 0;
    return true;
}

/* --- entries --- */

/* Whoever is listed is revoked, whatever is wrong with the reason. */
static void parse_reason(struct crl *crl, struct der value, struct crl_entry *entry)
{
    static const char ODD[] = "the reason of an entry is none that RFC 5280 section 5.3.1 names";
    struct der v;
    unsigned reason;
    if (!der_take(&value, DER_ENUMERATED, &v) || !der_uint(&v, &reason)) {
        add_odd(crl, ODD);
        return;
    }
    entry->reason = reason > SERIAL_MOST - 1 ? SERIAL_MOST - 1 : (int)reason;
    if (reason != REASON_REMOVE_FROM_CRL && crl_reason_word(entry->reason) == NULL)
        add_odd(crl, ODD);
}

static bool parse_entry(struct crl *crl, struct der one)
{
    struct crl_entry entry = {.reason = REASON_NONE};
    struct der serial, v, list = {0}, value;
    unsigned tag, ce;
    bool critical;
    if (!der_take(&one, DER_INTEGER, &serial) || serial.n == 0 || !der_any(&one, &tag, &v, NULL) ||
        (tag != DER_UTC_TIME && tag != DER_GENERALIZED_TIME))
        return false;
    if (serial_normal(serial).n > SERIAL_MOST) {
        add_problem(crl, "an entry has a serial number of more than 255 octets");
        return true;
    }
    if (serial.n > 1 && serial.p[0] == 0 && (serial.p[1] & 0x80) == 0)
        add_odd(crl, "the serial number of an entry begins with zeros that say nothing");
    entry.dated = der_time(tag, &v, &entry.date);
    if (!entry.dated)
        add_odd(crl, "the date of an entry is not in the form of RFC 5280 section 5.1.2.6");
    if (one.n > 0 && (!der_take(&one, DER_SEQUENCE, &list) || one.n != 0))
        return false;
    while (list.n > 0) {
        if (!take_extension(&list, &ce, &critical, &value))
            return false;
        if (ce == CE_REASON)
            parse_reason(crl, value, &entry);
        else if (ce == CE_CERTIFICATE_ISSUER)
            add_problem(crl, "it is an indirect CRL, which is not processed");
        else if (critical && ce != CE_INVALIDITY_DATE)
            add_problem(crl, "an entry has a critical extension that is not processed");
    }
    serials_add(&crl->serials, serial, &entry);
    return true;
}

static int parse_entries(struct crl *crl, struct der list, const char **why)
{
    struct der count = list, one, serial;
    size_t n = 0, octets = 0;
    *why = "an entry is malformed";
    while (der_take(&count, DER_SEQUENCE, &one)) {
        if (!der_take(&one, DER_INTEGER, &serial))
            return ERR_SYNTAX;
        octets += serial_normal(serial).n;
        n++;
    }
    if (count.n != 0)
        return ERR_SYNTAX;
    int rc = serials_reserve(&crl->serials, n, octets);
    while (rc == 0 && der_take(&list, DER_SEQUENCE, &one))
        rc = parse_entry(crl, one) ? 0 : ERR_SYNTAX;
    return rc != 0 ? rc : serials_sort(&crl->serials);
}

/* --- extensions --- */

/* IssuingDistributionPoint, section 5.2.5. */
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
                add_problem(crl, "its issuing distribution point is a relative name, which is not processed");
            break;
        case DER_CONTEXT(1):
            ok = der_bool(&v, &crl->only_user);
            break;
        case DER_CONTEXT(2):
            ok = der_bool(&v, &crl->only_ca);
            break;
        case DER_CONTEXT(3):
            add_problem(crl, "it covers only some reasons of revocation");
            break;
        case DER_CONTEXT(4):
        case DER_CONTEXT(5):
            ok = der_bool(&v, &set);
            if (ok && set)
                add_problem(crl, tag == DER_CONTEXT(4) ? "it is an indirect CRL, which is not processed"
                                                       : "it covers attribute certificates only");
            break;
        default:
            ok = false;
        }
    }
    if (!ok)
        add_problem(crl, "its issuing distribution point is malformed");
}

/* A CRL number; empty when it is none. */
static struct der parse_number(struct der value)
{
    struct der v;
    if (!der_take(&value, DER_INTEGER, &v) || value.n != 0 || v.n == 0 || v.n > NUMBER_MOST ||
        (v.p[0] & 0x80) != 0)
        return (struct der){0};
    return v;
}

static void parse_extension(struct crl *crl, unsigned ce, bool critical, struct der value)
{
    struct der body, v;
    switch (ce) {
    case CE_CRL_NUMBER:
        crl->number = parse_number(value);
        if (crl->number.n == 0)
            add_odd(crl, "its CRL number is malformed");
        else if (critical)
            add_odd(crl, "its CRL number is marked critical (RFC 5280 section 5.2.3)");
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
        crl->is_delta = true;
        crl->base = parse_number(value);
        if (crl->base.n == 0)
            add_problem(crl, "it is a delta CRL, and the number of its base is malformed");
        break;
    case CE_ISSUER_ALT_NAME:
    case CE_FRESHEST:
        break;
    default:
        if (critical)
            add_problem(crl, "it has a critical extension that is not processed");
    }
}

static bool parse_extensions(struct crl *crl, struct der list)
{
    struct der value;
    unsigned ce, n = 0;
    uint64_t seen = 0;
    bool critical;
    while (list.n > 0) {
        if (++n > CRL_MAX_EXTENSIONS || !take_extension(&list, &ce, &critical, &value))
            return false;
        if (ce > 0 && ce <= CE_MOST && (seen >> ce & 1) != 0)
            add_problem(crl, "it has an extension twice (RFC 5280 section 5.2)");
        seen |= ce > 0 && ce <= CE_MOST ? 1ULL << ce : 0;
        parse_extension(crl, ce, critical, value);
    }
    return true;
}

/* --- the whole --- */

/* The parts of it, in its own octets. */
struct outline {
    struct der whole_tbs, tbs; /* the latter behind what was read of it */
    struct der algorithm;      /* whole AlgorithmIdentifier, the outer one */
    struct der inner;
    unsigned version; /* as written: 0 or 1 */
};

static bool parse_outline(struct der in, struct crl *crl, struct outline *o)
{
    struct der outer, v;
    unsigned tag;
    *o = (struct outline){0};
    if (!der_take(&in, DER_SEQUENCE, &outer) || in.n != 0 || !der_any(&outer, &tag, &o->tbs, &o->whole_tbs) ||
        tag != DER_SEQUENCE || !der_any(&outer, &tag, &crl->algorithm, &o->algorithm) ||
        tag != DER_SEQUENCE || !der_take(&outer, DER_BIT_STRING, &crl->signature) || outer.n != 0 ||
        crl->signature.n < 1 || crl->signature.p[0] != 0)
        return false;
    crl->signature = der_skip(crl->signature, 1);
    if (der_next_is(&o->tbs, DER_INTEGER) &&
        (!der_take(&o->tbs, DER_INTEGER, &v) || !der_uint(&v, &o->version) || o->version > 1))
        return false;
    return der_any(&o->tbs, &tag, &v, &o->inner) && tag == DER_SEQUENCE &&
           der_any(&o->tbs, &tag, &v, &crl->issuer) && tag == DER_SEQUENCE &&
           (der_next_is(&o->tbs, DER_UTC_TIME) || der_next_is(&o->tbs, DER_GENERALIZED_TIME));
}

bool crl_is_one(struct der der)
{
    struct crl crl;
    struct outline o;
    return parse_outline(der, &crl, &o);
}

static int parse(struct der der, struct crl *crl, struct der *whole_tbs, const char **why)
{
    struct outline o;
    struct der v, list;
    unsigned tag;
    *why = "it is no CertificateList in DER (RFC 5280 section 5.1)";
    if (!parse_outline(der, crl, &o))
        return ERR_SYNTAX;
    *whole_tbs = o.whole_tbs;
    crl->sign = cert_sign_algorithm(crl->algorithm);
    if (!cert_sign_accepted(crl->sign))
        add_problem(crl, "its signature algorithm does not hold");
    if (!der_equal(&o.inner, &o.algorithm))
        add_problem(crl, "the signature algorithm inside and outside of the signed part differ");
    *why = "thisUpdate or nextUpdate is no time in the form of RFC 5280 section 5.1.2.4";
    if (!der_any(&o.tbs, &tag, &v, NULL) || !der_time(tag, &v, &crl->this_update))
        return ERR_SYNTAX;
    if (der_next_is(&o.tbs, DER_UTC_TIME) || der_next_is(&o.tbs, DER_GENERALIZED_TIME)) {
        if (!der_any(&o.tbs, &tag, &v, NULL) || !der_time(tag, &v, &crl->next_update))
            return ERR_SYNTAX;
    } else {
        add_problem(crl, "it does not say when the next one comes (RFC 5280 section 5.1.2.5)");
    }
    if (der_next_is(&o.tbs, DER_SEQUENCE)) {
        *why = "an entry is malformed";
        int rc = der_take(&o.tbs, DER_SEQUENCE, &list) ? parse_entries(crl, list, why) : ERR_SYNTAX;
        if (rc != 0)
            return rc;
    }
    *why = "its extensions are malformed";
    if (o.tbs.n > 0 && (o.version != 1 || !der_take(&o.tbs, DER_CONTEXT_C(0), &v) || o.tbs.n != 0 ||
                        !der_take(&v, DER_SEQUENCE, &list) || v.n != 0 || !parse_extensions(crl, list)))
        return ERR_SYNTAX;
    if (crl->is_delta && crl->number.n == 0)
        add_problem(crl, "it is a delta CRL without a CRL number");
    /* Version 1 cannot carry a number; openssl writes it by default. */
    if (o.version == 1 && crl->number.n == 0)
        add_odd(crl,
                "it has no CRL number (RFC 5280 section 5.2.3): an older list cannot be told from a newer");
    return 0;
}

static bool is_eddsa(gnutls_sign_algorithm_t sign)
{
    return sign == GNUTLS_SIGN_EDDSA_ED25519 || sign == GNUTLS_SIGN_EDDSA_ED448;
}

/* Copies what stays, and lets its slice point to the copy. */
static void keep(struct der *slice, unsigned char **to)
{
    if (slice->n > 0)
        memcpy(*to, slice->p, slice->n);
    slice->p = *to;
    *to += slice->n;
}

static int keep_all(struct crl *crl)
{
    struct der *const slices[] = {&crl->algorithm,        &crl->signature, &crl->tbs,  &crl->issuer,
                                  &crl->authority_key_id, &crl->number,    &crl->base, &crl->point};
    size_t n = 1;
    for (size_t i = 0; i < ARRAY_LEN(slices); i++)
        n += slices[i]->n;
    unsigned char *to = crl->octets = malloc(n);
    if (to == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < ARRAY_LEN(slices); i++)
        keep(slices[i], &to);
    return 0;
}

/* Once for each list: what every signer's key is asked about. */
static int take_digest(struct crl *crl, struct der tbs)
{
    if (!cert_sign_accepted(crl->sign))
        return 0;
    if (is_eddsa(crl->sign)) {
        crl->tbs = tbs;
        return 0;
    }
    gnutls_digest_algorithm_t hash = gnutls_sign_get_hash_algorithm(crl->sign);
    crl->digest_len = gnutls_hash_get_len(hash);
    if (crl->digest_len == 0 || crl->digest_len > CRL_DIGEST)
        return ERR_CRYPTO;
    return gnutls_hash_fast(hash, tbs.p, tbs.n, crl->digest) < 0 ? ERR_CRYPTO : 0;
}

int crl_new(struct der der, struct crl **out, struct err *err)
{
    const char *why = NULL;
    struct der tbs = {0};
    struct crl *crl = calloc(1, sizeof(*crl));
    if (crl == NULL)
        return err_nomem(err);
    crl->refs = 1;
    pthread_mutex_init(&crl->lock, NULL);
    int rc = parse(der, crl, &tbs, &why);
    if (rc == 0)
        rc = take_digest(crl, tbs);
    if (rc == 0)
        rc = keep_all(crl);
    if (rc == 0) {
        *out = crl;
        return 0;
    }
    crl_unref(crl);
    if (rc == ERR_NOMEM)
        return err_nomem(err);
    if (rc == ERR_CRYPTO)
        return err_set(err, rc, "GnuTLS cannot hash it");
    return err_set(err, rc, "%s", rc == ERR_RANGE ? "it has more entries than fit into 4 GiB" : why);
}
