/* Listening sockets that the service manager has bound and hands over: $LISTEN_FDS (sd_listen_fds(3)
 * describes them). They outlive the process, so that a restart refuses no connection. */
#ifndef MTLSD_OS_ACTIVATION_H
#define MTLSD_OS_ACTIVATION_H

#include "base/diag.h"
#include "config/conf.h"

/* Finds the listener of each socket: the one of its name ($LISTEN_FDNAMES), otherwise the one with its
 * address. A socket that belongs to none, or is not a listening TCP socket, is an error. `out` has room for
 * conf->n_listeners: the listener's socket, now the caller's, or -1. The variables are forgotten. 0, or a
 * negative code; nothing is closed then, for the process ends. */
MUST_CHECK int activation_match(const struct conf *conf, struct diag *diag, int *out);

#endif
