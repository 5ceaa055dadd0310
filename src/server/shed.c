#include "server/shed.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NAP_NS = 20 * 1000000 };

static _Atomic(struct limits *) the_limits;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int something = -1;    /* a descriptor that needs no name: the sandbox lets nothing be opened later */
static atomic_int spare = -1; /* a copy of it, written under the lock */

static void take_spare(void)
{
    if (atomic_load(&spare) < 0)
        atomic_store(&spare, fcntl(something, F_DUPFD_CLOEXEC, 0));
}

static void drop_spare(void)
{
    int fd = atomic_exchange(&spare, -1);
    if (fd >= 0)
        close(fd);
}

void shed_start(struct limits *limits)
{
    pthread_mutex_lock(&lock);
    atomic_store(&the_limits, limits);
    if (something < 0)
        something = eventfd(0, EFD_CLOEXEC);
    if (limits) {
        take_spare();
    } else {
        drop_spare();
        close(something);
        something = -1;
    }
    pthread_mutex_unlock(&lock);
}

/* True when a client was turned away. */
static bool turn_away(int listening)
{
    pthread_mutex_lock(&lock);
    drop_spare();
    int client = (int)syscall(SYS_accept4, listening, NULL, NULL, SOCK_CLOEXEC);
    if (client >= 0)
        close(client);
    take_spare();
    pthread_mutex_unlock(&lock);
    return client >= 0;
}

/* The descriptor of this client is the spare one, which another worker had just given up: it goes back.
 * False: it is not needed for that. */
static bool give_back(int client)
{
    pthread_mutex_lock(&lock);
    bool needed = atomic_load(&spare) < 0;
    if (needed) {
        close(client);
        take_spare();
    }
    pthread_mutex_unlock(&lock);
    return needed;
}

/* The C library's accept4, which libmicrohttpd calls. (Its prototype has a parameter of a type of glibc's
 * own.) */
int shed_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags) __asm__("accept4");
int shed_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    int client = (int)syscall(SYS_accept4, fd, address, len, flags);
    struct limits *limits = atomic_load_explicit(&the_limits, memory_order_relaxed);
    if (!limits || (client >= 0 && atomic_load(&spare) >= 0))
        return client;
    if (client >= 0) {
        if (!give_back(client))
            return client;
        limits_hit(limits, LIMIT_descriptors, NULL, NULL);
        errno = EAGAIN;
        return -1;
    }
    bool files = errno == EMFILE || errno == ENFILE, memory = errno == ENOBUFS || errno == ENOMEM;
    if (!files && !memory)
        return -1;
    limits_hit(limits, files ? LIMIT_descriptors : LIMIT_memory, NULL, NULL);
    if (memory || !turn_away(fd)) {
        /* The client still waits, and epoll says so at once again. */
        struct timespec nap = {.tv_nsec = NAP_NS};
        nanosleep(&nap, NULL);
    }
    errno = EAGAIN;
    return -1;
}
