#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "http/h2_frames.h"
#include "suites.h"
#include "upstream/h2_client.h"

#ifdef HAVE_LIBNGHTTP2

enum {
    DATA = 0,
    HEADERS = 1,
    RST_STREAM = 3,
    SETTINGS = 4,
    PUSH_PROMISE = 5,
    PING = 6,
    GOAWAY = 7,
    WINDOW_UPDATE = 8,
    END_STREAM = 1,
    END_HEADERS = 4,
};

/* ---- a server, by hand --------------------------------------------------------------------------------- */

static struct h2_client *client;
static uint64_t now_ms;
static size_t grown;
static struct {
    unsigned frames[16]; /* of each type that it got, and */
    unsigned ended;      /* of these with END_STREAM, */
    size_t data;         /* bytes of DATA, */
    uint32_t code;       /* and what RST_STREAM or GOAWAY said last */
    uint32_t opened;     /* what WINDOW_UPDATE opened of streams */
} got;

static uint32_t number(const char *at)
{
    const unsigned char *p = (const unsigned char *)at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* What the client has to send, of which the last `lost` bytes do not come. */
static void listen_but(size_t lost)
{
    struct buf all = {0};
    const char *bytes;
    size_t n;
    while ((n = h2_client_give(client, &bytes)) > 0)
        buf_put(&all, bytes, n);
    size_t at = all.len >= H2_PREFACE && memcmp(all.data, "PRI ", 4) == 0 ? H2_PREFACE : 0;
    while (at < all.len) {
        const char *head = all.data + at;
        const size_t len = number(head) >> 8;
        const unsigned type = (unsigned char)head[3] % 16, flags = (unsigned char)head[4];
        got.frames[type]++;
        got.ended += (type == DATA || type == HEADERS) && (flags & END_STREAM);
        got.data += type == DATA ? len : 0;
        if (type == RST_STREAM)
            got.code = number(head + H2_FRAME_HEAD);
        if (type == GOAWAY)
            got.code = number(head + H2_FRAME_HEAD + 4);
        if (type == WINDOW_UPDATE && number(head + 5) > 0)
            got.opened += number(head + H2_FRAME_HEAD);
        at += H2_FRAME_HEAD + len;
    }
    ck_assert_uint_eq(at, all.len);
    ck_assert_uint_ge(all.len, lost);
    h2_client_sent(client, all.len - lost);
    buf_done(&all);
}

static void listen_to_it(void)
{
    listen_but(0);
}

static void say(unsigned type, unsigned flags, uint32_t id, const void *content, size_t len)
{
    const char head[H2_FRAME_HEAD] = {(char)(len >> 16), (char)(len >> 8), (char)len,
                                      (char)type,        (char)flags,      (char)(id >> 24),
                                      (char)(id >> 16),  (char)(id >> 8),  (char)id};
    struct buf frame = {0};
    buf_put(&frame, head, sizeof head);
    buf_put(&frame, content, len);
    h2_client_take(client, frame.data, frame.len, now_ms);
    buf_done(&frame);
}

/* NAME=VALUE, each with a | behind it, in literals that nobody remembers (RFC 7541 section 6.2.2). */
static void say_fields(uint32_t id, const char *fields, unsigned flags)
{
    struct buf block = {0};
    for (const char *at = fields; *at;) {
        const char *equal = strchr(at, '='), *end = strchr(at, '|');
        buf_putc(&block, 0);
        buf_putc(&block, (char)(equal - at));
        buf_put(&block, at, (size_t)(equal - at));
        buf_putc(&block, (char)(end - equal - 1));
        buf_put(&block, equal + 1, (size_t)(end - equal - 1));
        at = end + 1;
    }
    say(HEADERS, flags | END_HEADERS, id, block.data, block.len);
    buf_done(&block);
}

static void say_data(uint32_t id, const char *text, unsigned flags)
{
    say(DATA, flags, id, text, strlen(text));
}

static void say_settings(unsigned what, uint32_t value)
{
    const char content[6] = {
        0, (char)what, (char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value};
    say(SETTINGS, 0, 0, content, what ? sizeof content : 0);
}

static void say_code(unsigned type, uint32_t id, uint32_t last, uint32_t code)
{
    const char content[8] = {(char)(last >> 24), (char)(last >> 16), (char)(last >> 8), (char)last,
                             (char)(code >> 24), (char)(code >> 16), (char)(code >> 8), (char)code};
    say(type, 0, id, content + (type == GOAWAY ? 0 : 4), type == GOAWAY ? 8 : 4);
}

static void set_up(void)
{
    struct h2_limits limits;
    h2_client_limits(&limits);
    memset(&got, 0, sizeof got);
    now_ms = 1000;
    grown = 0;
    client = h2_client_new(&limits, &grown);
    ck_assert_ptr_nonnull(client);
    listen_to_it();
    say_settings(0, 0);
    say(SETTINGS, 1, 0, "", 0); /* ours are taken */
    memset(&got, 0, sizeof got);
}

static void tear_down(void)
{
    h2_client_free(client);
}

/* ---- a user -------------------------------------------------------------------------------------------- */

static struct h2_call *ask(const char *text)
{
    struct h2_call *call = h2_call_new(client, "https", NULL);
    ck_assert_ptr_nonnull(call);
    ck_assert_int_eq(h2_call_write(call, text, strlen(text)), (ssize_t)strlen(text));
    listen_to_it();
    return call;
}

#define GET  "GET /p?q HTTP/1.1\r\nHost: a.example\r\nTE: trailers\r\nConnection: TE\r\n\r\n"
#define POST "POST /p HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"

/* What came, up to what is read then: -EAGAIN, -EPROTO or 0. In pieces, so that none depends on its size. */
static const char *heard(struct h2_call *call, int end)
{
    static char text[4096];
    size_t n = 0;
    ssize_t rc;
    while ((rc = h2_call_read(call, text + n, 7)) > 0)
        n += (size_t)rc;
    text[n] = '\0';
    ck_assert_int_eq((int)rc, end);
    return text;
}

START_TEST(a_response_reads_as_one_of_http1)
{
    struct h2_call *call = ask(GET);
    ck_assert_uint_eq(got.frames[HEADERS], 1);
    ck_assert_uint_eq(got.ended, 1);
    ck_assert_str_eq(heard(call, -EAGAIN), "");
    say_fields(1, ":status=103|link=x|", 0);
    ck_assert_str_eq(heard(call, -EAGAIN), "HTTP/1.1 103 \r\nlink: x\r\n\r\n");
    say_fields(1, ":status=200|content-length=5|x=y|", 0);
    ck_assert_str_eq(heard(call, -EAGAIN), "HTTP/1.1 200 \r\ncontent-length: 5\r\nx: y\r\n\r\n");
    say_data(1, "hello", 0);
    ck_assert_str_eq(heard(call, -EAGAIN), "hell"); /* it may be longer still */
    say_data(1, "", END_STREAM);
    ck_assert_str_eq(heard(call, 0), "o");
    h2_call_free(call);
    listen_to_it();
    ck_assert_uint_eq(got.frames[RST_STREAM], 0);
}
END_TEST

START_TEST(without_a_length_it_is_chunked)
{
    struct h2_call *call = ask(GET);
    say_fields(1, ":status=200|", 0);
    ck_assert_str_eq(heard(call, -EAGAIN), "HTTP/1.1 200 \r\ntransfer-encoding: chunked\r\n\r\n");
    say_data(1, "0123456789abcdef", 0);
    ck_assert_str_eq(heard(call, -EAGAIN), "10\r\n0123456789abcdef\r\n");
    say_fields(1, "grpc-status=0|", END_STREAM);
    ck_assert_str_eq(heard(call, 0), "0\r\ngrpc-status: 0\r\n\r\n");
    h2_call_free(call);
}
END_TEST

START_TEST(trailers_of_grpc_outlive_a_length)
{
    struct h2_call *call = ask(GET);
    say_fields(1, ":status=200|content-type=application/grpc|content-length=2|", 0);
    say_data(1, "ab", 0);
    say_fields(1, "grpc-status=0|", END_STREAM);
    ck_assert_str_eq(heard(call, 0),
                     "HTTP/1.1 200 \r\ncontent-type: application/grpc\r\n"
                     "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\ngrpc-status: 0\r\n\r\n");
    h2_call_free(call);
}
END_TEST

START_TEST(without_a_body_the_head_waits_for_the_end)
{
    struct h2_call *call = ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    say_fields(1, ":status=200|content-length=5|", 0);
    ck_assert_str_eq(heard(call, -EAGAIN), "");
    say_data(1, "", END_STREAM);
    ck_assert_str_eq(heard(call, 0), "HTTP/1.1 200 \r\ncontent-length: 5\r\n\r\n");
    h2_call_free(call);
}
END_TEST

/* What has no form in HTTP/1.1, or two, is no response; the connection has others. */
static const char *const MALFORMED[] = {
    "x=y|",
    ":status=20|",
    ":status=2000|",
    ":status=2x0|",
    ":status=101|",
    ":status=200|:status=200|",
    ":status=200|:path=/|",
    ":status=200|X=y|",
    ":status=200|a b=c|",
    ":status=200|x=a\r\ny: b|",
    ":status=200|x=a\nb|",
    ":status=200|connection=close|",
    ":status=200|transfer-encoding=chunked|",
    ":status=200|upgrade=h2c|",
    ":status=200|keep-alive=1|",
    ":status=200|content-length=1|content-length=1|",
    ":status=200|content-length=x|",
    ":status=200|content-length=-1|",
    ":status=200|content-length=99999999999999999999|",
};

START_TEST(what_is_no_response)
{
    struct h2_call *other = ask(GET), *call = ask(GET);
    say_fields(3, MALFORMED[_i], 0);
    say_data(3, "x", END_STREAM);
    listen_to_it();
    ck_assert_str_eq(heard(call, -EPROTO), "");
    ck_assert(h2_call_why(call)[0] && !h2_call_is_refused(call));
    listen_to_it();
    ck_assert_uint_eq(got.frames[RST_STREAM], 1);
    say_fields(1, ":status=204|", END_STREAM);
    ck_assert_str_eq(heard(other, 0), "HTTP/1.1 204 \r\n\r\n");
    h2_call_free(call);
    h2_call_free(other);
}
END_TEST

static const struct {
    const char *length, *body;
    unsigned flags;
} LENGTHS[] = {{"4", "hello", 0}, {"6", "hello", END_STREAM}, {"0", "x", 0}};

START_TEST(another_length_than_it_says)
{
    struct h2_call *call = ask(GET);
    char fields[60];
    snprintf(fields, sizeof fields, ":status=200|content-length=%s|", LENGTHS[_i].length);
    say_fields(1, fields, 0);
    say_data(1, LENGTHS[_i].body, LENGTHS[_i].flags);
    listen_to_it();
    (void)heard(call, -EPROTO);
    h2_call_free(call);
}
END_TEST

START_TEST(what_a_server_has_not_looked_at)
{
    struct h2_call *first = ask(GET), *second = ask(GET), *third = ask(GET);
    say_code(RST_STREAM, 3, 0, H2_REFUSED_STREAM);
    ck_assert_str_eq(heard(second, -EPROTO), "");
    ck_assert(h2_call_is_refused(second));
    say_code(GOAWAY, 0, 1, H2_NO_ERROR);
    ck_assert_str_eq(heard(third, -EPROTO), "");
    ck_assert(h2_call_is_refused(third));
    ck_assert_uint_eq(h2_client_room(client), 0);
    say_fields(1, ":status=200|content-length=0|", END_STREAM);
    ck_assert_str_eq(heard(first, 0), "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n");
    ck_assert(!h2_call_is_refused(first));
    h2_call_free(first);
    h2_call_free(second);
    h2_call_free(third);
    ck_assert(h2_client_is_over(client));
    ck_assert_str_eq(h2_client_why(client), "it ends the connection (GOAWAY, NO_ERROR)");
}
END_TEST

START_TEST(what_was_not_sent_is_refused)
{
    struct h2_call *sent = ask(POST), *unsent = h2_call_new(client, "https", NULL);
    ck_assert_ptr_nonnull(unsent);
    ck_assert_int_gt(h2_call_write(unsent, POST, strlen(POST)), 0);
    h2_client_fail(client, "it closed the connection");
    (void)heard(unsent, -EPROTO);
    ck_assert(h2_call_is_refused(unsent));
    ck_assert(!h2_call_is_refused(sent));
    ck_assert(!h2_call_is_answered(sent));
    h2_call_free(sent);
    h2_call_free(unsent);
}
END_TEST

/* Two heads, of which the socket took the first and not all of the second; or nothing of it. */
static const struct {
    size_t lost;
    bool first, second;
} LOST[] = {{0, false, false}, {1, false, true}, {10, false, true}, {SIZE_MAX, true, true}};

START_TEST(what_the_socket_did_not_take_is_refused)
{
    struct h2_call *calls[2];
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        calls[i] = h2_call_new(client, "https", NULL);
        ck_assert_ptr_nonnull(calls[i]);
        ck_assert_int_gt(h2_call_write(calls[i], GET, strlen(GET)), 0);
    }
    if (LOST[_i].lost == SIZE_MAX) {
        const char *bytes;
        while (h2_client_give(client, &bytes) > 0)
            continue;
    } else {
        listen_but(LOST[_i].lost);
    }
    h2_client_fail(client, "Broken pipe");
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        (void)heard(calls[i], -EPROTO);
        ck_assert_int_eq(h2_call_is_refused(calls[i]), i == 0 ? LOST[_i].first : LOST[_i].second);
        h2_call_free(calls[i]);
    }
}
END_TEST

