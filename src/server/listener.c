#include "server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <limits.h>
#include <linux/filter.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/path.h"
#include "server/conn.h"
#include "server/exchange.h"
#include "server/limits.h"
#include "server/server.h"
#include "tls/facts.h"
#include "tls/library.h"
#include "tls/pools.h"
#include "tls/priorities.h"
#include "tls/releases.h"

enum {
    BACKLOG = 1024,
    ADDRESS_TEXT = 300,
    FIELD_RECORD = 80 /* MHD's, of a header field */,
    MOST_UNSENT = 256 * 1024,
    LOOK_NS = 1000000,  /* between two looks at the queue of a socket that closes */
    STILL = 3,          /* looks, one after another, that must find it empty */
    LAST_CALL_MS = 1000 /* when the workers cannot keep up */
};

/* Whether who connects is let in: later, now, or never because the reload that made the listener has failed.
 */
enum stage { STAGE_WAITS, STAGE_ADMITS, STAGE_GONE };

struct listener {
    struct server *server;
    char *name, *address;
    struct limits_door door;
    char url[ADDRESS_TEXT];
    char bound[ADDRESS_TEXT]; /* the address with the real port */
    int fd;
    bool inherited;        /* others accept on it, too, now or after this process */
    unsigned idle_timeout; /* MHD's, in seconds */
    size_t pool; /* bytes of MHD's memory for a connection; 0: an MHD whose use of it is not known */
    struct MHD_Daemon *daemon;
    unsigned workers;
    unsigned asked; /* turns that the workers were asked for; of the main thread */
    atomic_uint turned;
    atomic_bool retired;
    atomic_int stage; /* enum stage, written under `lock` */
    pthread_mutex_t lock;
    pthread_cond_t staged;
};

static int bind_error(const char *address, int error, struct err *err)
{
    if (error == EADDRINUSE)
        return err_set(err, ERR_IO,
                       "address %s: the port is in use; stop the other program or choose another port",
                       address);
    if (error == EACCES)
        return err_set(
            err, ERR_DENIED,
            "address %s: a port below 1024 needs a right: start as root, give CAP_NET_BIND_SERVICE, or "
            "choose a higher port; a server that runs has given the right up: restart it",
            address);
    if (error == EADDRNOTAVAIL)
        return err_set(err, ERR_IO, "address %s: no interface of this machine has that address", address);
    if (error == EPERM)
        return err_set(err, ERR_DENIED,
                       "address %s: new listening sockets are forbidden since the start: restart, or start "
                       "with sandbox = off",
                       address);
    return err_set(err, ERR_IO, "address %s: %s", address, strerror(error));
}

