#include "server/http2.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "server/http1_wait.h"
#include "server/http2_impl.h"
#include "server/proxy.h"

enum {
    READ_BYTES = 4 * RECORD_PLAIN,
    OUT_BYTES = 128 * 1024, /* that are put together for the socket at once */
    TURN_BYTES = 512 * 1024,
};

/* ---- the end ------------------------------------------------------------------------------------------- */

/* Nothing of it is left but what its transport still does. */
static void forget(struct http2 *http2)
{
    while (http2->streams)
        http2_stream_over(http2->streams);
    h2_free(http2->engine);
    http2->engine = NULL;
    wheel_stop(&http2->parting);
    buf_done(&http2->out);
    http2->out_at = 0;
}

/* The client is gone, or takes nothing: it does not see a goodbye. */
static void cut(struct http2 *http2)
{
    struct transport *transport = &http2->conn->transport;
    if (!http2->engine)
        return;
    forget(http2);
    if (transport->state != TRANSPORT_OVER && transport_cut(transport))
        http1_read_on(http2->conn);
}

static void say_goodbye(struct http2 *http2)
{
    struct transport *transport = &http2->conn->transport;
    forget(http2);
    transport_enter(transport);
    transport_last_word(transport, "", 0);
    (void)transport_leave(transport, false);
    if (http2->late)
        transport_linger(transport, false);
}

/* It asks for no more, after a moment in which what was on its way comes. */
void http2_leave(struct http2 *http2)
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
    conn_watch_room(http2->conn);
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
    if (rc == 0 && got > 0)
        h2_take(http2->engine, bytes, got, conn->worker->now_ms);
    if (rc != 0 || http2->secret)
        explicit_bzero(bytes, got);
    http2->secret = false;
    if (rc != 0)
        return -1;
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
        http2_leave(http2);
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
    if (http2->n_asking > 0)
        http2_request_asked(http2);
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

static void on_told(struct conn *conn)
{
    if (conn->http2)
        run(conn->http2);
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
    http2->parting.fire = on_parting;
    http2->engine = h2_new(&limits, &HTTP2_OPS, http2);
    if (!http2->engine) {
        free(http2);
        return false;
    }
    conn->http2 = http2;
    conn->client.told = on_told;
    conn->bytes_wait = true; /* nobody has read until there was no more */
    h2_take(http2->engine, bytes, len, conn->worker->now_ms);
    http2->secret = false; /* the caller wipes it */
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
        http2_leave(http2);
}
