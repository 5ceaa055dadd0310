/* Files of other programs: what of them is taken, and what is said of those that are not. */
#include <string.h>

#include "suites.h"
#include "x509file_fixture.h"

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
        expect_counts(&data, NULL, ROWS[i].counts);
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
            expect_counts(&data, NULL, "1 0 0");
        else
            expect_refused(&data, NULL, ERR_SYNTAX, "openssl x509 -in");
        buf_done(&der);
    }
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
    expect_counts(&data, NULL, "1 0 0");
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

Suite *suite_x509file_other(void)
{
    Suite *suite = suite_create("x509file_other");
    TCase *tc = tcase_create("other");
    tcase_add_checked_fixture(tc, x509file_set_up, x509file_tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, labels);
    tcase_add_test(tc, trust_settings);
    tcase_add_test(tc, text_like_der);
    tcase_add_test(tc, forms_of_others);
    tcase_add_test(tc, curves);
    tcase_add_test(tc, requests);
    suite_add_tcase(suite, tc);
    return suite;
}
