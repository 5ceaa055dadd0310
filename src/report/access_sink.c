#include "report/access.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/syslog.h"

enum { FULL = 64 * 1024, LAST_MS = 500 };

/* Lines of no worker. */
static struct access_lines common = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                     .next = &common,
                                     .prev = &common,
                                     .write_at = FULL,
                                     .text = {.limit = FULL + ACCESS_MOST_LINE}};

/* Locks are taken in the order list_lock, a lines' lock, target, stream_lock. */
static struct {
    pthread_mutex_t list_lock; /* of the ring of lines */
    pthread_rwlock_t target;   /* against its replacement */
    atomic_bool enabled;
    atomic_int format; /* enum access_format */
    int fd;            /* -1: none */
    bool syslog;
    bool stream;                 /* it is no regular file: somebody reads it, or does not */
    pthread_mutex_t stream_lock; /* of who writes to it */
    struct buf rest;             /* of a line that is longer than what was read; under stream_lock */
    char *path;                  /* NULL unless a file */
    atomic_bool failing;         /* the last write did */
    atomic_int why;              /* errno of the last line that was dropped */
    _Atomic uint64_t dropped;
} the_log = {.list_lock = PTHREAD_MUTEX_INITIALIZER,
             .target = PTHREAD_RWLOCK_INITIALIZER,
             .stream_lock = PTHREAD_MUTEX_INITIALIZER,
             .fd = -1};

/* Whoever has a line is told nothing of workers. */
static _Thread_local struct access_lines *own;

/* --- writing -------------------------------------------------------------------------------------------- */

static void drop(size_t n, int error)
{
    atomic_store(&the_log.why, error);
    atomic_fetch_add(&the_log.dropped, n);
}

static void set_failing(bool failing)
{
    if (failing != atomic_load_explicit(&the_log.failing, memory_order_relaxed))
        atomic_store(&the_log.failing, failing);
}

static void to_syslog(const struct buf *text)
{
    for (const char *line = text->data, *end = line + text->len; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t len = stop ? (size_t)(stop - line) : (size_t)(end - line);
        int error = syslog_send(LOG_DAEMON | LOG_INFO, line, len);
        if (error != 0)
            drop(1, error);
        set_failing(error != 0);
        line += len + 1;
    }
}

static size_t count_lines(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += text[i] == '\n';
    return n;
}

/* A full disk must not stop the service. What was not written is counted; half a line at the end of a file is
 * taken back, so that the next one begins where it should. */
static void give_up(const struct buf *text, size_t written, int error)
{
    size_t torn = 0;
    while (torn < written && text->data[written - torn - 1] != '\n')
        torn++;
    struct stat st;
    if (torn > 0 && (fstat(the_log.fd, &st) != 0 || st.st_size < (off_t)torn ||
                     ftruncate(the_log.fd, st.st_size - (off_t)torn) != 0))
        torn = 0; /* so it stays: nothing more can be done */
    drop(count_lines(text->data + (written - torn), text->len - (written - torn)), error);
}

static void to_file(struct buf *text)
{
    size_t written = 0;
    int error = 0;
    while (written < text->len && error == 0) {
        ssize_t n = write(the_log.fd, text->data + written, text->len - written);
        if (n > 0)
            written += (size_t)n;
        else if (n < 0 && errno != EINTR)
            error = errno;
    }
    if (error != 0)
        give_up(text, written, error);
    set_failing(error != 0);
    text->len = 0;
}

/* --- pipes, sockets, terminals ---------------------------------------------------------------------------
 *
 * Their reader may stop reading, and whose descriptor it is (standard output) must not be made non-blocking:
 * others have it too. When poll says so there is room for PIPE_BUF bytes; so much is written whole, and
 * without anything between. */

/* How much of it to write at once: whole lines where one fits. */
static size_t piece(const char *text, size_t len)
{
    if (len <= PIPE_BUF)
        return len;
    const char *newline = memrchr(text, '\n', PIPE_BUF);
    return newline ? (size_t)(newline - text) + 1 : PIPE_BUF;
}

