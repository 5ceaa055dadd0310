/* Preloaded into a server (LD_PRELOAD): the longest that a thread of it was busy between two waits for its
 * events, which is how long everybody else on that thread was kept waiting. MTLSD_BENCH_TURNS names the file
 * that bench/run reads it from. A thread's turns end where it waits on the set that it waited on first; a
 * look into another set is part of the turn. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Nanoseconds; zeroed by bench/run when it begins to look. */
struct turns {
    _Atomic uint64_t busy; /* of processor time */
    _Atomic uint64_t took; /* by the clock: with what others had of the processor meanwhile */
    _Atomic uint64_t count;
};

typedef int wait_function(int set, struct epoll_event *events, int most, int timeout);

static struct turns nobody, *turns = &nobody;
static wait_function *library_wait;
static _Thread_local struct {
    int set;
    uint64_t busy, took;
} own = {.set = -1};

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("MTLSD_BENCH_TURNS");
    /* dlsym gives a function as an object (POSIX says how to write that). */
    *(void **)&library_wait = dlsym(RTLD_NEXT, "epoll_wait");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *at = fd >= 0 ? mmap(NULL, sizeof *turns, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (fd >= 0)
        close(fd);
    if (at != MAP_FAILED)
        turns = at;
}

static uint64_t now(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;
}

static void keep_most(_Atomic uint64_t *most, uint64_t value)
{
    uint64_t old = atomic_load(most);
    while (value > old && !atomic_compare_exchange_weak(most, &old, value))
        ;
}

int own_wait(int set, struct epoll_event *events, int most, int timeout) __asm__("epoll_wait");
int own_wait(int set, struct epoll_event *events, int most, int timeout)
{
    if (own.set < 0)
        own.set = set;
    else if (own.set == set) {
        keep_most(&turns->busy, now(CLOCK_THREAD_CPUTIME_ID) - own.busy);
        keep_most(&turns->took, now(CLOCK_MONOTONIC) - own.took);
        atomic_fetch_add(&turns->count, 1);
    }
    int n = library_wait(set, events, most, timeout);
    if (own.set == set) {
        own.busy = now(CLOCK_THREAD_CPUTIME_ID);
        own.took = now(CLOCK_MONOTONIC);
    }
    return n;
}
