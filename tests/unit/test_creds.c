/* What a listener's certificates and keys are loaded from, what is said of mistakes, and the lints of
 * `check`. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "listener_fixture.h"

/* --- files --- */

START_TEST(any_order)
{
    const struct mk_pair *const chain[] = {&lf.leaf, &lf.intermediate};
    for (int order = 0; order < 6; order++) {
        for (int i = 0; i < 3; i++) {
            int what = order < 3 ? (order + i) % 3 : (order - i) % 3;
            if (what == 0)
                lf_add_crt(&lf.leaf);
            else if (what == 1)
                lf_add_crt(&lf.intermediate);
            else
                lf_add_key(&lf.leaf);
        }
        lf_expect_chain(2, chain);
        lf_lint();
        ck_assert_msg(!lf.findings.data, "%s", lf.findings.data);
        lf_forget_files();
    }
}
END_TEST

static struct mk_pair make_until(const char *dn, const struct mk_pair *issuer, time_t from, time_t to)
{
    struct mk_spec spec = {.dn = dn,
                           .flags = MK_SERVER_EKU,
                           .path_len = -1,
                           .not_before = from,
                           .not_after = to,
                           .san_dns = "localhost"};
    return mk_make(&spec, issuer);
}

START_TEST(renewed)
{
    struct mk_pair next = make_until("CN=leaf,O=creds", &lf.intermediate, LF_NOW, LF_NOW + 200 * LF_DAY);
    lf_sign_for(&next, lf.leaf.key, &lf.intermediate);
    for (int first = 0; first < 2; first++) {
        lf_add_crt(first ? &next : &lf.leaf);
        lf_add_crt(first ? &lf.leaf : &next);
        lf_add_crt(&lf.intermediate);
        lf_add_key(&lf.leaf);
        ck_assert_int_eq(lf_load(), 0);
        lf_expect_only(first ? "warning 2:" : "warning 1:", "not used");
        ck_assert_int_eq(creds_not_after(lf.creds), LF_NOW + 200 * LF_DAY);
        lf_forget_files();
    }
    mk_free(&next);
}
END_TEST

/* --- mistakes --- */

START_TEST(wrong_key)
{
    lf_add_crts(2, &lf.leaf, &lf.intermediate);
    lf_add_key(&lf.other);
    ck_assert_int_eq(lf_load(), ERR_MISMATCH);
    lf_expect_only("error 2:", "does not match the certificate in");
    lf_expect_finding("error 2:", lf.file[0].text);
    lf_expect_finding("error 2:", lf.file[1].text);
}
END_TEST

/* The file says whose key it is, and is mistaken. */
START_TEST(wrong_secret)
{
    gnutls_ecc_curve_t curve;
    gnutls_datum_t x, y, secret, none[3];
    ck_assert_int_ge(gnutls_x509_privkey_export_ecc_raw(lf.leaf.key, &curve, &x, &y, &none[0]), 0);
    ck_assert_int_ge(
        gnutls_x509_privkey_export_ecc_raw(lf.intermediate.key, &curve, &none[1], &none[2], &secret), 0);
    struct mk_pair mixed = {0};
    ck_assert_int_ge(gnutls_x509_privkey_init(&mixed.key), 0);
    ck_assert_int_ge(gnutls_x509_privkey_import_ecc_raw(mixed.key, curve, &x, &y, &secret), 0);
    lf_add_crts(2, &lf.leaf, &lf.intermediate);
    lf_add_key(&mixed);
    ck_assert_int_eq(lf_load(), ERR_CRYPTO);
    lf_expect_only("error 1:", "with the key in");
    gnutls_x509_privkey_deinit(mixed.key);
    gnutls_datum_t *const all[] = {&x, &y, &secret, &none[0], &none[1], &none[2]};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        gnutls_free(all[i]->data);
}
END_TEST

START_TEST(missing_key)
{
    lf_add_crts(2, &lf.leaf, &lf.intermediate);
    ck_assert_int_eq(lf_load(), ERR_MISMATCH);
    lf_expect_only("error 1:", "without its private key: add the key's file to the list");
    lf_forget_files();

    lf_add_crt(&lf.leaf); /* one of two */
    lf_add_crt(&lf.other);
    lf_add_crt(&lf.intermediate);
    lf_add_key(&lf.other);
    ck_assert_int_eq(lf_load(), ERR_MISMATCH);
    lf_expect_only("error 1:", "without its private key: add the key's file to the list");
    lf_forget_files();

    lf_add_crt(&lf.root);
    ck_assert_int_eq(lf_load(), ERR_MISMATCH);
    lf_expect_only("error 1:", "without its private key: add the key's file to the list");
}
END_TEST

