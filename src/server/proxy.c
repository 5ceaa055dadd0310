#include "server/proxy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/forward.h"
#include "http/route.h"
#include "server/http1_wait.h"
#include "server/proxy_impl.h"
#include "server/troubles.h"
#include "upstream/pool.h"

struct relays *relays_of(const struct proxied *p)
{
    return p->conn->worker->relays;
}

static struct proxied *of_user(struct link_user *user)
{
    return (struct proxied *)(void *)((char *)user - offsetof(struct proxied, user));
}

/* --- whose the request is ------------------------------------------------------------------------------- */

static const struct conf_location *location_for(struct conn *conn, const struct conn_request *from,
                                                const char *host, const char *path)
{
    const struct policy *policy = conn->snapshot->policy;
    const struct request request = proxy_question(conn, from, host, path);
    const struct route *route = route_for(policy, conn->listener->conf->routes, host, path);
    return route_upstream(route, policy, &request);
}

/* One that is refused here is also one where a slash that is encoded is not let through, or leads elsewhere
 * for a reader who takes it for one. */
const struct conf_location *proxy_location(struct conn *conn, struct conn_request *from,
                                           struct proxy_aim *aim)
{
    if (!proxy_aim(conn, from, aim))
        return NULL;
    const struct conf_location *location = location_for(conn, from, aim->host, aim->path);
    if (location && aim->split[0] &&
        (!location->encoded_slashes || location_for(conn, from, aim->host, aim->split) != location))
        return NULL;
    return location && conn_rate(conn, from) == 0 ? location : NULL;
}

unsigned proxy_status(struct conn *conn, const struct conn_request *request,
                      const struct conf_location *location)
{
    const unsigned status = forward_status(&request->head, conn->worker->live->run);
    if (status != 508)
        return status;
    char text[300];
    snprintf(text, sizeof text, "listener %s: a request has come round: backend \"%s\" leads back here",
             conn->listener_name, location->to->name);
    troubles_tell(text, conn->worker->now_ms);
    return status;
}

static struct backend *backend_of(const struct snapshot *snapshot, const struct conf_backend *conf)
{
    return snapshot->backend[conf - snapshot->conf->backend];
}

/* --- its life ------------------------------------------------------------------------------------------- */

static void on_link(struct link_user *user, enum link_event event);
static void on_time(struct wheel_timer *timer);
static void on_deadline(struct wheel_timer *timer);

struct proxied *proxied_new(struct conn *conn, struct conn_request *request,
                            const struct conf_location *location, const struct conf_backend *to)
{
    struct relays *relays = conn->worker->relays;
    struct proxied *p = malloc(sizeof *p); /* a thread's own free memory, which calloc does not know */
    if (!p)
        return NULL;
    *p = (struct proxied){0};
    p->user.event = on_link;
    p->timer.fire = on_time;
    p->judgement.fire = proxy_judge_again;
    p->deadline.fire = on_deadline;
    p->waiter.ready = proxy_room;
    p->conn = conn;
    p->request = request;
    p->snapshot = snapshot_ref(conn->snapshot);
    p->location = location;
    p->backend = backend_of(conn->snapshot, to);
    p->pool = pool_enter(&relays->upstreams, p->backend, conn->snapshot->generation);
    buf_init(&p->up, RELAY_MOST_UP);
    buf_init(&p->head, RESPONSE_MOST_HEAD + 1);
    buf_init(&p->down, 4 * RELAY_BYTES);
    if (!p->pool) {
        snapshot_unref(p->snapshot);
        free(p);
        return NULL;
    }
    return p;
}

static void leave_again(struct proxied *p)
{
    struct relays *relays = relays_of(p);
    struct proxied *before = NULL;
    if (!p->again)
        return;
    while ((before ? before->next_again : relays->again) != p)
        before = before ? before->next_again : relays->again;
    *(before ? &before->next_again : &relays->again) = p->next_again;
    if (relays->last == p)
        relays->last = before;
    p->again = false;
}

