/* The ways from a certificate up to what is trusted, and whom a certificate is for. */
#include <string.h>

#include "suites.h"
#include "verdict_fixture.h"

START_TEST(depth_is_exact)
{
    const struct mk_case *c = mk_find(&world, "long-enough"); /* five intermediates */
    for (unsigned depth = 0; depth < 8; depth++) {
        struct trust_input like = DEFAULTS;
        like.verify_depth = depth;
        struct trust *trust = root_trust(&like, false);
        expect(trust, c->chain, c->n_chain, NOW, depth < 5 ? "chain_too_long" : "");
        trust_unref(trust);
    }
}
END_TEST

START_TEST(validity_includes_both_ends)
{
    const struct mk_case *c = mk_find(&world, "expired");
    struct trust *trust = root_trust(&DEFAULTS, false);
    expect(trust, c->chain, c->n_chain, NOW - 100 * DAY - 1, "not_yet_valid");
    expect(trust, c->chain, c->n_chain, NOW - 100 * DAY, "");
    expect(trust, c->chain, c->n_chain, NOW - 10 * DAY, "");
    expect(trust, c->chain, c->n_chain, NOW - 10 * DAY + 1, "expired");
    trust_unref(trust);
}
END_TEST

START_TEST(intermediate_in_the_trust_works)
{
    const gnutls_x509_crt_t cas[] = {world.intermediate.crt, NULL};
    struct trust *trust = make_trust(&DEFAULTS, cas, NULL, 0);
    const struct mk_case *c = mk_find(&world, "intermediate-missing");
    expect(trust, c->chain, c->n_chain, NOW, "");
    c = mk_find(&world, "good");
    expect(trust, c->chain, c->n_chain, NOW, "");
    trust_unref(trust);
}
END_TEST

START_TEST(pinned_leaf)
{
    const struct mk_case *c = mk_find(&world, "self-signed");
    const gnutls_x509_crt_t cas[] = {c->leaf.crt, NULL};
    struct trust *trust = make_trust(&DEFAULTS, cas, NULL, 0);
    expect(trust, c->chain, 1, NOW, "");
    expect(trust, c->chain, 1, NOW + 400 * DAY, "expired");
    trust_unref(trust);
}
END_TEST

START_TEST(nothing_trusted)
{
    const gnutls_x509_crt_t cas[] = {NULL};
    struct trust *trust = make_trust(&DEFAULTS, cas, NULL, 0);
    const struct mk_case *c = mk_find(&world, "good");
    expect(trust, c->chain, c->n_chain, NOW, "issuer_unknown");
    expect(trust, c->chain, 0, NOW, "no_certificate");
    trust_unref(trust);
}
END_TEST

/* Two certificates for one intermediate, the first expired: the other one has to be found, whatever the
 * order. */
START_TEST(alternative_ways_up)
{
    struct mk_spec spec = {.dn = "CN=Twice,O=mtlsd practice",
                           .flags = MK_CA,
                           .path_len = -1,
                           .not_before = NOW - 100 * DAY,
                           .not_after = NOW - DAY};
    struct mk_pair old = mk_make(&spec, &world.root), renewed = {.key = old.key};
    spec.not_after = NOW + 100 * DAY;
    /* The same key again, certified anew. */
    ck_assert_int_eq(gnutls_x509_crt_init(&renewed.crt), 0);
    gnutls_datum_t der = mk_der(old.crt);
    ck_assert_int_eq(gnutls_x509_crt_import(renewed.crt, &der, GNUTLS_X509_FMT_DER), 0);
    gnutls_free(der.data);
    gnutls_x509_crt_set_expiration_time(renewed.crt, NOW + 100 * DAY);
    gnutls_x509_crt_set_serial(renewed.crt, "\x77", 1);
    ck_assert_int_eq(gnutls_x509_crt_sign2(renewed.crt, world.root.crt, world.root.key, GNUTLS_DIG_SHA256, 0),
                     0);
    struct mk_spec leaf_spec = {
        .dn = "CN=alice", .path_len = -1, .not_before = NOW - 10 * DAY, .not_after = NOW + 50 * DAY};
    struct mk_pair leaf = mk_make(&leaf_spec, &old);
    struct trust *trust = root_trust(&DEFAULTS, false);
    const gnutls_x509_crt_t first[] = {leaf.crt, old.crt, renewed.crt},
                            second[] = {leaf.crt, renewed.crt, old.crt};
    expect(trust, first, 3, NOW, "");
    expect(trust, second, 3, NOW, "");
    expect(trust, first, 2, NOW, "expired");
    trust_unref(trust);
    gnutls_x509_crt_deinit(renewed.crt);
    mk_free(&leaf);
    mk_free(&old);
}
END_TEST

