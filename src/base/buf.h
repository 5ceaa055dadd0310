/* A growing byte buffer with a ceiling. After a failed append the buffer is marked and further appends are
 * ignored, so a caller builds first and asks once at the end (buf_failed). Data is always NUL-terminated. */
#ifndef MTLSD_BASE_BUF_H
#define MTLSD_BASE_BUF_H

#include <string.h>

#include "base/base.h"

struct buf {
    char *data; /* NULL while empty */
    size_t len;
    size_t room;  /* allocated bytes */
    size_t limit; /* most bytes that may be held, 0: 16 MiB */
    bool failed;
};

/* {0} is a valid empty buffer too. */
void buf_init(struct buf *buf, size_t limit);
void buf_done(struct buf *buf);
/* buf_put where there may be no room yet. */
void buf_put_growing(struct buf *buf, const void *data, size_t len);
/* Inline: names and JSON are put together from pieces of some octets. */
static inline void buf_put(struct buf *buf, const void *data, size_t len)
{
    if (buf->failed || len == 0 || len >= buf->room - buf->len) {
        buf_put_growing(buf, data, len);
        return;
    }
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}
static inline void buf_putc(struct buf *buf, char c)
{
    buf_put(buf, &c, 1);
}
static inline void buf_puts(struct buf *buf, const char *text)
{
    buf_put(buf, text, strlen(text));
}
void buf_put_uint(struct buf *buf, uint64_t n);
/* In small letters, with zeros in front where there are fewer digits than `least`, which is up to 16. */
void buf_put_hex(struct buf *buf, uint64_t n, unsigned least);
/* The same before `end`: where they begin. */
char *buf_hex_before(char *end, uint64_t n, unsigned least);
/* Room for so many bytes, which are about to be appended piece by piece. */
void buf_expect(struct buf *buf, size_t more);
void buf_printf(struct buf *buf, const char *fmt, ...) PRINTF(2, 3);
static inline bool buf_failed(const struct buf *buf)
{
    return buf->failed;
}

/* Writes all of it. 0, or -1 with errno. */
MUST_CHECK int buf_write(const struct buf *buf, int fd);

/* Hands the bytes to the caller, who frees them with free(); the buffer is empty again. NULL when it failed
 * or memory is short. An empty buffer gives "". `len` may be NULL. */
char *buf_take(struct buf *buf, size_t *len);

#endif
