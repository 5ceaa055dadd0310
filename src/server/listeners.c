#include "server/listeners.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/log.h"

static struct listener *find(const struct listeners *set, const struct conf_listener *wanted)
{
    for (size_t i = 0; i < set->n; i++) {
        if (listener_is(set->item[i], wanted))
            return set->item[i];
    }
    return NULL;
}

static bool wants(const struct conf *conf, const struct listener *listener)
{
    for (size_t i = 0; i < conf->n_listeners; i++) {
        if (listener_is(listener, &conf->listener[i]))
            return true;
    }
    return false;
}

/* Among the first `n`. */
static bool has_port(const struct listeners *set, size_t n, const struct port *port)
{
    for (size_t i = 0; i < n; i++) {
        if (set->item[i]->port == port)
            return true;
    }
    return false;
}

static bool is_used(const struct listeners *set, const struct port *port)
{
    return has_port(set, set->n, port);
}

/* The socket that `wanted` can have: of one among the first `had` that `conf` drops, unless another has taken
 * it over. */
static struct port *heirloom(const struct listeners *set, size_t had, const struct conf *conf,
                             const struct conf_listener *wanted)
{
    for (size_t i = had; i < set->n; i++) {
        if (listener_is_at(set->item[i], wanted->address.text))
            return NULL;
    }
    for (size_t i = 0; i < had; i++) {
        if (listener_is_at(set->item[i], wanted->address.text) && !wants(conf, set->item[i]))
            return set->item[i]->port;
    }
    return NULL;
}

/* For `most` listeners, and for as many that retire and close: nothing may fail then. */
static int make_room(struct listeners *set, size_t most)
{
    struct listener **item = realloc(set->item, most * sizeof(struct listener *));
    set->item = item ? item : set->item;
    struct listener **retired = realloc(set->retired, (set->n_retired + most) * sizeof(struct listener *));
    set->retired = retired ? retired : set->retired;
    struct port **closing = realloc(set->closing, (set->n_closing + most) * sizeof(struct port *));
    set->closing = closing ? closing : set->closing;
    return item && retired && closing ? 0 : ERR_NOMEM;
}

/* --- sockets -------------------------------------------------------------------------------------------- */

/* Nobody is in the middle of an accept then. False: a worker has been busy for a while. */
static bool settle(struct listeners *set)
{
    if (!workers_settle(set->workers))
        return false;
    while (set->n_closing > 0)
        port_free(set->closing[--set->n_closing]);
    return true;
}

/* There is room for it (make_room). */
static void give_up(struct listeners *set, struct port *port)
{
    set->closing[set->n_closing++] = port;
}

/* Those that were given up from `first` on. */
static void stop_accepting(struct listeners *set, size_t first)
{
    for (size_t i = first; i < set->n_closing; i++) {
        workers_unwatch(set->workers, set->closing[i]);
        if (!set->closing[i]->inherited) /* at once, whoever is busy */
            shutdown(set->closing[i]->fd, SHUT_RDWR);
    }
}

/* Those from `had` on were never admitted: nobody waits for their clients. */
static void forget_from(struct listeners *set, size_t had, size_t first_closing)
{
    while (set->n > had) {
        struct listener *listener = set->item[--set->n];
        if (!is_used(set, listener->port))
            give_up(set, listener->port);
        listener_free(listener);
    }
    stop_accepting(set, first_closing);
    (void)settle(set);
}

static int open_one(struct listeners *set, size_t had, const struct conf *conf, size_t i, int inherited,
                    struct err *err)
{
    const struct conf_listener *wanted = &conf->listener[i];
    struct port *own = NULL, *port = heirloom(set, had, conf, wanted);
    int rc = port ? 0 : port_open(wanted->address.text, inherited, &own, err);
    if (rc == 0)
        rc = listener_new(wanted, port ? port : own, &set->item[set->n], err);
    if (rc == 0)
        set->n++;
    else if (own)
        give_up(set, own);
    return rc;
}

/* The sockets that are new since there were `had`, once all are open: of a client who comes before its
 * listener is admitted a worker is told in each turn, and the last name may take long to resolve. */
static int watch_new(struct listeners *set, size_t had, const struct conf *conf, struct diag *diag)
{
    for (size_t i = had; i < set->n; i++) {
        struct port *port = set->item[i]->port;
        struct err err = {0};
        if (has_port(set, had, port) || workers_watch(set->workers, port, &err) == 0)
            continue;
        diag_error(diag, (struct src){.file = conf->file}, "listen \"%s\": %s", set->item[i]->name, err.text);
        return ERR_IO;
    }
    return 0;
}

