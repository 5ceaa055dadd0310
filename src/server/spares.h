/* Descriptors that are kept for when there are no others: one of them is given up, the client who waits is
 * accepted with it and closed, and so knows. All workers' together: a worker that had one of its own could
 * lose it, and stand at a client whom the kernel shows to nobody else (EPOLLEXCLUSIVE). Any thread. */
#ifndef MTLSD_SERVER_SPARES_H
#define MTLSD_SERVER_SPARES_H

#include <stdbool.h>

#include "base/err.h"

struct spares;

/* NULL: ERR_IO or ERR_NOMEM. */
struct spares *spares_new(struct err *err);
/* NULL is fine. */
void spares_free(struct spares *spares);

/* Takes back what was given up. False: descriptors are still short; who has just accepted a client has the
 * last one, which another thread had given up for a moment, closes it, and calls this once more. */
bool spares_fill(struct spares *spares);

/* What came of it: the client was told; nobody waits, or no longer; no descriptor was to be had, or no
 * memory, and who waits still does. */
enum spares_end { SPARES_TOLD, SPARES_NOBODY, SPARES_NONE };
/* Accepts who waits at the listening socket, which does not block, and closes the connection. */
enum spares_end spares_turn_away(struct spares *spares, int listening);

#endif
