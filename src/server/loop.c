#include "server/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/event.h"
#include "server/conn.h"
#include "server/conn_own.h"
#include "server/http1.h"
#include "server/http1_daemon.h"
#include "server/http2.h"
#include "server/http2_kept.h"
#include "server/listener.h"
#include "server/proxy.h"
#include "server/spares.h"
#include "server/tcp.h"
#include "tls/library.h"

enum {
    EVENTS = 32,
    /* Of what may be much, a turn does so much and goes on in the next. */
    MOST_ACCEPTS = 16,
    MOST_TIMERS = 512,
    MOST_SWEPT = 512,
    NAP_NS = 20 * 1000000,
};

/* --- who comes ------------------------------------------------------------------------------------------ */

/* accept4, or -1 when there is nobody, or nobody can be let in. */
static int next_client(struct worker *worker, const struct port *port, struct arrival *arrival)
{
    struct limits *limits = worker->live->limits;
    struct spares *spares = worker->all->spares;
    arrival->from_len = sizeof arrival->from;
    if (port->inherited) /* others who have it may have made it block, which it does for all */
        (void)fcntl(port->fd, F_SETFL, O_RDWR | O_NONBLOCK);
    (void)spares_fill(spares);
    int client = accept4(port->fd, &arrival->from.any, &arrival->from_len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int why = client < 0 ? errno : 0;
    if (client >= 0 && !spares_fill(spares)) {
        /* It has the last one. */
        close(client);
        (void)spares_fill(spares);
        limits_hit(limits, LIMIT_descriptors, NULL, NULL);
        return -1;
    }
    if (arrival->from_len > sizeof arrival->from) /* of a UNIX socket, the end was left out */
        arrival->from_len = sizeof arrival->from;
    bool files = why == EMFILE || why == ENFILE, memory = why == ENOBUFS || why == ENOMEM;
    if (!files && !memory)
        return client;
    /* Descriptors are short whether somebody waits or not: then there is nothing to tell. */
    const enum spares_end end = files ? spares_turn_away(spares, port->fd) : SPARES_NONE;
    if (end != SPARES_NOBODY)
        limits_hit(limits, files ? LIMIT_descriptors : LIMIT_memory, NULL, NULL);
    if (end == SPARES_NONE) {
        /* The client still waits, and epoll says so at once again. */
        struct timespec nap = {.tv_nsec = NAP_NS};
        nanosleep(&nap, NULL);
    }
    return -1;
}

/* Before anything is spent on it. */
static bool admit(struct worker *worker, struct listener *listener, struct arrival *arrival)
{
    struct live *live = worker->live;
    const struct sockaddr *from = &arrival->from.any;
    struct snapshot *snapshot = live_snapshot_of(live, listener);
    const struct snapshot_listener *now = listener_in(listener, snapshot);
    bool trusted = !now || snapshot_trusts(now, from);
    bool proxied = now && now->conf->proxy_protocol != PROXY_PROTOCOL_OFF;
    arrival->mode = now ? now->conf->mode : LISTENER_HTTP;
    arrival->tls = !now || now->conf->tls;
    snapshot_unref(snapshot);
    if (!trusted) {
        char remote[LIMITS_REMOTE];
        limits_hit(live->limits, LIMIT_proxy_untrusted, limits_remote(from, remote), listener->name);
        return false;
    }
    /* Whose connection a proxy hands on is known when its header came. */
    return limits_admit(live->limits, &listener->door, proxied ? NULL : from, &arrival->place);
}

static unsigned load(struct worker *worker)
{
    return atomic_load_explicit(&worker->n_conns, memory_order_relaxed);
}

/* Whoever is awake accepts most, and connections stay where they are: they are dealt out evenly. */
static struct worker *choose(struct worker *self)
{
    const struct workers *all = self->all;
    struct worker *least = self;
    for (unsigned i = 0; i < all->n; i++) {
        if (load(all->item[i]) < load(least))
            least = all->item[i];
    }
    return load(least) + 1 < load(self) ? least : self;
}

static void adopt(struct worker *worker, const struct arrival *arrival)
{
    if (arrival->mode == LISTENER_TCP)
        tcp_adopt(worker, arrival);
    else
        http1_adopt(worker, arrival);
}

static void accept_some(struct worker *worker, struct port *port)
{
    for (unsigned i = 0; i < MOST_ACCEPTS; i++) {
        struct arrival arrival;
        /* None yet: a reload is about to give it one, or has just failed. */
        struct listener *listener = atomic_load_explicit(&port->listener, memory_order_acquire);
        if (!listener || (arrival.fd = next_client(worker, port, &arrival)) < 0)
            return;
        arrival.listener = listener;
        if (!admit(worker, listener, &arrival)) {
            close(arrival.fd);
            continue;
        }
        struct worker *whose = choose(worker);
        if (whose == worker || !worker_hand(whose, &arrival))
            adopt(worker, &arrival);
    }
}

/* --- what it is told ------------------------------------------------------------------------------------ */

static void displace(struct worker *worker)
{
    struct handshake *handshake;
    while ((handshake = handshakes_displaced(&worker->live->handshakes, &worker->handshakes)) != NULL)
        conn_displace((struct conn *)((char *)handshake - offsetof(struct conn, handshake)));
}

/* In any thread, also under the lock of all handshakes. */
static void wake_for_displaced(struct handshake_owner *owner)
{
    worker_tell((struct worker *)((char *)owner - offsetof(struct worker, handshakes)), WORKER_DISPLACED);
}

static void sweep(struct worker *worker)
{
    for (unsigned i = 0; worker->sweep && i < MOST_SWEPT; i++) {
        struct conn *conn = worker->sweep;
        worker->sweep = conn->next;
        if (conn->proxied)
            proxy_reconsider(conn->proxied);
        else if (conn->http2)
            http2_reconsider(conn);
        else
            conn_reconsider(conn);
    }
}

/* In every turn, not when its eventfd is among those that epoll tells of: of more than EVENTS that are ready
 * it may be told of many turns later, and who waits for turns (workers_settle) waits for what was said before
 * them. False: it shall end. */
static bool listen_to(struct worker *worker)
{
    if (atomic_load_explicit(&worker->told, memory_order_acquire) == 0)
        return true;
    unsigned told = atomic_exchange(&worker->told, 0);
    struct arrival arrival;
    while (worker_take(worker, &arrival))
        adopt(worker, &arrival);
    if (told & WORKER_DISPLACED)
        displace(worker);
    if (told & WORKER_SWEEP)
        worker->sweep = worker->conns;
    return !(told & WORKER_STOP);
}

/* --- the loop ------------------------------------------------------------------------------------------- */

static int timeout_of(const struct worker *worker)
{
    if (worker->sweep || worker->readers.first || proxy_waits_for_turn(worker) ||
        http2_waits_for_turn(worker))
        return 0;
    int timeout = http1_daemon_timeout(worker);
    uint64_t due_ms = wheel_next(&worker->wheel);
    if (timeout == 0 || due_ms == UINT64_MAX)
        return timeout;
    uint64_t now_ms = clock_mono_ms(), left = due_ms > now_ms ? due_ms - now_ms : 0;
    return timeout < 0 || left < (uint64_t)timeout ? (int)(left < INT_MAX ? left : INT_MAX) : timeout;
}

static bool turn(struct worker *worker)
{
    struct epoll_event events[EVENTS];
    eventfd_t times;
    int n = epoll_wait(worker->epoll, events, EVENTS, timeout_of(worker));
    worker->now_ms = clock_mono_ms();
    http1_turn(worker);
    for (int i = 0; i < n; i++) {
        void *what = events[i].data.ptr;
        struct event_source *source = event_of(what);
        if (source)
            source->ready(source, events[i].events);
        else if (what == worker)
            (void)!eventfd_read(worker->wake, &times);
        else if (what && what != worker->http1)
            accept_some(worker, what);
    }
    const bool goes_on = listen_to(worker);
    sweep(worker);
    (void)wheel_turn(&worker->wheel, worker->now_ms, MOST_TIMERS);
    proxy_turn(worker);
    http2_turn(worker);
    http1_daemon_run(worker);
    conn_own_settle(worker);
    atomic_fetch_add_explicit(&worker->turns, 1, memory_order_release);
    return goes_on;
}

void *loop_run(void *cls)
{
    struct worker *worker = cls;
    char name[16];
    snprintf(name, sizeof name, "worker-%u", worker->number);
    pthread_setname_np(pthread_self(), name);
    tls_library_on_worker();
    blocks_enter(&worker->blocks);
    pcert_cache_enter(&worker->pcerts);
    metrics_enter(&worker->metrics);
    access_enter(&worker->lines);
    while (turn(worker))
        ;
    tcp_stop(worker);
    http1_stop(worker);
    access_leave();
    metrics_leave();
    pcert_cache_leave();
    blocks_leave();
    return NULL;
}

/* --- life ----------------------------------------------------------------------------------------------- */

static int watch(const struct worker *worker, int fd, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    return epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event);
}

