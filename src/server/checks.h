/* Asks the servers of backends whether they are well (check, check_interval): one worker's, for all of them.
 * What it finds is in their struct origin, where every worker's balancer looks. Each check has a connection
 * of its own, and is over, one way or the other, when the next one is due.
 *
 * Only that worker's thread. */
#ifndef MTLSD_SERVER_CHECKS_H
#define MTLSD_SERVER_CHECKS_H

#include "base/wheel.h"
#include "server/live.h"
#include "upstream/link.h"

struct checks;

/* The links and their wheel are the worker's. Begins with its first turn. NULL when memory is short. */
struct checks *checks_new(struct links *links, struct live *live);
void checks_free(struct checks *checks);
/* Each turn: a reload may have changed what is asked. */
void checks_follow(struct checks *checks);

#endif
