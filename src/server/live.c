#include "config.h"

#include "server/live.h"

#include <gnutls/crypto.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/conf_backend.h"
#include "report/access.h"
#include "report/metrics.h"
#include "server/listener.h"

void live_init(struct live *live)
{
    *live = (struct live){.started_ms = clock_mono_ms()};
    handshakes_init(&live->handshakes);
    pthread_mutex_init(&live->lock, NULL);
    clock_cond_init(&live->moved);
    if (gnutls_rnd(GNUTLS_RND_NONCE, &live->run, sizeof live->run) < 0)
        live->run = (uint32_t)clock_now();
}

void live_done(struct live *live)
{
    snapshot_unref(live->snapshot);
    snapshot_unref(live->before);
    rejections_free(live->rejections);
    limits_free(live->limits);
    handshakes_done(&live->handshakes);
    pthread_cond_destroy(&live->moved);
    pthread_mutex_destroy(&live->lock);
}

struct snapshot *live_snapshot(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    struct snapshot *snapshot = snapshot_ref(live->snapshot);
    pthread_mutex_unlock(&live->lock);
    return snapshot;
}

struct snapshot *live_snapshot_of(struct live *live, const struct listener *listener)
{
    pthread_mutex_lock(&live->lock);
    bool gone = live->before && !listener_in(listener, live->snapshot);
    struct snapshot *snapshot = snapshot_ref(gone ? live->before : live->snapshot);
    pthread_mutex_unlock(&live->lock);
    return snapshot;
}

void live_forget_before(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    struct snapshot *before = live->before;
    live->before = NULL;
    pthread_mutex_unlock(&live->lock);
    snapshot_unref(before);
}

void live_publish(struct live *live, struct snapshot *snapshot)
{
    limits_configure(live->limits, snapshot->conf);
    live_forget_before(live);
    pthread_mutex_lock(&live->lock);
    live->before = live->snapshot;
    snapshot->generation = live_generation(live) + 1;
    live->snapshot = snapshot;
    live->reload_failed = false;
    atomic_store_explicit(&live->generation, snapshot->generation, memory_order_release);
    pthread_mutex_unlock(&live->lock);
}

void live_reload_failed(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    live->reload_failed = true;
    live->refused_reloads++;
    pthread_mutex_unlock(&live->lock);
}

uint64_t live_opened(struct live *live)
{
    return atomic_fetch_add_explicit(&live->opened, 1, memory_order_relaxed) + 1;
}

void live_closed(struct live *live)
{
    atomic_fetch_add(&live->closed, 1);
    if (!atomic_load(&live->awaited))
        return;
    pthread_mutex_lock(&live->lock);
    pthread_cond_broadcast(&live->moved);
    pthread_mutex_unlock(&live->lock);
}

size_t live_connections(const struct live *live)
{
    uint64_t closed = atomic_load(&live->closed);
    return (size_t)(atomic_load(&live->opened) - closed);
}

void live_wait(struct live *live, uint64_t ms)
{
    atomic_store(&live->awaited, true);
    pthread_mutex_lock(&live->lock);
    clock_cond_wait(&live->moved, &live->lock, ms);
    pthread_mutex_unlock(&live->lock);
}

/* It gets its share of the requests: neither a check nor its failures speak against it. */
static bool is_up(const struct origin *server, uint64_t now_ms)
{
    return balance_is_up(&server->state, now_ms);
}

static void look_at_backend(const void *cls, size_t i, struct health_backend *out)
{
    const struct snapshot *snapshot = cls;
    const struct backend *backend = snapshot->backend[i];
    const uint64_t now_ms = clock_mono_ms();
    *out = (struct health_backend){.name = backend->conf->name, .n = backend->n};
    for (unsigned j = 0; j < backend->n; j++)
        out->up += is_up(backend->server[j].origin, now_ms);
}

void live_health(struct live *live, const struct snapshot *snapshot, struct health *out)
{
    *out = (struct health){
        .now = clock_now(),
        .uptime = (clock_mono_ms() - live->started_ms) / 1000,
        .draining = live_draining(live),
        .generation = snapshot->generation,
        .listener = snapshot->health,
        .n_listeners = snapshot->n_all,
        .n_backends = snapshot->conf->n_backends,
        .backend = look_at_backend,
        .backend_cls = snapshot,
    };
    pthread_mutex_lock(&live->lock);
    out->reload_failed = live->reload_failed;
    out->refused_reloads = live->refused_reloads;
    pthread_mutex_unlock(&live->lock);
}

