/* The policy against certificates that GnuTLS made, and rules that are none. */
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>

#include "pki/certinfo.h"
#include "policy_fixture.h"
#include "suites.h"

static struct certinfo *make_certificate(void)
{
    static const unsigned char ADDRESS[] = {192, 0, 2, 7};
    static const char URI[] = "spiffe://example.org/ns/prod/sa/web";
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    struct certinfo *info = NULL;
    struct err err = {0};

    ck_assert_int_eq(gnutls_x509_privkey_init(&key), 0);
    ck_assert_int_eq(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                                  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                     0);
    ck_assert_int_eq(gnutls_x509_crt_init(&crt), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_version(crt, 3), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_serial(crt, "\x0a\x1b\x2c", 3), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_activation_time(crt, 1700000000), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_expiration_time(crt, 1900000000), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_dn(crt, "CN=alice\\,admin,OU=R\xc3\xa9seau,O=Acme\\+Co,C=FR", NULL),
                     0);
    ck_assert_int_eq(gnutls_x509_crt_set_key(crt, key), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "www.example.org", 15, 0),
                     0);
    ck_assert_int_eq(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_RFC822NAME, "Alice@example.org", 17,
                                                          GNUTLS_FSAN_APPEND),
                     0);
    ck_assert_int_eq(
        gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_URI, URI, sizeof URI - 1, GNUTLS_FSAN_APPEND),
        0);
    ck_assert_int_eq(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ADDRESS, sizeof ADDRESS,
                                                          GNUTLS_FSAN_APPEND),
                     0);
    ck_assert_int_eq(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
    ck_assert_msg(certinfo_new(crt, &info, &err) == 0, "%s", err.text);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
    return info;
}

START_TEST(test_real_certificate)
{
    static const struct {
        const char *rule;
        bool holds;
    } CASES[] = {
        {"subject:CN=alice\\,admin,*", true},
        {"subject:CN=alice,*", false},
        {"subject:CN=ALICE\\2Cadmin,O=acme\\+co,OU=R\\C3\\A9seau,C=fr", true},
        {"subject:C=FR,O=Acme\\2BCo,OU=R*,CN=*", true},
        {"subject:O=Acme,*", false},
        {"issuer:CN=alice\\,admin,*", true},
        {"serial:0A:1B:2C", true},
        {"serial:0A:1B:2D", false},
        {"san.dns:*.example.org", true},
        {"san.dns:*.org", false},
        {"san.email:*@example.org", true},
        {"san.email:Alice@EXAMPLE.org", true},
        {"san.uri:spiffe://example.org/ns/*/sa/web", true},
        {"san.uri:spiffe://example.org/*", false},
        {"san.ip:192.0.2.0/29", true},
        {"san.ip:192.0.2.8/29", false},
    };
    struct certinfo *info = make_certificate();
    struct peer peer = {.verify = VERIFY_SUCCESS, .chain = &info, .n_chain = 1};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        ck_assert_msg(rule_holds("allow", CASES[i].rule, &peer, 0) == CASES[i].holds, "%s", CASES[i].rule);
        ck_assert_msg(rule_holds("deny", CASES[i].rule, &peer, 0) == CASES[i].holds, "%s", CASES[i].rule);
    }

    /* Names and digests as the server shows them are rules that match. */
    char rule[1024];
    static const char *const PREFIXES[] = {"fingerprint:", "spki:sha256:", "subject:", "issuer:", "serial:"};
    const char *shown[] = {info->fingerprint_sha256, info->spki_sha256, info->subject.text, info->issuer.text,
                           info->serial};
    for (size_t i = 0; i < ARRAY_LEN(PREFIXES); i++) {
        snprintf(rule, sizeof rule, "%s%s", PREFIXES[i], shown[i]);
        ck_assert_msg(rule_holds("allow", rule, &peer, 0), "%s", rule);
    }
    certinfo_free(info);
}
END_TEST

