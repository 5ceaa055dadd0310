/* What the engine says of a connection's streams: a request comes, is answered here or by a backend, or is
 * refused; and how long each part of it may take. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "http/route.h"
#include "server/answer.h"
#include "server/http2_impl.h"
#include "server/proxy.h"

/* ---- requests ------------------------------------------------------------------------------------------ */

/* As each does that was understood. */
static void count(struct http2_stream *stream)
{
    conn_request_counts(stream->http2->conn, &stream->request);
    stream->request.under_way = true;
}

static void account(struct http2_stream *stream)
{
    if (!stream->request.under_way)
        return;
    stream->request.under_way = false;
    conn_answered(stream->http2->conn, &stream->request);
}

static void refuse(struct http2_stream *stream, unsigned status, const char *detail)
{
    conn_body_done(&stream->request);
    stream->request.route = NULL;
    http2_stream_problem(stream, status, detail);
}

/* What was asked for, when a finished answer may be given again. */
struct asked {
    struct http2_stream *stream;
    struct kept_key key;
    bool kept;
};

static bool from_shelf(const struct request *request, const struct route *route, struct reply *reply)
{
    struct asked *asked = request->kept_cls;
    const struct conn *conn = asked->stream->http2->conn;
    if (conn->orphan || route->keep != KEEP_SECOND || !route_keeps(route, request))
        return false;
    asked->kept = true;
    asked->key = answer_key(conn, request);
    const struct http2_kept *found =
        http2_shelf_find(conn->worker->http2_shelf, &asked->key, conn->worker->now_ms);
    if (!found || !http2_stream_holds(asked->stream, found->length))
        return false;
    reply->ready = (void *)(uintptr_t)found;
    reply->length = found->length;
    reply->status = 200;
    return true;
}

static void answer(struct http2_stream *stream)
{
    struct conn *conn = stream->http2->conn;
    struct answer made;
    struct asked asked = {.stream = stream};
    const bool may = http2_stream_may_answer(stream);
    http2_stream_asks(stream, !may);
    if (!may) {
        http2_stream_enters(stream, HTTP2_ANSWER);
        return;
    }
    answer_begin(conn, &made);
    if (!made.close) {
        made.kept = from_shelf;
        made.kept_cls = &asked;
    }
    answer_make(conn, &stream->request, &made);
    /* Another stream may have it judged anew before this one has its line in the log. */
    stream->request.peer = conn->peer ? peer_ref(conn->peer) : NULL;
    const bool keeps = asked.kept && made.reply.status == 200 && !made.reply.unkept && !made.reply.close;
    http2_stream_reply_kept(stream, &made.reply, keeps ? &asked.key : NULL);
    if (made.reply.close)
        http2_leave(stream->http2);
    answer_done(&made);
}

/* The newest is the first of the list. */
void http2_request_asked(struct http2 *http2)
{
    for (;;) {
        struct http2_stream *oldest = NULL;
        for (struct http2_stream *stream = http2->streams; stream; stream = stream->next) {
            if (stream->asking && !stream->refused)
                oldest = stream;
        }
        if (!oldest || !http2_stream_may_answer(oldest))
            return;
        answer(oldest);
    }
}

static bool too_large(struct http2_stream *stream, uint64_t len)
{
    struct conn *conn = stream->http2->conn;
    struct conn_request *request = &stream->request;
    char detail[CONN_DETAIL];
    request->limits.max_body = (uint64_t)conn->snapshot->conf->max_body;
    if (len <= request->limits.max_body)
        return false;
    request->gate.status = 413;
    refuse(stream, conn_gate_refused(conn, request, detail), detail);
    return true;
}

/* It is answered here. */
static void begin_own(struct http2_stream *stream)
{
    struct conn *conn = stream->http2->conn;
    struct conn_request *request = &stream->request;
    const bool expects = !stream->ended && http1_head_has(&request->head, "Expect", "100-continue");
    stream->secret = !stream->ended && conn_body_most(conn, request) > 0;
    if (too_large(stream, http1_gate_content(&request->gate)))
        return;
    if (!stream->ended && conn_body_begin(conn, request) != 0)
        request->wait = 1; /* 429 says no more than that it may come again */
    const bool needed = request->body.most > 0 && !request->body.over;
    if (stream->ended || (expects && !needed)) {
        answer(stream);
        return;
    }
    http2_stream_enters(stream, HTTP2_BODY);
    if (expects && http2_stream_answer(stream, 100, "", 0, false) != 0)
        http2_stream_reset(stream, H2_INTERNAL_ERROR);
}

