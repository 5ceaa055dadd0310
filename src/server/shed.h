/* Out of file descriptors. libmicrohttpd's own answer to a failed accept(2) is to stop accepting until one of
 * the same worker's connections ends, also when descriptors come back before that; and to spin while the
 * worker has none. The executable defines accept4 itself (as tls/preempt.c does with GnuTLS's functions),
 * with one answer for both: a descriptor that was kept for the purpose is given up, the waiting client
 * accepted with it and closed, so that it knows; then the descriptor is taken again. */
#ifndef MTLSD_SERVER_SHED_H
#define MTLSD_SERVER_SHED_H

#include "server/limits.h"

/* From now on clients are turned away when nothing is left, and counted there; NULL: no longer. */
void shed_start(struct limits *limits);

#endif
