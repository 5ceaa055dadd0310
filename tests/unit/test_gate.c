#include <stdlib.h>
#include <string.h>

#include "http/chars.h"
#include "http/gate.h"
#include "suites.h"
#include "table.h"

static const struct http1_limits LIMITS = {
    .max_target = 256, .max_head = 1024, .max_fields = 20, .max_body = 1000};

/* What came of bytes that were fed in pieces. */
struct outcome {
    size_t good;
    unsigned status, begun, heads, done;
    bool idle;
};

struct feeder {
    struct http1_gate gate;
    struct outcome outcome;
    bool refused;
};

static void feed(struct feeder *f, const char *data, size_t len)
{
    if (f->refused)
        return;
    /* A copy of the exact size, so that a sanitizer sees a read beyond it. */
    char *copy = malloc(len ? len : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, data, len);
    size_t good = 0;
    while (good < len && f->gate.status == 0) {
        unsigned events = 0;
        size_t n = http1_gate_feed(&f->gate, &LIMITS, copy + good, len - good, &events);
        good += n;
        ck_assert_uint_le(good, len);
        /* It stops where a head or a request ends, and nowhere else. */
        ck_assert(good == len || f->gate.status || (events & (HTTP1_HEAD_DONE | HTTP1_REQUEST_DONE)));
        f->outcome.begun += (events & HTTP1_HEAD_BEGUN) != 0;
        f->outcome.heads += (events & HTTP1_HEAD_DONE) != 0;
        f->outcome.done += (events & HTTP1_REQUEST_DONE) != 0;
    }
    free(copy);
    f->outcome.good += good;
    f->refused = good < len;
}

static struct outcome finish(struct feeder *f)
{
    ck_assert(f->refused == (f->gate.status != 0));
    ck_assert(f->refused == (f->gate.why != NULL));
    unsigned events = 0;
    if (f->refused) /* and it stays so */
        ck_assert_uint_eq(http1_gate_feed(&f->gate, &LIMITS, "GET / HTTP/1.0\r\n\r\n", 18, &events), 0);
    ck_assert_uint_eq(events, 0);
    f->outcome.status = f->gate.status;
    f->outcome.idle = http1_gate_idle(&f->gate);
    return f->outcome;
}

static struct outcome in_two(const char *data, size_t len, size_t at)
{
    struct feeder f = {.refused = false};
    http1_gate_init(&f.gate);
    feed(&f, data, at);
    feed(&f, data + at, len - at);
    return finish(&f);
}

static struct outcome byte_by_byte(const char *data, size_t len)
{
    struct feeder f = {.refused = false};
    http1_gate_init(&f.gate);
    for (size_t i = 0; i < len; i++)
        feed(&f, data + i, 1);
    return finish(&f);
}

static void same(const struct table *t, const char *how, size_t at, struct outcome a, struct outcome b)
{
    ck_assert_msg(a.good == b.good && a.status == b.status && a.idle == b.idle,
                  "line %u (%s), %s %zu: good %zu, status %u, idle %d, but byte by byte %zu, %u, %d",
                  t->number, t->column[0], how, at, b.good, b.status, b.idle, a.good, a.status, a.idle);
}

static void check_row(const struct table *t, const struct buf *bytes)
{
    const char *verdict = t->column[3];
    const char *space = strchr(verdict, ' ');
    ck_assert_msg(space != NULL, "line %u: no verdict", t->number);
    unsigned requests = (unsigned)strtoul(space + 1, NULL, 10);
    unsigned status = (unsigned)strtoul(verdict, NULL, 10); /* 0 for words */
    bool idle = strncmp(verdict, "ok", 2) == 0;
    const char *data = bytes->data ? bytes->data : "";

    struct outcome one = byte_by_byte(data, bytes->len);
    ck_assert_msg(one.status == status, "line %u (%s): status %u", t->number, t->column[0], one.status);
    ck_assert_msg(one.done == requests, "line %u (%s): %u requests", t->number, t->column[0], one.done);
    ck_assert_msg(one.idle == idle, "line %u (%s): idle %d", t->number, t->column[0], one.idle);
    ck_assert_msg(status != 0 || one.good == bytes->len, "line %u (%s)", t->number, t->column[0]);
    ck_assert_uint_ge(one.begun, one.heads);
    ck_assert_uint_ge(one.heads, one.done);
    size_t step = bytes->len > 3000 ? bytes->len / 61 : 1;
    for (size_t at = 0; at <= bytes->len; at += step)
        same(t, "split at", at, one, in_two(data, bytes->len, at));
    same(t, "whole", 0, one, in_two(data, bytes->len, bytes->len));
}

