/* Sockets whose connection is over for its owner, who closes the descriptor at once, while the kernel still
 * has bytes for the peer. A byte that comes after a close, or was never read before it, makes the kernel
 * reset the connection, and the peer may lose the end of its response. So a worker keeps a descriptor of its
 * own for a while and reads what comes (as RFC 9112 section 9.6 advises). */
#ifndef MTLSD_TLS_LINGER_H
#define MTLSD_TLS_LINGER_H

#include "base/wheel.h"

enum { LINGER_MOST = 128 };

/* Embedded. */
struct lingerers {
    struct wheel_timer look; /* while there are any */
    struct wheel *wheel;
    unsigned n;
    struct lingering {
        int fd;
        uint64_t until_ms;
        uint64_t end_ms;   /* when the peer is told that nothing more comes; 0: it was */
        bool resets;       /* when it has acknowledged that */
    } socket[LINGER_MOST]; /* the oldest first */
};

void linger_init(struct lingerers *linger, struct wheel *wheel);
void linger_done(struct lingerers *linger);

/* Whether the kernel has bytes that the peer has not acknowledged, or that nobody has read. */
bool linger_needed(int fd);
/* The connection on `fd` is over, and its owner closes `fd`: sees to it that what the kernel has arrives.
 * When there are too many the oldest is closed. */
void linger_close(struct lingerers *linger, int fd);
/* The same of a peer who is to see a reset, behind all that it was sent: none before it has acknowledged that
 * and the end. */
void linger_reset(struct lingerers *linger, int fd);
/* The same as linger_close after an alert: the peer is told by the end of the stream a tenth of a second
 * later. A browser that sees both together reports the end, and hides the alert; and a peer that waits for
 * the end, as RFC 8446 section 6.2 lets it, need not wait for `patience_ms`, after which it is over. False:
 * there is no descriptor. */
MUST_CHECK bool linger_later(struct lingerers *linger, int fd, uint32_t patience_ms);
/* How many all workers may hold together, but for a few of each, or the descriptors of connections that are
 * over are more than were kept back from those that are open. Any thread. */
void linger_limit(unsigned most);
/* How many sockets all workers hold. Any thread. */
unsigned linger_held(void);

#endif
