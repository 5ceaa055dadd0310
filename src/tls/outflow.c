#include "tls/outflow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void outflow_begin(struct outflow *out, struct tls_share *share)
{
    if (out->collecting || (out->kept && !out->held))
        return;
    if (out->held && out->kept) {
        memcpy(share->output, out->kept, out->len);
        free(out->kept);
        out->kept = NULL;
        out->held = false;
    } else {
        out->len = 0;
        out->n_records = 0;
    }
    out->at = 0;
    out->next = 0;
    out->collecting = true;
}

bool outflow_put(struct outflow *out, struct tls_share *share, const void *data, size_t len)
{
    uint8_t *room = outflow_room(out, share, len);
    if (!room)
        return false;
    memcpy(room, data, len);
    outflow_made(out, len);
    return true;
}

uint8_t *outflow_room(const struct outflow *out, struct tls_share *share, size_t len)
{
    return len <= sizeof share->output - out->len ? share->output + out->len : NULL;
}

bool outflow_fits(const struct outflow *out)
{
    return SHARE_OUTPUT - out->len >= RECORD_PLAIN + 2 * RECORD_SLACK && out->n_records < OUTFLOW_RECORDS;
}

void outflow_mark(struct outflow *out, uint32_t plain)
{
    struct outflow_record *last = out->n_records > 0 ? &out->record[out->n_records - 1] : NULL;
    if (last && last->end == out->len)
        return; /* nothing was put */
    if (last && last->plain == 0)
        *last = (struct outflow_record){out->len, plain}; /* nobody waits for it alone */
    else
        out->record[out->n_records++] = (struct outflow_record){out->len, plain};
}

/* Sends from `bytes`, the whole batch; advances. */
static ssize_t send_from(struct outflow *out, const uint8_t *bytes, int fd)
{
    ssize_t n;
    do
        n = send(fd, bytes + out->at, out->len - out->at, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
    out->at += (uint32_t)n;
    ssize_t plain = 0;
    while (out->next < out->n_records && out->record[out->next].end <= out->at)
        plain += out->record[out->next++].plain;
    return plain;
}

/* Copies what is left of the batch out of the worker's buffer; the records' ends move along. `plain`, or
 * -ENOMEM. */
static ssize_t keep(struct outflow *out, const struct tls_share *share, ssize_t plain)
{
    uint32_t gone = out->at;
    out->kept = malloc(out->len - gone);
    if (!out->kept)
        return -ENOMEM;
    memcpy(out->kept, share->output + gone, out->len - gone);
    for (unsigned i = out->next; i < out->n_records; i++)
        out->record[i].end -= gone;
    out->len -= gone;
    out->at = 0;
    return plain;
}

ssize_t outflow_end(struct outflow *out, struct tls_share *share, int fd, bool *whole)
{
    out->collecting = false;
    *whole = true;
    if (out->len == 0)
        return 0;
    ssize_t plain = send_from(out, share->output, fd);
    if (plain < 0)
        return plain;
    *whole = out->at == out->len;
    if (*whole)
        return plain;
    plain = keep(out, share, plain);
    if (plain < 0)
        shutdown(fd, SHUT_RDWR); /* what is lost ends within a record: nothing must come behind it */
    return plain;
}

int outflow_hold(struct outflow *out, struct tls_share *share)
{
    if (!out->collecting)
        return 0;
    out->collecting = false;
    if (out->len == 0)
        return 0;
    outflow_mark(out, 0);
    int rc = (int)keep(out, share, 0);
    out->held = rc == 0;
    if (rc != 0)
        outflow_drop(out);
    return rc;
}

ssize_t outflow_flush(struct outflow *out, int fd, bool *whole)
{
    *whole = true;
    if (!out->kept || out->collecting)
        return 0;
    ssize_t plain = send_from(out, out->kept, fd);
    *whole = out->at == out->len;
    if (plain >= 0 && *whole)
        outflow_done(out);
    return plain;
}

void outflow_drop(struct outflow *out)
{
    out->collecting = false;
    out->len = 0;
    out->n_records = 0;
}

void outflow_done(struct outflow *out)
{
    free(out->kept);
    *out = (struct outflow){0};
}
