#include "tls/pools.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    LEAST = 32 * 1024 + 1, /* libmicrohttpd asks malloc for smaller ones */
    MOST = 1024 * 1024,
    SLAB_POOLS = 128,
    WARM = 64, /* free pools that stay resident */
};

struct slab {
    struct slab *next;
    uint8_t *memory; /* SLAB_POOLS of them */
};

/* mmap is told nothing but a size. */
static _Thread_local struct pools *own;

void pools_enter(struct pools *pools)
{
    own = pools;
}

void pools_leave(void)
{
    own = NULL;
}

void pools_done(struct pools *pools)
{
    while (pools->slabs) {
        struct slab *slab = pools->slabs;
        pools->slabs = slab->next;
        syscall(SYS_munmap, slab->memory, SLAB_POOLS * pools->size);
        free(slab);
    }
    free(pools->free);
    *pools = (struct pools){0};
}

size_t pools_size(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    bytes = bytes < LEAST ? LEAST : bytes;
    return (bytes + page - 1) / page * page;
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
    struct pools *pools = own;
    if (!pools || !pools->open || size < LEAST || size > MOST || size != pools_size(size))
        return NULL;
    if (pools->size == 0)
        pools->size = size;
    if (pools->size != size || (pools->n_free == 0 && !add_slab(pools)))
        return NULL;
    if (pools->n_warm > 0)
        pools->n_warm--;
    return pools->free[--pools->n_free];
}

bool pools_give(void *pool, size_t size)
{
    struct pools *pools = own;
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
