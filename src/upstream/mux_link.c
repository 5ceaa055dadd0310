/* What one exchange has of a connection of HTTP/2: a link that reads and writes as HTTP/1.1 does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "upstream/mux_impl.h"

static struct mux_link *of(struct link *link)
{
    return (struct mux_link *)(void *)link;
}

/* ---- its functions
 * --------------------------------------------------------------------------------------------- */

static ssize_t link_gives(struct link *link, void *data, size_t size)
{
    struct mux_link *own = of(link);
    if (!own->call)
        return -EAGAIN;
    ssize_t n = h2_call_read(own->call, data, size);
    if (n == -EAGAIN)
        link->readable = false;
    if (n == -EPROTO) {
        snprintf(link->why, sizeof link->why, "%s", h2_call_why(own->call));
        link->refused = h2_call_is_refused(own->call);
        link->reset = h2_call_is_reset(own->call);
        link->answered = h2_call_is_answered(own->call);
    }
    if (n > 0)
        mux_make_busy(own->mux); /* as much may come */
    return n;
}

static ssize_t link_takes(struct link *link, const void *data, size_t size)
{
    struct mux_link *own = of(link);
    if (!own->call)
        return -EAGAIN;
    ssize_t n = h2_call_write(own->call, data, size);
    link->writable = n != -EAGAIN;
    if (n > 0)
        mux_make_busy(own->mux);
    return n;
}

/* Nothing at all has come of it while an answer was waited for: whoever is there may be gone, and a new
 * connection may be answered. */
static bool is_silent(const struct mux *mux, const struct link *link)
{
    enum { SILENT_US = 500 * 1000 };
    return link->timed_out && clock_mono_us() >= mux->heard_us + SILENT_US;
}

/* Servers bound how many requests a connection may give up, and end it with all that is on it: one client
 * that does so is not to end what others have there. */
static bool has_many_resets(struct resets *resets, uint64_t now_us)
{
    enum { SECOND = 1000 * 1000, MOST = 20, MOST_ALL = 200 };
    if (now_us - resets->since_us > SECOND)
        *resets = (struct resets){now_us, 0, resets->all};
    resets->n++;
    resets->all++;
    return resets->n > MOST || resets->all > MOST_ALL;
}

static void link_leaves(struct link *link)
{
    struct mux_link *own = of(link);
    struct mux *mux = own->mux;
    if (!mux)
        return;
    if (is_silent(mux, link) ||
        (own->call && h2_call_is_open(own->call) && has_many_resets(&mux->resets, clock_mono_us())))
        mux_leave_shelf(mux); /* nobody else comes to it */
    if (own->call && mux->counted)
        atomic_fetch_sub_explicit(&mux_origin(mux)->h2_streams, 1, memory_order_relaxed);
    own->mux = NULL;
    h2_call_free(own->call);
    own->call = NULL;
    *(own->prev ? &own->prev->next : &mux->first) = own->next;
    *(own->next ? &own->next->prev : &mux->last) = own->prev;
    mux->n--;
    link->user = NULL;
    link->next = mux->links->dead;
    mux->links->dead = link;
    mux_make_busy(mux);
    mux_rests(mux);
}

/* Its end, or that it could not be made, is one failure. */
static bool link_blames(struct link *link)
{
    struct mux *mux = of(link)->mux;
    if (!mux->broken)
        return true;
    const bool first = !mux->blamed;
    mux->blamed = true;
    return first;
}

static const struct link_ops OPS = {link_gives, link_takes, link_leaves, link_blames};

/* ---- its life ------------------------------------------------------------------------------------------ */

static void begin(struct mux_link *own)
{
    mux_watch(own->mux, clock_mono_us());
    own->call = h2_call_new(own->mux->engine, own->mux->scheme, own);
    own->link.up = own->call != NULL;
    if (own->call && own->mux->counted)
        atomic_fetch_add_explicit(&mux_origin(own->mux)->h2_streams, 1, memory_order_relaxed);
    own->link.up_us = clock_mono_us();
    own->link.readable = own->link.writable = own->link.up;
}

struct link *mux_link_join(struct mux *mux, struct link_user *user)
{
    struct mux_link *own = calloc(1, sizeof *own);
    if (!own)
        return NULL;
    own->link.ops = &OPS;
    own->link.links = mux->links;
    own->link.user = user;
    own->link.fd = -1;
    own->link.born_us = clock_mono_us();
    own->mux = mux;
    own->prev = mux->last;
    *(mux->last ? &mux->last->next : &mux->first) = own;
    mux->last = own;
    mux->n++;
    if (!mux_is_pending(mux)) {
        if (mux->n == 1) { /* it was idle */
            mux->watch = WATCH_NONE;
            wheel_set(mux->links->wheel, &mux->timer, 0);
        }
        begin(own);
    }
    if (!own->link.up && !mux_is_pending(mux)) {
        link_leaves(&own->link);
        return NULL;
    }
    return &own->link;
}

/* ---- what its links are told --------------------------------------------------------------------------- */

void mux_link_tell_pending(struct mux *mux, enum link_event event)
{
    for (struct mux_link *own = mux->first, *next; own && !mux->gone; own = next) {
        next = own->next;
        if (own->call || own->mux != mux)
            continue;
        if (event == LINK_FAILED)
            snprintf(own->link.why, sizeof own->link.why, "%s", mux->link ? mux->link->why : "");
        own->link.timed_out = mux->link && mux->link->timed_out;
        own->link.untrusted = mux->link && mux->link->untrusted;
        own->link.user->event(own->link.user, event);
    }
}

/* There is an engine, or it was said how many may use it: those who wait begin, as far as there is room. An
 * event may bring others of them to an end. */
void mux_link_begin_pending(struct mux *mux, unsigned most)
{
    struct mux_link *own = mux->first;
    while (own && most > 0) {
        if (own->call || own->link.up) {
            own = own->next;
            continue;
        }
        begin(own);
        if (!own->link.up) /* memory is short */
            return;
        most--;
        own->link.user->event(own->link.user, LINK_UP);
        own = mux->first; /* whoever was next may have left */
    }
}

void mux_link_deliver(struct mux *mux)
{
    struct h2_call *call;
    while (mux->engine && (call = h2_client_next(mux->engine)) != NULL) {
        struct mux_link *own = h2_call_owner(call);
        own->link.readable = own->link.writable = true;
        own->link.user->event(own->link.user, LINK_READY);
    }
}
