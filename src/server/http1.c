#include "server/http1.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "http/plain.h"
#include "server/conn_own.h"
#include "server/http1_daemon.h"
#include "server/http1_finished.h"
#include "server/http1_wait.h"
#include "server/http2.h"
#include "server/proxy.h"
#include "tls/library.h"

enum {
    READ_BYTES = RECORD_PLAIN,
    TURN_RECORDS = 8, /* that are read in a turn without a request for libmicrohttpd */
};

/* --- its plaintext ------------------------------------------------------------------------------------- */

/* What becomes of the connection behind the answer. */
enum stay { STAYS, ENDS, ENDS_OLD, STAYS_OLD };

static enum stay stay(const struct http1_head *head, bool cut)
{
    bool close = cut || http1_head_has(head, "Connection", "close");
    if (!http1_head_is_old(head))
        return close ? ENDS : STAYS;
    return !close && http1_head_has(head, "Connection", "keep-alive") ? STAYS_OLD : ENDS_OLD;
}

/* All that libmicrohttpd learns of a request: whether its answer has a body, and whether the connection
 * stays. */
static const char *words(const struct http1_head *head, enum stay stays)
{
    static const char *const REQUESTS[2][4] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
         "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"},
        {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
         "HEAD / HTTP/1.0\r\n\r\n", "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"},
    };
    return REQUESTS[strcmp(head->method, "HEAD") == 0][stays];
}

/* Its head is whole, and locations have backends: one of them may have it. False: it is answered here. */
static bool is_proxied(struct conn *conn, const char *bytes, size_t len, struct conn_word *word)
{
    struct conn_http1 *http1 = &conn->http1;
    switch (proxy_claim(conn, word->whole, word)) {
    case PROXY_STARTED:
        conn->request.heard = false;
        http1->behind = bytes + word->used;
        http1->behind_len = len - word->used;
        return true;
    case PROXY_REFUSED:
        word->last = true;
        return false;
    case PROXY_LOCAL:
        break;
    }
    if (word->whole || conn_limit_body(conn, (uint64_t)conn->snapshot->conf->max_body, word) != 0)
        return false;
    if (conn_body_begin(conn, &conn->request) != 0)
        conn->request.wait = 1; /* 429 says no more than that it may come again */
    conn->request.expects = http1_gate_expects(&conn->request.gate);
    conn_arriving(conn);
    struct conn_word rest = conn_plaintext(conn, bytes + word->used, len - word->used);
    rest.used += word->used;
    *word = rest;
    return false;
}

/* The request needs its body. 0, or the connection has to end. */
static int say_continue(struct conn *conn)
{
    static const char CONTINUE[] = "HTTP/1.1 100 Continue\r\n\r\n";
    /* Nothing else is on its way: a socket without room for it belongs to a client that reads nothing. */
    ssize_t n = transport_write(&conn->transport, CONTINUE, sizeof CONTINUE - 1);
    return n == (ssize_t)(sizeof CONTINUE - 1) ? 0 : GNUTLS_E_PUSH_ERROR;
}

/* Plaintext, up to the end of a request. 0: it is not there yet, or was answered. > 0: libmicrohttpd shall
 * hear of it, which has the request in `data` when the connection is its already. Negative, as http1_recv:
 * GNUTLS_E_AGAIN, others answer; GNUTLS_E_INTERRUPTED, others first; or the connection ends. */
static ssize_t take(struct conn *conn, const char *bytes, size_t len, void *data, size_t size)
{
    struct conn_http1 *http1 = &conn->http1;
    const bool secret = conn->request.body.most > 0;
    struct conn_word word = conn_plaintext(conn, bytes, len);
    if (word.head && !word.last && is_proxied(conn, bytes, len, &word))
        return GNUTLS_E_AGAIN;
    if (word.last) {
        transport_last_word(&conn->transport, word.answer.data, word.answer.len);
        buf_done(&word.answer);
        (void)!http1_hold(conn, NULL, 0); /* what came behind it is nobody's, and not refused anew */
        explicit_bzero(data, size);       /* a body may be among it that was refused */
        return transport_read(&conn->transport, data, size);
    }
    if (word.proceed && say_continue(conn) != 0)
        return GNUTLS_E_PUSH_ERROR;
    if (http1_hold(conn, bytes + word.used, len - word.used) != 0)
        return GNUTLS_E_MEMORY_ERROR;
    if (secret || conn->request.body.most > 0)
        explicit_bzero(data, size);
    if (!word.whole)
        return 0;
    static const char *const CONNECTION[] = {
        [STAYS] = NULL, [ENDS] = PLAIN_CLOSE, [ENDS_OLD] = PLAIN_CLOSE, [STAYS_OLD] = PLAIN_KEEP_ALIVE};
    const enum stay stays = stay(&conn->request.head, word.cut);
    http1->cut = word.cut;
    ssize_t n = http1_finished_answer(conn, CONNECTION[stays]);
    if (n <= 0)
        return n;
    http1->asked = true;
    http1->words = words(&conn->request.head, stays);
    return conn->owned ? (ssize_t)strlen(http1->words) : http1_hear(conn, data, size);
}

/* The wait was ended. */
static ssize_t time_out(struct conn *conn)
{
    struct buf answer = {0};
    conn_timed_out(conn, &answer);
    transport_last_word(&conn->transport, answer.data, answer.len);
    if (answer.len > 0)
        transport_linger(&conn->transport, false);
    buf_done(&answer);
    return 0;
}

/* Once the handshake is over (transport_read gives plaintext then, and only then) it is HTTP/1.1's, or
 * HTTP/2's: another speaker is chosen here, before `take`, and this one is told GNUTLS_E_AGAIN from then on.
 */
