#include <stdio.h>
#include <string.h>

#include "server/peer_cache.h"
#include "suites.h"
#include "verdict_fixture.h"

/* ---- every code
 * ----------------------------------------------------------------------------------------------------- */

START_TEST(each_case_causes_its_code_and_nothing_else)
{
    static const char *const states[] = {"NONE", "SUCCESS", "FAILED"};
    struct trust *trust[2] = {root_trust(&DEFAULTS, false), root_trust(&DEFAULTS, true)};
    for (size_t i = 0; i < world.n_cases; i++) {
        const struct mk_case *c = &world.cases[i];
        char text[1024];
        struct peer *peer = judge(trust[c->with_crl], c->chain, c->n_chain, NOW);
        ck_assert_msg(strcmp(codes(peer->errors, peer->n_errors, text), c->errors) == 0, "%s: errors %s",
                      c->name, text);
        ck_assert_msg(strcmp(codes(peer->warnings, peer->n_warnings, text), c->warnings) == 0,
                      "%s: warnings %s", c->name, text);
        ck_assert_str_eq(states[peer->verify], c->verify);
        for (size_t k = 0; k < peer->n_errors; k++) {
            ck_assert_msg(peer->errors[k].reason != NULL && peer->errors[k].reason[0] != 0, "%s: no reason",
                          c->name);
            ck_assert_msg(peer->errors[k].hint != NULL && peer->errors[k].hint[0] != 0, "%s: no hint",
                          c->name);
        }
        peer_unref(peer);
    }
    trust_unref(trust[0]);
    trust_unref(trust[1]);
}
END_TEST

/* What a failure of ours may have caused is looked at again; all else is remembered. */
START_TEST(a_doubtful_verdict_is_not_kept)
{
    struct trust *trust = root_trust(&DEFAULTS, false);
    struct peer_cache *cache = peer_cache_new();
    size_t n_doubtful = 0, n_kept = 0;
    for (size_t i = 0; i < world.n_cases; i++) {
        const struct mk_case *c = &world.cases[i];
        bool doubtful = strstr(c->errors, "signature_invalid") || strstr(c->errors, "malformed_certificate");
        gnutls_datum_t der[MK_MAX_CHAIN];
        struct peer *first = NULL, *second = NULL;
        struct err err = {0};
        if (c->with_crl || c->n_chain == 0 || c->n_chain > CHAIN_MAX_CERTS)
            continue;
        for (size_t k = 0; k < c->n_chain; k++)
            der[k] = mk_der(c->chain[k]);
        struct verdict_question question = {.trust = trust,
                                            .chain = der,
                                            .n_chain = (unsigned)c->n_chain,
                                            .at = NOW,
                                            .purpose = PURPOSE_CLIENT};
        ck_assert_int_eq(peer_cache_judge(cache, &question, &first, &err), 0);
        ck_assert_int_eq(peer_cache_judge(cache, &question, &second, &err), 0);
        if (doubtful) {
            ck_assert_msg(first != second, "%s is kept", c->name);
            ck_assert_msg(first->judge_again <= NOW + 10, "%s: not judged again", c->name);
            n_doubtful++;
        } else if (first == second) {
            n_kept++;
        }
        peer_unref(first);
        peer_unref(second);
        for (size_t k = 0; k < c->n_chain; k++)
            gnutls_free(der[k].data);
    }
    ck_assert_uint_ge(n_doubtful, 1);
    ck_assert_uint_ge(n_kept, 5);
    peer_cache_free(cache);
    trust_unref(trust);
}
END_TEST

START_TEST(each_code_has_a_case)
{
    for (int code = 0; code < VERDICT_CODE_COUNT; code++) {
        bool found = code == VERDICT_POLICY_DENIED || code == VERDICT_WRONG_HOST ||
                     code == VERDICT_WEB_RULE ||           /* of the policy, and of servers */
                     code == VERDICT_ANCHOR_FORM ||        /* no chain's, see test_verdict_form.c */
                     code == VERDICT_UNREADABLE_FOR_TLS || /* test_verdict_bounds.c */
                     code == VERDICT_PATH_REFUSED || code == VERDICT_POLICY_MISSING ||
                     code == VERDICT_DATE_FORM;
        for (size_t i = 0; i < world.n_cases; i++)
            found = found || strstr(world.cases[i].errors, VERDICT_ROWS[code].code) != NULL ||
                    strstr(world.cases[i].warnings, VERDICT_ROWS[code].code) != NULL;
        ck_assert_msg(found, "no case causes %s", VERDICT_ROWS[code].code);
        ck_assert_uint_gt(strlen(VERDICT_ROWS[code].help), 0);
    }
}
END_TEST

