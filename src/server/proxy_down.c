/* From the backend to the client: the response's head and its body, framed anew; then, in a tunnel, bytes. */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/forward.h"
#include "server/http1_wait.h"
#include "server/proxy_impl.h"

/* --- towards the client --------------------------------------------------------------------------------- */

bool proxy_write(struct proxied *p, const char *bytes, size_t len)
{
    if (p->stream)
        return proxy_stream_write(p, bytes, len);
    ssize_t sent = 0;
    if (p->down.len == 0) {
        sent = transport_write_turn(&p->conn->transport, bytes, len);
        if (sent < 0)
            return false;
        if ((size_t)sent == len)
            return true;
        conn_watch_room(p->conn);
        conn_relaying(p->conn, !p->tcp); /* how long that may last is tunnel_timeout's to say */
    }
    buf_put(&p->down, bytes + sent, len - (size_t)sent);
    proxy_expect(p); /* while the client takes nothing, nothing is asked of the server */
    return !buf_failed(&p->down);
}

/* 1: nothing waits, or little; 0: the socket has no room; -1: the connection is over. */
static int flush(struct proxied *p)
{
    if (p->stream) /* which asks for more when it has less */
        return http2_stream_room(p->stream) > 0;
    while (p->down_at < p->down.len) {
        ssize_t n =
            transport_write_turn(&p->conn->transport, p->down.data + p->down_at, p->down.len - p->down_at);
        if (n < 0)
            return -1;
        if (n == 0)
            return 0;
        p->down_at += (size_t)n;
        conn_relaying(p->conn, !p->tcp);
        if (p->tunnel)
            proxy_expect(p);
    }
    if (p->down.len > 0) {
        buf_done(&p->down);
        buf_init(&p->down, 4 * RELAY_BYTES);
        p->down_at = 0;
        conn_relaying(p->conn, false);
        proxy_expect(p);
    }
    return 1;
}

/* --- what the backend says ------------------------------------------------------------------------------ */

struct response_head {
    const char *bytes;
    size_t len;
};

static bool is_old(const struct proxied *p)
{
    return http1_head_is_old(&p->request->head);
}

/* What the client has sent behind its request was for the protocol that begins now. */
static void begin_tunnel(struct proxied *p)
{
    struct conn_http1 *http1 = &p->conn->http1;
    if (http1->waiting)
        buf_put(&p->up, http1->waiting + http1->waiting_at, http1->waiting_len - http1->waiting_at);
    if (http1_hold(p->conn, NULL, 0) != 0)
        p->up.failed = true;
    conn_watch_end(p->conn);
    p->conn->bytes_wait = true;
    proxy_again(p);
}

/* False: `p` is gone. */
static bool put_head(struct proxied *p, const struct response_head *head, struct buf *out)
{
    if (buf_failed(&p->head) ||
        proxy_response_head(p, head->bytes, head->len, p->stream ? &p->heads : out) != 0) {
        proxy_fail(p, 502, ORIGIN_BROKEN, "the head of its response is more than can be held");
        return false;
    }
    buf_done(&p->head);
    return true;
}

/* A final head came: decides how its body is framed for the client, and whether the connection stays. */
static bool begin_response(struct proxied *p, const struct response_head *head, struct buf *out)
{
    struct conn *conn = p->conn;
    const struct response *response = &p->response;
    if (response->framing == RESPONSE_TUNNEL &&
        !forward_switches(p->location, &p->request->head, head->bytes, head->len)) {
        proxy_fail(p, 502, ORIGIN_BROKEN, "it changes to a protocol that was not asked for");
        return false;
    }
    bool endless = response->framing == RESPONSE_CHUNKED || response->framing == RESPONSE_CLOSE;
    p->tunnel = response->framing == RESPONSE_TUNNEL;
    p->down_chunked = endless && !is_old(p) && !p->stream;
    if (!p->tunnel && !p->stream && (!p->request_done || (endless && is_old(p)) || conn_is_last(conn)))
        p->close = true;
    p->request->status = response->status;
    if (!put_head(p, head, out))
        return false;
    p->head_sent = true;
    p->waits_for_100 = false;
    if (p->tunnel)
        begin_tunnel(p);
    struct origin *server = proxy_server(p)->origin;
    origin_count(server, (enum origin_result)(response->status / 100 - 1));
    atomic_fetch_add_explicit(&server->first_byte_us, p->first_byte_us, memory_order_relaxed);
    balance_answered(&p->pool->balancer.server[p->server], conn->worker->now_ms);
    return true;
}

