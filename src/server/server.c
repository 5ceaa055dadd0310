#include "server/server.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/conf_diff.h"
#include "report/access.h"
#include "report/metrics.h"
#include "server/conn.h"
#include "server/listeners.h"
#include "server/live.h"
#include "server/proxy.h"
#include "server/workers.h"
#include "tls/blocks.h"
#include "tls/linger.h"
#include "upstream/resolver.h"

enum { KEEP_MS = 1000, LOOK_MS = 50, SETTLE_MS = 50, LINGER_MS = 1000 };

struct server {
    char *conf_file;
    struct ticket_master tickets;
    struct conf *started_with; /* the configuration at the start: parts of it apply until a restart */
    struct live live;
    struct workers workers;
    struct listeners listeners;

    pthread_t keeper;
    bool keeps;
    pthread_mutex_t lock; /* of what the keeper waits for */
    pthread_cond_t stops;
    bool stopped;
    _Atomic uint64_t kept_ms; /* when it did its last turn */
    bool access_log_fails;    /* the keeper's, as the next */
    uint64_t access_lines_dropped;
};

/* --- the keeper ----------------------------------------------------------------------------------------- */

/* Once when its lines begin to be lost, once when a second passed in which none was. */
static void tell_of_access_log(struct server *server)
{
    uint64_t dropped = access_dropped();
    bool fails = access_failing() || dropped != server->access_lines_dropped;
    int why = access_error();
    if (fails && !server->access_log_fails)
        log_error("the access log cannot be written, its lines are dropped: %s",
                  why == EAGAIN ? "its reader does not take them" : strerror(why));
    else if (!fails && server->access_log_fails)
        log_notice("the access log is written again, %llu lines were dropped so far",
                   (unsigned long long)dropped);
    server->access_lines_dropped = dropped;
    server->access_log_fails = fails;
}

static bool sleeps(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    if (!server->stopped)
        clock_cond_wait(&server->stops, &server->lock, KEEP_MS);
    bool stopped = server->stopped;
    pthread_mutex_unlock(&server->lock);
    return !stopped;
}

/* A thread for what is done once a second and may wait for a disk. */
static void *keep(void *cls)
{
    struct server *server = cls;
    do {
        uint64_t now_ms = clock_mono_ms();
        atomic_store_explicit(&server->kept_ms, now_ms, memory_order_relaxed);
        limits_tell(server->live.limits, now_ms);
        proxy_tell(now_ms);
        access_flush();
        tell_of_access_log(server);
    } while (sleeps(server));
    return NULL;
}

static int start_keeper(struct server *server, struct diag *diag)
{
    atomic_init(&server->kept_ms, clock_mono_ms());
    int rc = pthread_create(&server->keeper, NULL, keep, server);
    server->keeps = rc == 0;
    if (rc == 0)
        return 0;
    diag_error(diag, (struct src){0}, "cannot start a thread: %s", strerror(rc));
    return ERR_IO;
}

static void stop_keeper(struct server *server)
{
    if (!server->keeps)
        return;
    pthread_mutex_lock(&server->lock);
    server->stopped = true;
    pthread_cond_signal(&server->stops);
    pthread_mutex_unlock(&server->lock);
    pthread_join(server->keeper, NULL);
}

/* --- life ----------------------------------------------------------------------------------------------- */

static uint64_t descriptors(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}

static void warn_ceiling(const struct server *server, const struct conf *conf, struct diag *diag)
{
    struct src src = {.file = conf->file};
    unsigned most = limits_max_connections(conf, limits_ceiling(server->live.limits));
    if (conf->max_connections > most)
        diag_warning(
            diag, src,
            "max_connections = %lld needs more than the %llu files that this process may open: it is %u; "
            "raise the limit (LimitNOFILE= in the unit, ulimit -n in a shell) to %lld",
            conf->max_connections, (unsigned long long)descriptors(), most,
            limits_descriptors(conf->max_connections));
}

static struct server *make(const char *conf_file)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server)
        return NULL;
    live_init(&server->live);
    pthread_mutex_init(&server->lock, NULL);
    clock_cond_init(&server->stops);
    server->live.limits = limits_new(descriptors());
    linger_limit(limits_lingering(descriptors()));
    server->listeners = (struct listeners){.workers = &server->workers, .limits = server->live.limits};
    server->conf_file = strdup(conf_file);
    if (!server->conf_file || !server->live.limits) {
        server_free(server);
        return NULL;
    }
    return server;
}

