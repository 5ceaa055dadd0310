/* The bytes that came from a peer and nobody took yet. One read takes what is there, also several records.
 * They lie in the worker's buffer while the connection is handled; inflow_settle moves what is left to memory
 * of the connection's own, which it has only as long as it holds unread bytes. */
#ifndef MTLSD_TLS_INFLOW_H
#define MTLSD_TLS_INFLOW_H

#include <sys/types.h>

#include "base/base.h"

struct tls_share;

/* Embedded; {0} is empty. */
struct inflow {
    uint8_t *bytes; /* in the worker's buffer, or `own` */
    size_t len;
    uint8_t *own;
    size_t room; /* of `own` */
    /* In this turn the socket had less than it was asked for: what comes next raises an event. */
    bool emptied;
    bool told; /* somebody is told of each such event, so that it need not be asked again */
};

static inline size_t inflow_waiting(const struct inflow *in)
{
    return in->len;
}

/* Up to `size` bytes: what waits, or else one read from the socket. The results and errno are recv's. */
ssize_t inflow_read(struct inflow *in, struct tls_share *share, int fd, void *data, size_t size);

/* Reads once more behind what waits, which thus can be looked at whole in `bytes`; at most `most` bytes, of
 * which some must be free, in all. The results and errno are recv's; ENOMEM. */
ssize_t inflow_more(struct inflow *in, int fd, size_t most);
/* Drops the first `n` of those that wait. */
void inflow_skip(struct inflow *in, size_t n);

/* Before the worker turns to another connection. 0, or -1 when memory is short: the bytes are lost. */
int inflow_settle(struct inflow *in);
void inflow_done(struct inflow *in);

#endif