/* CN=alice as UTF8String, PrintableString, BMPString, T61String: one name. In one SET with UID: another. */
START_TEST(test_encodings)
{
    static const struct {
        const char *der;
        bool alice, with_uid;
    } CASES[] = {
        {"3010310e300c06035504030c05616c696365", true, false},
        {"3010310e300c06035504031305414c494345", true, false},
        {"3010310e300c06035504031405616c696365", true, false},
        {"301531133011060355"
         "04031e0a0061006c006900630065",
         true, false},
        {"3024312230"
         "0c06035504030c05616c6963653012060a0992268993f22c6401010c0430303037",
         false, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        unsigned char der[128];
        struct certinfo info = {0}, *chain = &info;
        struct err err = {0};
        size_t len = from_hex(CASES[i].der, strlen(CASES[i].der), der);
        gnutls_datum_t datum = {der, (unsigned)len};
        ck_assert_msg(certname_init(&info.subject, &datum, &err) == 0, "case %zu: %s", i, err.text);
        struct peer peer = {.verify = VERIFY_SUCCESS, .chain = &chain, .n_chain = 1};
        ck_assert_msg(rule_holds("allow", "subject:CN=alice", &peer, 0) == CASES[i].alice, "case %zu", i);
        ck_assert_msg(rule_holds("allow", "subject:CN=alice+UID=0007", &peer, 0) == CASES[i].with_uid,
                      "case %zu", i);
        ck_assert_msg(rule_holds("deny", "subject:CN=alice", &peer, 0), "case %zu", i);
        certname_done(&info.subject);
    }
}
END_TEST

struct findings {
    unsigned n;
    struct src src[8];
    char text[8][512];
};

static void note(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    struct findings *findings = cls;
    ck_assert_int_eq(severity, DIAG_ERROR);
    ck_assert_uint_lt(findings->n, 8);
    findings->src[findings->n] = src;
    snprintf(findings->text[findings->n++], sizeof findings->text[0], "%s", text);
}

START_TEST(test_all_errors_are_reported)
{
    struct conf_text allow[] = {{.text = (char[]){"subject:CN=alice"}, .src = {"f", 2}},
                                {.text = (char[]){"subject:CM=alice"}, .src = {"f", 3}},
                                {.text = (char[]){"san.dns:\x01"}, .src = {"f", 4}}};
    struct conf_text deny[] = {{.text = (char[]){"nonsense"}, .src = {"f", 6}}};
    struct conf_location location[] = {
        {.prefix = (char[]){"/a/"}, .src = {"f", 1}, .allow = {allow, 3}},
        {.prefix = (char[]){"/b/c"}, .src = {"f", 5}, .deny = {deny, 1}},
        {.prefix = (char[]){"/a"}, .src = {"f", 7}},
        {.prefix = (char[]){"/ab"}, .src = {"f", 8}},
    };
    static struct findings found;
    static const struct {
        unsigned line;
        const char *words;
    } EXPECTED[] = {{3, "did you mean"}, {4, "\\01"}, {6, "FIELD:PATTERN"}, {7, "line 1"}};
    found = (struct findings){0};
    struct diag diag = {.emit = note, .cls = &found};
    struct policy *policy = (struct policy *)&found; /* must stay as it is */
    ck_assert_int_lt(policy_new(location, ARRAY_LEN(location), &diag, &policy), 0);
    ck_assert_ptr_eq(policy, (struct policy *)&found);
    ck_assert_uint_eq(diag.errors, ARRAY_LEN(EXPECTED));
    for (size_t i = 0; i < ARRAY_LEN(EXPECTED); i++) {
        ck_assert_uint_eq(found.src[i].line, EXPECTED[i].line);
        ck_assert_msg(strstr(found.text[i], EXPECTED[i].words) != NULL, "%s", found.text[i]);
    }
    policy_free(NULL);
}
END_TEST

Suite *suite_policy_certificates(void)
{
    Suite *suite = suite_create("policy_certificates");
    TCase *real = tcase_create("certificates"), *compile = tcase_create("compile");
    tcase_add_test(real, test_real_certificate);
    tcase_add_test(real, test_encodings);
    tcase_add_test(compile, test_all_errors_are_reported);
    suite_add_tcase(suite, real);
    suite_add_tcase(suite, compile);
    return suite;
}
