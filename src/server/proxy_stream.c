/* The client's side of an exchange where the client is a stream of HTTP/2: its body comes in pieces, as far
 * as the window lets it, and the answer goes through the engine. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "config/conf_backend.h"
#include "server/proxy_impl.h"

/* ---- phases, of either kind of client ------------------------------------------------------------------ */

void proxy_client_awaits(struct proxied *p)
{
    p->brought = 0;
    if (p->stream)
        http2_stream_enters(p->stream, HTTP2_BODY);
    else
        conn_awaits_body(p->conn);
}

void proxy_client_relays(struct proxied *p, bool stalled)
{
    if (p->stream)
        http2_stream_enters(p->stream, HTTP2_RELAY);
    else
        conn_relaying(p->conn, stalled);
}

/* ---- the request --------------------------------------------------------------------------------------- */

/* The body has less left of it in the stream, or all has gone. */
static void on_room(struct http2_stream *stream)
{
    struct proxied *p = stream->proxied;
    if (!p)
        return;
    if (proxy_waiting(p) == 0)
        proxy_expect(p); /* the server's next word */
    proxy_again(p);
}

/* It needs HTTP/2 all the way: its trailers are its answer, and its streams go both ways. */
static bool is_grpc(const struct http1_head *head)
{
    static const char TYPE[] = "application/grpc";
    const char *type = http1_head_value(head, "Content-Type");
    const size_t n = sizeof TYPE - 1;
    /* gRPC-Web (application/grpc-web) is made for HTTP/1.1. */
    return type && strncasecmp(type, TYPE, n) == 0 && (type[n] == '\0' || strchr("+; \t", type[n]));
}

static enum proxy_claim refuse(struct http2_stream *stream, unsigned status, const char *detail)
{
    http2_stream_problem(stream, status, detail);
    return PROXY_REFUSED;
}

/* More than max_body of its location: the limits are told. */
static bool too_large(struct http2_stream *stream, const struct conf_location *location, uint64_t len,
                      char detail[static CONN_DETAIL])
{
    struct conn_request *request = &stream->request;
    request->limits.max_body = (uint64_t)location->max_body;
    if (len <= request->limits.max_body)
        return false;
    request->gate.status = 413;
    (void)conn_gate_refused(stream->http2->conn, request, detail);
    return true;
}

enum proxy_claim proxy_claim_stream(struct http2_stream *stream)
{
    struct conn *conn = stream->http2->conn;
    struct conn_request *request = &stream->request;
    const uint64_t length = http1_gate_content(&request->gate);
    struct proxy_aim aim;
    char detail[CONN_DETAIL];
    const struct conf_location *location = proxy_location(conn, request, &aim);
    if (!location)
        return PROXY_LOCAL;
    const unsigned status = proxy_status(conn, request, location);
    if (status == 508)
        return refuse(stream, status, NULL);
    if (status != 0)
        return PROXY_LOCAL;
    const bool grpc = is_grpc(&request->head);
    if (grpc && !conf_backend_is_h2(location->to))
        return refuse(stream, 502, "The backend of this location speaks HTTP/1.1, and gRPC needs HTTP/2.");
    if (too_large(stream, location, length, detail))
        return refuse(stream, 413, detail);
    const struct proxy_start start = {
        .whole = stream->ended,
        .chunked = !stream->ended && !http1_head_value(&request->head, "Content-Length"),
        .expects = !stream->ended && http1_head_has(&request->head, "Expect", "100-continue"),
    };
    if (!stream->ended && http2_stream_is_held_up(stream)) {
        limits_hit(conn->place.limits, LIMIT_h2_bodies, conn->remote, conn->listener_name);
        request->status = 503; /* in the log */
        http2_stream_reset(stream, H2_REFUSED_STREAM);
        return PROXY_REFUSED;
    }
    struct proxied *p = proxied_new(conn, request, location, location->to);
    if (!p)
        return refuse(stream, 503, NULL);
    p->stream = stream;
    p->dialogue = grpc;
    stream->proxied = p;
    stream->room = on_room;
    if (proxy_open(p, &aim, &start) != 0)
        return refuse(stream, 503, NULL);
    proxy_run(p);
    return PROXY_STARTED;
}

static size_t digits(size_t n)
{
    size_t many = 1;
    while ((n >>= 4) > 0)
        many++;
    return many;
}

/* What GnuTLS may have taken of it, where the socket had no room for all of a record: the same bytes are to
 * come again. */
static size_t may_be_sealed(const struct proxied *p)
{
    return p->link && p->link->session ? RECORD_PLAIN : 0;
}

/* Frames of DATA may be of one byte each: of a chunk that waits for the server, the last, they become a part,
 * or what frames them would be the larger part of what is held. */
static void put_content(struct proxied *p, const char *bytes, size_t len)
{
    enum { MOST_CHUNK = 16 * 1024, END = 2 };
    struct buf *up = &p->up;
    const size_t last = p->last_chunk, all = last + len, line = digits(last) + END;
    if (!p->up_chunked || last == 0 || all > MOST_CHUNK || buf_failed(up) ||
        up->len - p->up_at < may_be_sealed(p) + line + last + END) {
        proxy_put_content(p, bytes, len);
        p->last_chunk = len;
        return;
    }
    const size_t more = digits(all) - digits(last), at = up->len - (line + last + END);
    up->len -= END;
    buf_put(up, "000", more);
    if (buf_failed(up))
        return;
    if (more > 0)
        memmove(up->data + at + more, up->data + at, line + last);
    (void)buf_hex_before(up->data + at + digits(all), all, 1);
    buf_put(up, bytes, len);
    buf_puts(up, "\r\n");
    p->last_chunk = all;
}

