#include "server/http2_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "http/message.h"
#include "server/http2_file.h"
#include "server/troubles.h"

enum {
    MOST_DOWN = 1024 * 1024,   /* more than is ever put */
    LOW = 32 * 1024,           /* below that more of the body is asked for */
    MOST_WHOLE = 64 * 1024,    /* of a file that is not kept open */
    MOST_OF_ONE = 64 * 1024,   /* that waits, and more is put */
    MOST_OF_ALL = 1024 * 1024, /* then only a little is, where nothing waits */
    LITTLE = 4096,
    /* More than all of these come to: answers that are made here, and not taken, may be longer than any. */
    MOST_MADE = 2 * MOST_OF_ALL,
    MOST_BODIES = 256 * 1024 * 1024, /* of a worker, that wait for backends */
    RESTS_MS = 1000,                 /* so long a body is dropped that nobody needs */
};

void http2_wake(struct http2 *http2)
{
    struct worker *worker = http2->conn->worker;
    if (http2->listed)
        return;
    http2->listed = true;
    http2->next = worker->http2;
    worker->http2 = http2;
}

/* ---- time ---------------------------------------------------------------------------------------------- */

static uint64_t ms(long long seconds)
{
    return (uint64_t)seconds * 1000;
}

/* Of its answer it takes something every idle_timeout, and all within request_timeout. */
static uint64_t answered_by(const struct http2_stream *stream, const struct conf *conf, uint64_t now_ms)
{
    const uint64_t late = stream->request.began_us / 1000 + ms(conf->request_timeout);
    const uint64_t stalled = now_ms + ms(conf->idle_timeout);
    return stalled < late && !stream->asking ? stalled : late;
}

static uint64_t due(const struct http2_stream *stream)
{
    const struct conn *conn = stream->http2->conn;
    const struct conf *conf = conn->snapshot->conf;
    const uint64_t now_ms = conn->worker->now_ms;
    switch (stream->phase) {
    case HTTP2_HEAD:
        return now_ms + ms(conf->header_timeout);
    case HTTP2_BODY:
        return now_ms + ms(conf->body_timeout);
    case HTTP2_ANSWER:
        return answered_by(stream, conf, now_ms);
    case HTTP2_RELAY:
        return http2_stream_waiting(stream) > 0 || stream->last ? now_ms + ms(conf->idle_timeout) : 0;
    case HTTP2_RESTS:
        break;
    }
    return now_ms + RESTS_MS;
}

void http2_stream_enters(struct http2_stream *stream, enum http2_phase phase)
{
    stream->phase = phase;
    wheel_set(&stream->http2->conn->worker->wheel, &stream->timer, due(stream));
}

void http2_stream_released(struct http2_stream *stream)
{
    if (!stream->sent)
        http2_stream_enters(stream, HTTP2_ANSWER);
    else if (!stream->ended)
        http2_stream_enters(stream, HTTP2_RESTS);
}

/* The client took some of it. */
static void moved(struct http2_stream *stream)
{
    if (stream->phase == HTTP2_ANSWER || stream->phase == HTTP2_RELAY)
        http2_stream_enters(stream, stream->phase);
}

/* ---- its life ------------------------------------------------------------------------------------------ */

struct http2_stream *http2_stream_new(struct http2 *http2)
{
    struct http2_stream *stream = malloc(sizeof *stream);
    if (!stream)
        return NULL;
    *stream = (struct http2_stream){.http2 = http2};
    buf_init(&stream->down, MOST_DOWN);
    stream->request.limits = http2->conn->request.limits;
    stream->request.limits.max_body = UINT64_MAX; /* whose it is says how large its body may be */
    stream->next = http2->streams;
    if (stream->next)
        stream->next->prev = stream;
    http2->streams = stream;
    http2->n_streams++;
    return stream;
}

