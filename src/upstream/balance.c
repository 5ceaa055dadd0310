#include "upstream/balance.h"

enum { SCALE = 100 }; /* of weights, so that a slow start can be told by parts of one */

static uint64_t get(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static void set(_Atomic uint64_t *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_relaxed);
}

static unsigned active(const struct balance_server *server)
{
    return atomic_load_explicit(&server->state->active, memory_order_relaxed);
}

bool balance_is_up(const struct server_state *state, uint64_t now_ms)
{
    if (atomic_load_explicit(&state->check_failed, memory_order_relaxed))
        return false;
    uint64_t out_until = get(&state->out_until_ms);
    if (out_until == 0)
        return true;
    return now_ms >= out_until && !atomic_load_explicit(&state->trying, memory_order_relaxed);
}

/* Its weight, in hundredths: all of it, or less while it starts slowly. */
static unsigned share(const struct balance_server *server, uint64_t now_ms)
{
    uint64_t back_at = get(&server->state->back_at_ms);
    unsigned whole = server->weight * SCALE;
    if (back_at == 0 || now_ms >= back_at + BALANCE_SLOW_START_MS)
        return whole;
    uint64_t since = now_ms > back_at ? now_ms - back_at : 0;
    unsigned part = (unsigned)(whole * since / BALANCE_SLOW_START_MS);
    return part > server->weight * SCALE / 10 ? part : server->weight * SCALE / 10;
}

uint32_t balance_hash(const void *data, size_t len)
{
    const unsigned char *p = data;
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ p[i]) * 16777619u;
    return hash;
}

/* Mixes well enough that each bit of the result depends on each of the two. */
static uint32_t mix(uint32_t a, uint32_t b)
{
    uint64_t x = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    return (uint32_t)(x >> 32);
}

/* Rendezvous hashing: of all servers the one with the highest score, by weight. Each client keeps its own as
 * long as that one is there, and those of one that went are spread over all others. The score is weight /
 * -ln(hash); the logarithm's order is kept by a comparison of -log2 in fixed point. */
static uint32_t minus_log2(uint32_t hash)
{
    if (hash == 0)
        return 32u << 16;
    unsigned top = 31u - (unsigned)__builtin_clz(hash);
    uint64_t m = (uint64_t)hash << (31 - top); /* 1.31 fixed point, in [1, 2) */
    uint32_t log = top << 16;
    for (unsigned bit = 15; bit < 16; bit--) {
        m = m * m >> 31;
        if (m >> 32) {
            m >>= 1;
            log |= 1u << bit;
        }
    }
    return (32u << 16) - log;
}

static double score(const struct balance_server *server, uint32_t client)
{
    return (double)server->weight / ((double)minus_log2(mix(server->name, client)) + 1.0);
}

/* True when `a` should be preferred to `b`. */
static bool is_better(const struct balancer *b, unsigned one, unsigned other, uint32_t client,
                      uint64_t now_ms)
{
    const struct balance_server *x = &b->server[one], *y = &b->server[other];
    switch (b->rules.kind) {
    case BALANCE_LEAST_CONNECTIONS: {
        uint64_t l = (uint64_t)(active(x) + 1) * share(y, now_ms),
                 r = (uint64_t)(active(y) + 1) * share(x, now_ms);
        return l < r || (l == r && x->current > y->current);
    }
    case BALANCE_CLIENT_ADDRESS:
    case BALANCE_CLIENT_CERTIFICATE:
        return score(x, client) > score(y, client);
    case BALANCE_ROUND_ROBIN:
        break;
    }
    return x->current > y->current;
}

static bool has_room(const struct balancer *b, const struct balance_server *server)
{
    return b->rules.max_connections == 0 || active(server) < b->rules.max_connections;
}

static bool in(uint64_t set, unsigned i)
{
    return set >> i & 1;
}

