/* The cache of verdicts: when what it remembers is good, and what it does not remember. */
#include "suites.h"

#include "server/peer_cache.h"
#include "verdict_fixture.h"

static struct peer_cache *cache;

static void set_up(void)
{
    cache = peer_cache_new();
    ck_assert_ptr_nonnull(cache);
}

static void tear_down(void)
{
    peer_cache_free(cache);
}

static struct peer *ask(const struct trust *trust, const gnutls_datum_t *chain, size_t n, time_t at)
{
    struct verdict_question question = {
        .trust = trust, .chain = chain, .n_chain = (unsigned)n, .at = at, .purpose = PURPOSE_CLIENT};
    struct peer *peer = NULL;
    struct err err = {0};
    int rc = peer_cache_judge(cache, &question, &peer, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return peer;
}

/* Compared only with what the caller still holds: memory that was freed comes again. */
static bool gets(const struct peer *want, const struct trust *trust, const gnutls_datum_t *chain, size_t n,
                 time_t at)
{
    struct peer *peer = ask(trust, chain, n, at);
    bool same = peer == want;
    peer_unref(peer);
    return same;
}

static size_t ders(const struct mk_case *of, gnutls_datum_t der[static MK_MAX_CHAIN])
{
    for (size_t i = 0; i < of->n_chain; i++)
        der[i] = mk_der(of->chain[i]);
    return of->n_chain;
}

static void free_ders(gnutls_datum_t *der, size_t n)
{
    for (size_t i = 0; i < n; i++)
        gnutls_free(der[i].data);
}

static void expect_codes(const struct peer *peer, const char *want)
{
    char text[1024];
    ck_assert_str_eq(codes(peer->errors, peer->n_errors, text), want);
}

START_TEST(a_certificate_that_expires)
{
    struct trust_input input = DEFAULTS;
    input.expires_soon = 0; /* nothing happens before that */
    struct trust *trust = root_trust(&input, false);
    gnutls_datum_t der[MK_MAX_CHAIN];
    size_t n = ders(mk_find(&world, "good"), der);
    struct peer *first = ask(trust, der, n, NOW);
    expect_codes(first, "");
    time_t end = first->judge_again;
    ck_assert_int_gt(end, NOW);
    ck_assert(gets(first, trust, der, n, NOW));
    ck_assert(gets(first, trust, der, n, end - 1));
    struct peer *then = ask(trust, der, n, end);
    ck_assert_ptr_ne(then, first);
    expect_codes(then, "expired");
    ck_assert(gets(then, trust, der, n, end + 1000));
    /* The clock was wrong, and is set back: a verdict about a moment to come says nothing. */
    struct peer *back = ask(trust, der, n, end - 1);
    ck_assert_ptr_ne(back, then);
    expect_codes(back, "");
    ck_assert(gets(back, trust, der, n, end - 1));
    peer_unref(first);
    peer_unref(then);
    peer_unref(back);
    free_ders(der, n);
    trust_unref(trust);
}
END_TEST

START_TEST(a_list_that_ages)
{
    struct trust_input input = DEFAULTS;
    input.expires_soon = 0;
    struct trust *trust = root_trust(&input, true);
    gnutls_datum_t der[MK_MAX_CHAIN];
    size_t n = ders(mk_find(&world, "good"), der);
    struct peer *first = ask(trust, der, n, NOW), *then = NULL;
    expect_codes(first, "");
    time_t at = first->judge_again; /* it may only be about to age then: once more */
    for (unsigned i = 0; i < 4 && (!then || then->n_errors == 0); i++, at = then->judge_again) {
        peer_unref(then);
        then = ask(trust, der, n, at);
        ck_assert_ptr_ne(then, first);
    }
    expect_codes(then, "crl_stale,crl_stale");
    ck_assert(gets(then, trust, der, n, then->judged_at));
    peer_unref(first);
    peer_unref(then);
    free_ders(der, n);
    trust_unref(trust);
}
END_TEST

/* Not the client's own certificate alone: behind another one it is another verdict. */
START_TEST(all_of_a_chain_counts)
{
    struct trust *trust = root_trust(&DEFAULTS, false);
    gnutls_datum_t der[MK_MAX_CHAIN];
    size_t n = ders(mk_find(&world, "good"), der);
    ck_assert_uint_ge(n, 2);
    struct peer *whole = ask(trust, der, n, NOW), *alone = ask(trust, der, 1, NOW);
    expect_codes(whole, "");
    ck_assert_ptr_ne(alone, whole);
    ck_assert_uint_gt(alone->n_errors, 0);
    ck_assert(gets(whole, trust, der, n, NOW));
    ck_assert(gets(alone, trust, der, 1, NOW));
    peer_unref(whole);
    peer_unref(alone);
    free_ders(der, n);
    trust_unref(trust);
}
END_TEST

/* What is above the bounds is not remembered, nor what GnuTLS cannot read, nor that nobody came. */
START_TEST(what_is_not_remembered)
{
    struct trust *trust = root_trust(&DEFAULTS, false);
    gnutls_datum_t der[MK_MAX_CHAIN], many[CHAIN_MAX_CERTS + 1];
    size_t n = ders(mk_find(&world, "good"), der);
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = der[i < n ? i : n - 1];
    struct peer *peer = ask(trust, many, ARRAY_LEN(many), NOW);
    ck_assert(!gets(peer, trust, many, ARRAY_LEN(many), NOW));
    peer_unref(peer);
    peer = ask(trust, NULL, 0, NOW);
    ck_assert_int_eq(peer->verify, VERIFY_NONE);
    ck_assert(!gets(peer, trust, NULL, 0, NOW));
    peer_unref(peer);
    free_ders(der, n);
    trust_unref(trust);
}
END_TEST

/* The good client's leaf with four others behind it; each number makes another chain. */
static void make_chain(unsigned i, const gnutls_datum_t *leaf, const gnutls_datum_t *other, size_t n,
                       gnutls_datum_t chain[static 5])
{
    chain[0] = *leaf;
    for (unsigned at = 1; at < 5; at++, i /= (unsigned)n)
        chain[at] = other[i % n];
}

/* A stranger who comes with many chains, more than some of the buckets have places, does not push out clients
 * that keep coming; and what came last is there. */
START_TEST(many_chains)
{
    enum { OTHERS = 8, CHAINS = 1000, LAST = 200, REGULARS = 4 };
    struct peer *held[LAST], *regular[REGULARS];
    struct trust *trust = root_trust(&DEFAULTS, false);
    gnutls_datum_t der[MK_MAX_CHAIN], other[OTHERS], chain[5];
    size_t n = ders(mk_find(&world, "good"), der);
    for (size_t i = 0; i < OTHERS; i++)
        other[i] = mk_der(world.pool[i].crt);
    for (unsigned r = 0; r < REGULARS; r++) {
        make_chain(CHAINS + r, &der[0], other, OTHERS, chain);
        regular[r] = ask(trust, chain, 5, NOW);
    }
    for (unsigned i = 0; i < CHAINS; i++) {
        make_chain(i, &der[0], other, OTHERS, chain);
        struct peer *peer = ask(trust, chain, 5, NOW);
        if (i >= CHAINS - LAST)
            held[i - (CHAINS - LAST)] = peer;
        else
            peer_unref(peer);
        for (unsigned r = 0; r < REGULARS; r++) {
            make_chain(CHAINS + r, &der[0], other, OTHERS, chain);
            ck_assert_msg(gets(regular[r], trust, chain, 5, NOW), "pushed out by chain %u", i);
        }
    }
    unsigned there = 0;
    for (unsigned i = LAST; i > 0; i--) { /* the newest first: who is not there is put in again */
        make_chain(CHAINS - LAST + i - 1, &der[0], other, OTHERS, chain);
        there += gets(held[i - 1], trust, chain, 5, NOW);
        peer_unref(held[i - 1]);
    }
    ck_assert_uint_gt(there, LAST / 2);
    for (unsigned r = 0; r < REGULARS; r++)
        peer_unref(regular[r]);
    free_ders(other, OTHERS);
    free_ders(der, n);
    trust_unref(trust);
}
END_TEST

START_TEST(without_a_cache)
{
    struct trust *trust = root_trust(&DEFAULTS, false);
    struct peer_cache *own = cache;
    gnutls_datum_t der[MK_MAX_CHAIN];
    size_t n = ders(mk_find(&world, "good"), der);
    cache = NULL;
    struct peer *peer = ask(trust, der, n, NOW);
    expect_codes(peer, "");
    ck_assert(!gets(peer, trust, der, n, NOW));
    cache = own;
    peer_unref(peer);
    free_ders(der, n);
    trust_unref(trust);
}
END_TEST

Suite *suite_peer_cache(void)
{
    Suite *suite = suite_create("peer_cache");
    TCase *tcase = tcase_create("peer_cache");
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, verdict_world_init, verdict_world_done);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_certificate_that_expires);
    tcase_add_test(tcase, a_list_that_ages);
    tcase_add_test(tcase, all_of_a_chain_counts);
    tcase_add_test(tcase, what_is_not_remembered);
    tcase_add_test(tcase, many_chains);
    tcase_add_test(tcase, without_a_cache);
    suite_add_tcase(suite, tcase);
    return suite;
}
