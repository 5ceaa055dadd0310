#include "base/memory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

enum { PIECE = 64 * 1024, MOST_PIECES = 64, HOLDS_MS = 20 };

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

/* Where address space has no limit a mapping that nobody has touched is never refused: to make one and undo
 * it would tell nothing. Somebody else may set the limits, at any time (prlimit(2)): a thread asks once in a
 * few milliseconds. */
static bool never_refused(void)
{
    static _Thread_local uint64_t asked_ms;
    struct rlimit space, data;
    if (all_counts)
        return false;
    const uint64_t now_ms = clock_mono_ms();
    if (asked_ms != 0 && now_ms - asked_ms < HOLDS_MS)
        return true;
    asked_ms = 0;
    const bool unlimited = getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur == RLIM_INFINITY &&
                           getrlimit(RLIMIT_DATA, &data) == 0 && data.rlim_cur == RLIM_INFINITY;
    if (unlimited)
        asked_ms = now_ms;
    return unlimited;
}

bool memory_spare(size_t bytes)
{
    if (never_refused())
        return true;
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return allocator_has(bytes);
    munmap(at, bytes);
    return true;
}
