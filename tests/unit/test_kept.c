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
        .response = kept_response_new(MHD_create_response_from_buffer(4, body, MHD_RESPMEM_PERSISTENT)),
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
    const struct kept_key key = {1, &one_listener, "/a", "gzip", NULL};
    ck_assert(add(&key, 10));
    ck_assert(has(&key, now_ms));
    ck_assert(has(&key, now_ms + 999));
    ck_assert(!has(&key, now_ms + 1000));
    ck_assert(!has(&(struct kept_key){2, &one_listener, "/a", "gzip", NULL}, now_ms));
    ck_assert(!has(&(struct kept_key){1, &other_listener, "/a", "gzip", NULL}, now_ms));
    ck_assert(!has(&(struct kept_key){1, &one_listener, "/b", "gzip", NULL}, now_ms));
    ck_assert(!has(&(struct kept_key){1, &one_listener, "/a", NULL, NULL}, now_ms));
    ck_assert(!has(&(struct kept_key){1, &one_listener, "/a", "gzip", "a.test"}, now_ms));
}
END_TEST

START_TEST(room_is_a_bound)
{
    char path[20];
    ck_assert(!add(&(struct kept_key){1, &one_listener, "/large", NULL, NULL}, ROOM + 1));
    for (unsigned i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "/%u", i);
        ck_assert(add(&(struct kept_key){1, &one_listener, path, NULL, NULL}, ROOM / 10));
    }
    unsigned there = 0;
    for (unsigned i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "/%u", i);
        there += has(&(struct kept_key){1, &one_listener, path, NULL, NULL}, now_ms);
    }
    ck_assert_uint_ge(there, 1);
    ck_assert_uint_le(there, 10);
    ck_assert(has(&(struct kept_key){1, &one_listener, "/99", NULL, NULL}, now_ms));
}
END_TEST

/* What nobody asks for any more is let go by the wheel, which then has nothing to do. */
START_TEST(the_wheel_tidies_up)
{
    const struct kept_key key = {1, &one_listener, "/a", NULL, NULL};
    now_ms -= 5000; /* it came long ago */
    wheel_init(&wheel, now_ms);
    ck_assert(add(&key, 10));
    ck_assert(wheel_next(&wheel) <= now_ms + 1000 + WHEEL_TICK_MS);
    ck_assert(!wheel_turn(&wheel, now_ms + 1100, 10));
    ck_assert(!has(&key, now_ms));
    ck_assert(wheel_next(&wheel) == UINT64_MAX);
}
END_TEST

/* Who has yet to send one has a reference. */
START_TEST(one_that_waits_stays)
{
    const struct kept_key key = {1, &one_listener, "/a", NULL, NULL};
    struct kept found;
    ck_assert(add(&key, 10));
    ck_assert(kept_find(store, &key, now_ms, &found));
    struct kept_response *waits = kept_response_ref(found.response);
    ck_assert(add(&key, 10));
    ck_assert(kept_find(store, &key, now_ms, &found));
    ck_assert_ptr_ne(found.response, waits);
    ck_assert_uint_eq(waits->refs, 1);
    kept_response_unref(waits);
}
END_TEST

START_TEST(the_same_again_replaces)
{
    const struct kept_key key = {1, &one_listener, "/a", NULL, NULL};
    struct kept found = {0}, first = make(10), second = make(20);
    ck_assert(kept_add(store, &key, now_ms, ROOM, &first));
    ck_assert(kept_add(store, &key, now_ms + 1, ROOM, &second));
    ck_assert(kept_find(store, &key, now_ms + 1, &found));
    ck_assert_ptr_eq(found.response, second.response);
    ck_assert_uint_eq(found.memory, 20);
    ck_assert(kept_find(store, &key, now_ms + 1000, &found)); /* so old is the second */
    ck_assert(!has(&key, now_ms + 1001));
}
END_TEST

/* No row of names: those whose ends alone differ share no set. */
static void name_at(char *path, size_t size, uint32_t i)
{
    snprintf(path, size, "/%x", i * 2654435761u ^ i << 7);
}

/* Of those that share a set, the older gives way: what came last is there, but for a few. */
START_TEST(the_older_one_gives_way)
{
    enum { ROUNDS = 5, BEFORE = 1000, LAST = 60, MOST_LOST = 15 };
    unsigned lost = 0;
    char path[20];
    const struct kept_key key = {1, &one_listener, path, NULL, NULL};
    uint64_t start_ms = now_ms;
    for (unsigned round = 0; round < ROUNDS; round++) {
        kept_free(store);
        store = kept_new(&wheel);
        for (unsigned i = 0; i < BEFORE + LAST; i++) {
            name_at(path, sizeof path, i);
            now_ms = start_ms + i / 2;
            ck_assert(add(&key, 1));
            ck_assert(has(&key, now_ms));
        }
        for (unsigned i = BEFORE; i < BEFORE + LAST; i++) {
            name_at(path, sizeof path, i);
            lost += !has(&key, now_ms);
        }
    }
    ck_assert_uint_le(lost, MOST_LOST);
}
END_TEST

/* One client may ask for many files, and there is a limit of mappings for all. */
START_TEST(mapped_files_are_few)
{
    unsigned added = 0;
    char path[20];
    const struct kept_key key = {1, &one_listener, path, NULL, NULL};
    for (unsigned i = 0; i < 40; i++) {
        snprintf(path, sizeof path, "/%u", i);
        added += add(&key, 0);
    }
    ck_assert_uint_ge(added, 14);
    ck_assert_uint_le(added, 18); /* those that gave way to others of their set are counted, too */
}
END_TEST

START_TEST(a_long_variant_is_not_kept)
{
    char variant[KEPT_MOST_VARIANT + 1];
    const struct kept_key key = {1, &one_listener, "/a", variant, NULL};
    memset(variant, 'x', sizeof variant);
    variant[KEPT_MOST_VARIANT] = '\0';
    ck_assert(!add(&key, 10));
    variant[KEPT_MOST_VARIANT - 1] = '\0';
    ck_assert(add(&key, 10));
    ck_assert(has(&key, now_ms));
}
END_TEST

/* A connection that still sends them has a reference of its own. */
START_TEST(bytes_outlive_their_place)
{
    struct kept_bytes *bytes = kept_bytes_new("head", 4, 3);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(bytes->head_len, 4);
    ck_assert_uint_eq(bytes->len, 7);
    memcpy(bytes->bytes + bytes->head_len, "end", 3);
    bytes->refs++;
    kept_bytes_unref(bytes);
    ck_assert_int_eq(memcmp(bytes->bytes, "headend", 7), 0);
    kept_bytes_unref(bytes);
    kept_bytes_unref(NULL);
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
    tcase_add_test(tcase, one_that_waits_stays);
    tcase_add_test(tcase, the_same_again_replaces);
    tcase_add_test(tcase, the_older_one_gives_way);
    tcase_add_test(tcase, mapped_files_are_few);
    tcase_add_test(tcase, a_long_variant_is_not_kept);
    tcase_add_test(tcase, bytes_outlive_their_place);
    suite_add_tcase(suite, tcase);
    return suite;
}