/* What a client chooses its certificate by is not superfluous, whatever the path is made of: a browser and a
 * Java key store climb by names, through what they would send, to an advertised CA. */
START_TEST(links_to_an_advertised_name)
{
    const struct mk_case *c = mk_find(&world, "superfluous"); /* leaf, intermediate, root */
    struct mk_spec spec = {
        .dn = "CN=Twin", .flags = MK_CA, .path_len = -1, .not_before = NOW - DAY, .not_after = NOW + DAY};
    struct mk_pair twin = mk_make(&spec, &world.root);
    const gnutls_x509_crt_t chain[] = {c->chain[0], c->chain[1], c->chain[2], twin.crt};
    const struct {
        gnutls_x509_crt_t ca[3];
        size_t n_advertised;
        const char *superfluous; /* which of them */
    } rows[] = {{{world.root.crt, NULL}, 1, "23"},
                {{world.root.crt, world.intermediate.crt, NULL}, 1, "23"},
                {{world.root.crt, world.intermediate.crt, NULL}, 2, "123"},
                {{world.intermediate.crt, world.root.crt, NULL}, 1, "123"},
                {{twin.crt, world.intermediate.crt, NULL}, 1, "123"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct trust_input like = DEFAULTS;
        like.n_advertised = rows[i].n_advertised;
        struct trust *trust = make_trust(&like, rows[i].ca, NULL, 0);
        struct peer *peer = judge(trust, chain, 4, NOW);
        char got[8] = "";
        for (size_t k = 0, n = 0; k < peer->n_warnings; k++)
            if (peer->warnings[k].code == VERDICT_SUPERFLUOUS_CERTIFICATE) {
                got[n++] = (char)('0' + peer->warnings[k].depth);
                got[n] = '\0';
            }
        ck_assert_uint_eq(peer->n_errors, 0);
        ck_assert_msg(strcmp(got, rows[i].superfluous) == 0, "row %zu: %s", i, got);
        peer_unref(peer);
        trust_unref(trust);
    }
    mk_free(&twin);
}
END_TEST

START_TEST(garbage_among_the_certificates)
{
    struct trust *trust = root_trust(&DEFAULTS, false);
    const struct mk_case *c = mk_find(&world, "good");
    gnutls_datum_t leaf = mk_der(c->chain[0]), intermediate = mk_der(c->chain[1]);
    gnutls_datum_t garbage = {(unsigned char *)(uintptr_t) "garbage", 7};
    const gnutls_datum_t bad_leaf[] = {garbage, intermediate}, bad_end[] = {leaf, intermediate, garbage},
                         bad_middle[] = {leaf, garbage};
    static const struct {
        const char *errors, *warnings;
        size_t n_chain;
    } wanted[] = {{"malformed_certificate", "", 0}, /* nobody is taken for the client */
                  {"", "superfluous_certificate", 2},
                  {"intermediate_missing,malformed_certificate", "", 1}};
    const gnutls_datum_t *const chains[] = {bad_leaf, bad_end, bad_middle};
    static const unsigned lengths[] = {2, 3, 2};
    for (size_t i = 0; i < 3; i++) {
        struct verdict_question q = {.trust = trust, .chain = chains[i], .n_chain = lengths[i], .at = NOW};
        struct peer *peer = NULL;
        char text[1024];
        ck_assert_int_eq(verdict_judge(&q, &peer, NULL), 0);
        ck_assert_str_eq(codes(peer->errors, peer->n_errors, text), wanted[i].errors);
        ck_assert_str_eq(codes(peer->warnings, peer->n_warnings, text), wanted[i].warnings);
        ck_assert_uint_eq(peer->n_chain, wanted[i].n_chain);
        peer_unref(peer);
    }
    gnutls_free(leaf.data);
    gnutls_free(intermediate.data);
    trust_unref(trust);
}
END_TEST

/* A CA that has had several keys under one name, before there were key identifiers: any of them may have
 * signed. */
START_TEST(keys_of_one_name)
{
    struct mk_spec spec = {.dn = "CN=Often renewed,O=mtlsd practice",
                           .flags = MK_CA | MK_NO_SKI | MK_NO_AKI,
                           .path_len = -1,
                           .not_before = NOW - 100 * DAY,
                           .not_after = NOW + 100 * DAY};
    enum { KEYS = 5 };
    struct mk_pair ca[KEYS];
    gnutls_x509_crt_t cas[KEYS + 1] = {NULL};
    for (size_t i = 0; i < KEYS; i++) {
        ca[i] = mk_make(&spec, NULL);
        cas[i] = ca[i].crt;
    }
    struct trust *trust = make_trust(&DEFAULTS, cas, NULL, 0);
    struct mk_spec leaf_spec = {.dn = "CN=alice",
                                .flags = MK_NO_AKI,
                                .path_len = -1,
                                .not_before = NOW - 10 * DAY,
                                .not_after = NOW + 50 * DAY};
    for (size_t i = 0; i < KEYS; i++) {
        struct mk_pair leaf = mk_make(&leaf_spec, &ca[i]);
        const gnutls_x509_crt_t chain[] = {leaf.crt};
        expect(trust, chain, 1, NOW, "");
        mk_free(&leaf);
    }
    trust_unref(trust);
    for (size_t i = 0; i < KEYS; i++)
        mk_free(&ca[i]);
}
END_TEST

START_TEST(host_names)
{
    static const struct {
        const char *san, *host;
        bool good;
    } rows[] = {
        {"www.example.org", "www.example.org", true},
        {"www.example.org", "WWW.Example.ORG", true},
        {"www.example.org", "www.example.org.", true},
        {"www.example.org", "example.org", false},
        {"www.example.org", "a.www.example.org", false},
        {"*.example.org", "www.example.org", true},
        {"*.example.org", "example.org", false},
        {"*.example.org", "a.b.example.org", false},
        {"*.example.org", ".example.org", false},
        {"*.org", "example.org", false},
        {"localhost", "localhost", true},
        {"www.example.org", "192.0.2.1", false},
        {"www.example.org", "www.example.org.evil", false},
    };
    struct trust *trust = root_trust(&DEFAULTS, false);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mk_spec spec = {.dn = "CN=a server",
                               .flags = MK_SERVER_EKU,
                               .path_len = -1,
                               .not_before = NOW - DAY,
                               .not_after = NOW + 100 * DAY,
                               .san_dns = rows[i].san};
        struct mk_pair leaf = mk_make(&spec, &world.root);
        char text[1024];
        struct peer *peer = judge_as(trust, &leaf.crt, 1, NOW, PURPOSE_SERVER, rows[i].host);
        ck_assert_msg(strcmp(codes(peer->errors, peer->n_errors, text), rows[i].good ? "" : "wrong_host") ==
                          0,
                      "%s for %s: %s", rows[i].san, rows[i].host, text);
        peer_unref(peer);
        mk_free(&leaf);
    }
    trust_unref(trust);
}
END_TEST

