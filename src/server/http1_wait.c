#include "server/http1_wait.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"

int http1_hold(struct conn *conn, const char *bytes, size_t len)
{
    struct conn_http1 *http1 = &conn->http1;
    if (http1->waiting && len > 0 && bytes >= http1->waiting && bytes < http1->waiting + http1->waiting_len) {
        http1->waiting_at = http1->waiting_len - len;
        return 0;
    }
    char *copy = len > 0 ? malloc(len) : NULL;
    if (len > 0 && !copy)
        return -1;
    if (len > 0)
        memcpy(copy, bytes, len);
    if (http1->waiting) /* perhaps a body that is secret */
        explicit_bzero(http1->waiting, http1->waiting_len);
    free(http1->waiting);
    http1->waiting = copy;
    http1->waiting_at = 0;
    http1->waiting_len = len;
    return 0;
}

/* --- who reads on --------------------------------------------------------------------------------------- */

static void put(struct conn_readers *readers, struct conn *conn)
{
    conn->http1.next_reader = NULL;
    *(readers->first ? &readers->last->http1.next_reader : &readers->first) = conn;
    readers->last = conn;
    readers->n++;
}

static void drop(struct conn_readers *readers, struct conn *conn)
{
    struct conn *before = NULL, *at = readers->first;
    for (; at != conn; at = at->http1.next_reader)
        before = at;
    *(before ? &before->http1.next_reader : &readers->first) = conn->http1.next_reader;
    if (readers->last == conn)
        readers->last = before;
    readers->n--;
}

/* libmicrohttpd reads a connection when its epoll set says that the socket may be read, once for each edge;
 * it knows nothing of bytes that lie elsewhere. An event of its set is a pointer to its connection, whatever
 * descriptor it is of: one that may always be read stands in for the socket. One connection after the other.
 */
static void tell(struct worker *worker)
{
    struct conn *conn = worker->kicked.first;
    if (!conn)
        return;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = conn->http1.connection};
    if (epoll_ctl(worker->http1_epoll, EPOLL_CTL_ADD, worker->kick, &event) != 0)
        log_error("%s: a pipelined request cannot be read now", conn->remote);
}

void http1_read_on(struct conn *conn)
{
    struct worker *worker = conn->worker;
    if (conn->http1.reads_on || conn->over)
        return;
    conn->http1.reads_on = true;
    if (conn->owned) {
        put(&worker->readers, conn);
        return;
    }
    put(&worker->kicked, conn);
    if (worker->kicked.first == conn)
        tell(worker);
}

void http1_heard(struct conn *conn)
{
    struct worker *worker = conn->worker;
    if (!conn->http1.reads_on)
        return;
    conn->http1.reads_on = false;
    if (conn->owned) {
        drop(&worker->readers, conn);
        return;
    }
    const bool told = worker->kicked.first == conn;
    drop(&worker->kicked, conn);
    if (!told)
        return;
    (void)epoll_ctl(worker->http1_epoll, EPOLL_CTL_DEL, worker->kick, NULL);
    tell(worker);
}

void http1_over(struct conn *conn)
{
    if (conn->http1.waiting)
        conn_arriving(conn);
    else
        conn_idle(conn);
}

void http1_next(struct conn *conn)
{
    http1_over(conn);
    if (conn->http1.waiting || conn->bytes_wait)
        http1_read_on(conn);
}
