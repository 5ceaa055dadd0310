#include <stdlib.h>
#include <string.h>

#include "suites.h"
#include "table.h"
#include "upstream/response.h"

/* What came of bytes that were fed in pieces. */
struct outcome {
    struct response response;
    struct buf body;
    size_t used;
    unsigned interim, status;
    bool head, end;
};

static void start(struct outcome *o, const char *asked)
{
    memset(o, 0, sizeof *o);
    response_init(&o->response, strcmp(asked, "head") == 0, strcmp(asked, "upgrade") == 0);
}

static void feed(struct outcome *o, const char *data, size_t len)
{
    /* A copy of the exact size, so that a sanitizer sees a read beyond it. */
    char *copy = malloc(len ? len : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, data, len);
    size_t at = 0;
    while (at < len && !o->end && !o->response.why) {
        struct response_piece piece = response_feed(&o->response, copy + at, len - at);
        ck_assert_uint_le(piece.used, len - at);
        ck_assert(!piece.body_len || !piece.trailer_len);
        ck_assert(!piece.body_len || (piece.body >= copy && piece.body + piece.body_len <= copy + len));
        buf_put(&o->body, piece.body, piece.body_len);
        o->interim += (piece.events & RESPONSE_INTERIM) != 0;
        o->end = o->end || (piece.events & RESPONSE_END);
        if (piece.events & RESPONSE_HEAD) {
            ck_assert(!o->head);
            o->head = true;
            o->status = o->response.status;
        }
        at += piece.used;
        if (piece.used == 0)
            break; /* refused, or a tunnel */
    }
    o->used += at;
    free(copy);
}

/* The verdict as the table spells it. */
static void tell(struct outcome *o, size_t len, char text[static 40])
{
    size_t behind = len - o->used;
    const struct response *r = &o->response;
    ck_assert(o->head == response_has_head(r));
    if (!o->head)
        snprintf(text, 40, "%s", r->why ? "bad" : "none");
    else if (r->why)
        snprintf(text, 40, "%u bad", o->status);
    else if (r->framing == RESPONSE_TUNNEL)
        snprintf(text, 40, "%u tunnel", o->status);
    else if (o->end && behind)
        snprintf(text, 40, "%u %s +%zu", o->status, response_keeps(r) ? "keep" : "close", behind);
    else if (o->end)
        snprintf(text, 40, "%u %s", o->status, response_keeps(r) ? "keep" : "close");
    else
        snprintf(text, 40, "%u %s", o->status, response_eof(&o->response) ? "eof" : "cut");
    ck_assert(r->framing != RESPONSE_CLOSE || !response_keeps(r));
}

static void check(const struct table *t, struct outcome *o, size_t len, const char *how, size_t at)
{
    char verdict[40];
    struct buf body = {0};
    if (strcmp(t->column[4], "-") != 0)
        table_unescape(&body, t->column[4]);
    tell(o, len, verdict);
    ck_assert_msg(strcmp(verdict, t->column[3]) == 0, "line %u (%s) %s %zu: %s, want %s (%s)", t->number,
                  t->column[0], how, at, verdict, t->column[3], o->response.why ? o->response.why : "");
    ck_assert_msg(o->body.len == body.len &&
                      (body.len == 0 || memcmp(body.data, o->body.data, body.len) == 0),
                  "line %u (%s) %s %zu: body", t->number, t->column[0], how, at);
    if (strcmp(t->column[5], "-") != 0)
        ck_assert_msg(o->response.why && strstr(o->response.why, t->column[5]), "line %u (%s): %s", t->number,
                      t->column[0], o->response.why ? o->response.why : "not refused");
    else
        ck_assert_msg(!o->response.why, "line %u (%s): %s", t->number, t->column[0], o->response.why);
    buf_done(&body);
    buf_done(&o->body);
}

START_TEST(table_of_cases)
{
    struct table t;
    table_open(&t, "response.tsv");
    while (table_next(&t)) {
        struct buf bytes = {0};
        struct outcome o;
        table_unescape(&bytes, t.column[2]);
        const char *data = bytes.data ? bytes.data : "";
        start(&o, t.column[1]);
        for (size_t i = 0; i < bytes.len && !o.response.why && !o.end; i++)
            feed(&o, data + i, 1);
        check(&t, &o, bytes.len, "byte by byte", 0);
        size_t step = bytes.len > 3000 ? bytes.len / 61 : 1;
        for (size_t at = 0; at <= bytes.len; at += step) {
            start(&o, t.column[1]);
            feed(&o, data, at);
            if (o.used == at)
                feed(&o, data + at, bytes.len - at);
            check(&t, &o, bytes.len, "split at", at);
        }
        buf_done(&bytes);
    }
    ck_assert_uint_ge(t.rows, 150);
    table_close(&t);
}
END_TEST

START_TEST(trailers_are_handed_out)
{
    static const char text[] =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\nDigest: z\r\n\r\n";
    for (size_t at = 0; at < sizeof text; at++) {
        struct response r;
        struct buf trailers = {0};
        response_init(&r, false, false);
        for (size_t i = 0, end; i < sizeof text - 1; i = end) {
            end = i < at ? at : sizeof text - 1;
            for (size_t from = i; from < end;) {
                struct response_piece piece = response_feed(&r, text + from, end - from);
                ck_assert_uint_gt(piece.used, 0);
                buf_put(&trailers, piece.trailer, piece.trailer_len);
                from += piece.used;
            }
        }
        ck_assert_str_eq(trailers.data, "X: y\r\nDigest: z\r\n\r\n");
        ck_assert(response_keeps(&r));
        buf_done(&trailers);
    }
}
END_TEST

START_TEST(what_is_known_of_a_head)
{
    struct response r;
    static const char interim[] = "HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\n",
                      final[] = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n";
    response_init(&r, false, false);
    ck_assert(response_is_fresh(&r));
    struct response_piece piece = response_feed(&r, interim, sizeof interim - 1);
    ck_assert_uint_eq(piece.events, RESPONSE_INTERIM);
    ck_assert_uint_eq(piece.used, sizeof interim - 1);
    ck_assert_uint_eq(r.status, 103);
    ck_assert(!response_is_fresh(&r) && !response_has_head(&r) && !response_eof(&r));
    piece = response_feed(&r, final, sizeof final - 1);
    ck_assert_uint_eq(piece.events, RESPONSE_HEAD);
    ck_assert(response_has_head(&r) && response_has_length(&r));
    ck_assert_uint_eq(r.declared, 7);
    ck_assert(!response_eof(&r));
}
END_TEST

Suite *suite_response(void)
{
    Suite *suite = suite_create("response");
    TCase *tcase = tcase_create("response");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, table_of_cases);
    tcase_add_test(tcase, trailers_are_handed_out);
    tcase_add_test(tcase, what_is_known_of_a_head);
    suite_add_tcase(suite, tcase);
    return suite;
}
