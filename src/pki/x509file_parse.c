/* What bytes hold: PEM, DER, PKCS#7, PKCS#12. */
#include <gnutls/pkcs12.h>
#include <gnutls/pkcs7.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "pki/der.h"
#include "pki/x509file_impl.h"

/* --- one object --- */

/* GnuTLS's answer to a try: it was that and is kept (0), it is something else (1, and `err` tells what GnuTLS
 * says), or it was that and cannot be used (negative). */
enum { SOMETHING_ELSE = 1 };

static int something_else(const char *what, int rc, struct err *err)
{
    err_set(err, ERR_SYNTAX, "holds a broken %s: %s", what, gnutls_strerror(rc));
    return SOMETHING_ELSE;
}

static int try_crt(const gnutls_datum_t *der, struct x509file *out, struct err *err)
{
    gnutls_x509_crt_t crt = x509file_again(out, der);
    if (crt)
        return x509file_keep_crt(out, crt, err);
    if (gnutls_x509_crt_init(&crt) < 0)
        return err_nomem(err);
    int rc = gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER);
    if (rc >= 0)
        return x509file_keep_crt(out, crt, err);
    gnutls_x509_crt_deinit(crt);
    if (rc != GNUTLS_E_X509_UNKNOWN_SAN)
        return something_else("certificate", rc, err);
    return err_set(
        err, ERR_SYNTAX,
        "holds a certificate that GnuTLS cannot read, so that no server takes it for good "
        "(unreadable_for_tls): have it issued without an empty DNS name (cfssl: \"hosts\": [] in place of "
        "[\"\"]), x400Address and ediPartyName among its alternative names");
}

static int try_crl(const gnutls_datum_t *der, struct x509file *out, struct err *err)
{
    struct der whole = {der->data, der->size};
    struct crl *crl = NULL;
    int rc = crl_new(whole, &crl, err);
    if (rc == 0)
        return x509file_keep_crl(out, crl, err);
    if (rc != ERR_NOMEM)
        err_wrap(err, "holds a broken CRL");
    return rc != ERR_SYNTAX || crl_is_one(whole) ? rc : SOMETHING_ELSE;
}

static int password_error(const char *password, struct err *err)
{
    return password
               ? err_set(err, ERR_CRYPTO, "is encrypted, and the password in password_file does not open it")
               : err_set(err, ERR_CRYPTO,
                         "is encrypted: put its password into a file and name it in password_file (verify, "
                         "probe: --password-file)");
}

/* GnuTLS says the same of a key that it decrypts and then cannot read. */
static int key_password_error(const char *password, struct err *err)
{
    return password == NULL
               ? password_error(NULL, err)
               : err_set(err, ERR_CRYPTO,
                         "is encrypted, and the password in password_file does not open it; or the password "
                         "is right, and the key on a curve that GnuTLS does not have, such as brainpool or "
                         "secp256k1");
}

static bool is_password_error(int rc)
{
    return rc == GNUTLS_E_DECRYPTION_FAILED || rc == GNUTLS_E_MAC_VERIFY_FAILED ||
           rc == GNUTLS_E_INVALID_PASSWORD;
}

/* PKCS#8's EncryptedPrivateKeyInfo (RFC 5958): how, and the encrypted octets. */
static bool is_encrypted(const gnutls_datum_t *data, gnutls_x509_crt_fmt_t form)
{
    static const char LABEL[] = "-----BEGIN ENCRYPTED ";
    struct der in = {data->data, data->size}, body, how, octets;
    if (form == GNUTLS_X509_FMT_PEM)
        return data->size >= sizeof LABEL && memcmp(data->data, LABEL, sizeof LABEL - 1) == 0;
    return der_take(&in, DER_SEQUENCE, &body) && der_take(&body, DER_SEQUENCE, &how) &&
           der_take(&body, DER_OCTET_STRING, &octets) && body.n == 0;
}

