/* Frames of a client of HTTP/2, behind the preface. The first input byte chooses in which pieces they come,
 * the second what the owner does. Besides not crashing:
 *  - each stream that was opened is closed once, or was not when the connection ended;
 *  - a head that passes reads as one of HTTP/1.1: no control byte, a path, one Host;
 *  - what goes out is whole frames, and nothing is given of a body that nobody asked for;
 *  - of all bodies no more is held than the window lets come. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http/h2.h"
#include "http/h2_frames.h"
#include "http/h2_head.h"

static const struct http1_limits LIMITS = {
    .max_target = 1024, .max_head = 4096, .max_fields = 50, .max_body = 65536};

struct stream {
    struct h2_stream engine;
    struct stream *next;
    struct h2_head head;
    size_t left;
};

struct owner {
    struct h2 *h2;
    struct h2_limits limits;
    struct stream *streams;
    unsigned does;
};

static struct stream *of(struct h2_stream *engine)
{
    return (struct stream *)(void *)engine;
}

static struct h2_stream *on_opened(void *cls, int32_t id)
{
    struct owner *o = cls;
    REQUIRE(id > 0 && (id & 1));
    struct stream *s = calloc(1, sizeof *s);
    REQUIRE(s);
    s->next = o->streams;
    s->left = o->does & 1 ? 40000 : 0;
    o->streams = s;
    return &s->engine;
}

static void on_field(void *cls, struct h2_stream *stream, const char *name, size_t name_len,
                     const char *value, size_t len)
{
    (void)cls;
    h2_head_put(&of(stream)->head, &LIMITS, name, name_len, value, len);
}

static void read_head(const struct http1_head *head)
{
    unsigned hosts = 0;
    REQUIRE(head->whole && *head->method && strcmp(head->version, "HTTP/2.0") == 0);
    REQUIRE(head->target[0] == '/' || strcmp(head->target, "*") == 0);
    for (const char *p = head->target; *p; p++)
        REQUIRE((unsigned char)*p > 0x20 && *p != 0x7f);
    for (size_t i = 0; i < head->n_fields; i++) {
        const struct http1_field *field = &head->field[i];
        hosts += field->name_len == 4 && memcmp(field->name, "host", 4) == 0;
        for (size_t k = 0; k < field->name_len; k++)
            REQUIRE((unsigned char)field->name[k] > 0x20 && (field->name[k] < 'A' || field->name[k] > 'Z'));
        for (const char *p = field->value; *p; p++)
            REQUIRE((unsigned char)*p >= 0x20 || *p == '\t');
    }
    REQUIRE(hosts == 1 && !http1_head_value(head, "Transfer-Encoding") &&
            !http1_head_value(head, "Connection"));
}

static void answer(struct owner *o, struct h2_stream *stream)
{
    static const char LINES[] = "Content-Type: text/plain\r\nX-Y: z\r\n";
    if (o->does & 2)
        REQUIRE(h2_answer(o->h2, stream, 200, LINES, sizeof LINES - 1, of(stream)->left > 0) == 0);
    else if (o->does & 4)
        h2_reset(o->h2, stream, H2_CANCEL);
}

static void on_head(void *cls, struct h2_stream *stream, bool ended)
{
    struct http1_gate gate;
    struct http1_head head = {0};
    int rc = h2_head_finish(&of(stream)->head, &LIMITS, ended, &gate, &head);
    if (rc == 0)
        read_head(&head);
    REQUIRE(rc == 0 || rc == ERR_SYNTAX || rc == ERR_RANGE);
    http1_head_done(&head);
    h2_head_done(&of(stream)->head);
    answer(cls, stream);
}

static void on_data(void *cls, struct h2_stream *stream, const char *bytes, size_t len)
{
    struct owner *o = cls;
    unsigned char sum = 0;
    for (size_t i = 0; i < len; i++)
        sum ^= (unsigned char)bytes[i];
    REQUIRE(stream->held <= stream->window.size);
    if (o->does & 8)
        h2_consumed(o->h2, stream, len + sum);
}

static bool on_grow(void *cls, struct h2_stream *stream, uint32_t more)
{
    const struct owner *o = cls;
    REQUIRE(stream->window.size + more <= H2_WINDOW_MOST);
    return o->does & 32;
}

static void on_ended(void *cls, struct h2_stream *stream)
{
    (void)cls, (void)stream;
}

static void on_malformed(void *cls, struct h2_stream *stream, const char *why)
{
    (void)cls, (void)stream, (void)why;
}

static ssize_t on_body(void *cls, struct h2_stream *stream, char *out, size_t most, bool *last)
{
    struct owner *o = cls;
    struct stream *s = of(stream);
    const size_t n = s->left < most ? s->left : most;
    REQUIRE(o->does & 2);
    memset(out, 'b', n);
    s->left -= n;
    *last = s->left == 0;
    if (*last && (o->does & 16))
        REQUIRE(h2_trailers(o->h2, stream, "x-t: 1\r\n", 8) == 0);
    return (ssize_t)n;
}

static void on_sent(void *cls, struct h2_stream *stream)
{
    (void)cls, (void)stream;
}

static void on_closed(void *cls, struct h2_stream *stream, uint32_t code)
{
    struct owner *o = cls;
    struct stream **at = &o->streams;
    (void)code;
    while (*at && *at != of(stream))
        at = &(*at)->next;
    REQUIRE(*at);
    *at = (*at)->next;
    h2_head_done(&of(stream)->head);
    free(stream);
}

static void on_hit(void *cls, enum h2_limit limit)
{
    (void)cls;
    REQUIRE(limit < H2_LIMITS);
}

static const struct h2_ops OPS = {on_opened,    on_field, on_head, on_data,   on_grow, on_ended,
                                  on_malformed, on_body,  on_sent, on_closed, on_hit};

static void send(struct owner *o, struct h2_frames *frames)
{
    struct h2_limits none;
    const char *bytes;
    size_t n;
    memset(&none, 0xff, sizeof none);
    while ((n = h2_give(o->h2, &bytes)) > 0)
        REQUIRE(h2_frames_feed(frames, &none, bytes, n, 0) == H2_LIMITS);
    REQUIRE(frames->left == 0 && frames->n_head == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char PREFACE[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    struct h2_frames frames = {.n_preface = H2_PREFACE};
    struct owner owner = {0};
    if (size < 2 || !h2_is_built())
        return 0;
    const size_t piece = data[0] ? data[0] : size;
    owner.does = data[1];
    h2_limits_init(&owner.limits);
    owner.h2 = h2_new(&owner.limits, &OPS, &owner);
    REQUIRE(owner.h2);
    h2_take(owner.h2, PREFACE, sizeof PREFACE - 1, 1);
    for (size_t at = 2; at < size && !h2_is_over(owner.h2); at += piece) {
        h2_take(owner.h2, (const char *)data + at, size - at < piece ? size - at : piece, 1 + at);
        send(&owner, &frames);
        if (at > size / 2 && (owner.does & 32))
            h2_part(owner.h2);
    }
    h2_free(owner.h2);
    while (owner.streams) {
        struct stream *s = owner.streams;
        owner.streams = s->next;
        h2_head_done(&s->head);
        free(s);
    }
    return 0;
}