struct worker *loop_new(struct workers *workers, unsigned number, struct live *live, const struct conf *conf,
                        struct err *err)
{
    /* The buffers in it are as large as all the rest together, and touched when they are first used. */
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker) {
        err_nomem(err);
        return NULL;
    }
    worker->number = number;
    worker->all = workers;
    worker->live = live;
    worker->epoll = worker->wake = worker->kick = -1;
    worker->handshakes.wake = wake_for_displaced;
    pthread_mutex_init(&worker->lock, NULL);
    wheel_init(&worker->wheel, clock_mono_ms());
    buf_init(&worker->http2_out, 0);
    tls_share_init(&worker->share, &worker->wheel);
    worker->kept = kept_new(&worker->wheel);
    if (!worker->kept) {
        err_nomem(err);
        goto failed;
    }
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (worker->epoll >= 0)
        worker->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->wake < 0 || watch(worker, worker->wake, worker) != 0) {
        err_set(err, ERR_IO, "cannot start a worker: %s", strerror(errno));
        goto failed;
    }
    if (proxy_start(worker) != 0) {
        err_nomem(err);
        goto failed;
    }
    if (http1_daemon_start(worker, conf, err) != 0)
        goto failed;
    if (watch(worker, worker->http1_epoll, worker->http1) != 0) {
        err_set(err, ERR_IO, "cannot start a worker: %s", strerror(errno));
        goto failed;
    }
    return worker;
failed:
    loop_free(worker);
    return NULL;
}

void loop_free(struct worker *worker)
{
    if (!worker)
        return;
    struct arrival arrival;
    while (worker_take(worker, &arrival)) {
        limits_release(&arrival.place);
        close(arrival.fd);
    }
    http1_stop(worker);
    proxy_stop(worker);
    buf_done(&worker->http2_out);
    http2_shelf_free(worker->http2_shelf);
    kept_free(worker->kept);
    free(worker->made);
    tls_share_done(&worker->share);
    const int fds[] = {worker->epoll, worker->wake};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}
