/* The extensions of a certificate. */
#include "pki/cert_impl.h"
#include "pki/policies.h"

static const struct {
    unsigned char oid[10];
    size_t n;
    enum cert_ext_id id;
} KNOWN[] = {
    {{0x55, 0x1d, 35}, 3, EXT_AUTHORITY_KEY_ID},
    {{0x55, 0x1d, 14}, 3, EXT_SUBJECT_KEY_ID},
    {{0x55, 0x1d, 15}, 3, EXT_KEY_USAGE},
    {{0x55, 0x1d, 19}, 3, EXT_BASIC_CONSTRAINTS},
    {{0x55, 0x1d, 37}, 3, EXT_EXTENDED_KEY_USAGE},
    {{0x55, 0x1d, 17}, 3, EXT_SUBJECT_ALT_NAME},
    {{0x55, 0x1d, 18}, 3, EXT_ISSUER_ALT_NAME},
    {{0x55, 0x1d, 30}, 3, EXT_NAME_CONSTRAINTS},
    {{0x55, 0x1d, 32}, 3, EXT_CERTIFICATE_POLICIES},
    {{0x55, 0x1d, 33}, 3, EXT_POLICY_MAPPINGS},
    {{0x55, 0x1d, 36}, 3, EXT_POLICY_CONSTRAINTS},
    {{0x55, 0x1d, 54}, 3, EXT_INHIBIT_ANY_POLICY},
    {{0x55, 0x1d, 31}, 3, EXT_CRL_DISTRIBUTION_POINTS},
    {{0x55, 0x1d, 46}, 3, EXT_FRESHEST_CRL},
    {{0x55, 0x1d, 9}, 3, EXT_SUBJECT_DIRECTORY_ATTRIBUTES},
    {{0x2b, 6, 1, 5, 5, 7, 1, 1}, 8, EXT_AUTHORITY_INFO_ACCESS},
    {{0x2b, 6, 1, 5, 5, 7, 1, 11}, 8, EXT_SUBJECT_INFO_ACCESS},
    {{0x2b, 6, 1, 5, 5, 7, 1, 24}, 8, EXT_TLS_FEATURE},
};

/* Understood when it is not critical, but not processed: a critical one must refuse (RFC 5280
 * section 4.2). */
static bool processed(enum cert_ext_id id)
{
    return id != EXT_SUBJECT_DIRECTORY_ATTRIBUTES && id != EXT_TLS_FEATURE;
}

static void parse_alt_names(struct cert *cert)
{
    struct der in = cert->ext[EXT_SUBJECT_ALT_NAME].value, names, v;
    unsigned type;
    if (!der_take(&in, DER_SEQUENCE, &names) || in.n != 0 || names.n == 0) {
        cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, "the subject alternative name is malformed",
                         "a list of at least one GeneralName", NULL, CERT_NOT_OF_ANCHOR);
        return;
    }
    while (names.n > 0) {
        if (!cert_general_name(&names, &type, &v)) {
            cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, "the subject alternative name is malformed",
                             "a list of GeneralNames", NULL, CERT_NOT_OF_ANCHOR);
            return;
        }
        /* Whatever ends a string there shows another name than the one that was certified. */
        if ((type == NAME_DNS || type == NAME_EMAIL || type == NAME_URI) && v.n > 0 &&
            memchr(v.p, 0, v.n) != NULL)
            cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE,
                             "the subject alternative name holds a name with a NUL", "text", &v,
                             CERT_NOT_OF_ANCHOR);
        else if (type == NAME_DNS && !cert_dns_valid(&v, true))
            cert_add_problem(cert, VERDICT_NAME_FORM,
                             "the subject alternative name holds a DNS name that is none",
                             "letters, digits and hyphens in labels (RFC 5280 section 4.2.1.6)", &v, 0);
        else if (type == NAME_EMAIL && !cert_email_valid(&v))
            cert_add_problem(cert, VERDICT_NAME_FORM,
                             "the subject alternative name holds a mail address that is none",
                             "local-part@domain", &v, 0);
        else if (type == NAME_URI && !cert_uri_valid(&v))
            cert_add_problem(cert, VERDICT_NAME_FORM, "the subject alternative name holds a URI that is none",
                             "scheme:rest in ASCII", &v, 0);
        else if (type == NAME_IP && v.n != 4 && v.n != 16)
            cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE,
                             "the subject alternative name holds an IP address of a wrong length",
                             "4 or 16 octets", NULL, CERT_NOT_OF_ANCHOR);
        else if (type == NAME_DIRECTORY && !cert_name_valid(&v))
            cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE,
                             "the subject alternative name holds a malformed directory name", NULL, NULL,
                             CERT_NOT_OF_ANCHOR);
    }
}

