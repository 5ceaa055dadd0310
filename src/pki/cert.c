#include "pki/cert_impl.h"
#include "pki/name_match.h"

void cert_add_problem(struct cert *cert, enum verdict_code code, const char *reason, const char *expected,
                      const struct der *value, unsigned about)
{
    size_t i = cert->n_problems;
    if (i == CERT_MAX_PROBLEMS) {
        /* What always refuses is not to be lost behind what may be a warning. */
        if (code != VERDICT_MALFORMED_CERTIFICATE)
            return;
        i--;
    } else {
        cert->n_problems++;
    }
    cert->problem[i] =
        (struct cert_problem){code, reason, expected, value != NULL ? *value : (struct der){0}, about};
}

bool cert_name_valid(const struct der *whole)
{
    struct der in = *whole, rdns, rdn, attr, oid, value;
    unsigned tag;
    if (!der_take(&in, DER_SEQUENCE, &rdns) || in.n != 0)
        return false;
    while (rdns.n > 0) {
        if (!der_take(&rdns, DER_SET, &rdn) || rdn.n == 0)
            return false;
        while (rdn.n > 0)
            if (!der_take(&rdn, DER_SEQUENCE, &attr) || !der_take(&attr, DER_OID, &oid) || oid.n == 0 ||
                !der_any(&attr, &tag, &value, NULL) || attr.n != 0)
                return false;
    }
    return true;
}

static void check_serial(struct cert *cert)
{
    const struct der *s = &cert->serial;
    bool zero = true;
    for (size_t i = 0; i < s->n; i++)
        zero = zero && s->p[i] == 0;
    const char *expected = "a positive number of at most 20 octets (RFC 5280 section 4.1.2.2)";
    if (zero)
        cert_add_problem(cert, VERDICT_SERIAL_NUMBER, "the serial number is zero", expected, NULL,
                         CERT_OF_SERIAL);
    else if ((s->p[0] & 0x80) != 0)
        cert_add_problem(cert, VERDICT_SERIAL_NUMBER, "the serial number is negative", expected, NULL,
                         CERT_OF_SERIAL);
    else if (s->n - (s->p[0] == 0 ? 1 : 0) > 20) /* the octet of the sign is not counted */
        cert_add_problem(cert, VERDICT_SERIAL_NUMBER, "the serial number is too long", expected, NULL,
                         CERT_OF_SERIAL);
    else if (s->n > 1 && s->p[0] == 0 && (s->p[1] & 0x80) == 0)
        cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, "the serial number has leading zeros", expected,
                         NULL, CERT_OF_SERIAL);
}

static bool take_time(struct der *validity, struct cert *cert, time_t *out)
{
    unsigned tag;
    struct der v;
    if (!der_any(validity, &tag, &v, NULL) || (tag != DER_UTC_TIME && tag != DER_GENERALIZED_TIME))
        return false;
    if (!der_time(tag, &v, out))
        return false;
    /* 2050-01-01: from here on GeneralizedTime, before it UTCTime (RFC 5280 section 4.1.2.5). */
    if ((tag == DER_UTC_TIME) != (*out < 2524608000) && *out >= 0)
        cert_add_problem(cert, VERDICT_DATE_FORM, "a date of the validity is in the wrong form",
                         "UTCTime through 2049, GeneralizedTime after", &v, 0);
    return true;
}

/* What is around the signed part, whose content is *tbs then. */
static bool parse_outline(const gnutls_datum_t *der, struct cert *c, struct der *tbs, const char **why)
{
    struct der in = {der->data, der->size}, outer, v;
    unsigned tag;
    *why = "it is no DER";
    if (!der_any(&in, &tag, &outer, &c->whole) || tag != DER_SEQUENCE)
        return false;
    *why = "bytes follow the certificate";
    if (in.n != 0)
        return false;
    *why = "the outline is not that of a certificate";
    if (!der_any(&outer, &tag, tbs, &c->tbs) || tag != DER_SEQUENCE)
        return false;
    if (!der_any(&outer, &tag, &v, &c->signature_algorithm) || tag != DER_SEQUENCE)
        return false;
    c->sign = cert_sign_algorithm(v);
    if (!der_take(&outer, DER_BIT_STRING, &c->signature) || c->signature.n < 1 || c->signature.p[0] != 0 ||
        outer.n != 0)
        return false;
    c->signature.p++;
    c->signature.n--;
    return true;
}

