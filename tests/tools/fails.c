/* Preloaded into mtlsd: calls that ask the system for something fail, as they do when there is no more of it.
 * FAILS names a file of three numbers of 32 bits that is mapped: which call from now on is the first to fail,
 * how many fail from there on, and how many calls there were. A test writes the first two and zeroes the
 * third. FAILS_WHAT: "start" (descriptors and threads, of the thread that the process began with), "memory"
 * (any thread's), or "clock": nothing fails, but the time of day is as many seconds ahead as the first number
 * says. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct orders {
    _Atomic uint32_t first, count, seen;
};

static struct orders *orders;
static bool memory, ahead;

__attribute__((constructor)) static void take_orders(void)
{
    const char *file = getenv("FAILS"), *what = getenv("FAILS_WHAT");
    int fd = file ? (int)syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC, 0) : -1;
    void *at = fd >= 0 ? mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (fd >= 0)
        close(fd);
    memory = what && strcmp(what, "memory") == 0;
    ahead = what && strcmp(what, "clock") == 0;
    orders = at != MAP_FAILED ? at : NULL;
}

static bool fails(bool of_memory)
{
    if (!orders || ahead || memory != of_memory || orders->count == 0 || (!memory && gettid() != getpid()))
        return false;
    uint32_t seen = ++orders->seen;
    return seen >= orders->first && seen - orders->first < orders->count;
}

#define REAL(name, copy)                                                                                     \
    do {                                                                                                     \
        void *symbol = dlsym(RTLD_NEXT, name);                                                               \
        memcpy(&(copy), &symbol, sizeof(copy));                                                              \
    } while (0)

static int none_left(void)
{
    errno = EMFILE;
    return -1;
}

int own_socket(int family, int type, int protocol) __asm__("socket");
int own_socket(int family, int type, int protocol)
{
    int (*real)(int, int, int);
    REAL("socket", real);
    return fails(false) ? none_left() : real(family, type, protocol);
}

int own_epoll(int flags) __asm__("epoll_create1");
int own_epoll(int flags)
{
    int (*real)(int);
    REAL("epoll_create1", real);
    return fails(false) ? none_left() : real(flags);
}

int own_eventfd(unsigned value, int flags) __asm__("eventfd");
int own_eventfd(unsigned value, int flags)
{
    int (*real)(unsigned, int);
    REAL("eventfd", real);
    return fails(false) ? none_left() : real(value, flags);
}

int own_fcntl(int fd, int what, ...) __asm__("fcntl");
int own_fcntl64(int fd, int what, ...) __asm__("fcntl64");
static int any_fcntl(const char *name, int fd, int what, long argument)
{
    int (*real)(int, int, ...);
    REAL(name, real);
    return what == F_DUPFD_CLOEXEC && fails(false) ? none_left() : real(fd, what, argument);
}
int own_fcntl(int fd, int what, ...)
{
    va_list ap;
    va_start(ap, what);
    long argument = va_arg(ap, long);
    va_end(ap);
    return any_fcntl("fcntl", fd, what, argument);
}
int own_fcntl64(int fd, int what, ...)
{
    va_list ap;
    va_start(ap, what);
    long argument = va_arg(ap, long);
    va_end(ap);
    return any_fcntl("fcntl64", fd, what, argument);
}

int own_open(const char *path, int flags, ...) __asm__("open");
int own_open64(const char *path, int flags, ...) __asm__("open64");
static int any_open(const char *name, const char *path, int flags, unsigned mode)
{
    int (*real)(const char *, int, ...);
    REAL(name, real);
    return fails(false) ? none_left() : real(path, flags, mode);
}
int own_open(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    unsigned mode = va_arg(ap, unsigned);
    va_end(ap);
    return any_open("open", path, flags, mode);
}
int own_open64(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    unsigned mode = va_arg(ap, unsigned);
    va_end(ap);
    return any_open("open64", path, flags, mode);
}

FILE *own_fopen(const char *path, const char *mode) __asm__("fopen");
FILE *own_fopen64(const char *path, const char *mode) __asm__("fopen64");
FILE *own_fopen(const char *path, const char *mode)
{
    FILE *(*real)(const char *, const char *);
    REAL("fopen", real);
    return fails(false) ? (none_left(), NULL) : real(path, mode);
}
FILE *own_fopen64(const char *path, const char *mode)
{
    FILE *(*real)(const char *, const char *);
    REAL("fopen64", real);
    return fails(false) ? (none_left(), NULL) : real(path, mode);
}

int own_thread(pthread_t *thread, const pthread_attr_t *how, void *(*what)(void *),
               void *cls) __asm__("pthread_create");
int own_thread(pthread_t *thread, const pthread_attr_t *how, void *(*what)(void *), void *cls)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    REAL("pthread_create", real);
    return fails(false) ? EAGAIN : real(thread, how, what, cls);
}

/* The C library's own names for them: dlsym allocates. */
extern void *__libc_malloc(size_t size), *__libc_calloc(size_t n, size_t size),
    *__libc_realloc(void *at, size_t size);
void *own_malloc(size_t size) __asm__("malloc");
void *own_malloc(size_t size)
{
    return fails(true) ? (errno = ENOMEM, NULL) : __libc_malloc(size);
}
void *own_calloc(size_t n, size_t size) __asm__("calloc");
void *own_calloc(size_t n, size_t size)
{
    return fails(true) ? (errno = ENOMEM, NULL) : __libc_calloc(n, size);
}
void *own_realloc(void *at, size_t size) __asm__("realloc");
void *own_realloc(void *at, size_t size)
{
    return fails(true) ? (errno = ENOMEM, NULL) : __libc_realloc(at, size);
}

static time_t shift(void)
{
    return orders && ahead ? (time_t)orders->first : 0;
}

time_t own_time(time_t *out) __asm__("time");
time_t own_time(time_t *out)
{
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    now.tv_sec += shift();
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}

int own_clock(clockid_t which, struct timespec *out) __asm__("clock_gettime");
int own_clock(clockid_t which, struct timespec *out)
{
    long rc = syscall(SYS_clock_gettime, which, out);
    if (rc == 0 && which == CLOCK_REALTIME)
        out->tv_sec += shift();
    return (int)rc;
}