/* A number from 0, however large, in the shortest form. */
static bool is_count(const struct der *v)
{
    return v->n > 0 && (v->p[0] & 0x80) == 0 && (v->n == 1 || v->p[0] != 0 || (v->p[1] & 0x80) != 0);
}

static void parse_basic_constraints(struct cert *cert)
{
    struct der in = cert->ext[EXT_BASIC_CONSTRAINTS].value, body, v;
    unsigned n;
    bool ok = der_take(&in, DER_SEQUENCE, &body) && in.n == 0;
    bool ca = false;
    if (ok && der_next_is(&body, DER_BOOLEAN))
        ok = der_take(&body, DER_BOOLEAN, &v) && der_bool(&v, &ca);
    if (ok && body.n > 0) {
        ok = der_take(&body, DER_INTEGER, &v) && body.n == 0 && is_count(&v);
        /* A limit too large for an int limits nothing that could be sent. */
        if (ok && der_uint(&v, &n) && n < 1000000)
            cert->path_len = (int)n;
        else if (ok)
            cert->path_len = 1000000;
    }
    if (!ok) {
        cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, "the basic constraints are malformed",
                         "cA and a path length (RFC 5280 section 4.2.1.9)", NULL, 0);
        cert->path_len = -1;
        return;
    }
    cert->is_ca = ca;
    if (cert->path_len >= 0 && !ca)
        cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE,
                         "the basic constraints hold a path length without cA",
                         "a path length only in a CA certificate (RFC 5280 section 4.2.1.9)", NULL, 0);
}

static void parse_key_usage(struct cert *cert)
{
    struct der in = cert->ext[EXT_KEY_USAGE].value, v;
    if (!der_take(&in, DER_BIT_STRING, &v) || in.n != 0 || v.n < 1 || v.n > 3 || v.p[0] > 7 ||
        (v.n == 1 && v.p[0] != 0)) {
        cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, "the key usage is malformed",
                         "a BIT STRING (RFC 5280 section 4.2.1.3)", NULL, 0);
        return;
    }
    if (v.n >= 2)
        cert->key_usage |= v.p[1];
    if (v.n == 3)
        cert->key_usage |= (unsigned)v.p[2] << 8;
    if (cert->key_usage == 0)
        cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, "the key usage names no use",
                         "at least one bit set (RFC 5280 section 4.2.1.3)", NULL, 0);
}

static void parse_extended_key_usage(struct cert *cert)
{
    static const unsigned char kp[] = {0x2b, 6, 1, 5, 5, 7, 3};
    static const unsigned char any[] = {0x55, 0x1d, 37, 0};
    struct der in = cert->ext[EXT_EXTENDED_KEY_USAGE].value, body, oid;
    bool ok = der_take(&in, DER_SEQUENCE, &body) && in.n == 0 && body.n > 0;
    while (ok && body.n > 0) {
        ok = der_take(&body, DER_OID, &oid) && oid.n > 0;
        if (!ok)
            break;
        if (oid.n == sizeof(kp) + 1 && memcmp(oid.p, kp, sizeof(kp)) == 0 && (oid.p[7] == 1 || oid.p[7] == 2))
            cert->eku |= oid.p[7] == 2 ? CERT_EKU_CLIENT : CERT_EKU_SERVER;
        else if (oid.n == sizeof(any) && memcmp(oid.p, any, sizeof(any)) == 0)
            cert->eku |= CERT_EKU_ANY;
        else
            cert->eku |= CERT_EKU_OTHER;
    }
    if (!ok)
        cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, "the extended key usage is malformed or empty",
                         "a list of at least one purpose (RFC 5280 section 4.2.1.12)", NULL, 0);
}

