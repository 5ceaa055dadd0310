/* How an exchange ends: what is accounted for, what the client is told, whether the link is kept. */
#include "server/proxy.h"

#include "base/log.h"
#include "server/conn_own.h"
#include "server/http1_wait.h"
#include "server/proxy_impl.h"

/* The log's and the metrics' share. */
void proxy_account(struct proxied *p)
{
    struct conn *conn = p->conn;
    p->request->upstream = (struct access_upstream){
        .name = p->counted || p->tried ? proxy_server(p)->origin->name : NULL,
        .status = response_has_head(&p->response) ? p->response.status : 0,
        .connect_us = p->connect_us,
        .first_byte_us = p->first_byte_us,
        .retries = p->retries,
        .cut = p->cut_for,
    };
    if (p->tcp)
        proxy_account_tcp(p);
    else
        conn_answered(conn, p->request);
    p->request->upstream = (struct access_upstream){0};
    p->request->under_way = false;
    http1_head_clear(&p->request->head);
}

/* No answer comes to what the client has sent behind the last that it gets. */
static void drop_waiting(struct conn *conn)
{
    (void)!http1_hold(conn, NULL, 0);
}

static void cut(struct conn *conn)
{
    if (transport_cut(&conn->transport))
        http1_read_on(conn);
}

/* Nothing of the answer, or not all of it, reaches the client, who is not to take it for whole. */
void proxy_cut(struct proxied *p)
{
    struct conn *conn = p->conn;
    if (p->stream) {
        proxy_stream_cut(p);
        return;
    }
    const bool tcp = p->tcp, open = conn->transport.state == TRANSPORT_OPEN;
    p->abrupt = p->tunnel;
    proxy_account(p);
    proxy_over(p);
    if (tcp) {
        conn_own_leave(conn);
        return;
    }
    drop_waiting(conn);
    if (open || conn->transport.state != TRANSPORT_OVER) /* else it has said why, and lingers elsewhere */
        cut(conn);
}

static void answer_problem(struct proxied *p, unsigned status, const char *detail)
{
    struct conn *conn = p->conn;
    if (p->stream) {
        proxy_stream_problem(p, status, detail);
        return;
    }
    bool last = !p->request_done || conn_is_last(conn);
    struct buf answer = {0};
    conn->request.status = status;
    conn->request.reply_bytes = conn_problem(conn, status, detail, last, &answer);
    proxy_account(p);
    bool waits = p->down.len > 0; /* of an interim response: the stream makes no sense without it */
    proxy_over(p);
    struct transport *transport = &conn->transport;
    if (last)
        drop_waiting(conn);
    if (waits || buf_failed(&answer)) {
        cut(conn);
    } else if (last) {
        transport_enter(transport);
        transport_last_word(transport, answer.data, answer.len);
        (void)transport_leave(transport, false);
    } else {
        transport_enter(transport);
        ssize_t n = transport_write(transport, answer.data, answer.len);
        (void)transport_leave(transport, false);
        if (n == (ssize_t)answer.len)
            http1_next(conn);
        else
            cut(conn); /* who takes no answer of this size has stopped reading */
    }
    buf_done(&answer);
}

static const char *words_for(unsigned status)
{
    switch (status) {
    case 403:
        return "The client is not let in any more.";
    case 408:
        return "The body of the request did not arrive in time (body_timeout).";
    case 502:
        return "The application behind this server gave no answer that can be passed on.";
    case 503:
        return "The application behind this server cannot be reached.";
    case 504:
        return "The application behind this server did not answer in time.";
    default:
        return NULL;
    }
}

/* Not where it closes while a body is on its way: what the client sends may be why; nor where both are silent
 * who may speak at any time: a client alone could have it taken out. */
static bool is_its_fault(const struct proxied *p, enum origin_result result)
{
    bool uploads = p->bodied && (!p->request_done || p->up_broken || p->up_at < p->up.len);
    bool second =
        p->unanswered && response_is_fresh(&p->response); /* that has said nothing to this request */
    bool both = proxy_is_dialogue(p) && !p->request_done && p->up_at == p->up.len;
    return (result == ORIGIN_SILENT && !both) || (result == ORIGIN_BROKEN && !uploads && !second);
}

void proxy_fail(struct proxied *p, unsigned status, enum origin_result result, const char *why)
{
    struct conn *conn = p->conn;
    struct balancer *balancer = &p->pool->balancer;
    if (result == ORIGIN_SILENT && p->link)
        p->link->timed_out = true;
    if (result == ORIGIN_SILENT || result == ORIGIN_BROKEN) {
        if (origin_tells(proxy_server(p)->origin, result, conn->worker->now_ms))
            log_warning("%s: listener %s: backend \"%s\", %s: %s", conn->remote, conn->listener_name,
                        p->backend->conf->name, proxy_server(p)->origin->name, why);
        if (is_its_fault(p, result) && (!p->link || link_blame(p->link)))
            balance_failed(&balancer->rules, &balancer->server[p->server], conn->worker->now_ms);
    }
    if (!p->head_sent && p->counted) /* else no server has it, or had and was struck off */
        origin_count(proxy_server(p)->origin, result);
    if (p->tcp) {
        if (status >= 500)
            proxy_ended(p, TCP_END_UNREACHABLE);
        proxy_abort_tcp(p, status);
    } else if (status == 0 || p->head_sent) {
        if (!p->head_sent)
            p->request->status = 0;
        proxy_cut(p);
    } else {
        answer_problem(p, status, result == ORIGIN_LEFT && why ? why : words_for(status));
    }
}

/* May the link serve another request? */
static bool link_stays(const struct proxied *p)
{
    return response_keeps(&p->response) && p->request_done && p->up_at == p->up.len && !p->up_broken &&
           !p->link->ended && !p->bound;
}

void proxy_done(struct proxied *p)
{
    struct conn *conn = p->conn;
    const struct conf_backend *conf = p->backend->conf;
    if (p->link && link_stays(p)) {
        link_release(p->link, (unsigned)conf->keepalive, (uint64_t)conf->keepalive_timeout * 1000);
        p->link = NULL;
    }
    bool last = p->close || p->tunnel, told = p->client_told, tcp = p->tcp, stream = p->stream != NULL;
    const bool reset = p->up_broken && !p->server_told;
    proxy_account(p);
    proxy_over(p);
    if (stream)
        return;
    if (tcp) {
        conn_own_close(conn, reset);
    } else if (told) {
        cut(conn); /* both have said goodbye */
    } else if (last) {
        drop_waiting(conn);
        transport_enter(&conn->transport);
        transport_last_word(&conn->transport, "", 0);
        (void)transport_leave(&conn->transport, false);
    } else {
        http1_next(conn);
    }
}
