#include <stdlib.h>
#include <string.h>

#include "http/h2.h"
#include "http/h2_frames.h"
#include "http/h2_head.h"
#include "suites.h"

static const struct http1_limits LIMITS = {
    .max_target = 256, .max_head = 1024, .max_fields = 20, .max_body = 1000};

#define BASE ":method=GET|:scheme=https|:authority=a.example|:path=/p?q|"

/* ---- frames -------------------------------------------------------------------------------------------- */

struct bytes {
    char at[65536];
    size_t n;
};

static void put(struct bytes *b, const void *data, size_t len)
{
    ck_assert_uint_le(b->n + len, sizeof b->at);
    memcpy(b->at + b->n, data, len);
    b->n += len;
}

static void put_frame(struct bytes *b, unsigned type, unsigned flags, uint32_t id, const void *data,
                      size_t len)
{
    const unsigned char head[] = {
        (unsigned char)(len >> 16), (unsigned char)(len >> 8), (unsigned char)len,
        (unsigned char)type,        (unsigned char)flags,      (unsigned char)(id >> 24),
        (unsigned char)(id >> 16),  (unsigned char)(id >> 8),  (unsigned char)id};
    put(b, head, sizeof head);
    put(b, data, len);
}

static void begin(struct bytes *b)
{
    static const char PREFACE[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    b->n = 0;
    put(b, PREFACE, sizeof PREFACE - 1);
    put_frame(b, 4, 0, 0, "", 0);
}

/* Literal fields without indexing (RFC 7541 section 6.2.2). */
static size_t encode(char *out, const char *fields)
{
    size_t n = 0;
    for (const char *at = fields; *at;) {
        const char *equal = strchr(at, '='), *end = strchr(at, '|');
        out[n++] = 0;
        out[n++] = (char)(equal - at);
        memcpy(out + n, at, (size_t)(equal - at));
        n += (size_t)(equal - at);
        out[n++] = (char)(end - equal - 1);
        memcpy(out + n, equal + 1, (size_t)(end - equal - 1));
        n += (size_t)(end - equal - 1);
        at = end + 1;
    }
    return n;
}

enum { END_STREAM = 1, END_HEADERS = 4 };

static void put_head(struct bytes *b, uint32_t id, unsigned flags, const char *fields)
{
    char block[1024];
    put_frame(b, 1, flags, id, block, encode(block, fields));
}

START_TEST(frames_are_told_at_any_cut)
{
    struct h2_limits limits;
    struct bytes b;
    h2_limits_init(&limits);
    begin(&b);
    put_frame(&b, 0, 0, 1, "", 0);
    put_frame(&b, 0, END_STREAM, 1, "", 0);
    put_frame(&b, 3, 0, 1, "\0\0\0\10", 4);
    put_frame(&b, 6, 0, 0, "12345678", 8);
    put_frame(&b, 99, 0, 0, "1", 1);
    for (size_t piece = 1; piece <= b.n; piece++) {
        struct h2_frames frames = {0};
        for (size_t at = 0; at < b.n; at += piece)
            ck_assert_int_eq(
                h2_frames_feed(&frames, &limits, b.at + at, b.n - at < piece ? b.n - at : piece, 5000),
                H2_LIMITS);
        ck_assert_uint_eq(frames.count[H2_EMPTY_FRAMES], 1);
        ck_assert_uint_eq(frames.count[H2_RESETS], 1);
        ck_assert_uint_eq(frames.count[H2_SETTINGS], 1);
        ck_assert_uint_eq(frames.count[H2_PINGS], 1);
        ck_assert_uint_eq(frames.count[H2_FRAMES], 1);
    }
}
END_TEST

START_TEST(pings_that_data_earns)
{
    struct h2_limits limits;
    struct h2_frames frames = {0};
    h2_limits_init(&limits);
    for (unsigned i = 0; i < 1000; i++) {
        ck_assert(!h2_frames_count(&frames, &limits, H2_PINGS, 5000));
        h2_frames_earn(&frames);
    }
    for (unsigned i = 0; i < limits.most[H2_PINGS]; i++)
        ck_assert(!h2_frames_count(&frames, &limits, H2_PINGS, 5000));
    ck_assert(h2_frames_count(&frames, &limits, H2_PINGS, 5000));
}
END_TEST

/* ---- the engine ---------------------------------------------------------------------------------------- */

struct stream {
    struct h2_stream engine;
    struct stream *next;
    struct h2_head head;
    size_t received;
    bool open, sent;
};

struct owner {
    struct h2 *h2;
    struct stream streams[300];
    size_t n_streams, n_heads, n_ended, n_closed, left;
    unsigned hits[H2_LIMITS];
    uint32_t code; /* of the last that was closed */
    bool answers, holds;
    size_t grown, grows; /* windows, and so far they may */
};

static struct h2_stream *on_opened(void *cls, int32_t id)
{
    struct owner *o = cls;
    (void)id;
    ck_assert_uint_lt(o->n_streams, ARRAY_LEN(o->streams));
    struct stream *s = &o->streams[o->n_streams++];
    s->open = true;
    return &s->engine;
}

static void on_field(void *cls, struct h2_stream *stream, const char *name, size_t name_len,
                     const char *value, size_t len)
{
    (void)cls;
    h2_head_put(&((struct stream *)(void *)stream)->head, &LIMITS, name, name_len, value, len);
}

static void answer(struct owner *o, struct h2_stream *stream)
{
    static const char LINES[] = "Content-Type: text/plain\r\nConnection: close\r\nX-Y:  z \r\n";
    ck_assert_int_eq(h2_answer(o->h2, stream, 200, LINES, sizeof LINES - 1, o->left > 0), 0);
}

static void on_head(void *cls, struct h2_stream *stream, bool ended)
{
    struct owner *o = cls;
    h2_head_done(&((struct stream *)(void *)stream)->head);
    o->n_heads++;
    if (ended && o->answers)
        answer(o, stream);
}

static void on_data(void *cls, struct h2_stream *stream, const char *bytes, size_t len)
{
    struct owner *o = cls;
    (void)bytes;
    ((struct stream *)(void *)stream)->received += len;
    if (!o->holds)
        h2_consumed(o->h2, stream, len);
}

static bool on_grow(void *cls, struct h2_stream *stream, uint32_t more)
{
    struct owner *o = cls;
    (void)stream;
    if (o->grown + more > o->grows)
        return false;
    o->grown += more;
    return true;
}

static void on_ended(void *cls, struct h2_stream *stream)
{
    struct owner *o = cls;
    o->n_ended++;
    if (o->answers)
        answer(o, stream);
}

static void on_malformed(void *cls, struct h2_stream *stream, const char *why)
{
    (void)cls, (void)stream, (void)why;
}

static ssize_t on_body(void *cls, struct h2_stream *stream, char *out, size_t most, bool *last)
{
    struct owner *o = cls;
    (void)stream;
    size_t n = o->left < most ? o->left : most;
    memset(out, 'b', n);
    o->left -= n;
    *last = o->left == 0;
    return (ssize_t)n;
}

static void on_sent(void *cls, struct h2_stream *stream)
{
    (void)cls;
    ((struct stream *)(void *)stream)->sent = true;
}

static void on_closed(void *cls, struct h2_stream *stream, uint32_t code)
{
    struct owner *o = cls;
    struct stream *s = (struct stream *)(void *)stream;
    ck_assert(s->open);
    s->open = false;
    h2_head_done(&s->head);
    o->n_closed++;
    o->code = code;
}

static void on_hit(void *cls, enum h2_limit limit)
{
    ((struct owner *)cls)->hits[limit]++;
}

static const struct h2_ops OPS = {on_opened,    on_field, on_head, on_data,   on_grow, on_ended,
                                  on_malformed, on_body,  on_sent, on_closed, on_hit};

/* The frames that went out: how many of each type; the code of the last GOAWAY, RST_STREAM. */
struct out {
    unsigned n[16];
    uint32_t goaway, last_id, reset;
    size_t body;
    bool end_stream;
    int64_t window, stream_window; /* opened */
    char ping[8];
};

static uint32_t number(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void collect(struct owner *o, struct out *out)
{
    static unsigned char bytes[1 << 20];
    size_t len = 0, n;
    const char *piece;
    while ((n = h2_give(o->h2, &piece)) > 0) {
        ck_assert_uint_le(len + n, sizeof bytes);
        memcpy(bytes + len, piece, n);
        len += n;
    }
    for (size_t at = 0; at < len;) {
        const unsigned char *p = bytes + at;
        const size_t size = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
        out->n[p[3] & 15]++;
        if (p[3] == 0)
            out->body += size;
        if (p[3] <= 1)
            out->end_stream = out->end_stream || (p[4] & END_STREAM);
        if (p[3] == 8)
            *(number(p + 5) == 0 ? &out->window : &out->stream_window) += number(p + 9);
        if (p[3] == 6 && p[4] == 0)
            memcpy(out->ping, p + 9, sizeof out->ping);
        if (p[3] == 3)
            out->reset = number(p + 9);
        if (p[3] == 7) {
            out->last_id = number(p + 9);
            out->goaway = number(p + 13);
        }
        at += 9 + size;
    }
}

static struct owner owner;

static void set_up(void)
{
    struct h2_limits limits;
    h2_limits_init(&limits);
    owner = (struct owner){.answers = true};
    owner.h2 = h2_new(&limits, &OPS, &owner);
}

static void tear_down(void)
{
    for (size_t i = 0; i < owner.n_streams; i++)
        h2_head_done(&owner.streams[i].head);
    h2_free(owner.h2);
}

static void take(const struct bytes *b, size_t piece)
{
    for (size_t at = 0; at < b->n; at += piece)
        h2_take(owner.h2, b->at + at, b->n - at < piece ? b->n - at : piece, 5000);
}

START_TEST(a_request_and_its_answer)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    put_head(&b, 1, END_HEADERS | END_STREAM, BASE);
    put_head(&b, 3, END_HEADERS, BASE "content-length=3|");
    put_frame(&b, 0, 8, 3, "\2ab\0\0", 5); /* padded */
    put_frame(&b, 0, END_STREAM, 3, "c", 1);
    owner.left = 20000;
    take(&b, (size_t)_i + 1);
    ck_assert_uint_eq(owner.n_heads, 2);
    ck_assert_uint_eq(owner.n_ended, 1);
    ck_assert_uint_eq(owner.streams[1].received, 3);
    collect(&owner, &out);
    ck_assert_uint_eq(out.body, 20000);
    ck_assert_uint_eq(out.n[1], 2);
    ck_assert(owner.streams[0].sent && owner.streams[1].sent);
    ck_assert_uint_eq(owner.n_closed, 2);
    ck_assert_uint_eq(owner.code, H2_NO_ERROR);
    ck_assert(!h2_is_over(owner.h2));
}
END_TEST

START_TEST(what_breaks_the_protocol)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    put_head(&b, 1, END_HEADERS | END_STREAM, BASE "Upper=x|");
    put_head(&b, 3, END_HEADERS | END_STREAM, BASE "connection=close|");
    put_head(&b, 5, END_HEADERS, BASE "content-length=3|");
    put_frame(&b, 0, END_STREAM, 5, "ab", 2);
    take(&b, b.n);
    collect(&owner, &out);
    ck_assert_uint_eq(out.n[3], 3);
    ck_assert_uint_eq(out.reset, H2_PROTOCOL_ERROR);
    ck_assert_uint_eq(out.n[7], 0);
    ck_assert_uint_eq(owner.n_closed, owner.n_streams);
    b.n = 0;
    put_frame(&b, 0, 0, 5, "c", 1); /* was on its way when it was reset */
    put_head(&b, 3, END_HEADERS | END_STREAM, BASE);
    take(&b, b.n);
    collect(&owner, &out);
    ck_assert_uint_eq(out.n[7], 0);
    b.n = 0;
    put_frame(&b, 0, 0, 0, "", 0); /* DATA of the connection */
    take(&b, b.n);
    collect(&owner, &out);
    ck_assert_uint_eq(out.goaway, H2_PROTOCOL_ERROR);
    ck_assert(h2_is_over(owner.h2));
}
END_TEST

