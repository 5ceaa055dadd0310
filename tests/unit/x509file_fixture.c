#include "x509file_fixture.h"

#include <check.h>
#include <gnutls/pkcs7.h>
#include <stdio.h>
#include <string.h>

struct mk_pair ca, leaf, rsa;
gnutls_x509_crl_t crl;

const gnutls_x509_crt_fmt_t FORMS[2] = {GNUTLS_X509_FMT_PEM, GNUTLS_X509_FMT_DER};

void x509file_set_up(void)
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

void x509file_tear_down(void)
{
    mk_free(&ca);
    mk_free(&leaf);
    mk_free(&rsa);
    gnutls_x509_crl_deinit(crl);
}

void put(struct buf *out, int rc, gnutls_datum_t *data)
{
    ck_assert_msg(rc >= 0, "%s", gnutls_strerror(rc));
    buf_put(out, data->data, data->size);
    gnutls_free(data->data);
}

void put_crt(struct buf *out, const struct mk_pair *pair, gnutls_x509_crt_fmt_t form)
{
    gnutls_datum_t data;
    put(out, gnutls_x509_crt_export2(pair->crt, form, &data), &data);
}

void put_crl(struct buf *out, gnutls_x509_crt_fmt_t form)
{
    gnutls_datum_t data;
    put(out, gnutls_x509_crl_export2(crl, form, &data), &data);
}

void put_plain_key(struct buf *out, const struct mk_pair *pair, gnutls_x509_crt_fmt_t form)
{
    gnutls_datum_t data;
    put(out, gnutls_x509_privkey_export2(pair->key, form, &data), &data);
}

void put_pkcs8(struct buf *out, const struct mk_pair *pair, gnutls_x509_crt_fmt_t form, const char *password,
               unsigned flags)
{
    gnutls_datum_t data;
    put(out, gnutls_x509_privkey_export2_pkcs8(pair->key, form, password, flags, &data), &data);
}

void put_pkcs7(struct buf *out, gnutls_x509_crt_fmt_t form)
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

void expect_counts(struct buf *data, const char *password, const char *counts)
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

void expect_refused(struct buf *data, const char *password, int code, const char *says)
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
