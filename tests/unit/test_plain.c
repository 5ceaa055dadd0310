#include "suites.h"

#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "http/plain.h"

static const struct {
    const char *head;
    unsigned status;
    const char *location;
} CASES[] = {
    {"GET /a?b HTTP/1.1\r\nHost: example.org:8443\r\n\r\n", 308, "https://example.org:8443/a?b"},
    {"HEAD / HTTP/1.1\r\nhost:\texample.org \r\n\r\n", 308, "https://example.org/"},
    {"GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n", 308, "https://[::1]:8443/"},
    {"POST / HTTP/1.1\r\nHost: example.org\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n", 400, NULL},
    {"GET http://x/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL},
    {"GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL},
    {"GET /", 400, NULL},
    {"G", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: a", 400, NULL},
};

START_TEST(answers)
{
    char out[2048], field[300];
    size_t len = sizeof out;
    plain_http_answer(CASES[_i].head, strlen(CASES[_i].head), out, &len);
    ck_assert_uint_lt(len, sizeof out);
    out[len] = '\0';
    snprintf(field, sizeof field, "HTTP/1.1 %u ", CASES[_i].status);
    ck_assert_int_eq(strncmp(out, field, strlen(field)), 0);
    if (CASES[_i].location) {
        snprintf(field, sizeof field, "\r\nLocation: %s\r\n", CASES[_i].location);
        ck_assert_ptr_nonnull(strstr(out, field));
    } else {
        ck_assert_ptr_null(strstr(out, "Location"));
    }
    bool has_body = strstr(out, "\r\n\r\n")[4] != '\0';
    ck_assert(has_body == (strncmp(CASES[_i].head, "HEAD", 4) != 0));
}
END_TEST

START_TEST(long_url)
{
    char head[1200], out[2048];
    memset(head, 'a', sizeof head);
    memcpy(head, "GET /", 5);
    memcpy(head + 1000, " HTTP/1.1\r\nHost: a\r\n\r\n", 23);
    size_t len = sizeof out;
    plain_http_answer(head, 1022, out, &len);
    ck_assert_int_eq(strncmp(out, "HTTP/1.1 400", 12), 0);
}
END_TEST

START_TEST(small_room)
{
    char out[40];
    size_t len = sizeof out;
    plain_refusal(431, "too much", out, &len);
    ck_assert_uint_lt(len, sizeof out);
}
END_TEST

Suite *suite_plain(void)
{
    Suite *suite = suite_create("plain");
    TCase *tc = tcase_create("plain");
    tcase_add_loop_test(tc, answers, 0, (int)ARRAY_LEN(CASES));
    tcase_add_test(tc, long_url);
    tcase_add_test(tc, small_room);
    suite_add_tcase(suite, tc);
    return suite;
}