/* Frames of a stream that is closed, where none was ever reset. */
static const struct {
    unsigned type;
    uint32_t id;
    enum h2_code code;
} BEHIND[] = {{0, 5, H2_STREAM_CLOSED},
              {1, 5, H2_PROTOCOL_ERROR},
              {1, 3, H2_PROTOCOL_ERROR},
              {2, 0, H2_PROTOCOL_ERROR}};

START_TEST(what_comes_behind_the_end)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    put_head(&b, 5, END_HEADERS | END_STREAM, BASE);
    take(&b, b.n);
    collect(&owner, &out);
    ck_assert_uint_eq(owner.n_closed, 1);
    b.n = 0;
    if (BEHIND[_i].type == 1)
        put_head(&b, BEHIND[_i].id, END_HEADERS | END_STREAM, BASE);
    else
        put_frame(&b, BEHIND[_i].type, 0, BEHIND[_i].id, "\0\0\0\0\1", 5);
    take(&b, b.n);
    collect(&owner, &out);
    ck_assert_uint_eq(out.goaway, BEHIND[_i].code);
    ck_assert_uint_eq(out.n[7], 1);
    ck_assert(h2_is_over(owner.h2));
}
END_TEST

START_TEST(what_is_no_http2)
{
    static const char TEXT[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct out out = {0};
    h2_take(owner.h2, TEXT, sizeof TEXT - 1, 0);
    collect(&owner, &out);
    ck_assert_uint_eq(out.goaway, H2_PROTOCOL_ERROR);
    ck_assert(h2_is_over(owner.h2));
}
END_TEST

/* So many of a frame are still good; one more is too much. */
static const struct {
    enum h2_limit limit;
    unsigned type, most;
    const char *data;
    size_t len;
} FLOODS[] = {
    {H2_SETTINGS, 4, 19, "", 0}, /* and that of the preface */
    {H2_PINGS, 6, 20, "12345678", 8},      {H2_EMPTY_FRAMES, 0, 100, "", 0},
    {H2_FRAMES, 2, 1000, "\0\0\0\0\1", 5}, {H2_FRAMES, 200, 1000, "", 0},
};

START_TEST(a_flood)
{
    struct bytes b;
    struct out out = {0};
    const uint32_t id = FLOODS[_i].type == 0 || FLOODS[_i].type == 2 ? 1 : 0;
    begin(&b);
    put_head(&b, 1, END_HEADERS, BASE);
    for (unsigned i = 0; i < FLOODS[_i].most; i++)
        put_frame(&b, FLOODS[_i].type, 0, id, FLOODS[_i].data, FLOODS[_i].len);
    take(&b, b.n);
    collect(&owner, &out);
    ck_assert_uint_eq(out.n[7], 0);
    ck_assert_uint_eq(owner.hits[FLOODS[_i].limit], 0);
    b.n = 0;
    put_frame(&b, FLOODS[_i].type, 0, id, FLOODS[_i].data, FLOODS[_i].len);
    take(&b, b.n);
    collect(&owner, &out);
    ck_assert_uint_eq(owner.hits[FLOODS[_i].limit], 1);
    ck_assert_uint_eq(out.goaway, H2_ENHANCE_YOUR_CALM);
    ck_assert(h2_is_over(owner.h2));
}
END_TEST

START_TEST(a_ping_with_each_answer)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    for (uint32_t i = 0; i < 60; i++) {
        owner.left = 1;
        put_head(&b, 2 * i + 1, END_HEADERS | END_STREAM, BASE);
        take(&b, b.n);
        collect(&owner, &out);
        b.n = 0;
        put_frame(&b, 6, 0, 0, "12345678", 8);
    }
    take(&b, b.n);
    ck_assert_uint_eq(out.n[0], 60);
    ck_assert_uint_eq(owner.hits[H2_PINGS], 0);
    ck_assert(!h2_is_over(owner.h2));
}
END_TEST

