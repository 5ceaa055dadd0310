#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/http2_kept.h"
#include "suites.h"

static struct wheel wheel;
static struct http2_shelf *shelf;

static void set_up(void)
{
    wheel_init(&wheel, 1000);
    shelf = http2_shelf_new(&wheel);
    ck_assert_ptr_nonnull(shelf);
}

static void tear_down(void)
{
    http2_shelf_free(shelf);
}

static void put(const struct kept_key *key, const char *body, size_t len, size_t room)
{
    const struct http2_kept what = {.lines = "a: b\r\n", .lines_len = 6, .body = body, .length = len};
    http2_shelf_put(shelf, key, 1000, room, &what);
}

static const struct kept_key KEY = {.generation = 3, .listener = &wheel, .path = "/x", .variant = "gzip"};

START_TEST(what_was_put_is_found_for_a_second)
{
    char path[] = "/x", body[] = "hello";
    struct kept_key key = KEY;
    key.path = path;
    put(&key, body, 5, SIZE_MAX);
    memset(path, 'y', 2);
    memset(body, 'y', 5);
    const struct http2_kept *found = http2_shelf_find(shelf, &KEY, 1999);
    ck_assert_ptr_nonnull(found);
    ck_assert_uint_eq(found->length, 5);
    ck_assert_mem_eq(found->body, "hello", 5);
    ck_assert_mem_eq(found->lines, "a: b\r\n", 6);
    ck_assert_ptr_null(http2_shelf_find(shelf, &KEY, 2000));
    ck_assert_ptr_null(http2_shelf_find(NULL, &KEY, 1000));
}
END_TEST

START_TEST(nothing_else_is_found)
{
    struct kept_key other[] = {KEY, KEY, KEY, KEY, KEY};
    put(&KEY, "hello", 5, SIZE_MAX);
    other[0].generation = 4;
    other[1].listener = &shelf;
    other[2].path = "/y";
    other[3].variant = NULL;
    other[4].host = "a.test";
    for (size_t i = 0; i < ARRAY_LEN(other); i++)
        ck_assert_ptr_null(http2_shelf_find(shelf, &other[i], 1000));
}
END_TEST

START_TEST(no_more_than_there_is_room)
{
    static char large[HTTP2_KEPT_MOST + 1];
    char path[16];
    struct kept_key key = KEY;
    put(&KEY, large, sizeof large, SIZE_MAX);
    ck_assert_ptr_null(http2_shelf_find(shelf, &KEY, 1000));
    put(&KEY, "hello", 5, 0);
    ck_assert_ptr_null(http2_shelf_find(shelf, &KEY, 1000));
    key.path = path;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(path, sizeof path, "/%u", i);
        put(&key, large, HTTP2_KEPT_MOST, SIZE_MAX);
        ck_assert_uint_le(shelf->bytes, HTTP2_KEPT_MOST_OF_ALL);
    }
    ck_assert_uint_gt(shelf->bytes, HTTP2_KEPT_MOST_OF_ALL / 2);
}
END_TEST

START_TEST(it_is_tidied_up)
{
    put(&KEY, "hello", 5, SIZE_MAX);
    ck_assert_uint_gt(shelf->bytes, 0);
    (void)wheel_turn(&wheel, 1999, 10);
    ck_assert_uint_gt(shelf->bytes, 0);
    (void)wheel_turn(&wheel, 3000, 10);
    ck_assert_uint_eq(shelf->bytes, 0);
}
END_TEST

Suite *suite_http2_kept(void)
{
    Suite *suite = suite_create("http2_kept");
    TCase *tc = tcase_create("kept");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, what_was_put_is_found_for_a_second);
    tcase_add_test(tc, nothing_else_is_found);
    tcase_add_test(tc, no_more_than_there_is_room);
    tcase_add_test(tc, it_is_tidied_up);
    suite_add_tcase(suite, tc);
    return suite;
}