START_TEST(ten_reasons_at_once)
{
    struct mk_spec ca_spec = {.dn = "CN=Bad CA,O=mtlsd practice",
                              .flags = MK_CA,
                              .path_len = 0,
                              .not_before = NOW - 300 * DAY,
                              .not_after = NOW - 2 * DAY,
                              .permitted_dns = "example.org"};
    struct mk_spec sub_spec = {.dn = "CN=Bad sub CA,O=mtlsd practice",
                               .flags = MK_CA,
                               .path_len = -1,
                               .not_before = NOW + 3 * DAY,
                               .not_after = NOW + 300 * DAY};
    struct mk_spec leaf_spec = {.dn = "CN=mallory,O=mtlsd practice",
                                .flags = MK_NO_AKI | MK_SERVER_EKU | MK_ENCIPHER_ONLY | MK_UNKNOWN_CRITICAL |
                                         MK_RSA_1024 | MK_SHA1 | MK_BROKEN_SIGNATURE,
                                .path_len = -1,
                                .not_before = NOW - 100 * DAY,
                                .not_after = NOW - 10 * DAY,
                                .san_dns = "mallory.example.com"};
    struct mk_pair ca = mk_make(&ca_spec, &world.root), sub = mk_make(&sub_spec, &ca),
                   leaf = mk_make(&leaf_spec, &sub);
    gnutls_x509_crl_t crl[] = {world.root_crl, mk_crl(&ca, NULL, NOW - 20 * DAY, NOW - 5 * DAY),
                               mk_crl(&sub, leaf.crt, NOW - DAY, NOW + DAY * 30)};
    const gnutls_x509_crt_t cas[] = {world.root.crt, NULL}, chain[] = {leaf.crt, sub.crt, ca.crt};
    struct trust_input like = DEFAULTS;
    like.verify_depth = 1;
    like.form = CERTIFICATE_FORM_STRICT;
    struct trust *trust = make_trust(&like, cas, crl, 3);
    struct peer *peer = judge(trust, chain, 3, NOW);
    static const struct {
        enum verdict_code code;
        int depth;
    } wanted[] = {{VERDICT_KEY_IDENTIFIER, 0},    {VERDICT_REVOKED, 0},
                  {VERDICT_SIGNATURE_INVALID, 0}, {VERDICT_WRONG_PURPOSE, 0},
                  {VERDICT_KEY_USAGE, 0},         {VERDICT_EXPIRED, 0},
                  {VERDICT_EXPIRED, 2},           {VERDICT_NOT_YET_VALID, 1},
                  {VERDICT_NAME_CONSTRAINT, 0},   {VERDICT_PATH_LENGTH, 2},
                  {VERDICT_CHAIN_TOO_LONG, -1},   {VERDICT_UNSUPPORTED_CRITICAL_EXTENSION, 0},
                  {VERDICT_WEAK_KEY, 0},          {VERDICT_WEAK_SIGNATURE, 0},
                  {VERDICT_CRL_STALE, 1}};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        unsigned n = 0;
        for (size_t k = 0; k < peer->n_errors; k++)
            n += peer->errors[k].code == wanted[i].code && peer->errors[k].depth == wanted[i].depth;
        ck_assert_msg(n == 1, "%s at depth %d: %u times", VERDICT_ROWS[wanted[i].code].code, wanted[i].depth,
                      n);
    }
    ck_assert_uint_eq(peer->n_errors, ARRAY_LEN(wanted));
    ck_assert_int_eq(verdict_alert(peer, true), GNUTLS_A_CERTIFICATE_REVOKED);
    ck_assert_uint_eq(peer->n_chain, 3);
    peer_unref(peer);
    trust_unref(trust);
    gnutls_x509_crl_deinit(crl[1]);
    gnutls_x509_crl_deinit(crl[2]);
    mk_free(&leaf);
    mk_free(&sub);
    mk_free(&ca);
}
END_TEST

