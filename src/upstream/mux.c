#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config/conf_backend.h"
#include "upstream/mux_impl.h"

enum {
    READ_BYTES = 16 * 1024,
    READ_TURN = 256 * 1024, /* of one connection, before others have their turn */
    SEND_BYTES = 64 * 1024, /* that wait for its socket, and a frame more */
    QUIET_MS = 5000,        /* at most: then it is asked whether anybody is there */
};

/* ---- its life ------------------------------------------------------------------------------------------ */

void mux_make_busy(struct mux *mux)
{
    if (mux->busy || mux->gone)
        return;
    mux->busy = true;
    mux->next_busy = mux->links->busy;
    mux->links->busy = mux;
}

static void leave_busy(struct mux *mux)
{
    struct mux **at = mux->worked ? &mux->links->worked : &mux->links->busy;
    if (!mux->busy)
        return;
    while (*at != mux)
        at = &(*at)->next_busy;
    *at = mux->next_busy;
    mux->busy = mux->worked = false;
}

void mux_leave_shelf(struct mux *mux)
{
    if (!mux->shelf)
        return;
    *(mux->prev ? &mux->prev->next : &mux->shelf->muxes) = mux->next;
    if (mux->next)
        mux->next->prev = mux->prev;
    mux->next = mux->prev = NULL;
    mux->shelf->n_muxes--;
    mux->shelf = NULL;
    if (mux->counted)
        atomic_fetch_sub_explicit(&mux_origin(mux)->muxes, 1, memory_order_relaxed);
}

/* Its socket is over, and nobody new comes to it. */
static void end_link(struct mux *mux)
{
    if (mux->link && mux->engine && mux->counted)
        atomic_fetch_sub_explicit(&mux_origin(mux)->h2_open, 1, memory_order_relaxed);
    link_close(mux->link);
    mux->link = NULL;
    mux_leave_shelf(mux);
    wheel_set(mux->links->wheel, &mux->timer, 0);
}

static void mux_free(struct mux *mux)
{
    if (mux->gone)
        return;
    end_link(mux);
    leave_busy(mux);
    wheel_stop(&mux->timer);
    h2_client_free(mux->engine);
    mux->engine = NULL;
    buf_done(&mux->out);
    backend_unref(mux->backend);
    mux->gone = true;
    mux->next = mux->links->gone;
    mux->links->gone = mux;
}

/* Sends what there is, as far as the socket takes it. 1: all has gone; 0: it takes no more; negative: it
 * broke. */
static ssize_t flush(struct mux *mux)
{
    for (;;) {
        const char *bytes;
        size_t n;
        while (mux->out_at < mux->out.len) {
            ssize_t sent = link_write(mux->link, mux->out.data + mux->out_at, mux->out.len - mux->out_at);
            if (sent == -EAGAIN)
                return 0;
            if (sent < 0)
                return sent;
            mux->out_at += (size_t)sent;
            h2_client_sent(mux->engine, (size_t)sent);
        }
        mux->out.len = mux->out_at = 0;
        while (mux->out.len < SEND_BYTES && (n = h2_client_give(mux->engine, &bytes)) > 0)
            buf_put(&mux->out, bytes, n);
        if (buf_failed(&mux->out))
            return -ENOMEM;
        if (mux->out.len > 0)
            continue;
        buf_done(&mux->out);
        buf_init(&mux->out, 2 * SEND_BYTES);
        return 1;
    }
}

/* Nobody uses it: the server is told, and it ends. */
static void part(struct mux *mux)
{
    if (mux->link && mux->link->up && mux->engine) {
        h2_client_part(mux->engine);
        (void)flush(mux);
    }
    mux_free(mux);
}

bool mux_is_pending(const struct mux *mux)
{
    return mux->link && (!mux->engine || !h2_client_is_settled(mux->engine));
}

/* As many as may be are idle already. */
static bool is_spare(const struct mux *mux)
{
    unsigned n = 0;
    for (const struct mux *other = mux->shelf->muxes; other; other = other->next)
        n += other != mux && other->n == 0;
    return n >= mux->most_idle;
}

