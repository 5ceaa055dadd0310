#include "config.h"

#include "server/server.h"

#include <errno.h>
#include <gnutls/crypto.h>
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
#include "server/kept.h"
#include "server/listener.h"
#include "server/listeners.h"
#include "server/registry.h"
#include "server/shed.h"
#include "tls/blocks.h"
#include "tls/linger.h"
#include "tls/worker.h"

enum {
    MOST_SLEEP_MS = 1000,
    SETTLE_MS = 50,
    LOOK_MS = 50,
    LINGER_MS = 1000,
    LEAST_SLEEP_MS = 20,
};

struct server {
    char *conf_file;
    struct ticket_master tickets;
    struct rejections *rejections;
    struct limits *limits;
    struct conf *started_with; /* the configuration at the start: parts of it apply until a restart */
    uint64_t started_ms;
    uint32_t run;

    pthread_mutex_t lock; /* the snapshot's pointer and the reload's result */
    struct snapshot *snapshot;
    struct snapshot *before; /* the last reload closed listeners: what their last connections begin with */
    _Atomic uint64_t generation;
    bool reload_failed;
    uint64_t refused_reloads;

    struct listeners listeners; /* the main thread's */
    struct registry registry;

    pthread_t watch;
    bool watching;
    _Atomic uint64_t watch_turned_ms; /* when it did its last turn */
    atomic_bool draining;
    bool access_log_fails; /* the watch thread's, as the next */
    uint64_t access_lines_dropped;
};

/* --- snapshot
 * ------------------------------------------------------------------------------------------------------ */

struct snapshot *server_snapshot(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    struct snapshot *snapshot = snapshot_ref(server->snapshot);
    pthread_mutex_unlock(&server->lock);
    return snapshot;
}

struct snapshot *server_snapshot_of(struct server *server, const char *listener_name)
{
    pthread_mutex_lock(&server->lock);
    bool gone = server->before && !snapshot_listener(server->snapshot, listener_name);
    struct snapshot *snapshot = snapshot_ref(gone ? server->before : server->snapshot);
    pthread_mutex_unlock(&server->lock);
    return snapshot;
}

uint64_t server_generation(const struct server *server)
{
    return atomic_load_explicit(&server->generation, memory_order_acquire);
}

static void forget_before(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    struct snapshot *before = server->before;
    server->before = NULL;
    pthread_mutex_unlock(&server->lock);
    snapshot_unref(before);
}

/* The snapshot of before stays at hand until forget_before. */
static void publish(struct server *server, struct snapshot *snapshot)
{
    limits_configure(server->limits, snapshot->conf);
    forget_before(server);
    pthread_mutex_lock(&server->lock);
    server->before = server->snapshot;
    snapshot->generation = server_generation(server) + 1;
    server->snapshot = snapshot;
    server->reload_failed = false;
    atomic_store_explicit(&server->generation, snapshot->generation, memory_order_release);
    pthread_mutex_unlock(&server->lock);
}

uint32_t server_run(const struct server *server)
{
    return server->run;
}

void server_health(struct server *server, const struct snapshot *snapshot, struct health *out)
{
    *out = (struct health){
        .now = clock_now(),
        .uptime = (clock_mono_ms() - server->started_ms) / 1000,
        .draining = server_draining(server),
        .generation = snapshot->generation,
        .listener = snapshot->health,
        .n_listeners = snapshot->n_listeners,
    };
    pthread_mutex_lock(&server->lock);
    out->reload_failed = server->reload_failed;
    out->refused_reloads = server->refused_reloads;
    pthread_mutex_unlock(&server->lock);
}

