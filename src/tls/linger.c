#include "tls/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    LINGERING_MS = 30000, /* nginx's lingering_time */
    LOOK_MS = 50,
    QUIET_MS = 100,
    MOST_BYTES = 4 * 1024 * 1024, /* of one in a look */
    LEAST = 4,                    /* that each worker may hold, whatever the others do */
};

static atomic_uint held; /* by all workers */
static atomic_uint most_held = UINT_MAX;

void linger_limit(unsigned most)
{
    atomic_store_explicit(&most_held, most, memory_order_relaxed);
}

unsigned linger_held(void)
{
    return atomic_load_explicit(&held, memory_order_relaxed);
}

static bool is_on_its_way(int fd)
{
    int left = 0;
    return ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0;
}

bool linger_needed(int fd)
{
    int left = 0;
    if (is_on_its_way(fd))
        return true;
    return ioctl(fd, SIOCINQ, &left) == 0 && left > 0;
}

static void forget(struct lingerers *linger, unsigned i)
{
    close(linger->socket[i].fd);
    atomic_fetch_sub_explicit(&held, 1, memory_order_relaxed);
    linger->n--;
    memmove(&linger->socket[i], &linger->socket[i + 1], (linger->n - i) * sizeof linger->socket[0]);
}

/* The worker's own descriptor, which then is the last of `list`. */
static struct lingering *take(struct lingerers *linger, int fd, uint64_t now_ms, uint32_t patience_ms)
{
    if (linger->n == LINGER_MOST || (linger->n >= LEAST && linger_held() >= atomic_load(&most_held)))
        forget(linger, 0);
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return NULL; /* out of descriptors: as if there were no lingering */
    atomic_fetch_add_explicit(&held, 1, memory_order_relaxed);
    if (linger->n == 0)
        wheel_set(linger->wheel, &linger->look, now_ms + LOOK_MS);
    struct lingering *socket = &linger->socket[linger->n++];
    *socket = (struct lingering){.fd = own, .until_ms = now_ms + patience_ms};
    return socket;
}

static void end(struct lingerers *linger, int fd, bool resets)
{
    struct lingering *socket = take(linger, fd, clock_mono_ms(), LINGERING_MS);
    if (!socket)
        return;
    socket->resets = resets;
    shutdown(socket->fd, SHUT_WR);
}

void linger_close(struct lingerers *linger, int fd)
{
    end(linger, fd, false);
}

void linger_reset(struct lingerers *linger, int fd)
{
    end(linger, fd, true);
}

bool linger_later(struct lingerers *linger, int fd, uint32_t patience_ms)
{
    uint64_t now_ms = clock_mono_ms();
    struct lingering *socket = take(linger, fd, now_ms, patience_ms);
    if (socket)
        socket->end_ms = now_ms + QUIET_MS;
    return socket != NULL;
}

/* False: it is over. */
static bool drain(struct lingering *socket)
{
    char scrap[16384];
    ssize_t n = 1;
    for (size_t all = 0; n > 0 && all < MOST_BYTES; all += (size_t)n)
        n = recv(socket->fd, scrap, sizeof scrap, MSG_DONTWAIT);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* True: the peer has all, and its descriptor's end will be the reset. */
static bool resets_now(const struct lingering *socket)
{
    static const struct linger NONE = {.l_onoff = 1, .l_linger = 0};
    return socket->resets && !is_on_its_way(socket->fd) &&
           setsockopt(socket->fd, SOL_SOCKET, SO_LINGER, &NONE, sizeof NONE) == 0;
}

/* Reads, and closes what is over. */
static void look(struct wheel_timer *timer)
{
    struct lingerers *linger = (struct lingerers *)(void *)timer; /* its first member */
    uint64_t now_ms = clock_mono_ms();
    for (unsigned i = 0; i < linger->n;) {
        struct lingering *socket = &linger->socket[i];
        if (socket->end_ms > 0 && now_ms >= socket->end_ms) {
            shutdown(socket->fd, SHUT_WR);
            socket->end_ms = 0;
        }
        if (drain(socket) && !resets_now(socket) && now_ms < socket->until_ms)
            i++;
        else
            forget(linger, i);
    }
    if (linger->n > 0)
        wheel_set(linger->wheel, &linger->look, now_ms + LOOK_MS);
}

void linger_init(struct lingerers *linger, struct wheel *wheel)
{
    linger->look = (struct wheel_timer){.fire = look};
    linger->wheel = wheel;
    linger->n = 0;
}

void linger_done(struct lingerers *linger)
{
    while (linger->n > 0)
        forget(linger, linger->n - 1);
    wheel_stop(&linger->look);
}