START_TEST(what_is_reset_is_cut_short)
{
    struct h2_call *first = ask(GET), *second = ask(GET);
    say_code(RST_STREAM, 1, 0, H2_INTERNAL_ERROR);
    ck_assert_str_eq(heard(first, -EPROTO), "");
    ck_assert_str_eq(h2_call_why(first), "it reset the stream (INTERNAL_ERROR)");
    ck_assert(!h2_call_is_refused(first) && h2_call_is_reset(first));
    say_fields(3, ":status=200|content-length=9|", 0);
    say_data(3, "some", 0);
    h2_client_fail(client, "it closed the connection");
    ck_assert_str_eq(heard(second, -EPROTO), "HTTP/1.1 200 \r\ncontent-length: 9\r\n\r\nsome");
    ck_assert_str_eq(h2_call_why(second), "it closed the connection");
    h2_call_free(first);
    h2_call_free(second);
}
END_TEST

START_TEST(a_body_goes_as_far_as_the_window_lets_it)
{
    static char piece[10000];
    struct h2_call *call = ask(POST);
    size_t n = 0;
    ssize_t rc = 1;
    ck_assert_uint_eq(got.ended, 0);
    memset(piece, 'x', sizeof piece);
    while (rc >= 0) {
        ck_assert_int_gt(h2_call_write(call, "2710\r\n", 6), 0);
        for (size_t at = 0; at < sizeof piece; at += (size_t)rc, n += (size_t)rc) {
            rc = h2_call_write(call, piece + at, sizeof piece - at);
            listen_to_it();
            if (rc < 0)
                break;
        }
        if (rc >= 0)
            ck_assert_int_eq(h2_call_write(call, "\r\n", 2), 2);
    }
    ck_assert_int_eq((int)rc, -EAGAIN);
    ck_assert_uint_eq(got.data, 65535);
    ck_assert_uint_lt(n, 3 * 65536);
    while (h2_client_next(client))
        ;
    say_code(WINDOW_UPDATE, 0, 0, 1000000);
    say_code(WINDOW_UPDATE, 1, 0, 1000000);
    listen_to_it();
    ck_assert_ptr_eq(h2_client_next(client), call);
    ck_assert_uint_eq(got.data, n);
    h2_call_free(call);
    listen_to_it();
    ck_assert_uint_eq(got.frames[RST_STREAM], 1);
    ck_assert_uint_eq(got.code, H2_CANCEL);
}
END_TEST

