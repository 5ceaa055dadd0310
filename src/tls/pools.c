#include "tls/pools.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    LEAST = 32 * 1024 + 1, /* MHD asks malloc for smaller ones */
    MOST = 1024 * 1024,
    SLAB_POOLS = 128,
    WARM = 64, /* free pools that stay resident */
};

struct slab {
    struct slab *next;
    uint8_t *memory; /* SLAB_POOLS of them; never unmapped: another connection will come */
};

/* One thread's at a time. */
struct pools {
    struct pools *next; /* of those whose thread has ended */
    size_t size;
    struct slab *slabs;
    void **free; /* those that may be taken, the resident ones last; room for all there are */
    size_t n_free, n_all;
    size_t n_warm; /* of `free`: resident, because a connection has used them */
};

static _Thread_local struct pools *self;
static struct pools *left; /* by threads that have ended: the next ones take them over; under `lock` */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The thread ends. Its listener's last connections have closed, or MHD closes them with the process. */
static void leave(void *cls)
{
    struct pools *pools = cls;
    for (size_t i = pools->n_free - pools->n_warm; i < pools->n_free; i++)
        (void)madvise(pools->free[i], pools->size, MADV_DONTNEED);
    pools->n_warm = 0;
    pthread_mutex_lock(&lock);
    pools->next = left;
    left = pools;
    pthread_mutex_unlock(&lock);
    self = NULL;
}

static void make_key(void)
{
    if (pthread_key_create(&key, leave) != 0)
        abort();
}

size_t pools_size(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    bytes = bytes < LEAST ? LEAST : bytes;
    return (bytes + page - 1) / page * page;
}

static struct pools *inherit(size_t size)
{
    pthread_mutex_lock(&lock);
    struct pools **at = &left, *pools;
    while (*at && (*at)->size != size)
        at = &(*at)->next;
    pools = *at;
    if (pools)
        *at = pools->next;
    pthread_mutex_unlock(&lock);
    return pools;
}

static struct pools *own(size_t size)
{
    if (self)
        return self->size == size ? self : NULL;
    pthread_once(&once, make_key);
    struct pools *pools = inherit(size);
    if (!pools)
        pools = calloc(1, sizeof *pools);
    if (!pools)
        return NULL;
    pools->size = size;
    if (pthread_setspecific(key, pools) != 0) {
        leave(pools);
        return NULL;
    }
    return self = pools;
}

static bool add_slab(struct pools *pools)
{
    struct slab *slab = malloc(sizeof *slab);
    void **more = realloc(pools->free, (pools->n_all + SLAB_POOLS) * sizeof *more);
    if (more)
        pools->free = more;
    /* Not by mmap(), whose calls come here. */
    long at = slab && more ? syscall(SYS_mmap, NULL, SLAB_POOLS * pools->size, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                           : -1;
    if (at == -1) {
        free(slab);
        return false;
    }
    *slab = (struct slab){pools->slabs, (uint8_t *)at};
    pools->slabs = slab;
    pools->n_all += SLAB_POOLS;
    for (size_t i = SLAB_POOLS; i > 0; i--)
        pools->free[pools->n_free++] = slab->memory + (i - 1) * pools->size;
    return true;
}

void *pools_take(size_t size)
{
    if (size < LEAST || size > MOST || size != pools_size(size))
        return NULL;
    struct pools *pools = own(size);
    if (!pools || (pools->n_free == 0 && !add_slab(pools)))
        return NULL;
    if (pools->n_warm > 0)
        pools->n_warm--;
    return pools->free[--pools->n_free];
}

bool pools_give(void *pool, size_t size)
{
    struct pools *pools = self;
    if (!pools || pools->size != size)
        return false;
    uint8_t *at = pool;
    for (const struct slab *slab = pools->slabs; slab; slab = slab->next) {
        if (at < slab->memory || at >= slab->memory + SLAB_POOLS * size)
            continue;
        size_t coldest = pools->n_free - pools->n_warm;
        if (pools->n_warm < WARM) {
            pools->n_warm++;
        } else {
            /* Changes places with the first of the resident ones, behind which it may not stand. */
            (void)madvise(pool, size, MADV_DONTNEED);
            void *warm = pools->free[coldest];
            pools->free[coldest] = pool;
            pool = warm;
        }
        pools->free[pools->n_free++] = pool;
        return true;
    }
    return false;
}