static void parse_key_ids(struct cert *cert)
{
    struct der in, body, v;
    if (cert->ext[EXT_SUBJECT_KEY_ID].present) {
        in = cert->ext[EXT_SUBJECT_KEY_ID].value;
        if (!der_take(&in, DER_OCTET_STRING, &cert->subject_key_id) || in.n != 0 ||
            cert->subject_key_id.n == 0)
            cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, "the subject key identifier is malformed",
                             NULL, NULL, CERT_NOT_OF_ANCHOR);
        if (cert->ext[EXT_SUBJECT_KEY_ID].critical)
            cert_add_problem(cert, VERDICT_CRITICAL_FLAG, "the subject key identifier is marked critical",
                             "not critical (RFC 5280 section 4.2.1.2)", NULL, 0);
    }
    if (!cert->ext[EXT_AUTHORITY_KEY_ID].present)
        return;
    in = cert->ext[EXT_AUTHORITY_KEY_ID].value;
    bool ok = der_take(&in, DER_SEQUENCE, &body) && in.n == 0;
    if (ok && der_next_is(&body, DER_CONTEXT(0)))
        ok = der_take(&body, DER_CONTEXT(0), &cert->authority_key_id) && cert->authority_key_id.n > 0;
    if (ok && der_next_is(&body, DER_CONTEXT_C(1)))
        ok = cert->authority_has_issuer = der_take(&body, DER_CONTEXT_C(1), &v);
    if (ok && der_next_is(&body, DER_CONTEXT(2)))
        ok = cert->authority_has_serial = der_take(&body, DER_CONTEXT(2), &v);
    if (!ok || body.n != 0)
        cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, "the authority key identifier is malformed",
                         NULL, NULL, CERT_NOT_OF_ANCHOR);
    else if (cert->authority_has_issuer != cert->authority_has_serial)
        cert_add_problem(
            cert, VERDICT_KEY_IDENTIFIER,
            "the authority key identifier names an issuer without a serial number, or the reverse",
            "both or neither (RFC 5280 section 4.2.1.1)", NULL, 0);
    if (cert->ext[EXT_AUTHORITY_KEY_ID].critical)
        cert_add_problem(cert, VERDICT_CRITICAL_FLAG, "the authority key identifier is marked critical",
                         "not critical (RFC 5280 section 4.2.1.1)", NULL, 0);
}

/* AuthorityInfoAccess and SubjectInfoAccess: at least one {OID, GeneralName}. */
static void parse_access(struct cert *cert, enum cert_ext_id id, const char *malformed, const char *critical)
{
    if (!cert->ext[id].present)
        return;
    struct der in = cert->ext[id].value, body, access, v;
    unsigned type;
    bool ok = der_take(&in, DER_SEQUENCE, &body) && in.n == 0 && body.n > 0;
    while (ok && body.n > 0)
        ok = der_take(&body, DER_SEQUENCE, &access) && der_take(&access, DER_OID, &v) && v.n > 0 &&
             cert_general_name(&access, &type, &v) && access.n == 0;
    if (!ok)
        cert_add_problem(cert, VERDICT_CERTIFICATE_FORM, malformed,
                         "a list of at least one access description (RFC 5280 section 4.2.2)", NULL, 0);
    if (cert->ext[id].critical)
        cert_add_problem(cert, VERDICT_CRITICAL_FLAG, critical, "not critical (RFC 5280 section 4.2.2)", NULL,
                         0);
}

static void parse_policies(struct cert *cert)
{
    struct der in, body, info, oid, v;
    unsigned tag;
    if (cert->ext[EXT_CERTIFICATE_POLICIES].present) {
        in = cert->ext[EXT_CERTIFICATE_POLICIES].value;
        bool ok = der_take(&in, DER_SEQUENCE, &body) && in.n == 0 && body.n > 0;
        while (ok && body.n > 0) {
            ok = der_take(&body, DER_SEQUENCE, &info) && der_take(&info, DER_OID, &oid) && oid.n > 0;
            if (ok && info.n > 0)
                ok = der_take(&info, DER_SEQUENCE, &v) && v.n > 0 && info.n == 0;
        }
        if (!ok)
            cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, "the certificate policies are malformed",
                             "RFC 5280 section 4.2.1.4", NULL, 0);
    }
    if (cert->ext[EXT_POLICY_MAPPINGS].present &&
        !policies_mappings_valid(cert->ext[EXT_POLICY_MAPPINGS].value))
        cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, "the policy mappings are malformed",
                         "RFC 5280 section 4.2.1.5", NULL, CERT_NOT_OF_ANCHOR);
    if (cert->ext[EXT_POLICY_CONSTRAINTS].present) {
        in = cert->ext[EXT_POLICY_CONSTRAINTS].value;
        bool ok = der_take(&in, DER_SEQUENCE, &body) && in.n == 0 && body.n > 0;
        while (ok && body.n > 0)
            ok = der_any(&body, &tag, &v, NULL) && (tag == DER_CONTEXT(0) || tag == DER_CONTEXT(1)) &&
                 is_count(&v);
        if (!ok)
            cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, "the policy constraints are malformed",
                             "RFC 5280 section 4.2.1.11", NULL, 0);
        if (!cert->ext[EXT_POLICY_CONSTRAINTS].critical)
            cert_add_problem(cert, VERDICT_CRITICAL_FLAG, "the policy constraints are not marked critical",
                             "critical (RFC 5280 section 4.2.1.11)", NULL, 0);
    }
    if (cert->ext[EXT_INHIBIT_ANY_POLICY].present) {
        in = cert->ext[EXT_INHIBIT_ANY_POLICY].value;
        if (!der_take(&in, DER_INTEGER, &v) || in.n != 0 || !is_count(&v))
            cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, "inhibitAnyPolicy is malformed",
                             "RFC 5280 section 4.2.1.14", NULL, 0);
        if (!cert->ext[EXT_INHIBIT_ANY_POLICY].critical)
            cert_add_problem(cert, VERDICT_CRITICAL_FLAG, "inhibitAnyPolicy is not marked critical",
                             "critical (RFC 5280 section 4.2.1.14)", NULL, 0);
    }
}

