#include <stdlib.h>
#include <string.h>

#include "http/h2_head.h"
#include "suites.h"

static const struct http1_limits LIMITS = {
    .max_target = 256, .max_head = 1024, .max_fields = 20, .max_body = 1000};

#define BASE ":method=GET|:scheme=https|:authority=a.example|:path=/p?q|"

/* Fields as NAME=VALUE, each with a | behind it. */
static int finish(const char *fields, bool ended, struct h2_head *head, struct http1_gate *gate,
                  struct http1_head *out)
{
    *head = (struct h2_head){0};
    *out = (struct http1_head){0};
    for (const char *at = fields; *at;) {
        const char *equal = strchr(at, '='), *end = strchr(at, '|');
        h2_head_put(head, &LIMITS, at, (size_t)(equal - at), equal + 1, (size_t)(end - equal - 1));
        at = end + 1;
    }
    return h2_head_finish(head, &LIMITS, ended, gate, out);
}

START_TEST(a_head_reads_as_one_of_http1)
{
    struct h2_head head;
    struct http1_gate gate;
    struct http1_head out;
    ck_assert_int_eq(
        finish(BASE "accept=a|cookie=x=1|te=trailers|cookie=y=2|accept=b|", true, &head, &gate, &out), 0);
    ck_assert_str_eq(out.method, "GET");
    ck_assert_str_eq(out.target, "/p?q");
    ck_assert_str_eq(out.version, "HTTP/2.0");
    ck_assert_str_eq(http1_head_protocol(&out), "HTTP/2.0");
    ck_assert(!http1_head_is_old(&out));
    ck_assert_str_eq(http1_head_value(&out, "Host"), "a.example");
    ck_assert_str_eq(http1_head_value(&out, "Cookie"), "x=1; y=2");
    ck_assert_str_eq(http1_head_value(&out, "Accept"), "a, b");
    h2_head_done(&head);
    http1_head_done(&out);
    ck_assert_int_eq(finish(":method=POST|:scheme=https|:path=/|host=b.example:8443|content-length=12|",
                            false, &head, &gate, &out),
                     0);
    ck_assert_str_eq(http1_head_value(&out, "host"), "b.example:8443");
    ck_assert_uint_eq(http1_gate_content(&gate), 12);
    h2_head_done(&head);
    http1_head_done(&out);
}
END_TEST

/* RFC 9113 section 8. */
static const char *const MALFORMED[] = {
    ":scheme=https|:authority=a|:path=/|",
    ":method=GET|:authority=a|:path=/|",
    ":method=GET|:scheme=https|:authority=a|",
    ":method=GET|:scheme=https|:path=/|",
    ":method=GET|:scheme=https|:authority=a|:path=|",
    ":method=GET|:scheme=https|:authority=a|:path=p|",
    ":method=GET|:scheme=https|:authority=a|:path=https://a/|",
    ":method=GET|:scheme=https|:authority=a|:path=/ HTTP/1.1|",
    ":method=GET|:scheme=https|:authority=a|:path=/\r\nx: y|",
    ":method=GET|:scheme=https|:authority=a|:path=/#f|",
    ":method=GET|:scheme=https|:authority=a|:path=*|",
    ":method=GE T|:scheme=https|:authority=a|:path=/|",
    ":method=GET|:scheme=ftp|:authority=a|:path=/|",
    ":method=GET|:scheme=https|:authority=u@a|:path=/|",
    ":method=GET|:scheme=https|:authority=a b|:path=/|",
    ":method=GET|:method=GET|:scheme=https|:authority=a|:path=/|",
    ":method=GET|:scheme=https|:authority=a|:path=/|:protocol=websocket|",
    ":method=GET|:scheme=https|:authority=a|x=y|:path=/|",
    ":method=CONNECT|",
    BASE "host=b.example|",
    BASE "host=a.example|host=a.example|",
    BASE "Accept=a|",
    BASE "a b=c|",
    BASE "=c|",
    BASE "x=a\r\ny: b|",
    BASE "x=a\nb|",
    BASE "x= a|",
    BASE "x=a |",
    BASE "x=\x7f|",
    BASE "connection=close|",
    BASE "keep-alive=1|",
    BASE "proxy-connection=close|",
    BASE "transfer-encoding=chunked|",
    BASE "upgrade=h2c|",
    BASE "te=gzip|",
    BASE "te=trailers, gzip|",
    BASE "content-length=1|",
    BASE "content-length=0|content-length=0|",
    BASE "content-length=x|",
};

START_TEST(what_is_malformed)
{
    struct h2_head head;
    struct http1_gate gate;
    struct http1_head out;
    ck_assert_msg(finish(MALFORMED[_i], true, &head, &gate, &out) == ERR_SYNTAX, "%s", MALFORMED[_i]);
    ck_assert_ptr_nonnull(head.malformed);
    h2_head_done(&head);
    http1_head_done(&out);
}
END_TEST

static char large[2000];

static const struct {
    const char *fields;
    unsigned status;
    const char *method;
} ANSWERED[] = {
    {":method=CONNECT|:authority=a:443|", 405, ""},
    {BASE "expect=200-ok|", 417, "GET"},
    {":method=GET|:scheme=https|:authority=a|:path=/@|", 414, "GET"},
    {BASE "x=@|x=@|", 431, "GET"},
    {BASE "a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|a=|", 431, "GET"},
};

START_TEST(what_is_refused_with_an_answer)
{
    struct h2_head head;
    struct http1_gate gate;
    struct http1_head out;
    /* @ stands for much. */
    char fields[5000] = "", *to = fields;
    for (const char *p = ANSWERED[_i].fields; *p; p++) {
        if (*p != '@') {
            *to++ = *p;
            continue;
        }
        memset(large, 'a', 700);
        memcpy(to, large, 700);
        to += 700;
    }
    *to = '\0';
    ck_assert_int_eq(finish(fields, true, &head, &gate, &out), ERR_RANGE);
    ck_assert_uint_eq(gate.status, ANSWERED[_i].status);
    ck_assert(out.whole);
    if (*ANSWERED[_i].method)
        ck_assert_str_eq(out.method, ANSWERED[_i].method);
    h2_head_done(&head);
    http1_head_done(&out);
}
END_TEST

Suite *suite_h2_head(void)
{
    Suite *suite = suite_create("h2_head");
    TCase *tc = tcase_create("heads");
    tcase_add_test(tc, a_head_reads_as_one_of_http1);
    tcase_add_loop_test(tc, what_is_malformed, 0, ARRAY_LEN(MALFORMED));
    tcase_add_loop_test(tc, what_is_refused_with_an_answer, 0, ARRAY_LEN(ANSWERED));
    suite_add_tcase(suite, tc);
    return suite;
}