/* A cipher, a key derivation or a kind of key that GnuTLS does not know. */
static bool is_unsupported(int rc)
{
    return rc == GNUTLS_E_UNKNOWN_CIPHER_TYPE || rc == GNUTLS_E_UNKNOWN_HASH_ALGORITHM ||
           rc == GNUTLS_E_UNKNOWN_PK_ALGORITHM || rc == GNUTLS_E_ECC_UNSUPPORTED_CURVE ||
           rc == GNUTLS_E_UNIMPLEMENTED_FEATURE;
}

/* `password` is tried, `given` is what the user said: they differ where an empty one is tried, too. */
static int try_key(const gnutls_datum_t *data, gnutls_x509_crt_fmt_t form, const char *password,
                   const char *given, struct x509file *out, struct err *err)
{
    gnutls_privkey_t key;
    if (gnutls_privkey_init(&key) < 0)
        return err_nomem(err);
    /* First as one that is not encrypted: with a password GnuTLS looks for fewer forms. */
    int rc = gnutls_privkey_import_x509_raw(key, data, form, NULL, GNUTLS_PKCS_PLAIN);
    if (rc < 0)
        rc = gnutls_privkey_import_x509_raw(key, data, form, password, 0);
    if (rc >= 0)
        return x509file_keep_key(out, key, err);
    gnutls_privkey_deinit(key);
    int curve = x509file_curve_error(data, form, err);
    if (curve != 0)
        return curve;
    if (is_password_error(rc))
        return key_password_error(given, err);
    if (is_unsupported(rc) || is_encrypted(data, form)) /* of scrypt it says that it cannot be parsed */
        return err_set(
            err, ERR_CRYPTO,
            "holds a private key of a kind, or encrypted in a way, that GnuTLS does not know (%s): "
            "`openssl pkcs8 -topk8 -v2 aes-256-cbc` encrypts it in one that it does",
            gnutls_strerror(rc));
    return something_else("private key", rc, err);
}

static int try_pkcs7(const gnutls_datum_t *data, struct x509file *out, struct err *err)
{
    gnutls_pkcs7_t pkcs7;
    if (gnutls_pkcs7_init(&pkcs7) < 0)
        return err_nomem(err);
    int rc = gnutls_pkcs7_import(pkcs7, data, GNUTLS_X509_FMT_DER);
    if (rc < 0) {
        gnutls_pkcs7_deinit(pkcs7);
        return something_else("PKCS#7 object", rc, err);
    }
    rc = 0;
    gnutls_datum_t der;
    for (unsigned i = 0; rc == 0 && gnutls_pkcs7_get_crt_raw2(pkcs7, i, &der) >= 0; i++) {
        rc = try_crt(&der, out, err);
        gnutls_free(der.data);
    }
    for (unsigned i = 0; rc == 0 && gnutls_pkcs7_get_crl_raw2(pkcs7, i, &der) >= 0; i++) {
        rc = try_crl(&der, out, err);
        gnutls_free(der.data);
    }
    gnutls_pkcs7_deinit(pkcs7);
    return rc == SOMETHING_ELSE ? ERR_SYNTAX : rc;
}

/* --- PKCS#12 --- */

/* One bag's element. Bags with other things (secrets, attributes) are passed over. */
static int take_bag_element(gnutls_pkcs12_bag_t bag, unsigned i, const char *password, const char *given,
                            struct x509file *out, struct err *err)
{
    gnutls_datum_t data;
    gnutls_pkcs12_bag_type_t type = (gnutls_pkcs12_bag_type_t)gnutls_pkcs12_bag_get_type(bag, i);
    if (gnutls_pkcs12_bag_get_data(bag, i, &data) < 0) /* borrowed from the bag */
        return 0;
    int rc = 0;
    if (type == GNUTLS_BAG_PKCS8_KEY || type == GNUTLS_BAG_PKCS8_ENCRYPTED_KEY)
        rc = try_key(&data, GNUTLS_X509_FMT_DER, password, given, out, err);
    else if (type == GNUTLS_BAG_CERTIFICATE)
        rc = try_crt(&data, out, err);
    else if (type == GNUTLS_BAG_CRL)
        rc = try_crl(&data, out, err);
    return rc == SOMETHING_ELSE ? ERR_SYNTAX : rc;
}

