#include <stdio.h>
#include <string.h>

#include "suites.h"
#include "upstream/backend.h"
#include "upstream/balance.h"

enum { MOST = 8 };

static struct server_state state[MOST];
static struct balance_server server[MOST];
static struct balancer backend;

/* `weights` ends with 0. */
static void set_up(enum balance kind, const unsigned *weights)
{
    memset(state, 0, sizeof state);
    memset(server, 0, sizeof server);
    backend = (struct balancer){
        .rules = {.kind = kind, .max_fails = 3, .fail_timeout_ms = 10000},
        .server = server,
    };
    for (; weights[backend.n]; backend.n++) {
        char name[16];
        int n = snprintf(name, sizeof name, "server-%u", backend.n);
        server[backend.n].state = &state[backend.n];
        server[backend.n].weight = weights[backend.n];
        server[backend.n].name = balance_hash(name, (size_t)n);
    }
}

static int ask(uint32_t client, uint64_t tried, uint64_t now_ms)
{
    int chosen = balance_choose(&backend, client, tried, now_ms);
    if (chosen >= 0)
        balance_done(&server[chosen]);
    return chosen;
}

START_TEST(round_robin_is_smooth)
{
    set_up(BALANCE_ROUND_ROBIN, (const unsigned[]){5, 1, 1, 0});
    char order[22] = "";
    for (unsigned i = 0; i < 21; i++)
        order[i] = (char)('a' + ask(0, 0, 1000));
    ck_assert_str_eq(order, "aabacaaaabacaaaabacaa");
}
END_TEST

START_TEST(others_are_asked_when_one_was_tried)
{
    set_up(BALANCE_ROUND_ROBIN, (const unsigned[]){1, 1, 1, 0});
    ck_assert_int_eq(ask(0, 3, 1000), 2);
    ck_assert_int_eq(ask(0, 5, 1000), 1);
    ck_assert_int_eq(ask(0, 7, 1000), BALANCE_NONE);
}
END_TEST

START_TEST(least_connections)
{
    set_up(BALANCE_LEAST_CONNECTIONS, (const unsigned[]){1, 2, 0});
    unsigned n[2] = {0};
    for (unsigned i = 0; i < 30; i++) {
        int chosen = balance_choose(&backend, 0, 0, 1000);
        ck_assert_int_ge(chosen, 0);
        n[chosen]++;
    }
    ck_assert_uint_eq(n[0], 10);
    ck_assert_uint_eq(n[1], 20);
    for (unsigned i = 0; i < 5; i++)
        balance_done(&server[0]);
    for (unsigned i = 0; i < 5; i++)
        ck_assert_int_eq(balance_choose(&backend, 0, 0, 1000), 0);
    ck_assert_uint_eq(atomic_load(&state[0].active), 10);
}
END_TEST

/* Each client keeps its server, all get their share, and when one goes only its own clients move. */
START_TEST(by_client)
{
    set_up(BALANCE_CLIENT_CERTIFICATE, (const unsigned[]){1, 1, 2, 0});
    unsigned n[3] = {0}, moved = 0;
    for (uint32_t i = 0; i < 40000; i++) {
        uint32_t client = balance_hash(&i, sizeof i);
        int chosen = ask(client, 0, 1000), again = ask(client, 0, 2000), without = ask(client, 1, 1000);
        ck_assert_int_eq(chosen, again);
        n[chosen]++;
        moved += chosen != 0 && without != chosen;
    }
    ck_assert_uint_eq(moved, 0);
    ck_assert_msg(n[0] > 9500 && n[0] < 10500 && n[1] > 9500 && n[1] < 10500 && n[2] > 19300 && n[2] < 20700,
                  "%u %u %u", n[0], n[1], n[2]);
}
END_TEST

START_TEST(a_server_that_fails_is_out)
{
    set_up(BALANCE_ROUND_ROBIN, (const unsigned[]){1, 1, 0});
    for (unsigned i = 0; i < 2; i++)
        balance_failed(&backend.rules, &server[0], 1000);
    ck_assert(balance_is_up(&state[0], 1000));
    balance_failed(&backend.rules, &server[0], 11001); /* the first two are too long ago */
    ck_assert(balance_is_up(&state[0], 11001));
    balance_failed(&backend.rules, &server[0], 11002);
    balance_failed(&backend.rules, &server[0], 11003);
    ck_assert(!balance_is_up(&state[0], 11003));
    for (unsigned i = 0; i < 10; i++)
        ck_assert_int_eq(ask(0, 0, 20000), 1);

    /* Then one to try, and no other meanwhile. */
    unsigned tries = 0;
    for (unsigned i = 0; i < 10; i++)
        tries += balance_choose(&backend, 0, 0, 21003) == 0;
    ck_assert_uint_eq(tries, 1);
    balance_failed(&backend.rules, &server[0], 21100);
    balance_done(&server[0]);
    for (unsigned i = 0; i < 10; i++)
        ck_assert_int_eq(ask(0, 0, 31000), 1);
    while (ask(0, 0, 31200) != 0)
        ;
    balance_answered(&server[0], 31200);
    ck_assert(balance_is_up(&state[0], 31200));

    /* It starts slowly. */
    unsigned n = 0;
    for (unsigned i = 0; i < 1000; i++)
        n += ask(0, 0, 31300) == 0;
    ck_assert_msg(n > 50 && n < 150, "%u of 1000", n);
    n = 0;
    for (unsigned i = 0; i < 1000; i++)
        n += ask(0, 0, 36200) == 0;
    ck_assert_msg(n > 250 && n < 400, "%u of 1000", n);
    n = 0;
    for (unsigned i = 0; i < 1000; i++)
        n += ask(0, 0, 41200) == 0;
    ck_assert_msg(n > 480 && n < 520, "%u of 1000", n);
}
END_TEST

