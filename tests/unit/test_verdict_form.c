/* certificate_form: what only binds the CA that issued, and what is trusted as it is. */
#include <stdio.h>
#include <string.h>

#include "suites.h"
#include "verdict_fixture.h"

static size_t count(const struct peer *peer, enum verdict_code code)
{
    size_t n = 0;
    for (size_t i = 0; i < peer->n_errors; i++)
        n += peer->errors[i].code == code;
    for (size_t i = 0; i < peer->n_warnings; i++)
        n += peer->warnings[i].code == code;
    return n;
}

/* A code is an error or a warning as its row says, with a hint either way; no form finds what the other does
 * not, but for what GnuTLS refuses. */
START_TEST(the_table_decides)
{
    struct trust_input like = DEFAULTS;
    struct trust *standard[] = {root_trust(&like, false), root_trust(&like, true)};
    like.form = CERTIFICATE_FORM_STRICT;
    struct trust *strict[] = {root_trust(&like, false), root_trust(&like, true)};
    for (size_t i = 0; i < world.n_cases; i++) {
        const struct mk_case *c = &world.cases[i];
        struct peer *peer[] = {judge(standard[c->with_crl], c->chain, c->n_chain, NOW),
                               judge(strict[c->with_crl], c->chain, c->n_chain, NOW)};
        for (int form = 0; form <= 1; form++) {
            for (size_t k = 0; k < peer[form]->n_errors; k++)
                ck_assert_int_eq(VERDICT_ROWS[peer[form]->errors[k].code].severity[form], VERDICT_ERROR);
            for (size_t k = 0; k < peer[form]->n_warnings; k++) {
                ck_assert_int_eq(VERDICT_ROWS[peer[form]->warnings[k].code].severity[form], VERDICT_WARNING);
                ck_assert_ptr_nonnull(peer[form]->warnings[k].hint);
            }
        }
        for (int code = 0; code < VERDICT_CODE_COUNT; code++) {
            size_t more = code == VERDICT_PATH_REFUSED && strcmp(c->name, "path-refused") == 0;
            ck_assert_msg(count(peer[0], (enum verdict_code)code) + more ==
                              count(peer[1], (enum verdict_code)code),
                          "%s: %s", c->name, VERDICT_ROWS[code].code);
        }
        peer_unref(peer[0]);
        peer_unref(peer[1]);
    }
    for (size_t i = 0; i < 2; i++) {
        trust_unref(standard[i]);
        trust_unref(strict[i]);
    }
}
END_TEST

