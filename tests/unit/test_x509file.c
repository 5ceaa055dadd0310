#include "suites.h"

#include <gnutls/pkcs12.h>
#include <gnutls/pkcs7.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "mkchain.h"
#include "pki/der.h"
#include "pki/x509file.h"

enum { NOW = 1781524800, DAY = 24 * 3600 };

/* A CA with a CRL, a certificate of it, and an RSA pair. */
static struct mk_pair ca, leaf, rsa;
static gnutls_x509_crl_t crl;

static void set_up(void)
{
    struct mk_spec spec = {.dn = "CN=CA,O=x509file",
                           .flags = MK_CA,
                           .path_len = -1,
                           .not_before = NOW - DAY,
                           .not_after = NOW + DAY};
    ca = mk_make(&spec, NULL);
    spec.flags = 0;
    spec.dn = "CN=leaf,O=x509file";
    leaf = mk_make(&spec, &ca);
    spec.flags = MK_RSA_1024;
    rsa = mk_make(&spec, &ca);
    crl = mk_crl(&ca, leaf.crt, NOW - DAY, NOW + DAY);
}

static void tear_down(void)
{
    mk_free(&ca);
    mk_free(&leaf);
    mk_free(&rsa);
    gnutls_x509_crl_deinit(crl);
}

/* --- making forms --- */

/* Puts what GnuTLS exported into `out`. */
static void put(struct buf *out, int rc, gnutls_datum_t *data)
{
    ck_assert_msg(rc >= 0, "%s", gnutls_strerror(rc));
    buf_put(out, data->data, data->size);
    gnutls_free(data->data);
}

static void put_crt(struct buf *out, const struct mk_pair *pair, gnutls_x509_crt_fmt_t form)
{
    gnutls_datum_t data;
    put(out, gnutls_x509_crt_export2(pair->crt, form, &data), &data);
}

static void put_crl(struct buf *out, gnutls_x509_crt_fmt_t form)
{
    gnutls_datum_t data;
    put(out, gnutls_x509_crl_export2(crl, form, &data), &data);
}

/* SEC1 or PKCS#1. */
static void put_plain_key(struct buf *out, const struct mk_pair *pair, gnutls_x509_crt_fmt_t form)
{
    gnutls_datum_t data;
    put(out, gnutls_x509_privkey_export2(pair->key, form, &data), &data);
}

static void put_pkcs8(struct buf *out, const struct mk_pair *pair, gnutls_x509_crt_fmt_t form,
                      const char *password, unsigned flags)
{
    gnutls_datum_t data;
    put(out, gnutls_x509_privkey_export2_pkcs8(pair->key, form, password, flags, &data), &data);
}

static void put_pkcs7(struct buf *out, gnutls_x509_crt_fmt_t form)
{
    gnutls_pkcs7_t pkcs7;
    gnutls_datum_t data;
    ck_assert_int_ge(gnutls_pkcs7_init(&pkcs7), 0);
    ck_assert_int_ge(gnutls_pkcs7_set_crt(pkcs7, leaf.crt), 0);
    ck_assert_int_ge(gnutls_pkcs7_set_crt(pkcs7, ca.crt), 0);
    ck_assert_int_ge(gnutls_pkcs7_set_crl(pkcs7, crl), 0);
    put(out, gnutls_pkcs7_export2(pkcs7, form, &data), &data);
    gnutls_pkcs7_deinit(pkcs7);
}

static void add_bag(gnutls_pkcs12_t p12, gnutls_pkcs12_bag_t bag, const char *password, unsigned cipher)
{
    if (cipher != GNUTLS_PKCS_PLAIN)
        ck_assert_int_ge(gnutls_pkcs12_bag_encrypt(bag, password, cipher), 0);
    ck_assert_int_ge(gnutls_pkcs12_set_bag(p12, bag), 0);
    gnutls_pkcs12_bag_deinit(bag);
}

/* PFX ::= SEQUENCE { version, authSafe, macData OPTIONAL }, which GnuTLS does not make without the last. */
static void drop_mac(gnutls_datum_t *pfx)
{
    struct der in = {pfx->data, pfx->size}, body, value, version, safe;
    unsigned tag;
    ck_assert(der_take(&in, DER_SEQUENCE, &body) && der_any(&body, &tag, &value, &version) &&
              der_any(&body, &tag, &value, &safe) && body.n > 0);
    size_t n = version.n + safe.n;
    ck_assert(n >= 256 && n < 65536);
    memmove(pfx->data + 4, version.p, n);
    pfx->data[1] = 0x82;
    pfx->data[2] = (unsigned char)(n >> 8);
    pfx->data[3] = (unsigned char)n;
    pfx->size = (unsigned)n + 4;
}

enum encrypted { ALL_BAGS, KEY_ONLY, OPEN_MAC };

