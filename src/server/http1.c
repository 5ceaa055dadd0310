#include "server/http1.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "http/path.h"
#include "server/exchange.h"
#include "server/http1_finished.h"
#include "server/http1_wait.h"
#include "server/http2.h"
#include "server/proxy.h"
#include "tls/library.h"
#include "tls/priorities.h"
#include "tls/releases.h"

enum {
    FIELD_RECORD = 80, /* libmicrohttpd's, of a header field */
    TURN_RECORDS = 8,  /* that are read in a turn without a request for libmicrohttpd */
    /* Longer than a client takes between two requests of a page, shorter than anybody counts idle ones. */
    REST_MS = 1000,
};

/* MHD_USE_NO_THREAD_SAFETY, which headers of before 1.0.0 do not have. Without it, since then, a connection
 * is begun with when the daemon runs next, no longer at once; before, there was nothing to be safe from
 * without a thread of its own. */
enum { NO_THREAD_SAFETY = 1 << 19 };

/* The releases whose pool is known to be empty between two requests but for its read buffer, with which it
 * begins. */
#define KNOWN_POOL "0.9.75, 1.0.1"

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

/* Plaintext, up to the end of a request. 0: it is not there yet, or was answered; else what libmicrohttpd
 * shall be told, with the request in `data`. */
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
    const enum stay stays = word.whole ? stay(&conn->request.head, word.cut) : ENDS;
    const char *request = word.whole ? words(&conn->request.head, stays) : "";
    size_t request_len = strlen(request);
    /* It begins each request with an empty buffer: this one fits. */
    if (request_len > size || http1_hold(conn, bytes + word.used, len - word.used) != 0)
        return GNUTLS_E_MEMORY_ERROR;
    if (secret || conn->request.body.most > 0)
        explicit_bzero(data, size);
    if (word.whole && stays == STAYS) {
        ssize_t n = http1_finished_answer(conn);
        if (n <= 0)
            return n;
    }
    http1->cut = word.cut;
    http1->asked = word.whole;
    memcpy(data, request, request_len);
    return (ssize_t)request_len;
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

/* Once the handshake is over (transport_read gives plaintext then, and only then) it is libmicrohttpd's, or
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
        if (n != 0 || conn->transport.state != TRANSPORT_OPEN)
            return n;
    }
    return GNUTLS_E_INTERRUPTED; /* others first */
}

/* Nothing is in its pool that anybody needs: of a connection that waits for a while, the memory is emptied.
 */
static void rest(struct conn *conn, const void *data, size_t size)
{
    struct conn_http1 *http1 = &conn->http1;
    struct worker *worker = conn->worker;
    if (data != http1->pool || conn->phase == CONN_HANDSHAKE || conn->phase == CONN_ANSWER)
        return;
    http1->emptiable = worker->http1_pool > size ? worker->http1_pool : size;
    wheel_set(&worker->wheel, &http1->empty, worker->now_ms + REST_MS);
}

/* Only whole pages: the first and the last may belong to others as well. */
static void empty(struct wheel_timer *timer)
{
    const struct conn_http1 *http1 =
        (const struct conn_http1 *)((const char *)timer - offsetof(struct conn_http1, empty));
    uint8_t *memory = http1->pool;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)memory + page - 1) & ~(page - 1);
    uintptr_t to = ((uintptr_t)memory + http1->emptiable) & ~(page - 1);
    if (from < to)
        (void)madvise(memory + (from - (uintptr_t)memory), to - from, MADV_DONTNEED);
}

ssize_t http1_recv(struct conn *conn, void *data, size_t size)
{
    struct transport *transport = &conn->transport;
    struct conn_http1 *http1 = &conn->http1;
    if (!http1->pool)
        http1->pool = data;
    wheel_set(&conn->worker->wheel, &http1->empty, 0);
    http1_heard(conn);
    if (http1->broken)
        return GNUTLS_E_PUSH_ERROR;
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
        rest(conn, data, size);
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

/* --- its connections ----------------------------------------------------------------------------------- */

static void on_started(struct worker *worker, struct MHD_Connection *connection, void **socket_context)
{
    const struct arrival *arrival = worker->arriving;
    worker->arriving = NULL;
    worker->pools.open = false;
    /* From libmicrohttpd 1.0 on each answer overwrites the one before. */
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    void *session = info ? info->tls_session : NULL;
    struct conn *conn = session ? conn_new(worker, arrival, session, arrival->fd) : NULL;
    if (!conn) {
        /* The session has only the daemon's credentials, which hold no certificate. It sees the end at once.
         */
        limits_hit(worker->live->limits, LIMIT_memory, NULL, NULL);
        shutdown(arrival->fd, SHUT_RDWR);
        return;
    }
    conn->http1.empty.fire = empty;
    conn->http1.connection = connection;
    *socket_context = conn;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        on_started(cls, connection, socket_context);
    } else {
        struct conn *conn = *socket_context;
        if (conn) {
            proxy_left(conn);
            http2_left(conn);
            http1_finished_left(conn);
            http1_heard(conn);
        }
        conn_free(conn);
        *socket_context = NULL;
    }
}

