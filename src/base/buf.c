#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUF_DEFAULT_LIMIT = 16 * 1024 * 1024 };

void buf_init(struct buf *buf, size_t limit)
{
    memset(buf, 0, sizeof *buf);
    buf->limit = limit;
}

void buf_done(struct buf *buf)
{
    if (!buf)
        return;
    free(buf->data);
    memset(buf, 0, sizeof *buf);
}

static bool reserve(struct buf *buf, size_t more)
{
    size_t limit = buf->limit ? buf->limit : BUF_DEFAULT_LIMIT;
    if (buf->failed || more > limit || buf->len > limit - more) {
        buf->failed = true;
        return false;
    }
    size_t need = buf->len + more + 1;
    if (need <= buf->room)
        return true;
    size_t room = buf->room ? buf->room : 128;
    while (room < need)
        room *= 2;
    room = room > limit ? limit + 1 : room; /* room is what buf_put may fill without asking */
    char *data = realloc(buf->data, room);
    if (!data) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->room = room;
    return true;
}

void buf_put_growing(struct buf *buf, const void *data, size_t len)
{
    if (!reserve(buf, len))
        return;
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void buf_expect(struct buf *buf, size_t more)
{
    (void)reserve(buf, more);
}

void buf_put_uint(struct buf *buf, uint64_t n)
{
    char digits[20]; /* of 2^64 - 1 */
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    buf_put(buf, digits + at, sizeof digits - at);
}

char *buf_hex_before(char *end, uint64_t n, unsigned least)
{
    char *at = end;
    do
        *--at = "0123456789abcdef"[n & 15];
    while ((n >>= 4) > 0 || (size_t)(end - at) < least);
    return at;
}

void buf_put_hex(struct buf *buf, uint64_t n, unsigned least)
{
    char digits[16]; /* of 64 bits */
    const char *from = buf_hex_before(digits + sizeof digits, n, least);
    buf_put(buf, from, (size_t)(digits + sizeof digits - from));
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    size_t room = buf->data ? buf->room - buf->len : 0;
    int n = vsnprintf(buf->data ? buf->data + buf->len : NULL, room, fmt, ap);
    va_end(ap);
    if (n < 0 || !reserve(buf, (size_t)n)) {
        buf->failed = true;
        if (room > 0)
            buf->data[buf->len] = '\0';
        return;
    }
    if ((size_t)n >= room) {
        va_start(ap, fmt);
        vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    buf->len += (size_t)n;
}

int buf_write(const struct buf *buf, int fd)
{
    for (size_t done = 0; done < buf->len;) {
        ssize_t n = write(fd, buf->data + done, buf->len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

char *buf_take(struct buf *buf, size_t *len)
{
    char *data = NULL;
    if (!buf->failed && reserve(buf, 0)) {
        buf->data[buf->len] = '\0';
        data = buf->data;
        if (len)
            *len = buf->len;
        buf->data = NULL;
    }
    buf_done(buf);
    return data;
}
