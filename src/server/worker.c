#include "server/worker.h"

#include <sys/eventfd.h>

void worker_tell(struct worker *worker, unsigned words)
{
    atomic_fetch_or(&worker->told, words);
    /* It cannot fail: the count would have to be full. */
    (void)!eventfd_write(worker->wake, 1);
}

bool worker_hand(struct worker *worker, const struct arrival *arrival)
{
    pthread_mutex_lock(&worker->lock);
    bool room = worker->n_arrivals < WORKER_ARRIVALS;
    if (room) {
        worker->arrival[(worker->first_arrival + worker->n_arrivals++) % WORKER_ARRIVALS] = *arrival;
        atomic_fetch_add_explicit(&worker->n_conns, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&worker->lock);
    if (room)
        worker_tell(worker, WORKER_ARRIVED);
    return room;
}

bool worker_take(struct worker *worker, struct arrival *out)
{
    pthread_mutex_lock(&worker->lock);
    bool some = worker->n_arrivals > 0;
    if (some) {
        *out = worker->arrival[worker->first_arrival];
        worker->first_arrival = (worker->first_arrival + 1) % WORKER_ARRIVALS;
        worker->n_arrivals--;
        atomic_fetch_sub_explicit(&worker->n_conns, 1, memory_order_relaxed); /* conn_new counts it */
    }
    pthread_mutex_unlock(&worker->lock);
    return some;
}

const char *worker_date(struct worker *worker, time_t now)
{
    if (now != worker->date_at || !worker->date[0]) {
        clock_http_date(now, worker->date);
        worker->date_at = now;
    }
    return worker->date;
}