static bool interim(struct proxied *p, const struct response_head *head, struct buf *out)
{
    if (p->response.status == 100)
        p->waits_for_100 = false;
    /* RFC 9110 section 15.2: not to clients that know of none. */
    if (!is_old(p) && !put_head(p, head, out))
        return false;
    buf_done(&p->head);
    buf_init(&p->head, RESPONSE_MOST_HEAD + 1);
    return true;
}

static void put_content(struct proxied *p, const char *bytes, size_t len, struct buf *out)
{
    if (len == 0)
        return;
    p->request->reply_bytes += len;
    if (p->down_chunked)
        proxy_put_size(out, len);
    buf_put(out, bytes, len);
    if (p->down_chunked)
        buf_puts(out, "\r\n");
}

static void end_content(struct proxied *p, struct buf *out)
{
    p->response_done = true;
    if (p->stream && p->head.len > 0)
        proxy_trailers(p, p->head.data, p->head.len, &p->stream->trailers);
    if (!p->down_chunked)
        return;
    buf_puts(out, "0\r\n");
    if (p->head.len > 0)
        proxy_trailers(p, p->head.data, p->head.len, out);
    buf_puts(out, "\r\n");
}

/* Bytes of the response. False: `p` is gone. */
static bool take(struct proxied *p, const char *bytes, size_t len, struct buf *out)
{
    const bool was_sent = p->head_sent;
    size_t at = 0;
    while (at < len && !p->response_done && !p->tunnel) {
        bool had = response_has_head(&p->response);
        struct response_piece piece = response_feed(&p->response, bytes + at, len - at);
        if (p->response.why) {
            p->head_sent = was_sent; /* what is in `out` has not gone */
            proxy_fail(p, 502, ORIGIN_BROKEN, p->response.why);
            return false;
        }
        /* One that came whole, as nearly all do, is read where it lies; p->head has one that did not. */
        struct response_head head = {bytes + at, piece.used};
        const bool whole = piece.events & (RESPONSE_INTERIM | RESPONSE_HEAD);
        if (!had && (!whole || p->head.len > 0)) {
            buf_put(&p->head, head.bytes, head.len);
            head = (struct response_head){p->head.data, p->head.len};
        }
        at += piece.used;
        if ((piece.events & RESPONSE_INTERIM) && !interim(p, &head, out))
            return false;
        if ((piece.events & RESPONSE_HEAD) && !begin_response(p, &head, out))
            return false;
        put_content(p, piece.body, piece.body_len, out);
        buf_put(&p->head, piece.trailer, piece.trailer_len);
        if (piece.events & RESPONSE_END)
            end_content(p, out);
    }
    if (p->tunnel) {
        p->request->reply_bytes += len - at;
        buf_put(out, bytes + at, len - at);
    } else if (at < len) {
        p->link->ended = true; /* bytes behind the response: nobody else gets this connection */
    }
    return true;
}