static void begin(struct http2_stream *stream)
{
    struct http2 *http2 = stream->http2;
    struct conn *conn = http2->conn;
    count(stream);
    if (conn->snapshot->conf->n_backends == 0 || proxy_claim_stream(stream) == PROXY_LOCAL)
        begin_own(stream);
    if (conn->n_requests >= (uint64_t)conn->snapshot->conf->keepalive_requests) {
        if (!http2->parts)
            limits_hit(conn->place.limits, LIMIT_keepalive_requests, conn->remote, conn->listener_name);
        http2_leave(http2);
    } else if (conn_is_unwanted(conn)) { /* since its handshake, which no sweep disturbs */
        http2_leave(http2);
    }
}

/* Nobody answers it. */
static void tell_of_malformed(const struct http2_stream *stream, const char *why)
{
    struct conn *conn = stream->http2->conn;
    const struct account_client client = conn_account_client(conn);
    log_info("%s: listener %s: request refused: %s", conn->remote, conn->listener_name, why);
    account_refused(&client, 400, 0);
}

static void malformed(struct http2_stream *stream, const char *why)
{
    tell_of_malformed(stream, why);
    http2_stream_reset(stream, H2_PROTOCOL_ERROR);
}

/* ---- time ---------------------------------------------------------------------------------------------- */

static void hit(const struct http2 *http2, enum limit limit)
{
    const struct conn *conn = http2->conn;
    limits_hit(conn->place.limits, limit, conn->remote, conn->listener_name);
}

/* Its answer is not taken. */
static void answer_late(struct http2_stream *stream)
{
    const struct conn *conn = stream->http2->conn;
    const uint64_t most = (uint64_t)conn->snapshot->conf->request_timeout * 1000;
    const bool all =
        stream->phase == HTTP2_ANSWER && conn->worker->now_ms >= stream->request.began_us / 1000 + most;
    hit(stream->http2, all ? LIMIT_request_time : LIMIT_h2_windows);
    http2_stream_reset(stream, H2_CANCEL);
}

static void on_late(struct wheel_timer *timer)
{
    struct http2_stream *stream =
        (struct http2_stream *)(void *)((char *)timer - offsetof(struct http2_stream, timer));
    struct http2 *http2 = stream->http2;
    switch (stream->phase) {
    case HTTP2_HEAD: /* nothing else can come before its rest */
        hit(http2, LIMIT_header_time);
        h2_end(http2->engine, H2_NO_ERROR);
        http2_wake(http2);
        break;
    case HTTP2_BODY:
        if (stream->proxied) {
            proxy_stream_late(stream);
            break;
        }
        hit(http2, LIMIT_body_time);
        refuse(stream, 408, "The body of the request did not arrive in time (body_timeout).");
        break;
    case HTTP2_ANSWER:
    case HTTP2_RELAY:
        answer_late(stream);
        break;
    case HTTP2_RESTS:
        http2_stream_reset(stream, H2_NO_ERROR);
        break;
    }
}

/* ---- what the engine says ------------------------------------------------------------------------------ */

static struct h2_stream *on_opened(void *cls, int32_t id)
{
    struct http2 *http2 = cls;
    (void)id;
    struct http2_stream *stream = http2_stream_new(http2);
    if (!stream) {
        hit(http2, LIMIT_memory);
        return NULL;
    }
    stream->timer.fire = on_late;
    conn_request_begins(&stream->request);
    http2_stream_enters(stream, HTTP2_HEAD);
    return &stream->engine;
}

static void on_field(void *cls, struct h2_stream *engine, const char *name, size_t name_len,
                     const char *value, size_t len)
{
    (void)cls;
    struct http2_stream *stream = http2_stream_of(engine);
    h2_head_put(&stream->head, &stream->request.limits, name, name_len, value, len);
}

