/* From the client to the backend: the request's head and its body, framed anew; then, in a tunnel, bytes. */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "server/http1_wait.h"
#include "server/proxy_impl.h"

/* --- what the client sends ------------------------------------------------------------------------------ */

ssize_t proxy_take(struct proxied *p, const char *bytes, size_t len)
{
    struct conn_request *request = p->request;
    size_t used = 0;
    while (used < len && !p->request_done) {
        uint64_t content = http1_gate_content(&request->gate);
        unsigned events = 0;
        /* What frames is walked byte by byte, up to the next content. */
        size_t n = content == 0 ? 1 : content < len - used ? (size_t)content : len - used;
        size_t good = http1_gate_feed(&request->gate, &request->limits, bytes + used, n, &events);
        if (request->gate.status != 0) {
            char detail[CONN_DETAIL];
            unsigned status = conn_gate_refused(p->conn, p->request, detail);
            proxy_fail(p, status, ORIGIN_LEFT, detail);
            return -1;
        }
        if (content > 0)
            proxy_put_content(p, bytes + used, good);
        used += good;
        p->request_done = events & HTTP1_REQUEST_DONE;
        if (p->request_done && p->up_chunked)
            buf_puts(&p->up, "0\r\n\r\n");
    }
    if (used > 0 && p->waits_for_100) { /* it does not */
        p->waits_for_100 = false;
        proxy_expect(p);
    }
    return (ssize_t)used;
}

void proxy_body_late(struct proxied *p)
{
    limits_hit(p->conn->place.limits, LIMIT_body_time, p->conn->remote, p->conn->listener_name);
    proxy_fail(p, 408, ORIGIN_LEFT, NULL);
}

/* The client's connection ended, or its wait did. Always false. */
static bool client_gone(struct proxied *p, ssize_t n)
{
    proxy_ended(p, TCP_END_CLIENT_CUT);
    if (n == GNUTLS_E_TIMEDOUT && !p->request_done && !p->head_sent)
        proxy_body_late(p);
    else
        proxy_fail(p, 0, ORIGIN_LEFT, NULL);
    return false;
}

/* What comes behind the request waits for its turn. */
static bool hold(struct proxied *p, const char *bytes, size_t len)
{
    if (len == 0)
        return true;
    conn_watch_end(p->conn); /* nobody reads on */
    if (http1_hold(p->conn, bytes, len) == 0)
        return true;
    proxy_fail(p, 0, ORIGIN_LEFT, NULL);
    return false;
}

/* The server may have said why before it closed: that is read first. */
static void break_up(struct proxied *p)
{
    p->up_broken = true;
    p->link->readable = true;
}

/* Of a tunnel: what the server takes goes from where it was read, the rest is kept until it does. */
static void pass_on(struct proxied *p, const char *bytes, size_t len)
{
    size_t sent = 0;
    p->request->received_bytes += len;
    while (p->link && p->link->up && !p->up_broken && p->up.len == 0 && sent < len) {
        ssize_t n = link_write(p->link, bytes + sent, len - sent);
        if (n == -EAGAIN)
            break;
        if (n < 0)
            break_up(p);
        else
            sent += (size_t)n;
    }
    if (p->up_broken)
        return;
    if (sent < len)
        buf_put(&p->up, bytes + sent, len - sent);
    proxy_expect(p);
}

static bool take_plaintext(struct proxied *p, const char *bytes, size_t len)
{
    if (p->tunnel) {
        pass_on(p, bytes, len);
        return true;
    }
    p->brought += len;
    ssize_t used = proxy_take(p, bytes, len);
    return used >= 0 && hold(p, bytes + used, len - (size_t)used);
}

static bool wants_plaintext(const struct proxied *p)
{
    if (p->stream || !p->conn->bytes_wait || p->client_ended)
        return false;
    if (p->up_broken) /* what a client says that has yet to take the server's last words is dropped */
        return p->tunnel && p->server_ended;
    if (p->tunnel || !p->request_done)
        return p->up.len - p->up_at < RELAY_BYTES;
    /* Only so that its end is seen: of what comes behind the request a piece is held. */
    return !p->conn->http1.waiting;
}

/* The client has ended its side, behind bytes that wait for their turn: it would be read only then. */
static bool is_deserted(const struct proxied *p)
{
    return p->conn->client.ended && p->request_done && !p->tunnel && p->conn->http1.waiting;
}

/* 1: some came; 0: none now; -1: `p` is gone. */
static int read_client(struct proxied *p)
{
    struct transport *transport = &p->conn->transport;
    char *bytes = relays_of(p)->bytes;
    size_t got = 0;
    transport_enter(transport);
    ssize_t n = transport_read(transport, bytes, RELAY_BYTES);
    /* Of a tunnel all records that are there, as far as there is room for a whole one. */
    while (p->tunnel && n > 0 && (got += (size_t)n) + RECORD_PLAIN <= RELAY_BYTES &&
           !conn_has_read_all(p->conn))
        n = transport_read(transport, bytes + got, RELAY_BYTES - got);
    int rc = transport_leave(transport, false);
    if (n > 0 && conn_has_read_all(p->conn))
        p->conn->bytes_wait = false;
    if (got > 0 && rc == 0) {
        pass_on(p, bytes, got);
        if (n > 0)
            return 1;
    }
    if (n == GNUTLS_E_AGAIN && rc == 0) {
        p->conn->bytes_wait = false;
        return 0;
    }
    if (n == GNUTLS_E_INTERRUPTED && rc == 0) {
        proxy_again(p);
        return 0;
    }
    if (n == 0 && p->tunnel && transport->state == TRANSPORT_OPEN) {
        p->client_ended = true;
        if (!p->server_ended)
            p->first_end = TCP_END_CLIENT;
        return 1;
    }
    if (n <= 0 || rc != 0) {
        (void)client_gone(p, n);
        return -1;
    }
    return take_plaintext(p, bytes, (size_t)n) ? 1 : -1;
}