static int bind_one(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (info->ai_family == AF_INET6) /* [::] means both families, as people expect */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int bind_address(const struct conf_address *at, const char *address, struct err *err)
{
    char port[8];
    snprintf(port, sizeof port, "%u", at->port);
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(at->host, port, &hints, &found);
    if (rc != 0)
        return err_set(err, ERR_NOTFOUND, "address %s: %s", address, gai_strerror(rc));
    int fd = -1, error = 0;
    for (const struct addrinfo *info = found; info && fd < 0; info = info->ai_next) {
        fd = bind_one(info);
        error = fd < 0 ? errno : 0;
    }
    freeaddrinfo(found);
    if (fd < 0 && error == EAFNOSUPPORT && strcmp(at->host, "::") == 0) {
        /* A kernel without IPv6: "every address" is then every IPv4 address. */
        struct conf_address any = {.host = "0.0.0.0", .port = at->port};
        return bind_address(&any, address, err);
    }
    return fd >= 0 ? fd : bind_error(address, error, err);
}

union socket_address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static unsigned bound_port(int fd)
{
    union socket_address bound;
    socklen_t len = sizeof bound;
    memset(&bound, 0, sizeof bound);
    if (getsockname(fd, &bound.any, &len) != 0)
        return 0;
    return ntohs(bound.any.sa_family == AF_INET6 ? bound.in6.sin6_port : bound.in.sin_port);
}

/* Makes a socket that somebody else has bound like one of bind_one's; `at` becomes where it really is. */
static int take_over(int fd, struct conf_address *at, const char *address, struct err *err)
{
    union socket_address bound;
    socklen_t len = sizeof bound;
    memset(&bound, 0, sizeof bound);
    int on = 1;
    bool good = getsockname(fd, &bound.any, &len) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
                fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0 &&
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
    if (!good)
        return err_set(err, ERR_IO, "address %s: its inherited socket cannot be used: %s", address,
                       strerror(errno));
    at->ipv6 = bound.any.sa_family == AF_INET6;
    inet_ntop(bound.any.sa_family, at->ipv6 ? (void *)&bound.in6.sin6_addr : (void *)&bound.in.sin_addr,
              at->host, sizeof at->host);
    return 0;
}

static void make_url(struct listener *listener, const struct conf_address *at)
{
    unsigned port = bound_port(listener->fd);
    bool any = strcmp(at->host, "::") == 0 || strcmp(at->host, "0.0.0.0") == 0;
    const char *host = any ? "localhost" : at->host;
    const char *open = !any && at->ipv6 ? "[" : "", *close = !any && at->ipv6 ? "]" : "";
    snprintf(listener->url, sizeof listener->url, "https://%s%s%s:%u/", open, host, close, port);
    snprintf(listener->bound, sizeof listener->bound, at->ipv6 ? "[%s]:%u" : "%s:%u", at->host, port);
}

static void set_stage(struct listener *listener, enum stage stage)
{
    pthread_mutex_lock(&listener->lock);
    atomic_store_explicit(&listener->stage, stage, memory_order_release);
    pthread_cond_broadcast(&listener->staged);
    pthread_mutex_unlock(&listener->lock);
}

/* The workers start before the snapshot goes live that has this listener, because the start can fail. Whom
 * they accept meanwhile waits here, some milliseconds; they have nobody else. */
static bool admits(struct listener *listener)
{
    if (atomic_load_explicit(&listener->stage, memory_order_acquire) == STAGE_ADMITS)
        return true;
    pthread_mutex_lock(&listener->lock);
    while (atomic_load(&listener->stage) == STAGE_WAITS)
        pthread_cond_wait(&listener->staged, &listener->lock);
    bool admitted = atomic_load(&listener->stage) == STAGE_ADMITS;
    pthread_mutex_unlock(&listener->lock);
    return admitted;
}

/* After accept(2), before anything is spent on the connection. MHD_NO: it is closed. */
static enum MHD_Result on_accept(void *cls, const struct sockaddr *address, socklen_t len)
{
    (void)len;
    struct listener *listener = cls;
    if (address->sa_family == AF_UNIX) /* listener_turns */
        return MHD_YES;
    if (!admits(listener))
        return MHD_NO;
    struct snapshot *snapshot = server_snapshot_of(listener->server, listener->name);
    const struct snapshot_listener *now = snapshot_listener(snapshot, listener->name);
    bool trusted = !now || snapshot_trusts(now, address);
    bool proxied = now && now->conf->proxy_protocol != PROXY_PROTOCOL_OFF;
    snapshot_unref(snapshot);
    if (!trusted) {
        char remote[LIMITS_REMOTE];
        limits_hit(server_limits(listener->server), LIMIT_proxy_untrusted, limits_remote(address, remote),
                   listener->name);
        return MHD_NO;
    }
    /* Whose connection a proxy hands on is known when its header came. */
    return limits_admit(server_limits(listener->server), &listener->door, proxied ? NULL : address) ? MHD_YES
                                                                                                    : MHD_NO;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct listener *listener = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        conn_free(*socket_context);
        *socket_context = NULL;
        return;
    }
    /* From libmicrohttpd 1.0 on each answer overwrites the one before. */
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    void *session = info ? info->tls_session : NULL;
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    int fd = info ? info->connect_fd : -1;
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    if (!session || fd < 0 || !address)
        return;
    if (address->sa_family == AF_UNIX) { /* listener_turns */
        atomic_fetch_add_explicit(&listener->turned, 1, memory_order_relaxed);
        return;
    }
    *socket_context = conn_new(listener->server, listener->name, &listener->retired, session, fd, address);
    if (!*socket_context) {
        /* The session has only MHD's credentials, which hold no certificate. MHD sees the end at once. */
        limits_hit(server_limits(listener->server), LIMIT_memory, NULL, listener->name);
        shutdown(fd, SHUT_RDWR);
        return;
    }
    struct conn *conn = *socket_context;
    conn->pool_size = listener->pool;
    conn->mhd = connection;
    conn->idle_timeout = listener->idle_timeout;
}

/* MHD's own credentials, never used: every session gets the snapshot's. */
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

static void on_mhd_log(void *cls, const char *fmt, va_list ap) PRINTF(2, 0);
static void on_mhd_log(void *cls, const char *fmt, va_list ap)
{
    /* It says so nowhere else when it had to close a connection that it had just accepted. */
    static const char no_memory[] = "Error allocating memory";
    struct listener *listener = cls;
    if (strncmp(fmt, no_memory, sizeof no_memory - 1) == 0)
        limits_hit(server_limits(listener->server), LIMIT_memory, NULL, listener->name);
    if (!log_enabled(LOG_LEVEL_DEBUG))
        return;
    char text[512];
    vsnprintf(text, sizeof text, fmt, ap);
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    log_debug("libmicrohttpd: %s", text);
}