void proxy_over(struct proxied *p)
{
    struct conn *conn = p->conn;
    struct relays *relays = relays_of(p);
    p->up.len = p->up_at = 0;
    if (p->stream)
        proxy_stream_consume(p);
    pool_unwait(p->pool, &p->waiter);
    proxy_leave_server(p);
    leave_again(p);
    wheel_stop(&p->timer);
    wheel_stop(&p->judgement);
    wheel_stop(&p->deadline);
    pool_leave(p->pool);
    snapshot_unref(p->snapshot);
    buf_done(&p->up);
    buf_done(&p->head);
    buf_done(&p->down);
    buf_done(&p->heads);
    if (p->stream) {
        p->stream->proxied = NULL;
        p->stream->room = NULL;
        http2_stream_released(p->stream);
    } else {
        conn->proxied = NULL;
    }
    p->stream = NULL;
    p->conn = NULL;
    p->next_again = relays->dead; /* an event of it may be on its way */
    relays->dead = p;
}

void proxy_again(struct proxied *p)
{
    struct relays *relays = relays_of(p);
    if (p->again)
        return;
    p->again = true;
    p->next_again = NULL;
    *(relays->again ? &relays->last->next_again : &relays->again) = p;
    relays->last = p;
}

/* --- the link ------------------------------------------------------------------------------------------- */

static void link_is_up(struct proxied *p)
{
    struct origin *server = proxy_server(p)->origin;
    p->connect_us = p->link->up_us - p->link->born_us;
    if (p->fresh) { /* else it shares one that another has waited for, too */
        atomic_fetch_add_explicit(&server->connections, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&server->connect_us, p->connect_us, memory_order_relaxed);
    }
    if (p->tcp) {
        p->head_sent = true;
        p->request->status = 200;
        origin_count(server, ORIGIN_CONNECTED);
        balance_answered(&p->pool->balancer.server[p->server], p->conn->worker->now_ms);
    }
    proxy_expect(p);
    proxy_run(p);
}

static void on_link(struct link_user *user, enum link_event event)
{
    struct proxied *p = of_user(user);
    switch (event) {
    case LINK_UP:
        link_is_up(p);
        break;
    case LINK_READY:
        proxy_run(p);
        break;
    case LINK_FAILED:
        p->timed_out = p->link->timed_out;
        p->untrusted = p->link->untrusted;
        proxy_strike(p, ORIGIN_UNREACHABLE, p->link->why);
        proxy_again(p); /* behind all events: one may be of an idle link that says what nobody asked for */
        break;
    case LINK_AGAIN:
        proxy_leave_server(p);
        proxy_again(p);
        break;
    }
}

/* --- time ----------------------------------------------------------------------------------------------- */

void proxy_expect(struct proxied *p)
{
    struct worker *worker = p->conn->worker;
    uint64_t after = 0;
    if (p->waiter.waits)
        return; /* queue_timeout runs */
    bool up = p->link && p->link->up;
    if (p->tunnel) /* until it is up connect_timeout runs, and nothing of a wait before */
        after = up ? (uint64_t)p->backend->conf->tunnel_timeout * 1000 : 0;
    else if (up && p->waits_for_100 && p->up_at == p->up.len)
        after = CONTINUE_MS;
    else if (up && !p->response_done && proxy_waiting(p) == 0 &&
             (p->request_done || p->head_sent || p->dialogue || p->up_at < p->up.len))
        after = (uint64_t)p->backend->conf->response_timeout * 1000;
    wheel_set(&worker->wheel, &p->timer, after ? worker->now_ms + after : 0);
}

/* The server waits for more of the request. */
static bool awaits_client(const struct proxied *p)
{
    return !p->request_done && p->up_at == p->up.len && !proxy_is_dialogue(p);
}