static const char *const RESULTS[ORIGIN_RESULTS] = {
    [ORIGIN_ANSWERED_1XX] = "1xx",        [ORIGIN_ANSWERED_2XX] = "2xx", [ORIGIN_ANSWERED_3XX] = "3xx",
    [ORIGIN_ANSWERED_4XX] = "4xx",        [ORIGIN_ANSWERED_5XX] = "5xx", [ORIGIN_SILENT] = "silent",
    [ORIGIN_UNREACHABLE] = "unreachable", [ORIGIN_BROKEN] = "broken",    [ORIGIN_LEFT] = "left",
    [ORIGIN_CONNECTED] = "connected"};

enum { SERVER_SAMPLES = ORIGIN_RESULTS + 10 };

static double microseconds(const _Atomic uint64_t *us)
{
    return (double)atomic_load_explicit(us, memory_order_relaxed) / 1e6;
}

/* The server stands in the configuration, so that no client can make more rows. */
static size_t sample_server(const struct backend_server *of, struct metrics_sample *samples)
{
    const struct origin *server = of->origin;
    size_t n = 0;
#define SAMPLE(id, word, number)                                                                             \
    samples[n++] = (struct metrics_sample){METRIC_##id, server->backend, (double)(number), server->name, word}
    SAMPLE(backend_up, NULL, is_up(server, clock_mono_ms()));
    SAMPLE(backend_active, NULL, atomic_load(&server->state.active));
    for (size_t i = 0; i < ORIGIN_RESULTS; i++)
        SAMPLE(backend_requests, RESULTS[i], atomic_load(&server->results[i]));
    SAMPLE(backend_retries, NULL, atomic_load(&server->retries));
    SAMPLE(backend_connections, NULL, atomic_load(&server->connections));
    if (conf_server_is_h2(of->conf)) {
        SAMPLE(backend_h2_open, NULL, atomic_load(&server->h2_open));
        SAMPLE(backend_h2_streams, NULL, atomic_load(&server->h2_streams));
    }
    SAMPLE(backend_connect, NULL, microseconds(&server->connect_us));
    SAMPLE(backend_first_byte, NULL, microseconds(&server->first_byte_us));
    SAMPLE(backend_checks, "ok", atomic_load(&server->checks[0]));
    SAMPLE(backend_checks, "failed", atomic_load(&server->checks[1]));
#undef SAMPLE
    return n;
}

void live_metrics(struct live *live, const struct snapshot *snapshot, struct buf *out)
{
    /* A row for each limit, three for each listener, some for each server of a backend, and one for each of
     * the rest. */
    size_t room = LIMIT_COUNT + 3 * snapshot->n_all + METRIC_COUNT, n = 0;
    for (size_t i = 0; i < snapshot->conf->n_backends; i++)
        room += (size_t)snapshot->backend[i]->n * SERVER_SAMPLES;
    struct metrics_sample *samples = calloc(room, sizeof *samples);
    if (!samples)
        return;
#define SAMPLE(id, text, number)                                                                             \
    samples[n++] = (struct metrics_sample){.metric = METRIC_##id, .label = (text), .value = (double)(number)}
    SAMPLE(connections_open, NULL, live_connections(live));
    SAMPLE(connections, NULL, atomic_load(&live->opened));
    for (size_t i = 0; i < LIMIT_COUNT; i++)
        SAMPLE(limit_hits, limits_name((enum limit)i), limits_hits(live->limits, (enum limit)i));
    for (size_t i = 0; i < snapshot->n_all; i++) {
        const struct health_listener *listener = &snapshot->health[i];
        if (listener->certificate_not_after != 0)
            SAMPLE(certificate_not_after, listener->name, listener->certificate_not_after);
        if (listener->crl_next_update != 0)
            SAMPLE(crl_next_update, listener->name, listener->crl_next_update);
        if (listener->ticket_key_made != 0)
            SAMPLE(ticket_key_created, listener->name, listener->ticket_key_made);
    }
    SAMPLE(generation, NULL, snapshot->generation);
    SAMPLE(draining, NULL, live_draining(live));
    SAMPLE(log_lines_dropped, NULL, access_dropped());
    SAMPLE(error_lines_dropped, NULL, log_dropped());
    SAMPLE(start_time, NULL, clock_now() - (time_t)((clock_mono_ms() - live->started_ms) / 1000));
    SAMPLE(build_info, PACKAGE_VERSION, 1);
#undef SAMPLE
    for (size_t i = 0; i < snapshot->conf->n_backends; i++) {
        for (unsigned j = 0; j < snapshot->backend[i]->n; j++)
            n += sample_server(&snapshot->backend[i]->server[j], samples + n);
    }
    metrics_write(samples, n, out);
    free(samples);
}