/* 0, or the errno: EAGAIN when nothing is read until `deadline_ms`. *written grows. */
static int to_reader(const char *text, size_t len, uint64_t deadline_ms, size_t *written)
{
    while (*written < len) {
        uint64_t now = deadline_ms ? clock_mono_ms() : 0;
        struct pollfd room = {.fd = the_log.fd, .events = POLLOUT};
        int ready = poll(&room, 1, now < deadline_ms ? (int)(deadline_ms - now) : 0);
        if (ready == 0)
            return EAGAIN;
        ssize_t n =
            ready > 0 ? write(the_log.fd, text + *written, piece(text + *written, len - *written)) : -1;
        if (n > 0)
            *written += (size_t)n;
        else if (n < 0 && errno != EINTR)
            return errno;
    }
    return 0;
}

/* A line whose beginning was written, before anything else is. */
static int end_line(uint64_t deadline_ms)
{
    struct buf *rest = &the_log.rest;
    size_t written = 0;
    int error = to_reader(rest->data, rest->len, deadline_ms, &written);
    if (error != 0 && error != EAGAIN) {
        drop(1, error);
        written = rest->len;
    }
    rest->len -= written;
    if (rest->len > 0 && written > 0)
        memmove(rest->data, rest->data + written, rest->len);
    return error;
}

/* What cannot be written now stays in `text`, for the next time. */
static int to_stream(struct buf *text, uint64_t deadline_ms)
{
    size_t written = 0;
    int error = end_line(deadline_ms);
    if (error == 0)
        error = to_reader(text->data, text->len, deadline_ms, &written);
    if (written > 0 && written < text->len && text->data[written - 1] != '\n') {
        const char *end = memchr(text->data + written, '\n', text->len - written);
        size_t len = end ? (size_t)(end - (text->data + written)) + 1 : 0;
        buf_put(&the_log.rest, text->data + written, len);
        if (buf_failed(&the_log.rest))
            drop(1, ENOMEM); /* it stays torn */
        the_log.rest.failed = false;
        written += len;
    }
    text->len -= written;
    if (text->len > 0 && written > 0)
        memmove(text->data, text->data + written, text->len);
    return error;
}

/* Nobody may read: then only a wait that was not in vain the last time is worth it. Under the stream's lock.
 */
static uint64_t last_deadline(bool last)
{
    return last && !atomic_load_explicit(&the_log.failing, memory_order_relaxed) ? clock_mono_ms() + LAST_MS
                                                                                 : 0;
}

static void write_stream(struct buf *text, bool last)
{
    pthread_mutex_lock(&the_log.stream_lock);
    int error = to_stream(text, last_deadline(last));
    bool lost = error != 0 && error != EAGAIN;
    /* A reader that is slow has until the buffer is full. */
    if (text->len > 0 && (lost || last || text->len >= FULL)) {
        drop(count_lines(text->data, text->len), error);
        text->len = 0;
        lost = true;
    }
    if (lost || error == 0)
        set_failing(lost);
    pthread_mutex_unlock(&the_log.stream_lock);
}

/* -------------------------------------------------------------------------------------------------------- */

/* Under the lock of `lines`. `last`: the target is about to go, what cannot be written is dropped. */
static void write_out(struct access_lines *lines, bool last)
{
    struct buf *text = &lines->text;
    if (text->len == 0)
        return;
    pthread_rwlock_rdlock(&the_log.target);
    if (the_log.fd >= 0 && the_log.stream) {
        write_stream(text, last);
    } else if (the_log.fd >= 0) {
        to_file(text);
    } else {
        if (the_log.syslog)
            to_syslog(text);
        text->len = 0;
    }
    lines->write_at = the_log.stream ? text->len + PIPE_BUF : FULL;
    pthread_rwlock_unlock(&the_log.target);
}

static void flush(bool last)
{
    pthread_rwlock_rdlock(&the_log.target);
    pthread_mutex_lock(&the_log.stream_lock);
    if (the_log.rest.len > 0)
        (void)end_line(last_deadline(last));
    pthread_mutex_unlock(&the_log.stream_lock);
    pthread_rwlock_unlock(&the_log.target);
    pthread_mutex_lock(&the_log.list_lock);
    struct access_lines *lines = &common;
    do {
        pthread_mutex_lock(&lines->lock);
        write_out(lines, last);
        pthread_mutex_unlock(&lines->lock);
        lines = lines->next;
    } while (lines != &common);
    pthread_mutex_unlock(&the_log.list_lock);
}

void access_flush(void)
{
    flush(false);
}

bool access_failing(void)
{
    return atomic_load(&the_log.failing);
}

