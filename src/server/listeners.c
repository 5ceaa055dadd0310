#include "server/listeners.h"

#include <sched.h>
#include <stdlib.h>

#include "base/log.h"
#include "server/listener.h"

static unsigned workers(const struct conf *conf)
{
    if (conf->workers > 0)
        return (unsigned)conf->workers;
    /* Those that this process may use, which in a container are fewer than there are. Needs no file. */
    cpu_set_t usable;
    int n = sched_getaffinity(0, sizeof usable, &usable) == 0 ? CPU_COUNT(&usable) : 1;
    return n > 0 ? (unsigned)n : 1;
}

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

/* Whose socket `wanted` can have: among the first `had` one that `conf` drops and that nobody has taken over
 * yet. */
static struct listener *lender(const struct listeners *set, size_t had, const struct conf *conf,
                               const struct conf_listener *wanted)
{
    for (size_t i = had; i < set->n; i++) {
        if (listener_is_at(set->item[i], wanted->address.text))
            return NULL;
    }
    for (size_t i = 0; i < had; i++) {
        if (listener_is_at(set->item[i], wanted->address.text) && !wants(conf, set->item[i]))
            return set->item[i];
    }
    return NULL;
}

static int grow(struct listener ***item, size_t *room, size_t least)
{
    if (least <= *room)
        return 0;
    struct listener **more = realloc(*item, least * sizeof(struct listener *));
    if (!more)
        return ERR_NOMEM;
    *item = more;
    *room = least;
    return 0;
}

static void close_from(struct listeners *set, size_t first)
{
    while (set->n > first)
        listener_close(set->item[--set->n]);
}

int listeners_bind(struct listeners *set, struct server *server, const struct conf *conf,
                   const int *inherited, struct diag *diag)
{
    size_t had = set->n;
    /* The room of those that will retire, too: nothing may fail then. */
    int rc = grow(&set->item, &set->room, had + conf->n_listeners);
    if (rc == 0)
        rc = grow(&set->retired, &set->retired_room, set->n_retired + had);
    if (rc != 0) {
        diag_error(diag, (struct src){.file = conf->file}, "out of memory");
        return rc;
    }
    for (size_t i = 0; i < conf->n_listeners; i++) {
        const struct conf_listener *wanted = &conf->listener[i];
        if (find(set, wanted))
            continue;
        struct err err = {0};
        struct listener *opened = NULL;
        const struct listener *from = lender(set, had, conf, wanted);
        rc = from ? listener_share(from, wanted, &opened, &err)
                  : listener_open(server, wanted, inherited ? inherited[i] : -1, &opened, &err);
        if (rc != 0) {
            diag_error(diag, wanted->address.src, "listen \"%s\": %s", wanted->name, err.text);
            close_from(set, had);
            return rc;
        }
        set->item[set->n++] = opened;
    }
    return 0;
}

int listeners_start(struct listeners *set, size_t first, const struct conf *conf, struct diag *diag)
{
    for (size_t i = first; i < set->n; i++) {
        struct err err = {0};
        int rc = listener_start(set->item[i], conf, workers(conf), &err);
        if (rc != 0) {
            diag_error(diag, (struct src){.file = conf->file}, "listen \"%s\": %s",
                       listener_name(set->item[i]), err.text);
            close_from(set, first);
            return rc;
        }
    }
    return 0;
}

void listeners_admit(struct listeners *set, const struct conf *conf)
{
    for (size_t i = 0; i < conf->n_listeners; i++) {
        struct listener *listener = find(set, &conf->listener[i]);
        if (listener)
            listener_configure(listener, &conf->listener[i]);
    }
    for (size_t i = 0; i < set->n; i++)
        listener_admit(set->item[i]);
}

/* Frees retired listeners whose last connection is gone. */
static void reap(struct listeners *set)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->n_retired; i++) {
        if (listener_connections(set->retired[i]) == 0)
            listener_close(set->retired[i]);
        else
            set->retired[kept++] = set->retired[i];
    }
    set->n_retired = kept;
}

/* Another listener of the set has its socket, and accepts on. */
static bool is_shared(const struct listeners *set, const struct listener *listener)
{
    for (size_t i = 0; i < set->n; i++) {
        if (set->item[i] != listener && listener_shares(set->item[i], listener))
            return true;
    }
    return false;
}

bool listeners_retire(struct listeners *set, const struct conf *conf, struct registry *registry)
{
    reap(set);
    size_t had = set->n, kept = 0;
    for (size_t i = 0; i < had; i++) {
        struct listener *listener = set->item[i];
        if (wants(conf, listener))
            continue;
        bool shared = is_shared(set, listener);
        log_notice("listener %s on %s closes%s", listener_name(listener), listener_address(listener),
                   shared ? "; another one has the address" : "");
        listener_retire(listener, shared);
        listener_quiet(listener);
        registry_end_idle_of(registry, listener_name(listener));
        set->retired[set->n_retired++] = listener; /* listeners_bind made room */
    }
    for (size_t i = 0; i < had; i++) {
        if (wants(conf, set->item[i]))
            set->item[kept++] = set->item[i];
    }
    set->n = kept;
    return kept < had;
}

void listeners_quiet(struct listeners *set)
{
    for (size_t i = 0; i < set->n; i++)
        listener_quiet(set->item[i]);
}

bool listeners_turn(struct listeners *set)
{
    bool all = true;
    for (size_t i = 0; i < set->n; i++)
        all = listener_turns(set->item[i]) && all;
    return all;
}

void listeners_close(struct listeners *set)
{
    close_from(set, 0);
    for (size_t i = 0; i < set->n_retired; i++)
        listener_close(set->retired[i]);
    free(set->item);
    free(set->retired);
    *set = (struct listeners){0};
}
