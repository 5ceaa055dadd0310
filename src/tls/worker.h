/* What the transports of one worker thread share: buffers that a connection uses while it is handled, and no
 * longer. Made when a thread first asks, freed when it ends. */
#ifndef MTLSD_TLS_WORKER_H
#define MTLSD_TLS_WORKER_H

#include "base/base.h"
#include "tls/linger.h"

enum {
    WORKER_INPUT = 32 * 1024,
    RECORD_PLAIN = 16384, /* RFC 8446 section 5.1: most plaintext in a record */
    RECORD_SLACK =
        512, /* header, padding, tag; RFC 5246 section 6.2.3 allows 1024 + 1024, no suite needs it */
    BATCH_RECORDS = 8, /* full records in a batch */
    BATCH_PLAIN = BATCH_RECORDS * RECORD_PLAIN,
    /* Room for a key update before each record (RFC 8446 section 4.6.3), and for a head of its own. */
    WORKER_OUTPUT = (BATCH_RECORDS + 1) * (RECORD_PLAIN + 2 * RECORD_SLACK),
};

/* Of a connection that waits for its next request: memory that can be given back to the system, because
 * nothing is in it. Embedded; {0} is not in a list. */
struct worker_rest {
    struct worker_rest *next, *prev;
    uint64_t since_ms; /* clock_mono_ms() */
    uint8_t *memory;
    size_t size;
};

enum { WORKER_BLOCKS = 4 };

struct worker {
    struct worker_rest resting; /* anchor of a ring, the longest first */
    void *block[WORKER_BLOCKS]; /* see blocks.h; owned */
    unsigned n_blocks;
    struct lingerers linger;
    uint8_t input[WORKER_INPUT];   /* what one read took */
    uint8_t joined[RECORD_PLAIN];  /* plaintext of a response's head and body */
    uint8_t output[WORKER_OUTPUT]; /* ciphertext of a batch */
};

/* The calling thread's; NULL when memory is short. */
struct worker *worker_self(void);
/* The connection waits from now on; after a while without another turn of its own `memory` is emptied. It
 * must be private, anonymous, and hold nothing that anybody reads before writing it, or else zeros. */
void worker_rest(struct worker *worker, struct worker_rest *rest, void *memory, size_t size);
/* It waits no more. Does nothing when it did not. */
static inline void worker_rouse(struct worker_rest *rest)
{
    if (!rest->next)
        return;
    rest->next->prev = rest->prev;
    rest->prev->next = rest->next;
    rest->next = rest->prev = NULL;
}

/* On a worker, before it waits for events: empties what has rested long enough, and has others tidy up.
 * Returns the milliseconds, at most `timeout` (negative: any time), after which there is more of it. */
int worker_before_wait(int timeout);
/* Before the first worker starts: what else shall be called on each of them then. It gets and returns what
 * worker_before_wait does. */
void worker_tidy(int (*tidy)(int timeout));

/* True when the calling thread has one: it is a worker. */
bool worker_here(void);

#endif
