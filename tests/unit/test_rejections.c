#include "report/rejections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/handlers.h"
#include "http_fixture.h"
#include "suites.h"

static void add(struct rejections *rejections, const char *why, struct peer *peer)
{
    struct rejection rejection = {.at = FIXTURE_NOW, .alert = -1, .peer = peer};
    snprintf(rejection.why, sizeof rejection.why, "%s", why);
    rejections_add(rejections, &rejection);
}

/* A peer as large as a stranger can make it. */
static struct peer *large_peer(size_t bytes)
{
    struct peer *peer = calloc(1, sizeof *peer);
    peer->refs = 1;
    peer->verify = VERIFY_FAILED;
    peer->errors = calloc(1, sizeof *peer->errors);
    peer->n_errors = 1;
    peer->errors[0] = (struct verdict_finding){.code = VERDICT_EXPIRED, .value = malloc(bytes + 1)};
    memset(peer->errors[0].value, 'a', bytes);
    peer->errors[0].value[bytes] = '\0';
    return peer;
}

/* The numbers of a page, with commas. */
static const char *numbers(struct rejections *rejections, uint64_t before, size_t most)
{
    static char text[256];
    size_t n, at = 0;
    struct rejection *page = rejections_page(rejections, before, most, &n);
    ck_assert_int_eq(page == NULL, n == 0);
    text[0] = '\0';
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%llu", i ? "," : "",
                               (unsigned long long)page[i].number);
    rejections_page_free(page, n);
    return text;
}

START_TEST(test_ring)
{
    struct rejections *rejections = rejections_new(3, SIZE_MAX);
    ck_assert_str_eq(numbers(rejections, 0, 10), "");
    for (int i = 0; i < 5; i++)
        add(rejections, "no certificate", NULL);
    ck_assert_str_eq(numbers(rejections, 0, 10), "5,4,3");
    ck_assert_str_eq(numbers(rejections, 0, 2), "5,4");
    ck_assert_str_eq(numbers(rejections, 4, 2), "3");
    ck_assert_str_eq(numbers(rejections, 5, 1), "4");
    /* What was pushed out since, and what has not come yet. */
    ck_assert_str_eq(numbers(rejections, 3, 10), "");
    ck_assert_str_eq(numbers(rejections, 1, 10), "");
    ck_assert_str_eq(numbers(rejections, 1000, 10), "5,4,3");
    rejections_free(rejections);

    rejections = rejections_new(0, SIZE_MAX);
    add(rejections, "no certificate", NULL);
    ck_assert_str_eq(numbers(rejections, 0, 10), "");
    rejections_free(rejections);
}
END_TEST

START_TEST(test_bytes)
{
    struct rejections *rejections = rejections_new(1000, 100000);
    struct peer *large = large_peer(30000), *huge = large_peer(200000);
    for (int i = 0; i < 10; i++)
        add(rejections, "large", large);
    ck_assert_str_eq(numbers(rejections, 0, 10), "10,9,8");
    add(rejections, "small", NULL);
    ck_assert_str_eq(numbers(rejections, 0, 10), "11,10,9,8");
    /* The last one is kept, whatever its size. */
    add(rejections, "huge", huge);
    ck_assert_str_eq(numbers(rejections, 0, 10), "12");
    add(rejections, "large", large);
    ck_assert_str_eq(numbers(rejections, 0, 10), "13");
    /* What the ring let go is gone; what a page holds is not. */
    size_t n;
    struct rejection *page = rejections_page(rejections, 0, 1, &n);
    rejections_free(rejections);
    peer_unref(large);
    peer_unref(huge);
    ck_assert_uint_eq(strlen(page[0].peer->errors[0].value), 30000);
    rejections_page_free(page, n);
}
END_TEST

static struct rejection *ask(const struct request *request, uint64_t before, size_t most, size_t *n)
{
    return rejections_page((struct rejections *)(uintptr_t)request->server, before, most, n);
}