/* The last of its links has left. */
void mux_rests(struct mux *mux)
{
    if (mux->n > 0 || mux->telling)
        return;
    if (!mux->link || mux->alone || !mux->shelf || !mux->engine || is_spare(mux) ||
        atomic_load(&mux->backend->retired) || h2_client_is_over(mux->engine) ||
        h2_client_room(mux->engine) == 0) {
        part(mux);
        return;
    }
    if (!mux_is_pending(mux))
        wheel_set(mux->links->wheel, &mux->timer, clock_mono_ms() + mux->keep_ms);
}

/* An answer is waited for; nothing may have come for so long since then. */
void mux_watch(struct mux *mux, uint64_t since_us)
{
    const uint64_t quiet_ms = mux->settle_ms < QUIET_MS ? mux->settle_ms : QUIET_MS;
    if (mux->watch != WATCH_NONE || mux_is_pending(mux) || mux->alone || !mux->shelf)
        return;
    mux->watch = WATCH_QUIET;
    mux->watched_us = since_us;
    wheel_set(mux->links->wheel, &mux->timer, since_us / 1000 + quiet_ms + 1);
}

/* The connection broke: all of it that has not ended is cut short. */
static void broke(struct mux *mux, const char *why)
{
    mux->broken = true;
    if (mux->engine) {
        h2_client_fail(mux->engine, why);
        snprintf(mux->link->why, sizeof mux->link->why, "%s", why);
    }
    mux_link_tell_pending(mux, LINK_FAILED);
    end_link(mux);
    mux_link_deliver(mux);
}

/* ---- events of the connection -------------------------------------------------------------------------- */

static void take_settings(struct mux *mux, bool was_settled)
{
    if (was_settled || !mux->link || !h2_client_is_settled(mux->engine))
        return;
    wheel_set(mux->links->wheel, &mux->timer, 0);
    if (mux->n > 0)
        mux_watch(mux, mux->heard_us);
    const struct h2_client *engine = mux->engine;
    unsigned room = h2_client_room(engine);
    mux_link_begin_pending(mux, room);
    if (mux->link)
        mux_link_tell_pending(mux, LINK_AGAIN);
}

static void read_on(struct mux *mux)
{
    char bytes[READ_BYTES];
    size_t left = READ_TURN;
    const bool was_settled = h2_client_is_settled(mux->engine);
    mux->more = false;
    while (mux->link && (mux->link->session || mux->link->readable)) {
        if (left < sizeof bytes || h2_client_is_full(mux->engine)) {
            mux->more = true;
            if (left < sizeof bytes)
                mux_make_busy(mux);
            break;
        }
        ssize_t n = link_read(mux->link, bytes, sizeof bytes);
        if (n == -EAGAIN)
            break;
        if (n > 0) {
            mux->heard_us = clock_mono_us();
            h2_client_take(mux->engine, bytes, (size_t)n, clock_mono_ms());
            left -= (size_t)n;
        }
        if (n > 0 && !h2_client_is_over(mux->engine))
            continue;
        if (n > 0)
            (void)flush(mux); /* why */
        char why[LINK_WHY];
        snprintf(why, sizeof why, "%s",
                 n > 0                               ? h2_client_why(mux->engine)
                 : n == 0                            ? "it closed the connection"
                 : n == -EPROTO && mux->link->why[0] ? mux->link->why
                                                     : strerror((int)-n));
        broke(mux, why);
        return;
    }
    take_settings(mux, was_settled);
    mux_link_deliver(mux);
}

static void send_on(struct mux *mux)
{
    if (!mux->link || !mux->engine)
        return;
    ssize_t rc = flush(mux);
    if (rc < 0 && (rc != -EPIPE || h2_client_is_full(mux->engine))) { /* with EPIPE it may have said why */
        broke(mux, strerror((int)-rc));
        return;
    }
    if (rc == -EPIPE)
        mux->link->readable = mux->more = true;
    if (rc > 0 && h2_client_is_over(mux->engine)) {
        if (mux->n > 0)
            broke(mux, h2_client_why(mux->engine));
        else
            end_link(mux);
        return;
    }
    if (rc > 0 && mux->more)
        mux_make_busy(mux);
    mux_link_deliver(mux);
}

