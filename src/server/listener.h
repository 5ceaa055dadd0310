/* What a configuration calls a listener: a name at an address. It takes no part in a reload but for being
 * made or retired: what its connections are served with comes from the live snapshot. */
#ifndef MTLSD_SERVER_LISTENER_H
#define MTLSD_SERVER_LISTENER_H

#include "base/err.h"
#include "config/conf.h"
#include "server/limits.h"
#include "server/port.h"
#include "server/snapshot.h"

/* The main thread's, but for what workers and connections read: what does not change, `door` and `retired`.
 * Those who have a place at the door hold it. */
struct listener {
    char *name, *address; /* as configured; owned, as the next */
    char *bound;          /* the address with the real port */
    struct limits_door door;
    struct port *port;   /* NULL once it is retired */
    atomic_bool retired; /* a reload has closed it: its connections end with their next response */
    bool settled;        /* since then no worker can have a client for it that has no place yet */
};

/* Takes over nothing. 0 and *out, or ERR_NOMEM. */
MUST_CHECK int listener_new(const struct conf_listener *of, struct port *port, struct listener **out,
                            struct err *err);
void listener_free(struct listener *listener);

/* True when `address` is where it listens, as written or as bound. */
bool listener_is_at(const struct listener *listener, const char *address);
/* True when it is what `of` asks for: the name and the address. */
bool listener_is(const struct listener *listener, const struct conf_listener *of);
/* What a snapshot says of its clients: by the address that they came to, whatever the listener there is
 * called by now, for a name may have moved to where less is asked. NULL: nobody listens there any more. Any
 * thread. */
const struct snapshot_listener *listener_in(const struct listener *listener, const struct snapshot *snapshot);

#endif