START_TEST(rapid_resets)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    owner.answers = false;
    for (uint32_t i = 0; i < 201 && !owner.hits[H2_RESETS]; i++) {
        put_head(&b, 2 * i + 1, END_HEADERS | END_STREAM, BASE);
        put_frame(&b, 3, 0, 2 * i + 1, "\0\0\0\10", 4);
        take(&b, b.n);
        collect(&owner, &out);
        ck_assert_uint_eq(owner.hits[H2_RESETS], i == 200);
        b.n = 0;
    }
    ck_assert_uint_eq(out.goaway, H2_ENHANCE_YOUR_CALM);
}
END_TEST

/* As many streams that the client makes the server reset. */
START_TEST(resets_that_are_provoked)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    for (uint32_t i = 0; i < 220; i++) {
        put_head(&b, 2 * i + 1, END_HEADERS | END_STREAM, BASE "connection=close|");
        take(&b, b.n);
        collect(&owner, &out);
        b.n = 0;
    }
    ck_assert_uint_eq(owner.hits[H2_RESETS], 1);
    ck_assert_uint_eq(out.goaway, H2_ENHANCE_YOUR_CALM);
}
END_TEST

START_TEST(continuations)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    put_head(&b, 1, END_STREAM, BASE);
    for (unsigned i = 0; i < 9; i++)
        put_frame(&b, 9, 0, 1, "", 0);
    take(&b, b.n);
    collect(&owner, &out);
    ck_assert_uint_eq(owner.hits[H2_CONTINUATIONS], 1);
    ck_assert_uint_eq(out.goaway, H2_ENHANCE_YOUR_CALM);
}
END_TEST