/* nginx's smooth weighted round-robin: each has its share added, the largest goes, and pays what all got. */
static int pick(struct balancer *b, uint64_t candidates, uint32_t client, uint64_t now_ms)
{
    int best = BALANCE_NONE;
    int64_t total = 0;
    for (unsigned i = 0; i < b->n; i++) {
        if (!in(candidates, i))
            continue;
        int64_t own = share(&b->server[i], now_ms);
        b->server[i].current += own;
        total += own;
    }
    for (unsigned i = 0; i < b->n; i++) {
        if (in(candidates, i) && (best < 0 || is_better(b, i, (unsigned)best, client, now_ms)))
            best = (int)i;
    }
    if (best >= 0)
        b->server[best].current -= total;
    return best;
}

int balance_choose(struct balancer *b, uint32_t client, uint64_t tried, uint64_t now_ms)
{
    uint64_t all = 0, up = 0, room = 0;
    for (unsigned i = 0; i < b->n; i++) {
        if (in(tried, i))
            continue;
        all |= 1ull << i;
        up |= (uint64_t)balance_is_up(b->server[i].state, now_ms) << i;
        room |= (uint64_t)has_room(b, &b->server[i]) << i;
    }
    if (all == 0)
        return BALANCE_NONE;
    uint64_t candidates = (up ? up : all) & room;
    /* A key names one server: when that one is full its clients wait, or go to the next. */
    int chosen = pick(b, candidates, client, now_ms);
    if (chosen < 0)
        return BALANCE_FULL;
    struct server_state *state = b->server[chosen].state;
    atomic_fetch_add_explicit(&state->active, 1, memory_order_relaxed);
    if (get(&state->out_until_ms) != 0)
        atomic_store_explicit(&state->trying, true, memory_order_relaxed);
    return chosen;
}

void balance_done(struct balance_server *server)
{
    atomic_fetch_sub_explicit(&server->state->active, 1, memory_order_relaxed);
    atomic_store_explicit(&server->state->trying, false, memory_order_relaxed);
}

void balance_failed(const struct balance_rules *rules, struct balance_server *server, uint64_t now_ms)
{
    struct server_state *state = server->state;
    if (rules->max_fails == 0)
        return;
    if (get(&state->out_until_ms) != 0) { /* the try failed, too */
        set(&state->out_until_ms, now_ms + rules->fail_timeout_ms);
        return;
    }
    if (now_ms > get(&state->fails_since_ms) + rules->fail_timeout_ms) {
        set(&state->fails_since_ms, now_ms);
        atomic_store_explicit(&state->fails, 0, memory_order_relaxed);
    }
    if (atomic_fetch_add_explicit(&state->fails, 1, memory_order_relaxed) + 1 >= rules->max_fails) {
        atomic_store_explicit(&state->fails, 0, memory_order_relaxed);
        set(&state->out_until_ms, now_ms + rules->fail_timeout_ms);
    }
}

void balance_answered(struct balance_server *server, uint64_t now_ms)
{
    struct server_state *state = server->state;
    if (get(&state->out_until_ms) == 0)
        return;
    set(&state->out_until_ms, 0);
    set(&state->back_at_ms, now_ms);
}

void balance_checked(struct server_state *state, bool good, uint64_t now_ms)
{
    bool was = atomic_exchange_explicit(&state->check_failed, !good, memory_order_relaxed);
    if (good && (was || get(&state->out_until_ms) != 0)) {
        set(&state->out_until_ms, 0);
        set(&state->back_at_ms, now_ms);
    }
}

void retry_earn(struct retry_budget *budget)
{
    if (!budget->begun) {
        budget->begun = true;
        budget->tokens = RETRY_RESERVE * 100;
    }
    if (budget->tokens < RETRY_RESERVE * 100 * 10)
        budget->tokens += RETRY_SHARE;
}

bool retry_spend(struct retry_budget *budget)
{
    if (budget->tokens < 100)
        return false;
    budget->tokens -= 100;
    return true;
}