void http2_stream_free(struct http2_stream *stream)
{
    struct http2 *http2 = stream->http2;
    *(stream->prev ? &stream->prev->next : &http2->streams) = stream->next;
    if (stream->next)
        stream->next->prev = stream->prev;
    http2->n_streams--;
    http2->n_asking -= stream->asking;
    http2->held -= http2_stream_waiting(stream);
    http2_stream_waits(stream, 0);
    wheel_stop(&stream->timer);
    h2_head_done(&stream->head);
    http1_head_done(&stream->request.head);
    conn_body_done(&stream->request);
    conn_decision_done(&stream->request);
    buf_done(&stream->down);
    buf_done(&stream->trailers);
    http2_file_drop(&http2->conn->worker->http2_files, stream->file);
    free(stream);
}

/* ---- its answer ---------------------------------------------------------------------------------------- */

int http2_stream_answer(struct http2_stream *stream, unsigned status, const char *lines, size_t len,
                        bool bodied)
{
    struct http2 *http2 = stream->http2;
    if (!http2->engine || stream->refused)
        return 0;
    stream->answered = stream->answered || status >= 200;
    http2_wake(http2);
    return h2_answer(http2->engine, &stream->engine, status, lines, len, bodied);
}

static void tell_more(struct http2_stream *stream)
{
    if (stream->http2->engine)
        h2_more(stream->http2->engine, &stream->engine);
    http2_wake(stream->http2);
}

int http2_stream_put(struct http2_stream *stream, const char *bytes, size_t len)
{
    const bool first = http2_stream_waiting(stream) == 0;
    if (len == 0)
        return 0;
    if (stream->down_at > 0) { /* of a client that is always a little behind it would grow and grow */
        memmove(stream->down.data, stream->down.data + stream->down_at, stream->down.len - stream->down_at);
        stream->down.len -= stream->down_at;
        stream->down_at = 0;
    }
    const size_t before = stream->down.len;
    buf_put(&stream->down, bytes, len);
    stream->http2->held += stream->down.len - before;
    if (first)
        moved(stream);
    tell_more(stream);
    return buf_failed(&stream->down) ? ERR_NOMEM : 0;
}

size_t http2_stream_room(const struct http2_stream *stream)
{
    const size_t waits = http2_stream_waiting(stream);
    if (stream->http2->held < MOST_OF_ALL)
        return waits < MOST_OF_ONE ? MOST_OF_ONE : 0;
    return waits == 0 ? LITTLE : 0;
}

void http2_stream_last(struct http2_stream *stream)
{
    stream->last = true;
    moved(stream);
    tell_more(stream);
}

void http2_stream_waits(struct http2_stream *stream, size_t len)
{
    size_t *all = &stream->http2->conn->worker->http2_bodies;
    *all = *all - stream->waits + len;
    stream->waits = len;
}

bool http2_stream_is_too_much(const struct http2_stream *stream)
{
    return stream->http2->conn->worker->http2_bodies > MOST_BODIES;
}

bool http2_stream_is_held_up(const struct http2_stream *stream)
{
    return h2_is_held_up(stream->http2->engine) ||
           stream->http2->conn->worker->http2_bodies > MOST_BODIES / 4 * 3;
}

void http2_stream_reset(struct http2_stream *stream, enum h2_code code)
{
    struct http2 *http2 = stream->http2;
    if (!http2->engine || stream->refused)
        return;
    stream->refused = true;
    h2_reset(http2->engine, &stream->engine, code);
    http2_wake(http2);
}

/* ---- its body, as the engine asks for it ----------------------------------------------------------------
 */

static size_t from_buffer(struct http2_stream *stream, char *out, size_t most)
{
    const size_t waits = http2_stream_waiting(stream), n = waits < most ? waits : most;
    if (n == 0)
        return 0;
    memcpy(out, stream->down.data + stream->down_at, n);
    stream->down_at += n;
    stream->http2->held -= n;
    if (n == waits) { /* who waits for a backend holds nothing */
        buf_done(&stream->down);
        buf_init(&stream->down, MOST_DOWN);
        stream->down_at = 0;
    }
    return n;
}

