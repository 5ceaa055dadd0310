#include "os/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

static int the_socket = -1;
static uint64_t the_watchdog_ms;

static unsigned long long number(const char *name)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : 0;
}

static int connect_to(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || len >= sizeof to.sun_path) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    memcpy(to.sun_path, path, len);
    if (path[0] == '@') /* the abstract name space */
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    socklen_t whole = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] == '/'));
    if (connect(fd, (const struct sockaddr *)&to, whole) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

void notify_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (path && *path) {
        the_socket = connect_to(path);
        if (the_socket < 0)
            log_warning("NOTIFY_SOCKET=%s: %s; the service manager hears nothing", path, strerror(errno));
    }
    unsigned long long pid = number("WATCHDOG_PID");
    if (the_socket >= 0 && (pid == 0 || pid == (unsigned long long)getpid()))
        the_watchdog_ms = number("WATCHDOG_USEC") / 1000;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_PID");
    unsetenv("WATCHDOG_USEC");
}

void notify_close(void)
{
    if (the_socket >= 0)
        close(the_socket);
    the_socket = -1;
    the_watchdog_ms = 0;
}

void notify_send(const char *fmt, ...)
{
    if (the_socket < 0)
        return;
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    /* A manager that does not listen must not stop the service. */
    if (n > 0 && (size_t)n < sizeof text &&
        send(the_socket, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_debug("the service manager cannot be told: %s", strerror(errno));
}

uint64_t notify_watchdog_ms(void)
{
    return the_watchdog_ms;
}