static int take_bags(gnutls_pkcs12_t pkcs12, const char *password, const char *given, struct x509file *out,
                     struct err *err)
{
    int rc = 0;
    for (int b = 0; rc == 0; b++) {
        gnutls_pkcs12_bag_t bag;
        if (gnutls_pkcs12_bag_init(&bag) < 0)
            return err_nomem(err);
        int got = gnutls_pkcs12_get_bag(pkcs12, b, bag);
        if (got >= 0 && gnutls_pkcs12_bag_get_type(bag, 0) == GNUTLS_BAG_ENCRYPTED) {
            got = gnutls_pkcs12_bag_decrypt(bag, password);
            /* One wrong key in 256 leaves a padding that looks right, around octets that are none of ASN.1.
             */
            if (got < 0)
                rc = is_password_error(got) ||
                             (got <= GNUTLS_E_ASN1_ELEMENT_NOT_FOUND && got >= GNUTLS_E_ASN1_DER_OVERFLOW)
                         ? password_error(given, err)
                         : err_set(err, ERR_CRYPTO, "cannot be decrypted: %s", gnutls_strerror(got));
        }
        int n = got >= 0 ? gnutls_pkcs12_bag_get_count(bag) : 0;
        for (int i = 0; rc == 0 && i < n; i++)
            rc = take_bag_element(bag, (unsigned)i, password, given, out, err);
        gnutls_pkcs12_bag_deinit(bag);
        if (got == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            break;
        if (got < 0 && rc == 0)
            rc = err_set(err, ERR_SYNTAX, "holds a broken PKCS#12 bag: %s", gnutls_strerror(got));
    }
    return rc;
}

/* Back to what was there before. */
static void forget_since(struct x509file *out, const struct x509file *before)
{
    while (out->n_crts > before->n_crts)
        x509file_drop_crt(out, out->crt[--out->n_crts]);
    while (out->n_crls > before->n_crls)
        crl_unref(out->crl[--out->n_crls]);
    while (out->n_keys > before->n_keys)
        gnutls_privkey_deinit(out->key[--out->n_keys]);
}

/* GnuTLS from 3.8.6 on counts the octets of the password for a PBMAC1, without asking whether there is one.
 * Its key (PBKDF2) is the same without a password as with an empty one. Of a MAC that GnuTLS does not know it
 * tells the OID, too. */
static int verify_mac(gnutls_pkcs12_t pkcs12, const char *password)
{
    static const char PBMAC1[] = "1.2.840.113549.1.5.14"; /* RFC 9579 */
    char *oid = NULL;
    if (!password) {
        (void)gnutls_pkcs12_mac_info(pkcs12, NULL, NULL, NULL, NULL, &oid);
        if (oid && strcmp(oid, PBMAC1) == 0)
            password = "";
        gnutls_free(oid);
    }
    return gnutls_pkcs12_verify_mac(pkcs12, password);
}

static int try_pkcs12(const gnutls_datum_t *data, const char *password, struct x509file *out, struct err *err)
{
    /* A file that the empty password opens is nobody's secret, so that is tried too: other files of the same
     * listener may have the one that was given. PKCS#12 tells an empty password from none. */
    const char *const tries[] = {password, "", NULL};
    gnutls_pkcs12_t pkcs12;
    if (gnutls_pkcs12_init(&pkcs12) < 0)
        return err_nomem(err);
    int rc = gnutls_pkcs12_import(pkcs12, data, GNUTLS_X509_FMT_DER, 0);
    if (rc < 0) {
        gnutls_pkcs12_deinit(pkcs12);
        return something_else("PKCS#12 object", rc, err);
    }
    const struct x509file before = *out;
    rc = ERR_CRYPTO;
    for (size_t i = password ? 0 : 1; rc == ERR_CRYPTO && i < ARRAY_LEN(tries); i++) {
        /* A file without a MAC, or with one of a kind that GnuTLS does not know, is legal: decrypting shows
         * whether the password is right. */
        int mac = verify_mac(pkcs12, tries[i]);
        if (is_password_error(mac))
            continue;
        rc = take_bags(pkcs12, tries[i], password, out, err);
        if (rc != 0)
            forget_since(out, &before);
        if (rc != 0 && mac >= 0)
            goto out;
    }
    if (rc == ERR_CRYPTO)
        password_error(password, err);
out:
    gnutls_pkcs12_deinit(pkcs12);
    return rc;
}

/* --- PEM --- */

enum pem_kind { PEM_CRT, PEM_TRUSTED, PEM_CRL, PEM_KEY, PEM_PKCS7, PEM_PKCS12, PEM_SKIP, PEM_REFUSED };

static const struct {
    const char *label;
    enum pem_kind kind;
    const char *refused;
} PEM_LABELS[] = {
    {"CERTIFICATE", PEM_CRT, NULL},
    {"X509 CERTIFICATE", PEM_CRT, NULL},
    {"TRUSTED CERTIFICATE", PEM_TRUSTED, NULL},
    {"X509 CRL", PEM_CRL, NULL},
    {"PRIVATE KEY", PEM_KEY, NULL},
    {"ENCRYPTED PRIVATE KEY", PEM_KEY, NULL},
    {"RSA PRIVATE KEY", PEM_KEY, NULL},
    {"EC PRIVATE KEY", PEM_KEY, NULL},
    {"DSA PRIVATE KEY", PEM_KEY, NULL},
    {"PKCS7", PEM_PKCS7, NULL},
    {"PKCS #7 SIGNED DATA", PEM_PKCS7, NULL},
    {"CMS", PEM_PKCS7, NULL},
    {"PKCS12", PEM_PKCS12, NULL},
    {"EC PARAMETERS", PEM_SKIP, NULL},
    {"DH PARAMETERS", PEM_SKIP, NULL},
    {"CERTIFICATE REQUEST", PEM_REFUSED, X509FILE_A_REQUEST},
    {"NEW CERTIFICATE REQUEST", PEM_REFUSED, X509FILE_A_REQUEST},
    {"PUBLIC KEY", PEM_REFUSED, X509FILE_A_PUBLIC_KEY},
    {"RSA PUBLIC KEY", PEM_REFUSED, X509FILE_A_PUBLIC_KEY},
    {"OPENSSH PRIVATE KEY", PEM_REFUSED,
     "a key in OpenSSH's own form: `ssh-keygen -p -m PKCS8` converts a copy of it"},
};

/* OpenSSL's own form: a certificate, behind which it may say for what it is trusted. Such words are not
 * understood here, and believing more than they say would be wrong. */
static int try_trusted(const gnutls_datum_t *data, struct x509file *out, struct err *err)
{
    struct der in = {data->data, data->size}, value, whole = {0}, aux;
    unsigned tag;
    if (!der_any(&in, &tag, &value, &whole))
        return something_else("certificate", GNUTLS_E_ASN1_DER_ERROR, err);
    if (der_take(&in, DER_SEQUENCE, &aux) &&
        (der_next_is(&aux, DER_SEQUENCE) || der_next_is(&aux, DER_CONTEXT_C(0))))
        return err_set(err, ERR_SYNTAX,
                       "holds a certificate with OpenSSL's trust settings, which are not applied here: "
                       "`openssl x509 -in FILE -out NEW` leaves them out");
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)whole.p, (unsigned)whole.n};
    return try_crt(&der, out, err);
}

