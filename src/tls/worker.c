#include "tls/worker.h"

#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"

/* Longer than a client takes between two requests of a page, shorter than anybody counts idle connections. */
enum { REST_MS = 1000 };

static _Thread_local struct worker *self;
static int (*also)(int timeout);
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Plaintext went through it. */
static void wipe(void *cls)
{
    struct worker *worker = cls;
    while (worker->resting.next != &worker->resting)
        worker_rouse(worker->resting.next);
    linger_done(&worker->linger);
    while (worker->n_blocks > 0)
        free(worker->block[--worker->n_blocks]);
    self = NULL;
    gnutls_memset(worker, 0, sizeof *worker);
    free(worker);
}

static void make_key(void)
{
    if (pthread_key_create(&key, wipe) != 0)
        abort();
}

bool worker_here(void)
{
    return self != NULL;
}

struct worker *worker_self(void)
{
    if (self)
        return self;
    pthread_once(&once, make_key);
    struct worker *worker = malloc(sizeof *worker);
    if (!worker || pthread_setspecific(key, worker) != 0) {
        free(worker);
        return NULL;
    }
    worker->n_blocks = 0;
    worker->linger.n = 0;
    worker->resting = (struct worker_rest){.next = &worker->resting, .prev = &worker->resting};
    return self = worker;
}

void worker_rest(struct worker *worker, struct worker_rest *rest, void *memory, size_t size)
{
    *rest = (struct worker_rest){
        .next = &worker->resting,
        .prev = worker->resting.prev,
        .since_ms = clock_mono_ms(),
        .memory = memory,
        .size = size,
    };
    rest->prev->next = rest;
    worker->resting.prev = rest;
}

/* Only whole pages: the first and the last may belong to others as well. */
static void empty(const struct worker_rest *rest)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)rest->memory + page - 1) & ~(page - 1);
    uintptr_t to = ((uintptr_t)rest->memory + rest->size) & ~(page - 1);
    if (from < to)
        (void)madvise(rest->memory + (from - (uintptr_t)rest->memory), to - from, MADV_DONTNEED);
}

void worker_tidy(int (*tidy)(int timeout))
{
    also = tidy;
}

int worker_before_wait(int timeout)
{
    if (also)
        timeout = also(timeout);
    timeout = linger_turn(&self->linger, timeout);
    struct worker_rest *first = self->resting.next;
    if (first == &self->resting)
        return timeout;
    uint64_t now = clock_mono_ms();
    for (; first != &self->resting && first->since_ms + REST_MS <= now; first = self->resting.next) {
        empty(first);
        worker_rouse(first);
    }
    if (first == &self->resting)
        return timeout;
    int left = (int)(first->since_ms + REST_MS - now);
    return timeout < 0 || timeout > left ? left : timeout;
}
