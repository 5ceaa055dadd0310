/* The client's socket in its worker's set. Where the worker drives the connection itself (conn_own.h) it
 * tells of all; where libmicrohttpd has it, of what libmicrohttpd's own set does not: that it takes bytes
 * again, and that the client has ended its side, also behind bytes that nobody reads yet. */
#include <sys/epoll.h>

#include "server/conn.h"

static void on_client(struct event_source *source, uint32_t events)
{
    struct conn *conn = (struct conn *)(void *)((char *)source - offsetof(struct conn, client.source));
    if (conn->client.events == 0) /* it has left the set in this very turn */
        return;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        conn->client.ended = conn->bytes_wait = true;
        transport_is_told(&conn->transport, false); /* of an end that does not come again */
    }
    if (events & EPOLLPRI) {
        conn->client.urgent = true;
        transport_is_told(&conn->transport, false);
    }
    if (conn->owned)
        conn->client.ready(conn, events);
    else
        conn->client.told(conn);
}

bool conn_watch(struct conn *conn, uint32_t events)
{
    struct conn_client *client = &conn->client;
    struct epoll_event event = {.events = events | EPOLLET, .data.ptr = event_mark(&client->source)};
    client->source.ready = on_client;
    const int operation = client->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(conn->worker->epoll, operation, conn->transport.fd, &event) != 0)
        return false;
    client->events = events;
    return true;
}

static void watch_also(struct conn *conn, uint32_t events)
{
    if ((conn->client.events & events) != events)
        (void)!conn_watch(conn, conn->client.events | events);
}

void conn_watch_room(struct conn *conn)
{
    watch_also(conn, EPOLLOUT);
}

void conn_watch_end(struct conn *conn)
{
    watch_also(conn, EPOLLRDHUP);
}

/* Lingering sockets are duplicates, which would stay in the set. */
void conn_unwatch(struct conn *conn)
{
    if (conn->client.events)
        (void)epoll_ctl(conn->worker->epoll, EPOLL_CTL_DEL, conn->transport.fd, NULL);
    conn->client.events = 0;
}

bool conn_has_read_all(const struct conn *conn)
{
    const struct conn_client *client = &conn->client;
    return (client->events & EPOLLRDHUP) && !client->ended && !client->urgent &&
           transport_emptied(&conn->transport);
}