static bool parse_version(struct der *tbs, struct cert *c)
{
    struct der explicit_version, v;
    unsigned version;
    if (!der_next_is(tbs, DER_CONTEXT_C(0)))
        return true;
    if (!der_take(tbs, DER_CONTEXT_C(0), &explicit_version) ||
        !der_take(&explicit_version, DER_INTEGER, &v) || explicit_version.n != 0 || !der_uint(&v, &version) ||
        version > 2)
        return false;
    c->version = version + 1;
    return true;
}

/* From the version to the public key. */
static bool parse_fields(struct der *tbs, struct cert *c, const char **why)
{
    struct der v, validity, inner_algorithm;
    unsigned tag;
    *why = "the version is malformed";
    if (!parse_version(tbs, c))
        return false;
    *why = "the serial number is malformed";
    if (!der_take(tbs, DER_INTEGER, &c->serial) || c->serial.n == 0)
        return false;
    check_serial(c);
    *why = "the signature algorithm is malformed";
    if (!der_any(tbs, &tag, &v, &inner_algorithm) || tag != DER_SEQUENCE)
        return false;
    if (!der_equal(&inner_algorithm, &c->signature_algorithm))
        cert_add_problem(c, VERDICT_MALFORMED_CERTIFICATE,
                         "the signature algorithm inside and outside of the signed part differ",
                         "the same in both places (RFC 5280 section 4.1.1.2)", NULL, CERT_NOT_OF_ANCHOR);
    *why = "the issuer's name is malformed";
    if (!der_any(tbs, &tag, &v, &c->issuer) || !cert_name_valid(&c->issuer))
        return false;
    *why = "the validity is malformed";
    if (!der_take(tbs, DER_SEQUENCE, &validity) || !take_time(&validity, c, &c->not_before) ||
        !take_time(&validity, c, &c->not_after) || validity.n != 0)
        return false;
    *why = "the subject's name is malformed";
    if (!der_any(tbs, &tag, &v, &c->subject) || !cert_name_valid(&c->subject))
        return false;
    *why = "the public key is malformed";
    if (!der_any(tbs, &tag, &v, &c->spki) || tag != DER_SEQUENCE)
        return false;
    cert_parse_key(c, v);
    return true;
}

/* What may follow: unique identifiers, and the extensions. */
static bool parse_rest(struct der *tbs, struct cert *c, const char **why)
{
    struct der v, list;
    for (unsigned id = 1; id <= 2; id++) {
        if (!der_next_is(tbs, DER_CONTEXT(id)))
            continue;
        *why = "a unique identifier is malformed";
        if (!der_take(tbs, DER_CONTEXT(id), &v))
            return false;
        cert_add_problem(c, VERDICT_CERTIFICATE_FORM, "it carries a unique identifier",
                         "none (RFC 5280 section 4.1.2.8)", NULL, 0);
    }
    *why = "the extensions are malformed";
    if (tbs->n == 0)
        return true;
    if (!der_take(tbs, DER_CONTEXT_C(3), &v) || tbs->n != 0 || !der_take(&v, DER_SEQUENCE, &list) || v.n != 0)
        return false;
    if (c->version != 3)
        cert_add_problem(c, VERDICT_OLD_VERSION, "it carries extensions but is not of version 3", "version 3",
                         NULL, 0);
    return cert_parse_extensions(c, list);
}

bool cert_parse(const gnutls_datum_t *der, struct cert *out, const char **why)
{
    struct cert c = {
        .version = 1, .path_len = -1, .curve = GNUTLS_ECC_CURVE_INVALID, .pk = GNUTLS_PK_UNKNOWN};
    struct der tbs;
    if (!parse_outline(der, &c, &tbs, why) || !parse_fields(&tbs, &c, why) || !parse_rest(&tbs, &c, why))
        return false;
    c.self_issued = !cert_name_empty(&c.subject) && name_equal(&c.subject, &c.issuer);
    *out = c;
    *why = NULL;
    return true;
}

bool cert_issues(const struct cert *cert)
{
    if (cert->ext[EXT_BASIC_CONSTRAINTS].present)
        return cert->is_ca;
    return (cert->version == 1 && cert_self_issued(cert)) ||
           (cert->ext[EXT_KEY_USAGE].present && (cert->key_usage & GNUTLS_KEY_KEY_CERT_SIGN) != 0);
}
