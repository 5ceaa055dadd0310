/* Which server has a proxied request, and what becomes of it where one cannot be reached. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/conf_backend.h"
#include "server/proxy_impl.h"
#include "server/troubles.h"
#include "upstream/pool.h"

struct backend_server *proxy_server(const struct proxied *p)
{
    return &p->backend->server[p->server];
}

bool proxy_is_h2(const struct proxied *p)
{
    return conf_backend_is_h2(p->backend->conf);
}

static uint32_t key_of(const struct proxied *p)
{
    const struct conn *conn = p->conn;
    const struct peer *peer = conn->peer;
    if (p->backend->rules.kind == BALANCE_CLIENT_CERTIFICATE && peer && peer->n_chain > 0)
        return balance_hash(peer->chain[0]->fingerprint_sha256, strlen(peer->chain[0]->fingerprint_sha256));
    const char *port = strrchr(conn->remote, ':');
    return balance_hash(conn->remote, port ? (size_t)(port - conn->remote) : strlen(conn->remote));
}

/* Nobody can be asked. */
static void unreachable(struct proxied *p)
{
    unsigned status = p->timed_out ? 504 : p->untrusted || p->unanswered ? 502 : 503;
    proxy_fail(p, status, ORIGIN_UNREACHABLE, NULL);
}

void proxy_strike(struct proxied *p, enum origin_result result, const char *why)
{
    struct balancer *balancer = &p->pool->balancer;
    if (origin_tells(proxy_server(p)->origin, result, p->conn->worker->now_ms))
        log_warning("%s: listener %s: backend \"%s\", %s: %s%s", p->conn->remote, p->conn->listener_name,
                    p->backend->conf->name, proxy_server(p)->origin->name,
                    result == ORIGIN_UNREACHABLE ? "no connection: " : "", why);
    origin_count(proxy_server(p)->origin, result);
    if (!p->link || link_blame(p->link))
        balance_failed(&balancer->rules, &balancer->server[p->server], p->conn->worker->now_ms);
    p->tried |= 1ull << p->server;
    p->retries += balancer->n > 1;
    p->owes = true;
    proxy_leave_server(p);
}

static void tell(struct origin *server, void *cls)
{
    static const struct {
        enum origin_result kind;
        const char *text;
    } KINDS[] = {{ORIGIN_UNREACHABLE, "no connection"},
                 {ORIGIN_SILENT, "no answer in time"},
                 {ORIGIN_BROKEN, "no answer that can be passed on"}};
    const uint64_t *now_ms = cls;
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        uint64_t more = origin_untold(server, KINDS[i].kind, *now_ms);
        if (more > 0)
            log_warning("backend \"%s\", %s: %llu more since: %s", server->backend, server->name,
                        (unsigned long long)more, KINDS[i].text);
    }
}

void proxy_tell(uint64_t now_ms)
{
    origin_each(tell, &now_ms);
}

/* `full`: servers that have been found to have no room. */
static int choose(struct proxied *p, uint64_t full)
{
    const int chosen =
        balance_choose(&p->pool->balancer, key_of(p), p->tried | full, p->conn->worker->now_ms);
    return chosen == BALANCE_NONE && full ? BALANCE_FULL : chosen;
}

/* Each server has as many requests as it may have. False: it has waited for long enough. */
static bool queue(struct proxied *p)
{
    struct worker *worker = p->conn->worker;
    if (!p->waited)
        p->queued_until_ms = worker->now_ms + (uint64_t)p->backend->conf->queue_timeout * 1000;
    if (worker->now_ms >= p->queued_until_ms)
        return false;
    pool_wait(p->pool, &p->waiter, p->waited);
    p->waited = true;
    wheel_set(&worker->wheel, &p->timer, p->queued_until_ms);
    return true;
}

void proxy_room(struct pool_waiter *waiter)
{
    proxy_again((struct proxied *)(void *)((char *)waiter - offsetof(struct proxied, waiter)));
}

void proxy_leave_server(struct proxied *p)
{
    if (p->link && p->abrupt)
        link_cut(p->link);
    else if (p->link)
        link_close(p->link);
    p->link = NULL;
    if (!p->counted)
        return;
    p->counted = false;
    balance_done(&p->pool->balancer.server[p->server]);
    pool_room(p->pool);
}

/* NULL, with `why` "": there is no room. */
static struct link *open_link(struct proxied *p, struct link_shelf *shelf, char why[static LINK_WHY])
{
    const struct link_target target = {&relays_of(p)->upstreams.links, shelf, p->backend, p->server};
    struct buf opening = {0};
    proxy_opening(p, &opening);
    const struct mux_wish wish = {
        .alone = p->bound,
        .first = {opening.data, opening.len, p->alpn.n > 0 ? &p->alpn : NULL},
    };
    struct link *link = NULL;
    p->fresh = true;
    if (buf_failed(&opening))
        links_no_memory(target.links, why);
    else
        link = upstream_open(&target, &p->user, &wish, &p->fresh, why);
    buf_done(&opening);
    return link;
}