/* Something happens to it, in whose course it must stay. */
static void work(struct mux *mux, void (*what)(struct mux *mux))
{
    const bool nested = mux->telling;
    mux->telling = true;
    what(mux);
    mux->telling = nested;
    if (!nested)
        mux_rests(mux);
}

static void go_on(struct mux *mux)
{
    if (!mux->engine)
        return;
    read_on(mux);
    if (mux->engine && h2_client_is_parting(mux->engine)) /* it is no place that others wait for */
        mux_leave_shelf(mux);
    send_on(mux);
}

static void come_up(struct mux *mux)
{
    struct h2_limits limits;
    h2_client_limits(&limits);
    mux->engine = h2_client_new(&limits, &mux->links->h2_grown);
    if (!mux->engine) {
        snprintf(mux->link->why, sizeof mux->link->why, "out of memory");
        mux_link_tell_pending(mux, LINK_FAILED);
        end_link(mux);
        return;
    }
    if (mux->counted)
        atomic_fetch_add_explicit(&mux_origin(mux)->h2_open, 1, memory_order_relaxed);
    wheel_set(mux->links->wheel, &mux->timer, clock_mono_ms() + mux->settle_ms);
    mux_link_begin_pending(mux, 1);
    send_on(mux); /* before go_on reads, so that there is something to read */
    if (mux->link)
        go_on(mux);
}

static void come_down(struct mux *mux)
{
    mux->broken = true;
    mux_link_tell_pending(mux, LINK_FAILED);
    end_link(mux);
}

static void on_link(struct link_user *user, enum link_event event)
{
    struct mux *mux = (struct mux *)(void *)user;
    work(mux, event == LINK_UP ? come_up : event == LINK_FAILED ? come_down : go_on);
}

static void be_late(struct mux *mux)
{
    mux->link->timed_out = true;
    broke(mux, "it did not say within connect_timeout that it speaks HTTP/2");
}

/* An answer that takes long is nothing to wonder at, a connection of which nothing comes is: the way may be
 * dead, where nobody says so. Once it has not answered a PING either, nobody new comes to it. */
static void look_after(struct mux *mux)
{
    const enum watch was = mux->watch;
    mux->watch = WATCH_NONE;
    mux->link->readable = true;
    read_on(mux);
    if (!mux->link || mux->n == 0)
        return;
    const bool heard = mux->heard_us > mux->watched_us;
    if (was == WATCH_QUIET && heard) {
        mux_watch(mux, mux->heard_us);
    } else if (was == WATCH_PINGED && !heard) {
        mux_leave_shelf(mux);
    } else if (was == WATCH_QUIET && h2_client_ping(mux->engine)) {
        mux->watch = WATCH_PINGED;
        mux->watched_us = clock_mono_us();
        wheel_set(mux->links->wheel, &mux->timer, clock_mono_ms() + mux->settle_ms);
        send_on(mux);
    }
}

static void on_time(struct wheel_timer *timer)
{
    struct mux *mux = (struct mux *)(void *)((char *)timer - offsetof(struct mux, timer));
    if (mux->n > 0 && mux->link && mux_is_pending(mux))
        work(mux, be_late);
    else if (mux->n == 0)
        part(mux);
    else if (mux->link)
        work(mux, look_after);
}

/* ---- which one ----------------------------------------------------------------------------------------- */

