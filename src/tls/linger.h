/* Sockets whose connection is over for MHD, which closes its descriptor at once, while the kernel still has
 * bytes for the peer. A byte that comes after a close, or was never read before it, makes the kernel reset
 * the connection, and the peer may lose the end of its response. So a worker keeps a descriptor of its own
 * for a while and reads what comes (as RFC 9112 section 9.6 advises). */
#ifndef MTLSD_TLS_LINGER_H
#define MTLSD_TLS_LINGER_H

#include "base/base.h"

enum { LINGER_MOST = 64 };

/* Embedded; {0} is empty. */
struct lingerers {
    unsigned n;
    uint64_t due_ms; /* when they are looked at again */
    struct lingering {
        int fd;
        uint32_t left; /* bytes that are read at most */
        uint64_t until_ms;
    } socket[LINGER_MOST]; /* the oldest first */
};

/* Whether the kernel has bytes that the peer has not acknowledged. */
bool linger_needed(int fd);
/* The connection on `fd` is over, and its owner closes `fd`: sees to it that what the kernel has arrives.
 * When there are too many the oldest is closed. */
void linger_close(struct lingerers *linger, int fd);
/* Reads, and closes what is over. Returns `timeout` (milliseconds, negative: any time), or less when it wants
 * to be called before. */
int linger_turn(struct lingerers *linger, int timeout);
void linger_done(struct lingerers *linger);

/* How many sockets all workers hold. Any thread. */
unsigned linger_held(void);

#endif
