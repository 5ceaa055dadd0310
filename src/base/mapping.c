#include "base/mapping.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 256 };

/* A table of fixed size, because a signal handler looks into it. */
struct mapping {
    _Atomic uintptr_t start; /* 0: free; TAKEN: being filled or emptied */
    atomic_size_t size;      /* read by whoever looks through the table while others come and go */
    int fd;                  /* this and the rest: only of those who have the mapping */
    uint64_t end;            /* of what is mapped, in the file */
    struct stat before;
    _Atomic bool broken;
};

enum { TAKEN = 1 };

static struct mapping table[MOST];
static atomic_uint n_mapped;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static uintptr_t page;

/* The caller's own mapping cannot go meanwhile. Another one may, and its place be taken: then its size may be
 * that of the next, which the second look at the start tells. */
static struct mapping *find(uintptr_t at)
{
    for (size_t i = 0; i < MOST; i++) {
        uintptr_t start = atomic_load(&table[i].start);
        if (start > TAKEN && at >= start && at - start < atomic_load(&table[i].size) &&
            atomic_load(&table[i].start) == start)
            return &table[i];
    }
    return NULL;
}

/* On the thread that touched the page, whose mapping cannot go meanwhile. Only mmap is called, a plain system
 * call. */
static void on_sigbus(int number, siginfo_t *info, void *context)
{
    (void)context;
    uintptr_t at = (uintptr_t)info->si_addr;
    struct mapping *mapping = info->si_code > 0 ? find(at) : NULL;
    if (mapping) {
        uintptr_t start = atomic_load(&mapping->start), from = at & ~(page - 1);
        void *lost = (char *)info->si_addr - (at - from);
        atomic_store(&mapping->broken, true);
        const void *zeros = mmap(lost, mapping->size - (from - start), PROT_READ,
                                 MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (zeros == lost)
            return;
    }
    signal(number, SIG_DFL); /* the instruction is tried again, and ends the process */
}

static void take_over(void)
{
    page = (uintptr_t)sysconf(_SC_PAGESIZE);
    struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

struct mapping *mapping_new(int fd, uint64_t offset, size_t length, const void **bytes)
{
    pthread_once(&once, take_over);
    size_t lead = (size_t)(offset & (page - 1));
    size_t size = (lead + length + page - 1) & ~(page - 1);
    for (size_t i = 0; i < MOST; i++) {
        uintptr_t none = 0;
        if (!atomic_compare_exchange_strong(&table[i].start, &none, TAKEN))
            continue;
        int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        char *start = own >= 0 && fstat(own, &table[i].before) == 0
                          ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, own, (off_t)(offset - lead))
                          : MAP_FAILED;
        if (start == MAP_FAILED) {
            if (own >= 0)
                close(own);
            atomic_store(&table[i].start, 0);
            return NULL;
        }
        atomic_fetch_add(&n_mapped, 1);
        atomic_store(&table[i].size, size);
        table[i].fd = own;
        table[i].end = offset + length;
        atomic_store(&table[i].broken, false);
        atomic_store_explicit(&table[i].start, (uintptr_t)start, memory_order_release);
        *bytes = start + lead;
        return &table[i];
    }
    return NULL;
}

void mapping_free(struct mapping *mapping)
{
    uintptr_t start = atomic_exchange(&mapping->start, TAKEN);
    void *memory;
    memcpy(&memory, &start, sizeof memory);
    munmap(memory, mapping->size);
    close(mapping->fd);
    atomic_fetch_sub(&n_mapped, 1);
    atomic_store(&mapping->start, 0);
}

bool mapping_is_current(const struct mapping *mapping)
{
    const struct stat *before = &mapping->before;
    struct stat st;
    return !atomic_load(&mapping->broken) && fstat(mapping->fd, &st) == 0 && st.st_size == before->st_size &&
           st.st_mtim.tv_sec == before->st_mtim.tv_sec && st.st_mtim.tv_nsec == before->st_mtim.tv_nsec &&
           st.st_ctim.tv_sec == before->st_ctim.tv_sec && st.st_ctim.tv_nsec == before->st_ctim.tv_nsec;
}

bool mapping_is_broken(const void *p, size_t size)
{
    if (atomic_load_explicit(&n_mapped, memory_order_relaxed) == 0)
        return false;
    uintptr_t at = (uintptr_t)p;
    const struct mapping *mapping = find(at);
    if (!mapping || atomic_load(&mapping->broken))
        return mapping != NULL;
    uintptr_t start = atomic_load_explicit(&mapping->start, memory_order_relaxed);
    if (at - start + size <= mapping->size - page)
        return false;
    struct stat st;
    return fstat(mapping->fd, &st) != 0 || (uint64_t)st.st_size < mapping->end;
}