static ssize_t next_request(struct conn *conn, void *data, size_t size)
{
    struct conn_http1 *http1 = &conn->http1;
    for (unsigned records = 0; records < TURN_RECORDS; records++) {
        const char *bytes = data;
        ssize_t n;
        if (http1->waiting) {
            bytes = http1->waiting + http1->waiting_at;
            n = (ssize_t)(http1->waiting_len - http1->waiting_at);
        } else {
            n = transport_read(&conn->transport, data, size);
        }
        if (n == GNUTLS_E_TIMEDOUT)
            return time_out(conn);
        if (n <= 0)
            return n;
        if (http2_is_agreed(conn)) {
            const bool begun = http2_begin(conn, bytes, (size_t)n);
            if (bytes == data)
                explicit_bzero(data, (size_t)n); /* a body may be among it, and nobody reads there again */
            return begun ? GNUTLS_E_AGAIN : GNUTLS_E_MEMORY_ERROR;
        }
        n = take(conn, bytes, (size_t)n, data, size);
        if (n != 0 || conn->transport.state != TRANSPORT_OPEN || http1_finished_last(conn))
            return n;
    }
    return GNUTLS_E_INTERRUPTED; /* others first */
}

ssize_t http1_recv(struct conn *conn, void *data, size_t size)
{
    struct transport *transport = &conn->transport;
    struct conn_http1 *http1 = &conn->http1;
    http1_heard(conn);
    if (http1->pool)
        wheel_set(&conn->worker->wheel, &http1->empty, 0);
    if (http1->words)
        return http1_hear(conn, data, size);
    if (http1->broken)
        return GNUTLS_E_PUSH_ERROR;
    if (http1_finished_last(conn))
        return 0;
    if (conn->proxied)
        return proxy_client_ready(conn);
    if (http2_speaks(conn) && http2_client_ready(conn))
        return GNUTLS_E_AGAIN;
    transport_enter(transport);
    /* It reads in the middle of an answer when the connection breaks. What a pipelining client has sent is
     * the next request, and that of now is still in use. */
    bool busy = (http1->asked || http1_finished_going(conn)) && transport->state == TRANSPORT_OPEN;
    ssize_t n = busy ? GNUTLS_E_AGAIN : next_request(conn, data, size);
    if (n == GNUTLS_E_AGAIN)
        http1_rest(conn, data, size);
    /* What GnuTLS said by itself, such as session tickets, goes with the response that is about to be given;
     * or now, when the peer is waited for. */
    int rc = transport_leave(transport, n > 0);
    if (conn->proxied && rc == 0)
        proxy_begin(conn, http1->behind, http1->behind_len);
    if (http2_speaks(conn) && rc == 0)
        (void)http2_client_ready(conn);
    return rc != 0 && (n > 0 || n == GNUTLS_E_AGAIN) ? rc : n;
}

ssize_t http1_send(struct conn *conn, const void *data, size_t size)
{
    if (transport_hold(&conn->transport, data, size))
        return (ssize_t)size;
    transport_enter(&conn->transport);
    ssize_t n = transport_write(&conn->transport, data, size);
    (void)transport_leave(&conn->transport, false);
    if (n > 0 && ((size_t)n < size || conn->transport.long_body))
        conn_moved(conn);
    return n;
}

int http1_bye(struct conn *conn, gnutls_close_request_t how)
{
    transport_enter(&conn->transport);
    int rc = transport_close(&conn->transport, how, conn->http1.cut || conn->http1.waiting);
    (void)transport_leave(&conn->transport, false);
    return rc;
}

/* --- driven by its worker ------------------------------------------------------------------------------ */

static void end(struct conn *conn)
{
    (void)http1_bye(conn, GNUTLS_SHUT_WR);
    http1_left(conn);
    conn_own_over(conn);
}

static void read_on(struct conn *conn)
{
    char bytes[READ_BYTES];
    ssize_t n = http1_recv(conn, bytes, sizeof bytes);
    if (n > 0)
        http1_lend(conn);
    else if (n == GNUTLS_E_INTERRUPTED)
        http1_read_on(conn);
    else if (n != GNUTLS_E_AGAIN)
        end(conn);
}

static void on_ready(struct conn *conn, uint32_t events)
{
    /* Reset: who waits for room, or for a backend, does not hear of it otherwise. Before that, and behind the
     * last word, what the client has said comes first: its alert says why. */
    if ((events & EPOLLERR) && conn->transport.state == TRANSPORT_OPEN) {
        end(conn);
        return;
    }
    /* Who has had its share of the last turn is next at the beginning of the next one. */
    const bool reads = (events & ~(uint32_t)EPOLLOUT) && !conn->http1.reads_on;
    /* Who answers otherwise looks at both sides when it reads. */
    if ((events & EPOLLOUT) && (!reads || http1_finished_going(conn)))
        conn->client.told(conn);
    if (reads)
        read_on(conn);
}

void http1_adopt(struct worker *worker, const struct arrival *arrival)
{
    if (!tls_library_hidden()) {
        http1_give(worker, arrival);
        return;
    }
    struct conn *conn = conn_own_new(worker, arrival, EPOLLIN, on_ready);
    if (conn)
        transport_is_told(&conn->transport, true);
}

void http1_turn(struct worker *worker)
{
    for (unsigned n = worker->readers.n; n > 0 && worker->readers.n > 0; n--)
        read_on(worker->readers.first);
}

void http1_stop(struct worker *worker)
{
    for (struct conn *conn = worker->conns; conn; conn = conn->next) {
        if (conn->owned && !conn->tcp && !conn->over)
            end(conn);
    }
    http1_daemon_stop(worker);
    conn_own_settle(worker);
}