static struct mux *mux_new(const struct link_target *target, const struct mux_wish *wish,
                           char why[static LINK_WHY])
{
    static const struct link_first NOTHING = {0};
    const struct conf_backend *conf = target->backend->conf;
    struct mux *mux = calloc(1, sizeof *mux);
    if (!mux) {
        links_no_memory(target->links, why);
        return NULL;
    }
    mux->user.event = on_link;
    mux->timer.fire = on_time;
    mux->links = target->links;
    mux->server = target->server;
    mux->alone = wish->alone;
    buf_init(&mux->out, 2 * SEND_BYTES);
    mux->link = link_open(target, &mux->user, wish->alone ? &wish->first : &NOTHING, why);
    if (!mux->link) {
        free(mux);
        return NULL;
    }
    mux->backend = backend_ref(target->backend);
    /* As over HTTP/1.1: in clear text nobody may believe "https" but of whom he trusts (RFC 9110, 7.4), and
     * some servers refuse it. How the client came, other fields say. */
    mux->scheme = conf_server_is_tls(target->backend->server[target->server].conf) ? "https" : "http";
    mux->most_idle = (unsigned)conf->keepalive;
    mux->keep_ms = (uint64_t)conf->keepalive_timeout * 1000;
    mux->settle_ms = (uint64_t)conf->connect_timeout * 1000;
    mux->shelf = target->shelf;
    mux->next = mux->shelf->muxes;
    if (mux->next)
        mux->next->prev = mux;
    mux->shelf->muxes = mux;
    mux->shelf->n_muxes++;
    mux->counted = !wish->check;
    if (mux->counted)
        atomic_fetch_add_explicit(&mux_origin(mux)->muxes, 1, memory_order_relaxed);
    return mux;
}

/* Those that are not settled are thought to take as many as we would give them. */
static bool has_room(const struct mux *mux)
{
    if (mux->alone || !mux->link)
        return false;
    return mux_is_pending(mux) ? mux->n < H2_CLIENT_STREAMS : h2_client_room(mux->engine) > 0;
}

/* A worker may have one in any case: what others have is nothing to wait for here. */
static bool may_open(const struct link_target *target)
{
    const unsigned most = (unsigned)target->backend->conf->max_connections;
    struct origin *origin = target->backend->server[target->server].origin;
    return most == 0 || target->shelf->n_muxes == 0 ||
           atomic_load_explicit(&origin->muxes, memory_order_relaxed) < most;
}

/* What an idle one has said meanwhile may be that it is over. */
static void hear(struct mux *mux)
{
    if (mux->n > 0 || mux->telling || mux_is_pending(mux))
        return;
    mux->link->readable = true;
    work(mux, go_on);
}

static struct mux *find(const struct link_shelf *shelf)
{
    for (struct mux *mux = shelf->muxes, *next; mux; mux = next) {
        next = mux->next;
        if (has_room(mux))
            hear(mux);
        if (has_room(mux))
            return mux;
    }
    return NULL;
}

struct link *mux_take(const struct link_target *target, struct link_user *user, const struct mux_wish *wish,
                      bool *fresh, char why[static LINK_WHY])
{
    struct mux *mux = wish->alone ? NULL : find(target->shelf);
    why[0] = '\0';
    *fresh = !mux;
    if (!mux && !may_open(target))
        return NULL;
    if (!mux)
        mux = mux_new(target, wish, why);
    if (!mux)
        return NULL;
    struct link *link = mux_link_join(mux, user);
    if (!link)
        snprintf(why, LINK_WHY, "out of memory");
    if (!link && mux->n == 0)
        part(mux);
    return link;
}

void mux_shelf_done(struct link_shelf *shelf)
{
    for (struct mux *mux = shelf->muxes, *next; mux; mux = next) {
        next = mux->next;
        if (mux->n == 0)
            part(mux);
        else
            mux_leave_shelf(mux);
    }
}

void mux_turn(struct links *links)
{
    struct mux *mux;
    links->worked = links->busy;
    links->busy = NULL;
    for (mux = links->worked; mux; mux = mux->next_busy)
        mux->worked = true;
    while ((mux = links->worked) != NULL) {
        leave_busy(mux);
        work(mux, mux->more ? go_on : send_on);
    }
    while (links->gone) {
        mux = links->gone;
        links->gone = mux->next;
        free(mux);
    }
}

bool mux_waits(const struct links *links)
{
    return links->busy != NULL;
}