int listeners_bind(struct listeners *set, const struct conf *conf, const int *inherited, struct diag *diag)
{
    size_t had = set->n, first_closing = set->n_closing;
    int rc = make_room(set, had + conf->n_listeners);
    if (rc != 0) {
        diag_error(diag, (struct src){.file = conf->file}, "out of memory");
        return rc;
    }
    for (size_t i = 0; i < conf->n_listeners; i++) {
        const struct conf_listener *wanted = &conf->listener[i];
        struct err err = {0};
        if (find(set, wanted))
            continue;
        rc = open_one(set, had, conf, i, inherited ? inherited[i] : -1, &err);
        if (rc != 0) {
            diag_error(diag, wanted->address.src, "listen \"%s\": %s", wanted->name, err.text);
            forget_from(set, had, first_closing);
            return rc;
        }
    }
    rc = watch_new(set, had, conf, diag);
    if (rc != 0)
        forget_from(set, had, first_closing);
    return rc;
}

void listeners_number(const struct listeners *set, struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        const struct listener *listener = find(set, snapshot->listener[i].conf);
        struct conf_address bound;
        if (listener && conf_address(listener->bound, &bound, NULL) == 0)
            snapshot->listener[i].port = bound.port;
    }
}

int listeners_watch(struct listeners *set, const struct conf *conf, struct diag *diag)
{
    return watch_new(set, 0, conf, diag);
}

int listeners_give(const struct listeners *set, uid_t uid, gid_t gid, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < set->n; i++)
        rc = port_give(set->item[i]->port, uid, gid, err);
    return rc;
}

/* --- a reload ------------------------------------------------------------------------------------------- */

void listeners_admit(struct listeners *set, const struct conf *conf)
{
    for (size_t i = 0; i < conf->n_listeners; i++) {
        struct listener *listener = find(set, &conf->listener[i]);
        if (!listener)
            continue;
        limits_configure_door(set->limits, &listener->door, conf->listener[i].max_connections);
        atomic_store_explicit(&listener->port->listener, listener, memory_order_release);
    }
}

/* Frees retired listeners whose last connection is gone. */
static void reap(struct listeners *set)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->n_retired; i++) {
        struct listener *listener = set->retired[i];
        if (listener->settled && limits_open(set->limits, &listener->door) == 0)
            listener_free(listener);
        else
            set->retired[kept++] = listener;
    }
    set->n_retired = kept;
}

/* A worker was busy when the last ones were closed. */
static bool is_unsettled(const struct listeners *set)
{
    for (size_t i = 0; i < set->n_retired; i++) {
        if (!set->retired[i]->settled)
            return true;
    }
    return false;
}

bool listeners_retire(struct listeners *set, const struct conf *conf)
{
    reap(set);
    size_t had = set->n, first = set->n_retired, first_closing = set->n_closing;
    set->n = 0;
    for (size_t i = 0; i < had; i++) { /* both have room: make_room */
        bool stays = wants(conf, set->item[i]);
        *(stays ? &set->item[set->n++] : &set->retired[set->n_retired++]) = set->item[i];
    }
    for (size_t i = first; i < set->n_retired; i++) {
        struct listener *listener = set->retired[i];
        bool shared = is_used(set, listener->port);
        log_notice("listener %s on %s closes%s", listener->name, listener->address,
                   shared ? "; another one has the address" : "");
        if (!shared)
            give_up(set, listener->port);
        listener->port = NULL;
        atomic_store_explicit(&listener->retired, true, memory_order_relaxed);
    }
    if (first == set->n_retired && !is_unsettled(set))
        return false;
    port_last_call(set->closing + first_closing, set->n_closing - first_closing);
    stop_accepting(set, first_closing);
    bool settled = settle(set);
    for (size_t i = 0; settled && i < set->n_retired; i++)
        set->retired[i]->settled = true;
    return !settled;
}

void listeners_quiet(struct listeners *set)
{
    size_t first = set->n_closing;
    for (size_t i = 0; i < set->n; i++) {
        give_up(set, set->item[i]->port);
        set->item[i]->port = NULL;
    }
    port_last_call(set->closing + first, set->n_closing - first);
    stop_accepting(set, first);
    (void)settle(set);
}

void listeners_close(struct listeners *set)
{
    for (size_t i = 0; i < set->n; i++) {
        port_free(set->item[i]->port);
        listener_free(set->item[i]);
    }
    for (size_t i = 0; i < set->n_retired; i++)
        listener_free(set->retired[i]);
    while (set->n_closing > 0)
        port_free(set->closing[--set->n_closing]);
    free(set->item);
    free(set->retired);
    free(set->closing);
    *set = (struct listeners){0};
}
