/* What a connection is doing, how long it may, and who may end it. */
#include <sys/socket.h>

#include "server/conn_impl.h"

/* Its deadline: so many seconds, of the newest configuration, after the phase began. */
static const struct phase {
    size_t seconds; /* where in struct conf; a long long */
    bool idle;      /* a drain or a reload may end it */
    bool told;      /* the client is told when it is ended: an alert, 408, or close_notify */
} PHASES[CONN_PHASES] = {
    /* ended also to make room (handshakes.h); the deadline is set by transport_init */
    [CONN_HANDSHAKE] = {offsetof(struct conf, handshake_timeout), false, true},
    [CONN_FRESH] = {offsetof(struct conf, idle_timeout), true, true},
    [CONN_IDLE] = {offsetof(struct conf, idle_timeout), true, true},
    [CONN_HEAD] = {offsetof(struct conf, header_timeout), false, true},
    [CONN_BODY] = {offsetof(struct conf, body_timeout), false, true},
    /* counted from the request's first byte; and idle_timeout since the client last took some of it */
    [CONN_ANSWER] = {offsetof(struct conf, request_timeout), false, false},
    /* only while the client does not take what there is: how long the backend may need is its own to say */
    [CONN_RELAY] = {offsetof(struct conf, idle_timeout), false, false},
};

static uint64_t milliseconds(const struct conn *conn, enum conn_phase phase)
{
    const char *conf = (const char *)conn->snapshot->conf;
    return (uint64_t) * (const long long *)(const void *)(conf + PHASES[phase].seconds) * 1000;
}

static void enter(struct conn *conn, enum conn_phase phase)
{
    conn->phase = phase;
    transport_deadline(&conn->transport, conn->worker->now_ms + milliseconds(conn, phase));
}

static bool should_end(const struct conn *conn)
{
    return live_draining(conn->worker->live) || conn->orphan;
}

void conn_idle(struct conn *conn)
{
    bool fresh = conn->n_requests == 0;
    conn->idle_ms = conn->worker->now_ms;
    enter(conn, fresh ? CONN_FRESH : CONN_IDLE);
    if (!should_end(conn))
        return;
    if (fresh)
        transport_deadline(&conn->transport, conn->idle_ms + CONN_FRESH_MS);
    else
        transport_expire(&conn->transport);
}

void conn_arriving(struct conn *conn)
{
    const struct http1_gate *gate = &conn->request.gate;
    bool body = !http1_gate_idle(gate) && !http1_gate_in_head(gate);
    enter(conn, body ? CONN_BODY : CONN_HEAD);
}

static uint64_t answered_by(const struct conn *conn)
{
    return conn->request.began_us / 1000 + milliseconds(conn, CONN_ANSWER);
}

void conn_answering(struct conn *conn)
{
    conn->phase = CONN_ANSWER;
    conn_moved(conn);
}

void conn_relaying(struct conn *conn, bool stalled)
{
    enter(conn, CONN_RELAY);
    if (!stalled)
        transport_deadline(&conn->transport, 0);
}

void conn_awaits_body(struct conn *conn)
{
    enter(conn, CONN_BODY);
}

void conn_moved(struct conn *conn)
{
    if (conn->phase != CONN_ANSWER)
        return;
    uint64_t stalled = conn->worker->now_ms + milliseconds(conn, CONN_IDLE), late = answered_by(conn);
    transport_deadline(&conn->transport, stalled < late ? stalled : late);
}

/* The client does not take its answer: what the kernel still holds for it goes too. */
static void cut_off(struct conn *conn)
{
    if (conn->phase == CONN_ANSWER && conn->worker->now_ms >= answered_by(conn))
        limits_hit(conn->place.limits, LIMIT_request_time, conn->remote, conn->listener_name);
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    setsockopt(conn->transport.fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    shutdown(conn->transport.fd, SHUT_RDWR);
}

static void end(struct conn *conn, enum conn_end why)
{
    transport_deadline(&conn->transport, 0);
    conn->ended = why;
    if (PHASES[conn->phase].told || conn->transport.state != TRANSPORT_OPEN)
        transport_expire(&conn->transport);
    else
        cut_off(conn);
}

void conn_late(struct conn *conn)
{
    end(conn, CONN_LATE);
}

void conn_displace(struct conn *conn)
{
    if (conn->phase == CONN_HANDSHAKE)
        end(conn, CONN_DISPLACED);
}

/* The listener asks for a certificate by now, and this session cannot be asked any more: its client comes
 * again, and is. */
static bool is_unasked(const struct conn *conn)
{
    struct live *live = conn->worker->live;
    if (conn->asked || conn->snapshot->generation == live_generation(live))
        return false;
    struct snapshot *newest = live_snapshot(live);
    const struct snapshot_listener *listener = conn_listener(conn, newest);
    bool unasked = listener && listener->conf->client_auth != CLIENT_AUTH_OFF;
    snapshot_unref(newest);
    return unasked;
}

bool conn_is_unwanted(const struct conn *conn)
{
    return should_end(conn) || conn_is_retired(conn) || is_unasked(conn);
}

/* A request has come that is read in this very turn: its client gets an answer, which says that it is the
 * last. */
static bool is_asking(const struct conn *conn)
{
    char byte;
    return inflow_waiting(&conn->transport.in) > 0 ||
           recv(conn->transport.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void conn_reconsider(struct conn *conn)
{
    if (!PHASES[conn->phase].idle)
        return;
    bool gone = conn->phase == CONN_IDLE && (conn_is_retired(conn) || is_unasked(conn));
    /* Who asks again within the next moment, as those do that are in the middle of their work, has an answer,
     * which says that it is the last. */
    bool quiet = live_draining(conn->worker->live) && conn->idle_ms + CONN_FRESH_MS <= conn->worker->now_ms;
    if ((gone || quiet) && !is_asking(conn))
        end(conn, CONN_DISMISSED);
}
