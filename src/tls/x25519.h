/* X25519 (RFC 7748) with OpenSSL's libcrypto, which needs two thirds of the time of nettle, GnuTLS's library:
 * next to the signature the dearest part of a full handshake, and the dearest of a resumed one. preempt.c
 * puts it in nettle's place. */
#ifndef MTLSD_TLS_X25519_H
#define MTLSD_TLS_X25519_H

#include <stdbool.h>
#include <stdint.h>

enum { X25519_BYTES = 32 };

/* Has libcrypto read its configuration and find its functions, which it does only once: for before a sandbox
 * keeps it from that, and before there are threads. False: x25519() never works, because the program was
 * built without libcrypto, or libcrypto's configuration leaves X25519 out. */
bool x25519_prepare(void);

/* The u-coordinate of scalar * point, both as RFC 7748 section 5 writes them, in constant time. Any thread.
 * False, and `out` is undefined: the result is zero (a point of small order, section 6.1), memory is short,
 * or x25519_prepare() has not returned true. */
bool x25519(uint8_t out[static X25519_BYTES], const uint8_t scalar[static X25519_BYTES],
            const uint8_t point[static X25519_BYTES]);

#endif
