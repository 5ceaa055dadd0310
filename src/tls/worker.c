#include "tls/worker.h"

#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdlib.h>

static _Thread_local struct worker *self;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Plaintext went through it. */
static void wipe(void *worker)
{
    gnutls_memset(worker, 0, sizeof(struct worker));
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
    return self = worker;
}
