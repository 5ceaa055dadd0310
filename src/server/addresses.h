/* What is known of the addresses that clients come from: a table of fixed size, so that a flood of addresses
 * costs no memory. Its places are found by a keyed hash (SipHash-2-4), so that nobody can aim at one. An
 * address with open connections keeps its place; one without gives it up to a newcomer, the one whose buckets
 * have been full for the longest first. Pure: time is a parameter; the caller locks. */
#ifndef MTLSD_SERVER_ADDRESSES_H
#define MTLSD_SERVER_ADDRESSES_H

#include <sys/socket.h>

#include "base/base.h"

/* A token bucket: so many a second, and so many at once after a pause. */
struct rate {
    uint64_t interval_us; /* between two tokens, 0: no limit */
    uint64_t slack_us;    /* how far ahead of the clock a bucket may run */
};

/* `per_second` 0: no limit; `burst` is at least 1. */
struct rate rate_of(unsigned per_second, unsigned burst);
/* Takes a token. *at is the bucket: the instant at which it is full again, 0 for a new one. Returns 0, or the
 * microseconds until there is a token (never 0); nothing is taken then. */
uint64_t rate_take(const struct rate *rate, uint64_t *at, uint64_t now_us);

/* One client: an IPv4 address, or an IPv6 network of 64 bits, of which every customer has at least one. */
struct address {
    uint64_t key;
    uint64_t handshake_at, request_at, verify_at; /* buckets */
    uint32_t connections;                         /* open ones */
};

enum { ADDRESSES_WAYS = 8 };

struct addresses;

/* Room for `most` addresses with open connections at once, and for as many again without. NULL when memory is
 * short. `seed` is random. */
struct addresses *addresses_new(size_t most, const uint64_t seed[static 2]);
void addresses_free(struct addresses *addresses);

/* The key of a client's address; false when it has none (a socket of the file system). IPv4 within IPv6 is
 * IPv4. */
bool addresses_key(const struct sockaddr *address, uint64_t *key);

/* The place of that key, new or known; valid until the next call, and as long as it has connections. NULL
 * when every place where it could be is taken by an address with open connections. */
struct address *addresses_at(struct addresses *addresses, uint64_t key);

/* SipHash-2-4 of eight bytes, little-endian. For tests. */
uint64_t addresses_hash(const uint64_t seed[static 2], uint64_t key);

#endif
