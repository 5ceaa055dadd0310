/* libmicrohttpd's memory for connections. It takes each pool of more than 32 KiB with mmap and gives it back
 * with munmap: two system calls for each connection, and a page fault for each page. Here a worker keeps them
 * in slabs: a pool that was given back serves the next connection, and pages belong to one connection alone,
 * so that all of an idle one's can be given back to the system. Whatever else maps memory is not touched:
 * pools are taken only while a connection is handed over, and given back by their address. */
#ifndef MTLSD_TLS_POOLS_H
#define MTLSD_TLS_POOLS_H

#include "base/base.h"

struct slab;

/* A worker's; embedded there, {0} is empty. */
struct pools {
    size_t size; /* of each; 0: none yet */
    struct slab *slabs;
    void **free; /* those that may be taken, the resident ones last; room for all there are */
    size_t n_free, n_all;
    size_t n_warm; /* of `free`: resident, because a connection has used them */
    bool open;     /* what is mapped now is a pool */
};

/* The size of a pool with room for `bytes`: whole pages, and more than malloc would be asked for. */
size_t pools_size(size_t bytes);

/* From here to pools_leave, the calling thread's pools. */
void pools_enter(struct pools *pools);
void pools_leave(void);
void pools_done(struct pools *pools);

/* What mmap and munmap ask (preempt.c). A pool of `size` bytes with whatever is in it; NULL: it is none, or
 * memory is short. */
void *pools_take(size_t size);
/* Takes back what pools_take gave to the same thread. False: it did not. */
bool pools_give(void *pool, size_t size);

#endif