START_TEST(streams_at_once)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    owner.answers = false;
    for (uint32_t i = 0; i < 101; i++)
        put_head(&b, 2 * i + 1, END_HEADERS | END_STREAM, BASE);
    take(&b, b.n);
    collect(&owner, &out);
    ck_assert_uint_eq(owner.n_heads, 100);
    ck_assert_uint_eq(owner.hits[H2_STREAMS], 1);
    ck_assert_uint_eq(out.reset, H2_REFUSED_STREAM);
    ck_assert_uint_eq(out.n[7], 0);
}
END_TEST

/* An upload over a way on which all that is sent is under way when its answer comes: how many round trips it
 * takes. `padding`: of each frame. */
static unsigned round_trips(size_t upload, size_t padding)
{
    static char payload[16384];
    struct bytes b;
    int64_t window = 65535, stream_window = H2_WINDOW_FIRST;
    unsigned trips = 0;
    payload[0] = (char)(padding > 0 ? padding - 1 : 0);
    begin(&b);
    put_frame(&b, 4, 1, 0, "", 0); /* our SETTINGS are acknowledged */
    put_head(&b, 1, END_HEADERS, BASE);
    take(&b, b.n);
    for (size_t left = upload; left > 0 && trips < 1000; trips++) {
        struct out out = {0};
        collect(&owner, &out);
        window += out.window;
        stream_window += out.stream_window;
        b.n = 0;
        if (out.n[6] > 0)
            put_frame(&b, 6, 1, 0, out.ping, 8);
        for (;;) {
            size_t n = left < sizeof payload - padding ? left : sizeof payload - padding;
            if (n == 0 || (int64_t)(n + padding) > window || (int64_t)(n + padding) > stream_window)
                break;
            put_frame(&b, 0, padding > 0 ? 8 : 0, 1, payload, n + padding);
            take(&b, b.n);
            b.n = 0;
            left -= n;
            window -= (int64_t)(n + padding);
            stream_window -= (int64_t)(n + padding);
        }
    }
    return trips;
}

