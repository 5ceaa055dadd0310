#include "server/http1_daemon.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
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
#include "server/conn_own.h"
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

/* --- its memory for a connection ------------------------------------------------------------------------ */

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

void http1_rest(struct conn *conn, const void *data, size_t size)
{
    struct conn_http1 *http1 = &conn->http1;
    struct worker *worker = conn->worker;
    if (!http1->pool || data != http1->pool || conn->phase == CONN_HANDSHAKE || conn->phase == CONN_ANSWER)
        return;
    http1->emptiable = worker->http1_pool > size ? worker->http1_pool : size;
    wheel_set(&worker->wheel, &http1->empty, worker->now_ms + REST_MS);
}

ssize_t http1_hear(struct conn *conn, void *data, size_t size)
{
    struct conn_http1 *http1 = &conn->http1;
    /* It begins each request with an empty buffer: they fit. */
    const size_t len = strlen(http1->words);
    if (len > size)
        return GNUTLS_E_MEMORY_ERROR;
    if (!http1->pool)
        http1->pool = data;
    memcpy(data, http1->words, len);
    http1->words = NULL;
    return (ssize_t)len;
}

/* --- its connections ------------------------------------------------------------------------------------ */

static _Thread_local gnutls_session_t lent;

gnutls_session_t http1_lent_session(void)
{
    gnutls_session_t session = lent;
    lent = NULL;
    return session;
}

/* Without the preemption. */
static struct conn *given(struct worker *worker, struct MHD_Connection *connection)
{
    const struct arrival *arrival = worker->arriving;
    worker->arriving = NULL;
    /* From libmicrohttpd 1.0 on each answer overwrites the one before. */
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    void *session = info ? info->tls_session : NULL;
    struct conn *conn = session ? conn_new(worker, arrival, session, arrival->fd) : NULL;
    if (!session) {
        struct limits_place place = arrival->place;
        limits_release(&place);
        limits_hit(worker->live->limits, LIMIT_memory, NULL, NULL);
    }
    if (!conn) {
        /* The session has only the daemon's credentials, which hold no certificate. It sees the end at once.
         */
        shutdown(arrival->fd, SHUT_RDWR);
    }
    return conn;
}

static void on_started(struct worker *worker, struct MHD_Connection *connection, void **socket_context)
{
    struct conn *conn = worker->lending;
    worker->lending = NULL;
    worker->n_lent++;
    if (conn)
        transport_regain(&conn->transport);
    else
        conn = given(worker, connection);
    if (!conn)
        return;
    conn->http1.empty.fire = empty;
    conn->http1.connection = connection;
    *socket_context = conn;
}

void http1_left(struct conn *conn)
{
    proxy_left(conn);
    http2_left(conn);
    http1_finished_left(conn);
    http1_heard(conn);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct worker *worker = cls;
    struct conn *conn = *socket_context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        on_started(worker, connection, socket_context);
        return;
    }
    worker->n_lent--;
    *socket_context = NULL;
    if (!conn)
        return;
    http1_left(conn);
    conn_own_lost(conn, true);
}

void http1_give(struct worker *worker, const struct arrival *arrival)
{
    struct arrival own = *arrival;
    worker->arriving = &own;
    /* Closes the socket when it fails. */
    enum MHD_Result rc = MHD_add_connection(worker->http1, own.fd, &own.from.any, own.from_len);
    /* Without a name here and in `given`: the place was given back, and with it what held the listener. */
    if (rc != MHD_YES)
        limits_hit(worker->live->limits, LIMIT_memory, NULL, NULL);
    if (worker->arriving) /* it was not told of */
        limits_release(&own.place);
    worker->arriving = NULL;
}

void http1_lend(struct conn *conn)
{
    static const struct sockaddr_in SOMEBODY = {.sin_family = AF_INET}; /* it need not know whose it is */
    struct worker *worker = conn->worker;
    conn_unwatch(conn);
    transport_is_told(&conn->transport, false);
    conn->owned = false;
    worker->lending = conn;
    lent = conn->transport.session;
    /* Closes the socket when it fails, and frees the session that it has asked for. */
    enum MHD_Result rc = MHD_add_connection(worker->http1, conn->transport.fd,
                                            (const struct sockaddr *)&SOMEBODY, sizeof SOMEBODY);
    if (rc == MHD_YES) {
        http1_read_on(conn);
        return;
    }
    limits_hit(worker->live->limits, LIMIT_memory, NULL, NULL);
    if (worker->lending) { /* it was not told of: nobody has freed it */
        const bool taken = !lent;
        lent = NULL;
        worker->lending = NULL;
        conn->owned = true;
        http1_left(conn);
        conn_own_lost(conn, taken);
    }
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
    return pool;
}

int http1_daemon_start(struct worker *worker, const struct conf *conf, struct err *err)
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

void http1_daemon_stop(struct worker *worker)
{
    if (worker->http1)
        MHD_stop_daemon(worker->http1);
    worker->http1 = NULL;
    if (worker->kick >= 0)
        close(worker->kick);
    worker->kick = -1;
}

int http1_daemon_timeout(const struct worker *worker)
{
    MHD_UNSIGNED_LONG_LONG ms;
    if (worker->n_lent == 0)
        return -1;
    return MHD_get_timeout(worker->http1, &ms) == MHD_YES ? (ms < INT_MAX ? (int)ms : INT_MAX) : -1;
}

void http1_daemon_run(struct worker *worker)
{
    /* Always: connections with bytes left wait in a list of its own, and get no event. */
    if (worker->n_lent > 0)
        (void)MHD_run(worker->http1);
}
