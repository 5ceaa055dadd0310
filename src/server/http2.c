#include "server/http2.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/answer.h"
#include "server/http2_stream.h"
#include "server/proxy.h"

enum {
    READ_BYTES = 4 * RECORD_PLAIN,
    OUT_BYTES = 128 * 1024, /* that are put together for the socket at once */
    TURN_BYTES = 512 * 1024,
};

/* ---- requests ------------------------------------------------------------------------------------------ */

static void leave(struct http2 *http2);

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

static void answer(struct http2_stream *stream)
{
    struct conn *conn = stream->http2->conn;
    struct answer made;
    answer_begin(conn, &made);
    answer_make(conn, &stream->request, &made);
    http2_stream_reply(stream, &made.reply);
    if (made.reply.close)
        leave(stream->http2);
    answer_done(&made);
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
        leave(http2);
    } else if (conn_is_unwanted(conn)) { /* since its handshake, which no sweep disturbs */
        leave(http2);
    }
}

/* Nobody answers it. */
static void malformed(struct http2_stream *stream, const char *why)
{
    struct conn *conn = stream->http2->conn;
    const struct account_client client = conn_client(conn);
    log_info("%s: listener %s: request refused: %s", conn->remote, conn->listener_name, why);
    account_refused(&client, 400, 0);
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
    if (is_awaited(stream) && !too_large(stream, stream->received))
        conn_body_put(http2->conn, &stream->request, bytes, len);
    h2_consumed(http2->engine, engine, len);
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

static void over(struct http2_stream *stream)
{
    if (stream->proxied)
        proxy_stream_closed(stream);
    account(stream);
    http2_stream_free(stream);
}

static void on_closed(void *cls, struct h2_stream *engine, uint32_t code)
{
    struct http2 *http2 = cls;
    (void)code;
    over(http2_stream_of(engine));
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

static const struct h2_ops OPS = {
    .opened = on_opened,
    .field = on_field,
    .head = on_head,
    .data = on_data,
    .ended = on_ended,
    .body = on_body,
    .sent = on_sent,
    .closed = on_closed,
    .hit = on_hit,
};

/* ---- the end ------------------------------------------------------------------------------------------- */

/* Nothing of it is left but what its transport still does. */
static void forget(struct http2 *http2)
{
    struct conn *conn = http2->conn;
    while (http2->streams)
        over(http2->streams);
    h2_free(http2->engine);
    http2->engine = NULL;
    wheel_stop(&http2->parting);
    buf_done(&http2->out);
    http2->out_at = 0;
    if (http2->watched)
        (void)epoll_ctl(conn->worker->epoll, EPOLL_CTL_DEL, conn->transport.fd, NULL);
    http2->watched = false;
}

/* The client is gone, or takes nothing: it does not see a goodbye. */
static void cut(struct http2 *http2)
{
    struct transport *transport = &http2->conn->transport;
    if (!http2->engine)
        return;
    forget(http2);
    if (transport->state != TRANSPORT_OVER)
        (void)transport_cut(transport);
}

static void say_goodbye(struct http2 *http2)
{
    struct transport *transport = &http2->conn->transport;
    forget(http2);
    transport_enter(transport);
    transport_last_word(transport, "", 0);
    (void)transport_leave(transport, false);
    if (http2->late)
        transport_linger(transport);
}

/* It asks for no more, after a moment in which what was on its way comes. */
static void leave(struct http2 *http2)
{
    if (http2->parts || !http2->engine)
        return;
    http2->parts = true;
    h2_part(http2->engine);
    wheel_set(&http2->conn->worker->wheel, &http2->parting, http2->conn->worker->now_ms + CONN_FRESH_MS);
    http2_wake(http2);
}

static void on_parting(struct wheel_timer *timer)
{
    struct http2 *http2 = (struct http2 *)(void *)((char *)timer - offsetof(struct http2, parting));
    http2->parted = true;
    h2_part_now(http2->engine);
    http2_wake(http2);
}

/* ---- the run ------------------------------------------------------------------------------------------- */

static void watch(struct http2 *http2)
{
    struct conn *conn = http2->conn;
    struct epoll_event event = {.events = EPOLLOUT | EPOLLET, .data.ptr = event_mark(&http2->room)};
    if (!http2->watched)
        http2->watched = epoll_ctl(conn->worker->epoll, EPOLL_CTL_ADD, conn->transport.fd, &event) == 0;
}

/* 1: nothing waits; 0: the socket has no room; -1: the connection is over. */
static int flush(struct http2 *http2)
{
    while (http2->out_at < http2->out.len) {
        ssize_t n = transport_write_turn(&http2->conn->transport, http2->out.data + http2->out_at,
                                         http2->out.len - http2->out_at);
        if (n < 0)
            return -1;
        if (n == 0)
            return 0;
        http2->out_at += (size_t)n;
        http2->stalled = false; /* its time begins anew */
    }
    if (http2->out.len > 0)
        buf_done(&http2->out);
    http2->out_at = 0;
    return 1;
}

/* What the engine has to say, in the worker's buffer. */
static void collect(struct http2 *http2, struct buf *out)
{
    const char *bytes;
    size_t n;
    out->len = 0;
    out->failed = false;
    while (out->len < OUT_BYTES && (n = h2_give(http2->engine, &bytes)) > 0)
        buf_put(out, bytes, n);
}

/* False: the connection is over. */
static bool write_some(struct http2 *http2)
{
    struct buf *out = &http2->conn->worker->http2_out;
    int rc;
    for (size_t budget = TURN_BYTES; (rc = flush(http2)) > 0;) {
        collect(http2, out);
        if (out->len == 0)
            return true;
        ssize_t n = buf_failed(out) ? -1 : transport_write_turn(&http2->conn->transport, out->data, out->len);
        if (n < 0)
            return false;
        if ((size_t)n < out->len) {
            buf_init(&http2->out, 4 * OUT_BYTES);
            buf_put(&http2->out, out->data + n, out->len - (size_t)n);
            if (buf_failed(&http2->out))
                return false;
        }
        budget -= out->len < budget ? out->len : budget;
        if (budget == 0) {
            http2_wake(http2);
            return true;
        }
    }
    watch(http2);
    return rc == 0;
}

/* 1: more may come; 0: none now; -1: the connection is over. */
static int read_some(struct http2 *http2)
{
    struct conn *conn = http2->conn;
    struct transport *transport = &conn->transport;
    char bytes[READ_BYTES];
    size_t got = 0;
    ssize_t n = 1;
    transport_enter(transport);
    while (got + RECORD_PLAIN <= sizeof bytes && n > 0) {
        n = transport_read(transport, bytes + got, sizeof bytes - got);
        got += n > 0 ? (size_t)n : 0;
    }
    int rc = transport_leave(transport, false);
    if (rc != 0)
        return -1;
    if (got > 0)
        h2_take(http2->engine, bytes, got, conn->worker->now_ms);
    if (n == GNUTLS_E_TIMEDOUT) {
        http2->late = true;
        h2_end(http2->engine, H2_NO_ERROR);
    }
    if (n > 0 || n == GNUTLS_E_INTERRUPTED)
        return 1;
    conn->bytes_wait = false;
    return n == GNUTLS_E_AGAIN || n == GNUTLS_E_TIMEDOUT ? 0 : -1;
}

static bool should_part(const struct http2 *http2)
{
    return conn_is_unwanted(http2->conn);
}

/* Which phase the connection is in. */
static void settle(struct http2 *http2)
{
    struct conn *conn = http2->conn;
    const bool waits = http2->out.len > 0, busy = http2->n_streams > 0 || http2->parts || waits;
    if (!busy && should_part(http2)) {
        leave(http2);
        return;
    }
    if (busy && (!http2->busy || waits != http2->stalled))
        conn_relaying(conn, waits);
    else if (!busy && http2->busy)
        conn_idle(conn);
    http2->busy = busy;
    http2->stalled = waits;
}

static void run(struct http2 *http2)
{
    struct conn *conn = http2->conn;
    if (!http2->engine)
        return;
    int more = conn->bytes_wait && !h2_is_full(http2->engine) ? read_some(http2) : 0;
    if (more < 0 || !write_some(http2)) {
        cut(http2);
        return;
    }
    const bool parted = http2->parted && http2->n_streams == 0;
    if (http2->out.len == 0 && (h2_is_over(http2->engine) || parted)) {
        say_goodbye(http2);
        return;
    }
    if (more > 0 ||
        (conn->bytes_wait && http2->out.len == 0)) /* what was left while the queue was full, too */
        http2_wake(http2);
    settle(http2);
}

static void on_room(struct event_source *source, uint32_t events)
{
    struct http2 *http2 = (struct http2 *)(void *)((char *)source - offsetof(struct http2, room));
    (void)events;
    run(http2);
}

void http2_turn(struct worker *worker)
{
    struct http2 *list = worker->http2;
    worker->http2 = NULL;
    while (list) {
        struct http2 *http2 = list;
        list = http2->next;
        http2->listed = false;
        run(http2);
    }
}

bool http2_waits_for_turn(const struct worker *worker)
{
    return worker->http2 != NULL;
}

/* ---- its connection ------------------------------------------------------------------------------------ */

bool http2_is_agreed(const struct conn *conn)
{
    return conn->established && strcmp(conn->facts.alpn, "h2") == 0;
}

bool http2_speaks(const struct conn *conn)
{
    return conn->http2 && conn->http2->engine;
}

bool http2_begin(struct conn *conn, const char *bytes, size_t len)
{
    const struct conf *conf = conn->snapshot->conf;
    struct h2_limits limits;
    struct http2 *http2 = calloc(1, sizeof *http2);
    if (!http2)
        return false;
    h2_limits_init(&limits);
    limits.most[H2_STREAMS] = (uint32_t)conf->http2_max_streams;
    limits.header_list = (uint32_t)conf->max_header;
    if (limits.most[H2_HEADER_LIST] < 4 * limits.header_list)
        limits.most[H2_HEADER_LIST] = 4 * limits.header_list;
    http2->conn = conn;
    http2->room.ready = on_room;
    http2->parting.fire = on_parting;
    http2->engine = h2_new(&limits, &OPS, http2);
    if (!http2->engine) {
        free(http2);
        return false;
    }
    conn->http2 = http2;
    conn->bytes_wait = true; /* nobody has read until there was no more */
    h2_take(http2->engine, bytes, len, conn->worker->now_ms);
    return true;
}

bool http2_client_ready(struct conn *conn)
{
    conn->bytes_wait = true;
    run(conn->http2);
    return http2_speaks(conn);
}

void http2_left(struct conn *conn)
{
    struct http2 *http2 = conn->http2;
    if (!http2)
        return;
    forget(http2);
    struct http2 **at = &conn->worker->http2;
    while (http2->listed && *at != http2)
        at = &(*at)->next;
    if (http2->listed)
        *at = http2->next;
    conn->http2 = NULL;
    free(http2);
}

void http2_reconsider(struct conn *conn)
{
    struct http2 *http2 = conn->http2;
    if (!http2->engine)
        return;
    for (struct http2_stream *stream = http2->streams; stream; stream = stream->next) {
        if (stream->proxied)
            proxy_reconsider(stream->proxied);
    }
    if (should_part(http2))
        leave(http2);
}
