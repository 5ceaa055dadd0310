#include "h2_fixture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct http1_limits LIMITS = {
    .max_target = 256, .max_head = 1024, .max_fields = 20, .max_body = 1000};

/* ---- what the client says ------------------------------------------------------------------------------ */

static void put(struct bytes *b, const void *data, size_t len)
{
    ck_assert_uint_le(b->n + len, sizeof b->at);
    memcpy(b->at + b->n, data, len);
    b->n += len;
}

void put_frame(struct bytes *b, unsigned type, unsigned flags, uint32_t id, const void *data, size_t len)
{
    const unsigned char head[] = {
        (unsigned char)(len >> 16), (unsigned char)(len >> 8), (unsigned char)len,
        (unsigned char)type,        (unsigned char)flags,      (unsigned char)(id >> 24),
        (unsigned char)(id >> 16),  (unsigned char)(id >> 8),  (unsigned char)id};
    put(b, head, sizeof head);
    put(b, data, len);
}

void begin(struct bytes *b)
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

void put_head(struct bytes *b, uint32_t id, unsigned flags, const char *fields)
{
    char block[1024];
    put_frame(b, 1, flags, id, block, encode(block, fields));
}

/* ---- the engine ---------------------------------------------------------------------------------------- */

struct owner owner;

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
    (void)stream, (void)why;
    ((struct owner *)cls)->n_malformed++;
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

const struct h2_ops H2_OPS = {on_opened,    on_field, on_head, on_data,   on_grow, on_ended,
                              on_malformed, on_body,  on_sent, on_closed, on_hit};

void h2_setup(void)
{
    struct h2_limits limits;
    h2_limits_init(&limits);
    owner = (struct owner){.answers = true};
    owner.h2 = h2_new(&limits, &H2_OPS, &owner);
}

void h2_teardown(void)
{
    for (size_t i = 0; i < owner.n_streams; i++)
        h2_head_done(&owner.streams[i].head);
    h2_free(owner.h2);
}

void take(const struct bytes *b, size_t piece)
{
    for (size_t at = 0; at < b->n; at += piece)
        h2_take(owner.h2, b->at + at, b->n - at < piece ? b->n - at : piece, 5000);
}

/* ---- what went out ------------------------------------------------------------------------------------- */

static uint32_t number(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void collect(struct out *out)
{
    static unsigned char bytes[1 << 20];
    size_t len = 0, n;
    const char *piece;
    while ((n = h2_give(owner.h2, &piece)) > 0) {
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
