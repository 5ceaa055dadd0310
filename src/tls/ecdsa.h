/* ECDSA signatures checked with OpenSSL's libcrypto, which needs half the time of nettle, GnuTLS's library,
 * and with a client that is new the larger part of a handshake: one signature of its own, one for each
 * certificate of its chain. preempt.c puts it in nettle's place. What is accepted is what nettle accepts
 * (tests/unit/test_ecdsa.c compares them). */
#ifndef MTLSD_TLS_ECDSA_H
#define MTLSD_TLS_ECDSA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ecc_point;     /* nettle/ecc.h */
struct dsa_signature; /* nettle/dsa.h */

enum ecdsa_answer {
    ECDSA_REFUSED,
    ECDSA_VALID,
    ECDSA_UNKNOWN, /* whoever asks has to find out by other means: see ecdsa_check */
};

/* Has libcrypto find its functions, which it does only once: for before a sandbox keeps it from its
 * configuration, and before there are threads. False: nobody is answered, because the program was built
 * without libcrypto or nettle's headers, or libcrypto's configuration leaves ECDSA out. */
bool ecdsa_prepare(void);

/* Whether `signature` is one of the hash `digest` (SEC 1 section 4.1.4) by the key whose public half is
 * `key`. Any thread; each keeps a key of each curve, which goes with it. ECDSA_UNKNOWN: another curve than
 * P-256 and P-521, numbers that no signature has (negative, zero, longer than the curve's), no memory, or
 * ecdsa_prepare() has not returned true. */
enum ecdsa_answer ecdsa_check(const struct ecc_point *key, size_t len, const uint8_t *digest,
                              const struct dsa_signature *signature);

#endif
