/* What strangers send to be judged, and the body that it comes in. */
#include <string.h>

#include "http/body.h"
#include "pki/pasted.h"
#include "suites.h"
#include "x509file_fixture.h"

/* Empties `data`. n: certificates; code: what it is refused with, in words that begin so. */
static void expect(struct buf *data, unsigned n, int code, const char *says)
{
    struct pasted pasted;
    struct err err = {0};
    int rc = pasted_read(data->data, data->len, &pasted, &err);
    ck_assert_msg(rc == code, "%d: %s", rc, err.text);
    if (rc == 0) {
        ck_assert_uint_eq(pasted.n, n);
        pasted_done(&pasted);
    } else {
        ck_assert_msg(strstr(err.text, says) != NULL, "%s", err.text);
    }
    buf_done(data);
}

static void put_base64(struct buf *out, const struct buf *what)
{
    gnutls_datum_t raw = {(unsigned char *)what->data, (unsigned)what->len}, text;
    ck_assert_int_ge(gnutls_base64_encode2(&raw, &text), 0);
    buf_put(out, text.data, text.size);
    gnutls_free(text.data);
}

START_TEST(certificates)
{
    for (size_t i = 0; i < ARRAY_LEN(FORMS); i++) {
        struct buf data = {0}, inner = {0};
        put_crt(&data, &leaf, FORMS[i]);
        put_crt(&inner, &leaf, FORMS[i]);
        expect(&data, 1, 0, NULL);
        put_base64(&data, &inner);
        buf_done(&inner);
        expect(&data, 1, 0, NULL);
        put_pkcs7(&data, FORMS[i]);
        expect(&data, 2, 0, NULL);
    }
    struct buf data = {0}, one = {0};
    buf_puts(&data, "subject=CN = leaf\n");
    put_crt(&data, &leaf, GNUTLS_X509_FMT_PEM);
    buf_puts(&data, "\r\nissuer\r\n");
    put_crt(&data, &ca, GNUTLS_X509_FMT_PEM);
    put_crl(&data, GNUTLS_X509_FMT_PEM);
    expect(&data, 2, 0, NULL);
    /* curl -d leaves the line ends out. */
    put_crt(&one, &leaf, GNUTLS_X509_FMT_PEM);
    for (size_t i = 0; i < one.len; i++)
        if (one.data[i] != '\n')
            buf_putc(&data, one.data[i]);
    buf_done(&one);
    expect(&data, 1, 0, NULL);
    for (unsigned i = 0; i <= CHAIN_MOST_READ; i++)
        put_crt(&data, &leaf, GNUTLS_X509_FMT_PEM);
    expect(&data, 0, ERR_RANGE, "more than 32 certificates");
}
END_TEST

START_TEST(keys)
{
    const struct mk_pair *const pairs[] = {&leaf, &rsa};
    for (size_t i = 0; i < ARRAY_LEN(FORMS) * ARRAY_LEN(pairs); i++) {
        const struct mk_pair *pair = pairs[i / ARRAY_LEN(FORMS)];
        gnutls_x509_crt_fmt_t form = FORMS[i % ARRAY_LEN(FORMS)];
        for (unsigned kind = 0; kind < 6; kind++) {
            struct buf data = {0}, inner = {0};
            /* Behind a certificate, which does not make it better. */
            if (form == GNUTLS_X509_FMT_PEM && kind % 2 == 0)
                put_crt(&inner, &leaf, form);
            if (kind / 2 == 0)
                put_plain_key(&inner, pair, form);
            else
                put_pkcs8(&inner, pair, form, kind / 2 == 1 ? NULL : "secret",
                          kind / 2 == 1 ? GNUTLS_PKCS_PLAIN : GNUTLS_PKCS_PBES2_AES_256);
            if (kind % 2 == 0)
                buf_put(&data, inner.data, inner.len);
            else
                put_base64(&data, &inner);
            buf_done(&inner);
            expect(&data, 0, ERR_DENIED, "A private key was sent");
        }
    }
    static const char *const TEXTS[] = {
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        "AAAA\n-----END RSA PRIVATE KEY-----\n",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
        "PuTTY-User-Key-File-3: ssh-ed25519\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        struct buf data = {0};
        buf_puts(&data, TEXTS[i]);
        expect(&data, 0, ERR_DENIED, "A private key was sent");
    }
    struct buf data = {0}, der = {0};
    put_plain_key(&der, &leaf, GNUTLS_X509_FMT_DER);
    gnutls_datum_t raw = {(unsigned char *)der.data, (unsigned)der.len}, pem;
    put(&data, gnutls_pem_base64_encode2("SOMETHING", &raw, &pem), &pem);
    buf_done(&der);
    expect(&data, 0, ERR_DENIED, "A private key was sent");
}
END_TEST

START_TEST(others)
{
    static const struct {
        const char *bytes;
        const char *says;
    } ROWS[] = {
        {"", "Nothing was sent"},
        {"hello", "is no certificate"},
        {"\xfe\xed\xfe\xed\1\2\3\4", "send the certificate alone, as PEM: keytool -exportcert -rfc"},
        {"\xff\xfe-", "UTF-16"},
        {"-----BEGIN CERTIFICATE-----\nMIIB", "is cut short"},
        {"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "is not base64"},
        {"-----BEGIN EC PARAMETERS-----\nBggq\n-----END EC PARAMETERS-----\n", "There is no certificate"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct buf data = {0};
        buf_puts(&data, ROWS[i].bytes);
        expect(&data, 0, ERR_SYNTAX, ROWS[i].says);
    }
    struct buf data = {0};
    put_crl(&data, GNUTLS_X509_FMT_DER);
    expect(&data, 0, ERR_SYNTAX, "There is no certificate");
}
END_TEST

START_TEST(bodies)
{
    struct http1_body body = {0};
    http1_body_begin(&body, 10000);
    ck_assert_ptr_null(body.bytes); /* nothing for what was announced */
    for (int i = 0; i < 10000; i++)
        ck_assert_int_eq(http1_body_put(&body, i % 2 ? "b" : "a", 1), 0);
    ck_assert_uint_eq(body.len, 10000);
    ck_assert_int_eq(memcmp(body.bytes + 9996, "abab", 4), 0);
    ck_assert(!body.over);
    ck_assert_int_eq(http1_body_put(&body, "c", 1), 0);
    ck_assert(body.over && body.bytes == NULL && body.len == 0);
    ck_assert_int_eq(http1_body_put(&body, "c", 1), 0);
    ck_assert_ptr_null(body.bytes);
    http1_body_done(&body);
    ck_assert_uint_eq(body.most, 0);
}
END_TEST

Suite *suite_pasted(void)
{
    Suite *suite = suite_create("pasted");
    TCase *tc = tcase_create("pasted");
    tcase_add_checked_fixture(tc, x509file_set_up, x509file_tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, certificates);
    tcase_add_test(tc, keys);
    tcase_add_test(tc, others);
    tcase_add_test(tc, bodies);
    suite_add_tcase(suite, tc);
    return suite;
}