static void on_head(void *cls, struct h2_stream *engine, bool ended)
{
    struct http2 *http2 = cls;
    struct http2_stream *stream = http2_stream_of(engine);
    struct conn_request *request = &stream->request;
    char detail[CONN_DETAIL];
    stream->ended = ended;
    int rc = h2_head_finish(&stream->head, &request->limits, ended, &request->gate, &request->head);
    const char *why = stream->head.malformed;
    h2_head_done(&stream->head);
    if (rc == 0) {
        begin(stream);
    } else if (rc == ERR_RANGE) {
        count(stream);
        refuse(stream, conn_gate_refused(http2->conn, request, detail), detail);
    } else if (rc == ERR_SYNTAX) {
        malformed(stream, why);
    } else {
        hit(http2, LIMIT_memory);
        http2_stream_reset(stream, H2_INTERNAL_ERROR);
    }
}

/* It is answered here, when its body is whole. */
static bool is_awaited(const struct http2_stream *stream)
{
    return stream->phase == HTTP2_BODY && !stream->answered && !stream->refused;
}

static void on_data(void *cls, struct h2_stream *engine, const char *bytes, size_t len)
{
    struct http2 *http2 = cls;
    struct http2_stream *stream = http2_stream_of(engine);
    stream->received += len;
    if (stream->proxied) {
        proxy_stream_data(stream, bytes, len);
        return;
    }
    http2->secret = http2->secret || stream->secret;
    if (is_awaited(stream) && !too_large(stream, stream->received))
        conn_body_put(http2->conn, &stream->request, bytes, len);
    h2_consumed(http2->engine, engine, len);
}

/* A client that is far away has a larger window, as long as all of them together do not make the server
 * large. */
static bool on_grow(void *cls, struct h2_stream *engine, uint32_t more)
{
    struct http2 *http2 = cls;
    struct worker *worker = http2->conn->worker;
    (void)engine;
    if (!h2_window_may_grow(more, http2->grown, worker->http2_grown))
        return false;
    http2->grown += more;
    worker->http2_grown += more;
    return true;
}

static void on_ended(void *cls, struct h2_stream *engine)
{
    (void)cls;
    struct http2_stream *stream = http2_stream_of(engine);
    stream->ended = true;
    if (stream->proxied)
        proxy_stream_ended(stream);
    else if (is_awaited(stream))
        answer(stream);
}

static void on_malformed(void *cls, struct h2_stream *engine, const char *why)
{
    struct http2_stream *stream = http2_stream_of(engine);
    (void)cls;
    if (stream->phase == HTTP2_HEAD) /* else it has its line at its end */
        tell_of_malformed(stream, why);
}

static ssize_t on_body(void *cls, struct h2_stream *engine, char *out, size_t most, bool *last)
{
    (void)cls;
    return http2_stream_body(http2_stream_of(engine), out, most, last);
}

static void on_sent(void *cls, struct h2_stream *engine)
{
    (void)cls;
    struct http2_stream *stream = http2_stream_of(engine);
    stream->sent = true;
    if (stream->room)
        stream->room(stream);
    else
        account(stream);
    http2_stream_released(stream);
}

void http2_stream_over(struct http2_stream *stream)
{
    const uint32_t grown = stream->engine.window.size - H2_WINDOW_FIRST;
    stream->http2->grown -= grown;
    stream->http2->conn->worker->http2_grown -= grown;
    if (stream->proxied)
        proxy_stream_closed(stream);
    account(stream);
    http2_stream_free(stream);
}

static void on_closed(void *cls, struct h2_stream *engine, uint32_t code)
{
    struct http2 *http2 = cls;
    (void)code;
    http2_stream_over(http2_stream_of(engine));
    http2_wake(http2);
}

static void on_hit(void *cls, enum h2_limit limit)
{
    static const enum limit LIMITS[H2_LIMITS] = {
        [H2_STREAMS] = LIMIT_h2_streams,
        [H2_RESETS] = LIMIT_h2_resets,
        [H2_CONTINUATIONS] = LIMIT_h2_continuations,
        [H2_HEADER_LIST] = LIMIT_h2_header_list,
        [H2_SETTINGS] = LIMIT_h2_settings,
        [H2_PINGS] = LIMIT_h2_pings,
        [H2_EMPTY_FRAMES] = LIMIT_h2_empty_frames,
        [H2_FRAMES] = LIMIT_h2_frames,
    };
    hit(cls, LIMITS[limit]);
}

const struct h2_ops HTTP2_OPS = {
    .opened = on_opened,
    .field = on_field,
    .head = on_head,
    .data = on_data,
    .grow = on_grow,
    .ended = on_ended,
    .malformed = on_malformed,
    .body = on_body,
    .sent = on_sent,
    .closed = on_closed,
    .hit = on_hit,
};
