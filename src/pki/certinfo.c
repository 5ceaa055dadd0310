#include "pki/certinfo.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"
#include "pki/cert.h"

enum { VALUES_MAX = 4096 };

static const struct {
    const char *oid, *word;
} PURPOSES[] = {
    {GNUTLS_KP_TLS_WWW_SERVER, "serverAuth"},
    {GNUTLS_KP_TLS_WWW_CLIENT, "clientAuth"},
    {GNUTLS_KP_CODE_SIGNING, "codeSigning"},
    {GNUTLS_KP_EMAIL_PROTECTION, "emailProtection"},
    {GNUTLS_KP_TIME_STAMPING, "timeStamping"},
    {GNUTLS_KP_OCSP_SIGNING, "OCSPSigning"},
    {GNUTLS_KP_IPSEC_IKE, "ipsecIKE"},
    {GNUTLS_KP_ANY, "anyExtendedKeyUsage"},
    {"1.3.6.1.4.1.311.20.2.2", "smartcardLogon"},
    {"1.3.6.1.5.2.3.4", "pkinitClientAuth"},
};

static const struct {
    unsigned bit;
    const char *word;
} KEY_USAGES[9] = {
    {GNUTLS_KEY_DIGITAL_SIGNATURE, "digitalSignature"},
    {GNUTLS_KEY_NON_REPUDIATION, "nonRepudiation"},
    {GNUTLS_KEY_KEY_ENCIPHERMENT, "keyEncipherment"},
    {GNUTLS_KEY_DATA_ENCIPHERMENT, "dataEncipherment"},
    {GNUTLS_KEY_KEY_AGREEMENT, "keyAgreement"},
    {GNUTLS_KEY_KEY_CERT_SIGN, "keyCertSign"},
    {GNUTLS_KEY_CRL_SIGN, "cRLSign"},
    {GNUTLS_KEY_ENCIPHER_ONLY, "encipherOnly"},
    {GNUTLS_KEY_DECIPHER_ONLY, "decipherOnly"},
};

const char *certinfo_purpose(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(PURPOSES); i++)
        if (text_equal_nocase(PURPOSES[i].word, word))
            return PURPOSES[i].oid;
    return NULL;
}

const char *certinfo_curve(gnutls_ecc_curve_t curve)
{
    switch (curve) {
    case GNUTLS_ECC_CURVE_SECP192R1:
        return "secp192r1";
    case GNUTLS_ECC_CURVE_SECP224R1:
        return "secp224r1";
    case GNUTLS_ECC_CURVE_SECP256R1:
        return "secp256r1";
    case GNUTLS_ECC_CURVE_SECP384R1:
        return "secp384r1";
    case GNUTLS_ECC_CURVE_SECP521R1:
        return "secp521r1";
    default:
        return gnutls_ecc_curve_get_name(curve);
    }
}

size_t certinfo_key_usage_words(unsigned key_usage, const char *out[static 9])
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(KEY_USAGES); i++)
        if ((key_usage & KEY_USAGES[i].bit) != 0)
            out[n++] = KEY_USAGES[i].word;
    return n;
}

static char *hex(const unsigned char *p, size_t n)
{
    struct buf out;
    buf_init(&out, 0);
    text_hex(&out, p, n);
    char *text = buf_take(&out, NULL);
    buf_done(&out);
    return text;
}

/* Takes ownership of `text`; NULL is a failed allocation. */
static int add_value(struct certvalues *values, char *text, const void *raw, size_t len)
{
    if (values->n == VALUES_MAX) {
        values->partial = true;
        free(text);
        return 0;
    }
    if ((values->n & (values->n + 1)) == 0) { /* grows at 0, 1, 3, 7, ...: room for 2n + 1 */
        struct certvalue *more = realloc(values->v, (2 * values->n + 1) * sizeof(*more));
        if (more == NULL) {
            free(text);
            return ERR_NOMEM;
        }
        values->v = more;
    }
    unsigned char *copy = malloc(len + 1);
    if (text == NULL || copy == NULL) {
        free(text);
        free(copy);
        return ERR_NOMEM;
    }
    memcpy(copy, raw, len);
    copy[len] = 0;
    struct certvalue *v = &values->v[values->n++];
    v->text = text;
    v->raw = copy;
    v->len = len;
    return 0;
}

