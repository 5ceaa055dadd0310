#include "server/tcp_conn.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void over(struct conn *conn)
{
    struct worker *worker = conn->worker;
    if (conn->tcp.over)
        return;
    conn->tcp.over = true;
    transport_deadline(&conn->transport, 0);
    /* The lingerers may have a copy of the descriptor, which would keep it in the set. */
    (void)epoll_ctl(worker->epoll, EPOLL_CTL_DEL, conn->transport.fd, NULL);
    close(conn->transport.fd);
    conn->transport.fd = -1;
    conn->tcp.next_over = worker->over;
    worker->over = conn;
}

void tcp_conn_close(struct conn *conn, bool reset)
{
    if (!conn->transport.left && conn->transport.state == TRANSPORT_OPEN)
        transport_linger(&conn->transport, reset);
    over(conn);
}

void tcp_conn_cut(struct conn *conn)
{
    static const struct linger NONE = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(conn->transport.fd, SOL_SOCKET, SO_LINGER, &NONE, sizeof NONE);
    over(conn);
}

void tcp_conn_leave(struct conn *conn)
{
    if (conn->transport.state == TRANSPORT_OPEN)
        tcp_conn_cut(conn);
    else if (conn->transport.state == TRANSPORT_OVER)
        over(conn);
}

void tcp_conn_settle(struct worker *worker)
{
    while (worker->over) {
        struct conn *conn = worker->over;
        worker->over = conn->tcp.next_over;
        gnutls_session_t session = conn->transport.session;
        if (session)
            gnutls_deinit(session);
        conn_free(conn);
    }
}
