/* Every connection of the server: who is there, whose handshake is in flight, whose time is over. Workers add
 * and remove theirs, the watch thread and the main thread look through all of them. Each function takes the
 * registry's lock, under which a connection that is in it cannot go; any thread may call. */
#ifndef MTLSD_SERVER_REGISTRY_H
#define MTLSD_SERVER_REGISTRY_H

#include <pthread.h>

#include "server/conn.h"

/* Embedded; private to registry.c. */
struct registry {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct conn *conns;
    size_t n;
    uint64_t last_id;
    bool awaited; /* somebody waits for connections to end */
    bool stopped;
    struct handshakes {
        struct conn *oldest, *newest;
        size_t n;
    } handshakes[CONN_TALKING + 1]; /* those in flight, by age; [CONN_NO_HANDSHAKE] is empty */
};

void registry_init(struct registry *registry);
void registry_done(struct registry *registry);

/* Gives it its id. Its handshake is in flight from now on; when more than `most` are, others end. */
void registry_add(struct registry *registry, struct conn *conn, size_t most);
void registry_remove(struct registry *registry, struct conn *conn); /* after it no other thread touches it */
/* Its ClientHello came: those that are silent make room before it. */
void registry_talks(struct registry *registry, struct conn *conn);
/* Its handshake ended, well or badly: it is no longer in flight. */
void registry_handshake_over(struct registry *registry, struct conn *conn);

/* Wakes every connection whose deadline passed; returns the clock_mono_ms() of the next deadline, UINT64_MAX:
 * none. */
uint64_t registry_expire(struct registry *registry);
/* Ends what has waited for a request since then or longer and has no deadline of its own: its worker says
 * goodbye. */
void registry_end_idle(struct registry *registry, uint64_t since_ms);
/* Ends what waits for a request at that listener (by the name's address: it is the listener's own). */
void registry_end_idle_of(struct registry *registry, const char *listener_name);

/* How many there are, and *ever have been (NULL: of no interest). */
size_t registry_count(struct registry *registry, uint64_t *ever);
/* From now on registry_wait returns also when a connection has ended. */
void registry_await(struct registry *registry);
/* Waits, `ms` at most, and not at all when stopped. */
void registry_wait(struct registry *registry, uint64_t ms);
/* Ends all waits. */
void registry_stop(struct registry *registry);
bool registry_stopped(struct registry *registry);

#endif
