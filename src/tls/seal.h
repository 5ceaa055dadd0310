/* Full records of TLS 1.3 with AES-GCM (RFC 8446 section 5.2), sealed by libipsec-mb in a quarter of the time
 * that GnuTLS needs, where the processor has AES for 512 bits at once (VAES and AVX-512): half of what a long
 * body costs is this. GnuTLS makes the keys, counts the records (gnutls_record_get_state,
 * gnutls_record_set_state), and seals all else. */
#ifndef MTLSD_TLS_SEAL_H
#define MTLSD_TLS_SEAL_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

enum {
    SEAL_PLAIN = 16384,                    /* RFC 8446 section 5.1: most plaintext in a record */
    SEAL_RECORD = 5 + SEAL_PLAIN + 1 + 16, /* header, the plaintext, its type, the tag */
};

/* Has the library made ready; takes two milliseconds, which a start need not wait for, and may come while
 * other threads use the functions below. False: they never do anything, because the program was built without
 * it, the processor has not both, GnuTLS is in FIPS mode, or there is no memory. */
bool seal_prepare(void);

/* The library's name and version; NULL: the program was built without it. */
const char *seal_library(void);

/* The schedule of one key at a time: a worker's, used by its thread alone. */
struct sealer;

/* NULL: no memory, and GnuTLS seals all. */
struct sealer *seal_new(void);
/* Wipes it. NULL is fine. */
void seal_free(struct sealer *sealer);

/* The next record of the session: application data of SEAL_PLAIN bytes. The caller knows what GnuTLS would
 * see to: that the peer takes records of that size, that no key update of its is to be answered first, and
 * that the session is neither broken nor closed. False, and nothing has happened: GnuTLS is to do it, for
 * another version or cipher, shortly before it changes the key (section 5.5), or because seal_prepare has not
 * returned true. */
MUST_CHECK bool seal_record(struct sealer *sealer, gnutls_session_t session,
                            const uint8_t plain[static SEAL_PLAIN], uint8_t record[static SEAL_RECORD]);

/* Wipes the key if it is this session's, which is about to end. */
void seal_forget(struct sealer *sealer, gnutls_session_t session);

#endif