START_TEST(table_of_cases)
{
    struct table t;
    table_open(&t, "gate.tsv");
    while (table_next(&t)) {
        struct buf bytes = {0};
        table_unescape(&bytes, t.column[2]);
        check_row(&t, &bytes);
        buf_done(&bytes);
    }
    ck_assert_uint_ge(t.rows, 400);
    table_close(&t);
}
END_TEST

START_TEST(table_is_well_formed)
{
    struct table t;
    table_open(&t, "gate.tsv");
    while (table_next(&t)) {
        bool unit = strcmp(t.column[1], "unit") == 0;
        ck_assert_msg(unit || strcmp(t.column[1], "any") == 0, "line %u: %s", t.number, t.column[1]);
        ck_assert_msg(*t.column[4] != '\0' && *t.column[5] == '\0', "line %u: wrong number of columns",
                      t.number);
        ck_assert_msg(!unit || strcmp(t.column[4], "-") == 0, "line %u: a unit case with an answer",
                      t.number);
        /* Over a connection, a refusal is the last answer. */
        const char *last = strrchr(t.column[4], ',');
        unsigned status = (unsigned)strtoul(t.column[3], NULL, 10);
        ck_assert_msg(unit || status == 0 || strtoul(last ? last + 1 : t.column[4], NULL, 10) == status,
                      "line %u", t.number);
    }
    table_close(&t);
}
END_TEST

/* Every byte, at each kind of place where a byte can stand: the classes of RFC 9110 and 9112, spelt out again
 * here. */