/* Roots as people have them: what a client's chain says that ends there, errors and warnings. */
START_TEST(odd_anchors)
{
    static const struct {
        const char *what;
        unsigned flags;
        const char *says, *says_strict;
    } rows[] = {
        {"no key identifiers", MK_CA | MK_NO_SKI | MK_NO_AKI, "|key_identifier", "key_identifier|"},
        {"no key usage", MK_CA | MK_NO_KEY_USAGE, "|", "|"},
        {"version 1", MK_V1, "|old_version,anchor_form", "old_version,anchor_form|"},
        {"a long serial number", MK_CA | MK_LONG_SERIAL, "|", "|"},
        {"no CA, its key usage says no more", MK_NO_EKU, "ca_not_a_ca,key_usage|", "ca_not_a_ca,key_usage|"},
        {"for servers alone", MK_CA | MK_SERVER_EKU | MK_CERT_SIGN, "|", "|"},
        {"an unknown critical extension", MK_CA | MK_UNKNOWN_CRITICAL, "unsupported_critical_extension|",
         "unsupported_critical_extension|"},
        {"a weak key", MK_CA | MK_RSA_1024, "weak_key|", "weak_key|"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mk_spec spec = {.dn = "CN=Odd root",
                               .flags = rows[i].flags,
                               .path_len = -1,
                               .not_before = NOW - DAY,
                               .not_after = NOW + 100 * DAY};
        struct mk_spec leaf_spec = {
            .dn = "CN=alice", .path_len = -1, .not_before = NOW - DAY, .not_after = NOW + 100 * DAY};
        struct mk_pair root = mk_make(&spec, NULL), leaf = mk_make(&leaf_spec, &root);
        const gnutls_x509_crt_t cas[] = {root.crt, NULL};
        for (int form = 0; form <= 1; form++) {
            char errors[1024], warnings[1024], said[2100];
            struct trust_input like = DEFAULTS;
            like.form = (enum certificate_form)form;
            struct trust *trust = make_trust(&like, cas, NULL, 0);
            struct peer *peer = judge(trust, &leaf.crt, 1, NOW);
            snprintf(said, sizeof(said), "%s|%s", codes(peer->errors, peer->n_errors, errors),
                     codes(peer->warnings, peer->n_warnings, warnings));
            ck_assert_msg(strcmp(said, form == 0 ? rows[i].says : rows[i].says_strict) == 0,
                          "%s, form %d: %s", rows[i].what, form, said);
            peer_unref(peer);
            trust_unref(trust);
        }
        mk_free(&root);
        mk_free(&leaf);
    }
}
END_TEST

/* A certificate that is configured itself is accepted as what it is, and makes nobody a CA. */
START_TEST(pins)
{
    static const struct {
        const char *what;
        unsigned flags;
        bool by_root; /* else self-signed */
        const char *itself, *below;
    } rows[] = {
        {"self-signed", 0, false, "", "ca_not_a_ca,key_usage"},
        {"self-signed, a CA", MK_CA | MK_NO_KEY_USAGE, false, "", ""},
        {"self-signed, a CA's key usage", MK_CA, false, "key_usage", ""},
        {"self-signed, bare", MK_NO_SKI | MK_NO_AKI | MK_NO_EKU, false, "", "ca_not_a_ca,key_usage"},
        {"issued", 0, true, "", "ca_not_a_ca,key_usage"},
        {"issued, of version 1", MK_V1, true, "", "ca_not_a_ca"},
        {"a server's", MK_SERVER_EKU, true, "wrong_purpose", "ca_not_a_ca,key_usage,wrong_purpose"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mk_spec spec = {.dn = "CN=pinned",
                               .flags = rows[i].flags,
                               .path_len = -1,
                               .not_before = NOW - DAY,
                               .not_after = NOW + 100 * DAY};
        struct mk_spec leaf_spec = {
            .dn = "CN=mallory", .path_len = -1, .not_before = NOW - DAY, .not_after = NOW + 100 * DAY};
        struct mk_pair pin = mk_make(&spec, rows[i].by_root ? &world.root : NULL),
                       leaf = mk_make(&leaf_spec, &pin);
        const gnutls_x509_crt_t cas[] = {pin.crt, NULL};
        struct trust *trust = make_trust(&DEFAULTS, cas, NULL, 0);
        const gnutls_x509_crt_t *const asked[] = {&pin.crt, &leaf.crt};
        const char *const says[] = {rows[i].itself, rows[i].below};
        for (size_t k = 0; k < 2; k++) {
            char text[1024];
            struct peer *peer = judge(trust, asked[k], 1, NOW);
            ck_assert_msg(strcmp(codes(peer->errors, peer->n_errors, text), says[k]) == 0, "%s, %s: %s",
                          rows[i].what, k == 0 ? "itself" : "below it", text);
            peer_unref(peer);
        }
        trust_unref(trust);
        mk_free(&pin);
        mk_free(&leaf);
    }
}
END_TEST

Suite *suite_verdict_form(void)
{
    Suite *suite = suite_create("verdict_form");
    TCase *tcase = tcase_create("verdict_form");
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, verdict_world_init, verdict_world_done);
    tcase_add_test(tcase, the_table_decides);
    tcase_add_test(tcase, odd_anchors);
    tcase_add_test(tcase, pins);
    suite_add_tcase(suite, tcase);
    return suite;
}
