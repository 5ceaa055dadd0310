/* X25519 (RFC 7748) with libsodium, which needs half of the time of nettle, GnuTLS's library, for a secret,
 * and three fifths for a key: next to the signature the dearest parts of a full handshake, and the dearest of
 * a resumed one. preempt.c puts it in nettle's place. */
#ifndef MTLSD_TLS_X25519_H
#define MTLSD_TLS_X25519_H

#include <stdbool.h>
#include <stdint.h>

enum { X25519_BYTES = 32 };

/* Has libsodium find out what the processor can do: for before a sandbox, and before there are threads.
 * False: the functions below never work, because the program was built without libsodium. */
bool x25519_prepare(void);

/* The library's name and version; NULL: the program was built without it. */
const char *x25519_library(void);

/* The u-coordinate of scalar * point, both as RFC 7748 section 5 writes them, in constant time; leaves
 * nothing of `scalar`. Any thread. False, and `out` is undefined: the result is zero (a point of small order,
 * section 6.1), or x25519_prepare() has not returned true. */
bool x25519(uint8_t out[static X25519_BYTES], const uint8_t scalar[static X25519_BYTES],
            const uint8_t point[static X25519_BYTES]);

/* The public key of the private one `scalar`, its product with the base point, likewise. Any thread. False,
 * and `out` is undefined: libsodium refuses `scalar`, as it does all zeros, or x25519_prepare() has not
 * returned true. */
bool x25519_key(uint8_t out[static X25519_BYTES], const uint8_t scalar[static X25519_BYTES]);

#endif
