/* The client's socket, where libmicrohttpd has it: its worker's own set tells of what libmicrohttpd's does
 * not, that it takes bytes again, and that the client has ended its side, also behind bytes that nobody reads
 * yet. */
#include <sys/epoll.h>

#include "server/conn.h"

static void on_client(struct event_source *source, uint32_t events)
{
    struct conn *conn = (struct conn *)(void *)((char *)source - offsetof(struct conn, client.source));
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        conn->client.ended = conn->bytes_wait = true;
    conn->client.told(conn);
}

static void watch(struct conn *conn, uint32_t events)
{
    struct conn_client *client = &conn->client;
    if (conn->tcp.owned || (client->events & events) == events) /* tcp.c hears of all */
        return;
    struct epoll_event event = {.events = client->events | events | EPOLLET,
                                .data.ptr = event_mark(&client->source)};
    client->source.ready = on_client;
    const int operation = client->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(conn->worker->epoll, operation, conn->transport.fd, &event) == 0)
        client->events |= events;
}

void conn_watch_room(struct conn *conn)
{
    watch(conn, EPOLLOUT);
}

void conn_watch_end(struct conn *conn)
{
    watch(conn, EPOLLRDHUP);
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
    return (conn->tcp.owned || (conn->client.events & EPOLLRDHUP)) && !conn->client.ended &&
           transport_emptied(&conn->transport);
}
