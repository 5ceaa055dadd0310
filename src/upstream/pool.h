/* A worker's side of the backends: for each one whose turn it is, and the connections that wait for the next
 * request. Only the worker's thread. */
#ifndef MTLSD_UPSTREAM_POOL_H
#define MTLSD_UPSTREAM_POOL_H

#include "upstream/mux.h"

struct pool;

/* A worker's; embedded in its relays. */
struct upstreams {
    struct links links;
    struct pool *first;
    struct retry_budget retries;
    uint64_t swept; /* the generation of the configuration when pools of others were last looked for */
};

/* An exchange that waits because each server has max_connections: told when it may ask again, first come,
 * first served. Embedded in it; {0} does not wait. */
struct pool_waiter {
    void (*ready)(struct pool_waiter *waiter);
    struct pool_waiter *next;
    bool waits;
};

/* Of one backend. */
struct pool {
    struct pool *next;
    struct backend *backend; /* a reference */
    struct balancer balancer;
    struct link_shelf *shelf; /* one for each server */
    unsigned users;           /* exchanges that use it */
    struct pool_waiter *waiting, *last_waiting;
    struct wheel *wheel;
    struct wheel_timer look; /* others may have left on another worker */
};

/* mux_take where the server speaks HTTP/2, else link_open: a connection of HTTP/1.1 is always a fresh one,
 * and *fresh true. */
struct link *upstream_open(const struct link_target *target, struct link_user *user,
                           const struct mux_wish *wish, bool *fresh, char why[static LINK_WHY]);
/* Closes all that nobody uses; nobody comes to the others any more. */
void upstream_shelf_done(struct link_shelf *shelf);
/* At the end of each turn: sends what is to be sent, frees what has ended. */
void upstream_turn(struct links *links);

void upstreams_init(struct upstreams *upstreams, int epoll, struct wheel *wheel);
/* Closes all idle connections, which are all there are by then. */
void upstreams_done(struct upstreams *upstreams);

/* The one of that backend, for an exchange; NULL when memory is short. pool_leave gives it back. `generation`
 * is the live configuration's: when it has moved, pools that nobody uses any more are ended. */
struct pool *pool_enter(struct upstreams *upstreams, struct backend *backend, uint64_t generation);
void pool_leave(struct pool *pool);

/* `first`: it has waited before. */
void pool_wait(struct pool *pool, struct pool_waiter *waiter, bool first);
void pool_unwait(struct pool *pool, struct pool_waiter *waiter);
/* A server has room for one more. */
void pool_room(struct pool *pool);

#endif
