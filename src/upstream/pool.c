#include "upstream/pool.h"

#include <stdlib.h>
#include <string.h>

void upstreams_init(struct upstreams *upstreams, int epoll, struct wheel *wheel)
{
    memset(upstreams, 0, sizeof *upstreams);
    links_init(&upstreams->links, epoll, wheel);
}

static void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    for (unsigned i = 0; pool->shelf && i < pool->backend->n; i++)
        link_shelf_done(&pool->shelf[i]);
    free(pool->shelf);
    free(pool->balancer.server);
    backend_unref(pool->backend);
    free(pool);
}

static struct pool *pool_new(struct backend *backend)
{
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->backend = backend_ref(backend);
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
    links_settle(&upstreams->links);
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
    if (!pool && (pool = pool_new(backend)) != NULL) {
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
