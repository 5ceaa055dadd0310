/* What is live: the snapshot that serves, and what every connection of every worker may ask for or add to.
 * Made before the first worker and freed after the last. Any thread, unless it says otherwise. */
#ifndef MTLSD_SERVER_LIVE_H
#define MTLSD_SERVER_LIVE_H

#include <pthread.h>
#include <stdatomic.h>

#include "http/message.h"
#include "report/rejections.h"
#include "server/handshakes.h"
#include "server/limits.h"
#include "server/snapshot.h"

struct listener;

/* Embedded in the server. Private to live.c but for what has no lock beside it. */
struct live {
    struct limits *limits;         /* owned */
    struct rejections *rejections; /* owned */
    struct handshakes handshakes;
    /* A number that this start has and hardly another: with a connection's it is one of a kind. */
    uint32_t run;
    uint64_t started_ms;
    atomic_bool draining; /* the server ends: answers end their connections, and so do idle ones */

    pthread_mutex_t lock; /* of what follows */
    struct snapshot *snapshot;
    struct snapshot *before; /* the last reload closed listeners: what their last connections begin with */
    bool reload_failed;
    uint64_t refused_reloads;
    _Atomic uint64_t generation; /* written under the lock */

    pthread_cond_t moved; /* a connection ended while somebody waits for that */
    _Atomic uint64_t opened, closed;
    atomic_bool awaited;
};

void live_init(struct live *live);
void live_done(struct live *live);

/* A reference of the caller's. */
struct snapshot *live_snapshot(struct live *live);
/* The same for a new connection of that listener: when the last reload closed the listener, the one before.
 */
struct snapshot *live_snapshot_of(struct live *live, const struct listener *listener);
static inline uint64_t live_generation(const struct live *live)
{
    return atomic_load_explicit(&live->generation, memory_order_acquire);
}
static inline bool live_draining(const struct live *live)
{
    return atomic_load_explicit(&live->draining, memory_order_relaxed);
}

/* The main thread: the snapshot goes live, and the reference is live's. That of before stays at hand until
 * live_forget_before. */
void live_publish(struct live *live, struct snapshot *snapshot);
void live_forget_before(struct live *live);
void live_reload_failed(struct live *live);

/* A connection begins: its number, from 1 on. */
uint64_t live_opened(struct live *live);
void live_closed(struct live *live);
size_t live_connections(const struct live *live);
/* Waits until one ends, `ms` at most. */
void live_wait(struct live *live, uint64_t ms);

/* What /health and /metrics tell. */
void live_health(struct live *live, const struct snapshot *snapshot, struct health *out);
void live_metrics(struct live *live, const struct snapshot *snapshot, struct buf *out);

#endif