static struct MHD_Daemon *start(struct listener *listener, int fd, const struct conf *conf, unsigned workers)
{
    /* Room for the response's head, in which a Location may be the longest path, encoded, and the longest
     * query, whatever a reload says of them. Without the preemption also for the request's, and MHD's records
     * of its fields. */
    size_t pool = (size_t)conf->max_header + 3 * PATH_MOST + 8192;
    if (!transport_preempted())
        pool += (size_t)conf->max_header_fields * FIELD_RECORD;
    pool = pools_size(pool);
    listener->idle_timeout = (unsigned)conf->idle_timeout;
    if (release_is_tried(MHD_get_version(), TRANSPORT_KNOWN_MHD))
        listener->pool = pool;
    /* Never reached, also not by one of the workers, among whom MHD divides it: it would stop to accept, and
     * leave clients waiting instead of telling them. */
    uint64_t most = ((uint64_t)limits_ceiling(server_limits(listener->server)) + 1) * workers;
    if (most > INT_MAX)
        most = INT_MAX;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)most, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)conf->idle_timeout, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)pool, NULL},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)tls_priorities(false)},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, listener},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)exchange_completed, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)exchange_target, NULL},
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)no_certificate},
        {workers > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)workers, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0,
                            on_accept, listener, exchange_handle, NULL, MHD_OPTION_EXTERNAL_LOGGER,
                            on_mhd_log, listener, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

/* With a socket of its own, whose descriptor is -1 when there is none yet. */
static int make(struct server *server, const struct conf_listener *of, int fd, struct listener **out,
                struct err *err)
{
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        return err_nomem(err);
    pthread_mutex_init(&listener->lock, NULL);
    pthread_cond_init(&listener->staged, NULL);
    listener->fd = fd;
    listener->server = server;
    listener->name = strdup(of->name);
    listener->address = strdup(of->address.text);
    listener->door.name = listener->name;
    if (!listener->name || !listener->address) {
        listener_close(listener);
        return err_nomem(err);
    }
    *out = listener;
    return 0;
}

int listener_open(struct server *server, const struct conf_listener *of, int inherited, struct listener **out,
                  struct err *err)
{
    struct listener *listener = NULL;
    struct conf_address at = {0};
    int rc = make(server, of, inherited, &listener, err);
    if (rc != 0)
        return rc;
    listener->inherited = inherited >= 0;
    rc = conf_address(listener->address, &at, err);
    if (rc == 0 && inherited >= 0) {
        rc = take_over(inherited, &at, listener->address, err);
    } else if (rc == 0) {
        listener->fd = bind_address(&at, listener->address, err);
        rc = listener->fd < 0 ? listener->fd : 0;
    }
    if (rc != 0) {
        listener_close(listener);
        return rc;
    }
    make_url(listener, &at);
    *out = listener;
    return 0;
}

int listener_share(const struct listener *from, const struct conf_listener *of, struct listener **out,
                   struct err *err)
{
    struct listener *listener = NULL;
    int rc = make(from->server, of, -1, &listener, err);
    if (rc != 0)
        return rc;
    listener->fd = fcntl(from->fd, F_DUPFD_CLOEXEC, 0);
    if (listener->fd < 0) {
        rc = err_set(err, ERR_IO, "address %s: %s", from->address, strerror(errno));
        listener_close(listener);
        return rc;
    }
    listener->inherited = from->inherited;
    memcpy(listener->url, from->url, sizeof listener->url);
    memcpy(listener->bound, from->bound, sizeof listener->bound);
    *out = listener;
    return 0;
}