START_TEST(a_chunked_body_loses_its_frames)
{
    static const char BODY[] = "5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n";
    struct h2_call *call = ask(POST);
    for (size_t i = 0; i < sizeof BODY - 1; i++)
        ck_assert_int_eq(h2_call_write(call, BODY + i, 1), 1);
    listen_to_it();
    ck_assert_uint_eq(got.data, 15);
    ck_assert_uint_eq(got.ended, 1);
    h2_call_free(call);
}
END_TEST

/* A whole window of content comes. */
static void fill(size_t window)
{
    static const char piece[16384];
    for (size_t n = 0; n < window; n += sizeof piece)
        say(DATA, 0, 1, piece, sizeof piece);
    listen_to_it();
}

START_TEST(the_window_opens_as_it_is_read)
{
    static char out[2 * 1024 * 1024];
    struct h2_call *call = ask(GET);
    size_t window = H2_CALL_WINDOW, all = 0;
    say_fields(1, ":status=200|", 0);
    for (unsigned i = 0; i < 4; i++) {
        fill(window);
        ck_assert_uint_eq(got.opened, all);
        ck_assert_str_eq(h2_call_why(call), "");
        ck_assert_int_gt(h2_call_read(call, out, sizeof out), (ssize_t)window);
        listen_to_it();
        const size_t more = window < H2_CALL_WINDOW_MOST ? window : 0;
        all += window + more;
        window += more;
        ck_assert_uint_eq(got.opened, all);
        ck_assert_uint_eq(grown, window - H2_CALL_WINDOW);
    }
    fill(window);
    ck_assert_str_eq(h2_call_why(call), "");
    fill(1);
    ck_assert_uint_eq(got.frames[RST_STREAM] + got.frames[GOAWAY], 1);
    h2_call_free(call);
    ck_assert_uint_eq(grown, 0);
}
END_TEST