START_TEST(missing_certificate)
{
    lf_add_key(&lf.leaf);
    ck_assert_int_eq(lf_load(), ERR_MISMATCH);
    lf_expect_only("error 1:", "no certificate is given: add its file to the list");
    lf_forget_files();

    gnutls_x509_crl_t crl = mk_crl(&lf.root, NULL, LF_NOW, LF_NOW + LF_DAY);
    gnutls_datum_t pem;
    ck_assert_int_ge(gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, &pem), 0);
    gnutls_x509_crl_deinit(crl);
    lf_add_bytes(pem.data, pem.size);
    gnutls_free(pem.data);
    ck_assert_int_eq(lf_load(), ERR_MISMATCH);
    lf_expect_only("error 1:", "neither certificate nor private key");
}
END_TEST

START_TEST(secrets)
{
    lf_add_crts(2, &lf.leaf, &lf.intermediate);
    gnutls_datum_t key;
    ck_assert_int_ge(gnutls_x509_privkey_export2_pkcs8(lf.leaf.key, GNUTLS_X509_FMT_DER, "open me",
                                                       GNUTLS_PKCS_PKCS12_3DES, &key),
                     0);
    lf_add_bytes(key.data, key.size);
    gnutls_free(key.data);
    ck_assert_int_eq(lf_load(), ERR_CRYPTO);
    lf_expect_only("error 2:", "name it in password_file");
    lf.listener.password_file = (struct conf_text){.text = lf.file[0].text, .src = {"test.conf", 50}};
    ck_assert_int_eq(lf_load(), ERR_CRYPTO);
    lf_expect_only("error 2:", "the password in password_file does not open it");
    lf_add_bytes("open me\n", 8);
    lf.listener.certificate.n--;
    lf.listener.password_file.text = lf.file[2].text;
    ck_assert_int_eq(lf_load(), 0);
    ck_assert(!lf.findings.data);
    unlink(lf.file[2].text);
    ck_assert_int_eq(lf_load(), ERR_NOTFOUND);
    lf_expect_only("error 50:", "password_file: ");
    free(lf.file[2].text);
    lf.listener.password_file.text = NULL;
    lf.listener.pin_file =
        (struct conf_text){.text = (char *)(uintptr_t) "/nowhere/pin", .src = {"test.conf", 51}};
    ck_assert_int_eq(lf_load(), ERR_NOTFOUND);
    lf_expect_only("error 51:", "pin_file: ");
}
END_TEST

/* --- lint --- */

/* One certificate of the intermediate, made of `spec`; what is said of it is one line. */
static void lint_leaf(const struct mk_spec *spec, const char *severity, const char *says)
{
    struct mk_spec whole = *spec;
    if (!whole.not_after)
        whole.not_after = LF_NOW + 100 * LF_DAY;
    if (!whole.not_before)
        whole.not_before = LF_NOW - 10 * LF_DAY;
    whole.dn = "CN=linted,O=creds";
    whole.path_len = -1;
    struct mk_pair pair = mk_make(&whole, &lf.intermediate);
    lf_add_crts(2, &pair, &lf.intermediate);
    lf_add_key(&pair);
    lf_lint();
    if (says)
        lf_expect_only(severity, says);
    else
        ck_assert_msg(!lf.findings.data, "%s", lf.findings.data);
    mk_free(&pair);
    lf_forget_files();
}