static void parse_distribution_points(struct cert *cert, enum cert_ext_id id, const char *reason)
{
    if (!cert->ext[id].present)
        return;
    struct der in = cert->ext[id].value, body, point;
    bool ok = der_take(&in, DER_SEQUENCE, &body) && in.n == 0 && body.n > 0;
    while (ok && body.n > 0)
        ok = der_take(&body, DER_SEQUENCE, &point);
    if (!ok)
        cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, reason, "RFC 5280 section 4.2.1.13", NULL,
                         CERT_NOT_OF_ANCHOR);
}

bool cert_take_extension(struct der *list, struct der *oid, bool *critical, struct der *value)
{
    struct der one, v;
    *critical = false;
    if (!der_take(list, DER_SEQUENCE, &one) || !der_take(&one, DER_OID, oid))
        return false;
    if (der_next_is(&one, DER_BOOLEAN) && (!der_take(&one, DER_BOOLEAN, &v) || !der_bool(&v, critical)))
        return false;
    return der_take(&one, DER_OCTET_STRING, value) && one.n == 0;
}

/* GnuTLS 3.7 reads identifiers of up to 127 characters, and numbers of 64 bits in them. */
enum { OID_USUAL = 96 };

static bool sort_extensions(struct cert *cert, struct der list)
{
    struct der seen[CERT_MAX_EXTENSIONS];
    char text[OID_USUAL];
    size_t n_seen = 0;
    if (list.n == 0)
        cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, "the list of extensions is empty",
                         "at least one extension or no list", NULL, CERT_NOT_OF_ANCHOR);
    while (list.n > 0) {
        struct der oid, value;
        bool critical;
        if (n_seen == CERT_MAX_EXTENSIONS || !cert_take_extension(&list, &oid, &critical, &value) ||
            oid.n == 0)
            return false;
        bool twice = false;
        for (size_t i = 0; i < n_seen; i++)
            twice = twice || der_equal(&seen[i], &oid);
        seen[n_seen++] = oid;
        size_t k = 0;
        while (k < ARRAY_LEN(KNOWN) && !(KNOWN[k].n == oid.n && memcmp(KNOWN[k].oid, oid.p, oid.n) == 0))
            k++;
        if (twice) {
            if (k < ARRAY_LEN(KNOWN))
                cert->ext[KNOWN[k].id].twice = true;
            cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, "an extension occurs twice",
                             "each extension at most once (RFC 5280 section 4.2)", NULL, 0);
            continue;
        }
        if (k < ARRAY_LEN(KNOWN))
            cert->ext[KNOWN[k].id] = (struct cert_ext){.present = true, .critical = critical, .value = value};
        else if (!der_oid_text(&oid, text, sizeof(text)))
            cert->odd_oid = true;
        if (critical && (k == ARRAY_LEN(KNOWN) || !processed(KNOWN[k].id)) &&
            cert->n_unknown_critical < CERT_MAX_UNKNOWN)
            cert->unknown_critical[cert->n_unknown_critical++] = oid;
    }
    return true;
}

bool cert_parse_extensions(struct cert *cert, struct der list)
{
    if (!sort_extensions(cert, list))
        return false;
    if (cert->ext[EXT_BASIC_CONSTRAINTS].present)
        parse_basic_constraints(cert);
    if (cert->ext[EXT_KEY_USAGE].present)
        parse_key_usage(cert);
    if (cert->ext[EXT_EXTENDED_KEY_USAGE].present)
        parse_extended_key_usage(cert);
    if (cert->ext[EXT_SUBJECT_ALT_NAME].present)
        parse_alt_names(cert);
    parse_key_ids(cert);
    parse_access(cert, EXT_AUTHORITY_INFO_ACCESS, "the authority information access is malformed",
                 "the authority information access is marked critical");
    parse_access(cert, EXT_SUBJECT_INFO_ACCESS, "the subject information access is malformed",
                 "the subject information access is marked critical");
    parse_policies(cert);
    parse_distribution_points(cert, EXT_CRL_DISTRIBUTION_POINTS, "the CRL distribution points are malformed");
    parse_distribution_points(cert, EXT_FRESHEST_CRL, "the freshest CRL extension is malformed");
    return true;
}
