#include "upstream/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config/conf_backend.h"

enum { LOOK_MS = 20 };

void upstreams_init(struct upstreams *upstreams, int epoll, struct wheel *wheel)
{
    memset(upstreams, 0, sizeof *upstreams);
    links_init(&upstreams->links, epoll, wheel);
}

struct link *upstream_open(const struct link_target *target, struct link_user *user,
                           const struct mux_wish *wish, bool *fresh, char why[static LINK_WHY])
{
    target->links->lacks = false;
    if (conf_server_is_h2(target->backend->server[target->server].conf))
        return mux_take(target, user, wish, fresh, why);
    *fresh = true;
    return link_open(target, user, &wish->first, why);
}

void upstream_shelf_done(struct link_shelf *shelf)
{
    mux_shelf_done(shelf);
    link_shelf_done(shelf);
}

void upstream_turn(struct links *links)
{
    mux_turn(links);
    links_settle(links);
}

static void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    for (unsigned i = 0; pool->shelf && i < pool->backend->n; i++)
        upstream_shelf_done(&pool->shelf[i]);
    wheel_stop(&pool->look);
    free(pool->shelf);
    free(pool->balancer.server);
    backend_unref(pool->backend);
    free(pool);
}

/* --- who waits ------------------------------------------------------------------------------------------ */

void pool_wait(struct pool *pool, struct pool_waiter *waiter, bool first)
{
    waiter->waits = true;
    if (!pool->waiting) /* else it runs: more that come do not put it off */
        wheel_set(pool->wheel, &pool->look, clock_mono_ms() + LOOK_MS);
    waiter->next = first ? pool->waiting : NULL;
    if (!pool->waiting)
        pool->waiting = pool->last_waiting = waiter;
    else if (first)
        pool->waiting = waiter;
    else
        pool->last_waiting = pool->last_waiting->next = waiter;
}

void pool_unwait(struct pool *pool, struct pool_waiter *waiter)
{
    struct pool_waiter *before = NULL, *at = pool->waiting;
    if (!waiter->waits)
        return;
    for (; at != waiter; at = at->next)
        before = at;
    *(before ? &before->next : &pool->waiting) = waiter->next;
    if (pool->last_waiting == waiter)
        pool->last_waiting = before;
    waiter->waits = false;
}

void pool_room(struct pool *pool)
{
    struct pool_waiter *waiter = pool->waiting;
    if (!waiter)
        return;
    pool_unwait(pool, waiter);
    waiter->ready(waiter);
}

static void look(struct wheel_timer *timer)
{
    struct pool *pool = (struct pool *)(void *)((char *)timer - offsetof(struct pool, look));
    pool_room(pool);
    if (pool->waiting)
        wheel_set(pool->wheel, &pool->look, clock_mono_ms() + LOOK_MS);
}

/* --- life ----------------------------------------------------------------------------------------------- */

static struct pool *pool_new(struct backend *backend, struct wheel *wheel)
{
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->backend = backend_ref(backend);
    pool->wheel = wheel;
    pool->look.fire = look;
    pool->balancer.rules = backend->rules;
    pool->balancer.n = backend->n;
    pool->balancer.server = calloc(backend->n + 1, sizeof *pool->balancer.server);
    pool->shelf = calloc(backend->n + 1, sizeof *pool->shelf);
    if (!pool->balancer.server || !pool->shelf) {
        pool_free(pool);
        return NULL;
    }
    for (unsigned i = 0; i < backend->n; i++) {
        struct origin *server = backend->server[i].origin;
        pool->balancer.server[i] = (struct balance_server){
            .state = &server->state,
            .weight = backend->server[i].conf->weight,
            .name = balance_hash(server->name, strlen(server->name)),
        };
    }
    return pool;
}

/* Those of configurations that went. */
static void sweep(struct upstreams *upstreams)
{
    for (struct pool **at = &upstreams->first; *at;) {
        struct pool *pool = *at;
        if (pool->users > 0 || !atomic_load(&pool->backend->retired)) {
            at = &pool->next;
            continue;
        }
        *at = pool->next;
        pool_free(pool);
    }
}

void upstreams_done(struct upstreams *upstreams)
{
    while (upstreams->first) {
        struct pool *pool = upstreams->first;
        upstreams->first = pool->next;
        pool_free(pool);
    }
    upstream_turn(&upstreams->links);
}

struct pool *pool_enter(struct upstreams *upstreams, struct backend *backend, uint64_t generation)
{
    if (upstreams->swept != generation) {
        upstreams->swept = generation;
        sweep(upstreams);
    }
    struct pool *pool = upstreams->first;
    while (pool && pool->backend != backend)
        pool = pool->next;
    if (!pool && (pool = pool_new(backend, upstreams->links.wheel)) != NULL) {
        pool->next = upstreams->first;
        upstreams->first = pool;
    }
    if (pool)
        pool->users++;
    return pool;
}

void pool_leave(struct pool *pool)
{
    pool->users--;
}
