#include "server/tcp.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include "server/conn_own.h"
#include "server/proxy.h"

enum { READ_BYTES = RECORD_PLAIN };

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
        conn_own_close(conn, false);
    else if (n == GNUTLS_E_INTERRUPTED && !conn_own_tell_again(conn)) /* others first, then it is told anew */
        conn_own_cut(conn);
}

static void on_ready(struct conn *conn, uint32_t events)
{
    if (!conn->proxied)
        drive(conn);
    else if (events & EPOLLERR)
        proxy_client_reset(conn);
    else
        proxy_client_event(conn, events & EPOLLIN, events & (EPOLLRDHUP | EPOLLHUP));
}

void tcp_adopt(struct worker *worker, const struct arrival *arrival)
{
    struct conn *conn = conn_own_new(worker, arrival, EPOLLIN | EPOLLOUT, on_ready);
    if (!conn)
        return;
    const int on = 1;
    (void)setsockopt(arrival->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    drive(conn); /* without TLS the backend is connected now */
}

void tcp_stop(struct worker *worker)
{
    for (struct conn *conn = worker->conns, *next; conn; conn = next) {
        next = conn->next;
        if (!conn->tcp || conn->over)
            continue;
        proxy_left(conn);
        if (!conn->over)
            conn_own_cut(conn);
    }
    conn_own_settle(worker);
}
