/* Where there is no nghttp2 there are no connections of HTTP/2: check refuses a backend that wants them. */
#include <stdio.h>

#include "upstream/mux.h"

struct link *mux_take(const struct link_target *target, struct link_user *user, const struct mux_wish *wish,
                      bool *fresh, char why[static LINK_WHY])
{
    (void)target, (void)user, (void)wish;
    *fresh = false;
    snprintf(why, LINK_WHY, "built without HTTP/2");
    return NULL;
}

void mux_shelf_done(struct link_shelf *shelf)
{
    (void)shelf;
}

void mux_turn(struct links *links)
{
    (void)links;
}

bool mux_waits(const struct links *links)
{
    (void)links;
    return false;
}