static json_t *answer(struct fixture *f, const char *query)
{
    reply_done(&f->reply);
    reply_init(&f->reply);
    f->request.query = query;
    ck_assert_int_eq(handle_rejections(&f->request, &f->reply), 0);
    ck_assert_uint_eq(f->reply.status, 200);
    return fixture_reply_json(f);
}

START_TEST(test_pages)
{
    struct fixture f;
    struct rejections *rejections = rejections_new(10000, SIZE_MAX);
    fixture_init(&f);
    fixture_path(&f, "/api/rejections");
    json_t *json = answer(&f, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "rejections")), 0);
    ck_assert_str_eq(fixture_at(json, "next"), "null");
    json_decref(json);

    f.request.rejections = ask;
    f.request.rejections_done = rejections_page_free;
    f.request.server = rejections;
    for (int i = 0; i < 250; i++)
        add(rejections, "no certificate", NULL);
    json = answer(&f, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "rejections")), 100);
    ck_assert_str_eq(fixture_at(json, "rejections.0.number"), "250");
    ck_assert_str_eq(fixture_at(json, "rejections.0.why"), "no certificate");
    ck_assert_str_eq(fixture_at(json, "rejections.99.number"), "151");
    ck_assert_str_eq(fixture_at(json, "next"), "/api/rejections?limit=100&before=151");
    json_decref(json);
    json = answer(&f, "limit=200&before=151");
    ck_assert_uint_eq(json_array_size(json_object_get(json, "rejections")), 150);
    ck_assert_str_eq(fixture_at(json, "rejections.0.number"), "150");
    ck_assert_str_eq(fixture_at(json, "next"), "null");
    json_decref(json);
    json = answer(&f, "before=3&limit=1");
    ck_assert_str_eq(fixture_at(json, "rejections.0.number"), "2");
    ck_assert_str_eq(fixture_at(json, "next"), "/api/rejections?limit=1&before=2");
    json_decref(json);
    json = answer(&f, "before=1");
    ck_assert_uint_eq(json_array_size(json_object_get(json, "rejections")), 0);
    ck_assert_str_eq(fixture_at(json, "next"), "null");
    json_decref(json);

    static const char *const BAD[] = {
        "limit=0",  "limit=1001", "limit=", "limit=1x", "limit=-1",    "before=0",
        "limits=1", "limit",      "&",      "x=1",      "limit=5&x=1", "before=99999999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        reply_done(&f.reply);
        reply_init(&f.reply);
        f.request.query = BAD[i];
        ck_assert_int_eq(handle_rejections(&f.request, &f.reply), 0);
        ck_assert_msg(f.reply.status == 400, "%s: %u", BAD[i], f.reply.status);
    }
    fixture_done(&f);
    rejections_free(rejections);
}
END_TEST

/* The most that can be remembered, and each as large as can be: an answer is a page all the same. */
START_TEST(test_large_pages)
{
    struct fixture f;
    struct rejections *rejections = rejections_new(10000, SIZE_MAX);
    struct peer *large = large_peer(100000);
    fixture_init(&f);
    fixture_path(&f, "/api/rejections");
    f.request.rejections = ask;
    f.request.rejections_done = rejections_page_free;
    f.request.server = rejections;
    for (int i = 0; i < 10000; i++)
        add(rejections, "large", large);
    json_t *json = answer(&f, "limit=1000");
    ck_assert_uint_lt(f.reply.body.len, 700000);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "rejections")), 6);
    ck_assert_str_eq(fixture_at(json, "next"), "/api/rejections?limit=1000&before=9995");
    json_decref(json);
    fixture_done(&f);
    rejections_free(rejections);
    peer_unref(large);
}
END_TEST

Suite *suite_rejections(void)
{
    Suite *suite = suite_create("rejections");
    TCase *tc = tcase_create("rejections");
    tcase_add_test(tc, test_ring);
    tcase_add_test(tc, test_bytes);
    tcase_add_test(tc, test_pages);
    tcase_add_test(tc, test_large_pages);
    suite_add_tcase(suite, tc);
    return suite;
}
