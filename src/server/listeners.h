/* The set of a server's listeners, and how it becomes what a configuration asks for: in steps, of which all
 * that can fail come before the first that anybody notices. Only the main thread touches it. */
#ifndef MTLSD_SERVER_LISTENERS_H
#define MTLSD_SERVER_LISTENERS_H

#include "base/diag.h"
#include "config/conf.h"
#include "server/registry.h"

struct listener;

/* Embedded; all zeros is an empty set. */
struct listeners {
    struct listener **item; /* those that accept; from listeners_bind on also those that will */
    size_t n, room;
    struct listener **retired; /* closed by a reload, with connections that still end */
    size_t n_retired, retired_room;
};

/* Binds what `conf` has and the set lacks, and puts it at the set's end. One whose address a listener has
 * that `conf` drops shares that one's socket, so that no client finds the address closed. `inherited`, when
 * not NULL, has a listening socket or -1 for each of conf's. On failure the set is as before. */
MUST_CHECK int listeners_bind(struct listeners *set, struct server *server, const struct conf *conf,
                              const int *inherited, struct diag *diag);
/* Starts the threads of those from `first` on; who connects waits for listeners_admit. On failure those from
 * `first` on are closed and no longer in the set. */
MUST_CHECK int listeners_start(struct listeners *set, size_t first, const struct conf *conf,
                               struct diag *diag);
/* Once `conf` is live: each gets what it says, and all accept. */
void listeners_admit(struct listeners *set, const struct conf *conf);
/* Retires what `conf` no longer has: it stops accepting, its idle connections end now and the others with
 * their response. True when there was any: a worker may have accepted a connection of theirs that it has not
 * begun yet. */
bool listeners_retire(struct listeners *set, const struct conf *conf, struct registry *registry);

void listeners_quiet(struct listeners *set);
/* See listener_turns. */
bool listeners_turn(struct listeners *set);
/* Ends every connection; the set is empty then. */
void listeners_close(struct listeners *set);

#endif
