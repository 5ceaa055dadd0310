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

static bool is_used(const struct listeners *set, const struct port *port)
{
    for (size_t i = 0; i < set->n; i++) {
        if (set->item[i]->port == port)
            return true;
    }
    return false;
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

/* Nobody can be in the middle of an accept, unless a worker has been busy for a while. */
static void close_those_that_settled(struct listeners *set)
{
    if (set->n_closing == 0 || !workers_settle(set->workers))
        return;
    while (set->n_closing > 0)
        port_free(set->closing[--set->n_closing]);
}

/* There is room for it (make_room). */
static void stop_accepting(struct listeners *set, struct port *port)
{
    workers_unwatch(set->workers, port);
    if (!port->inherited) /* at once, whoever is busy */
        shutdown(port->fd, SHUT_RDWR);
    set->closing[set->n_closing++] = port;
}

/* Those from `first` on were never admitted: nobody waits for their clients. */
static void forget_from(struct listeners *set, size_t first)
{
    while (set->n > first) {
        struct listener *listener = set->item[--set->n];
        if (!is_used(set, listener->port))
            stop_accepting(set, listener->port);
        listener_free(listener);
    }
    close_those_that_settled(set);
}

static int open_one(struct listeners *set, size_t had, const struct conf *conf, size_t i, int inherited,
                    struct err *err)
{
    const struct conf_listener *wanted = &conf->listener[i];
    struct port *own = NULL, *port = heirloom(set, had, conf, wanted);
    int rc = port ? 0 : port_open(wanted->address.text, inherited, &own, err);
    if (rc == 0 && own)
        rc = workers_watch(set->workers, own, err);
    if (rc == 0)
        rc = listener_new(wanted, port ? port : own, &set->item[set->n], err);
    if (rc == 0)
        set->n++;
    else if (own)
        stop_accepting(set, own);
    return rc;
}

int listeners_bind(struct listeners *set, const struct conf *conf, const int *inherited, struct diag *diag)
{
    size_t had = set->n;
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
            forget_from(set, had);
            return rc;
        }
    }
    return 0;
}

int listeners_watch(struct listeners *set, const struct conf *conf, struct diag *diag)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < set->n; i++) {
        struct err err = {0};
        rc = workers_watch(set->workers, set->item[i]->port, &err);
        if (rc != 0)
            diag_error(diag, (struct src){.file = conf->file}, "listen \"%s\": %s", set->item[i]->name,
                       err.text);
    }
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

bool listeners_retire(struct listeners *set, const struct conf *conf)
{
    reap(set);
    size_t had = set->n, first = set->n_retired;
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
        if (!shared) {
            port_last_call(listener->port);
            stop_accepting(set, listener->port);
        }
        listener->port = NULL;
        atomic_store_explicit(&listener->retired, true, memory_order_relaxed);
    }
    if (first == set->n_retired)
        return false;
    bool settled = workers_settle(set->workers);
    for (size_t i = 0; settled && i < set->n_retired; i++)
        set->retired[i]->settled = true;
    close_those_that_settled(set);
    return !settled;
}

void listeners_quiet(struct listeners *set)
{
    for (size_t i = 0; i < set->n; i++) {
        struct port *port = set->item[i]->port;
        port_last_call(port);
        stop_accepting(set, port);
        set->item[i]->port = NULL;
    }
    close_those_that_settled(set);
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
