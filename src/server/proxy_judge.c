/* Whether the client of an exchange under way is still let in: at a reload, and when its certificate or a CRL
 * is over. What a backend sends has no end that is known here, so none of it waits for the next request. */
#include "base/clock.h"
#include "base/log.h"
#include "http/route.h"
#include "server/proxy_impl.h"

/* The clock may be set meanwhile: it is asked again once a minute. */
void proxy_watch_client(struct proxied *p)
{
    enum { MOST_S = 60 };
    struct worker *worker = p->conn->worker;
    const struct peer *peer = p->conn->peer;
    if (!peer)
        return;
    const time_t now = clock_now();
    time_t left = peer->judge_again - now;
    left = left < 1 ? 1 : left < MOST_S ? left : MOST_S;
    wheel_set(&worker->wheel, &p->judgement, worker->now_ms + (uint64_t)left * 1000);
}

void proxy_judge_again(struct wheel_timer *timer)
{
    struct proxied *p = (struct proxied *)(void *)((char *)timer - offsetof(struct proxied, judgement));
    proxy_reconsider(p);
}

bool proxy_aim(struct conn *conn, const struct conn_request *request, struct proxy_aim *out)
{
    const struct http1_head *head = &request->head;
    if (conn_refresh(conn) != 0 || conn->stray)
        return false;
    out->split[0] = '\0';
    if (path_normalise(head->target, out->path, &out->query) != 0 &&
        path_normalise_slashes(head->target, out->path, out->split, &out->query) != 0)
        return false;
    out->authority = http1_authority(head, conn->facts.server_name, out->room);
    http1_host_name(out->authority, out->host);
    return !conn_misdirected(conn, out->host, out->path) &&
           (!out->split[0] || !conn_misdirected(conn, out->host, out->split));
}

struct request proxy_question(const struct conn *conn, const struct conn_request *from, const char *host,
                              const char *path)
{
    return (struct request){
        .method = route_method(from->head.method),
        .path = path,
        .host = host,
        .header = conn_header,
        .header_cls = &from->head,
        .conf = conn->snapshot->conf,
        .peer = conn->peer,
        .refused = conn_refused(conn),
    };
}

static bool is_allowed(const struct proxied *p, const char *host, const char *path)
{
    const struct conn *conn = p->conn;
    const struct request request = proxy_question(conn, p->request, host, path);
    return route_is_open(&request) ||
           policy_decide(conn->snapshot->policy, host, path, conn->peer).outcome == POLICY_ALLOW;
}

/* As a request that came now would be decided on. */
static bool is_let_in(const struct proxied *p)
{
    struct conn *conn = p->conn;
    struct proxy_aim aim;
    return proxy_aim(conn, p->request, &aim) && !conn_refused(conn) && is_allowed(p, aim.host, aim.path) &&
           (!aim.split[0] || is_allowed(p, aim.host, aim.split));
}

void proxy_reconsider(struct proxied *p)
{
    struct conn *conn = p->conn;
    struct conn_refusal refusal = {.alert = GNUTLS_A_ACCESS_DENIED};
    if (p->tcp ? conn_let_in(conn, &refusal) : is_let_in(p)) {
        proxy_watch_client(p);
        return;
    }
    log_info("%s: listener %s: its %s to backend \"%s\" ends: the client is not let in any more",
             conn->remote, conn->listener_name,
             p->tcp      ? "connection"
             : p->tunnel ? "tunnel"
                         : "request",
             p->backend->conf->name);
    if (p->tcp)
        conn_rejected(conn, false, (int)refusal.alert, 0, refusal.why);
    p->alert = refusal.alert;
    proxy_ended(p, TCP_END_NOT_LET_IN);
    if (p->head_sent)
        p->cut_for = "client_not_let_in";
    proxy_fail(p, 403, ORIGIN_LEFT, NULL);
}