START_TEST(client_certificate_is_no_servers)
{
    struct trust *trust = root_trust(&DEFAULTS, false);
    const struct mk_case *c = mk_find(&world, "good");
    struct peer *peer = judge_as(trust, c->chain, c->n_chain, NOW, PURPOSE_SERVER, NULL);
    ck_assert_str_eq(find(peer, VERDICT_WRONG_PURPOSE)->reason, "this is a client certificate");
    peer_unref(peer);
    trust_unref(trust);
}
END_TEST

Suite *suite_verdict_paths(void)
{
    Suite *suite = suite_create("verdict_paths");
    TCase *tcase = tcase_create("verdict_paths");
    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, verdict_world_init, verdict_world_done);
    tcase_add_test(tcase, depth_is_exact);
    tcase_add_test(tcase, validity_includes_both_ends);
    tcase_add_test(tcase, intermediate_in_the_trust_works);
    tcase_add_test(tcase, pinned_leaf);
    tcase_add_test(tcase, nothing_trusted);
    tcase_add_test(tcase, alternative_ways_up);
    tcase_add_test(tcase, links_to_an_advertised_name);
    tcase_add_test(tcase, garbage_among_the_certificates);
    tcase_add_test(tcase, keys_of_one_name);
    tcase_add_test(tcase, host_names);
    tcase_add_test(tcase, client_certificate_is_no_servers);
    suite_add_tcase(suite, tcase);
    return suite;
}