static int take_decoded(enum pem_kind kind, const gnutls_datum_t *der, const char *password,
                        struct x509file *out, struct err *err)
{
    int rc;
    out->in_pem = out->in_pem && (kind == PEM_CRT || kind == PEM_TRUSTED || kind == PEM_CRL);
    switch (kind) {
    case PEM_TRUSTED:
        return try_trusted(der, out, err);
    case PEM_CRL:
        return try_crl(der, out, err);
    case PEM_PKCS7:
        return try_pkcs7(der, out, err);
    case PEM_PKCS12:
        return try_pkcs12(der, password, out, err);
    case PEM_CRT:
    default:
        rc = try_crt(der, out, err);
        /* Some CAs deliver PKCS#7 under the label of a certificate. */
        if (rc == SOMETHING_ELSE && try_pkcs7(der, out, NULL) == 0) {
            out->in_pem = false;
            return 0;
        }
        return rc;
    }
}

/* CRLs may be large: what is between the lines is decoded where it stands, when it is ours. */
static int take_pem_crl(const gnutls_datum_t *block, const char *password, bool own, struct x509file *out,
                        struct err *err)
{
    static const char FIRST[] = "-----BEGIN X509 CRL-----", LAST[] = "-----END X509 CRL-----";
    const char *text = (const char *)block->data + sizeof FIRST - 1;
    size_t len = block->size - (sizeof FIRST - 1) - (sizeof LAST - 1);
    unsigned char *octets = own ? block->data : malloc(len + 1);
    if (octets == NULL)
        return err_nomem(err);
    ssize_t n = base64_decode(text, len, octets);
    gnutls_datum_t der = {octets, n > 0 ? (unsigned)n : 0};
    int rc =
        n < 0 ? err_set(err, ERR_SYNTAX, "holds a broken X509 CRL: what is between its lines is not base64")
              : take_decoded(PEM_CRL, &der, password, out, err);
    if (!own)
        free(octets);
    return rc;
}

