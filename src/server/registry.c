#include "server/registry.h"

#include <time.h>

#include "base/clock.h"

void registry_init(struct registry *registry)
{
    *registry = (struct registry){.conns = NULL};
    pthread_mutex_init(&registry->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&registry->moved, &attributes);
    pthread_condattr_destroy(&attributes);
}

void registry_done(struct registry *registry)
{
    pthread_mutex_destroy(&registry->lock);
    pthread_cond_destroy(&registry->moved);
}

/* --- handshakes in flight --- */

static void leave_handshakes(struct registry *registry, struct conn *conn)
{
    if (conn->handshaking == CONN_NO_HANDSHAKE)
        return;
    struct handshakes *list = &registry->handshakes[conn->handshaking];
    *(conn->older ? &conn->older->newer : &list->oldest) = conn->newer;
    *(conn->newer ? &conn->newer->older : &list->newest) = conn->older;
    conn->older = conn->newer = NULL;
    conn->handshaking = CONN_NO_HANDSHAKE;
    list->n--;
}

static void enter_handshakes(struct registry *registry, struct conn *conn, enum conn_handshaking how)
{
    struct handshakes *list = &registry->handshakes[how];
    conn->handshaking = how;
    conn->older = list->newest;
    *(conn->older ? &conn->older->newer : &list->oldest) = conn;
    list->newest = conn;
    list->n++;
}

/* An honest client says who it is in the first moment, and is through with its handshake in the next. So
 * those make room that have not said anything, of them the one that was silent for the longest. Those that
 * have spoken may have half of the places for themselves: beyond it the one that spoke and has been at it for
 * the longest makes room, or whoever speaks and then stops would keep everybody out. */
static void limit_handshakes(struct registry *registry, size_t most)
{
    const struct handshakes *silent = &registry->handshakes[CONN_SILENT];
    const struct handshakes *talking = &registry->handshakes[CONN_TALKING];
    while (silent->n + talking->n > most) {
        struct conn *goes = silent->n == 0 || talking->n > most / 2 ? talking->oldest : silent->oldest;
        leave_handshakes(registry, goes);
        conn_expire(goes, CONN_DISPLACED);
    }
}

void registry_talks(struct registry *registry, struct conn *conn)
{
    pthread_mutex_lock(&registry->lock);
    if (conn->handshaking == CONN_SILENT) {
        leave_handshakes(registry, conn);
        enter_handshakes(registry, conn, CONN_TALKING);
    }
    pthread_mutex_unlock(&registry->lock);
}

void registry_handshake_over(struct registry *registry, struct conn *conn)
{
    pthread_mutex_lock(&registry->lock);
    leave_handshakes(registry, conn);
    pthread_mutex_unlock(&registry->lock);
}

/* --- coming and going --- */

void registry_add(struct registry *registry, struct conn *conn, size_t most)
{
    pthread_mutex_lock(&registry->lock);
    conn->id = ++registry->last_id;
    conn->next = registry->conns;
    if (conn->next)
        conn->next->prev = conn;
    registry->conns = conn;
    registry->n++;
    enter_handshakes(registry, conn, CONN_SILENT);
    limit_handshakes(registry, most);
    pthread_mutex_unlock(&registry->lock);
}

void registry_remove(struct registry *registry, struct conn *conn)
{
    pthread_mutex_lock(&registry->lock);
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        registry->conns = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    registry->n--;
    leave_handshakes(registry, conn);
    if (registry->awaited)
        pthread_cond_broadcast(&registry->moved);
    pthread_mutex_unlock(&registry->lock);
}

/* --- looking through all --- */

uint64_t registry_expire(struct registry *registry)
{
    uint64_t now = clock_mono_ms(), next = UINT64_MAX;
    pthread_mutex_lock(&registry->lock);
    for (struct conn *conn = registry->conns; conn; conn = conn->next) {
        uint64_t deadline = atomic_load_explicit(&conn->transport.deadline_ms, memory_order_relaxed);
        if (deadline == 0)
            continue;
        if (deadline <= now)
            conn_expire(conn, CONN_LATE);
        else if (deadline < next)
            next = deadline;
    }
    pthread_mutex_unlock(&registry->lock);
    return next;
}

void registry_end_idle(struct registry *registry, uint64_t since_ms)
{
    pthread_mutex_lock(&registry->lock);
    for (struct conn *conn = registry->conns; conn; conn = conn->next) {
        uint8_t phase = atomic_load_explicit(&conn->phase, memory_order_relaxed);
        if ((phase == CONN_IDLE || phase == CONN_FRESH) &&
            atomic_load_explicit(&conn->idle_ms, memory_order_relaxed) <= since_ms &&
            atomic_load_explicit(&conn->transport.deadline_ms, memory_order_relaxed) == 0)
            transport_expire(&conn->transport);
    }
    pthread_mutex_unlock(&registry->lock);
}

void registry_end_idle_of(struct registry *registry, const char *listener_name)
{
    pthread_mutex_lock(&registry->lock);
    for (struct conn *conn = registry->conns; conn; conn = conn->next) {
        if (conn->listener_name == listener_name &&
            atomic_load_explicit(&conn->phase, memory_order_relaxed) == CONN_IDLE)
            transport_expire(&conn->transport);
    }
    pthread_mutex_unlock(&registry->lock);
}

size_t registry_count(struct registry *registry, uint64_t *ever)
{
    pthread_mutex_lock(&registry->lock);
    size_t n = registry->n;
    if (ever)
        *ever = registry->last_id;
    pthread_mutex_unlock(&registry->lock);
    return n;
}

/* --- waiting --- */

void registry_await(struct registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    registry->awaited = true;
    pthread_mutex_unlock(&registry->lock);
}

void registry_wait(struct registry *registry, uint64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&registry->lock);
    if (!registry->stopped)
        pthread_cond_timedwait(&registry->moved, &registry->lock, &until);
    pthread_mutex_unlock(&registry->lock);
}

void registry_stop(struct registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    registry->stopped = true;
    pthread_cond_broadcast(&registry->moved);
    pthread_mutex_unlock(&registry->lock);
}

bool registry_stopped(struct registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    bool stopped = registry->stopped;
    pthread_mutex_unlock(&registry->lock);
    return stopped;
}
