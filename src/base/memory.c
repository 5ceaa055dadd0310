#include "base/memory.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PIECE = 64 * 1024, MOST_PIECES = 64 };

/* The allocator may have kept what the system would not give again. */
static bool allocator_has(size_t bytes)
{
    void *piece[MOST_PIECES];
    size_t n = (bytes + PIECE - 1) / PIECE, have = 0;
    if (n > MOST_PIECES)
        n = MOST_PIECES;
    while (have < n && (piece[have] = malloc(PIECE)) != NULL)
        have++;
    bool enough = have == n;
    while (have > 0)
        free(piece[--have]);
    return enough;
}

bool memory_spare(size_t bytes)
{
    /* Not by mmap(), whose calls go to libmicrohttpd's pools (tls/preempt.c). */
    long at = syscall(SYS_mmap, NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == -1)
        return allocator_has(bytes);
    syscall(SYS_munmap, at, bytes);
    return true;
}
