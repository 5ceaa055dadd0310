#include "suites.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "server/limits.h"

static const struct conf NARROW = {.max_connections = 4,
                                   .max_connections_per_address = 2,
                                   .handshake_burst = 1,
                                   .request_rate = 1,
                                   .request_burst = 2};
static struct limits *limits;
static struct limits_door door, other_door;

static void set_up(void)
{
    limits = limits_new(1024);
    ck_assert_ptr_nonnull(limits);
    limits_configure(limits, &NARROW);
    door = (struct limits_door){.name = "door"};
    other_door = (struct limits_door){.name = "other"};
}

static void tear_down(void)
{
    limits_free(limits);
}

static bool enter(struct limits_door *at, const char *from, struct limits_place *place)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    if (from)
        ck_assert_int_eq(inet_pton(AF_INET, from, &in.sin_addr), 1);
    return limits_admit(limits, at, from ? (const struct sockaddr *)(const void *)&in : NULL, place);
}

static bool turns_out(struct limits_place *place, const char *from)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    ck_assert_int_eq(inet_pton(AF_INET, from, &in.sin_addr), 1);
    return limits_readmit(place, (const struct sockaddr *)(const void *)&in);
}

START_TEST(by_address_and_in_all)
{
    struct limits_place place[5];
    ck_assert(enter(&door, "192.0.2.1", &place[0]));
    ck_assert(enter(&other_door, "192.0.2.1", &place[1]));
    ck_assert(!enter(&door, "192.0.2.1", &place[2]));
    ck_assert_uint_eq(limits_hits(limits, LIMIT_address_connections), 1);
    ck_assert(enter(&door, "192.0.2.2", &place[2]));
    ck_assert(enter(&door, "192.0.2.3", &place[3]));
    ck_assert(!enter(&door, "192.0.2.4", &place[4]));
    ck_assert_uint_eq(limits_hits(limits, LIMIT_connections), 1);
    limits_release(&place[0]);
    limits_release(&place[0]); /* it holds nothing any more */
    ck_assert(enter(&door, "192.0.2.1", &place[0]));
    ck_assert(!enter(&door, "192.0.2.4", &place[4]));
    for (size_t i = 0; i < 4; i++)
        limits_release(&place[i]);
    ck_assert_uint_eq(door.open, 0);
    ck_assert_uint_eq(other_door.open, 0);
}
END_TEST

START_TEST(by_listener)
{
    struct limits_place place[2];
    limits_configure_door(limits, &door, 1);
    ck_assert(enter(&door, "192.0.2.1", &place[0]));
    ck_assert(!enter(&door, "192.0.2.2", &place[1]));
    ck_assert_uint_eq(limits_hits(limits, LIMIT_listener_connections), 1);
    ck_assert(enter(&other_door, "192.0.2.2", &place[1]));
    limits_release(&place[0]);
    limits_release(&place[1]);
}
END_TEST

/* What MHD drops between accepting and starting, without telling anybody. */
/* Behind a proxy: the address comes later than the connection. */
START_TEST(the_client_behind_a_proxy)
{
    struct limits_place place[4];
    for (size_t i = 0; i < 4; i++)
        ck_assert(enter(&door, NULL, &place[i]));
    ck_assert(turns_out(&place[0], "192.0.2.1"));
    ck_assert(turns_out(&place[1], "192.0.2.1"));
    ck_assert(!turns_out(&place[2], "192.0.2.1"));
    ck_assert_uint_eq(limits_hits(limits, LIMIT_address_connections), 1);
    ck_assert(turns_out(&place[3], "192.0.2.2"));
    limits_release(&place[0]);
    ck_assert(turns_out(&place[2], "192.0.2.1"));
    /* One that was counted by the wrong address leaves its count. */
    ck_assert(turns_out(&place[1], "192.0.2.3"));
    ck_assert(enter(&door, "192.0.2.1", &place[0]));
    ck_assert_uint_eq(limits_hits(limits, LIMIT_connections), 0);
    for (size_t i = 0; i < 4; i++)
        limits_release(&place[i]);
    ck_assert_uint_eq(door.open, 0);
}
END_TEST

START_TEST(requests)
{
    struct limits_place place[3];
    ck_assert(enter(&door, "192.0.2.1", &place[0]));
    ck_assert(enter(&door, "192.0.2.1", &place[1]));
    ck_assert(enter(&door, "192.0.2.2", &place[2]));
    unsigned wait = 0;
    for (int i = 0; i < 10 && wait == 0; i++) /* one a second may come along meanwhile */
        wait = limits_request(&place[i % 2], "192.0.2.1:1");
    ck_assert_uint_ge(wait, 1);
    ck_assert_uint_le(wait, 2);
    ck_assert_uint_eq(limits_hits(limits, LIMIT_request_rate), 1);
    ck_assert_uint_eq(limits_request(&place[2], "192.0.2.2:1"), 0);
    for (size_t i = 0; i < 3; i++)
        limits_release(&place[i]);
}
END_TEST

START_TEST(verdicts)
{
    struct limits_place place[3];
    ck_assert(enter(&door, "192.0.2.1", &place[0]));
    ck_assert(enter(&door, "192.0.2.1", &place[1]));
    ck_assert(enter(&door, "192.0.2.2", &place[2]));
    unsigned wait = 0;
    for (int i = 0; i < VERIFY_BURST + 10 && wait == 0; i++)
        wait = limits_verify(&place[i % 2], "192.0.2.1:1");
    ck_assert_uint_eq(wait, 1);
    ck_assert_uint_eq(limits_hits(limits, LIMIT_verify_rate), 1);
    ck_assert_uint_eq(limits_verify(&place[2], "192.0.2.2:1"), 0);
    for (size_t i = 0; i < 3; i++)
        limits_release(&place[i]);
}
END_TEST

START_TEST(what_descriptors_allow)
{
    struct conf conf = {.max_connections = 0};
    unsigned ceiling = limits_ceiling(limits);
    ck_assert_uint_eq(limits_max_connections(&conf, ceiling), ceiling);
    ck_assert_uint_lt(ceiling, 1024);
    ck_assert_uint_gt(ceiling, 700);
    for (conf.max_connections = 1; conf.max_connections < 1000000; conf.max_connections *= 3) {
        struct limits *fitting = limits_new((uint64_t)limits_descriptors(conf.max_connections));
        ck_assert_uint_eq(limits_max_connections(&conf, limits_ceiling(fitting)),
                          (unsigned long long)conf.max_connections);
        limits_free(fitting);
    }
    struct limits *none = limits_new(3);
    ck_assert_uint_eq(limits_ceiling(none), 1);
    limits_free(none);
}
END_TEST

Suite *suite_limits(void)
{
    Suite *suite = suite_create("limits");
    TCase *tc = tcase_create("limits");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, by_address_and_in_all);
    tcase_add_test(tc, by_listener);
    tcase_add_test(tc, the_client_behind_a_proxy);
    tcase_add_test(tc, requests);
    tcase_add_test(tc, verdicts);
    tcase_add_test(tc, what_descriptors_allow);
    suite_add_tcase(suite, tc);
    return suite;
}
