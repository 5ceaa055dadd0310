#include "suites.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "server/kept.h"

enum { ROOM = 100000 };

static struct wheel wheel;
static struct kept_store *store;
static uint64_t now_ms;
static const char one_listener, other_listener;

static void set_up(void)
{
    now_ms = clock_mono_ms();
    wheel_init(&wheel, now_ms);
    store = kept_new(&wheel);
    ck_assert_ptr_nonnull(store);
}

static void tear_down(void)
{
    kept_free(store);
}

static struct kept make(size_t memory)
{
    static char body[] = "body";
    return (struct kept){
        .response = MHD_create_response_from_buffer(4, body, MHD_RESPMEM_PERSISTENT),
        .length = 4,
        .memory = memory,
    };
}

static bool add(const struct kept_key *key, size_t memory)
{
    struct kept kept = make(memory);
    bool added = kept_add(store, key, now_ms, ROOM, &kept);
    if (!added)
        kept_drop(&kept);
    return added;
}

static bool has(const struct kept_key *key, uint64_t at_ms)
{
    struct kept found;
    return kept_find(store, key, at_ms, &found);
}

START_TEST(all_of_the_key_counts)
{
    const struct kept_key key = {1, &one_listener, "/a", "gzip"};
    ck_assert(add(&key, 10));
    ck_assert(has(&key, now_ms));
    ck_assert(has(&key, now_ms + 999));
    ck_assert(!has(&key, now_ms + 1000));
    ck_assert(!has(&(struct kept_key){2, &one_listener, "/a", "gzip"}, now_ms));
    ck_assert(!has(&(struct kept_key){1, &other_listener, "/a", "gzip"}, now_ms));
    ck_assert(!has(&(struct kept_key){1, &one_listener, "/b", "gzip"}, now_ms));
    ck_assert(!has(&(struct kept_key){1, &one_listener, "/a", NULL}, now_ms));
}
END_TEST

START_TEST(room_is_a_bound)
{
    char path[20];
    ck_assert(!add(&(struct kept_key){1, &one_listener, "/large", NULL}, ROOM + 1));
    for (unsigned i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "/%u", i);
        ck_assert(add(&(struct kept_key){1, &one_listener, path, NULL}, ROOM / 10));
    }
    unsigned there = 0;
    for (unsigned i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "/%u", i);
        there += has(&(struct kept_key){1, &one_listener, path, NULL}, now_ms);
    }
    ck_assert_uint_ge(there, 1);
    ck_assert_uint_le(there, 10);
    ck_assert(has(&(struct kept_key){1, &one_listener, "/99", NULL}, now_ms));
}
END_TEST

/* What nobody asks for any more is let go by the wheel, which then has nothing to do. */
START_TEST(the_wheel_tidies_up)
{
    const struct kept_key key = {1, &one_listener, "/a", NULL};
    now_ms -= 5000; /* it came long ago */
    wheel_init(&wheel, now_ms);
    ck_assert(add(&key, 10));
    ck_assert(wheel_next(&wheel) <= now_ms + 1000 + WHEEL_TICK_MS);
    ck_assert(!wheel_turn(&wheel, now_ms + 1100, 10));
    ck_assert(!has(&key, now_ms));
    ck_assert(wheel_next(&wheel) == UINT64_MAX);
}
END_TEST

Suite *suite_kept(void)
{
    Suite *suite = suite_create("kept");
    TCase *tcase = tcase_create("kept");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, all_of_the_key_counts);
    tcase_add_test(tcase, room_is_a_bound);
    tcase_add_test(tcase, the_wheel_tidies_up);
    suite_add_tcase(suite, tcase);
    return suite;
}
