/* Bounds on what of a certificate is read. */
#include <string.h>

#include "suites.h"
#include "verdict_fixture.h"

/* As many attributes in a name as are looked at, and one more. */
START_TEST(attributes_of_a_name)
{
    struct trust *trust = root_trust(&DEFAULTS, false);
    for (int n = 64; n <= 65; n++) {
        char dn[1024] = "CN=alice";
        for (int i = 1; i < n; i++)
            strcat(dn, ",OU=x");
        struct mk_spec spec = {
            .dn = dn, .path_len = -1, .not_before = NOW - 10 * DAY, .not_after = NOW + 50 * DAY};
        struct mk_pair leaf = mk_make(&spec, &world.root);
        const gnutls_x509_crt_t chain[] = {leaf.crt};
        gnutls_datum_t der = mk_der(leaf.crt);
        expect(trust, chain, 1, NOW, n == 64 ? "" : "out_of_bounds");
        ck_assert(verdict_bounded(trust, &der, 1, NULL) == (n == 64));
        gnutls_free(der.data);
        mk_free(&leaf);
    }
    trust_unref(trust);
}
END_TEST

/* A long name is cut in a finding, between characters. */
START_TEST(a_long_name)
{
    struct trust *trust = root_trust(&DEFAULTS, false);
    for (int odd = 0; odd <= 1; odd++) {
        char dn[2048] = "CN=";
        strcat(dn, odd ? "x" : "");
        for (int i = 0; i < 600; i++)
            strcat(dn, "\xc3\xa4");
        struct mk_spec spec = {
            .dn = dn, .path_len = -1, .not_before = NOW - 10 * DAY, .not_after = NOW + 50 * DAY};
        struct mk_pair leaf = mk_make(&spec, NULL);
        gnutls_datum_t der = mk_der(leaf.crt);
        struct verdict_question q = {.trust = trust, .chain = &der, .n_chain = 1, .at = NOW};
        struct peer *peer = NULL;
        ck_assert_int_eq(verdict_judge(&q, &peer, NULL), 0);
        ck_assert_int_eq(peer->errors[0].code, VERDICT_SELF_SIGNED);
        strcpy(dn + (odd ? 1024 : 1023), "...");
        ck_assert_str_eq(peer->errors[0].value, dn);
        peer_unref(peer);
        gnutls_free(der.data);
        mk_free(&leaf);
    }
    trust_unref(trust);
}
END_TEST

/* Read from a file, refused in a handshake. */
START_TEST(many_names)
{
    struct trust *trust = root_trust(&DEFAULTS, false);
    const struct mk_case *many = mk_find(&world, "many-names");
    gnutls_datum_t der[] = {mk_der(many->chain[0]), mk_der(many->chain[1])};
    for (int from_file = 0; from_file <= 1; from_file++) {
        struct verdict_question q = {
            .trust = trust, .chain = der, .n_chain = 2, .at = NOW, .from_file = from_file != 0};
        struct peer *peer = NULL;
        char text[1024];
        ck_assert_int_eq(verdict_judge(&q, &peer, NULL), 0);
        ck_assert_str_eq(codes(peer->errors, peer->n_errors, text), from_file ? "" : "out_of_bounds");
        ck_assert_str_eq(codes(peer->warnings, peer->n_warnings, text), from_file ? "many_names" : "");
        peer_unref(peer);
    }
    ck_assert(!verdict_bounded(trust, der, 1, NULL));
    gnutls_free(der[0].data);
    gnutls_free(der[1].data);
    trust_unref(trust);
}
END_TEST

/* One certificate that is too large refuses the chain, also where no path needs it. */
START_TEST(excess_behind_a_good_path)
{
    struct trust *trust = root_trust(&DEFAULTS, false);
    const struct mk_case *good = mk_find(&world, "good"), *large = mk_find(&world, "out-of-bounds");
    const gnutls_x509_crt_t chain[] = {good->chain[0], good->chain[1], large->chain[0]};
    expect(trust, chain, 3, NOW, "out_of_bounds");
    expect(trust, chain, 2, NOW, "");
    trust_unref(trust);
}
END_TEST