START_TEST(windows_grow_no_further_than_all_may)
{
    static char out[2 * 1024 * 1024];
    struct h2_call *call = ask(GET);
    say_fields(1, ":status=200|", 0);
    grown = H2_CALLS_GROWN - H2_CALL_WINDOW + 1;
    fill(H2_CALL_WINDOW);
    ck_assert_int_gt(h2_call_read(call, out, sizeof out), H2_CALL_WINDOW);
    listen_to_it();
    ck_assert_uint_eq(got.opened, H2_CALL_WINDOW);
    h2_call_free(call);
    ck_assert_uint_eq(grown, H2_CALLS_GROWN - H2_CALL_WINDOW + 1);
}
END_TEST

START_TEST(room_is_what_the_server_says)
{
    ck_assert(h2_client_is_settled(client));
    ck_assert_uint_eq(h2_client_room(client), H2_CLIENT_STREAMS);
    say_settings(3, 2);
    ck_assert_uint_eq(h2_client_room(client), 2);
    struct h2_call *call = ask(GET);
    ck_assert_uint_eq(h2_client_room(client), 1);
    say_settings(3, 0);
    ck_assert_uint_eq(h2_client_room(client), 0);
    say_settings(3, 1000000);
    ck_assert_uint_eq(h2_client_room(client), H2_CLIENT_STREAMS - 1);
    h2_call_free(call);
}
END_TEST