static int add_name(struct certvalues *values, const struct der *v)
{
    return add_value(values, text_escaped(v->p, v->n), v->p, v->n);
}

static int add_ip(struct certvalues *values, const struct der *v)
{
    char text[INET6_ADDRSTRLEN];
    if (v->n != 4 && v->n != 16) { /* a malformed one is the verdict's business */
        values->partial = true;
        return 0;
    }
    if (inet_ntop(v->n == 4 ? AF_INET : AF_INET6, v->p, text, sizeof(text)) == NULL)
        return ERR_NOMEM;
    return add_value(values, strdup(text), v->p, v->n);
}

static void free_other(struct certother *other)
{
    free(other->oid);
    free(other->text);
    free(other->raw);
}

/* OtherName: a type, and [0] EXPLICIT a value. */
static int add_other(struct certothers *others, struct der v)
{
    struct der oid, wrapped, value, whole;
    unsigned tag;
    char text[128];
    if (!der_take(&v, DER_OID, &oid) || !der_oid_text(&oid, text, sizeof(text)) ||
        !der_take(&v, DER_CONTEXT_C(0), &wrapped) || v.n > 0 || !der_any(&wrapped, &tag, &value, &whole) ||
        wrapped.n > 0 || others->n == VALUES_MAX) {
        others->partial = true;
        return 0;
    }
    struct certother *more = realloc(others->v, (others->n + 1) * sizeof(*more));
    if (more == NULL)
        return ERR_NOMEM;
    others->v = more;
    struct certother other = {.oid = strdup(text)};
    struct buf raw, shown;
    buf_init(&raw, 0);
    buf_init(&shown, 0);
    if (!cert_string(tag, &value, &raw)) {
        other.is_der = true;
        buf_done(&raw);
        buf_init(&raw, 0);
        buf_put(&raw, whole.p, whole.n);
        buf_putc(&shown, '#');
        text_hex(&shown, whole.p, whole.n);
        other.text = buf_take(&shown, NULL);
    }
    other.raw = (unsigned char *)buf_take(&raw, &other.len);
    if (!other.is_der && other.raw != NULL)
        other.text = text_escaped(other.raw, other.len);
    buf_done(&raw);
    buf_done(&shown);
    if (other.oid == NULL || other.raw == NULL || other.text == NULL) {
        free_other(&other);
        return ERR_NOMEM;
    }
    others->v[others->n++] = other;
    return 0;
}

static int read_alt_names(struct certinfo *info, const struct cert *cert)
{
    struct der names = cert_alt_names(cert), v;
    unsigned type;
    int rc = 0;
    while (rc == 0 && cert_general_name(&names, &type, &v)) {
        info->n_san++;
        if (type == NAME_DNS)
            rc = add_name(&info->dns_names, &v);
        else if (type == NAME_EMAIL)
            rc = add_name(&info->emails, &v);
        else if (type == NAME_URI)
            rc = add_name(&info->uris, &v);
        else if (type == NAME_IP)
            rc = add_ip(&info->ips, &v);
        else if (type == NAME_OTHER)
            rc = add_other(&info->other_names, v);
    }
    const struct cert_ext *ext = &cert->ext[EXT_SUBJECT_ALT_NAME];
    if (names.n > 0 || ext->twice || (ext->present && info->n_san == 0))
        info->dns_names.partial = info->emails.partial = info->ips.partial = info->uris.partial =
            info->other_names.partial = true;
    return rc;
}

