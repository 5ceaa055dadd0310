/* The handshakes in flight of all workers, and who makes room when there are too many: an honest client says
 * who it is in the first moment, and is through with its handshake in the next. So those make room that have
 * not said anything, of them the one that was silent for the longest. Those that have spoken may have half of
 * the places for themselves: beyond it the one that spoke and has been at it for the longest makes room, or
 * whoever speaks and then stops would keep everybody out.
 *
 * Any thread, but for a handshake's own functions: those are its worker's. */
#ifndef MTLSD_SERVER_HANDSHAKES_H
#define MTLSD_SERVER_HANDSHAKES_H

#include <pthread.h>

#include "base/base.h"

/* Nothing came yet; its ClientHello did; its worker shall end it. */
enum handshake_flight { FLIGHT_NONE, FLIGHT_SILENT, FLIGHT_TALKING, FLIGHT_DISPLACED };

/* By age. */
struct handshake_list {
    struct handshake *oldest, *newest;
    size_t n;
};

/* Whose connections they are: a worker. Embedded there. */
struct handshake_owner {
    struct handshake_list displaced;
    void (*wake)(struct handshake_owner *owner); /* any thread: handshakes_displaced has one for it */
};

/* Embedded in the connection; {0} is in no list. */
struct handshake {
    struct handshake *older, *newer;
    struct handshake_owner *owner;
    enum handshake_flight state;
};

/* Embedded. */
struct handshakes {
    pthread_mutex_t lock;
    struct handshake_list list[FLIGHT_TALKING + 1]; /* [FLIGHT_NONE] is empty */
};

void handshakes_init(struct handshakes *all);
void handshakes_done(struct handshakes *all);

/* A connection begins its handshake; when more than `most` are in flight, others are displaced. */
void handshakes_enter(struct handshakes *all, struct handshake *handshake, struct handshake_owner *owner,
                      size_t most);
/* Its ClientHello came: those that are silent make room before it. */
void handshakes_talk(struct handshakes *all, struct handshake *handshake);
/* It ended, well or badly. */
void handshakes_leave(struct handshakes *all, struct handshake *handshake);

/* The next of the owner's that is displaced, which is no longer; NULL: none. */
struct handshake *handshakes_displaced(struct handshakes *all, struct handshake_owner *owner);

#endif