static void on_time(struct wheel_timer *timer)
{
    static const char CONTINUE[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct proxied *p = (struct proxied *)(void *)((char *)timer - offsetof(struct proxied, timer));
    if (p->waiter.waits) {
        proxy_fail(p, 503, ORIGIN_UNREACHABLE, NULL);
    } else if (!p->link) {
        proxy_again(p); /* its turn came with the end of its wait: no server has kept it waiting */
    } else if (p->tunnel) {
        proxy_ended(p, TCP_END_IDLE);
        proxy_cut(p);
    } else if (p->waits_for_100) {
        p->waits_for_100 = false;
        proxy_expect(p);
        if (p->stream ? !proxy_stream_continue(p) : !proxy_write(p, CONTINUE, sizeof CONTINUE - 1))
            proxy_fail(p, 0, ORIGIN_LEFT, NULL);
        else
            proxy_run(p);
    } else if (awaits_client(p)) {
        proxy_body_late(p);
    } else {
        proxy_fail(p, 504, ORIGIN_SILENT, "it said nothing for response_timeout");
    }
}

/* request_timeout of the location: whoever it is that takes so long. */
static void on_deadline(struct wheel_timer *timer)
{
    struct proxied *p = (struct proxied *)(void *)((char *)timer - offsetof(struct proxied, deadline));
    if (p->tunnel)
        return;
    if (p->head_sent) {
        p->cut_for = "request_timeout";
        limits_hit(p->conn->place.limits, LIMIT_request_time, p->conn->remote, p->conn->listener_name);
        proxy_fail(p, 0, ORIGIN_LEFT, NULL);
    } else if (p->waiter.waits || (p->waited && !p->link)) { /* its turn comes in this very moment */
        proxy_fail(p, 503, ORIGIN_UNREACHABLE, NULL);
    } else if (p->link ? awaits_client(p) : !p->request_done) {
        proxy_body_late(p);
    } else { /* where the link has just failed, the server has been blamed for that */
        proxy_fail(p, 504, p->link ? ORIGIN_SILENT : ORIGIN_UNREACHABLE,
                   "it has not answered within request_timeout");
    }
}

/* --- the run -------------------------------------------------------------------------------------------- */

/* RFC-wise a request may go up with its head alone; a slow client would then hold a connection that others
 * could use. */
static bool is_worth_a_link(const struct proxied *p)
{
    return p->request_done || p->waits_for_100 || p->up.len > p->head_len || proxy_is_h2(p);
}

void proxy_run(struct proxied *p)
{
    /* Each direction has its own: who sends without end does not keep the other from being heard. */
    size_t up = RELAY_TURN / 2, down = RELAY_TURN / 2;
    if (!proxy_up(p, &up))
        return;
    if (!p->link && !p->waiter.waits && is_worth_a_link(p)) {
        if (!proxy_find_link(p) || !p->link)
            return;
        proxy_expect(p);
        if (p->link->up && !proxy_up(p, &up))
            return;
    }
    if (!proxy_down(p, &down))
        return;
    if (up == 0 || down == 0)
        proxy_again(p);
}

void proxy_turn(struct worker *worker)
{
    struct relays *relays = worker->relays;
    struct proxied *last = relays->last, *p = NULL;
    while (relays->again && p != last) {
        p = relays->again;
        leave_again(p);
        proxy_run(p);
    }
    while (relays->dead) {
        p = relays->dead;
        relays->dead = p->next_again;
        free(p);
    }
    if (relays->checks)
        health_checks_follow(relays->checks);
    upstream_turn(&relays->upstreams.links);
}

bool proxy_waits_for_turn(const struct worker *worker)
{
    return worker->relays->again != NULL || mux_waits(&worker->relays->upstreams.links);
}

/* --- the client's side ---------------------------------------------------------------------------------- */

/* A login by these binds the connection to it: nobody else may have it. */
static bool binds(const struct http1_head *head)
{
    const char *value = http1_head_value(head, "Authorization");
    return value && (strncasecmp(value, "NTLM", 4) == 0 || strncasecmp(value, "Negotiate", 9) == 0);
}

int proxy_open(struct proxied *p, const struct proxy_aim *aim, const struct proxy_start *start)
{
    struct conn *conn = p->conn;
    const struct http1_head *head = &p->request->head;
    p->request_done = start->whole;
    p->bodied = !start->whole;
    p->up_chunked = start->chunked;
    p->waits_for_100 = start->expects;
    p->bound = binds(head) || p->backend->conf->send_proxy != SEND_PROXY_OFF;
    p->wants_fresh = p->backend->conf->send_proxy != SEND_PROXY_OFF;
    retry_earn(&relays_of(p)->upstreams.retries);
    if (proxy_request_head(p, aim, &p->up) != 0) {
        proxy_over(p);
        return ERR_NOMEM;
    }
    response_init(&p->response, strcmp(head->method, "HEAD") == 0, p->upgrades);
    if (p->forged > 0)
        metrics_add(METRIC_forged, 0, 0, p->forged);
    p->head_len = p->up.len;
    p->request->under_way = true;
    p->request->status = 0;
    p->request->reply_bytes = 0;
    p->request->route = NULL;
    proxy_client_relays(p, false);
    proxy_watch_client(p);
    if (p->location->request_timeout > 0)
        wheel_set(&conn->worker->wheel, &p->deadline,
                  conn->worker->now_ms + (uint64_t)p->location->request_timeout * 1000);
    return 0;
}

static void on_told(struct conn *conn)
{
    if (conn->proxied)
        proxy_run(conn->proxied);
}

enum proxy_claim proxy_claim(struct conn *conn, bool whole, struct conn_word *word)
{
    struct proxy_aim aim;
    const struct conf_location *location = proxy_location(conn, &conn->request, &aim);
    if (!location)
        return PROXY_LOCAL;
    struct http1_gate *gate = &conn->request.gate;
    const unsigned status = proxy_status(conn, &conn->request, location);
    if (status == 508) {
        conn_refuse(conn, status, NULL, &word->answer);
        return PROXY_REFUSED;
    }
    if (status != 0)
        return PROXY_LOCAL;
    if (conn_limit_body(conn, (uint64_t)location->max_body, word) != 0)
        return PROXY_REFUSED;
    const struct proxy_start start = {.whole = whole,
                                      .chunked = !whole && http1_gate_content(gate) == 0,
                                      .expects = http1_gate_expects(gate)};
    conn_request_counts(conn, &conn->request);
    struct proxied *p = proxied_new(conn, &conn->request, location, location->to);
    conn->proxied = p;
    if (!p || proxy_open(p, &aim, &start) != 0) {
        conn->n_requests--; /* the refusal counts it */
        conn_refuse(conn, 503, NULL, &word->answer);
        return PROXY_REFUSED;
    }
    conn->transport.long_body = false;
    conn->client.told = on_told;
    return PROXY_STARTED;
}

void proxy_begin(struct conn *conn, const char *bytes, size_t len)
{
    struct proxied *p = conn->proxied;
    /* On the first the read that tells costs as much as the watch that spares those to come. */
    if (conn->n_requests > 1)
        conn_watch_end(conn);
    conn->bytes_wait = !conn_has_read_all(conn);
    ssize_t used = proxy_take(p, bytes, len);
    if (used < 0)
        return;
    if (http1_hold(conn, bytes + used, len - (size_t)used) != 0) {
        proxy_fail(p, 0, ORIGIN_LEFT, NULL);
        return;
    }
    if (conn->http1.waiting) /* and nobody reads on */
        conn_watch_end(conn);
    proxy_run(p);
}

ssize_t proxy_client_ready(struct conn *conn)
{
    struct proxied *p = conn->proxied;
    p->conn->bytes_wait = true;
    proxy_run(p);
    return GNUTLS_E_AGAIN;
}

void proxy_left(struct conn *conn)
{
    struct proxied *p = conn->proxied;
    conn_unwatch(conn);
    if (!p)
        return;
    if (!p->head_sent) {
        conn->request.status = 0;
        if (p->counted)
            origin_count(proxy_server(p)->origin, ORIGIN_LEFT);
    }
    proxy_ended(p, TCP_END_STOPPED);
    p->abrupt = p->tunnel;
    proxy_account(p);
    proxy_over(p);
}

int proxy_start(struct worker *worker)
{
    worker->relays = calloc(1, sizeof *worker->relays);
    if (!worker->relays)
        return ERR_NOMEM;
    upstreams_init(&worker->relays->upstreams, worker->epoll, &worker->wheel);
    buf_init(&worker->relays->out, 8 * RELAY_BYTES);
    if (worker->number > 0)
        return 0;
    worker->relays->checks = health_checks_new(&worker->relays->upstreams.links, worker->live);
    return worker->relays->checks ? 0 : ERR_NOMEM;
}

void proxy_stop(struct worker *worker)
{
    if (!worker->relays)
        return;
    health_checks_free(worker->relays->checks);
    worker->relays->checks = NULL;
    proxy_turn(worker);
    upstreams_done(&worker->relays->upstreams);
    buf_done(&worker->relays->out);
    free(worker->relays);
    worker->relays = NULL;
}