void http1_adopt(struct worker *worker, const struct arrival *arrival)
{
    struct arrival own = *arrival;
    worker->arriving = &own;
    worker->pools.open = true;
    /* Closes the socket when it fails. */
    enum MHD_Result rc = MHD_add_connection(worker->http1, own.fd, &own.from.any, own.from_len);
    worker->pools.open = false;
    /* Without a name here and in on_started: the place was given back, and with it what held the listener. */
    if (rc != MHD_YES)
        limits_hit(worker->live->limits, LIMIT_memory, NULL, NULL);
    if (worker->arriving) /* it was not told of */
        limits_release(&own.place);
    worker->arriving = NULL;
}

/* --- its daemon ---------------------------------------------------------------------------------------- */

/* Its own credentials, never used: every session gets the snapshot's. */
// NOLINTBEGIN(readability-non-const-parameter): the type is GnuTLS's
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *names, int n_names,
                          const gnutls_pk_algorithm_t *algorithms, int n_algorithms, gnutls_pcert_st **chain,
                          unsigned *n_chain, gnutls_privkey_t *key)
{
    (void)session, (void)names, (void)n_names, (void)algorithms, (void)n_algorithms, (void)chain,
        (void)n_chain, (void)key;
    return -1;
}
// NOLINTEND(readability-non-const-parameter)

static void on_log(void *cls, const char *fmt, va_list ap) PRINTF(2, 0);
static void on_log(void *cls, const char *fmt, va_list ap)
{
    (void)cls;
    if (!log_enabled(LOG_LEVEL_DEBUG))
        return;
    char text[512];
    vsnprintf(text, sizeof text, fmt, ap);
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    log_debug("libmicrohttpd: %s", text);
}

/* Room for the response's head, in which a Location may be the longest path, encoded, and the longest query,
 * whatever a reload says of them. Without the preemption also for the request's, and libmicrohttpd's records
 * of its fields. */
static size_t pool_bytes(const struct conf *conf)
{
    size_t pool = (size_t)conf->max_header + 3 * PATH_MOST + 8192;
    if (!tls_library_hidden())
        pool += (size_t)conf->max_header_fields * FIELD_RECORD;
    return pools_size(pool);
}

int http1_start(struct worker *worker, const struct conf *conf, struct err *err)
{
    unsigned flags = MHD_USE_EPOLL | MHD_USE_TLS | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG;
    if (strtol(MHD_get_version(), NULL, 10) >= 1)
        flags |= NO_THREAD_SAFETY;
    size_t pool = pool_bytes(conf);
    struct MHD_OptionItem options[] = {
        /* Never reached: who may come in is limits.h's to say. */
        {MHD_OPTION_CONNECTION_LIMIT, INT_MAX, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)pool, NULL},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)tls_priorities(false)},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, worker},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)exchange_completed, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)exchange_target, NULL},
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)no_certificate},
        {MHD_OPTION_END, 0, NULL},
    };
    errno = 0;
    worker->http1 = MHD_start_daemon(flags, 0, NULL, NULL, exchange_handle, NULL, MHD_OPTION_EXTERNAL_LOGGER,
                                     on_log, NULL, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (!worker->http1)
        return err_set(err, ERR_IO, "libmicrohttpd could not start: %s",
                       errno ? strerror(errno) : "no reason given");
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(worker->http1, MHD_DAEMON_INFO_EPOLL_FD);
    worker->http1_epoll = info ? info->epoll_fd : -1;
    worker->kick = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->kick < 0)
        return err_set(err, ERR_IO, "cannot start a worker: %s", strerror(errno));
    worker->http1_pool = release_is_tried(MHD_get_version(), KNOWN_POOL) ? pool : 0;
    return 0;
}

void http1_stop(struct worker *worker)
{
    if (worker->http1)
        MHD_stop_daemon(worker->http1);
    worker->http1 = NULL;
    if (worker->kick >= 0)
        close(worker->kick);
    worker->kick = -1;
}

int http1_timeout(const struct worker *worker)
{
    MHD_UNSIGNED_LONG_LONG ms;
    return MHD_get_timeout(worker->http1, &ms) == MHD_YES ? (ms < INT_MAX ? (int)ms : INT_MAX) : -1;
}

void http1_run(struct worker *worker)
{
    (void)MHD_run(worker->http1);
}