enum { UPLOAD = 64 * 1024 * 1024 };

START_TEST(a_long_way)
{
    owner.grows = H2_WINDOW_MOST;
    ck_assert_uint_le(round_trips(UPLOAD, 0), 30);
    ck_assert_uint_eq(owner.streams[0].engine.window.size, H2_WINDOW_MOST);
    ck_assert_uint_eq(owner.grown, H2_WINDOW_MOST - H2_WINDOW_FIRST);
    ck_assert_uint_eq(owner.streams[0].received, UPLOAD);
}
END_TEST

START_TEST(a_long_way_with_padding)
{
    owner.grows = H2_WINDOW_MOST;
    ck_assert_uint_le(round_trips(UPLOAD, 256), 30);
    ck_assert_uint_eq(owner.streams[0].received, UPLOAD);
}
END_TEST

START_TEST(a_long_way_and_no_more_memory)
{
    owner.grows = H2_WINDOW_FIRST;
    const unsigned trips = round_trips(UPLOAD, 0);
    ck_assert_uint_gt(trips, 100);
    ck_assert_uint_lt(trips, 300);
    ck_assert_uint_eq(owner.streams[0].engine.window.size, 2 * H2_WINDOW_FIRST);
}
END_TEST

/* Who does not take it gets no more than the first window. */
START_TEST(nobody_takes_it)
{
    owner.grows = H2_WINDOW_MOST;
    owner.holds = true;
    ck_assert_uint_eq(round_trips(UPLOAD, 0), 1000);
    ck_assert_uint_eq(owner.streams[0].received, H2_WINDOW_FIRST);
    ck_assert_uint_eq(owner.streams[0].engine.held, H2_WINDOW_FIRST);
    ck_assert_uint_eq(owner.grown, 0);
}
END_TEST

