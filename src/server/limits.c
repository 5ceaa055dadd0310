#include "server/limits.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"

enum {
    /* Files that the process has open for itself: listeners, logs, epoll, a reload's certificates. */
    OWN_DESCRIPTORS = 64,
    MOST_CONNECTIONS = 1 << 20,
    /* Without a number in the configuration; each costs some 50 KiB. */
    USUAL_CONNECTIONS = 32768,
    QUIET_MS = 1000,
};

static const struct {
    const char *name;
    enum log_level level;
    const char *text;
} ROWS[] = {
#define LIMIT(name, level, text) [LIMIT_##name] = {#name, LOG_LEVEL_##level, text},
#include "server/limits.def"
#undef LIMIT
};

struct limits {
    unsigned ceiling;
    atomic_uint max_handshakes;

    pthread_mutex_t lock;
    struct addresses *addresses;
    unsigned open, max_connections, max_per_address;
    struct rate handshakes, requests;

    struct {
        _Atomic uint64_t hits;
        _Atomic uint64_t told;    /* of them the log knows */
        _Atomic uint64_t told_ms; /* since then it is spared, 0: it hears of the next at once */
    } kind[LIMIT_COUNT];
};

struct limits *limits_new(uint64_t descriptors)
{
    struct limits *limits = calloc(1, sizeof *limits);
    if (!limits)
        return NULL;
    pthread_mutex_init(&limits->lock, NULL);
    /* An eighth is for the files that are being served. */
    uint64_t own = OWN_DESCRIPTORS + descriptors / 8;
    uint64_t most = descriptors > own ? descriptors - own : 1;
    limits->ceiling = most < MOST_CONNECTIONS ? (unsigned)most : MOST_CONNECTIONS;
    uint64_t seed[2];
    if (gnutls_rnd(GNUTLS_RND_KEY, seed, sizeof seed) == 0)
        limits->addresses =
            addresses_new(limits->ceiling < USUAL_CONNECTIONS ? limits->ceiling : USUAL_CONNECTIONS, seed);
    if (!limits->addresses) {
        limits_free(limits);
        return NULL;
    }
    return limits;
}

void limits_free(struct limits *limits)
{
    if (!limits)
        return;
    addresses_free(limits->addresses);
    pthread_mutex_destroy(&limits->lock);
    free(limits);
}

unsigned limits_ceiling(const struct limits *limits)
{
    return limits->ceiling;
}

long long limits_descriptors(long long connections)
{
    return (connections + OWN_DESCRIPTORS) * 8 / 7 + 1;
}

unsigned limits_lingering(uint64_t descriptors)
{
    /* The other half is for files. */
    return (unsigned)(descriptors / 16 < MOST_CONNECTIONS ? descriptors / 16 : MOST_CONNECTIONS);
}

unsigned limits_max_connections(const struct conf *conf, unsigned ceiling)
{
    unsigned wanted = conf->max_connections > 0 ? (unsigned)conf->max_connections : USUAL_CONNECTIONS;
    return wanted < ceiling ? wanted : ceiling;
}

static unsigned or_share(long long wanted, unsigned share)
{
    return wanted > 0 ? (unsigned)wanted : share > 0 ? share : 1;
}

void limits_configure(struct limits *limits, const struct conf *conf)
{
    unsigned most = limits_max_connections(conf, limits->ceiling);
    atomic_store_explicit(&limits->max_handshakes, or_share(conf->max_handshakes, most / 2),
                          memory_order_relaxed);
    pthread_mutex_lock(&limits->lock);
    limits->max_connections = most;
    limits->max_per_address = or_share(conf->max_connections_per_address, most - most / 4);
    limits->handshakes = rate_of((unsigned)conf->handshake_rate, (unsigned)conf->handshake_burst);
    limits->requests = rate_of((unsigned)conf->request_rate, (unsigned)conf->request_burst);
    pthread_mutex_unlock(&limits->lock);
}

void limits_configure_door(struct limits *limits, struct limits_door *door, long long most)
{
    pthread_mutex_lock(&limits->lock);
    door->most = (uint32_t)most;
    pthread_mutex_unlock(&limits->lock);
}

unsigned limits_max_handshakes(const struct limits *limits)
{
    return atomic_load_explicit(&limits->max_handshakes, memory_order_relaxed);
}

/* Under the lock. LIMIT_COUNT: it may come in, and is counted at *out (NULL: by no address). */
static enum limit enter_address(struct limits *limits, const struct sockaddr *from, struct address **out)
{
    uint64_t key;
    *out = NULL;
    if (!from || !addresses_key(from, &key))
        return LIMIT_COUNT;
    struct address *address = addresses_at(limits->addresses, key);
    if (!address) /* one of thousands, and only while thousands of addresses are here: the other limits hold
                   */
        return LIMIT_COUNT;
    if (address->connections >= limits->max_per_address)
        return LIMIT_address_connections;
    if (rate_take(&limits->handshakes, &address->handshake_at, clock_mono_us()) > 0)
        return LIMIT_handshake_rate;
    address->connections++;
    *out = address;
    return LIMIT_COUNT;
}

static void say(struct limits *limits, enum limit over, const struct sockaddr *from,
                const struct limits_door *door)
{
    char remote[LIMITS_REMOTE];
    limits_hit(limits, over, from ? limits_remote(from, remote) : NULL, door->name);
}