static void expect_read(const struct trust *trust, const gnutls_datum_t *chain, unsigned n, unsigned unread,
                        const char *errors)
{
    struct verdict_question q = {.trust = trust, .chain = chain, .n_chain = n, .at = NOW, .unread = unread};
    struct peer *peer = NULL;
    char text[1024];
    ck_assert_int_eq(verdict_judge(&q, &peer, NULL), 0);
    ck_assert_str_eq(codes(peer->errors, peer->n_errors, text), errors);
    ck_assert_int_eq(peer->verify, errors[0] ? VERIFY_FAILED : VERIFY_SUCCESS);
    peer_unref(peer);
}

/* What GnuTLS cannot read is never good, however little is wrong with it: of the client's own certificate,
 * and, where GnuTLS reads the others too, of those. */
START_TEST(not_for_gnutls)
{
    struct trust *trust[] = {root_trust(&DEFAULTS, false), NULL};
    struct trust_input like = DEFAULTS;
    like.form = CERTIFICATE_FORM_STRICT;
    trust[1] = root_trust(&like, false);
    struct mk_spec spec = {.dn = "CN=alice",
                           .flags = MK_X400,
                           .path_len = -1,
                           .not_before = NOW - 10 * DAY,
                           .not_after = NOW + 50 * DAY};
    struct mk_pair leaf = mk_make(&spec, &world.root);
    const struct mk_case *good = mk_find(&world, "good");
    gnutls_datum_t odd = mk_der(leaf.crt);
    gnutls_datum_t chain[] = {mk_der(good->chain[0]), mk_der(good->chain[1]), odd};
    gnutls_datum_t first =
        mk_der(mk_find(&world, "version-1")->chain[0]); /* nobody asks about the fifth such */
    gnutls_datum_t many[] = {chain[0], first, first, first, first, odd};
    gnutls_datum_t none[] = {chain[0], chain[1], {(unsigned char *)(uintptr_t) "\x30\3\2\1\1", 5}};
    for (size_t i = 0; i < ARRAY_LEN(trust); i++) {
        unsigned unread;
        /* The strict form asks GnuTLS besides. */
        expect_read(trust[i], &odd, 1, 0,
                    i == 0 ? "unreadable_for_tls" : "malformed_certificate,unreadable_for_tls");
        expect_read(trust[i], chain, 3, 0, "");
        expect_read(trust[i], chain, 3, 3, "unreadable_for_tls");
        expect_read(trust[i], none, 3, 0, "");
        expect_read(trust[i], none, 3, 3, "unreadable_for_tls");

        ck_assert(verdict_bounded(trust[i], &odd, 1, &unread) && unread == 1);
        ck_assert(verdict_bounded(trust[i], &odd, 1, NULL)); /* it is for GnuTLS to refuse */
        ck_assert(verdict_bounded(trust[i], chain, 2, &unread) && unread == 0);
        ck_assert(verdict_bounded(trust[i], chain, 3, &unread) && unread == 3);
        ck_assert(verdict_bounded(trust[i], none, 3, &unread) && unread == 3);
        ck_assert(verdict_bounded(trust[i], many + 1, 5, &unread) && unread == 0);
        many[4] = odd;
        ck_assert(verdict_bounded(trust[i], many + 1, 5, &unread) && unread == 4);
        many[4] = first;
        ck_assert(!verdict_bounded(trust[i], none, 3, NULL));
        ck_assert(!verdict_bounded(trust[i], &none[2], 1, &unread)); /* there is no key */
        trust_unref(trust[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(chain); i++)
        gnutls_free(chain[i].data);
    gnutls_free(first.data);
    mk_free(&leaf);
}
END_TEST

Suite *suite_verdict_bounds(void)
{
    Suite *suite = suite_create("verdict_bounds");
    TCase *tcase = tcase_create("verdict_bounds");
    tcase_add_unchecked_fixture(tcase, verdict_world_init, verdict_world_done);
    tcase_add_test(tcase, attributes_of_a_name);
    tcase_add_test(tcase, a_long_name);
    tcase_add_test(tcase, many_names);
    tcase_add_test(tcase, excess_behind_a_good_path);
    tcase_add_test(tcase, not_for_gnutls);
    suite_add_tcase(suite, tcase);
    return suite;
}
