/* A bound socket with an MHD daemon on it. It takes no part in a reload but for being opened or closed: what
 * its connections are served with comes from the live snapshot. */
#ifndef MTLSD_SERVER_LISTENER_H
#define MTLSD_SERVER_LISTENER_H

#include "base/err.h"
#include "config/conf.h"

struct server;
struct listener;

/* Binds, so that a port in use is known before anything changes; or takes over `inherited`, a listening
 * socket, unless that is -1. 0 and *out, ERR_IO, ERR_DENIED with the remedy. */
MUST_CHECK int listener_open(struct server *server, const struct conf_listener *of, int inherited,
                             struct listener **out, struct err *err);
/* Another one, as `of` says, on the socket of `from`, which is about to be retired: both accept until then. 0
 * and *out, or ERR_IO. */
MUST_CHECK int listener_share(const struct listener *from, const struct conf_listener *of,
                              struct listener **out, struct err *err);
/* Starts `workers` threads. Who connects waits for listener_admit. 0 or ERR_IO, after which it can only be
 * closed. */
MUST_CHECK int listener_start(struct listener *listener, const struct conf *conf, unsigned workers,
                              struct err *err);
/* Lets them in who wait and who come: the live snapshot has its entry now. */
void listener_admit(struct listener *listener);
/* Stops accepting, once everybody is in whose connection the kernel had established; connections go on. Takes
 * some milliseconds. An inherited socket keeps its queue for whoever accepts next. */
void listener_quiet(struct listener *listener);
/* Ends every connection and frees it. */
void listener_close(struct listener *listener);

/* True when each worker has done a turn of its loop since the call before; asks each for another one. */
bool listener_turns(struct listener *listener);

/* What the newest configuration says of it. */
void listener_configure(struct listener *listener, const struct conf_listener *of);

/* Says that a reload has closed it: its connections end with their next response. `shared`: another listener
 * accepts on its socket. */
void listener_retire(struct listener *listener, bool shared);
unsigned listener_connections(const struct listener *listener);
const char *listener_name(const struct listener *listener);
const char *listener_address(const struct listener *listener); /* as configured */
/* True when `address` is where it listens, as written or as bound (port 0 became a real one). */
bool listener_is_at(const struct listener *listener, const char *address);
/* True when the two accept on one socket. */
bool listener_shares(const struct listener *a, const struct listener *b);
/* True when it is what `of` asks for: the name and the address. */
bool listener_is(const struct listener *listener, const struct conf_listener *of);
const char *listener_url(const struct listener *listener); /* "https://localhost:8443/" */

#endif
