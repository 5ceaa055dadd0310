#include "suites.h"

#include <stdio.h>
#include <string.h>

#include "http/head.h"

static void take(struct http1_head *head, const char *text, size_t piece)
{
    size_t len = strlen(text);
    memset(head, 0, sizeof *head);
    for (size_t at = 0; at < len; at += piece)
        ck_assert_int_eq(http1_head_put(head, text + at, len - at < piece ? len - at : piece), 0);
    ck_assert_int_eq(http1_head_finish(head), 0);
    ck_assert(head->whole);
}

static void is_value(const struct http1_head *head, const char *name, const char *want)
{
    const char *got = http1_head_value(head, name);
    ck_assert_msg(want ? got && strcmp(got, want) == 0 : got == NULL, "%s: %s, not %s", name,
                  got ? got : "none", want ? want : "none");
}

START_TEST(a_head)
{
    static const char text[] =
        "\r\nGET /a?b=c&d HTTP/1.1\r\nHost: example.org\r\nuser-agent:\t a b \t\r\nEmpty:\r\n"
        "Blank: \t\r\nColon: a:b\r\nX: 1\r\nX: 2\r\n\r\n";
    for (size_t piece = 1; piece < sizeof text; piece++) {
        struct http1_head head;
        take(&head, text, piece);
        ck_assert_str_eq(head.method, "GET");
        ck_assert_str_eq(head.target, "/a?b=c&d");
        ck_assert_str_eq(head.version, "HTTP/1.1");
        is_value(&head, "host", "example.org");
        is_value(&head, "User-Agent", "a b");
        is_value(&head, "Empty", "");
        is_value(&head, "Blank", "");
        is_value(&head, "Colon", "a:b");
        is_value(&head, "X", "1");
        is_value(&head, "Hos", NULL);
        is_value(&head, "Hosts", NULL);
        is_value(&head, "", NULL);
        http1_head_done(&head);
    }
}
END_TEST

/* RFC 9110 section 5.3. */
START_TEST(lists)
{
    struct http1_head head;
    take(&head,
         "GET / HTTP/1.1\r\nIf-None-Match: \"a\"\r\nAccept: text/html\r\nif-none-match: "
         "W/\"b\"\r\nConnection:\r\n"
         "IF-NONE-MATCH: \"c\"\r\nconnection: Upgrade, Close\r\nAccept-Encoding: br\r\nAccept-Encoding: "
         "gzip\r\n"
         "If-Match: *\r\nRange: bytes=0-0\r\nRange: bytes=1-1\r\n\r\n",
         4096);
    is_value(&head, "If-None-Match", "\"a\", W/\"b\", \"c\"");
    is_value(&head, "Accept", "text/html");
    is_value(&head, "Accept-Encoding", "br, gzip");
    is_value(&head, "If-Match", "*");
    is_value(&head, "Connection", ", Upgrade, Close");
    is_value(&head, "Range", "bytes=0-0");
    ck_assert(http1_head_has(&head, "Connection", "close"));
    ck_assert(http1_head_has(&head, "Connection", "upgrade"));
    ck_assert(!http1_head_has(&head, "Connection", "Up"));
    ck_assert(!http1_head_has(&head, "Connection", "keep-alive"));
    ck_assert(!http1_head_has(&head, "Absent", "close"));
    http1_head_done(&head);
}
END_TEST

/* As many as there can be: what is joined stays within the room that was asked for. */
START_TEST(many_of_a_list)
{
    static char text[64 * 1024];
    char *p = stpcpy(text, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 1000; i++)
        p = stpcpy(p, i % 2 ? "Accept:\r\n" : "If-Match:a\r\n");
    stpcpy(p, "\r\n");
    struct http1_head head;
    take(&head, text, sizeof text);
    ck_assert_uint_eq(strlen(http1_head_value(&head, "If-Match")), 500 + 499 * 2);
    ck_assert_uint_eq(strlen(http1_head_value(&head, "Accept")), 499 * 2);
    http1_head_done(&head);
}
END_TEST

