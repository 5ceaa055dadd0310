#include "server/http1_finished.h"

#include <string.h>
#include <sys/socket.h>

#include "server/exchange.h"
#include "server/http1_wait.h"

/* It has gone, or will not. */
static void account(struct conn *conn)
{
    kept_bytes_unref(conn->http1.finished);
    conn->http1.finished = NULL;
    conn_answered(conn, &conn->request);
    http1_head_clear(&conn->request.head);
}

/* libmicrohttpd, which has nothing to send, hears of no room. */
static void go_on(struct conn *conn)
{
    struct conn_http1 *http1 = &conn->http1;
    const size_t left = http1->finished_len - http1->finished_at;
    ssize_t n = transport_write_turn(&conn->transport, http1->finished->bytes + http1->finished_at, left);
    if (n < 0) { /* libmicrohttpd reads, and ends the connection */
        account(conn);
        conn->http1.broken = true;
        shutdown(conn->transport.fd, SHUT_RDWR);
    } else if ((size_t)n < left) {
        http1->finished_at += (size_t)n;
        if (n > 0)
            conn_moved(conn);
    } else {
        account(conn);
        if (!http1->last)
            http1_over(conn);
        http1_read_on(conn);
    }
}

static void on_told(struct conn *conn)
{
    if (conn->http1.finished)
        go_on(conn);
    else if (conn->client.ended && !conn->http1.asked)
        http1_read_on(conn); /* the end may have come with the last request, and was not read */
}

/* As much as the socket takes. 0, or an error. */
static int write_some(struct conn *conn)
{
    struct conn_http1 *http1 = &conn->http1;
    transport_whole_follows(&conn->transport, http1->finished_len);
    while (http1->finished_at < http1->finished_len) {
        ssize_t n = transport_write(&conn->transport, http1->finished->bytes + http1->finished_at,
                                    http1->finished_len - http1->finished_at);
        if (n < 0 && n != GNUTLS_E_AGAIN && n != GNUTLS_E_INTERRUPTED)
            return (int)n;
        if (n <= 0)
            break;
        http1->finished_at += (size_t)n;
    }
    return 0;
}

ssize_t http1_finished_answer(struct conn *conn, const char *connection)
{
    struct conn_http1 *http1 = &conn->http1;
    const bool head_only = strcmp(conn->request.head.method, "HEAD") == 0;
    bool last;
    struct kept_bytes *bytes = exchange_make(conn, connection, &last);
    if (!bytes)
        return 1;
    http1->last = last;
    bytes->refs++;
    http1->finished = bytes;
    http1->finished_at = 0;
    http1->finished_len = head_only ? bytes->head_len : bytes->len;
    exchange_forget(conn);
    conn->client.told = on_told;
    int rc = write_some(conn);
    if (rc == 0 && http1->finished_at < http1->finished_len) {
        conn_answering(conn);
        conn_watch_room(conn);
        return GNUTLS_E_AGAIN;
    }
    const bool large = http1->finished_len > RECORD_PLAIN;
    account(conn);
    if (rc != 0 || last)
        return rc;
    http1_over(conn);
    if (large)
        return GNUTLS_E_INTERRUPTED;
    if (http1->waiting)
        return 0;
    /* On the first the read that tells costs as much as the watch that spares those to come. */
    if (conn->n_requests > 1)
        conn_watch_end(conn);
    return conn_has_read_all(conn) ? GNUTLS_E_AGAIN : 0;
}

void http1_finished_left(struct conn *conn)
{
    struct conn_http1 *http1 = &conn->http1;
    /* libmicrohttpd says that a request is over when it has told of it; of the words it may have read some,
     * and thrown them away when it saw that the client is gone. */
    const bool unheard = http1->asked && !conn->request.under_way;
    http1->asked = false;
    if (unheard) {
        conn->request.status = 0;
        conn->request.reply_bytes = 0;
    }
    if (http1->finished || unheard)
        account(conn);
    exchange_forget(conn);
}
