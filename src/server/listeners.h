/* The set of a server's listeners and of their sockets, and how it becomes what a configuration asks for: in
 * steps, of which all that can fail come before the first that anybody notices. Only the main thread touches
 * it. */
#ifndef MTLSD_SERVER_LISTENERS_H
#define MTLSD_SERVER_LISTENERS_H

#include "base/diag.h"
#include "config/conf.h"
#include "server/listener.h"
#include "server/workers.h"

/* Embedded; all zeros is an empty set. */
struct listeners {
    struct workers *workers; /* that accept on the sockets; without any the set is only bound */
    struct limits *limits;
    struct listener **item; /* those that have clients; from listeners_bind on also those that will */
    size_t n;
    struct listener **retired; /* closed by a reload, with connections that still end */
    size_t n_retired;
    struct port **closing; /* that nobody accepts on, but a worker was busy when that began */
    size_t n_closing;
};

/* Binds what `conf` has and the set lacks, and puts it at the set's end; the workers wait for clients there,
 * and take them in after listeners_admit. One whose address a listener has that `conf` drops gets that one's
 * socket. `inherited`, when not NULL, has a listening socket or -1 for each of conf's. On failure the set is
 * as before. */
MUST_CHECK int listeners_bind(struct listeners *set, const struct conf *conf, const int *inherited,
                              struct diag *diag);
/* Tells a snapshot, while nobody else has it, at which ports its listeners really are. */
void listeners_number(const struct listeners *set, struct snapshot *snapshot);
/* The workers, that were not there when the set was bound, accept. On failure none does. */
MUST_CHECK int listeners_watch(struct listeners *set, const struct conf *conf, struct diag *diag);
/* UNIX sockets that were made go to that user and group. */
MUST_CHECK int listeners_give(const struct listeners *set, uid_t uid, gid_t gid, struct err *err);
/* Once `conf` is live: each gets what it says, and its clients. Cannot fail. */
void listeners_admit(struct listeners *set, const struct conf *conf);
/* Retires what `conf` no longer has: sockets that nobody needs are closed, connections that are idle end when
 * they are told to look (WORKER_SWEEP). True: a worker may still have a client of theirs that it has not
 * begun with. */
bool listeners_retire(struct listeners *set, const struct conf *conf);

/* Stops to accept, for good. */
void listeners_quiet(struct listeners *set);
/* After the last worker; the set is empty then. */
void listeners_close(struct listeners *set);

#endif
