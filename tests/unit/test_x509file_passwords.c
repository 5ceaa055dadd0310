/* Files that a password opens, and PKCS#12, which has one even where nobody gave it. */
#include <gnutls/pkcs12.h>
#include <stdlib.h>
#include <string.h>

#include "pki/der.h"
#include "suites.h"
#include "x509file_fixture.h"

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
    expect_counts(data, password, counts);
}

START_TEST(encrypted_keys)
{
    static const unsigned CIPHERS[] = {GNUTLS_PKCS_PBES2_3DES, GNUTLS_PKCS_PKCS12_RC2_40};
    struct buf data = {0};
    for (size_t j = 0; j < sizeof CIPHERS / sizeof CIPHERS[0]; j++) {
        put_pkcs8(&data, &leaf, GNUTLS_X509_FMT_DER, "right", CIPHERS[j]);
        expect_counts(&data, "right", "0 0 1");
    }
    for (size_t i = 0; i < sizeof FORMS / sizeof FORMS[0]; i++) {
        put_pkcs8(&data, &leaf, FORMS[i], "right", GNUTLS_PKCS_PBES2_AES_256);
        expect_secret(&data, "right", "0 0 1");
    }
    put_pkcs8(&data, &leaf, GNUTLS_X509_FMT_DER, "", GNUTLS_PKCS_PBES2_AES_256);
    expect_counts(&data, "", "0 0 1");
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
    expect_counts(&data, NULL, "0 0 1");
    buf_puts(&data, PKCS12_NULL);
    expect_counts(&data, "for another file", "0 0 1");
    buf_puts(&data, PKCS12_PBMAC1);
    expect_secret(&data, "right", "0 0 1");
    buf_puts(&data, PKCS12_PBMAC1_EMPTY);
    expect_counts(&data, NULL, "0 0 1");
    buf_puts(&data, PKCS12_PBMAC1_EMPTY);
    expect_counts(&data, "for another file", "0 0 1");
}
END_TEST

START_TEST(pkcs12)
{
    struct buf data = {0};
    put_pkcs12(&data, GNUTLS_X509_FMT_DER, "right", GNUTLS_PKCS_PBES2_AES_256, true);
    expect_secret(&data, "right", "2 1 1");
    put_pkcs12(&data, GNUTLS_X509_FMT_PEM, "right", GNUTLS_PKCS_PKCS12_RC2_40, true);
    expect_counts(&data, "right", "2 1 1");
    put_pkcs12(&data, GNUTLS_X509_FMT_DER, "", GNUTLS_PKCS_PKCS12_3DES, true);
    struct buf copy = copy_of(&data);
    expect_counts(&data, NULL, "2 1 1");
    expect_counts(&copy, "for another file", "2 1 1");
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
    expect_counts(&data, "right", "2 1 1");
    put_pkcs12(&data, GNUTLS_X509_FMT_DER, NULL, GNUTLS_PKCS_PKCS12_3DES, false);
    expect_counts(&data, NULL, "2 1 1");
    put_pkcs12(&data, GNUTLS_X509_FMT_DER, NULL, GNUTLS_PKCS_PLAIN, false);
    expect_counts(&data, "for another file", "2 1 1");
    /* A password that opens nothing has already brought the certificates, which are not taken twice. */
    put_pkcs12_parts(&data, GNUTLS_X509_FMT_DER, "", GNUTLS_PKCS_PKCS12_3DES, false, KEY_ONLY);
    expect_counts(&data, "for another file", "2 1 1");
}
END_TEST

START_TEST(pkcs12_among_others)
{
    struct buf data = {0};
    put_crt(&data, &ca, GNUTLS_X509_FMT_PEM);
    put_pkcs12(&data, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, false);
    put_crl(&data, GNUTLS_X509_FMT_PEM);
    expect_counts(&data, NULL, "3 2 1");
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

/* Deriving keys from passwords takes long on purpose: where that hurts, this suite can be left out. */
Suite *suite_x509file_passwords(void)
{
    Suite *suite = suite_create("x509file_passwords");
    TCase *tc = tcase_create("passwords");
    tcase_add_checked_fixture(tc, x509file_set_up, x509file_tear_down);
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
