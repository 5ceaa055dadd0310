#include "server/workers.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/clock.h"
#include "server/listener.h"
#include "server/loop.h"
#include "server/spares.h"

enum { SETTLE_MS = 1000, LOOK_NS = 200000 };

static unsigned how_many(const struct conf *conf)
{
    if (conf->workers > 0)
        return (unsigned)conf->workers;
    /* Those that this process may use, which in a container are fewer than there are. Needs no file. */
    cpu_set_t usable;
    int n = sched_getaffinity(0, sizeof usable, &usable) == 0 ? CPU_COUNT(&usable) : 1;
    return n > 0 ? (unsigned)n : 1;
}

int workers_start(struct workers *workers, struct live *live, const struct conf *conf, struct err *err)
{
    unsigned n = how_many(conf);
    *workers = (struct workers){.item = calloc(n, sizeof(struct worker *))};
    if (!workers->item)
        return err_nomem(err);
    workers->spares = spares_new(err);
    int rc = workers->spares ? 0 : ERR_IO;
    for (unsigned i = 0; rc == 0 && i < n; i++) {
        workers->item[i] = loop_new(workers, i, live, conf, err);
        rc = workers->item[i] ? 0 : ERR_IO;
        workers->n = i + (rc == 0);
    }
    for (unsigned i = 0; rc == 0 && i < n; i++) {
        struct worker *worker = workers->item[i];
        int why = pthread_create(&worker->thread, NULL, loop_run, worker);
        worker->running = why == 0;
        if (why != 0)
            rc = err_set(err, ERR_IO, "cannot start a worker: %s", strerror(why));
    }
    if (rc != 0)
        workers_stop(workers);
    return rc;
}

void workers_stop(struct workers *workers)
{
    workers_tell(workers, WORKER_STOP);
    for (unsigned i = 0; i < workers->n; i++) {
        if (workers->item[i]->running)
            pthread_join(workers->item[i]->thread, NULL);
    }
    /* They hand connections to each other until the last has ended. */
    for (unsigned i = 0; i < workers->n; i++)
        loop_free(workers->item[i]);
    free(workers->item);
    spares_free(workers->spares);
    *workers = (struct workers){0};
}

static void unwatch(struct workers *workers, const struct port *port, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        (void)epoll_ctl(workers->item[i]->epoll, EPOLL_CTL_DEL, port->fd, NULL);
}

int workers_watch(struct workers *workers, struct port *port, struct err *err)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = port};
    for (unsigned i = 0; i < workers->n; i++) {
        if (epoll_ctl(workers->item[i]->epoll, EPOLL_CTL_ADD, port->fd, &event) == 0)
            continue;
        int rc =
            err_set(err, ERR_IO, "address %s: cannot wait for clients: %s", port->bound, strerror(errno));
        unwatch(workers, port, i);
        return rc;
    }
    return 0;
}

void workers_unwatch(struct workers *workers, struct port *port)
{
    unwatch(workers, port, workers->n);
}

void workers_tell(const struct workers *workers, unsigned words)
{
    for (unsigned i = 0; i < workers->n; i++)
        worker_tell(workers->item[i], words);
}

static uint64_t turns(const struct worker *worker)
{
    return atomic_load_explicit(&worker->turns, memory_order_acquire);
}

/* Two ends of turns: the first may be that of a turn which was under way. */
static bool all_settled(const struct workers *workers)
{
    for (unsigned i = 0; i < workers->n; i++) {
        if (turns(workers->item[i]) < workers->item[i]->settled_at)
            return false;
    }
    return true;
}

static bool settle(const struct workers *workers, uint64_t until_ms)
{
    for (unsigned i = 0; i < workers->n; i++)
        workers->item[i]->settled_at = turns(workers->item[i]) + 2;
    while (!all_settled(workers)) {
        if (clock_mono_ms() >= until_ms)
            return false;
        workers_tell(workers, 0);
        struct timespec look = {.tv_nsec = LOOK_NS};
        nanosleep(&look, NULL);
    }
    return true;
}

bool workers_settle(const struct workers *workers)
{
    uint64_t until_ms = clock_mono_ms() + SETTLE_MS;
    bool settled = settle(workers, until_ms);
    /* Once more for what one has handed to another. */
    return settled && settle(workers, until_ms);
}

bool workers_turn(struct workers *workers)
{
    bool all = true;
    for (unsigned i = 0; i < workers->n; i++) {
        struct worker *worker = workers->item[i];
        uint64_t now = turns(worker);
        all = all && now != worker->watched_at;
        worker->watched_at = now;
    }
    workers_tell(workers, 0);
    return all;
}