static int read_purposes(struct certinfo *info, const struct cert *cert)
{
    struct der in = cert->ext[EXT_EXTENDED_KEY_USAGE].value, body, oid;
    char text[128];
    info->extended_key_usage.partial = cert->ext[EXT_EXTENDED_KEY_USAGE].twice;
    if (!der_take(&in, DER_SEQUENCE, &body)) {
        info->extended_key_usage.partial |= cert->ext[EXT_EXTENDED_KEY_USAGE].present;
        return 0;
    }
    while (der_take(&body, DER_OID, &oid)) {
        if (!der_oid_text(&oid, text, sizeof(text))) {
            info->extended_key_usage.partial = true;
            continue;
        }
        const char *word = text;
        for (size_t i = 0; i < ARRAY_LEN(PURPOSES); i++)
            if (strcmp(PURPOSES[i].oid, text) == 0)
                word = PURPOSES[i].word;
        if (add_value(&info->extended_key_usage, strdup(word), text, strlen(text)) < 0)
            return ERR_NOMEM;
    }
    info->extended_key_usage.partial |= body.n > 0 || in.n > 0;
    return 0;
}

static int read_name(struct certname *out, const struct der *name, struct err *err)
{
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)name->p, (unsigned)name->n};
    return certname_init(out, &der, err);
}

static const char *signature_name(const struct cert *cert, char out[static 128])
{
    struct der in = cert->signature_algorithm, algorithm, oid;
    if (cert->sign != GNUTLS_SIGN_UNKNOWN)
        return gnutls_sign_get_name(cert->sign);
    if (der_take(&in, DER_SEQUENCE, &algorithm) && der_take(&algorithm, DER_OID, &oid) &&
        der_oid_text(&oid, out, 128))
        return out;
    return "unknown";
}

int certinfo_fingerprint(const struct der *data, char out[static 65])
{
    static const char digit[] = "0123456789abcdef";
    unsigned char hash[32];
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, data->p, data->n, hash) < 0)
        return ERR_CRYPTO;
    for (size_t i = 0; i < sizeof(hash); i++) {
        out[2 * i] = digit[hash[i] >> 4];
        out[2 * i + 1] = digit[hash[i] & 15];
    }
    out[64] = 0;
    return 0;
}

int certinfo_from_cert(const struct cert *cert, struct certinfo **out, struct err *err)
{
    char text[128] = "";
    int rc = ERR_NOMEM;
    struct certinfo *info = calloc(1, sizeof(*info));
    if (info == NULL)
        return err_nomem(err);

    info->der_len = cert->whole.n;
    info->version = cert->version;
    info->not_before = cert->not_before;
    info->not_after = cert->not_after;
    info->key_bits = cert->key_bits;
    info->has_key_usage = cert->ext[EXT_KEY_USAGE].present;
    info->key_usage = cert->key_usage;
    info->has_extended_key_usage = cert->ext[EXT_EXTENDED_KEY_USAGE].present;
    info->has_basic_constraints = cert->ext[EXT_BASIC_CONSTRAINTS].present;
    info->is_ca = cert->is_ca;
    info->path_len = cert->path_len;

    if ((rc = read_name(&info->subject, &cert->subject, err)) < 0 ||
        (rc = read_name(&info->issuer, &cert->issuer, err)) < 0)
        goto out;
    /* The octet that only keeps the number positive is no part of it for people. */
    size_t sign = cert->serial.n > 1 && cert->serial.p[0] == 0 && (cert->serial.p[1] & 0x80) != 0 ? 1 : 0;
    info->serial = hex(cert->serial.p + sign, cert->serial.n - sign);
    const char *pk = gnutls_pk_algorithm_get_name(cert->pk);
    if (cert->pk == GNUTLS_PK_ECDSA)
        pk = "ECDSA"; /* GnuTLS says EC/ECDSA */
    info->key_algorithm = strdup(pk != NULL ? pk : "unknown");
    info->signature_algorithm = strdup(signature_name(cert, text));
    const char *curve = cert->curve == GNUTLS_ECC_CURVE_INVALID ? NULL : certinfo_curve(cert->curve);
    if (curve != NULL)
        info->curve = strdup(curve);
    if (cert->subject_key_id.n > 0)
        info->subject_key_id = hex(cert->subject_key_id.p, cert->subject_key_id.n);
    if (cert->authority_key_id.n > 0)
        info->authority_key_id = hex(cert->authority_key_id.p, cert->authority_key_id.n);
    rc = ERR_NOMEM;
    if (info->serial == NULL || info->key_algorithm == NULL || info->signature_algorithm == NULL ||
        (curve != NULL && info->curve == NULL) ||
        (cert->subject_key_id.n > 0 && info->subject_key_id == NULL) ||
        (cert->authority_key_id.n > 0 && info->authority_key_id == NULL)) {
        err_nomem(err);
        goto out;
    }
    if (read_alt_names(info, cert) < 0 || read_purposes(info, cert) < 0) {
        err_nomem(err);
        goto out;
    }
    rc = certinfo_fingerprint(&cert->whole, info->fingerprint_sha256);
    if (rc == 0)
        rc = certinfo_fingerprint(&cert->spki, info->spki_sha256);
    if (rc < 0) {
        err_set(err, rc, "SHA-256 is not available");
        goto out;
    }
    *out = info;
    info = NULL;
out:
    certinfo_free(info);
    return rc;
}

