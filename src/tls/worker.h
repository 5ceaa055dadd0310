/* What the transports of one worker thread share: buffers that a connection uses while it is handled, and no
 * longer. Made when a thread first asks, freed when it ends. */
#ifndef MTLSD_TLS_WORKER_H
#define MTLSD_TLS_WORKER_H

#include "base/base.h"

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

struct worker {
    uint8_t input[WORKER_INPUT];   /* what one read took */
    uint8_t joined[RECORD_PLAIN];  /* plaintext of a response's head and body */
    uint8_t output[WORKER_OUTPUT]; /* ciphertext of a batch */
};

/* The calling thread's; NULL when memory is short. */
struct worker *worker_self(void);
/* True when the calling thread has one: it is a worker. */
bool worker_here(void);

#endif
