#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"

/* So long a line waits for a reader that was there before. */
enum { PATIENCE_MS = 100 };

/* One log per process. The lock guards the target's replacement against a line being written. */
static struct {
    pthread_rwlock_t lock;
    _Atomic int level; /* read without the lock, for lines that are not wanted */
    int fd;
    bool syslog, journal;
    bool stream; /* no regular file: somebody reads it, or does not */
    atomic_bool stalled, torn;
    char *path; /* NULL unless a file */
} the_log = {
    .lock = PTHREAD_RWLOCK_INITIALIZER, .level = LOG_LEVEL_INFO, .fd = STDERR_FILENO, .stream = true};

static const struct {
    const char *word;
    int priority;
} LEVELS[] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},      [LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
    [LOG_LEVEL_NOTICE] = {"notice", LOG_NOTICE}, [LOG_LEVEL_INFO] = {"info", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

static int open_file(const char *path, struct err *err)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0)
        return err_set(err, errno == EACCES ? ERR_DENIED : ERR_IO, "cannot open the log %s: %s", path,
                       strerror(errno));
    return fd;
}

/* systemd names the device and inode of the stream that it connected: stderr may have been redirected since.
 */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;
    // NOLINTNEXTLINE(cert-err34-c): what overflows is no device and no inode
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
           st.st_dev == device && st.st_ino == inode;
}

static bool is_stream(int fd)
{
    struct stat st;
    return fstat(fd, &st) != 0 || !S_ISREG(st.st_mode);
}

int log_open(const char *target, enum log_level level, struct err *err)
{
    bool to_syslog = strcmp(target, "syslog") == 0, to_stderr = strcmp(target, "stderr") == 0,
         to_stdout = strcmp(target, "stdout") == 0;
    char *path = NULL;
    int fd = to_stdout ? STDOUT_FILENO : STDERR_FILENO;
    if (!to_syslog && !to_stderr && !to_stdout) {
        fd = open_file(target, err);
        if (fd < 0)
            return fd;
        path = strdup(target);
        if (!path) {
            close(fd);
            return err_nomem(err);
        }
    }
    if (to_syslog)
        openlog("mtlsd", LOG_PID, LOG_DAEMON);
    pthread_rwlock_wrlock(&the_log.lock);
    int old = the_log.fd;
    free(the_log.path);
    the_log.path = path;
    the_log.fd = fd;
    the_log.stream = is_stream(fd);
    atomic_store_explicit(&the_log.level, (int)level, memory_order_relaxed);
    the_log.syslog = to_syslog;
    the_log.journal = to_stderr && stderr_is_journal();
    pthread_rwlock_unlock(&the_log.lock);
    if (old > STDERR_FILENO)
        close(old);
    return 0;
}

int log_reopen(struct err *err)
{
    int rc = 0;
    pthread_rwlock_wrlock(&the_log.lock);
    if (the_log.path) {
        int fd = open_file(the_log.path, err);
        if (fd >= 0) {
            close(the_log.fd);
            the_log.fd = fd;
            the_log.stream = is_stream(fd);
        } else {
            rc = fd;
        }
    }
    pthread_rwlock_unlock(&the_log.lock);
    return rc;
}

void log_close(void)
{
    struct err ignored;
    if (log_open("stderr", (enum log_level)atomic_load(&the_log.level), &ignored) != 0)
        return;
}

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&the_log.level, memory_order_relaxed);
}

/* A log that cannot be written must not stop the service: there is nobody left to tell. Nor may one that
 * nobody reads: a pipe has room for PIPE_BUF bytes when poll says so. */
static void put(const char *line, size_t len)
{
    size_t at = 0;
    while (at < len) {
        if (the_log.stream) {
            struct pollfd room = {.fd = the_log.fd, .events = POLLOUT};
            bool full = poll(&room, 1, atomic_load(&the_log.stalled) ? 0 : PATIENCE_MS) == 0;
            atomic_store(&the_log.stalled, full);
            if (full)
                break;
            if (at == 0 && atomic_exchange(&the_log.torn, false) && write(the_log.fd, "\n", 1) != 1)
                break;
        }
        ssize_t n = write(the_log.fd, line + at, the_log.stream && len - at > PIPE_BUF ? PIPE_BUF : len - at);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    if (at > 0 && at < len)
        atomic_store(&the_log.torn, true);
}

void log_line(enum log_level level, const char *fmt, ...)
{
    int saved = errno;
    if ((int)level > atomic_load_explicit(&the_log.level, memory_order_relaxed))
        return;
    char line[8192];
    va_list ap;
    va_start(ap, fmt);
    pthread_rwlock_rdlock(&the_log.lock);
    if (the_log.syslog) {
        vsyslog(LEVELS[level].priority, fmt, ap);
    } else {
        int at;
        if (the_log.journal) {
            at = snprintf(line, sizeof line, "<%d>", LEVELS[level].priority);
        } else {
            char stamp[CLOCK_TEXT];
            at =
                snprintf(line, sizeof line, "%s %s: ", clock_rfc3339(clock_now(), stamp), LEVELS[level].word);
        }
        int room = (int)sizeof line - at - 1;
        int n = vsnprintf(line + at, (size_t)room, fmt, ap);
        if (n > room - 1)
            n = room - 1;
        size_t len = (size_t)at + (size_t)(n < 0 ? 0 : n);
        line[len++] = '\n';
        put(line, len);
    }
    pthread_rwlock_unlock(&the_log.lock);
    va_end(ap);
    errno = saved;
}
