/* Connections of listeners with mode = tcp, as tunnels from their first byte: who gets one, and what is said
 * of it at its end. */
#include "base/clock.h"
#include "base/log.h"
#include "server/conn_own.h"
#include "server/proxy_impl.h"

void proxy_ended(struct proxied *p, enum tcp_end end)
{
    if (p->tcp && p->ended == TCP_END_NONE)
        p->ended = end;
}

/* A connection without requests has one line at its end. */
void proxy_account_tcp(struct proxied *p)
{
    struct conn *conn = p->conn;
    const struct account_client client = conn_account_client(conn);
    const struct account_tcp what = {
        .upstream = &conn->request.upstream,
        .status = conn->request.status,
        .sent = conn->request.reply_bytes,
        .received = conn->request.received_bytes,
        .took_us = clock_mono_us() - conn->born_us,
        .end = p->ended != TCP_END_NONE ? p->ended : p->first_end,
    };
    account_tcp_ended(&client, &what);
}

/* The client of a connection without requests is told by an alert; without TLS, by a reset. */
void proxy_abort_tcp(struct proxied *p, unsigned status)
{
    if (!p->head_sent)
        p->conn->request.status = status;
    if (status != 0 && p->conn->transport.session)
        transport_abort(&p->conn->transport, p->alert);
    proxy_cut(p);
}

/* What a tls server is offered: what this client has agreed on; else all that is spoken here. */
static void choose_alpn(struct proxied *p)
{
    struct conn *conn = p->conn;
    p->alpn = conn->listener->conf->alpn;
    if (!conn->facts.alpn[0])
        return;
    p->negotiated.text = conn->facts.alpn;
    p->alpn = (struct conf_list){.item = &p->negotiated, .n = 1};
}

/* It is not let in, or there is no room for it. */
static void refuse_tunnel(struct conn *conn, const struct conn_refusal *refusal)
{
    log_warning("%s: listener %s: connection refused: %s%s%s", conn->remote, conn->listener_name,
                refusal->why, refusal->rule ? " " : "", refusal->rule ? refusal->rule : "");
    conn_rejected(conn, false, (int)refusal->alert, 0, refusal->why);
    transport_abort(&conn->transport, refusal->alert);
    conn_own_leave(conn);
}

void proxy_tunnel(struct conn *conn, const char *bytes, size_t len, bool ended)
{
    struct conn_refusal refusal = {.alert = GNUTLS_A_INTERNAL_ERROR, .why = "memory is short"};
    struct proxied *p = conn_let_in(conn, &refusal)
                            ? proxied_new(conn, &conn->request, NULL, conn->listener->conf->to)
                            : NULL;
    if (!p) {
        refuse_tunnel(conn, &refusal);
        return;
    }
    conn->proxied = p;
    conn_request_counts(conn, &conn->request);
    conn->request.began_us = clock_mono_us();
    conn->request.received_bytes = len;
    conn->bytes_wait = true;
    conn_relaying(conn, false);
    p->tcp = p->tunnel = p->request_done = p->bound = p->wants_fresh = true;
    p->alert = GNUTLS_A_INTERNAL_ERROR;
    p->client_ended = ended;
    p->first_end = TCP_END_CLIENT;
    choose_alpn(p);
    retry_earn(&relays_of(p)->upstreams.retries);
    if (len > 0)
        buf_put(&p->up, bytes, len);
    proxy_watch_client(p);
    proxy_run(p);
}

void proxy_client_event(struct conn *conn, bool readable, bool ended)
{
    conn->client.ended = conn->client.ended || ended;
    conn->bytes_wait = conn->bytes_wait || readable || ended;
    proxy_run(conn->proxied);
}

void proxy_client_reset(struct conn *conn)
{
    proxy_ended(conn->proxied, TCP_END_CLIENT_CUT);
    proxy_fail(conn->proxied, 0, ORIGIN_LEFT, NULL);
}