int access_error(void)
{
    return atomic_load(&the_log.why);
}

uint64_t access_dropped(void)
{
    return atomic_load(&the_log.dropped);
}

/* --- lines ---------------------------------------------------------------------------------------------- */

void access_enter(struct access_lines *lines)
{
    pthread_mutex_init(&lines->lock, NULL);
    lines->write_at = FULL;
    buf_init(&lines->text, FULL + ACCESS_MOST_LINE);
    pthread_mutex_lock(&the_log.list_lock);
    lines->next = common.next;
    lines->prev = &common;
    lines->next->prev = lines;
    common.next = lines;
    pthread_mutex_unlock(&the_log.list_lock);
    own = lines;
}

void access_leave(void)
{
    struct access_lines *lines = own;
    own = NULL;
    pthread_mutex_lock(&the_log.list_lock);
    lines->next->prev = lines->prev;
    lines->prev->next = lines->next;
    pthread_mutex_lock(&lines->lock);
    write_out(lines, true);
    pthread_mutex_unlock(&lines->lock);
    pthread_mutex_unlock(&the_log.list_lock);
    pthread_mutex_destroy(&lines->lock);
    buf_done(&lines->text);
}

static bool put_line(struct access_lines *lines, const struct access_record *record)
{
    size_t before = lines->text.len;
    access_format(record, (enum access_format)atomic_load_explicit(&the_log.format, memory_order_relaxed),
                  &lines->text);
    if (!buf_failed(&lines->text))
        return true;
    lines->text.len = before;
    lines->text.failed = false;
    return false;
}

void access_write(const struct access_record *record)
{
    struct access_lines *lines = own ? own : &common;
    pthread_mutex_lock(&lines->lock);
    /* Memory is short: what came before makes room. */
    if (!put_line(lines, record) && (write_out(lines, false), !put_line(lines, record)))
        drop(1, ENOMEM);
    if (lines->text.len >= lines->write_at)
        write_out(lines, false);
    pthread_mutex_unlock(&lines->lock);
}

/* --- the target ---------------------------------------------------------------------------------------- */

/* What was logged before goes to where it was meant for. */
static void replace(int fd, bool syslog, char *path, enum access_format format)
{
    struct stat st;
    bool stream = fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode);
    flush(true);
    pthread_rwlock_wrlock(&the_log.target);
    if (the_log.rest.len > 0) {
        drop(1, EAGAIN);
        the_log.rest.len = 0;
    }
    int old = the_log.fd;
    the_log.stream = stream;
    free(the_log.path);
    the_log.fd = fd;
    the_log.syslog = syslog;
    the_log.path = path;
    atomic_store(&the_log.format, (int)format);
    atomic_store(&the_log.enabled, fd >= 0 || syslog);
    pthread_rwlock_unlock(&the_log.target);
    if (old > STDERR_FILENO)
        close(old);
}

int access_open(const char *target, enum access_format format, struct err *err)
{
    if (!target || strcmp(target, "off") == 0) {
        replace(-1, false, NULL, format);
    } else if (strcmp(target, "stdout") == 0) {
        replace(STDOUT_FILENO, false, NULL, format);
    } else if (strcmp(target, "stderr") == 0) {
        replace(STDERR_FILENO, false, NULL, format);
    } else if (strcmp(target, "syslog") == 0) {
        int rc = syslog_open(err);
        if (rc != 0)
            return rc;
        replace(-1, true, NULL, format);
    } else {
        int fd = log_open_file(target, "access log", err);
        if (fd < 0)
            return fd;
        char *path = strdup(target);
        if (!path) {
            close(fd);
            return err_nomem(err);
        }
        replace(fd, false, path, format);
    }
    return 0;
}

int access_reopen(struct err *err)
{
    pthread_rwlock_rdlock(&the_log.target);
    char *path = the_log.path ? strdup(the_log.path) : NULL;
    enum access_format format = (enum access_format)atomic_load(&the_log.format);
    pthread_rwlock_unlock(&the_log.target);
    int rc = path ? access_open(path, format, err) : 0;
    free(path);
    return rc;
}

void access_close(void)
{
    replace(-1, false, NULL, ACCESS_FORMAT_COMBINED);
}

bool access_enabled(void)
{
    return atomic_load_explicit(&the_log.enabled, memory_order_relaxed);
}