START_TEST(lint_leaves)
{
    static const char HOST[] = "localhost";
    static const struct {
        struct mk_spec spec;
        const char *severity, *says;
    } ROWS[] = {
        {{.flags = MK_SERVER_EKU, .san_dns = HOST}, NULL, NULL},
        {{.flags = MK_SERVER_EKU, .san_dns = HOST, .not_after = LF_NOW - 7 * LF_DAY},
         "error 1:",
         "CN=linted,O=creds expired 7 days ago (2026-06-08T12:00:00Z): renew it"},
        {{.flags = MK_SERVER_EKU, .san_dns = HOST, .not_after = LF_NOW - 1}, "error 1:", "expired"},
        {{.flags = MK_SERVER_EKU,
          .san_dns = HOST,
          .not_before = LF_NOW - 90 * LF_DAY,
          .not_after = LF_NOW + 30 * LF_DAY - 1},
         "warning 1:",
         "expires in 29 days (2026-07-15T11:59:59Z): renew it"},
        {{.flags = MK_SERVER_EKU,
          .san_dns = HOST,
          .not_before = LF_NOW - 90 * LF_DAY,
          .not_after = LF_NOW + 30 * LF_DAY},
         NULL,
         NULL},
        /* One for a day: the last third of its life. */
        {{.flags = MK_SERVER_EKU,
          .san_dns = HOST,
          .not_before = LF_NOW - 2 * LF_DAY / 3,
          .not_after = LF_NOW + LF_DAY / 3},
         NULL,
         NULL},
        {{.flags = MK_SERVER_EKU,
          .san_dns = HOST,
          .not_before = LF_NOW - 2 * LF_DAY / 3 - 1,
          .not_after = LF_NOW + LF_DAY / 3 - 1},
         "warning 1:",
         "expires in"},
        {{.flags = MK_SERVER_EKU, .san_dns = HOST, .not_before = LF_NOW + LF_DAY},
         "error 1:",
         "is not valid before 2026-06-16T12:00:00Z: is this machine's clock right?"},
        {{.flags = MK_SERVER_EKU}, "warning 1:", "no subject alternative name"},
        {{.flags = 0, .san_dns = HOST}, "error 1:", "extended key usage without serverAuth"},
        {{.flags = MK_NO_EKU, .san_dns = HOST}, NULL, NULL},
        {{.flags = MK_SERVER_EKU | MK_ENCIPHER_ONLY, .san_dns = HOST},
         "error 1:",
         "without digitalSignature"},
        {{.flags = MK_SERVER_EKU | MK_NO_KEY_USAGE, .san_dns = HOST}, NULL, NULL},
        {{.flags = MK_SERVER_EKU | MK_RSA_1024, .san_dns = HOST},
         "warning 1:",
         "a weak key (RSA, 1024 bits)"},
        {{.flags = MK_SERVER_EKU | MK_SHA1, .san_dns = HOST}, "warning 1:", "a weak signature (ECDSA-SHA1)"},
        {{.flags = MK_SERVER_EKU | MK_TLS_FEATURE, .san_dns = HOST}, "warning 1:", "must-staple"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
        lint_leaf(&ROWS[i].spec, ROWS[i].severity, ROWS[i].says);
}
END_TEST

START_TEST(lint_chains)
{
    lf_add_crt(&lf.leaf);
    lf_add_key(&lf.leaf);
    lf_lint();
    lf_expect_only("warning 1:", "comes without its issuer CN=intermediate,O=creds");
    lf_forget_files();

    lf_add_crts(2, &lf.intermediate, &lf.leaf);
    lf_add_key(&lf.leaf);
    lf_lint();
    lf_expect_only("warning 1:", "is not in order");
    lf_forget_files();

    lf_add_crts(3, &lf.leaf, &lf.root,
                &lf.intermediate); /* the root does not go out, yet stands in between */
    lf_add_key(&lf.leaf);
    lf_lint();
    lf_expect_only("warning 1:", "is not in order");
    lf_forget_files();

    struct mk_pair own = lf_make("CN=own,O=creds", 0, NULL, "localhost");
    lf_add_crt(&own);
    lf_add_key(&own);
    lf_lint();
    lf_expect_only("warning 1:", "is self-signed");
    mk_free(&own);
    lf_forget_files();

    lf_add_crt(&lf.intermediate); /* a CA as a server */
    lf_add_crt(&lf.root);
    lf_add_key(&lf.intermediate);
    lf_lint();
    lf_expect_finding("warning 1:", "is a CA's certificate: use one that the CA issued");
    lf_forget_files();

    struct mk_spec spec = {.dn = "CN=old CA,O=creds",
                           .flags = MK_CA,
                           .path_len = -1,
                           .not_before = LF_NOW - 50 * LF_DAY,
                           .not_after = LF_NOW - LF_DAY};
    struct mk_pair old = mk_make(&spec, &lf.root);
    struct mk_pair below = lf_make("CN=below,O=creds", 0, &old, "localhost");
    lf_add_crts(2, &below, &old);
    lf_add_key(&below);
    lf_lint();
    lf_expect_only("error 1:", "an intermediate certificate CN=old CA,O=creds expired 1 day ago");
    mk_free(&old);
    mk_free(&below);
}
END_TEST

START_TEST(lint_key_file)
{
    lf_add_crts(2, &lf.leaf, &lf.intermediate);
    lf_add_key(&lf.leaf);
    ck_assert_int_eq(chmod(lf.file[1].text, 0644), 0);
    lf_lint();
    lf_expect_only("warning 2:", "can be read by everybody: chmod o-r");
    ck_assert_int_eq(chmod(lf.file[1].text, 0640), 0);
    lf_lint();
    ck_assert_msg(!lf.findings.data, "%s", lf.findings.data);
}
END_TEST

/* --- what is advertised --- */

enum { MANY = 700 };

/* A trust of n CAs whose names have some `width` bytes each. */
static struct trust *many_cas(size_t n, int width)
{
    static gnutls_x509_crt_t cas[MANY];
    struct trust_input input = {.ca = cas, .n_ca = n, .n_advertised = n, .verify_depth = 5};
    struct trust *out = NULL;
    struct err err = {0};
    for (size_t i = 0; i < n; i++) {
        char dn[128];
        snprintf(dn, sizeof dn, "CN=%0*zu", width, i);
        ck_assert_int_ge(gnutls_x509_crt_init(&cas[i]), 0);
        ck_assert_int_ge(gnutls_x509_crt_set_version(cas[i], 3), 0);
        ck_assert_int_ge(gnutls_x509_crt_set_serial(cas[i], "\1", 1), 0);
        ck_assert_int_ge(gnutls_x509_crt_set_dn(cas[i], dn, NULL), 0);
        ck_assert_int_ge(gnutls_x509_crt_set_activation_time(cas[i], LF_NOW), 0);
        ck_assert_int_ge(gnutls_x509_crt_set_expiration_time(cas[i], LF_NOW + LF_DAY), 0);
        ck_assert_int_ge(gnutls_x509_crt_set_basic_constraints(cas[i], 1, -1), 0);
        ck_assert_int_ge(gnutls_x509_crt_set_key(cas[i], lf.root.key), 0);
        ck_assert_int_ge(gnutls_x509_crt_sign2(cas[i], cas[i], lf.root.key, GNUTLS_DIG_SHA256, 0), 0);
    }
    ck_assert_msg(trust_new(&input, &out, &err) == 0, "%s", err.text);
    return out;
}

START_TEST(advertised)
{
    lf_add_crts(2, &lf.leaf, &lf.intermediate);
    lf_add_key(&lf.leaf);
    struct conf_text ca = {.text = (char *)(uintptr_t) "ca", .src = {"test.conf", 60}};
    lf.listener.client_ca = (struct conf_list){&ca, 1};
    lf.listener.client_auth = CLIENT_AUTH_REQUEST;
    struct trust *few = many_cas(400, 60), *near = many_cas(660, 60), *many = many_cas(700, 90);
    ck_assert_int_eq(lf_load_with(few), 0);
    ck_assert_msg(!lf.findings.data, "%s", lf.findings.data);
    ck_assert_int_eq(lf_load_with(near), 0);
    lf_expect_only("warning 60:", "of the 65535 bytes");
    ck_assert_int_eq(lf_load_with(many), ERR_RANGE);
    lf_expect_only("error 60:", "advertise_ca = none leaves them out");
    lf.listener.advertise_ca = ADVERTISE_CA_NONE;
    ck_assert_int_eq(lf_load_with(many), 0);
    ck_assert(!lf.findings.data);
    lf.listener.advertise_ca = ADVERTISE_CA_LIST;
    lf.listener.client_auth = CLIENT_AUTH_OFF;
    ck_assert_int_eq(lf_load_with(many), 0);
    ck_assert(!lf.findings.data);
    trust_unref(few);
    trust_unref(near);
    trust_unref(many);
}
END_TEST

START_TEST(references)
{
    lf_add_crts(2, &lf.leaf, &lf.intermediate);
    lf_add_key(&lf.leaf);
    ck_assert_int_eq(lf_load(), 0);
    ck_assert_ptr_eq(creds_ref(lf.creds), lf.creds);
    creds_unref(lf.creds);
    ck_assert_ptr_nonnull(creds_gnutls(lf.creds));
    ck_assert(!creds_several(lf.creds));
    creds_unref(NULL);
}
END_TEST

Suite *suite_creds(void)
{
    Suite *suite = suite_create("creds");
    TCase *tc = tcase_create("creds");
    tcase_add_unchecked_fixture(tc, lf_make_folder, lf_remove_folder);
    tcase_add_checked_fixture(tc, lf_set_up, lf_tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, any_order);
    tcase_add_test(tc, renewed);
    tcase_add_test(tc, wrong_key);
    tcase_add_test(tc, wrong_secret);
    tcase_add_test(tc, missing_key);
    tcase_add_test(tc, missing_certificate);
    tcase_add_test(tc, secrets);
    tcase_add_test(tc, lint_leaves);
    tcase_add_test(tc, lint_chains);
    tcase_add_test(tc, lint_key_file);
    tcase_add_test(tc, advertised);
    tcase_add_test(tc, references);
    suite_add_tcase(suite, tc);
    return suite;
}