void server_metrics(struct server *server, const struct snapshot *snapshot, struct buf *out)
{
    /* A row for each limit, three for each listener, and one for each of the rest. */
    size_t room = LIMIT_COUNT + 3 * snapshot->n_listeners + METRIC_COUNT, n = 0;
    struct metrics_sample *samples = calloc(room, sizeof *samples);
    if (!samples)
        return;
#define SAMPLE(id, text, number) samples[n++] = (struct metrics_sample){METRIC_##id, text, (double)(number)}
    uint64_t connections;
    SAMPLE(connections_open, NULL, registry_count(&server->registry, &connections));
    SAMPLE(connections, NULL, connections);
    for (size_t i = 0; i < LIMIT_COUNT; i++)
        SAMPLE(limit_hits, limits_name((enum limit)i), limits_hits(server->limits, (enum limit)i));
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        const struct health_listener *listener = &snapshot->health[i];
        if (listener->certificate_not_after != 0)
            SAMPLE(certificate_not_after, listener->name, listener->certificate_not_after);
        if (listener->crl_next_update != 0)
            SAMPLE(crl_next_update, listener->name, listener->crl_next_update);
        if (listener->ticket_key_made != 0)
            SAMPLE(ticket_key_created, listener->name, listener->ticket_key_made);
    }
    SAMPLE(generation, NULL, snapshot->generation);
    SAMPLE(draining, NULL, server_draining(server));
    SAMPLE(log_lines_dropped, NULL, access_dropped());
    SAMPLE(error_lines_dropped, NULL, log_dropped());
    SAMPLE(start_time, NULL, clock_now() - (time_t)((clock_mono_ms() - server->started_ms) / 1000));
    SAMPLE(build_info, PACKAGE_VERSION, 1);
#undef SAMPLE
    metrics_write(samples, n, out);
    free(samples);
}

/* --- registry and deadlines
 * ---------------------------------------------------------------------------------------- */

void server_handshake_talks(struct server *server, struct conn *conn)
{
    registry_talks(&server->registry, conn);
}

void server_handshake_over(struct server *server, struct conn *conn)
{
    registry_handshake_over(&server->registry, conn);
}

void server_register(struct server *server, struct conn *conn)
{
    registry_add(&server->registry, conn, limits_max_handshakes(server->limits));
}

void server_unregister(struct server *server, struct conn *conn)
{
    registry_remove(&server->registry, conn);
}

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

/* A deadline that is set while this sleeps is at least a second away (the shortest that the configuration
 * allows), so nobody needs to wake it. */
static void *watch(void *cls)
{
    struct server *server = cls;
    while (!registry_stopped(&server->registry)) {
        uint64_t next_ms = registry_expire(&server->registry), now_ms = clock_mono_ms();
        atomic_store_explicit(&server->watch_turned_ms, now_ms, memory_order_relaxed);
        limits_tell(server->limits, now_ms);
        access_flush();
        tell_of_access_log(server);
        uint64_t sleep_ms = next_ms > now_ms ? next_ms - now_ms : 0;
        sleep_ms = sleep_ms > LEAST_SLEEP_MS ? sleep_ms : LEAST_SLEEP_MS;
        registry_wait(&server->registry, sleep_ms < MOST_SLEEP_MS ? sleep_ms : MOST_SLEEP_MS);
    }
    return NULL;
}

/* --- life
 * ----------------------------------------------------------------------------------------------------------
 */

static uint64_t descriptors(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}

static void warn_ceiling(const struct server *server, const struct conf *conf, struct diag *diag)
{
    struct src src = {.file = conf->file};
    unsigned most = limits_max_connections(conf, limits_ceiling(server->limits));
    if (conf->max_connections > most)
        diag_warning(
            diag, src,
            "max_connections = %lld needs more than the %llu files that this process may open: it is %u; "
            "raise the limit (LimitNOFILE= in the unit, ulimit -n in a shell) to %lld",
            conf->max_connections, (unsigned long long)descriptors(), most,
            limits_descriptors(conf->max_connections));
}