static int take_pem(size_t row, const gnutls_datum_t *block, const char *password, bool own,
                    struct x509file *out, struct err *err)
{
    enum pem_kind kind = PEM_LABELS[row].kind;
    gnutls_datum_t der;
    int rc;
    if (kind == PEM_SKIP)
        return 0;
    if (kind == PEM_REFUSED)
        return err_set(err, ERR_SYNTAX, "holds %s", PEM_LABELS[row].refused);
    if (kind == PEM_KEY) { /* its header may hold the way of encryption */
        rc = try_key(block, GNUTLS_X509_FMT_PEM, password, password, out, err);
    } else if (kind == PEM_CRL) {
        rc = take_pem_crl(block, password, own, out, err);
    } else {
        rc = gnutls_pem_base64_decode2(PEM_LABELS[row].label, block, &der);
        if (rc < 0)
            return err_set(err, ERR_SYNTAX, "holds a broken %s: %s", PEM_LABELS[row].label,
                           gnutls_strerror(rc));
        rc = take_decoded(kind, &der, password, out, err);
        gnutls_free(der.data);
    }
    return rc == SOMETHING_ELSE ? ERR_SYNTAX : rc;
}

static const char PEM_BEGIN[] = "-----BEGIN ";
enum { PEM_BEGIN_LEN = sizeof PEM_BEGIN - 1, PEM_LABEL_MOST = 63 };

static const char *find(const char *p, const char *end, const char *text)
{
    return memmem(p, (size_t)(end - p), text, strlen(text));
}

static size_t row_of(const char *label, size_t n)
{
    size_t i = 0;
    while (i < ARRAY_LEN(PEM_LABELS) &&
           (strlen(PEM_LABELS[i].label) != n || memcmp(PEM_LABELS[i].label, label, n) != 0))
        i++;
    return i;
}

static int not_large(struct err *err)
{
    return err_set(err, ERR_SYNTAX,
                   "is larger than %d MiB, and only CRLs may be, in DER or under the PEM label X509 CRL",
                   X509FILE_MAX >> 20);
}

/* Every object is read or refused: a file that was cut, or with a foreign object in the middle, is not half
 * believed. */
