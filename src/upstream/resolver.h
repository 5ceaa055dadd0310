/* The thread that asks for the addresses of backends again, every ten seconds: getaddrinfo may wait for long.
 */
#ifndef MTLSD_UPSTREAM_RESOLVER_H
#define MTLSD_UPSTREAM_RESOLVER_H

#include "base/err.h"

/* Starts it when a backend has a name and it does not run yet. Inside the sandbox; the main thread. It ends
 * with the process. 0, or ERR_NOMEM. */
MUST_CHECK int resolver_start(struct err *err);

#endif