int server_new(const char *conf_file, struct diag *diag, struct server **out)
{
    struct src nowhere = {0};
    struct server *server = calloc(1, sizeof *server);
    if (!server)
        return ERR_NOMEM;
    pthread_mutex_init(&server->lock, NULL);
    registry_init(&server->registry);
    server->started_ms = clock_mono_ms();
    if (gnutls_rnd(GNUTLS_RND_NONCE, &server->run, sizeof server->run) < 0)
        server->run = (uint32_t)clock_now();
    server->conf_file = strdup(conf_file);

    struct err err = {0};
    int rc = server->conf_file ? ticket_master_init(&server->tickets, &err) : err_nomem(&err);
    if (rc != 0)
        diag_error(diag, nowhere, "%s", err.text);
    struct snapshot *snapshot = NULL;
    if (rc == 0)
        rc = snapshot_build(conf_file, &server->tickets, diag, &snapshot);
    if (rc == 0) {
        /* A copy of its own, so that no snapshot with keys is kept for it. The findings were reported
         * already. */
        struct diag silent = {0};
        rc = conf_load(conf_file, &silent, &server->started_with);
    }
    if (rc != 0) {
        snapshot_unref(snapshot);
        server_free(server);
        return rc;
    }
    server->rejections = rejections_new((size_t)snapshot->conf->rejections, REJECTIONS_MOST_BYTES);
    server->limits = limits_new(descriptors());
    if (!server->rejections || !server->limits) {
        snapshot_unref(snapshot);
        server_free(server);
        return ERR_NOMEM;
    }
    warn_ceiling(server, snapshot->conf, diag);
    publish(server, snapshot);
    *out = server;
    return 0;
}

int server_bind(struct server *server, const int *inherited, struct diag *diag)
{
    return listeners_bind(&server->listeners, server, server->snapshot->conf, inherited, diag);
}

int server_start(struct server *server, struct diag *diag)
{
    blocks_use();
    worker_tidy(kept_tidy);
    atomic_init(&server->watch_turned_ms, clock_mono_ms());
    int rc = pthread_create(&server->watch, NULL, watch, server);
    if (rc != 0) {
        struct src nowhere = {0};
        diag_error(diag, nowhere, "cannot start a thread: %s", strerror(rc));
        return ERR_IO;
    }
    server->watching = true;
    const struct conf *conf = server->snapshot->conf;
    shed_start(server->limits);
    rc = listeners_start(&server->listeners, 0, conf, diag);
    if (rc == 0)
        listeners_admit(&server->listeners, conf);
    return rc;
}

bool server_turns(struct server *server)
{
    uint64_t turned = atomic_load_explicit(&server->watch_turned_ms, memory_order_relaxed);
    bool all = clock_mono_ms() - turned < 5 * MOST_SLEEP_MS;
    return listeners_turn(&server->listeners) && all;
}

void server_free(struct server *server)
{
    if (!server)
        return;
    listeners_close(&server->listeners);
    if (server->watching) {
        registry_stop(&server->registry);
        pthread_join(server->watch, NULL);
    }
    snapshot_unref(server->snapshot);
    snapshot_unref(server->before);
    conf_free(server->started_with);
    rejections_free(server->rejections);
    shed_start(NULL);
    limits_free(server->limits);
    ticket_master_wipe(&server->tickets);
    pthread_mutex_destroy(&server->lock);
    registry_done(&server->registry);
    free(server->conf_file);
    free(server);
}

/* Everything that can fail: nothing of it is seen from outside, and it is all undone when it does. */
static int prepare(struct server *server, server_admit_fn *admit, void *cls, struct snapshot **out,
                   struct diag *diag)
{
    struct snapshot *snapshot = NULL;
    int rc = snapshot_build(server->conf_file, &server->tickets, diag, &snapshot);
    if (rc != 0)
        return rc;
    size_t had = server->listeners.n;
    rc = admit(cls, snapshot->conf, diag);
    if (rc == 0)
        conf_warn_restart(server->started_with, snapshot->conf, diag);
    if (rc == 0)
        rc = listeners_bind(&server->listeners, server, snapshot->conf, NULL, diag);
    if (rc == 0)
        rc = listeners_start(&server->listeners, had, snapshot->conf, diag);
    if (rc == 0)
        *out = snapshot;
    else
        snapshot_unref(snapshot);
    return rc;
}

/* Where clients are asked for a certificate from now on: those that wait and were not asked come again, and
 * need not be refused. */