bool limits_admit(struct limits *limits, struct limits_door *door, const struct sockaddr *from,
                  struct limits_place *out)
{
    struct address *address = NULL;
    pthread_mutex_lock(&limits->lock);
    enum limit over = limits->open >= limits->max_connections      ? LIMIT_connections
                      : door->most > 0 && door->open >= door->most ? LIMIT_listener_connections
                                                                   : enter_address(limits, from, &address);
    if (over == LIMIT_COUNT) {
        limits->open++;
        door->open++;
    }
    pthread_mutex_unlock(&limits->lock);
    if (over != LIMIT_COUNT) {
        say(limits, over, from, door);
        return false;
    }
    *out = (struct limits_place){.limits = limits, .door = door, .address = address};
    return true;
}

bool limits_readmit(struct limits_place *place, const struct sockaddr *from)
{
    struct limits *limits = place->limits;
    if (!limits)
        return true;
    pthread_mutex_lock(&limits->lock);
    if (place->address)
        place->address->connections--;
    enum limit over = enter_address(limits, from, &place->address);
    pthread_mutex_unlock(&limits->lock);
    if (over != LIMIT_COUNT)
        say(limits, over, from, place->door);
    return over == LIMIT_COUNT;
}

void limits_release(struct limits_place *place)
{
    struct limits *limits = place->limits;
    if (!limits)
        return;
    pthread_mutex_lock(&limits->lock);
    limits->open--;
    place->door->open--;
    if (place->address)
        place->address->connections--;
    pthread_mutex_unlock(&limits->lock);
    *place = (struct limits_place){0};
}

unsigned limits_open(struct limits *limits, const struct limits_door *door)
{
    pthread_mutex_lock(&limits->lock);
    unsigned open = door->open;
    pthread_mutex_unlock(&limits->lock);
    return open;
}

unsigned limits_request(struct limits_place *place, const char *remote)
{
    struct limits *limits = place->limits;
    if (!limits || !place->address)
        return 0;
    pthread_mutex_lock(&limits->lock);
    uint64_t wait_us = rate_take(&limits->requests, &place->address->request_at, clock_mono_us());
    pthread_mutex_unlock(&limits->lock);
    if (wait_us == 0)
        return 0;
    limits_hit(limits, LIMIT_request_rate, remote, place->door->name);
    return (unsigned)(wait_us / 1000000) + 1;
}

unsigned limits_verify(struct limits_place *place, const char *remote)
{
    struct limits *limits = place->limits;
    const struct rate rate = rate_of(VERIFY_PER_SECOND, VERIFY_BURST);
    if (!limits)
        return 0;
    pthread_mutex_lock(&limits->lock);
    uint64_t *at = place->address ? &place->address->verify_at : &place->verify_at;
    uint64_t wait_us = rate_take(&rate, at, clock_mono_us());
    pthread_mutex_unlock(&limits->lock);
    if (wait_us == 0)
        return 0;
    limits_hit(limits, LIMIT_verify_rate, remote, place->door->name);
    return (unsigned)(wait_us / 1000000) + 1;
}

void limits_hit(struct limits *limits, enum limit limit, const char *remote, const char *listener)
{
    atomic_fetch_add_explicit(&limits->kind[limit].hits, 1, memory_order_relaxed);
    uint64_t heard = 0;
    if (!atomic_compare_exchange_strong(&limits->kind[limit].told_ms, &heard, clock_mono_ms()))
        return;
    atomic_fetch_add_explicit(&limits->kind[limit].told, 1, memory_order_relaxed);
    log_line(ROWS[limit].level, "%s%s%s%s%s%s", remote ? remote : "", remote ? ": " : "",
             listener ? "listener " : "", listener ? listener : "", listener ? ": " : "", ROWS[limit].text);
}

void limits_tell(struct limits *limits, uint64_t now_ms)
{
    for (size_t i = 0; i < LIMIT_COUNT; i++) {
        uint64_t heard = atomic_load(&limits->kind[i].told_ms);
        if (heard == 0 || now_ms < heard + QUIET_MS)
            continue;
        uint64_t hits = atomic_load_explicit(&limits->kind[i].hits, memory_order_relaxed);
        uint64_t told = atomic_exchange_explicit(&limits->kind[i].told, hits, memory_order_relaxed);
        if (hits > told)
            log_line(ROWS[i].level, "%llu more since: %s", (unsigned long long)(hits - told), ROWS[i].text);
        atomic_store(&limits->kind[i].told_ms, hits > told ? now_ms : 0);
    }
}

uint64_t limits_hits(const struct limits *limits, enum limit limit)
{
    return atomic_load_explicit(&limits->kind[limit].hits, memory_order_relaxed);
}

const char *limits_name(enum limit limit)
{
    return ROWS[limit].name;
}

const char *limits_remote(const struct sockaddr *address, char out[static LIMITS_REMOTE])
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
        inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? &in6->sin6_addr.s6_addr[12] : in6->sin6_addr.s6_addr,
                  host, sizeof host);
        snprintf(out, LIMITS_REMOTE, mapped ? "%s:%u" : "[%s]:%u", host, ntohs(in6->sin6_port));
    } else if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        snprintf(out, LIMITS_REMOTE, "%s:%u", host, ntohs(in->sin_port));
    } else {
        snprintf(out, LIMITS_REMOTE, "unix");
    }
    return out;
}
