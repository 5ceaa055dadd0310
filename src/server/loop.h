/* A worker's loop: waits, accepts, lets in, does what is due, and lets libmicrohttpd run.
 *
 * All workers have each listening socket in their sets (EPOLLEXCLUSIVE: the kernel wakes one of those that
 * sleep). Not a socket for each (SO_REUSEPORT): a port that is taken would no longer be told from one that is
 * free, inherited sockets are single, the sandbox forbids new ones, and a worker that is busy would keep the
 * clients of its queue waiting. Whoever accepts hands the connection on when another worker has fewer. */
#ifndef MTLSD_SERVER_LOOP_H
#define MTLSD_SERVER_LOOP_H

#include "base/err.h"
#include "config/conf.h"
#include "server/worker.h"

/* Everything but the thread. NULL, and `err` says why. */
struct worker *loop_new(struct workers *workers, unsigned number, struct live *live, const struct conf *conf,
                        struct err *err);
/* After its thread, if any, has ended. */
void loop_free(struct worker *worker);
/* The thread: a struct worker. */
void *loop_run(void *cls);

#endif
