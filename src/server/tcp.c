#include "server/tcp.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/conn.h"
#include "server/proxy.h"
#include "server/tcp_conn.h"
#include "tls/library.h"

enum { READ_BYTES = RECORD_PLAIN };

static struct conn *conn_of(struct event_source *source)
{
    return (struct conn *)(void *)((char *)source - offsetof(struct conn, tcp.source));
}

static bool watch(struct conn *conn, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = event_mark(&conn->tcp.source)};
    return epoll_ctl(conn->worker->epoll, operation, conn->transport.fd, &event) == 0;
}

/* Before the backend has it, and after its last word: the handshake, or what is read and dropped. */
static void drive(struct conn *conn)
{
    struct transport *transport = &conn->transport;
    char bytes[READ_BYTES];
    transport_enter(transport);
    ssize_t n = transport_read(transport, bytes, sizeof bytes);
    int rc = transport_leave(transport, false);
    const bool waits = n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED;
    if (transport->state == TRANSPORT_OPEN && rc == 0 && (n >= 0 || waits))
        proxy_tunnel(conn, bytes, n > 0 ? (size_t)n : 0, n == 0);
    else if (!waits || rc != 0)
        tcp_conn_close(conn, false);
    else if (n == GNUTLS_E_INTERRUPTED &&
             !watch(conn, EPOLL_CTL_MOD)) /* others first, then it is told anew */
        tcp_conn_cut(conn);
}

static void on_ready(struct event_source *source, uint32_t events)
{
    struct conn *conn = conn_of(source);
    if (conn->tcp.over)
        return;
    /* An edge that does not come again: a tunnel that begins now has to know of it. */
    if (events & (EPOLLRDHUP | EPOLLHUP))
        conn->client.ended = true;
    if (!conn->proxied)
        drive(conn);
    else if (events & EPOLLERR)
        proxy_client_reset(conn);
    else
        proxy_client_event(conn, events & EPOLLIN, events & (EPOLLRDHUP | EPOLLHUP));
}

static void turn_away(struct worker *worker, const struct arrival *arrival)
{
    limits_hit(worker->live->limits, LIMIT_memory, NULL, NULL);
    close(arrival->fd);
}

void tcp_adopt(struct worker *worker, const struct arrival *arrival)
{
    const unsigned flags = GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_AUTO_SEND_TICKET;
    gnutls_session_t session = NULL;
    if (arrival->tls && tls_library()->init(&session, flags) < 0) {
        struct limits_place place = arrival->place;
        limits_release(&place);
        turn_away(worker, arrival);
        return;
    }
    struct conn *conn = conn_new(worker, arrival, session, arrival->fd); /* gives the place back itself */
    if (!conn) {
        if (session)
            gnutls_deinit(session);
        turn_away(worker, arrival);
        return;
    }
    const int on = 1;
    conn->tcp.owned = true;
    conn->tcp.source.ready = on_ready;
    (void)setsockopt(arrival->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (!watch(conn, EPOLL_CTL_ADD))
        tcp_conn_cut(conn);
    else
        drive(conn); /* without TLS the backend is connected now */
}

void tcp_stop(struct worker *worker)
{
    for (struct conn *conn = worker->conns, *next; conn; conn = next) {
        next = conn->next;
        if (!conn->tcp.owned || conn->tcp.over)
            continue;
        proxy_left(conn);
        if (!conn->tcp.over)
            tcp_conn_cut(conn);
    }
    tcp_conn_settle(worker);
}
