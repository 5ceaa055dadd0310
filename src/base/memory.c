#include "base/memory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
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

static bool all_counts = true; /* strict overcommit: the whole system has a limit */

void memory_prepare(void)
{
    char mode = '2';
    int fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (read(fd, &mode, 1) != 1)
            mode = '2';
        close(fd);
    }
    all_counts = mode != '0' && mode != '1';
}

/* Somebody else may set them, at any time (prlimit(2)). */
static bool is_unlimited(int resource)
{
    struct rlimit limit;
    return getrlimit(resource, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
}

/* Where address space has no limit a mapping that nobody has touched is never refused: to make one and undo
 * it, which is four times as dear as these two questions, would tell nothing. */
static bool never_refused(void)
{
    return !all_counts && is_unlimited(RLIMIT_AS) && is_unlimited(RLIMIT_DATA);
}

bool memory_spare(size_t bytes)
{
    if (never_refused())
        return true;
    /* Not by mmap(), whose calls go to libmicrohttpd's pools (tls/preempt.c). */
    long at = syscall(SYS_mmap, NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == -1)
        return allocator_has(bytes);
    syscall(SYS_munmap, at, bytes);
    return true;
}
