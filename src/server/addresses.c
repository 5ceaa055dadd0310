#include "server/addresses.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* A set is looked through as a whole: the places of one hash value. */
struct set {
    struct address way[ADDRESSES_WAYS];
};

struct addresses {
    uint64_t seed[2];
    uint64_t mask; /* number of sets less one */
    struct set set[];
};

struct rate rate_of(unsigned per_second, unsigned burst)
{
    struct rate rate = {0, 0};
    if (per_second > 0) {
        rate.interval_us = per_second < 1000000 ? 1000000 / per_second : 1;
        rate.slack_us = (burst > 1 ? burst - 1 : 0) * rate.interval_us;
    }
    return rate;
}

uint64_t rate_take(const struct rate *rate, uint64_t *at, uint64_t now_us)
{
    if (rate->interval_us == 0)
        return 0;
    if (*at > now_us + rate->slack_us)
        return *at - now_us - rate->slack_us;
    *at = (*at > now_us ? *at : now_us) + rate->interval_us;
    return 0;
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[static 4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

uint64_t addresses_hash(const uint64_t seed[static 2], uint64_t key)
{
    uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d, seed[0] ^ 0x6c7967656e657261,
                     seed[1] ^ 0x7465646279746573};
    const uint64_t block[] = {key, (uint64_t)sizeof key << 56};
    for (size_t i = 0; i < ARRAY_LEN(block); i++) {
        v[3] ^= block[i];
        sip_round(v);
        sip_round(v);
        v[0] ^= block[i];
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct addresses *addresses_new(size_t most, const uint64_t seed[static 2])
{
    /* A quarter of the places at most are taken for good: a set that is full of them is then one of some
     * thousands. */
    size_t sets = 16;
    while (sets * ADDRESSES_WAYS < 4 * most)
        sets *= 2;
    struct addresses *addresses = calloc(1, sizeof *addresses + sets * sizeof addresses->set[0]);
    if (!addresses)
        return NULL;
    addresses->seed[0] = seed[0];
    addresses->seed[1] = seed[1];
    addresses->mask = sets - 1;
    return addresses;
}

void addresses_free(struct addresses *addresses)
{
    free(addresses);
}

bool addresses_key(const struct sockaddr *address, uint64_t *key)
{
    const uint64_t ipv4 = 0xffffffff00000000; /* a prefix of multicast: no client's network has it */
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        *key = ipv4 | ntohl(in->sin_addr.s_addr);
        return true;
    }
    if (address->sa_family != AF_INET6)
        return false;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
    const unsigned char *byte = in6->sin6_addr.s6_addr;
    bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
    uint64_t bits = 0;
    for (size_t i = 0; i < 8; i++)
        bits = bits << 8 | byte[mapped && i >= 4 ? i + 8 : i];
    *key = mapped ? ipv4 | (bits & 0xffffffff) : bits;
    return true;
}

/* When all of its buckets are full, and with that everything forgotten that was worth to know. */
static uint64_t full_at(const struct address *a)
{
    uint64_t at = a->handshake_at > a->request_at ? a->handshake_at : a->request_at;
    return at > a->verify_at ? at : a->verify_at;
}

struct address *addresses_at(struct addresses *addresses, uint64_t key)
{
    struct set *set = &addresses->set[addresses_hash(addresses->seed, key) & addresses->mask];
    struct address *victim = NULL;
    for (struct address *a = set->way; a < set->way + ADDRESSES_WAYS; a++) {
        if (a->key == key)
            return a; /* also a place that was never used, for the key 0: there is nothing in it */
        if (a->connections == 0 && (!victim || full_at(a) < full_at(victim)))
            victim = a;
    }
    if (victim)
        *victim = (struct address){.key = key};
    return victim;
}