int server_new(const char *conf_file, struct diag *diag, struct server **out)
{
    struct server *server = make(conf_file);
    if (!server)
        return ERR_NOMEM;
    struct err err = {0};
    int rc = ticket_master_init(&server->tickets, &err);
    if (rc != 0)
        diag_error(diag, (struct src){0}, "%s", err.text);
    struct snapshot *snapshot = NULL;
    if (rc == 0)
        rc = snapshot_build(conf_file, &server->tickets, conn_certificate, diag, &snapshot);
    if (rc == 0) {
        /* A copy of its own, so that no snapshot with keys is kept for it. The findings were reported
         * already. */
        struct diag silent = {0};
        rc = conf_load(conf_file, &silent, &server->started_with);
    }
    if (rc == 0) {
        server->live.rejections = rejections_new((size_t)snapshot->conf->rejections, REJECTIONS_MOST_BYTES);
        rc = server->live.rejections ? 0 : ERR_NOMEM;
    }
    if (rc != 0) {
        snapshot_unref(snapshot);
        server_free(server);
        return rc;
    }
    warn_ceiling(server, snapshot->conf, diag);
    live_publish(&server->live, snapshot);
    *out = server;
    return 0;
}

int server_bind(struct server *server, const int *inherited, struct diag *diag)
{
    struct snapshot *snapshot = server->live.snapshot;
    int rc = listeners_bind(&server->listeners, snapshot->conf, inherited, diag);
    listeners_number(&server->listeners, snapshot);
    return rc;
}

int server_give(const struct server *server, uid_t uid, gid_t gid, struct err *err)
{
    return listeners_give(&server->listeners, uid, gid, err);
}

int server_start(struct server *server, struct diag *diag)
{
    const struct conf *conf = server->live.snapshot->conf;
    struct err err = {0};
    blocks_use();
    int rc = start_keeper(server, diag);
    if (rc != 0)
        return rc;
    rc = resolver_start(&err);
    if (rc == 0)
        rc = workers_start(&server->workers, &server->live, conf, &err);
    if (rc != 0) {
        diag_error(diag, (struct src){.file = conf->file}, "%s", err.text);
        return rc;
    }
    rc = listeners_watch(&server->listeners, conf, diag);
    if (rc == 0)
        listeners_admit(&server->listeners, conf);
    return rc;
}

bool server_turns(struct server *server)
{
    uint64_t kept = atomic_load_explicit(&server->kept_ms, memory_order_relaxed);
    bool keeps = clock_mono_ms() - kept < 5 * KEEP_MS;
    return workers_turn(&server->workers) && keeps;
}

void server_free(struct server *server)
{
    if (!server)
        return;
    workers_stop(&server->workers);
    listeners_close(&server->listeners);
    stop_keeper(server);
    conf_free(server->started_with);
    live_done(&server->live);
    ticket_master_wipe(&server->tickets);
    pthread_cond_destroy(&server->stops);
    pthread_mutex_destroy(&server->lock);
    free(server->conf_file);
    free(server);
}

/* --- reload --------------------------------------------------------------------------------------------- */

/* Everything that can fail: nothing of it is seen from outside, and it is all undone when it does. */
static int prepare(struct server *server, server_admit_fn *admit, void *cls, struct snapshot **out,
                   struct diag *diag)
{
    struct snapshot *snapshot = NULL;
    int rc = snapshot_build(server->conf_file, &server->tickets, conn_certificate, diag, &snapshot);
    if (rc != 0)
        return rc;
    rc = admit(cls, snapshot->conf, diag);
    if (rc == 0) {
        conf_warn_restart(server->started_with, snapshot->conf, diag);
        warn_ceiling(server, snapshot->conf, diag);
        snapshot_warn_older(server->live.snapshot, snapshot, diag);
        rc = listeners_bind(&server->listeners, snapshot->conf, NULL, diag);
    }
    listeners_number(&server->listeners, snapshot);
    if (rc == 0)
        *out = snapshot;
    else
        snapshot_unref(snapshot);
    return rc;
}