/* Refused on its way: what was whole is there. */
START_TEST(cut_short)
{
    static const struct {
        const char *text, *method, *target, *version, *accept;
    } ROWS[] = {
        {"", "", "", "", NULL},
        {"\r\n", "", "", "", NULL},
        {"GE", "GE", "", "", NULL},
        {"HEAD ", "HEAD", "", "", NULL},
        {"HEAD /x", "HEAD", "/x", "", NULL},
        {"GET /x HTTP/1.", "GET", "/x", "HTTP/1.", NULL},
        {"GET /x HTTP/1.1\r\n", "GET", "/x", "HTTP/1.1", NULL},
        {"GET /x HTTP/1.1\r\nAccept: text/html", "GET", "/x", "HTTP/1.1", NULL},
        {"GET /x HTTP/1.1\r\nAccept: text/html\r\nBad", "GET", "/x", "HTTP/1.1", "text/html"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct http1_head head;
        take(&head, ROWS[i].text, 3);
        ck_assert_str_eq(head.method, ROWS[i].method);
        ck_assert_str_eq(head.target, ROWS[i].target);
        ck_assert_str_eq(head.version, ROWS[i].version);
        is_value(&head, "Accept", ROWS[i].accept);
        http1_head_done(&head);
    }
    struct http1_head none = {0};
    is_value(&none, "Accept", NULL);
    http1_head_done(&none);
}
END_TEST

/* What is kept of one request is its memory, and nothing that could be asked for. */
START_TEST(one_after_another)
{
    static const char *const TEXTS[] = {
        "GET /a HTTP/1.1\r\nAccept: a\r\nAccept: b\r\nX: y\r\n\r\n",
        "HEAD /longer-than-the-first HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n"};
    struct http1_head head = {0};
    for (size_t i = 0; i < 9; i++) {
        const char *text = TEXTS[i % 3];
        ck_assert_int_eq(http1_head_put(&head, text, strlen(text)), 0);
        ck_assert_int_eq(http1_head_finish(&head), 0);
        is_value(&head, "Accept", i % 3 == 0 ? "a, b" : NULL);
        is_value(&head, "Host", i % 3 == 1 ? "h" : NULL);
        is_value(&head, "C", i % 3 == 1 ? "3" : NULL);
        ck_assert_str_eq(head.method, i % 3 == 1 ? "HEAD" : "GET");
        http1_head_clear(&head);
        ck_assert(!head.whole && head.len == 0);
        is_value(&head, "Host", NULL);
        ck_assert_ptr_nonnull(head.bytes);
    }
    static char large[5000];
    memset(large, 'a', sizeof large);
    ck_assert_int_eq(http1_head_put(&head, large, sizeof large), 0);
    http1_head_clear(&head);
    ck_assert_ptr_null(head.bytes);
    http1_head_done(&head);
}
END_TEST

/* What is asked for stays, whatever comes meanwhile: the strings that were given are in use. */
START_TEST(whole_is_whole)
{
    static const char FIRST[] = "GET /a HTTP/1.1\r\nAccept: a\r\nAccept: b\r\n\r\n",
                      SECOND[] = "GET /b HTTP/1.1\r\nAccept: c\r\nX: d\r\nY: e\r\n\r\n";
    struct http1_head head = {0};
    ck_assert_int_eq(http1_head_put(&head, FIRST, sizeof FIRST - 1), 0);
    ck_assert_int_eq(http1_head_finish(&head), 0);
    const char *target = head.target;
    ck_assert_int_lt(http1_head_put(&head, SECOND, sizeof SECOND - 1), 0);
    ck_assert_int_eq(http1_head_finish(&head), 0);
    ck_assert_ptr_eq(head.target, target);
    ck_assert_str_eq(target, "/a");
    is_value(&head, "Accept", "a, b");
    is_value(&head, "X", NULL);
    http1_head_done(&head);
}
END_TEST

Suite *suite_head(void)
{
    Suite *suite = suite_create("head");
    TCase *tc = tcase_create("head");
    tcase_add_test(tc, a_head);
    tcase_add_test(tc, lists);
    tcase_add_test(tc, many_of_a_list);
    tcase_add_test(tc, cut_short);
    tcase_add_test(tc, one_after_another);
    tcase_add_test(tc, whole_is_whole);
    suite_add_tcase(suite, tc);
    return suite;
}