static const struct {
    unsigned type;
    enum h2_limit limit;
    size_t len;
} FLOODS[] = {
    {PING, H2_PINGS, 8}, {SETTINGS, H2_SETTINGS, 0}, {DATA, H2_EMPTY_FRAMES, 0}, {99, H2_FRAMES, 0}};

START_TEST(floods)
{
    struct h2_limits limits;
    h2_client_limits(&limits);
    struct h2_call *call = ask(GET);
    say_fields(1, ":status=200|", 0);
    for (unsigned i = 0; i < limits.most[FLOODS[_i].limit]; i++) {
        ck_assert(!h2_client_is_over(client));
        say(FLOODS[_i].type, 0, FLOODS[_i].type == DATA ? 1 : 0, "12345678", FLOODS[_i].len);
        listen_to_it();
    }
    say(FLOODS[_i].type, 0, FLOODS[_i].type == DATA ? 1 : 0, "12345678", FLOODS[_i].len);
    listen_to_it();
    ck_assert(h2_client_is_over(client));
    ck_assert_uint_eq(got.frames[GOAWAY], 1);
    ck_assert_uint_eq(got.code, H2_ENHANCE_YOUR_CALM);
    (void)heard(call, -EPROTO);
    h2_call_free(call);
}
END_TEST

START_TEST(another_second_is_another_count)
{
    for (unsigned i = 0; i < 150; i++) {
        now_ms += 20;
        say(SETTINGS, 0, 0, "", 0);
        listen_to_it();
    }
    ck_assert(!h2_client_is_over(client));
}
END_TEST