/* The server closed, or the connection broke. False: `p` is gone. */
static bool server_gone(struct proxied *p, ssize_t n, struct buf *out)
{
    if (p->tunnel && n == 0) {
        p->server_ended = true;
        if (!p->client_ended)
            p->first_end = TCP_END_SERVER;
        return true;
    }
    const char *said = n == -EPROTO && p->link->why[0] ? p->link->why : NULL;
    proxy_ended(p, said ? TCP_END_REFUSED : TCP_END_SERVER_CUT);
    if (p->tunnel) { /* it is no answer any more that is cut short; but its TLS may have said why */
        if (p->tcp && said && p->first_byte_us == 0) /* it was reached, and let nobody in */
            p->conn->request.status = 502;
        proxy_fail(p, 0, said ? ORIGIN_BROKEN : ORIGIN_LEFT, said);
        return false;
    }
    if (n == 0 && response_has_head(&p->response) && response_eof(&p->response)) {
        end_content(p, out);
        return true;
    }
    const char *why = n == 0 ? "it closed the connection" : said ? said : strerror((int)-n);
    char text[LINK_WHY + 40];
    if (response_is_fresh(&p->response) && (p->link->refused || !p->link->answered)) {
        snprintf(text, sizeof text, "%s without an answer", why);
        (void)proxy_retry(p, ORIGIN_BROKEN, text);
    } else {
        snprintf(text, sizeof text, "%s in the middle of its answer", why);
        proxy_fail(p, 502, ORIGIN_BROKEN, text);
    }
    return false;
}

/* A tunnel: neither side has more to say, or nobody hears it. */
static bool is_tunnel_over(const struct proxied *p)
{
    return p->server_ended && p->client_told && (p->server_told || p->up_broken);
}

/* Everything went to the client, and no more comes. */
static bool finish(struct proxied *p)
{
    if (p->response_done && p->stream && !p->stream->sent)
        return true;
    if (p->response_done) {
        proxy_done(p);
        return false;
    }
    if (p->tunnel && p->server_ended && !p->client_told) {
        p->client_told = transport_end(&p->conn->transport);
        if (!p->client_told)
            conn_watch_room(p->conn);
    }
    if (!p->tunnel || !is_tunnel_over(p))
        return true;
    if (!p->server_told)
        proxy_ended(p, TCP_END_SERVER_CUT);
    proxy_done(p);
    return false;
}

static bool may_read(const struct proxied *p)
{
    return p->link && p->link->up && !p->response_done && !p->server_ended &&
           (p->link->session || p->link->readable);
}

bool proxy_down(struct proxied *p, size_t *budget)
{
    struct relays *relays = relays_of(p);
    for (;;) {
        int rc = flush(p);
        if (rc < 0) {
            proxy_ended(p, TCP_END_CLIENT_CUT);
            proxy_fail(p, 0, ORIGIN_LEFT, NULL);
            return false;
        }
        if (rc == 0)
            return true;
        if (!finish(p))
            return false;
        /* It has ended its side, and still reads: or does it not any more? All that it said goes out. */
        if (p->tunnel && p->server_ended && !p->up_broken && link_is_reset(p->link)) {
            p->up_broken = true;
            continue;
        }
        if (*budget == 0 || !may_read(p))
            return true;
        const size_t room = p->stream ? http2_stream_room(p->stream) : sizeof relays->bytes;
        ssize_t n = link_read(p->link, relays->bytes, room);
        if (n == -EAGAIN)
            return true;
        struct buf *out = &relays->out;
        out->len = 0;
        out->failed = false;
        if (n > 0) {
            if (p->first_byte_us == 0)
                p->first_byte_us = clock_mono_us() - p->request->began_us;
            *budget -= (size_t)n < *budget ? (size_t)n : *budget;
            proxy_expect(p);
            if (p->tunnel) {
                p->request->reply_bytes += (size_t)n;
                if (proxy_write(p, relays->bytes, (size_t)n))
                    continue;
                proxy_ended(p, TCP_END_CLIENT_CUT);
                proxy_fail(p, 0, ORIGIN_LEFT, NULL);
                return false;
            }
            if (!take(p, relays->bytes, (size_t)n, out))
                return false;
        } else if (!server_gone(p, n, out)) {
            return false;
        }
        if (buf_failed(out) || buf_failed(&p->head) ||
            ((out->len > 0 || p->stream) && !proxy_write(p, out->data, out->len))) {
            proxy_fail(p, 0, ORIGIN_LEFT, NULL);
            return false;
        }
    }
}