/* Nor do all of a connection together get more than a bound: what is taken makes room, and no other does. */
START_TEST(nobody_takes_any_of_many)
{
    static char payload[16384];
    struct bytes b;
    struct out out = {0};
    struct h2_limits limits;
    size_t received = 0;
    h2_limits_init(&limits);
    owner.grows = H2_WINDOW_MOST;
    owner.holds = true;
    begin(&b);
    put_frame(&b, 4, 1, 0, "", 0);
    for (uint32_t i = 0; i < 100; i++)
        put_head(&b, 2 * i + 1, END_HEADERS, BASE);
    take(&b, b.n);
    collect(&owner, &out);
    int64_t window = 65535 + out.window;
    for (uint32_t i = 0; i < 100 && window >= (int64_t)sizeof payload; i++) {
        for (size_t sent = 0; sent < H2_WINDOW_FIRST && window >= (int64_t)sizeof payload;
             sent += sizeof payload) {
            b.n = 0;
            put_frame(&b, 0, 0, 2 * i + 1, payload, sizeof payload);
            take(&b, b.n);
            out = (struct out){0};
            collect(&owner, &out);
            window += out.window - (int64_t)sizeof payload;
            received += sizeof payload;
        }
    }
    ck_assert_uint_gt(received, limits.held);
    ck_assert_uint_le(received, limits.held + limits.window);
    ck_assert(h2_is_held_up(owner.h2));
    for (uint32_t i = 0; i < 100; i++)
        h2_consumed(owner.h2, &owner.streams[i].engine, H2_WINDOW_FIRST);
    out = (struct out){0};
    collect(&owner, &out);
    ck_assert_int_ge(window + out.window, limits.window / 2);
    ck_assert(!h2_is_held_up(owner.h2));
}
END_TEST