void proxy_stream_data(struct http2_stream *stream, const char *bytes, size_t len)
{
    struct proxied *p = stream->proxied;
    char detail[CONN_DETAIL];
    if (too_large(stream, p->location, stream->received, detail)) {
        proxy_fail(p, 413, ORIGIN_LEFT, detail);
        return;
    }
    if (p->waits_for_100) { /* it does not */
        p->waits_for_100 = false;
        proxy_expect(p);
    }
    if (!p->up_broken && len > 0)
        put_content(p, bytes, len);
    http2_stream_waits(stream, p->up.len);
    if (http2_stream_is_too_much(stream)) {
        limits_hit(p->conn->place.limits, LIMIT_h2_bodies, p->conn->remote, p->conn->listener_name);
        proxy_fail(p, 503, ORIGIN_LEFT, NULL);
        return;
    }
    p->brought += len;
    if (p->head_sent || p->brought >= BODY_LEAST)
        proxy_client_awaits(p); /* anew */
    proxy_stream_consume(p);
    proxy_again(p); /* once for all the frames of a read */
}

void proxy_stream_ended(struct http2_stream *stream)
{
    struct proxied *p = stream->proxied;
    p->request_done = true;
    p->waits_for_100 = false;
    if (p->up_chunked && !p->up_broken)
        buf_puts(&p->up, "0\r\n\r\n");
    proxy_expect(p);
    proxy_run(p);
}

void proxy_stream_consume(struct proxied *p)
{
    struct http2 *http2 = p->stream->http2;
    http2_stream_waits(p->stream, p->up.len);
    const size_t waits = p->up_broken ? 0 : p->up.len - p->up_at, held = p->stream->engine.held;
    if (!http2->engine || held <= waits)
        return;
    h2_consumed(http2->engine, &p->stream->engine, held - waits);
    http2_wake(http2);
}

/* ---- the answer ---------------------------------------------------------------------------------------- */

static const char *after_line(const char *p, const char *end)
{
    const char *next = memchr(p, '\n', (size_t)(end - p));
    return next ? next + 1 : end;
}

/* One head, in lines, up to the empty one. Where the next begins; NULL: memory is short. `bare`: no body
 * follows a final one. */
static const char *give_head(struct proxied *p, const char *line, const char *end, bool bare)
{
    enum { VERSION = 9 };
    const unsigned status = (unsigned)strtoul(line + VERSION, NULL, 10);
    const char *fields = after_line(line, end), *at = fields;
    while (at < end && *at != '\r')
        at = after_line(at, end);
    const bool bodied = status >= 200 && !bare;
    if (http2_stream_answer(p->stream, status, fields, (size_t)(at - fields), bodied) != 0)
        return NULL;
    return after_line(at, end);
}

bool proxy_stream_write(struct proxied *p, const char *bytes, size_t len)
{
    struct http2_stream *stream = p->stream;
    const bool bare = p->response_done && len == 0 && stream->trailers.len == 0;
    const char *at = p->heads.data, *end = at + p->heads.len;
    while (at && at < end)
        at = give_head(p, at, end, bare);
    const bool good = at == end && !buf_failed(&p->heads) && !buf_failed(&stream->trailers);
    buf_done(&p->heads);
    if (!good || http2_stream_put(stream, bytes, len) != 0)
        return false;
    if (p->response_done)
        http2_stream_last(stream);
    proxy_expect(p); /* while the client takes nothing, nothing is asked of the server */
    return true;
}

bool proxy_stream_continue(struct proxied *p)
{
    return http2_stream_answer(p->stream, 100, "", 0, false) == 0;
}

/* ---- its end ------------------------------------------------------------------------------------------- */

void proxy_stream_late(struct http2_stream *stream)
{
    proxy_body_late(stream->proxied);
}

void proxy_stream_cut(struct proxied *p)
{
    struct http2_stream *stream = p->stream;
    proxy_account(p);
    proxy_over(p);
    http2_stream_reset(stream, H2_INTERNAL_ERROR);
}

void proxy_stream_problem(struct proxied *p, unsigned status, const char *detail)
{
    struct http2_stream *stream = p->stream;
    struct reply reply;
    reply_init(&reply);
    conn_problem_reply(p->conn, p->request, status, detail, &reply);
    http2_stream_reply(stream, &reply);
    reply_done(&reply);
    proxy_account(p);
    proxy_over(p);
}

void proxy_stream_closed(struct http2_stream *stream)
{
    struct proxied *p = stream->proxied;
    if (p->response_done && stream->sent) {
        proxy_done(p);
        return;
    }
    if (!p->head_sent) {
        p->request->status = 0;
        if (p->counted)
            origin_count(proxy_server(p)->origin, ORIGIN_LEFT);
    }
    proxy_account(p);
    proxy_over(p);
}
