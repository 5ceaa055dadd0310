#include "base/syslog.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/patience.h"

static struct patience the_patience;
static atomic_int the_socket = -1;
static struct sockaddr_un the_address = {.sun_family = AF_UNIX, .sun_path = _PATH_LOG};

void syslog_to(const char *path)
{
    snprintf(the_address.sun_path, sizeof the_address.sun_path, "%s", path);
}

int syslog_open(struct err *err)
{
    if (atomic_load(&the_socket) >= 0)
        return 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), none = -1;
    if (fd < 0)
        return err_set(err, ERR_IO, "syslog: %s", strerror(errno));
    const struct timeval most = {.tv_usec = PATIENCE_MS * 1000};
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most) != 0) {
        close(fd);
        return err_set(err, ERR_IO, "syslog: %s", strerror(errno));
    }
    if (!atomic_compare_exchange_strong(&the_socket, &none, fd))
        close(fd);
    return 0;
}

/* 0, or the errno. */
static int send_one(const struct msghdr *message, int flags)
{
    ssize_t sent;
    do
        sent = sendmsg(atomic_load(&the_socket), message, MSG_NOSIGNAL | flags);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? errno : 0;
}

int syslog_send(int priority, const char *text, size_t len)
{
    char head[96], stamp[CLOCK_TEXT];
    int n = snprintf(head, sizeof head, "<%d>%s mtlsd[%ld]: ", priority,
                     clock_syslog_date(clock_now(), stamp), (long)getpid());
    struct iovec part[2] = {{.iov_base = head, .iov_len = (size_t)n},
                            {.iov_base = (void *)(uintptr_t)text, .iov_len = len}};
    struct msghdr message = {.msg_name = &the_address,
                             .msg_namelen = sizeof the_address,
                             .msg_iov = part,
                             .msg_iovlen = ARRAY_LEN(part)};
    int error = send_one(&message, MSG_DONTWAIT);
    if (error == EAGAIN && patience_ms(&the_patience) > 0) {
        uint64_t since = clock_mono_ms();
        error = send_one(&message, 0);
        patience_spend(&the_patience, since);
    }
    return error;
}