START_TEST(the_last_is_never_taken_out)
{
    set_up(BALANCE_ROUND_ROBIN, (const unsigned[]){1, 0});
    for (unsigned i = 0; i < 20; i++)
        balance_failed(&backend.rules, &server[0], 1000 + i);
    ck_assert(!balance_is_up(&state[0], 2000));
    ck_assert_int_eq(ask(0, 0, 2000), 0);
    set_up(BALANCE_ROUND_ROBIN, (const unsigned[]){1, 1, 0});
    for (unsigned i = 0; i < 20; i++) {
        balance_failed(&backend.rules, &server[0], 1000 + i);
        balance_failed(&backend.rules, &server[1], 1000 + i);
    }
    unsigned n[2] = {0};
    for (unsigned i = 0; i < 10; i++)
        n[ask(0, 0, 2000)]++;
    ck_assert_uint_eq(n[0], 5);
    ck_assert_uint_eq(n[1], 5);
}
END_TEST

START_TEST(max_fails_0_takes_none_out)
{
    set_up(BALANCE_ROUND_ROBIN, (const unsigned[]){1, 1, 0});
    backend.rules.max_fails = 0;
    for (unsigned i = 0; i < 20; i++)
        balance_failed(&backend.rules, &server[0], 1000);
    ck_assert(balance_is_up(&state[0], 1000));
}
END_TEST

START_TEST(active_checks)
{
    set_up(BALANCE_ROUND_ROBIN, (const unsigned[]){1, 1, 0});
    balance_checked(&state[0], true, 1000);
    ck_assert_uint_eq(atomic_load(&state[0].back_at_ms), 0); /* it was never gone */
    balance_checked(&state[0], false, 1000);
    for (unsigned i = 0; i < 10; i++)
        ck_assert_int_eq(ask(0, 0, 500000), 1);
    balance_checked(&state[0], true, 500000);
    ck_assert(balance_is_up(&state[0], 500000));
    ck_assert_uint_eq(atomic_load(&state[0].back_at_ms), 500000);
    /* A server that requests took out comes back by its check. */
    for (unsigned i = 0; i < 3; i++)
        balance_failed(&backend.rules, &server[1], 600000);
    ck_assert(!balance_is_up(&state[1], 600000));
    balance_checked(&state[1], true, 600001);
    ck_assert(balance_is_up(&state[1], 600001));
}
END_TEST

START_TEST(max_connections)
{
    set_up(BALANCE_ROUND_ROBIN, (const unsigned[]){1, 1, 0});
    backend.rules.max_connections = 2;
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_ge(balance_choose(&backend, 0, 0, 1000), 0);
    ck_assert_int_eq(balance_choose(&backend, 0, 0, 1000), BALANCE_FULL);
    ck_assert_int_eq(balance_choose(&backend, 0, 3, 1000), BALANCE_NONE);
    balance_done(&server[1]);
    ck_assert_int_eq(balance_choose(&backend, 0, 0, 1000), 1);
}
END_TEST

START_TEST(retries_have_a_budget)
{
    struct retry_budget budget = {0};
    unsigned retries = 0;
    retry_earn(&budget);
    for (unsigned i = 0; i < 100; i++)
        retries += retry_spend(&budget);
    ck_assert_uint_eq(retries, RETRY_RESERVE);
    for (unsigned i = 0; i < 1000; i++) {
        retry_earn(&budget);
        retries += retry_spend(&budget);
    }
    ck_assert_uint_eq(retries, RETRY_RESERVE + 1000 * RETRY_SHARE / 100);
    for (unsigned i = 0; i < 100000; i++)
        retry_earn(&budget);
    retries = 0;
    while (retry_spend(&budget))
        retries++;
    ck_assert_uint_le(retries, RETRY_RESERVE * 10 + 1);
}
END_TEST

START_TEST(troubles_are_told_once)
{
    struct origin origin = {0};
    ck_assert(origin_tells(&origin, ORIGIN_SILENT, 1000));
    for (unsigned i = 0; i < 5; i++)
        ck_assert(!origin_tells(&origin, ORIGIN_SILENT, 1000 + i));
    ck_assert(origin_tells(&origin, ORIGIN_BROKEN, 1000)); /* of another kind */
    ck_assert_uint_eq(origin_untold(&origin, ORIGIN_SILENT, 60999), 0);
    ck_assert_uint_eq(origin_untold(&origin, ORIGIN_SILENT, 61000), 5);
    ck_assert(!origin_tells(&origin, ORIGIN_SILENT, 61001)); /* it goes on: the next number says how many */
    ck_assert_uint_eq(origin_untold(&origin, ORIGIN_SILENT, 121000), 1);
    ck_assert_uint_eq(origin_untold(&origin, ORIGIN_SILENT, 181000), 0);
    ck_assert(origin_tells(&origin, ORIGIN_SILENT, 181001)); /* after a minute without */
}
END_TEST

Suite *suite_balance(void)
{
    Suite *suite = suite_create("balance");
    TCase *tcase = tcase_create("balance");
    tcase_add_test(tcase, round_robin_is_smooth);
    tcase_add_test(tcase, others_are_asked_when_one_was_tried);
    tcase_add_test(tcase, least_connections);
    tcase_add_test(tcase, by_client);
    tcase_add_test(tcase, a_server_that_fails_is_out);
    tcase_add_test(tcase, the_last_is_never_taken_out);
    tcase_add_test(tcase, max_fails_0_takes_none_out);
    tcase_add_test(tcase, active_checks);
    tcase_add_test(tcase, max_connections);
    tcase_add_test(tcase, retries_have_a_budget);
    tcase_add_test(tcase, troubles_are_told_once);
    suite_add_tcase(suite, tcase);
    return suite;
}
