/* What the transports of one worker share: buffers that a connection uses for a turn and no longer, and what
 * is left of connections that are over. Embedded in the worker; used by its thread alone. */
#ifndef MTLSD_TLS_SHARE_H
#define MTLSD_TLS_SHARE_H

#include "base/wheel.h"
#include "tls/linger.h"
#include "tls/seal.h"

enum {
    SHARE_INPUT = 32 * 1024,
    RECORD_PLAIN = SEAL_PLAIN,
    RECORD_SLACK =
        512, /* header, padding, tag; RFC 5246 section 6.2.3 allows 1024 + 1024, no suite needs it */
    BATCH_RECORDS = 8, /* full records in a batch */
    BATCH_PLAIN = BATCH_RECORDS * RECORD_PLAIN,
    /* Room for a key update before each record (RFC 8446 section 4.6.3), and for a head of its own. */
    SHARE_OUTPUT = (BATCH_RECORDS + 1) * (RECORD_PLAIN + 2 * RECORD_SLACK),
};

struct tls_share {
    struct wheel *wheel; /* for the deadlines of connections */
    struct lingerers linger;
    struct sealer *sealer;        /* owned; may be NULL */
    uint8_t input[SHARE_INPUT];   /* what one read took */
    uint8_t joined[RECORD_PLAIN]; /* plaintext of a response's head and body */
    uint8_t output[SHARE_OUTPUT]; /* ciphertext of a batch */
};

void tls_share_init(struct tls_share *share, struct wheel *wheel);
/* Closes what lingers, and wipes the buffers: plaintext went through them. */
void tls_share_done(struct tls_share *share);

#endif
