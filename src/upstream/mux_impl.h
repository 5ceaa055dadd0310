/* A connection of HTTP/2 and its links among themselves. */
#ifndef MTLSD_UPSTREAM_MUX_IMPL_H
#define MTLSD_UPSTREAM_MUX_IMPL_H

#include "base/buf.h"
#include "upstream/h2_client.h"
#include "upstream/mux.h"

/* One connection. */
struct mux {
    struct link_user user; /* of `link` */
    struct links *links;
    struct link_shelf *shelf; /* NULL: it is on none any more, nobody new comes to it */
    struct mux *next, *prev;  /* there; or, by next, among those that are gone */
    struct mux *next_busy;
    struct backend *backend; /* a reference */
    unsigned server;
    const char *scheme;       /* of its requests; static */
    struct link *link;        /* NULL: it has ended; what came of it may still be read */
    struct h2_client *engine; /* NULL: it is not up */
    struct mux_link *first, *last;
    unsigned n;
    struct buf out; /* that the socket did not take; the first out_at bytes it did */
    size_t out_at;
    uint64_t keep_ms, settle_ms; /* how long it may be idle; its SETTINGS may take */
    unsigned most_idle;          /* of those on its shelf */
    uint64_t heard_us;           /* when anything came of it */
    struct wheel_timer timer; /* its SETTINGS are due, or a word of it; or it has been idle for long enough */
    enum watch {
        WATCH_NONE,
        WATCH_QUIET,  /* an answer is waited for: something should come */
        WATCH_PINGED, /* nothing did, and it was asked */
    } watch;
    uint64_t watched_us; /* since then */
    struct resets {
        uint64_t since_us;
        unsigned n, all; /* since then; since it was made */
    } resets;            /* requests that were given up before their answers were whole */
    bool alone, more, gone;
    bool busy, worked; /* it is on the list of those that have something to do; and in this very turn */
    bool counted;      /* among those of its server: max_connections bounds them, and metrics have them */
    bool broken;       /* it has ended, or was never up, through its server */
    bool blamed;       /* and that was counted */
    bool telling;      /* its links are told of something: it is not freed meanwhile */
};

/* What one exchange has of it. */
struct mux_link {
    struct link link; /* first */
    struct mux *mux;
    struct mux_link *next, *prev;
    struct h2_call *call; /* NULL: it waits until the connection is up, or says how many it takes */
};

static inline struct origin *mux_origin(const struct mux *mux)
{
    return mux->backend->server[mux->server].origin;
}

/* mux.c: the connection */
void mux_make_busy(struct mux *mux);
/* Nobody new comes to it. */
void mux_leave_shelf(struct mux *mux);
/* It is not up, or has not said how many may use it. */
bool mux_is_pending(const struct mux *mux);
/* Where the last of its links has left: it is kept, or ends. */
void mux_rests(struct mux *mux);
/* An answer is waited for; nothing may have come for so long since then. */
void mux_watch(struct mux *mux, uint64_t since_us);

/* mux_link.c: what one exchange has of it */
/* NULL when memory is short. */
struct link *mux_link_join(struct mux *mux, struct link_user *user);
/* Those that wait are told; they may leave. */
void mux_link_tell_pending(struct mux *mux, enum link_event event);
/* There is an engine, or it was said how many may use it: those who wait begin, as far as there is room. */
void mux_link_begin_pending(struct mux *mux, unsigned most);
/* What may be read, or written again, is told of. */
void mux_link_deliver(struct mux *mux);

#endif
