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

/* The spare one is gone: another worker had just given it up, and this accept took it, or held its place for
 * the moment that the kernel needs to see that nobody waits. Whoever comes back from accept sees to it, as
 * nobody may come after him. Parameters: client, what accept returned. False: its descriptor was the last
 * one, and became the spare one. */
static bool restore_spare(int client)
{
    pthread_mutex_lock(&lock);
    take_spare();
    bool kept = atomic_load(&spare) >= 0;
    if (!kept && client >= 0) {
        close(client);
        take_spare();
    }
    pthread_mutex_unlock(&lock);
    return kept;
}

/* The C library's accept4, which libmicrohttpd calls. (Its prototype has a parameter of a type of glibc's
 * own.) */
int shed_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags) __asm__("accept4");
int shed_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    int client = (int)syscall(SYS_accept4, fd, address, len, flags);
    struct limits *limits = atomic_load_explicit(&the_limits, memory_order_relaxed);
    if (!limits)
        return client;
    int why = client < 0 ? errno : 0;
    bool files = why == EMFILE || why == ENFILE, memory = why == ENOBUFS || why == ENOMEM;
    if (!files && !memory) {
        bool spared = atomic_load(&spare) >= 0 || restore_spare(client);
        if (client >= 0 && !spared) {
            limits_hit(limits, LIMIT_descriptors, NULL, NULL);
            client = -1;
            why = EAGAIN;
        }
        if (client < 0)
            errno = why;
        return client;
    }
    limits_hit(limits, files ? LIMIT_descriptors : LIMIT_memory, NULL, NULL);
    if (memory || !turn_away(fd)) {
        /* The client still waits, and epoll says so at once again. */
        struct timespec nap = {.tv_nsec = NAP_NS};
        nanosleep(&nap, NULL);
    }
    errno = EAGAIN;
    return -1;
}