START_TEST(alerts)
{
    static const struct {
        const char *name;
        gnutls_alert_description_t tls12, tls13;
    } rows[] = {
        {"no-certificate", GNUTLS_A_HANDSHAKE_FAILURE, GNUTLS_A_CERTIFICATE_REQUIRED},
        {"expired", GNUTLS_A_CERTIFICATE_EXPIRED, GNUTLS_A_CERTIFICATE_EXPIRED},
        {"not-yet-valid", GNUTLS_A_CERTIFICATE_EXPIRED, GNUTLS_A_CERTIFICATE_EXPIRED},
        {"revoked", GNUTLS_A_CERTIFICATE_REVOKED, GNUTLS_A_CERTIFICATE_REVOKED},
        {"issuer-unknown", GNUTLS_A_UNKNOWN_CA, GNUTLS_A_UNKNOWN_CA},
        {"self-signed", GNUTLS_A_UNKNOWN_CA, GNUTLS_A_UNKNOWN_CA},
        {"intermediate-missing", GNUTLS_A_UNKNOWN_CA, GNUTLS_A_UNKNOWN_CA},
        {"wrong-purpose", GNUTLS_A_UNSUPPORTED_CERTIFICATE, GNUTLS_A_UNSUPPORTED_CERTIFICATE},
        {"signature-invalid", GNUTLS_A_BAD_CERTIFICATE, GNUTLS_A_BAD_CERTIFICATE},
        {"crl-missing", GNUTLS_A_CERTIFICATE_UNKNOWN, GNUTLS_A_CERTIFICATE_UNKNOWN},
    };
    struct trust *trust[2] = {root_trust(&DEFAULTS, false), root_trust(&DEFAULTS, true)};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct mk_case *c = mk_find(&world, rows[i].name);
        struct peer *peer = judge(trust[c->with_crl], c->chain, c->n_chain, NOW);
        ck_assert_int_eq(verdict_alert(peer, false), rows[i].tls12);
        ck_assert_int_eq(verdict_alert(peer, true), rows[i].tls13);
        peer_unref(peer);
    }
    trust_unref(trust[0]);
    trust_unref(trust[1]);
}
END_TEST

START_TEST(words_of_the_reasons)
{
    struct trust *trust = root_trust(&DEFAULTS, false), *strict = root_trust(&DEFAULTS, true);
    const struct mk_case *c = mk_find(&world, "wrong-purpose");
    struct peer *peer = judge(trust, c->chain, c->n_chain, NOW);
    ck_assert_str_eq(peer->errors[0].reason, "this is a server certificate");
    ck_assert_str_eq(peer->errors[0].value, "serverAuth");
    ck_assert_str_eq(peer->errors[0].expected, "clientAuth");
    peer_unref(peer);

    c = mk_find(&world, "expired");
    peer = judge(trust, c->chain, c->n_chain, NOW);
    ck_assert_ptr_nonnull(strstr(peer->errors[0].reason, "10 days ago"));
    ck_assert_ptr_null(strstr(peer->errors[0].hint, "clock"));
    peer_unref(peer);
    peer = judge(trust, c->chain, c->n_chain, NOW - 10 * DAY + 60);
    ck_assert_ptr_nonnull(strstr(peer->errors[0].hint, "a clock may be wrong"));
    ck_assert_ptr_nonnull(peer->errors[0].command); /* of the hint that stands behind it */
    ck_assert_ptr_nonnull(strstr(peer->errors[0].hint, peer->errors[0].command));
    peer_unref(peer);

    c = mk_find(&world, "intermediate-missing");
    peer = judge(trust, c->chain, c->n_chain, NOW);
    ck_assert_str_eq(peer->errors[0].value, "CN=mtlsd practice intermediate,O=mtlsd practice");
    ck_assert_ptr_nonnull(strstr(peer->errors[0].reason, peer->chain[0]->authority_key_id));
    ck_assert_ptr_nonnull(strstr(peer->errors[0].hint, "cat client.crt intermediate.crt"));
    peer_unref(peer);

    c = mk_find(&world, "revoked");
    peer = judge(strict, c->chain, c->n_chain, NOW);
    ck_assert_str_eq(peer->errors[0].value, peer->chain[0]->serial);
    ck_assert_ptr_nonnull(strstr(peer->errors[0].reason, "CRL number 0x"));
    peer_unref(peer);
    trust_unref(trust);
    trust_unref(strict);
}
END_TEST