static void end_unasked(struct server *server)
{
    for (size_t i = 0; server->before && i < server->listeners.n; i++) {
        const char *name = listener_name(server->listeners.item[i]);
        const struct snapshot_listener *was = snapshot_listener(server->before, name);
        const struct snapshot_listener *is = snapshot_listener(server->snapshot, name);
        if (was && is && was->conf->client_auth == CLIENT_AUTH_OFF &&
            is->conf->client_auth != CLIENT_AUTH_OFF)
            registry_end_idle_of(&server->registry, name);
    }
}

int server_reload(struct server *server, server_admit_fn *admit, void *cls, struct diag *diag)
{
    struct diag inner = {.emit = diag->emit, .cls = diag->cls}; /* counts those of this reload */
    struct snapshot *snapshot = NULL;
    int rc = prepare(server, admit, cls, &snapshot, &inner);
    if (rc != 0 && inner.errors == 0)
        diag_error(&inner, (struct src){.file = server->conf_file}, "out of memory");
    if (rc == 0) {
        warn_ceiling(server, snapshot->conf, &inner);
        snapshot_warn_older(server->snapshot, snapshot, &inner);
        publish(server, snapshot);
        end_unasked(server);
        listeners_admit(&server->listeners, snapshot->conf);
        if (!listeners_retire(&server->listeners, snapshot->conf, &server->registry))
            forget_before(server);
        log_notice("reloaded: generation %llu, %zu listener%s", (unsigned long long)server_generation(server),
                   server->listeners.n, server->listeners.n == 1 ? "" : "s");
    } else {
        pthread_mutex_lock(&server->lock);
        server->reload_failed = true;
        server->refused_reloads++;
        pthread_mutex_unlock(&server->lock);
    }
    diag->errors += inner.errors;
    diag->warnings += inner.warnings;
    metrics_add(METRIC_reloads, rc == 0 ? RELOAD_DONE : RELOAD_REFUSED, 0, 1);
    return rc;
}

struct limits *server_limits(struct server *server)
{
    return server->limits;
}

struct rejections *server_rejections(struct server *server)
{
    return server->rejections;
}

bool server_draining(const struct server *server)
{
    return atomic_load_explicit(&server->draining, memory_order_relaxed);
}

void server_drain(struct server *server)
{
    struct snapshot *snapshot = server_snapshot(server);
    uint64_t until_ms = clock_mono_ms() + (uint64_t)snapshot->conf->drain_timeout * 1000;
    snapshot_unref(snapshot);
    atomic_store(&server->draining, true);
    listeners_quiet(&server->listeners);

    uint64_t now_ms = clock_mono_ms(), fresh_ms = now_ms + CONN_FRESH_MS;
    registry_await(&server->registry);
    /* One with a request under way ends with its response, which carries Connection: close; so does one whose
     * client asks again within the next moment, as those do that are in the middle of their work. */
    registry_end_idle(&server->registry, now_ms - CONN_FRESH_MS);
    /* A worker may have accepted a connection just now that is not in the registry yet: it is waited for,
     * too. */
    const uint64_t settled_ms = now_ms + SETTLE_MS;
    size_t left;
    while (left = registry_count(&server->registry, NULL),
           clock_mono_ms() < (left > 0 ? until_ms : settled_ms)) {
        registry_wait(&server->registry, LOOK_MS);
        if (fresh_ms != 0 && clock_mono_ms() >= fresh_ms) {
            registry_end_idle(&server->registry, UINT64_MAX);
            fresh_ms = 0;
        }
    }
    /* Their last responses may still be on their way. */
    for (uint64_t lingered_ms = clock_mono_ms() + LINGER_MS;
         linger_held() > 0 && clock_mono_ms() < lingered_ms;)
        registry_wait(&server->registry, LOOK_MS);
    if (left > 0)
        log_warning("drain_timeout passed: %zu connection%s cut", left, left == 1 ? "" : "s");
}

void server_describe(struct server *server, struct buf *out)
{
    for (size_t i = 0; i < server->listeners.n; i++)
        buf_printf(out, "%s %s\n", listener_name(server->listeners.item[i]),
                   listener_url(server->listeners.item[i]));
}