/* --- what the backend gets ------------------------------------------------------------------------------ */

/* A server of HTTP/2 says so where it has not looked at a request: as long as that is not long it is held
 * until the answer begins. */
static bool may_be_asked_again(const struct proxied *p)
{
    return proxy_is_h2(p) && !p->tunnel && !p->head_sent && !p->dropped && p->up.len <= RELAY_BYTES;
}

/* Parts of the request that have gone are not kept, but for a head alone: that may have to be sent again. A
 * server that is always a little behind must not make the rest longer and longer, nor one far behind have it
 * moved again and again. */
static void drop_sent(struct proxied *p)
{
    size_t rest = p->up.len - p->up_at;
    if (may_be_asked_again(p))
        return;
    if ((!p->bodied && !p->tunnel) || p->up_at == 0 ||
        (rest > 0 && (p->up_at < RELAY_BYTES / 2 || p->up_at < rest)))
        return;
    p->dropped = true;
    if (rest == 0 && p->tunnel) { /* one that waits holds nothing */
        buf_done(&p->up);
        buf_init(&p->up, RELAY_MOST_UP);
    } else {
        memmove(p->up.data, p->up.data + p->up_at, rest);
        p->up.len = rest;
    }
    p->up_at = 0;
}

/* All has gone, and no more has come: what it took is not held while nothing flows. */
static void rest(struct proxied *p)
{
    enum { LEAST = 4096 };
    if (may_be_asked_again(p))
        return;
    if ((!p->bodied && !p->tunnel) || p->up_at < p->up.len || p->up.room <= LEAST || buf_failed(&p->up))
        return;
    p->dropped = true;
    buf_done(&p->up);
    buf_init(&p->up, RELAY_MOST_UP);
    p->up_at = 0;
}

/* 1: all has gone; 0: the socket has no room; -1: the server takes no more. */
static int write_server(struct proxied *p, size_t *budget)
{
    while (p->up_at < p->up.len) {
        ssize_t n = link_write(p->link, p->up.data + p->up_at, p->up.len - p->up_at);
        if (n == -EAGAIN)
            return 0;
        if (n < 0)
            return -1;
        p->up_at += (size_t)n;
        *budget -= (size_t)n < *budget ? (size_t)n : *budget;
        proxy_expect(p);
    }
    return 1;
}

bool proxy_is_dialogue(const struct proxied *p)
{
    return p->dialogue || (p->head_sent && p->stream && proxy_is_h2(p));
}

/* The client has body_timeout while more of its body is waited for: not when all of it is here, nor while the
 * server is the one who takes none.
 */
static void await_client(struct proxied *p)
{
    const enum conn_phase phase = p->conn->phase;
    const bool awaits = p->stream ? p->stream->phase == HTTP2_BODY : phase == CONN_BODY;
    bool waits = !p->tunnel && !p->request_done && !p->up_broken && p->up.len - p->up_at < RELAY_BYTES &&
                 !proxy_is_dialogue(p);
    if (waits && !awaits)
        proxy_client_awaits(p);
    else if (!waits && awaits)
        proxy_client_relays(p, proxy_waiting(p) > 0);
}

bool proxy_up(struct proxied *p, size_t *budget)
{
    for (;;) {
        if (buf_failed(&p->up)) {
            proxy_fail(p, 503, ORIGIN_LEFT, NULL);
            return false;
        }
        if (p->link && p->link->up && !p->up_broken) {
            int rc = write_server(p, budget);
            if (rc < 0)
                break_up(p);
            drop_sent(p);
            if (p->stream)
                proxy_stream_consume(p);
            if (rc > 0 && p->client_ended && !p->server_told)
                p->server_told = link_end(p->link);
        }
        if (is_deserted(p)) {
            (void)client_gone(p, 0);
            return false;
        }
        if (*budget == 0 || !wants_plaintext(p))
            break;
        const uint64_t before = p->request->received_bytes;
        int rc = read_client(p);
        if (rc < 0)
            return false;
        if (p->tunnel) {
            const uint64_t n = p->request->received_bytes - before;
            *budget -= n < *budget ? (size_t)n : *budget;
        }
        if (rc == 0)
            break;
        if (!p->request_done && !p->tunnel && (p->head_sent || p->brought >= BODY_LEAST))
            proxy_client_awaits(p); /* anew */
    }
    if (*budget > 0)
        rest(p);
    await_client(p);
    return true;
}