/* ---- revocation
 * ----------------------------------------------------------------------------------------------------- */

START_TEST(crl_check_says_what_is_looked_up)
{
    /* The intermediate is revoked by the root, and has no CRL itself. */
    gnutls_x509_crl_t crl = mk_crl(&world.root, world.intermediate.crt, NOW - DAY, NOW + DAY * 30);
    const gnutls_x509_crt_t cas[] = {world.root.crt, NULL};
    const struct mk_case *c = mk_find(&world, "good");
    static const struct {
        enum crl_check check;
        const char *errors;
    } rows[] = {
        {CRL_CHECK_OFF, ""}, {CRL_CHECK_LEAF, "crl_missing"}, {CRL_CHECK_CHAIN, "crl_missing,revoked"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trust_input like = DEFAULTS;
        like.crl_check = rows[i].check;
        struct trust *trust = make_trust(&like, cas, &crl, 1);
        expect(trust, c->chain, c->n_chain, NOW, rows[i].errors);
        trust_unref(trust);
    }
    gnutls_x509_crl_deinit(crl);
}
END_TEST

START_TEST(stale_crls)
{
    gnutls_x509_crl_t crls[] = {world.root_crl, mk_crl(&world.intermediate, NULL, NOW - 10 * DAY, NOW)};
    const gnutls_x509_crt_t cas[] = {world.root.crt, NULL};
    const struct mk_case *c = mk_find(&world, "good");
    static const struct {
        enum crl_stale mode;
        long long grace;
        time_t at;
        const char *errors;
    } rows[] = {
        {CRL_STALE_REFUSE, 0, NOW, ""},
        {CRL_STALE_REFUSE, 0, NOW + 1, "crl_stale"},
        {CRL_STALE_GRACE, DAY, NOW + DAY, ""},
        {CRL_STALE_GRACE, DAY, NOW + DAY + 1, "crl_stale"},
        {CRL_STALE_ACCEPT, 0, NOW + 20 * DAY, ""},
        {CRL_STALE_ACCEPT, 0, NOW - 10 * DAY - 1,
         "crl_stale,crl_stale"}, /* from the future, as is the root's */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trust_input like = DEFAULTS;
        like.crl_stale = rows[i].mode;
        like.crl_grace = rows[i].grace;
        struct trust *trust = make_trust(&like, cas, crls, 2);
        expect(trust, c->chain, c->n_chain, rows[i].at, rows[i].errors);
        trust_unref(trust);
    }
    gnutls_x509_crl_deinit(crls[1]);
}
END_TEST

START_TEST(newer_crl_of_two_counts)
{
    gnutls_x509_crl_t crls[] = {world.root_crl,
                                mk_crl(&world.intermediate, NULL, NOW - 20 * DAY, NOW - 10 * DAY),
                                mk_crl(&world.intermediate, NULL, NOW - 5 * DAY, NOW + 5 * DAY)};
    const gnutls_x509_crt_t cas[] = {world.root.crt, NULL};
    const struct mk_case *c = mk_find(&world, "good");
    struct trust *trust = make_trust(&DEFAULTS, cas, crls, 3);
    expect(trust, c->chain, c->n_chain, NOW, "");
    trust_unref(trust);
    gnutls_x509_crl_deinit(crls[1]);
    gnutls_x509_crl_deinit(crls[2]);
}
END_TEST

START_TEST(forged_crl_is_refused)
{
    struct mk_spec spec = {.dn = "CN=mtlsd practice root,O=mtlsd practice",
                           .flags = MK_CA,
                           .path_len = -1,
                           .not_before = NOW - DAY,
                           .not_after = NOW + DAY * 300};
    struct mk_pair forger = mk_make(&spec, NULL);
    gnutls_x509_crl_t crl = mk_crl(&forger, NULL, NOW - DAY, NOW + DAY * 30);
    const gnutls_x509_crt_t cas[] = {world.root.crt, NULL};
    struct err err = {0};
    ck_assert_ptr_null(try_trust(&DEFAULTS, cas, &crl, 1, &err));
    ck_assert_int_eq(err.code, ERR_CRYPTO);
    ck_assert_ptr_nonnull(strstr(err.text, "CN=mtlsd practice root"));
    struct trust_input like = DEFAULTS;
    like.keep_forged_crls = true;
    struct trust *trust = make_trust(&like, cas, &crl, 1);
    const struct mk_case *c = mk_find(&world, "good");
    expect(trust, c->chain, c->n_chain, NOW, "crl_missing,crl_missing");
    trust_unref(trust);
    gnutls_x509_crl_deinit(crl);
    mk_free(&forger);
}
END_TEST

/* Version 1 cannot carry a CRL number, version 2 should. */
START_TEST(crl_number)
{
    const gnutls_x509_crt_t cas[] = {world.root.crt, NULL};
    struct mk_spec spec = {
        .dn = "CN=direct", .path_len = -1, .not_before = NOW - DAY, .not_after = NOW + DAY * 300};
    struct mk_pair leaf = mk_make(&spec, &world.root);
    for (unsigned version = 1; version <= 2; version++) {
        gnutls_x509_crl_t crl;
        ck_assert_int_eq(gnutls_x509_crl_init(&crl), 0);
        gnutls_x509_crl_set_version(crl, version);
        gnutls_x509_crl_set_this_update(crl, NOW - DAY);
        gnutls_x509_crl_set_next_update(crl, NOW + 30 * DAY);
        ck_assert_int_eq(gnutls_x509_crl_sign2(crl, world.root.crt, world.root.key, GNUTLS_DIG_SHA256, 0), 0);
        for (int strict = 0; strict <= 1; strict++) {
            struct trust_input like = DEFAULTS;
            like.form = strict ? CERTIFICATE_FORM_STRICT : CERTIFICATE_FORM_STANDARD;
            struct trust *trust = make_trust(&like, cas, &crl, 1);
            expect(trust, &leaf.crt, 1, NOW, version == 1 || !strict ? "" : "crl_missing");
            trust_unref(trust);
        }
        gnutls_x509_crl_deinit(crl);
    }
    mk_free(&leaf);
}
END_TEST

/* A trusted intermediate needs no CRL of its issuer, but when there is one that revokes it, that counts. */
START_TEST(trusted_intermediate_revoked)
{
    const gnutls_x509_crt_t both[] = {world.root.crt, world.intermediate.crt, NULL};
    gnutls_x509_crl_t crls[] = {world.intermediate_crl,
                                mk_crl(&world.root, world.intermediate.crt, NOW - DAY, NOW + DAY * 30)};
    const struct mk_case *c = mk_find(&world, "good");
    struct trust *trust = make_trust(&DEFAULTS, both, crls, 1);
    expect(trust, c->chain, c->n_chain, NOW, "");
    trust_unref(trust);
    trust = make_trust(&DEFAULTS, both, crls, 2);
    expect(trust, c->chain, c->n_chain, NOW, "revoked");
    struct peer *peer = judge(trust, c->chain, c->n_chain, NOW);
    const struct verdict_finding *f = find(peer, VERDICT_REVOKED);
    ck_assert_int_eq(f->depth, 1);
    ck_assert_ptr_nonnull(strstr(f->hint, "the operator of the CA must")); /* its owner cannot */
    peer_unref(peer);
    trust_unref(trust);
    gnutls_x509_crl_deinit(crls[1]);
}
END_TEST

/* ---- time
 * -----------------------------------------------------------------------------------------------------------
 */

/* Errors and warnings as one text. */
static void digest(const struct peer *peer, char out[static 2048])
{
    char text[1024];
    snprintf(out, 1024, "%s", codes(peer->errors, peer->n_errors, text));
    snprintf(out + strlen(out), 1024, "|%s", codes(peer->warnings, peer->n_warnings, text));
}

/* From a verdict to its judge_again, the codes stay the same; so whoever asks again then misses nothing. */
START_TEST(judge_again_misses_nothing)
{
    struct trust_input like = DEFAULTS;
    like.crl_stale = CRL_STALE_GRACE;
    like.crl_grace = 3LL * DAY;
    struct trust *trust[2] = {root_trust(&like, false), root_trust(&like, true)};
    for (size_t i = 0; i < world.n_cases; i++) {
        const struct mk_case *c = &world.cases[i];
        time_t at = NOW - 4000LL * DAY;
        unsigned steps = 0;
        while (at < NOW + 4000LL * DAY) {
            char before[2048], after[2048];
            struct peer *peer = judge(trust[c->with_crl], c->chain, c->n_chain, at);
            time_t again = peer->judge_again;
            digest(peer, before);
            peer_unref(peer);
            ck_assert_msg(again > at, "%s: judge_again is not in the future", c->name);
            ck_assert_msg(++steps < 50, "%s: too many changes", c->name);
            time_t last = again < NOW + 4000LL * DAY ? again - 1 : NOW + 4000LL * DAY;
            for (time_t t = last; t > at; t = at + (t - at) / 3) { /* some instants in between */
                peer = judge(trust[c->with_crl], c->chain, c->n_chain, t);
                digest(peer, after);
                ck_assert_msg(strcmp(before, after) == 0, "%s: at %lld %s, at %lld %s", c->name,
                              (long long)at, before, (long long)t, after);
                peer_unref(peer);
                if (t - at < 3)
                    break;
            }
            at = again;
        }
    }
    trust_unref(trust[0]);
    trust_unref(trust[1]);
}
END_TEST

START_TEST(judge_again_of_a_good_chain)
{
    struct trust *trust = root_trust(&DEFAULTS, false);
    const struct mk_case *c = mk_find(&world, "good");
    struct peer *peer = judge(trust, c->chain, c->n_chain, NOW);
    ck_assert_int_eq(peer->judge_again, NOW + 335 * DAY + 1); /* it expires soon */
    peer_unref(peer);
    peer = judge(trust, c->chain, c->n_chain, NOW + 336 * DAY);
    ck_assert_int_eq(peer->judge_again, NOW + 365 * DAY + 1);
    peer_unref(peer);
    peer = judge(trust, c->chain, 0, NOW);
    ck_assert_int_eq(peer->judge_again, PEER_NEVER);
    peer_unref(peer);
    trust_unref(trust);
}
END_TEST

START_TEST(references)
{
    struct trust *trust = root_trust(&DEFAULTS, false);
    struct peer *peer = judge(trust, NULL, 0, NOW);
    ck_assert_ptr_eq(peer_ref(peer), peer);
    peer_unref(peer);
    ck_assert_int_eq(peer->verify, VERIFY_NONE);
    peer_unref(peer);
    peer_unref(NULL);
    ck_assert_ptr_eq(trust_ref(trust), trust);
    trust_unref(trust);
    trust_unref(trust);
    trust_unref(NULL);
}
END_TEST

START_TEST(advertised_names)
{
    const gnutls_x509_crt_t cas[] = {world.root.crt, world.other_root.crt, world.root.crt, NULL};
    struct trust *trust = make_trust(&DEFAULTS, cas, NULL, 0);
    size_t n, n_crts;
    const struct certname *name = trust_advertised(trust, &n);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(name[0].text, "CN=mtlsd practice root,O=mtlsd practice");
    ck_assert_str_eq(name[1].text, "CN=Another root,O=Elsewhere");
    (void)trust_advertised_crts(trust, &n_crts);
    ck_assert_uint_eq(n_crts, 2);
    trust_unref(trust);
}
END_TEST

Suite *suite_verdict(void)
{
    Suite *suite = suite_create("verdict");
    TCase *tcase = tcase_create("verdict");
    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, verdict_world_init, verdict_world_done);
    tcase_add_test(tcase, each_case_causes_its_code_and_nothing_else);
    tcase_add_test(tcase, each_code_has_a_case);
    tcase_add_test(tcase, a_doubtful_verdict_is_not_kept);
    tcase_add_test(tcase, ten_reasons_at_once);
    tcase_add_test(tcase, alerts);
    tcase_add_test(tcase, words_of_the_reasons);
    tcase_add_test(tcase, crl_check_says_what_is_looked_up);
    tcase_add_test(tcase, stale_crls);
    tcase_add_test(tcase, newer_crl_of_two_counts);
    tcase_add_test(tcase, forged_crl_is_refused);
    tcase_add_test(tcase, crl_number);
    tcase_add_test(tcase, trusted_intermediate_revoked);
    tcase_add_test(tcase, judge_again_misses_nothing);
    tcase_add_test(tcase, judge_again_of_a_good_chain);
    tcase_add_test(tcase, references);
    tcase_add_test(tcase, advertised_names);
    suite_add_tcase(suite, tcase);
    return suite;
}