/* Leaf, key, CA and CRL; `password` NULL is PKCS#12's "none", of which later GnuTLS makes no MAC. */
static void put_pkcs12_parts(struct buf *out, gnutls_x509_crt_fmt_t form, const char *password,
                             unsigned cipher, bool mac, enum encrypted bags)
{
    gnutls_pkcs12_t p12;
    gnutls_pkcs12_bag_t bag;
    gnutls_datum_t key, data;
    ck_assert_int_ge(gnutls_pkcs12_init(&p12), 0);
    ck_assert_int_ge(gnutls_pkcs12_bag_init(&bag), 0);
    ck_assert_int_ge(gnutls_pkcs12_bag_set_crt(bag, leaf.crt), 0);
    ck_assert_int_ge(gnutls_pkcs12_bag_set_crt(bag, ca.crt), 0);
    ck_assert_int_ge(gnutls_pkcs12_bag_set_crl(bag, crl), 0);
    add_bag(p12, bag, password, bags == KEY_ONLY ? GNUTLS_PKCS_PLAIN : cipher);
    ck_assert_int_ge(gnutls_pkcs12_bag_init(&bag), 0);
    ck_assert_int_ge(gnutls_x509_privkey_export2_pkcs8(leaf.key, GNUTLS_X509_FMT_DER, password,
                                                       password ? cipher : cipher | GNUTLS_PKCS_NULL_PASSWORD,
                                                       &key),
                     0);
    ck_assert_int_ge(
        gnutls_pkcs12_bag_set_data(
            bag, cipher == GNUTLS_PKCS_PLAIN ? GNUTLS_BAG_PKCS8_KEY : GNUTLS_BAG_PKCS8_ENCRYPTED_KEY, &key),
        0);
    gnutls_free(key.data);
    add_bag(p12, bag, NULL, GNUTLS_PKCS_PLAIN);
    ck_assert_int_ge(gnutls_pkcs12_generate_mac(p12, bags == OPEN_MAC || !mac ? "" : password), 0);
    ck_assert_int_ge(gnutls_pkcs12_export2(p12, GNUTLS_X509_FMT_DER, &data), 0);
    gnutls_pkcs12_deinit(p12);
    if (!mac)
        drop_mac(&data);
    if (form == GNUTLS_X509_FMT_DER) {
        put(out, 0, &data);
        return;
    }
    gnutls_datum_t pem;
    put(out, gnutls_pem_base64_encode2("PKCS12", &data, &pem), &pem);
    gnutls_free(data.data);
}

static void put_pkcs12(struct buf *out, gnutls_x509_crt_fmt_t form, const char *password, unsigned cipher,
                       bool mac)
{
    put_pkcs12_parts(out, form, password, cipher, mac, ALL_BAGS);
}

/* --- asking --- */

