/* What goes to a peer. Records are collected in the worker's buffer and leave in one system call; what the
 * kernel does not take is kept, and nothing of it counts as sent before it has gone. So a slow reader costs
 * the memory of one batch at most.
 *
 * A record stands for a number of plaintext bytes: 0 for those that nobody waits for (session tickets,
 * alerts, a response's head that was reported already). */
#ifndef MTLSD_TLS_OUTFLOW_H
#define MTLSD_TLS_OUTFLOW_H

#include <sys/types.h>

#include "base/base.h"
#include "tls/share.h"

enum { OUTFLOW_RECORDS = BATCH_RECORDS + 2 };

struct outflow_record {
    uint32_t end;   /* of its ciphertext, from the batch's beginning */
    uint32_t plain; /* bytes of plaintext that it stands for */
};

/* Embedded; {0} is empty. */
struct outflow {
    uint8_t *kept; /* what the kernel did not take of the last batch; owned */
    uint32_t len, at;
    uint8_t n_records, next; /* of `record`; those before `next` have gone */
    bool collecting;         /* the worker's buffer holds this connection's batch */
    bool held;               /* `kept` is a batch's beginning that was not given to the kernel */
    struct outflow_record record[OUTFLOW_RECORDS];
};

/* Begins a batch, with what was held back; does nothing when ciphertext waits for room in the socket. */
void outflow_begin(struct outflow *out, struct tls_share *share);
/* Puts ciphertext into the batch. False when it does not fit, which a caller that minds BATCH_PLAIN does not
 * meet. */
bool outflow_put(struct outflow *out, struct tls_share *share, const void *data, size_t len);
/* Where the next `len` bytes of ciphertext of the batch belong, for who makes them there and then calls
 * outflow_made; NULL like false above. */
uint8_t *outflow_room(const struct outflow *out, struct tls_share *share, size_t len);
static inline void outflow_made(struct outflow *out, size_t len)
{
    out->len += (uint32_t)len;
}
/* Room for another full record with what may come before it. */
bool outflow_fits(const struct outflow *out);
/* What was put since the last mark stands for `plain` bytes. */
void outflow_mark(struct outflow *out, uint32_t plain);

/* Ends the batch and sends it. Returns the plaintext bytes whose ciphertext the kernel has taken; sets *whole
 * when that is all. Negative: an errno, as -errno (-EAGAIN never comes: then it is 0 bytes), and -ENOMEM: the
 * rest is lost, and the socket takes nothing more. */
ssize_t outflow_end(struct outflow *out, struct tls_share *share, int fd, bool *whole);
/* Ends the batch and holds it back for the next. 0; -ENOMEM, and it is lost. */
int outflow_hold(struct outflow *out, struct tls_share *share);
/* Sends what waits for room; returns like outflow_end. Nothing, while a batch is collected. */
ssize_t outflow_flush(struct outflow *out, int fd, bool *whole);

/* Forgets the batch: the connection is over. */
void outflow_drop(struct outflow *out);
void outflow_done(struct outflow *out);

#endif
