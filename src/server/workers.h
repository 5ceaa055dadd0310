/* All workers of the server, as the main thread sees them: who starts and stops them, gives them sockets to
 * accept on, and tells them that something has changed. The main thread's. */
#ifndef MTLSD_SERVER_WORKERS_H
#define MTLSD_SERVER_WORKERS_H

#include "base/err.h"
#include "config/conf.h"
#include "server/live.h"
#include "server/worker.h"

struct port;

/* As many as the configuration says. 0, ERR_IO, ERR_NOMEM; then there are none. */
MUST_CHECK int workers_start(struct workers *workers, struct live *live, const struct conf *conf,
                             struct err *err);
/* Ends every connection, and the threads. */
void workers_stop(struct workers *workers);

/* All of them accept on the port's socket from now on, as soon as it has a listener. 0 or ERR_IO: none does.
 */
MUST_CHECK int workers_watch(struct workers *workers, struct port *port, struct err *err);
/* None of them begins to do so. */
void workers_unwatch(struct workers *workers, struct port *port);

/* Tells each (worker.h). */
void workers_tell(const struct workers *workers, unsigned words);
/* Waits, for some time, until each has done a whole turn of its loop that began after this call: what a
 * worker found before, it has let go by then. False: one is busy for longer. */
bool workers_settle(const struct workers *workers);
/* True when each has done a turn since the call before; asks each for another one. */
bool workers_turn(struct workers *workers);

#endif