int server_reload(struct server *server, server_admit_fn *admit, void *cls, struct diag *diag)
{
    struct diag inner = {.emit = diag->emit, .cls = diag->cls}; /* counts those of this reload */
    struct live *live = &server->live;
    struct snapshot *snapshot = NULL;
    int rc = prepare(server, admit, cls, &snapshot, &inner);
    if (rc != 0 && inner.errors == 0)
        diag_error(&inner, (struct src){.file = server->conf_file}, "out of memory");
    if (rc == 0) {
        live_publish(live, snapshot);
        struct err err = {0};
        if (resolver_start(&err) != 0)
            log_error("%s", err.text);
        listeners_admit(&server->listeners, snapshot->conf);
        if (!listeners_retire(&server->listeners, snapshot->conf))
            live_forget_before(live);
        workers_tell(&server->workers, WORKER_SWEEP);
        log_notice("reloaded: generation %llu, %zu listener%s", (unsigned long long)live_generation(live),
                   server->listeners.n, server->listeners.n == 1 ? "" : "s");
    } else {
        live_reload_failed(live);
    }
    diag->errors += inner.errors;
    diag->warnings += inner.warnings;
    metrics_add(METRIC_reloads, rc == 0 ? RELOAD_DONE : RELOAD_REFUSED, 0, 1);
    return rc;
}

/* --- the end -------------------------------------------------------------------------------------------- */

void server_drain(struct server *server)
{
    struct live *live = &server->live;
    struct snapshot *snapshot = live_snapshot(live);
    uint64_t until_ms = clock_mono_ms() + (uint64_t)snapshot->conf->drain_timeout * 1000;
    snapshot_unref(snapshot);
    atomic_store(&live->draining, true);
    listeners_quiet(&server->listeners);

    /* One with a request under way ends with its response, which carries Connection: close; so does one whose
     * client asks again within the next moment. Who has not by then is idle. */
    workers_tell(&server->workers, WORKER_SWEEP);
    uint64_t now_ms = clock_mono_ms(), again_ms = now_ms + CONN_FRESH_MS;
    /* A worker may have just handed a connection to another that has not begun with it. */
    const uint64_t settled_ms = now_ms + SETTLE_MS;
    size_t left;
    while (left = live_connections(live), clock_mono_ms() < (left > 0 ? until_ms : settled_ms)) {
        live_wait(live, LOOK_MS);
        if (again_ms != 0 && clock_mono_ms() >= again_ms) {
            workers_tell(&server->workers, WORKER_SWEEP);
            again_ms = 0;
        }
    }
    /* Their last responses may still be on their way. */
    for (uint64_t lingered_ms = clock_mono_ms() + LINGER_MS;
         linger_held() > 0 && clock_mono_ms() < lingered_ms;)
        live_wait(live, LOOK_MS);
    if (left > 0)
        log_warning("drain_timeout passed: %zu connection%s cut", left, left == 1 ? "" : "s");
}

/* -------------------------------------------------------------------------------------------------------- */

void server_describe(struct server *server, struct buf *out)
{
    struct snapshot *snapshot = live_snapshot(&server->live);
    for (size_t i = 0; i < server->listeners.n; i++) {
        const struct listener *listener = server->listeners.item[i];
        const struct snapshot_listener *its = listener_in(listener, snapshot);
        const char *url = listener->port->url;
        if (strncmp(url, CONF_ADDRESS_LOCAL, strlen(CONF_ADDRESS_LOCAL)) == 0)
            buf_printf(out, "%s %s\n", listener->name, url);
        else if (its && its->conf->mode == LISTENER_TCP)
            buf_printf(out, "%s %s%s\n", listener->name, its->conf->tls ? "tls" : "tcp",
                       url + strlen("https"));
        else if (its && !its->conf->tls)
            buf_printf(out, "%s http%s\n", listener->name, url + strlen("https"));
        else
            buf_printf(out, "%s %s\n", listener->name, url);
    }
    snapshot_unref(snapshot);
}

struct snapshot *server_snapshot(struct server *server)
{
    return live_snapshot(&server->live);
}

uint64_t server_generation(const struct server *server)
{
    return live_generation(&server->live);
}