static int parse_pem(const char *data, size_t len, const char *password, bool own, struct x509file *out,
                     struct err *err)
{
    const char *end = data + len, *p = data;
    out->in_pem = true;
    while ((p = find(p, end, PEM_BEGIN)) != NULL) {
        const char *label = p + PEM_BEGIN_LEN, *dashes = find(label, end, "-----");
        if (!dashes || dashes - label > PEM_LABEL_MOST)
            return err_set(err, ERR_SYNTAX, "holds a PEM header that never ends");
        int n = (int)(dashes - label);
        char last[PEM_LABEL_MOST + 20];
        snprintf(last, sizeof last, "-----END %.*s-----", n, label);
        const char *stop = find(dashes, end, last), *next = find(dashes, end, PEM_BEGIN);
        if (!stop || (next && next < stop))
            return err_set(err, ERR_SYNTAX, "is cut short: %.*s has no end", n, label);
        stop += strlen(last);
        size_t row = row_of(label, (size_t)n);
        if (row == ARRAY_LEN(PEM_LABELS))
            return err_set(err, ERR_SYNTAX,
                           "holds a PEM object \"%.*s\", which is neither certificate, private key nor CRL",
                           n, label);
        if (len > X509FILE_MAX && PEM_LABELS[row].kind != PEM_CRL)
            return not_large(err);
        gnutls_datum_t block = {(unsigned char *)(uintptr_t)p, (unsigned)(stop - p)};
        int rc = take_pem(row, &block, password, own, out, err);
        if (rc != 0)
            return rc;
        p = stop;
    }
    return 0;
}

/* --- DER --- */

static int parse_der(const gnutls_datum_t *der, const char *password, struct x509file *out, struct err *err)
{
    int rc = try_crl(der, out, err);
    if (rc == SOMETHING_ELSE && der->size > X509FILE_MAX)
        return not_large(err);
    if (rc == SOMETHING_ELSE)
        rc = try_crt(der, out, err);
    if (rc == SOMETHING_ELSE)
        rc = try_pkcs12(der, password, out, err);
    if (rc == SOMETHING_ELSE)
        rc = try_pkcs7(der, out, err);
    if (rc == SOMETHING_ELSE)
        rc = try_key(der, GNUTLS_X509_FMT_DER, password, password, out, err);
    return rc == SOMETHING_ELSE ? x509file_other(der, err) : rc;
}

/* DER that is whole, whatever text stands in it. */
static bool is_der(const void *data, size_t len)
{
    struct der in = {data, len}, value;
    return der_take(&in, DER_SEQUENCE, &value) && in.n == 0;
}

static int parse(const void *data, size_t len, size_t most, const char *password, bool own,
                 struct x509file_pool *pool, struct x509file *out, struct err *err)
{
    struct x509file file = {.pool = pool};
    int rc;
    if (len == 0)
        return err_set(err, ERR_SYNTAX, "is empty");
    if (len > most)
        return err_set(err, ERR_RANGE, "is larger than %zu MiB", most >> 20);
    if (!is_der(data, len) && memmem(data, len, PEM_BEGIN, PEM_BEGIN_LEN)) {
        rc = parse_pem(data, len, password, own, &file, err);
    } else {
        gnutls_datum_t der = {(unsigned char *)(uintptr_t)data, (unsigned)len};
        rc = parse_der(&der, password, &file, err);
    }
    if (rc == 0 && file.n_crts + file.n_crls + file.n_keys == 0)
        rc = err_set(err, ERR_SYNTAX, "holds no certificate, key or CRL");
    if (rc == 0)
        *out = file;
    else
        x509file_done(&file);
    return rc;
}

int x509file_parse(const void *data, size_t len, const char *password, struct x509file *out, struct err *err)
{
    return parse(data, len, X509FILE_MAX, password, false, NULL, out, err);
}

int x509file_parse_own(char *data, size_t len, size_t most, const char *password, struct x509file_pool *pool,
                       struct x509file *out, struct err *err)
{
    return parse(data, len, most, password, true, pool, out, err);
}
