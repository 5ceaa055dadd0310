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
#include "base/patience.h"
#include "base/syslog.h"

enum { MOST_LINE = 8192 };

/* One log per process. The lock guards the target's replacement against a line being written. */
static struct {
    pthread_rwlock_t lock;
    _Atomic int level; /* read without the lock, for lines that are not wanted */
    int fd;
    bool syslog, journal;
    bool stream;                 /* no regular file: somebody reads it, or does not */
    pthread_mutex_t stream_lock; /* of who writes to it: room for one is not room for two */
    struct patience patience;
    atomic_bool torn;                 /* the last line was written in part */
    char *path;                       /* NULL unless a file */
    _Atomic uint64_t dropped, untold; /* lines that were lost: all, and those since the log last said so */
    atomic_int why;                   /* errno of the last of them */
} the_log = {.lock = PTHREAD_RWLOCK_INITIALIZER,
             .level = LOG_LEVEL_INFO,
             .fd = STDERR_FILENO,
             .stream = true,
             .stream_lock = PTHREAD_MUTEX_INITIALIZER};

static const struct {
    const char *word;
    int priority;
} LEVELS[] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},      [LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
    [LOG_LEVEL_NOTICE] = {"notice", LOG_NOTICE}, [LOG_LEVEL_INFO] = {"info", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

int log_open_file(const char *path, const char *what, struct err *err)
{
    /* O_NONBLOCK: a FIFO that nobody reads is an error, not the end of everything. */
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (fd >= 0)
        return fd;
    return err_set(err, errno == EACCES ? ERR_DENIED : ERR_IO, "cannot open the %s %s: %s", what, path,
                   errno == ENXIO ? "it is a pipe that nobody reads: start its reader first"
                                  : strerror(errno));
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
        fd = log_open_file(target, "log", err);
        if (fd < 0)
            return fd;
        path = strdup(target);
        if (!path) {
            close(fd);
            return err_nomem(err);
        }
    }
    int rc = to_syslog ? syslog_open(err) : 0;
    if (rc != 0)
        return rc;
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
        int fd = log_open_file(the_log.path, "log", err);
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

uint64_t log_dropped(void)
{
    return atomic_load(&the_log.dropped);
}

/* 0, or the errno. A pipe has room for PIPE_BUF bytes when poll says so; it may be somebody else's too, and
 * is not made non-blocking (standard error). */
static int put_some(const char *text, size_t len, size_t *written)
{
    if (the_log.stream) {
        struct pollfd room = {.fd = the_log.fd, .events = POLLOUT};
        int ready = poll(&room, 1, 0), patience = ready == 0 ? patience_ms(&the_log.patience) : 0;
        if (patience > 0) {
            uint64_t since = clock_mono_ms();
            ready = poll(&room, 1, patience);
            patience_spend(&the_log.patience, since);
        }
        if (ready <= 0)
            return ready == 0 || errno == EINTR ? EAGAIN : errno;
        len = len > PIPE_BUF ? PIPE_BUF : len;
    }
    ssize_t n = write(the_log.fd, text, len);
    if (n < 0)
        return errno;
    *written += (size_t)n;
    return 0;
}

/* A log that cannot be written must not stop the service, nor one that nobody reads. */
static int put(const char *line, size_t len)
{
    size_t end = 0, at = 0;
    int error = atomic_load(&the_log.torn) ? put_some("\n", 1, &end) : 0;
    if (end > 0)
        atomic_store(&the_log.torn, false);
    while (error == 0 && at < len)
        error = put_some(line + at, len - at, &at);
    if (at > 0 && at < len)
        atomic_store(&the_log.torn, true);
    return error;
}

static int put_alone(const char *line, size_t len)
{
    if (!the_log.stream)
        return put(line, len);
    pthread_mutex_lock(&the_log.stream_lock);
    int error = put(line, len);
    pthread_mutex_unlock(&the_log.stream_lock);
    return error;
}

/* Under the lock, shared. 0, or the errno. */
PRINTF(2, 0) static int write_line(enum log_level level, const char *fmt, va_list ap)
{
    char line[MOST_LINE];
    int at = 0;
    if (the_log.journal) {
        at = snprintf(line, sizeof line, "<%d>", LEVELS[level].priority);
    } else if (!the_log.syslog) {
        char stamp[CLOCK_TEXT];
        at = snprintf(line, sizeof line, "%s %s: ", clock_rfc3339(clock_now(), stamp), LEVELS[level].word);
    }
    int room = (int)sizeof line - at - 1;
    int n = vsnprintf(line + at, (size_t)room, fmt, ap);
    if (n > room - 1)
        n = room - 1;
    size_t len = (size_t)at + (size_t)(n < 0 ? 0 : n);
    if (the_log.syslog)
        return syslog_send(LOG_DAEMON | LEVELS[level].priority, line, len);
    line[len++] = '\n';
    return put_alone(line, len);
}

PRINTF(2, 3) static int write_text(enum log_level level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int error = write_line(level, fmt, ap);
    va_end(ap);
    return error;
}

/* That lines are missing stands where they are missing, once others come through. */
static int tell_of_loss(void)
{
    uint64_t lost = atomic_exchange(&the_log.untold, 0);
    if (lost == 0)
        return 0;
    int why = atomic_load(&the_log.why);
    int error = write_text(LOG_LEVEL_WARNING, "%llu line%s of this log %s lost here: %s",
                           (unsigned long long)lost, lost == 1 ? "" : "s", lost == 1 ? "was" : "were",
                           why == EAGAIN ? "its reader did not take them" : strerror(why));
    if (error != 0)
        atomic_fetch_add(&the_log.untold, lost);
    return error;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    int saved = errno;
    if ((int)level > atomic_load_explicit(&the_log.level, memory_order_relaxed))
        return;
    va_list ap;
    va_start(ap, fmt);
    pthread_rwlock_rdlock(&the_log.lock);
    int error = tell_of_loss();
    if (error == 0)
        error = write_line(level, fmt, ap);
    if (error != 0) {
        atomic_store(&the_log.why, error);
        atomic_fetch_add(&the_log.untold, 1);
        atomic_fetch_add(&the_log.dropped, 1);
    }
    pthread_rwlock_unlock(&the_log.lock);
    va_end(ap);
    errno = saved;
}
