#include "suites.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "server/addresses.h"

static const uint64_t SEED[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

static uint64_t key_of(const char *text)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_in in = {.sin_family = AF_INET};
    uint64_t key = 0;
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        ck_assert(addresses_key((const struct sockaddr *)(const void *)&in, &key));
    else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
        ck_assert(addresses_key((const struct sockaddr *)(const void *)&in6, &key));
    else
        ck_abort_msg("no address: %s", text);
    return key;
}

/* The eight-byte row of the table that the authors of SipHash published. */
START_TEST(the_hash_is_siphash)
{
    ck_assert_uint_eq(addresses_hash(SEED, 0x0706050403020100), 0x93f5f5799a932462);
}
END_TEST

START_TEST(keys)
{
    ck_assert_uint_eq(key_of("192.0.2.1"), key_of("::ffff:192.0.2.1"));
    ck_assert_uint_ne(key_of("192.0.2.1"), key_of("192.0.2.2"));
    ck_assert_uint_ne(key_of("192.0.2.1"), key_of("64:ff9b::192.0.2.1"));
    ck_assert_uint_eq(key_of("2001:db8:0:1::1"), key_of("2001:db8:0:1:ffff::2"));
    ck_assert_uint_ne(key_of("2001:db8:0:1::1"), key_of("2001:db8:0:2::1"));
    ck_assert_uint_ne(key_of("::1"), key_of("127.0.0.1"));
    struct sockaddr file = {.sa_family = AF_UNIX};
    uint64_t key;
    ck_assert(!addresses_key(&file, &key));
}
END_TEST

START_TEST(a_bucket)
{
    struct rate rate = rate_of(10, 3);
    uint64_t at = 0, now = 5000000;
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(rate_take(&rate, &at, now), 0);
    ck_assert_uint_eq(rate_take(&rate, &at, now), 100000);
    ck_assert_uint_eq(rate_take(&rate, &at, now + 40000), 60000); /* nothing was taken by asking */
    ck_assert_uint_eq(rate_take(&rate, &at, now + 100000), 0);
    ck_assert_uint_eq(rate_take(&rate, &at, now + 100000), 100000);
    /* After a long pause there is the burst again, and no more. */
    now += 60000000;
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(rate_take(&rate, &at, now), 0);
    ck_assert_uint_ne(rate_take(&rate, &at, now), 0);
}
END_TEST

START_TEST(a_steady_rate_passes_and_a_higher_one_is_cut_to_it)
{
    struct rate rate = rate_of(100, 1);
    uint64_t at = 0;
    unsigned passed = 0;
    for (uint64_t now = 1000000; now < 2000000; now += 10000)
        passed += rate_take(&rate, &at, now) == 0;
    ck_assert_uint_eq(passed, 100);
    passed = 0;
    for (uint64_t now = 3000000; now < 4000000; now += 1000)
        passed += rate_take(&rate, &at, now) == 0;
    ck_assert_uint_eq(passed, 100);
}
END_TEST

START_TEST(no_rate_is_no_limit)
{
    struct rate rate = rate_of(0, 1);
    uint64_t at = 0;
    for (int i = 0; i < 1000; i++)
        ck_assert_uint_eq(rate_take(&rate, &at, 1), 0);
}
END_TEST

START_TEST(an_address_is_found_again)
{
    struct addresses *addresses = addresses_new(1000, SEED);
    ck_assert_ptr_nonnull(addresses);
    struct address *a = addresses_at(addresses, key_of("192.0.2.1"));
    ck_assert_ptr_nonnull(a);
    a->handshake_at = 7;
    ck_assert_ptr_eq(addresses_at(addresses, key_of("192.0.2.1")), a);
    ck_assert_uint_eq(a->handshake_at, 7);
    struct address *zero = addresses_at(addresses, 0);
    zero->connections = 3;
    ck_assert_ptr_eq(addresses_at(addresses, 0), zero);
    addresses_free(addresses);
}
END_TEST

/* A million addresses pass; one with a connection, and one whose bucket is the emptiest, stay. */
START_TEST(a_flood_evicts_no_open_connection)
{
    struct addresses *addresses = addresses_new(1000, SEED);
    struct address *busy = addresses_at(addresses, key_of("192.0.2.1"));
    busy->connections = 1;
    struct address *spent = addresses_at(addresses, key_of("192.0.2.2"));
    spent->handshake_at = UINT64_MAX;
    for (uint64_t i = 0; i < 1000000; i++) {
        struct address *a = addresses_at(addresses, i << 16 | 1);
        ck_assert_ptr_nonnull(a);
        a->handshake_at = i;
    }
    ck_assert_ptr_eq(addresses_at(addresses, key_of("192.0.2.1")), busy);
    ck_assert_uint_eq(busy->connections, 1);
    ck_assert_ptr_eq(addresses_at(addresses, key_of("192.0.2.2")), spent);
    ck_assert_uint_eq(spent->handshake_at, UINT64_MAX);
    addresses_free(addresses);
}
END_TEST

/* As many addresses with open connections as it was made for find places, but for a very few. */
START_TEST(room_for_what_was_asked)
{
    enum { MOST = 20000 };
    struct addresses *addresses = addresses_new(MOST, SEED);
    unsigned without = 0;
    for (uint64_t i = 0; i < MOST; i++) {
        struct address *a = addresses_at(addresses, 0x20010db800000000 + i);
        if (a)
            a->connections = 1;
        else
            without++;
    }
    ck_assert_uint_le(without, MOST / 1000);
    /* And with every place taken there is an end, not a loop. */
    for (uint64_t i = 0; i < 100L * MOST; i++) {
        struct address *a = addresses_at(addresses, 0x20020db800000000 + i);
        if (a)
            a->connections = 1;
    }
    unsigned refused = 0;
    for (uint64_t i = 0; i < 1000; i++)
        refused += addresses_at(addresses, 0x20030db800000000 + i) == NULL;
    ck_assert_uint_eq(refused, 1000);
    addresses_free(addresses);
}
END_TEST

Suite *suite_addresses(void)
{
    Suite *suite = suite_create("addresses");
    TCase *tc = tcase_create("addresses");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, the_hash_is_siphash);
    tcase_add_test(tc, keys);
    tcase_add_test(tc, a_bucket);
    tcase_add_test(tc, a_steady_rate_passes_and_a_higher_one_is_cut_to_it);
    tcase_add_test(tc, no_rate_is_no_limit);
    tcase_add_test(tc, an_address_is_found_again);
    tcase_add_test(tc, a_flood_evicts_no_open_connection);
    tcase_add_test(tc, room_for_what_was_asked);
    suite_add_tcase(suite, tc);
    return suite;
}