/* Descriptors or memory are short here, as clients alone can bring about: no server is taken out for that,
 * and no other is asked. */
static void lack(struct proxied *p, const char *why)
{
    char text[LINK_WHY + 200];
    snprintf(text, sizeof text, "backend \"%s\": no connection to its servers: %s", p->backend->conf->name,
             why);
    troubles_tell(text, p->conn->worker->now_ms);
    proxy_leave_server(p); /* it was not asked, and has no share in this */
    proxy_fail(p, 503, ORIGIN_LEFT, NULL);
}

/* A connection of HTTP/2 that one has come to may take more: those who wait come one behind the other, until
 * one finds no room. */
static void let_in_next(struct proxied *p)
{
    if (p->waited && proxy_is_h2(p))
        pool_room(p->pool);
}

bool proxy_find_link(struct proxied *p)
{
    struct relays *relays = relays_of(p);
    uint64_t full = 0;
    for (;;) {
        if (p->owes && !retry_spend(&relays->upstreams.retries)) {
            unreachable(p);
            return false;
        }
        p->owes = false;
        int chosen = p->pool->waiting && !p->waited ? BALANCE_FULL : choose(p, full);
        if (chosen == BALANCE_FULL && p->backend->conf->queue_timeout > 0 && queue(p))
            return true;
        if (chosen < 0) {
            unreachable(p);
            return false;
        }
        p->server = (unsigned)chosen;
        p->counted = true;
        struct link_shelf *shelf = &p->pool->shelf[chosen];
        p->link = p->wants_fresh ? NULL : link_take(shelf, &p->user);
        p->fresh = false;
        if (p->link)
            return true;
        char why[LINK_WHY];
        p->link = open_link(p, shelf, why);
        if (p->link) {
            let_in_next(p);
            return true;
        }
        if (!why[0]) {
            full |= 1ull << p->server;
            p->counted = false;
            balance_done(&p->pool->balancer.server[p->server]);
            continue;
        }
        if (relays->upstreams.links.lacks) {
            lack(p, why);
            return false;
        }
        proxy_strike(p, ORIGIN_UNREACHABLE, why);
    }
}

/* RFC 9110 section 9.2.2: twice is as good as once. */
static bool may_repeat(const struct proxied *p)
{
    static const char *const AGAIN[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};
    bool may = false;
    for (size_t i = 0; i < ARRAY_LEN(AGAIN); i++)
        may = may || strcmp(p->request->head.method, AGAIN[i]) == 0;
    return may && !p->bodied;
}

/* A server that has not been asked yet. */
static bool has_another(const struct proxied *p)
{
    unsigned n = p->pool->balancer.n;
    uint64_t all = n < BALANCE_MOST_SERVERS ? (1ull << n) - 1 : UINT64_MAX;
    return (all & ~(p->tried | 1ull << p->server)) != 0;
}

static void ask_again(struct proxied *p)
{
    p->up_at = 0;
    p->up_broken = false;
    response_init(&p->response, p->response.to_head, p->response.upgrades);
    proxy_again(p);
}

/* The server has not looked at it, and may be asked again, or another, whatever it is. */
static bool after_refusal(struct proxied *p, enum origin_result result, const char *why)
{
    enum { MOST_REFUSALS = 2 };
    if (p->dropped || p->refusals >= MOST_REFUSALS || !retry_spend(&relays_of(p)->upstreams.retries)) {
        proxy_fail(p, 502, result, why);
        return false;
    }
    p->refusals++;
    p->retries++;
    atomic_fetch_add_explicit(&proxy_server(p)->origin->retries, 1, memory_order_relaxed);
    proxy_leave_server(p);
    ask_again(p);
    return true;
}

bool proxy_retry(struct proxied *p, enum origin_result result, const char *why)
{
    struct origin *server = proxy_server(p)->origin;
    if (p->link->refused)
        return after_refusal(p, result, why);
    /* A kept link may just have been over; a new one that ends without a word is the server's own end. */
    bool elsewhere = p->fresh || p->link->reset || (p->wants_fresh && proxy_is_h2(p));
    /* Where a second one does so, too, it may be what is asked for that ends them: no third is asked, and one
     * request is no reason to take out several. */
    if (!may_repeat(p) || (elsewhere && (p->unanswered || !has_another(p))) ||
        (!elsewhere && !retry_spend(&relays_of(p)->upstreams.retries))) {
        proxy_fail(p, 502, result, why);
        return false;
    }
    if (elsewhere) {
        proxy_strike(p, result, why); /* the budget is proxy_find_link's */
        p->unanswered = true;
    } else {
        p->wants_fresh = true;
        p->retries++;
        proxy_leave_server(p);
    }
    atomic_fetch_add_explicit(&server->retries, 1, memory_order_relaxed);
    ask_again(p);
    return true;
}