START_TEST(what_speaks_no_http2)
{
    static const char OTHER[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    struct h2_limits limits;
    h2_client_limits(&limits);
    h2_client_free(client);
    client = h2_client_new(&limits, &grown);
    struct h2_call *call = ask(GET);
    h2_client_take(client, OTHER, sizeof OTHER - 1, now_ms);
    listen_to_it();
    ck_assert(h2_client_is_over(client));
    ck_assert_str_eq(h2_client_why(client), "it does not speak HTTP/2: it answers in HTTP/1.1");
    h2_call_free(call);
}
END_TEST

START_TEST(it_is_not_asked_often_whether_it_is_there)
{
    struct h2_call *call = ask(GET);
    ck_assert(h2_client_ping(client));
    ck_assert(h2_client_ping(client));
    ck_assert(!h2_client_ping(client));
    say(PING, 1, 0, "\0\0\0\0\0\0\0", 8);
    ck_assert(!h2_client_ping(client));
    say_fields(1, ":status=200|", 0);
    ck_assert(h2_client_ping(client));
    listen_to_it();
    ck_assert_uint_eq(got.frames[PING], 3);
    h2_call_free(call);
    h2_client_fail(client, "over");
    ck_assert(!h2_client_ping(client));
}
END_TEST

START_TEST(nothing_is_pushed)
{
    struct h2_call *call = ask(GET);
    say(PUSH_PROMISE, END_HEADERS, 1, "\0\0\0\2\x88", 5);
    listen_to_it();
    ck_assert(h2_client_is_over(client));
    h2_call_free(call);
}
END_TEST

Suite *suite_h2_client(void)
{
    Suite *suite = suite_create("h2_client");
    TCase *tc = tcase_create("h2_client");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_response_reads_as_one_of_http1);
    tcase_add_test(tc, without_a_length_it_is_chunked);
    tcase_add_test(tc, trailers_of_grpc_outlive_a_length);
    tcase_add_test(tc, without_a_body_the_head_waits_for_the_end);
    tcase_add_loop_test(tc, what_is_no_response, 0, (int)ARRAY_LEN(MALFORMED));
    tcase_add_loop_test(tc, another_length_than_it_says, 0, (int)ARRAY_LEN(LENGTHS));
    tcase_add_test(tc, what_a_server_has_not_looked_at);
    tcase_add_test(tc, what_was_not_sent_is_refused);
    tcase_add_loop_test(tc, what_the_socket_did_not_take_is_refused, 0, ARRAY_LEN(LOST));
    tcase_add_test(tc, what_is_reset_is_cut_short);
    tcase_add_test(tc, a_body_goes_as_far_as_the_window_lets_it);
    tcase_add_test(tc, a_chunked_body_loses_its_frames);
    tcase_add_test(tc, the_window_opens_as_it_is_read);
    tcase_add_test(tc, windows_grow_no_further_than_all_may);
    tcase_add_test(tc, room_is_what_the_server_says);
    tcase_add_loop_test(tc, floods, 0, (int)ARRAY_LEN(FLOODS));
    tcase_add_test(tc, another_second_is_another_count);
    tcase_add_test(tc, what_speaks_no_http2);
    tcase_add_test(tc, it_is_not_asked_often_whether_it_is_there);
    tcase_add_test(tc, nothing_is_pushed);
    suite_add_tcase(suite, tc);
    return suite;
}

#else

START_TEST(none_is_built)
{
    ck_assert(!h2_is_built());
}
END_TEST

Suite *suite_h2_client(void)
{
    Suite *suite = suite_create("h2_client");
    TCase *tc = tcase_create("h2_client");
    tcase_add_test(tc, none_is_built);
    suite_add_tcase(suite, tc);
    return suite;
}

#endif
