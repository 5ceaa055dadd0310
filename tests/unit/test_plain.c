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

enum { NOW = 1781524800 }; /* 2026-06-15T12:00:00Z */

START_TEST(answers)
{
    struct buf out = {0};
    char field[300];
    plain_http_answer(CASES[_i].head, strlen(CASES[_i].head), NOW, &out);
    ck_assert(!buf_failed(&out));
    snprintf(field, sizeof field,
             "HTTP/1.1 %s\r\nConnection: close\r\nDate: Mon, 15 Jun 2026 12:00:00 GMT\r\n",
             CASES[_i].status == 308 ? "308 Permanent Redirect" : "400 Bad Request");
    ck_assert_int_eq(strncmp(out.data, field, strlen(field)), 0);
    if (CASES[_i].location) {
        snprintf(field, sizeof field, "\r\nLocation: %s\r\n", CASES[_i].location);
        ck_assert_ptr_nonnull(strstr(out.data, field));
    } else {
        ck_assert_ptr_null(strstr(out.data, "Location"));
    }
    bool has_body = strstr(out.data, "\r\n\r\n")[4] != '\0';
    ck_assert(has_body == (strncmp(CASES[_i].head, "HEAD", 4) != 0));
    buf_done(&out);
}
END_TEST

START_TEST(long_url)
{
    char head[1200];
    struct buf out = {0};
    memset(head, 'a', sizeof head);
    memcpy(head, "GET /", 5);
    memcpy(head + 1000, " HTTP/1.1\r\nHost: a\r\n\r\n", 23);
    plain_http_answer(head, 1022, NOW, &out);
    ck_assert_int_eq(strncmp(out.data, "HTTP/1.1 400", 12), 0);
    buf_done(&out);
}
END_TEST

START_TEST(whole_reply)
{
    struct reply reply;
    reply_init(&reply);
    reply.status = 431;
    reply.content_type = "text/plain";
    ck_assert_int_eq(reply_header(&reply, "Allow", "%s", "GET"), 0);
    buf_puts(&reply.body, "too much");
    for (int headers_only = 0; headers_only < 2; headers_only++) {
        struct buf out = {0};
        plain_reply(&reply, NOW, headers_only, true, &out);
        ck_assert_int_eq(
            strncmp(out.data,
                    "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
                    "Date: Mon, 15 Jun 2026 12:00:00 GMT\r\nContent-Type: text/plain\r\nAllow: GET\r\n"
                    "Content-Length: 8\r\n\r\n",
                    out.len - (headers_only ? 0 : 8)),
            0);
        ck_assert_str_eq(strstr(out.data, "\r\n\r\n") + 4, headers_only ? "" : "too much");
        buf_done(&out);
    }
    reply_done(&reply);
}
END_TEST

START_TEST(head_of_a_reply)
{
    struct reply reply;
    struct buf out = {0};
    reply_init(&reply);
    reply.status = 200;
    reply.content_type = "text/css";
    ck_assert_int_eq(reply_header(&reply, "ETag", "%s", "\"a\""), 0);
    ck_assert_int_eq(reply_header(&reply, "Vary", "%s", "Accept-Encoding"), 0);
    plain_head(&reply, "Mon, 15 Jun 2026 12:00:00 GMT", 5000000000, NULL, &out);
    ck_assert_str_eq(out.data,
                     "HTTP/1.1 200 OK\r\nDate: Mon, 15 Jun 2026 12:00:00 GMT\r\nContent-Type: text/css\r\n"
                     "ETag: \"a\"\r\nVary: Accept-Encoding\r\nContent-Length: 5000000000\r\n\r\n");
    out.len = 0;
    reply.status = 204; /* RFC 9110 section 8.6: without a length */
    plain_head(&reply, "Mon, 15 Jun 2026 12:00:00 GMT", 0, PLAIN_KEEP_ALIVE, &out);
    ck_assert_str_eq(out.data,
                     "HTTP/1.1 204 No Content\r\nConnection: Keep-Alive\r\nDate: Mon, 15 Jun 2026 12:00:00 "
                     "GMT\r\nContent-Type: text/css\r\nETag: \"a\"\r\nVary: Accept-Encoding\r\n\r\n");
    buf_done(&out);
    reply_done(&reply);
}
END_TEST

Suite *suite_plain(void)
{
    Suite *suite = suite_create("plain");
    TCase *tc = tcase_create("plain");
    tcase_add_loop_test(tc, answers, 0, (int)ARRAY_LEN(CASES));
    tcase_add_test(tc, long_url);
    tcase_add_test(tc, whole_reply);
    tcase_add_test(tc, head_of_a_reply);
    suite_add_tcase(suite, tc);
    return suite;
}