static bool same_socket(int a, int b)
{
    struct stat one, other;
    return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

int listener_start(struct listener *listener, const struct conf *conf, unsigned workers, struct err *err)
{
    /* Connections inherit it: of what a client does not read, the kernel holds so much and no more. Without
     * it a few hundred slow readers take gigabytes, and the time to encrypt them. */
    int unsent = MOST_UNSENT;
    setsockopt(listener->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    tls_library_start();
    errno = 0;
    int fd = fcntl(listener->fd, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0)
        listener->daemon = start(listener, fd, conf, workers);
    if (!listener->daemon) {
        int why = errno;
        /* MHD closes the socket on some of its ways out and leaves it open on others; the number may be a
         * client's by now. */
        if (fd >= 0 && same_socket(fd, listener->fd))
            close(fd);
        tls_library_abandon();
        return err_set(err, ERR_IO, "address %s: libmicrohttpd could not start: %s", listener->address,
                       why ? strerror(why) : "no reason given");
    }
    listener->workers = workers;
    close(listener->fd);
    listener->fd = fd;
    return 0;
}

void listener_admit(struct listener *listener)
{
    set_stage(listener, STAGE_ADMITS);
}

/* Hands each worker one end of a socket pair, as if it had been accepted; MHD chooses the worker by the
 * descriptor's number. The workers see the other end closed, and forget it. */
static void ask_for_turns(struct listener *listener)
{
    static const struct sockaddr nobody = {.sa_family = AF_UNIX};
    for (unsigned i = 0; i < listener->workers; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
            return; /* out of descriptors: not a worker's fault */
        while (pair[0] >= 0 && (unsigned)pair[0] % listener->workers != i) {
            int next = fcntl(pair[0], F_DUPFD_CLOEXEC, pair[0] + 1);
            close(pair[0]);
            pair[0] = next;
        }
        if (pair[0] >= 0 && MHD_add_connection(listener->daemon, pair[0], &nobody, sizeof nobody) == MHD_YES)
            listener->asked++;
        close(pair[1]);
    }
}

bool listener_turns(struct listener *listener)
{
    if (!listener->daemon || listener->fd < 0)
        return true;
    unsigned turned = atomic_load_explicit(&listener->turned, memory_order_relaxed);
    bool all = turned >= listener->asked;
    listener->asked = turned;
    ask_for_turns(listener);
    return all;
}

void listener_configure(struct listener *listener, const struct conf_listener *of)
{
    limits_configure_door(server_limits(listener->server), &listener->door, of->max_connections);
}

/* From now on the kernel overlooks who asks for a connection, and goes on with those whom it has answered
 * already. Connections inherit the filter, and never get a segment that it drops. */
static bool turn_deaf(int fd)
{
    enum { FLAGS_AT = 13, SYN = 0x02, ACK = 0x10 };
    static struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS_AT),   BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SYN | ACK),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYN, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    const struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

/* A client whose connect(2) has succeeded is no longer refused by a close, but reset, and nobody asks again
 * for it. So the workers take all that wait, and those whose last segment is on its way, while no new ones
 * come. Who asks meanwhile asks again after a second, hence the short time. */
static void last_call(const struct listener *listener)
{
    unsigned still = 0, enough = turn_deaf(listener->fd) ? STILL : 1;
    for (uint64_t until = clock_mono_ms() + LAST_CALL_MS; clock_mono_ms() < until;) {
        struct pollfd queue = {.fd = listener->fd, .events = POLLIN};
        still = poll(&queue, 1, 0) > 0 ? 0 : still + 1;
        if (still >= enough)
            return;
        struct timespec look = {.tv_nsec = LOOK_NS};
        nanosleep(&look, NULL);
    }
}

void listener_quiet(struct listener *listener)
{
    if (listener->daemon && listener->fd >= 0) {
        if (!listener->inherited)
            last_call(listener);
        MHD_quiesce_daemon(listener->daemon);
        close(listener->fd);
        listener->fd = -1;
    }
}

void listener_close(struct listener *listener)
{
    if (!listener)
        return;
    if (listener->daemon) {
        /* One that never admitted anybody has nobody to wait for, and its socket may be another's, too. */
        if (atomic_load(&listener->stage) == STAGE_WAITS) {
            set_stage(listener, STAGE_GONE);
            listener->inherited = true;
        }
        listener_quiet(listener);
        MHD_stop_daemon(listener->daemon);
    } else if (listener->fd >= 0) {
        close(listener->fd);
    }
    pthread_mutex_destroy(&listener->lock);
    pthread_cond_destroy(&listener->staged);
    free(listener->name);
    free(listener->address);
    free(listener);
}

void listener_retire(struct listener *listener, bool shared)
{
    listener->inherited = listener->inherited || shared;
    atomic_store_explicit(&listener->retired, true, memory_order_relaxed);
}

unsigned listener_connections(const struct listener *listener)
{
    if (!listener->daemon)
        return 0;
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info ? info->num_connections : 0;
}

const char *listener_name(const struct listener *listener)
{
    return listener->name;
}

const char *listener_address(const struct listener *listener)
{
    return listener->address;
}

bool listener_is_at(const struct listener *listener, const char *address)
{
    return strcmp(listener->address, address) == 0 || strcmp(listener->bound, address) == 0;
}

bool listener_shares(const struct listener *a, const struct listener *b)
{
    return strcmp(a->bound, b->bound) == 0; /* the port is never 0 there */
}

bool listener_is(const struct listener *listener, const struct conf_listener *of)
{
    return strcmp(listener->name, of->name) == 0 && listener_is_at(listener, of->address.text);
}

const char *listener_url(const struct listener *listener)
{
    return listener->url;
}
