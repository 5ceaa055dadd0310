/* Connections of HTTP/2 to servers, each of which many exchanges share: what each has of one is a link that
 * reads and writes as HTTP/1.1 does (upstream/h2_client.h), and knows of no others. A worker's, as all links;
 * only its thread. */
#ifndef MTLSD_UPSTREAM_MUX_H
#define MTLSD_UPSTREAM_MUX_H

#include "upstream/link.h"

struct mux_wish {
    bool alone;              /* on a connection of its own */
    bool check;              /* it is no request of a client's: max_connections does not count it */
    struct link_first first; /* it begins with that, where it is alone */
};

/* A link to that server, on one of the shelf's connections that has room, or on a new one where there may be
 * one more. Up at once, or `user` will be told. NULL, with `why` filled: it failed at once; or "": there is
 * no room. *fresh: a connection is made for it. */
struct link *mux_take(const struct link_target *target, struct link_user *user, const struct mux_wish *wish,
                      bool *fresh, char why[static LINK_WHY]);
/* Closes all that nobody uses; nobody comes to the others any more. */
void mux_shelf_done(struct link_shelf *shelf);

/* Sends what is to be sent, at the end of each turn. */
void mux_turn(struct links *links);
/* There is more to do in the next. */
bool mux_waits(const struct links *links);

#endif