/* The client sees only that it ends. */
static void tell_of_lost(const struct http2_stream *stream)
{
    const char *target = stream->request.head.target ? stream->request.head.target : "";
    struct buf line;
    buf_init(&line, 4096);
    buf_puts(&line, "a file was cut short while it was sent, its client's request is reset: ");
    text_escape(&line, target, strcspn(target, "?"));
    if (!buf_failed(&line))
        troubles_tell(line.data, stream->http2->conn->worker->now_ms);
    buf_done(&line);
}

/* -1: its end is gone. */
static ssize_t from_file(struct http2_stream *stream, char *out, size_t most)
{
    const size_t want = stream->left < most ? (size_t)stream->left : most;
    ssize_t n = 0;
    if (want == 0)
        return 0;
    do
        n = pread(stream->file->fd, out, want, (off_t)stream->offset);
    while (n < 0 && errno == EINTR);
    if (n <= 0) {
        tell_of_lost(stream);
        return -1;
    }
    stream->offset += (uint64_t)n;
    stream->left -= (uint64_t)n;
    return n;
}

static int give_trailers(struct http2_stream *stream)
{
    if (stream->trailers.len == 0)
        return 0;
    return h2_trailers(stream->http2->engine, &stream->engine, stream->trailers.data, stream->trailers.len);
}

ssize_t http2_stream_body(struct http2_stream *stream, char *out, size_t most, bool *last)
{
    size_t n = from_buffer(stream, out, most);
    if (n < most && stream->left > 0) {
        ssize_t more = from_file(stream, out + n, most - n);
        if (more < 0)
            return -1;
        n += (size_t)more;
    }
    const size_t waits = http2_stream_waiting(stream);
    *last = stream->last && waits == 0 && stream->left == 0;
    if (*last && give_trailers(stream) != 0)
        return -1;
    if (n > 0)
        moved(stream);
    if (stream->room && !stream->last && waits < LOW)
        stream->room(stream);
    return (ssize_t)n;
}

/* ---- replies of our own -------------------------------------------------------------------------------- */

static bool has_length(unsigned status)
{
    return status >= 200 && status != 204;
}

static void put_line(struct buf *out, const char *name, const char *value)
{
    buf_puts(out, name);
    buf_puts(out, ": ");
    buf_puts(out, value);
    buf_puts(out, "\r\n");
}

static void put_lines(const struct http2_stream *stream, const struct reply *reply, uint64_t length,
                      struct buf *out)
{
    struct worker *worker = stream->http2->conn->worker;
    put_line(out, "date", worker_date(worker, clock_now()));
    if (reply->content_type)
        put_line(out, "content-type", reply->content_type);
    for (size_t i = 0; i < reply->n_headers; i++)
        put_line(out, reply->header[i].name, reply->header[i].value);
    if (has_length(reply->status)) {
        buf_puts(out, "content-length: ");
        buf_put_uint(out, length);
        buf_puts(out, "\r\n");
    }
}

bool http2_stream_may_answer(const struct http2_stream *stream)
{
    return stream->http2->held < MOST_MADE;
}

void http2_stream_asks(struct http2_stream *stream, bool asks)
{
    stream->http2->n_asking += asks;
    stream->http2->n_asking -= stream->asking;
    stream->asking = asks;
}

bool http2_stream_holds(const struct http2_stream *stream, size_t len)
{
    return stream->http2->held + len <= MOST_OF_ALL;
}

/* All of a file at once, so that no descriptor waits for the client. */
static bool read_whole(struct http2_stream *stream, const struct reply *reply)
{
    char block[16 * 1024];
    struct buf *down = &stream->down;
    if (reply->length > MOST_WHOLE || !http2_stream_holds(stream, (size_t)reply->length))
        return false;
    while (down->len < reply->length) {
        const size_t left = (size_t)reply->length - down->len;
        ssize_t n = pread(reply->fd, block, left < sizeof block ? left : sizeof block,
                          (off_t)(reply->offset + down->len));
        if (n < 0 && errno == EINTR)
            continue;
        if (n > 0)
            buf_put(down, block, (size_t)n);
        if (n <= 0 || buf_failed(down)) { /* it goes the other way, which tells what is wrong */
            buf_done(down);
            buf_init(down, MOST_DOWN);
            return false;
        }
    }
    stream->http2->held += down->len;
    return true;
}