int certinfo_new(gnutls_x509_crt_t crt, struct certinfo **out, struct err *err)
{
    gnutls_datum_t der = {NULL, 0};
    struct cert cert;
    const char *why;
    int rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der);
    if (rc < 0)
        return err_set(err, rc == GNUTLS_E_MEMORY_ERROR ? ERR_NOMEM : ERR_SYNTAX, "%s", gnutls_strerror(rc));
    if (cert_parse(&der, &cert, &why))
        rc = certinfo_from_cert(&cert, out, err);
    else
        rc = err_set(err, ERR_SYNTAX, "the certificate cannot be read: %s", why);
    gnutls_free(der.data);
    return rc;
}

static void free_values(struct certvalues *values)
{
    for (size_t i = 0; i < values->n; i++) {
        free(values->v[i].text);
        free(values->v[i].raw);
    }
    free(values->v);
}

void certinfo_free(struct certinfo *info)
{
    if (info == NULL)
        return;
    certname_done(&info->subject);
    certname_done(&info->issuer);
    free(info->serial);
    free_values(&info->dns_names);
    free_values(&info->emails);
    free_values(&info->ips);
    free_values(&info->uris);
    for (size_t i = 0; i < info->other_names.n; i++)
        free_other(&info->other_names.v[i]);
    free(info->other_names.v);
    free(info->key_algorithm);
    free(info->curve);
    free(info->signature_algorithm);
    free_values(&info->extended_key_usage);
    free(info->subject_key_id);
    free(info->authority_key_id);
    free(info);
}

static size_t name_bytes(const struct certname *name)
{
    size_t n = name->der_len + (name->text != NULL ? strlen(name->text) : 0);
    for (size_t i = 0; i < name->n; i++)
        n += sizeof(name->attr[i]) + name->attr[i].len;
    return n;
}

static size_t values_bytes(const struct certvalues *values)
{
    size_t n = 0;
    for (size_t i = 0; i < values->n; i++)
        n += sizeof(values->v[i]) + strlen(values->v[i].text) + values->v[i].len;
    return n;
}

static size_t others_bytes(const struct certothers *others)
{
    size_t n = 0;
    for (size_t i = 0; i < others->n; i++)
        n += sizeof(others->v[i]) + strlen(others->v[i].oid) + strlen(others->v[i].text) + others->v[i].len;
    return n;
}

size_t certinfo_bytes(const struct certinfo *info)
{
    return sizeof(*info) + name_bytes(&info->subject) + name_bytes(&info->issuer) + strlen(info->serial) +
           values_bytes(&info->dns_names) + values_bytes(&info->emails) + values_bytes(&info->ips) +
           values_bytes(&info->uris) + others_bytes(&info->other_names) +
           values_bytes(&info->extended_key_usage);
}
