/* Who may come in, and how often: connections in all, per listener and per address, handshakes and requests
 * per second and address. Asked when a connection was accepted and before anything is spent on it; one
 * lock is taken then and one at its end. A request takes the lock only where request_rate is set.
 *
 * Also the place where everything that any limit refused is counted, and told to the log: of each kind at
 * most one line a second. */
#ifndef MTLSD_SERVER_LIMITS_H
#define MTLSD_SERVER_LIMITS_H

#include <stdatomic.h>
#include <sys/socket.h>

#include "config/conf.h"
#include "server/addresses.h"

/* What can be over. */
enum limit {
#define LIMIT(name, level, text) LIMIT_##name,
#include "server/limits.def"
#undef LIMIT
    LIMIT_COUNT
};

struct limits;

/* What a listener has of it, embedded there. */
struct limits_door {
    const char *name; /* the listener's */
    uint32_t open;    /* connections; under the lock */
    uint32_t most;    /* 0: only the limits of all hold */
};

/* What a connection holds while it is open, embedded there; all zero when it holds nothing. */
struct limits_place {
    struct limits *limits;
    struct limits_door *door;
    struct address *address; /* NULL: not counted by address */
    uint64_t verify_at;      /* the bucket of one that is not */
};

/* `descriptors`: how many files the process may open; a part of them is kept back for what it needs itself.
 * NULL when memory is short. */
struct limits *limits_new(uint64_t descriptors);
void limits_free(struct limits *limits);
/* Most connections that the descriptors allow, and the descriptors that so many connections need. */
unsigned limits_ceiling(const struct limits *limits);
long long limits_descriptors(long long connections);
/* Of those that are kept back, how many connections that are over may hold. */
unsigned limits_lingering(uint64_t descriptors);

/* Takes over what the configuration says, also for the addresses that are known already. */
void limits_configure(struct limits *limits, const struct conf *conf);
void limits_configure_door(struct limits *limits, struct limits_door *door, long long most);
/* The numbers in force: max_connections of a configuration under that ceiling, max_handshakes now. */
unsigned limits_max_connections(const struct conf *conf, unsigned ceiling);
unsigned limits_max_handshakes(const struct limits *limits);

/* Asks for a connection from `address`, NULL when it is not known yet who comes (a proxy will say). True:
 * *out is its place, until limits_release. False: it was counted and logged, and the connection must be
 * closed. */
bool limits_admit(struct limits *limits, struct limits_door *door, const struct sockaddr *address,
                  struct limits_place *out);
/* The connection's client is another than was believed (PROXY protocol): it leaves the count of the one and
 * asks for that of the other, its handshake included. False: as above; the place stays counted by no address.
 */
bool limits_readmit(struct limits_place *place, const struct sockaddr *address);
/* The connection is over. */
void limits_release(struct limits_place *place);

/* How many have a place at that door. */
unsigned limits_open(struct limits *limits, const struct limits_door *door);

/* A request of this connection. 0, or the seconds after which the client may come again: it was counted and
 * logged. Only to be called where the configuration has a request_rate. */
unsigned limits_request(struct limits_place *place, const char *remote);

/* The same of a certificate that it sends to be judged, a rate of its own and always there: a verdict on a
 * chain that nobody has seen costs what a handshake costs, without one. It is asked before the body is read,
 * so that it also bounds how many of those an address has in memory. */
enum { VERIFY_PER_SECOND = 2, VERIFY_BURST = 10 };
unsigned limits_verify(struct limits_place *place, const char *remote);

/* Something was refused: counts it, and tells the log unless it heard of the kind within the last second.
 * `remote` and `listener` may be NULL. Any thread. */
void limits_hit(struct limits *limits, enum limit limit, const char *remote, const char *listener);
/* Tells the log what it was spared; to be called about once a second. */
void limits_tell(struct limits *limits, uint64_t now_ms);
/* How often since the start. */
uint64_t limits_hits(const struct limits *limits, enum limit limit);
const char *limits_name(enum limit limit);

/* "192.0.2.1:54321", "[2001:db8::1]:443", "unix". */
enum { LIMITS_REMOTE = 64 };
const char *limits_remote(const struct sockaddr *address, char out[static LIMITS_REMOTE]);

#endif