/* False: memory is short. */
static bool take_body(struct http2_stream *stream, struct reply *reply)
{
    stream->last = true;
    if (reply->fd >= 0 && read_whole(stream, reply))
        return true;
    if (reply->fd >= 0) {
        stream->file = http2_file_share(&stream->http2->conn->worker->http2_files, reply->fd);
        reply->fd = -1;
        if (!stream->file)
            return false;
        stream->offset = reply->offset;
        stream->left = reply->length;
    } else {
        stream->down = reply->body;
        stream->http2->held += stream->down.len;
        reply->body = (struct buf){0};
    }
    return true;
}

static void put_on_shelf(const struct http2_stream *stream, const struct kept_key *key,
                         const struct buf *lines)
{
    struct worker *worker = stream->http2->conn->worker;
    const struct http2_kept what = {
        .lines = lines->data, .lines_len = lines->len, .body = stream->down.data, .length = stream->down.len};
    const size_t room = (size_t)stream->http2->conn->snapshot->conf->file_cache;
    if (!worker->http2_shelf)
        worker->http2_shelf = http2_shelf_new(&worker->wheel);
    if (worker->http2_shelf)
        http2_shelf_put(worker->http2_shelf, key, worker->now_ms, room, &what);
}

static int give_finished(struct http2_stream *stream, const struct http2_kept *kept, bool bodiless)
{
    if (!bodiless) {
        stream->last = true;
        buf_put(&stream->down, kept->body, kept->length);
        if (buf_failed(&stream->down))
            return ERR_NOMEM;
        stream->http2->held += kept->length;
    }
    return http2_stream_answer(stream, 200, kept->lines, kept->lines_len, !bodiless);
}

static int give(struct http2_stream *stream, struct reply *reply, uint64_t length, bool bodiless,
                const struct kept_key *key)
{
    struct buf lines;
    buf_init(&lines, 0);
    put_lines(stream, reply, length, &lines);
    int rc = bodiless || take_body(stream, reply) ? 0 : ERR_NOMEM;
    if (rc == 0)
        rc = buf_failed(&lines)
                 ? ERR_NOMEM
                 : http2_stream_answer(stream, reply->status, lines.data, lines.len, !bodiless);
    if (rc == 0 && key && !bodiless && !stream->file)
        put_on_shelf(stream, key, &lines);
    buf_done(&lines);
    return rc;
}

void http2_stream_reply(struct http2_stream *stream, struct reply *reply)
{
    http2_stream_reply_kept(stream, reply, NULL);
}

void http2_stream_reply_kept(struct http2_stream *stream, struct reply *reply, const struct kept_key *key)
{
    struct conn_request *request = &stream->request;
    const bool file = reply->ready || reply->fd >= 0 || reply->status == 304;
    const uint64_t length = file ? reply->length : reply->body.len;
    const bool bodiless = strcmp(request->head.method, "HEAD") == 0 || reply->status == 304 ||
                          reply->status == 204 || length == 0;
    request->status = reply->status;
    request->reply_bytes = bodiless ? 0 : length;
    http2_stream_enters(stream, HTTP2_ANSWER);
    const int rc = reply->ready ? give_finished(stream, reply->ready, bodiless)
                                : give(stream, reply, length, bodiless, key);
    if (rc != 0) {
        struct conn *conn = stream->http2->conn;
        limits_hit(conn->place.limits, LIMIT_memory, conn->remote, conn->listener_name);
        http2_stream_reset(stream, H2_INTERNAL_ERROR);
    }
}

void http2_stream_problem(struct http2_stream *stream, unsigned status, const char *detail)
{
    struct reply reply;
    reply_init(&reply);
    conn_problem_reply(stream->http2->conn, &stream->request, status, detail, &reply);
    http2_stream_reply(stream, &reply);
    reply_done(&reply);
}
