#include "report/access.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

enum { MOST_LINE = 32768 };

/* --- formats
 * ------------------------------------------------------------------------------------------------------- */

/* As Apache does: quotes and backslashes get a backslash, everything but printable ASCII becomes \xHH. */
static void put_quoted(struct buf *out, const char *text)
{
    buf_putc(out, '"');
    for (const unsigned char *p = (const unsigned char *)(text ? text : "-"); *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_putc(out, '\\');
        if (*p >= 0x20 && *p < 0x7f)
            buf_putc(out, (char)*p);
        else
            buf_printf(out, "\\x%02x", *p);
    }
    buf_putc(out, '"');
}

/* "[::1]:443" -> "::1" */
static void put_host(struct buf *out, const char *remote)
{
    const char *colon = strrchr(remote, ':');
    size_t len = colon ? (size_t)(colon - remote) : strlen(remote);
    if (len >= 2 && remote[0] == '[') {
        remote++;
        len -= 2;
    }
    buf_put(out, remote, len);
}

static void put_combined(struct buf *out, const struct access_record *r)
{
    struct tm tm;
    char stamp[40];
    gmtime_r(&r->at, &tm);
    strftime(stamp, sizeof stamp, "%d/%b/%Y:%H:%M:%S +0000", &tm);
    put_host(out, r->remote);
    buf_printf(out, " - - [%s] ", stamp);
    struct buf line;
    buf_init(&line, MOST_LINE);
    buf_printf(&line, "%s %s %s", r->method, r->target, r->protocol);
    put_quoted(out, buf_failed(&line) ? "-" : line.data);
    buf_done(&line);
    buf_printf(out, " %u %" PRIu64 " ", r->status, r->bytes);
    put_quoted(out, r->referer);
    buf_putc(out, ' ');
    put_quoted(out, r->user_agent);
}

/* Any bytes as a JSON string: what is no UTF-8 arrives escaped. */
static json_t *string(const char *text)
{
    if (!text)
        return json_null();
    json_t *value = json_string(text);
    if (value)
        return value;
    char *escaped = text_escaped(text, strlen(text));
    value = escaped ? json_string(escaped) : NULL;
    free(escaped);
    return value;
}

static void put_json(struct buf *out, const struct access_record *r)
{
    char stamp[CLOCK_TEXT], id[48];
    snprintf(id, sizeof id, "%" PRIu64 "-%" PRIu64, r->connection_id, r->request_number);
    json_t *line = json_object();
    json_object_set_new(line, "time", string(clock_rfc3339(r->at, stamp)));
    json_object_set_new(line, "remote", string(r->remote));
    json_object_set_new(line, "method", string(r->method));
    json_object_set_new(line, "path", string(r->target));
    json_object_set_new(line, "protocol", string(r->protocol));
    json_object_set_new(line, "status", json_integer((json_int_t)r->status));
    json_object_set_new(line, "bytes", json_integer((json_int_t)r->bytes));
    json_object_set_new(line, "duration_us", json_integer((json_int_t)r->duration_us));
    json_object_set_new(line, "referer", string(r->referer));
    json_object_set_new(line, "user_agent", string(r->user_agent));
    json_object_set_new(line, "listener", string(r->listener));
    json_object_set_new(line, "tls_version", string(r->tls_version));
    json_object_set_new(line, "cipher_suite", string(r->cipher_suite));
    json_object_set_new(line, "resumed", json_boolean(r->resumed));
    json_object_set_new(line, "client_verify", string(r->client_verify));
    json_object_set_new(line, "client_subject", string(r->client_subject));
    json_object_set_new(line, "client_serial", string(r->client_serial));
    json_object_set_new(line, "client_fingerprint_sha256", string(r->client_fingerprint_sha256));
    json_object_set_new(line, "request_id", string(id));
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    buf_puts(out, text ? text : "{\"error\":\"out of memory\"}");
    free(text);
    json_decref(line);
}

void access_format(const struct access_record *record, enum access_format format, struct buf *out)
{
    if (format == ACCESS_FORMAT_JSON)
        put_json(out, record);
    else
        put_combined(out, record);
    buf_putc(out, '\n');
}

/* --- the sink
 * ------------------------------------------------------------------------------------------------------ */

static struct {
    pthread_rwlock_t lock;
    atomic_bool enabled;
    enum access_format format;
    int fd; /* -1: none */
    bool syslog;
    char *path; /* NULL unless a file */
} the_log = {.lock = PTHREAD_RWLOCK_INITIALIZER, .fd = -1};

static int open_file(const char *path, struct err *err)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0)
        return err_set(err, errno == EACCES ? ERR_DENIED : ERR_IO, "cannot open the access log %s: %s", path,
                       strerror(errno));
    return fd;
}

static void replace(int fd, bool to_syslog, char *path, enum access_format format)
{
    pthread_rwlock_wrlock(&the_log.lock);
    int old = the_log.fd;
    free(the_log.path);
    the_log.fd = fd;
    the_log.syslog = to_syslog;
    the_log.path = path;
    the_log.format = format;
    atomic_store(&the_log.enabled, fd >= 0 || to_syslog);
    pthread_rwlock_unlock(&the_log.lock);
    if (old > STDERR_FILENO)
        close(old);
}

int access_open(const char *target, enum access_format format, struct err *err)
{
    if (!target || strcmp(target, "off") == 0) {
        replace(-1, false, NULL, format);
    } else if (strcmp(target, "stdout") == 0) {
        replace(STDOUT_FILENO, false, NULL, format);
    } else if (strcmp(target, "syslog") == 0) {
        replace(-1, true, NULL, format);
    } else {
        int fd = open_file(target, err);
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
    pthread_rwlock_rdlock(&the_log.lock);
    char *path = the_log.path ? strdup(the_log.path) : NULL;
    enum access_format format = the_log.format;
    pthread_rwlock_unlock(&the_log.lock);
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

void access_write(const struct access_record *record)
{
    struct buf line;
    buf_init(&line, MOST_LINE);
    pthread_rwlock_rdlock(&the_log.lock);
    access_format(record, the_log.format, &line);
    if (!buf_failed(&line)) {
        if (the_log.syslog) {
            syslog(LOG_DAEMON | LOG_INFO, "%.*s", (int)line.len - 1, line.data);
        } else if (the_log.fd >= 0) {
            /* A full disk must not stop the service, and there is nobody to tell per line. */
            ssize_t ignored UNUSED = write(the_log.fd, line.data, line.len);
        }
    }
    pthread_rwlock_unlock(&the_log.lock);
    buf_done(&line);
}