/* What a file is: "2 certificates, 1 key, ..." as "crt crl key". */
static void expect(struct buf *data, const char *password, const char *counts)
{
    struct x509file file = {0};
    struct err err = {0};
    char got[40];
    ck_assert(!buf_failed(data));
    int rc = x509file_parse(data->data, data->len, password, &file, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    snprintf(got, sizeof got, "%zu %zu %zu", file.n_crts, file.n_crls, file.n_keys);
    ck_assert_str_eq(got, counts);
    if (file.n_crts > 0) {
        bool ours =
            gnutls_x509_crt_equals(file.crt[0], leaf.crt) || gnutls_x509_crt_equals(file.crt[0], ca.crt);
        ck_assert_msg(ours, "another certificate");
    }
    if (file.n_keys > 0)
        ck_assert_int_ge(gnutls_privkey_verify_params(file.key[0]), 0);
    x509file_done(&file);
    buf_done(data);
}

static void expect_refused(struct buf *data, const char *password, int code, const char *says)
{
    struct x509file file = {.n_crts = 77};
    struct err err = {0};
    int rc = x509file_parse(data->data, data->len, password, &file, &err);
    ck_assert_msg(rc == code && err.code == code, "%d, not %d: %s", rc, code, err.text);
    ck_assert_msg(strstr(err.text, says) != NULL, "\"%s\" does not say \"%s\"", err.text, says);
    ck_assert_uint_eq(file.n_crts, 77); /* untouched */
    ck_assert_int_eq(x509file_parse(data->data, data->len, password, &file, NULL), code);
    buf_done(data);
}

static const gnutls_x509_crt_fmt_t FORMS[] = {GNUTLS_X509_FMT_PEM, GNUTLS_X509_FMT_DER};

/* --- tests --- */

START_TEST(pem_with_several)
{
    struct buf data = {0};
    struct x509file file = {0};
    struct err err = {0};
    buf_puts(&data, "A text before,\nwith -----dashes----- in it\n");
    put_crt(&data, &leaf, GNUTLS_X509_FMT_PEM);
    buf_puts(&data, "subject=CN = leaf\r\n\r\n");
    put_pkcs8(&data, &leaf, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN);
    put_crl(&data, GNUTLS_X509_FMT_PEM);
    buf_puts(&data, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
    put_crt(&data, &ca, GNUTLS_X509_FMT_PEM);
    put_plain_key(&data, &rsa, GNUTLS_X509_FMT_PEM);
    buf_puts(&data, "and behind");
    ck_assert_msg(x509file_parse(data.data, data.len, NULL, &file, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(file.n_crts, 2);
    ck_assert(gnutls_x509_crt_equals(file.crt[0], leaf.crt)); /* in its order */
    ck_assert(gnutls_x509_crt_equals(file.crt[1], ca.crt));
    ck_assert_uint_eq(file.n_crls, 1);
    ck_assert_uint_eq(file.n_keys, 2);
    ck_assert_int_eq(gnutls_privkey_get_pk_algorithm(file.key[0], NULL), GNUTLS_PK_ECDSA);
    ck_assert_int_eq(gnutls_privkey_get_pk_algorithm(file.key[1], NULL), GNUTLS_PK_RSA);
    ck_assert(file.in_pem);
    x509file_done(&file);
    x509file_done(&file); /* once more is nothing */
    x509file_done(NULL);
    buf_done(&data);
}
END_TEST

START_TEST(single_objects)
{
    for (size_t i = 0; i < sizeof FORMS / sizeof FORMS[0]; i++) {
        struct buf data = {0};
        put_crt(&data, &leaf, FORMS[i]);
        expect(&data, NULL, "1 0 0");
        put_crl(&data, FORMS[i]);
        expect(&data, NULL, "0 1 0");
        put_plain_key(&data, &leaf, FORMS[i]);
        expect(&data, NULL, "0 0 1");
        put_plain_key(&data, &leaf, FORMS[i]);
        expect(&data, "a password for another file", "0 0 1");
        put_plain_key(&data, &rsa, FORMS[i]);
        expect(&data, NULL, "0 0 1");
        put_plain_key(&data, &rsa, FORMS[i]);
        expect(&data, "a password for another file", "0 0 1");
        put_pkcs8(&data, &rsa, FORMS[i], NULL, GNUTLS_PKCS_PLAIN);
        expect(&data, "a password for another file", "0 0 1");
        put_pkcs7(&data, FORMS[i]);
        expect(&data, NULL, "2 1 0");
    }
}
END_TEST

/* Whose order is nobody's choice. */
START_TEST(order)
{
    struct buf data = {0};
    struct x509file file;
    for (int form = 0; form < 4; form++) {
        if (form == 0)
            put_crt(&data, &leaf, GNUTLS_X509_FMT_DER);
        else if (form == 1)
            put_pkcs7(&data, GNUTLS_X509_FMT_DER);
        else if (form == 2)
            put_pkcs7(&data, GNUTLS_X509_FMT_PEM);
        else
            put_pkcs12(&data, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, false);
        ck_assert_int_eq(x509file_parse(data.data, data.len, "x", &file, NULL), 0);
        ck_assert(!file.in_pem);
        x509file_done(&file);
        buf_done(&data);
    }
}
END_TEST

/* A certificate's DER may hold any text, that of a PEM header too. */
START_TEST(der_with_pem_in_it)
{
    struct mk_spec spec = {
        .dn = "CN=-----BEGIN CERTIFICATE-----,O=x509file", .not_before = NOW - DAY, .not_after = NOW + DAY};
    struct mk_pair odd = mk_make(&spec, &ca);
    struct buf data = {0};
    struct x509file file;
    put_crt(&data, &odd, GNUTLS_X509_FMT_DER);
    ck_assert_int_eq(x509file_parse(data.data, data.len, NULL, &file, NULL), 0);
    ck_assert_uint_eq(file.n_crts, 1);
    x509file_done(&file);
    buf_done(&data);
    mk_free(&odd);
}
END_TEST

/* Labels that other programs write. */
START_TEST(labels)
{
    static const struct {
        const char *label;
        bool pkcs7;
        const char *counts;
    } ROWS[] = {
        {"X509 CERTIFICATE", false, "1 0 0"},   {"TRUSTED CERTIFICATE", false, "1 0 0"},
        {"CERTIFICATE", true, "2 1 0"},         {"CMS", true, "2 1 0"},
        {"PKCS #7 SIGNED DATA", true, "2 1 0"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct buf der = {0}, data = {0};
        gnutls_datum_t raw, pem;
        if (ROWS[i].pkcs7)
            put_pkcs7(&der, GNUTLS_X509_FMT_DER);
        else
            put_crt(&der, &leaf, GNUTLS_X509_FMT_DER);
        raw = (gnutls_datum_t){(unsigned char *)der.data, (unsigned)der.len};
        put(&data, gnutls_pem_base64_encode2(ROWS[i].label, &raw, &pem), &pem);
        expect(&data, NULL, ROWS[i].counts);
        buf_done(&der);
    }
}
END_TEST

/* Behind OpenSSL's TRUSTED CERTIFICATE: SEQUENCE { trust SEQUENCE, reject [0], alias UTF8String }, all
 * optional. */
START_TEST(trust_settings)
{
    static const struct {
        const char *aux;
        size_t n;
        bool good;
    } ROWS[] = {
        {"\x30\x03\x0c\x01x", 5, true},
        {"\x30\x00", 2, true},
        {"\x30\x0c\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02", 14, false}, /* trusted for clientAuth */
        {"\x30\x0c\xa0\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02", 14, false}, /* rejected for it */
        {"\x30\x02\x30\x00", 4, false},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct buf der = {0}, data = {0};
        put_crt(&der, &leaf, GNUTLS_X509_FMT_DER);
        buf_put(&der, ROWS[i].aux, ROWS[i].n);
        gnutls_datum_t raw = {(unsigned char *)der.data, (unsigned)der.len}, pem;
        put(&data, gnutls_pem_base64_encode2("TRUSTED CERTIFICATE", &raw, &pem), &pem);
        if (ROWS[i].good)
            expect(&data, NULL, "1 0 0");
        else
            expect_refused(&data, NULL, ERR_SYNTAX, "openssl x509 -in");
        buf_done(&der);
    }
}
END_TEST

/* Again, for another question: deriving a key from a password takes its time. */
static struct buf copy_of(const struct buf *data)
{
    struct buf copy = {0};
    buf_put(&copy, data->data, data->len);
    return copy;
}

static void expect_secret(struct buf *data, const char *password, const char *counts)
{
    struct buf copy = copy_of(data);
    expect_refused(&copy, NULL, ERR_CRYPTO, "put its password into a file and name it in password_file");
    copy = copy_of(data);
    expect_refused(&copy, "wrong", ERR_CRYPTO, "the password in password_file does not open it");
    copy = copy_of(data);
    expect_refused(&copy, "", ERR_CRYPTO, "the password in password_file does not open it");
    expect(data, password, counts);
}

START_TEST(encrypted_keys)
{
    static const unsigned CIPHERS[] = {GNUTLS_PKCS_PBES2_3DES, GNUTLS_PKCS_PKCS12_RC2_40};
    struct buf data = {0};
    for (size_t j = 0; j < sizeof CIPHERS / sizeof CIPHERS[0]; j++) {
        put_pkcs8(&data, &leaf, GNUTLS_X509_FMT_DER, "right", CIPHERS[j]);
        expect(&data, "right", "0 0 1");
    }
    for (size_t i = 0; i < sizeof FORMS / sizeof FORMS[0]; i++) {
        put_pkcs8(&data, &leaf, FORMS[i], "right", GNUTLS_PKCS_PBES2_AES_256);
        expect_secret(&data, "right", "0 0 1");
    }
    put_pkcs8(&data, &leaf, GNUTLS_X509_FMT_DER, "", GNUTLS_PKCS_PBES2_AES_256);
    expect(&data, "", "0 0 1");
}
END_TEST

/* Keys by other programs, in forms that GnuTLS makes in some versions only: `certtool --to-p12
 * --null-password` of 3.7, and `openssl pkcs12 -export -pbmac1_pbkdf2` with the password "right" and with an
 * empty one. */
static const char PKCS12_NULL[] = //
    "-----BEGIN PKCS12-----\n"
    "MIIBhgIBAzCCAT0GCSqGSIb3DQEHAaCCAS4EggEqMIIBJjCCASIGCSqGSIb3DQEHAaCCARMEggEP\n"
    "MIIBCzCCAQcGCyqGSIb3DQEMCgECoIG9MIG6MB0GCiqGSIb3DQEMAQMwDwQI3BGk8b8C+/wCAwkn\n"
    "wASBmJD4xUo3sn4vQQgzMS5PRfSCIG0Hl1U+W60XfudZzK+lfR+/gKTsl4RjR3nSOdBB95TVD9Aq\n"
    "3VVfkp9xhOTfwJlBLK7mTNNeAX5pxCo8PB1RifKdxU+xNIoSAv1RyujzMtH1qYx4JtUvvZZ10Ecy\n"
    "FafzIkqETyAnKEcG3MyMQzQQBEmeT8XsI4IxK4y0JnhChBu6us2qXu3bMTgwEQYJKoZIhvcNAQkU\n"
    "MQQeAgBrMCMGCSqGSIb3DQEJFTEWBBRcThYMBuq3ZZEI+VtVk0Zhj6V06zBAMC8wCwYJYIZIAWUD\n"
    "BAIBBCA87O0FgUSBKv4HF6Z6ESomO4oPFz14AdQNPK9TF9WXRgQIG+AJAdO2LXkCAwknwA==\n"
    "-----END PKCS12-----\n";
static const char PKCS12_PBMAC1[] = //
    "-----BEGIN PKCS12-----\n"
    "MIIBwwIBAzCCAT0GCSqGSIb3DQEHAaCCAS4EggEqMIIBJjCCASIGCSqGSIb3DQEHAaCCARMEggEP\n"
    "MIIBCzCCAQcGCyqGSIb3DQEMCgECoIH3MIH0MF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAk\n"
    "BBDnZpmHTWnHNSrZtnO8+OPpAgIIADAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQe3uAaRgG\n"
    "6kaGPv7mKXHEQwSBkKWGJa8ttL3Z+7y0Kii0nL1j6hAFF2SLrcQ+/i8qxnaZh1sFciMo/xa+uUvC\n"
    "sve0CN6XklVt5nenTKdkvJvPpGOjMAqMWKQhmB1u/V3Xg8rrP5L8h9rcpXIETv1LPwHCZ/eWhMMd\n"
    "3A2xF/I6Qv8fmnfhK0UFM+1WGSMIcSIO9xyTbu3YNsnExxfpRx7DZmI0gzB9MG0wSQYJKoZIhvcN\n"
    "AQUOMDwwLAYJKoZIhvcNAQUMMB8ECCn5IY3k+yzaAgIIAAIBIDAMBggqhkiG9w0CCQUAMAwGCCqG\n"
    "SIb3DQIJBQAEIFChf+9VchZP4DOuCsBdbVFNVDOvZ/uQPH0Rw3tXVVu7BAgp+SGN5Pss2gICCAA=\n"
    "-----END PKCS12-----\n";
static const char PKCS12_PBMAC1_EMPTY[] = //
    "-----BEGIN PKCS12-----\n"
    "MIIBdwIBAzCB8gYJKoZIhvcNAQcBoIHkBIHhMIHeMIHbBgkqhkiG9w0BBwGggc0EgcowgccwgcQG\n"
    "CyqGSIb3DQEMCgECoIG0MIGxMBwGCiqGSIb3DQEMAQMwDgQI0AvqkXQnZcsCAggABIGQbZSEeLIE\n"
    "g9RXva9EFBjM0NCNTh/zneuUPGyOsVyKpnRV7Ya/nX2E3neRBLjYp8qFGIMfwWgTCKiv9yfUVS3w\n"
    "MsoseOlVFLhe3vXVsYwUNkwf6LEgNk1J8qjWrP7prEnWZEex68ZJ8NcauBUN5qM3N7ffSdDM/3XN\n"
    "GwXW8FXBtzbpGi2ZKwQEwWYLjsDOC/LpMH0wbTBJBgkqhkiG9w0BBQ4wPDAsBgkqhkiG9w0BBQww\n"
    "HwQIN6J8r+ohJ/8CAggAAgEgMAwGCCqGSIb3DQIJBQAwDAYIKoZIhvcNAgkFAAQgdMsxkfQ6KWkL\n"
    "eZHArX066JtJyrixPo/yQL1X98/mRagECDeifK/qISf/AgIIAA==\n"
    "-----END PKCS12-----\n";

START_TEST(pkcs12_by_others)
{
    struct buf data = {0};
    buf_puts(&data, PKCS12_NULL);
    expect(&data, NULL, "0 0 1");
    buf_puts(&data, PKCS12_NULL);
    expect(&data, "for another file", "0 0 1");
    buf_puts(&data, PKCS12_PBMAC1);
    expect_secret(&data, "right", "0 0 1");
    buf_puts(&data, PKCS12_PBMAC1_EMPTY);
    expect(&data, NULL, "0 0 1");
    buf_puts(&data, PKCS12_PBMAC1_EMPTY);
    expect(&data, "for another file", "0 0 1");
}
END_TEST

START_TEST(pkcs12)
{
    struct buf data = {0};
    put_pkcs12(&data, GNUTLS_X509_FMT_DER, "right", GNUTLS_PKCS_PBES2_AES_256, true);
    expect_secret(&data, "right", "2 1 1");
    put_pkcs12(&data, GNUTLS_X509_FMT_PEM, "right", GNUTLS_PKCS_PKCS12_RC2_40, true);
    expect(&data, "right", "2 1 1");
    put_pkcs12(&data, GNUTLS_X509_FMT_DER, "", GNUTLS_PKCS_PKCS12_3DES, true);
    struct buf copy = copy_of(&data);
    expect(&data, NULL, "2 1 1");
    expect(&copy, "for another file", "2 1 1");
    /* The empty password is right for the MAC alone: still nobody gave one. */
    put_pkcs12_parts(&data, GNUTLS_X509_FMT_DER, "right", GNUTLS_PKCS_PKCS12_3DES, true, OPEN_MAC);
    expect_refused(&data, NULL, ERR_CRYPTO, "put its password into a file");
}
END_TEST

/* Only decrypting shows whether the password is right. */
START_TEST(pkcs12_without_mac)
{
    struct buf data = {0};
    put_pkcs12(&data, GNUTLS_X509_FMT_DER, "right", GNUTLS_PKCS_PBES2_AES_128, false);
    struct buf copy = copy_of(&data);
    expect_refused(&copy, "wrong", ERR_CRYPTO, "the password in password_file does not open it");
    expect(&data, "right", "2 1 1");
    put_pkcs12(&data, GNUTLS_X509_FMT_DER, NULL, GNUTLS_PKCS_PKCS12_3DES, false);
    expect(&data, NULL, "2 1 1");
    put_pkcs12(&data, GNUTLS_X509_FMT_DER, NULL, GNUTLS_PKCS_PLAIN, false);
    expect(&data, "for another file", "2 1 1");
    /* A password that opens nothing has already brought the certificates, which are not taken twice. */
    put_pkcs12_parts(&data, GNUTLS_X509_FMT_DER, "", GNUTLS_PKCS_PKCS12_3DES, false, KEY_ONLY);
    expect(&data, "for another file", "2 1 1");
}
END_TEST

START_TEST(pkcs12_among_others)
{
    struct buf data = {0};
    put_crt(&data, &ca, GNUTLS_X509_FMT_PEM);
    put_pkcs12(&data, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, false);
    put_crl(&data, GNUTLS_X509_FMT_PEM);
    expect(&data, NULL, "3 2 1");
}
END_TEST

START_TEST(refused)
{
    struct buf data = {0};
    expect_refused(&data, NULL, ERR_SYNTAX, "is empty");
    for (int i = 0; i < 1000; i++)
        buf_putc(&data, (char)(i * 37 + i / 251));
    expect_refused(&data, NULL, ERR_SYNTAX, "is no certificate");
    for (int i = 0; i < 1000; i++)
        buf_putc(&data, (char)(i * 37 + i / 251));
    expect_refused(&data, "password", ERR_SYNTAX, "is no certificate");
    buf_puts(&data, "only a text\n");
    expect_refused(&data, NULL, ERR_SYNTAX, "is no certificate");
    buf_puts(&data, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
    expect_refused(&data, NULL, ERR_SYNTAX, "holds no certificate, key or CRL");
    put_crt(&data, &leaf, GNUTLS_X509_FMT_PEM);
    buf_puts(&data, "-----BEGIN SOMETHING ELSE-----\nAAAA\n-----END SOMETHING ELSE-----\n");
    expect_refused(&data, NULL, ERR_SYNTAX, "\"SOMETHING ELSE\"");
    buf_puts(&data, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
    expect_refused(&data, NULL, ERR_SYNTAX, "give the private key");
    buf_puts(&data, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    expect_refused(&data, NULL, ERR_SYNTAX, "holds a broken certificate");
    buf_puts(&data, "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
    expect_refused(&data, NULL, ERR_SYNTAX, "holds a broken CRL");
    buf_puts(&data, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    expect_refused(&data, NULL, ERR_SYNTAX, "holds a broken private key");
    buf_puts(&data, "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n");
    expect_refused(&data, NULL, ERR_SYNTAX, "holds a broken CERTIFICATE");
    buf_puts(&data, "-----BEGIN nothing behind it");
    expect_refused(&data, NULL, ERR_SYNTAX, "never ends");
    put_crt(&data, &leaf, GNUTLS_X509_FMT_DER);
    buf_puts(&data, "trailing");
    expect_refused(&data, NULL, ERR_SYNTAX, "is no certificate");
    buf_init(&data, 2 * (size_t)X509FILE_MAX);
    while (data.len < X509FILE_MAX)
        buf_puts(&data, "................................................................");
    put_crt(&data, &leaf, GNUTLS_X509_FMT_PEM);
    expect_refused(&data, NULL, ERR_RANGE, "64 MiB");
}
END_TEST

/* Whole text in UTF-16, `low` first or last. */
static void widen(struct buf *out, const struct buf *text, bool mark, bool low_first)
{
    if (mark)
        buf_puts(out, low_first ? "\xff\xfe" : "\xfe\xff");
    for (size_t i = 0; i < text->len; i++) {
        if (!low_first)
            buf_putc(out, 0);
        buf_putc(out, text->data[i]);
        if (low_first)
            buf_putc(out, 0);
    }
}

START_TEST(forms_of_others)
{
    static const struct {
        const char *bytes, *says;
    } CASES[] = {
        {"\xfe\xed\xfe\xed\1\2\3\4", "is a Java key store (JKS): make PKCS#12 of it: keytool"},
        {"\xce\xce\xce\xce\1\2\3\4", "-srcstoretype JCEKS"},
        {"\xfe\xed\xfe", "is no certificate"},
        {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me\n", "give the private key"},
        {"ecdsa-sha2-nistp256 AAAA me\n", "give the private key"},
        {"PuTTY-User-Key-File-3: ssh-ed25519\n", "puttygen FILE -O private-openssh"},
        {"-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n", "give the private key"},
        {"\x30\x06\x02\x01\x05\x02\x01\x03", "holds a public key"},
        {"\x30\x09\x02\x01\x05\x02\x01\x03\x02\x01\x03", "is no certificate"},
        {"\x30\x0a\x30\x05\x06\x03\x2b\x65\x70\x03\x01\x05", "holds a public key"},
        {"\xff\xfe", "UTF-16"},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct buf data = {0};
        buf_puts(&data, CASES[i].bytes);
        expect_refused(&data, NULL, ERR_SYNTAX, CASES[i].says);
    }
    for (unsigned i = 0; i < 4; i++) {
        struct buf data = {0}, text = {0};
        put_crt(&text, &leaf, GNUTLS_X509_FMT_PEM);
        widen(&data, &text, (i & 1) != 0, (i & 2) != 0);
        buf_done(&text);
        expect_refused(&data, NULL, ERR_SYNTAX, "is text in UTF-16, which Windows calls Unicode");
    }
}
END_TEST

/* Keys whose parameters are these: as RFC 5915 and as RFC 5958 write them, DER and PEM. */
static void expect_curve_refused(const char *parameters, int code, const char *says)
{
    static const char EC[] = "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01", SECRET[] = "\x04\x04\x01\x02\x03\x04";
    size_t n = strlen(parameters);
    for (unsigned i = 0; i < 4; i++) {
        struct buf data = {0}, key = {0};
        bool old = (i & 1) != 0;
        buf_putc(&key, 0x30);
        buf_putc(&key, (char)(old ? 3 + 6 + 2 + n : 3 + 2 + 9 + n + 6));
        buf_puts(&key, "\x02\x01\x01");
        if (old)
            buf_puts(&key, SECRET);
        buf_putc(&key, (char)(old ? 0xa0 : 0x30));
        buf_putc(&key, (char)(old ? n : 9 + n));
        if (!old)
            buf_puts(&key, EC);
        buf_puts(&key, parameters);
        if (!old)
            buf_puts(&key, SECRET);
        gnutls_datum_t der = {(unsigned char *)key.data, (unsigned)key.len}, pem;
        if ((i & 2) == 0)
            buf_put(&data, key.data, key.len);
        else
            put(&data, gnutls_pem_base64_encode2(old ? "EC PRIVATE KEY" : "PRIVATE KEY", &der, &pem), &pem);
        buf_done(&key);
        expect_refused(&data, NULL, code, says);
    }
}

START_TEST(curves)
{
    expect_curve_refused("\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x07", ERR_CRYPTO,
                         "the curve brainpoolP256r1,");
    expect_curve_refused("\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x0e", ERR_CRYPTO,
                         "the curve brainpoolP512t1,");
    expect_curve_refused("\x06\x05\x2b\x81\x04\x01\x0a", ERR_CRYPTO, "the curve 1.3.132.1.10,");
    expect_curve_refused("\x30\x03\x02\x01\x01", ERR_CRYPTO, "openssl ec -in FILE -param_enc named_curve");
    /* One that GnuTLS has: the key is broken for another reason. */
    expect_curve_refused("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", ERR_SYNTAX, "");
}
END_TEST

/* Text that looks like the beginning of DER. */
START_TEST(text_like_der)
{
    struct buf data = {0};
    buf_puts(&data, "0 s:CN = leaf\n  i:CN = CA\n, and so on for some 32 bytes\n");
    put_crt(&data, &leaf, GNUTLS_X509_FMT_PEM);
    expect(&data, NULL, "1 0 0");
}
END_TEST

START_TEST(requests)
{
    gnutls_x509_crq_t crq;
    ck_assert_int_ge(gnutls_x509_crq_init(&crq), 0);
    ck_assert_int_ge(gnutls_x509_crq_set_version(crq, 1), 0);
    ck_assert_int_ge(gnutls_x509_crq_set_key(crq, leaf.key), 0);
    ck_assert_int_ge(gnutls_x509_crq_sign2(crq, leaf.key, GNUTLS_DIG_SHA256, 0), 0);
    for (size_t i = 0; i < sizeof FORMS / sizeof FORMS[0]; i++) {
        struct buf data = {0};
        gnutls_datum_t raw;
        put(&data, gnutls_x509_crq_export2(crq, FORMS[i], &raw), &raw);
        expect_refused(&data, NULL, ERR_SYNTAX, "certificate request, not a certificate: have a CA sign it");
    }
    gnutls_x509_crq_deinit(crq);
}
END_TEST

/* Whatever is cut off, the rest is refused: never half of a file. */
static void expect_prefixes_refused(struct buf *data, const char *password, size_t whole, size_t step)
{
    for (size_t n = 0; n < whole; n += step) {
        struct x509file file = {0};
        struct err err = {0};
        char *copy = malloc(n + 1); /* so that the sanitizer sees a read behind its end */
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, data->data, n);
        int rc = x509file_parse(copy, n, password, &file, &err);
        ck_assert_msg(rc < 0, "%zu bytes of %zu are taken", n, whole);
        ck_assert_msg(err.text[0] != '\0', "%zu bytes: nothing is said", n);
        free(copy);
    }
    buf_done(data);
}

START_TEST(cut)
{
    struct buf data = {0};
    put_crt(&data, &leaf, GNUTLS_X509_FMT_DER);
    expect_prefixes_refused(&data, NULL, data.len, 1);
    put_crl(&data, GNUTLS_X509_FMT_DER);
    expect_prefixes_refused(&data, NULL, data.len, 1);
    put_plain_key(&data, &leaf, GNUTLS_X509_FMT_DER);
    expect_prefixes_refused(&data, NULL, data.len, 1);
    put_pkcs7(&data, GNUTLS_X509_FMT_DER);
    expect_prefixes_refused(&data, NULL, data.len, 7);
    put_pkcs8(&data, &leaf, GNUTLS_X509_FMT_DER, "x", GNUTLS_PKCS_PBES2_AES_128);
    expect_prefixes_refused(&data, "x", data.len, 3);
    put_pkcs12(&data, GNUTLS_X509_FMT_DER, "x", GNUTLS_PKCS_PBES2_AES_128, true);
    expect_prefixes_refused(&data, "x", data.len, 13);
    put_crt(&data, &leaf, GNUTLS_X509_FMT_PEM);
    expect_prefixes_refused(&data, NULL, data.len - 1, 1); /* without the last newline it is whole */
    put_plain_key(&data, &leaf, GNUTLS_X509_FMT_PEM);
    expect_prefixes_refused(&data, NULL, data.len - 1, 1);
}
END_TEST

/* The second of two objects lost its beginning or the first its end: neither passes for one object. */
START_TEST(cut_in_the_middle)
{
    struct buf one = {0}, data = {0};
    put_crt(&one, &leaf, GNUTLS_X509_FMT_PEM);
    const char *end = strstr(one.data, "-----END");
    ck_assert_ptr_nonnull(end);
    buf_put(&data, one.data, (size_t)(end - one.data));
    put_crt(&data, &ca, GNUTLS_X509_FMT_PEM);
    expect_refused(&data, NULL, ERR_SYNTAX, "is cut short: CERTIFICATE has no end");
    buf_put(&data, one.data, one.len / 2);
    put_crt(&data, &ca, GNUTLS_X509_FMT_PEM);
    expect_refused(&data, NULL, ERR_SYNTAX, "is cut short: CERTIFICATE has no end");
    buf_done(&one);
}
END_TEST

/* --- files --- */

/* That of the whole suite: a forked test that fails cleans nothing up, its parent does. */
static char folder[] = "/tmp/mtlsd-x509file.XXXXXX";
static char path[sizeof folder + 16];

static void write_file(const char *data, size_t len, mode_t mode)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, len, file), len);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(path, mode), 0);
}

static void make_folder(void)
{
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
}

static void remove_folder(void)
{
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static int load(struct x509file *file, struct err *err)
{
    *err = (struct err){0};
    return x509file_load(path, NULL, NULL, file, err);
}

START_TEST(files)
{
    struct x509file file = {0};
    struct err err;
    struct buf data = {0};
    unlink(path);
    ck_assert_int_eq(load(&file, &err), ERR_NOTFOUND);
    ck_assert_msg(strstr(err.text, path) && strstr(err.text, "No such file"), "%s", err.text);
    ck_assert_int_eq(x509file_load(path, NULL, NULL, &file, NULL), ERR_NOTFOUND);

    put_plain_key(&data, &leaf, GNUTLS_X509_FMT_PEM);
    write_file(data.data, data.len, 0600);
    ck_assert_int_eq(load(&file, &err), 0);
    ck_assert_uint_eq(file.n_keys, 1);
    ck_assert(!file.key_readable_by_others);
    x509file_done(&file);
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_int_eq(load(&file, &err), 0);
    ck_assert(!file.key_readable_by_others);
    x509file_done(&file);
    ck_assert_int_eq(chmod(path, 0604), 0);
    ck_assert_int_eq(load(&file, &err), 0);
    ck_assert(file.key_readable_by_others);
    x509file_done(&file);
    if (geteuid() != 0) {
        ck_assert_int_eq(chmod(path, 0), 0);
        ck_assert_int_eq(load(&file, &err), ERR_DENIED);
        ck_assert_int_eq(chmod(path, 0600), 0);
    }
    write_file(data.data, data.len / 2, 0600);
    ck_assert_int_eq(load(&file, &err), ERR_SYNTAX);
    ck_assert_msg(strncmp(err.text, path, strlen(path)) == 0, "%s", err.text);
    buf_done(&data);

    put_crt(&data, &leaf, GNUTLS_X509_FMT_PEM); /* which everybody may read */
    write_file(data.data, data.len, 0644);
    ck_assert_int_eq(load(&file, &err), 0);
    ck_assert(!file.key_readable_by_others);
    x509file_done(&file);
    buf_done(&data);

    write_file("", 0, 0600);
    ck_assert_int_eq(load(&file, &err), ERR_SYNTAX);
    ck_assert_msg(strstr(err.text, "is empty"), "%s", err.text);
    ck_assert_int_eq(truncate(path, X509FILE_MAX + 1), 0);
    ck_assert_int_eq(load(&file, &err), ERR_RANGE);
    ck_assert_msg(strstr(err.text, "64 MiB"), "%s", err.text);
    ck_assert_int_eq(x509file_load(folder, NULL, NULL, &file, &err), ERR_IO);
    ck_assert_msg(strstr(err.text, "is a folder"), "%s", err.text);
}
END_TEST

START_TEST(reading)
{
    char *data = NULL;
    size_t len = 0;
    struct err err = {0};
    char text[40000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 26);
    static const size_t SIZES[] = {1, 16383, 16384, 16385, 39999, 40000};
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        write_file(text, SIZES[i], 0600);
        ck_assert_msg(x509file_read(path, sizeof text, &data, &len, &err) == 0, "%s", err.text);
        ck_assert_uint_eq(len, SIZES[i]);
        ck_assert_int_eq(memcmp(data, text, len), 0);
        ck_assert_int_eq(data[len], '\0');
        x509file_wipe(data, len);
    }
    data = text;
    ck_assert_int_eq(x509file_read(path, sizeof text - 1, &data, &len, &err), ERR_RANGE);
    ck_assert_ptr_eq(data, text);
    x509file_wipe(NULL, 0);

    /* A pipe says nothing of its size. */
    for (size_t most = sizeof text - 1; most <= sizeof text; most++) {
        int ends[2];
        char name[32];
        ck_assert_int_eq(pipe(ends), 0);
        ck_assert_int_eq(write(ends[1], text, sizeof text), (ssize_t)sizeof text);
        close(ends[1]);
        snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
        int rc = x509file_read(name, most, &data, &len, &err);
        close(ends[0]);
        if (most < sizeof text) {
            ck_assert_int_eq(rc, ERR_RANGE);
            continue;
        }
        ck_assert_msg(rc == 0, "%s", err.text);
        ck_assert_uint_eq(len, sizeof text);
        ck_assert_int_eq(memcmp(data, text, len), 0);
        x509file_wipe(data, len);
    }
}
END_TEST

START_TEST(secrets)
{
    static const struct {
        const char *file, *secret;
    } ROWS[] = {
        {"word", "word"},
        {"word\n", "word"},
        {"word\r\n", "word"},
        {"two words \nnext\n", "two words "},
        {"Gr\xc3\xbc\xc3\x9f"
         "e\n",
         "Gr\xc3\xbc\xc3\x9f"
         "e"},
        {"", ""},
        {"\nword\n", ""},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        char *secret = NULL;
        write_file(ROWS[i].file, strlen(ROWS[i].file), 0600);
        ck_assert_int_eq(x509file_secret(path, &secret, NULL), 0);
        ck_assert_str_eq(secret, ROWS[i].secret);
        x509file_wipe(secret, strlen(secret));
    }
    char *untouched = path;
    ck_assert_int_eq(truncate(path, 5000), 0);
    ck_assert_int_eq(x509file_secret(path, &untouched, NULL), ERR_RANGE);
    ck_assert_ptr_eq(untouched, path);
}
END_TEST

START_TEST(uris)
{
    struct x509file file = {.n_keys = 77};
    struct err err = {0};
    ck_assert_int_eq(x509file_load("pkcs11:token=x;object=y?pin-value=s3cret", NULL, NULL, &file, &err),
                     ERR_RANGE);
    ck_assert_msg(strstr(err.text, "name that in pin_file"), "%s", err.text);
    ck_assert_msg(!strstr(err.text, "s3cret"), "%s", err.text);
    ck_assert_int_lt(x509file_load("pkcs11:token=%zz", NULL, NULL, &file, &err), 0);
    ck_assert_int_eq(
        x509file_load("pkcs11:token=mtlsd-no-such-token;object=nothing;type=cert", NULL, NULL, &file, &err),
        ERR_NOTFOUND);
    ck_assert_msg(strstr(err.text, "mtlsd-no-such-token") && strstr(err.text, "p11tool"), "%s", err.text);
    ck_assert_uint_eq(file.n_keys, 77);
}
END_TEST

Suite *suite_x509file(void)
{
    Suite *suite = suite_create("x509file");
    TCase *tc = tcase_create("parse");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, pem_with_several);
    tcase_add_test(tc, single_objects);
    tcase_add_test(tc, der_with_pem_in_it);
    tcase_add_test(tc, labels);
    tcase_add_test(tc, trust_settings);
    tcase_add_test(tc, refused);
    tcase_add_test(tc, text_like_der);
    tcase_add_test(tc, forms_of_others);
    tcase_add_test(tc, curves);
    tcase_add_test(tc, requests);
    tcase_add_test(tc, cut_in_the_middle);
    suite_add_tcase(suite, tc);
    tc = tcase_create("files");
    tcase_add_unchecked_fixture(tc, make_folder, remove_folder);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, files);
    tcase_add_test(tc, reading);
    tcase_add_test(tc, secrets);
    tcase_add_test(tc, uris);
    suite_add_tcase(suite, tc);
    return suite;
}

/* Deriving keys from passwords takes long on purpose: where that hurts, this suite can be left out. */
Suite *suite_x509file_passwords(void)
{
    Suite *suite = suite_create("x509file_passwords");
    TCase *tc = tcase_create("passwords");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, order);
    tcase_add_test(tc, encrypted_keys);
    tcase_add_test(tc, pkcs12_by_others);
    tcase_add_test(tc, pkcs12);
    tcase_add_test(tc, pkcs12_without_mac);
    tcase_add_test(tc, pkcs12_among_others);
    tcase_add_test(tc, cut);
    suite_add_tcase(suite, tc);
    return suite;
}
