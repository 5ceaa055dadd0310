#include "server/conn_own.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/library.h"

struct conn *conn_own_new(struct worker *worker, const struct arrival *arrival, uint32_t events,
                          void (*ready)(struct conn *conn, uint32_t events))
{
    const unsigned flags = GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_AUTO_SEND_TICKET;
    gnutls_session_t session = NULL;
    if (arrival->tls && tls_library()->init(&session, flags) < 0) {
        struct limits_place place = arrival->place;
        limits_release(&place);
        limits_hit(worker->live->limits, LIMIT_memory, NULL, NULL);
        close(arrival->fd);
        return NULL;
    }
    struct conn *conn = conn_new(worker, arrival, session, arrival->fd); /* gives the place back itself */
    if (!conn) {
        if (session)
            gnutls_deinit(session);
        close(arrival->fd);
        return NULL;
    }
    conn->owned = true;
    conn->client.ready = ready;
    if (conn_watch(conn, events | EPOLLRDHUP | EPOLLPRI))
        return conn;
    limits_hit(worker->live->limits, LIMIT_memory, NULL, NULL);
    conn_own_cut(conn);
    return NULL;
}

bool conn_own_tell_again(struct conn *conn)
{
    return conn_watch(conn, conn->client.events);
}

static void to_free(struct conn *conn)
{
    conn->over = true;
    transport_deadline(&conn->transport, 0);
    conn->transport.fd = -1;
    conn->next_over = conn->worker->over;
    conn->worker->over = conn;
}

void conn_own_over(struct conn *conn)
{
    if (conn->over)
        return;
    /* The lingerers may have a copy of the descriptor, which would keep it in the set. */
    conn_unwatch(conn);
    close(conn->transport.fd);
    to_free(conn);
}

void conn_own_close(struct conn *conn, bool reset)
{
    if (!conn->transport.left && conn->transport.state == TRANSPORT_OPEN)
        transport_linger(&conn->transport, reset);
    conn_own_over(conn);
}

void conn_own_cut(struct conn *conn)
{
    static const struct linger NONE = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(conn->transport.fd, SOL_SOCKET, SO_LINGER, &NONE, sizeof NONE);
    conn_own_over(conn);
}

void conn_own_leave(struct conn *conn)
{
    if (conn->transport.state == TRANSPORT_OPEN)
        conn_own_cut(conn);
    else if (conn->transport.state == TRANSPORT_OVER)
        conn_own_over(conn);
}

void conn_own_lost(struct conn *conn, bool session)
{
    if (session)
        conn->transport.session = NULL;
    to_free(conn);
}

void conn_own_settle(struct worker *worker)
{
    while (worker->over) {
        struct conn *conn = worker->over;
        worker->over = conn->next_over;
        gnutls_session_t session = conn->transport.session;
        if (session)
            gnutls_deinit(session);
        conn_free(conn);
    }
}
