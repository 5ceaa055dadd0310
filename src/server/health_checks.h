/* Asks the servers of backends whether they are well (check, check_interval): one worker's, for all of them.
 * What it finds is in their struct origin, where every worker's balancer looks. Each check has a connection
 * of its own, and is over, one way or the other, when the next one is due.
 *
 * Only that worker's thread. */
#ifndef MTLSD_SERVER_HEALTH_CHECKS_H
#define MTLSD_SERVER_HEALTH_CHECKS_H

#include "base/wheel.h"
#include "server/live.h"
#include "upstream/link.h"

struct health_checks;

/* The links and their wheel are the worker's. Begins with its first turn. NULL when memory is short. */
struct health_checks *health_checks_new(struct links *links, struct live *live);
void health_checks_free(struct health_checks *checks);
/* Each turn: a reload may have changed what is asked. */
void health_checks_follow(struct health_checks *checks);

#endif