static bool is_tchar(int c)
{
    return c != 0 && ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
                      strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static unsigned status_with(const char *before, int c, const char *after)
{
    char text[256];
    int n = snprintf(text, sizeof text, "%s%c%s", before, c, after);
    struct http1_gate gate;
    unsigned events = 0;
    http1_gate_init(&gate);
    size_t good = http1_gate_feed(&gate, &LIMITS, text, (size_t)n, &events);
    ck_assert((good < (size_t)n) == (gate.status != 0));
    return gate.status ? gate.status : http1_gate_idle(&gate) ? 0 : 1;
}

START_TEST(every_byte)
{
    for (int c = 0; c < 256; c++) {
        /* Long and short after it, for the runs of sixteen and for the table. */
        static const char rest[] = "\r\nA: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n\r\n";
        bool token = is_tchar(c), value = c == '\t' || (c >= 32 && c != 127);
        ck_assert_msg((status_with("GET / HTTP/1.1\r\nHost: a\r\nA", c, "a: b\r\n\r\n") == 0) ==
                          (token || c == ':'),
                      "byte %d in a short name", c);
        ck_assert_msg((status_with("GET / HTTP/1.1\r\nHost: a\r\nAaaaaaaaaaaaaaaaaaaaaa", c,
                                   "aaaaaaaaaaaaaaaaaaaa: b\r\n\r\n") == 0) == token ||
                          c == ':',
                      "byte %d in a long name", c);
        ck_assert_msg((status_with("GET / HTTP/1.1\r\nHost: a\r\nA: b", c, "b\r\n\r\n") == 0) == value,
                      "byte %d in a short value", c);
        ck_assert_msg(
            (status_with("GET / HTTP/1.1\r\nHost: a\r\nA: bbbbbbbbbbbbbbbbbbbbbbbb", c, rest) == 0) == value,
            "byte %d at the end of a value", c);
        ck_assert_msg((status_with("GE", c, "T / HTTP/1.1\r\nHost: a\r\n\r\n") == 0) == token,
                      "byte %d in a method", c);
        bool target = c > 32 && c < 127 && !strchr("\"#<>", c);
        ck_assert_msg((status_with("GET /", c, " HTTP/1.1\r\nHost: a\r\n\r\n") == 0) == target,
                      "byte %d in a target", c);
    }
}
END_TEST

START_TEST(events_of_a_request)
{
    struct http1_gate gate;
    unsigned events = 0;
    http1_gate_init(&gate);
    ck_assert(http1_gate_idle(&gate));
    ck_assert_uint_eq(http1_gate_feed(&gate, &LIMITS, NULL, 0, &events), 0);
    ck_assert_uint_eq(http1_gate_feed(&gate, &LIMITS, "\r\n", 2, &events), 2);
    ck_assert_uint_eq(events, 0);
    ck_assert(http1_gate_idle(&gate));
    ck_assert_uint_eq(http1_gate_feed(&gate, &LIMITS, "G", 1, &events), 1);
    ck_assert_uint_eq(events, HTTP1_HEAD_BEGUN);
    ck_assert(!http1_gate_idle(&gate));
    events = 0;
    static const char rest[] = "ET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n";
    ck_assert_uint_eq(http1_gate_feed(&gate, &LIMITS, rest, sizeof rest - 1, &events), sizeof rest - 1);
    ck_assert_uint_eq(events, HTTP1_HEAD_DONE);
    ck_assert(!http1_gate_idle(&gate));
    events = 0;
    ck_assert_uint_eq(http1_gate_feed(&gate, &LIMITS, "x", 1, &events), 1);
    ck_assert_uint_eq(events, HTTP1_REQUEST_DONE);
    ck_assert(http1_gate_idle(&gate));
}
END_TEST

/* The byte that is refused must be one that keeps the HTTP library from seeing a complete head. */
START_TEST(refusal_comes_before_the_end_of_the_head)
{
    static const char *const heads[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct http1_gate gate;
        unsigned events = 0;
        http1_gate_init(&gate);
        ck_assert_uint_lt(http1_gate_feed(&gate, &LIMITS, heads[i], strlen(heads[i]), &events),
                          strlen(heads[i]));
        ck_assert_uint_eq(events & (HTTP1_HEAD_DONE | HTTP1_REQUEST_DONE), 0);
    }
}
END_TEST

/* A limit of the head that is below the one of the target ends a target too, and says so. */
START_TEST(target_longer_than_the_head)
{
    static const struct http1_limits narrow = {
        .max_target = 1000, .max_head = 20, .max_fields = 20, .max_body = 1000};
    static const struct {
        const char *text;
        unsigned status;
        size_t good;
    } rows[] = {
        {"GET /aaaaaaaaaaaaaaaaaaaaaaaaaaa", 414, 20},
        {"GET https://aaaaaaaaaaaaaaaaaaaaaaaaaaa", 414, 20},
        {"GET / HTTP/1.1\r\nAaaaaaaaaaaaaaaaa", 431, 20},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http1_gate gate;
        unsigned events = 0;
        http1_gate_init(&gate);
        ck_assert_uint_eq(http1_gate_feed(&gate, &narrow, rows[i].text, strlen(rows[i].text), &events),
                          rows[i].good);
        ck_assert_uint_eq(gate.status, rows[i].status);
    }
}
END_TEST

Suite *suite_gate(void)
{
    Suite *suite = suite_create("gate");
    TCase *tcase = tcase_create("gate");
    tcase_set_timeout(tcase, 120); /* each case is walked once per byte, also under valgrind */
    tcase_add_test(tcase, table_of_cases);
    tcase_add_test(tcase, table_is_well_formed);
    tcase_add_test(tcase, every_byte);
    tcase_add_test(tcase, events_of_a_request);
    tcase_add_test(tcase, refusal_comes_before_the_end_of_the_head);
    tcase_add_test(tcase, target_longer_than_the_head);
    suite_add_tcase(suite, tcase);
    return suite;
}
