/* The transport's sending side: responses, in records, in batches. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mapping.h"
#include "tls/library.h"
#include "tls/transport_turn.h"

enum {
    /* A response's head up to this length waits for its body. */
    MOST_HEAD = 8192,
    LONG_BODY_RECORDS = 3,
};

/* Past GnuTLS, which must have nothing to do first. False: it is to send this record. */
static bool seal_whole(struct transport *t, const uint8_t *data)
{
    uint8_t *room = outflow_room(&t->out, t->share, SEAL_RECORD);
    if (!room || !t->whole_records || t->rekeys || !seal_record(t->share->sealer, t->session, data, room))
        return false;
    outflow_made(&t->out, SEAL_RECORD);
    return true;
}

/* One record, or its beginning where the peer takes smaller ones. How much of the plaintext; or GnuTLS's
 * error. */
static ssize_t send_record(struct transport *t, const uint8_t *data, size_t len)
{
    if (len == RECORD_PLAIN && seal_whole(t, data))
        return RECORD_PLAIN;
    ssize_t n = tls_library()->record_send(t->session, data, len);
    t->rekeys = t->rekeys && n < 0;
    t->whole_records = t->whole_records || n == RECORD_PLAIN;
    return n;
}

/* Encrypts the head that was held back and as much of `data` as `most` records take. 0, or GnuTLS's error. */
static int collect(struct transport *t, const uint8_t *data, size_t size, unsigned most)
{
    size_t lead = t->head_len; /* of the head, not yet encrypted */
    for (unsigned i = 0; size > 0 && i < most && outflow_fits(&t->out); i++) {
        const uint8_t *from = data;
        size_t len = size < RECORD_PLAIN ? size : RECORD_PLAIN;
        if (lead > 0) {
            from = t->head + t->head_len - lead;
            len = lead;
            if (lead + size <= RECORD_PLAIN) {
                memcpy(t->share->joined, from, lead);
                memcpy(t->share->joined + lead, data, size);
                from = t->share->joined;
                len = lead + size;
            }
        }
        ssize_t n = send_record(t, from, len);
        if (n < 0)
            return (int)n;
        size_t of_head = lead < (size_t)n ? lead : (size_t)n;
        size_t plain = (size_t)n - of_head;
        outflow_mark(&t->out, (uint32_t)plain);
        lead -= of_head;
        data += plain;
        size -= plain;
    }
    if (lead > 0) { /* the client takes small records only */
        memmove(t->head, t->head + t->head_len - lead, lead);
    } else {
        free(t->head);
        t->head = NULL;
    }
    t->head_len = lead;
    return 0;
}

/* A body that fits goes out whole. Of a longer one a call takes as much, in smaller sends: under the pacing
 * of some congestion controls (BBR) a send of 128 KiB costs a third more processor time than three of 48 KiB,
 * and under the others (CUBIC) a twentieth less. */
static ssize_t send_batch(struct transport *t, const uint8_t *data, size_t size)
{
    bool whole;
    ssize_t n = outflow_flush(&t->out, t->fd, &whole);
    if (n < 0)
        return GNUTLS_E_PUSH_ERROR;
    if (n > 0)
        return n;
    if (!whole)
        return GNUTLS_E_AGAIN;
    unsigned records = size <= BATCH_PLAIN && !t->long_body ? BATCH_RECORDS + 1 : LONG_BODY_RECORDS;
    size_t sent = 0, most = size < BATCH_PLAIN ? size : BATCH_PLAIN;
    while (whole && sent < most) {
        outflow_begin(&t->out, t->share);
        int rc = collect(t, data + sent, size - sent, records);
        size_t taken = size - sent < records * RECORD_PLAIN ? size - sent : records * RECORD_PLAIN;
        if (rc == 0 && t->long_body && mapping_is_broken(data + sent, taken)) {
            /* The end of the file is gone, what was encrypted is not it: the stream ends here, without a
             * goodbye that would call it whole. */
            t->state = TRANSPORT_LINGER;
            t->body_lost = true;
            rc = GNUTLS_E_PUSH_ERROR;
        }
        if (rc < 0) {
            outflow_drop(&t->out);
            return rc;
        }
        n = outflow_end(&t->out, t->share, t->fd, &whole);
        if (n < 0)
            return sent > 0 ? (ssize_t)sent : GNUTLS_E_PUSH_ERROR;
        sent += (size_t)n;
    }
    return sent > 0 ? (ssize_t)sent : GNUTLS_E_AGAIN;
}

bool transport_hold(struct transport *t, const void *data, size_t size)
{
    bool is_head = t->head_next && t->state == TRANSPORT_OPEN;
    t->head_next = false;
    if (!is_head || size > MOST_HEAD || (t->head = malloc(size)) == NULL)
        return false;
    memcpy(t->head, data, size);
    t->head_len = size;
    return true;
}

static ssize_t send_bare(const struct transport *t, const void *data, size_t size)
{
    ssize_t n;
    do
        n = send(t->fd, data, size, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EWOULDBLOCK ? GNUTLS_E_AGAIN : GNUTLS_E_PUSH_ERROR;
}

ssize_t transport_write(struct transport *t, const void *data, size_t size)
{
    if (!t->session && t->state == TRANSPORT_OPEN)
        return send_bare(t, data, size);
    return t->state == TRANSPORT_OPEN ? send_batch(t, data, size) : GNUTLS_E_INVALID_SESSION;
}

ssize_t transport_write_turn(struct transport *t, const char *data, size_t size)
{
    size_t sent = 0;
    ssize_t n = 1;
    transport_enter(t);
    while (sent < size && n > 0) {
        n = transport_write(t, data + sent, size - sent);
        sent += n > 0 ? (size_t)n : 0;
    }
    int rc = transport_leave(t, false);
    if (rc != 0 || (n < 0 && n != GNUTLS_E_AGAIN && n != GNUTLS_E_INTERRUPTED))
        return -1;
    return (ssize_t)sent;
}
