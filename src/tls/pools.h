/* MHD's memory for connections. MHD takes each pool of more than 32 KiB with mmap and gives it back with
 * munmap: two system calls for each connection, and a page fault for each page. Here a worker keeps them in
 * slabs: a pool that was given back serves the next connection, and pages belong to one connection alone, so
 * that all of an idle one's can be given back to the system. */
#ifndef MTLSD_TLS_POOLS_H
#define MTLSD_TLS_POOLS_H

#include "base/base.h"

/* The size of a pool with room for `bytes`: whole pages, and more than MHD would take from malloc. */
size_t pools_size(size_t bytes);

/* On a worker: a pool of `size` bytes with whatever is in it; NULL when it is none of pools_size's or memory
 * is short. All pools of a thread have the size of its first. */
void *pools_take(size_t size);
/* Takes back what pools_take gave to the same thread. False: it did not. */
bool pools_give(void *pool, size_t size);

#endif