/* Those of many connections leave some for who comes late. */
START_TEST(windows_of_all)
{
    size_t all = 0;
    for (unsigned i = 0; i < 20; i++) {
        size_t size = H2_WINDOW_FIRST;
        for (; size < H2_WINDOW_MOST && h2_window_may_grow(size, size - H2_WINDOW_FIRST, all); size *= 2)
            all += size;
        ck_assert_uint_gt(size, H2_WINDOW_FIRST);
        ck_assert_uint_le(all, H2_WINDOW_ALL);
        ck_assert(i > 0 || size == H2_WINDOW_MOST);
    }
}
END_TEST

/* A way on which less than a window comes in a round trip: it is asked about less and less. */
START_TEST(a_short_way)
{
    struct h2_window w;
    unsigned asked = 0;
    h2_window_init(&w);
    for (size_t i = 0; i < UPLOAD / 1024; i++) {
        if (!h2_window_came(&w, 1024))
            continue;
        h2_window_asks(&w);
        (void)h2_window_came(&w, H2_WINDOW_FIRST / 4);
        ck_assert(!h2_window_answered(&w, 0));
        asked++;
    }
    ck_assert_uint_le(asked, 20);
    ck_assert_uint_ge(asked, 5);
}
END_TEST

START_TEST(parting)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    put_head(&b, 1, END_HEADERS, BASE);
    take(&b, b.n);
    h2_part(owner.h2);
    collect(&owner, &out);
    ck_assert_uint_eq(out.last_id, 0x7fffffff);
    h2_part_now(owner.h2);
    collect(&owner, &out);
    ck_assert_uint_eq(out.last_id, 1);
    ck_assert_uint_eq(out.goaway, H2_NO_ERROR);
    b.n = 0;
    put_frame(&b, 0, END_STREAM, 1, "a", 1);
    take(&b, b.n);
    collect(&owner, &out);
    ck_assert(out.end_stream);
    ck_assert_uint_eq(owner.n_closed, 1);
}
END_TEST

START_TEST(none_is_built)
{
    struct h2_limits limits;
    h2_limits_init(&limits);
    ck_assert_ptr_null(h2_new(&limits, &OPS, &owner));
}
END_TEST

Suite *suite_h2(void)
{
    Suite *suite = suite_create("h2");
    TCase *tc = tcase_create("frames"), *engine = tcase_create("engine");
    tcase_add_test(tc, frames_are_told_at_any_cut);
    tcase_add_test(tc, pings_that_data_earns);
    tcase_add_test(tc, a_short_way);
    suite_add_tcase(suite, tc);
    if (!h2_is_built()) {
        tcase_add_test(engine, none_is_built);
        suite_add_tcase(suite, engine);
        return suite;
    }
    tcase_add_checked_fixture(engine, set_up, tear_down);
    tcase_add_loop_test(engine, a_request_and_its_answer, 0, 50);
    tcase_add_test(engine, what_breaks_the_protocol);
    tcase_add_loop_test(engine, what_comes_behind_the_end, 0, ARRAY_LEN(BEHIND));
    tcase_add_test(engine, what_is_no_http2);
    tcase_add_loop_test(engine, a_flood, 0, ARRAY_LEN(FLOODS));
    tcase_add_test(engine, a_ping_with_each_answer);
    tcase_add_test(engine, rapid_resets);
    tcase_add_test(engine, resets_that_are_provoked);
    tcase_add_test(engine, continuations);
    tcase_add_test(engine, streams_at_once);
    tcase_add_test(engine, a_long_way);
    tcase_add_test(engine, a_long_way_with_padding);
    tcase_add_test(engine, a_long_way_and_no_more_memory);
    tcase_add_test(engine, nobody_takes_it);
    tcase_add_test(engine, nobody_takes_any_of_many);
    tcase_add_test(engine, windows_of_all);
    tcase_add_test(engine, parting);
    suite_add_tcase(suite, engine);
    return suite;
}
