#include "config.h"

#include "tls/x25519.h"

#include <stddef.h>

#ifndef HAVE_OWN_X25519

bool x25519_prepare(void)
{
    return false;
}

const char *x25519_library(void)
{
    return NULL;
}

bool x25519(uint8_t out[static X25519_BYTES], const uint8_t scalar[static X25519_BYTES],
            const uint8_t point[static X25519_BYTES])
{
    (void)out, (void)scalar, (void)point;
    return false;
}

bool x25519_key(uint8_t out[static X25519_BYTES], const uint8_t scalar[static X25519_BYTES])
{
    (void)out, (void)scalar;
    return false;
}

#else

#include <gmp.h>
#include <sodium.h>
#include <string.h>

enum {
    /* Of the stack, wiped: more than libsodium's functions use of it, where they leave copies and digits of
     * the scalar. */
    STACK_BYTES = 4096,
    LIMBS = X25519_BYTES / sizeof(mp_limb_t),
};

static bool prepared; /* written before there are threads */

bool x25519_prepare(void)
{
    if (prepared)
        return true;
    if (sodium_init() < 0)
        return false;
    prepared = true;
    return true;
}

const char *x25519_library(void)
{
    return "libsodium " SODIUM_VERSION_STRING;
}

bool x25519(uint8_t out[static X25519_BYTES], const uint8_t scalar[static X25519_BYTES],
            const uint8_t point[static X25519_BYTES])
{
    if (!prepared)
        return false;
    const int rc = crypto_scalarmult_curve25519(out, scalar, point);
    sodium_stackzero(STACK_BYTES);
    return rc == 0;
}

/* The lowest byte comes first (RFC 7748 section 5), as the lowest limb does, whatever the order of bytes in a
 * limb is. */
static void load(mp_limb_t number[static LIMBS], const uint8_t bytes[static X25519_BYTES])
{
    for (size_t i = 0; i < LIMBS; i++)
        number[i] = 0;
    for (size_t i = 0; i < X25519_BYTES; i++)
        number[i / sizeof *number] |= (mp_limb_t)bytes[i] << 8 * (i % sizeof *number);
}

static void store(uint8_t bytes[static X25519_BYTES], const mp_limb_t number[static LIMBS])
{
    for (size_t i = 0; i < X25519_BYTES; i++)
        bytes[i] = (uint8_t)(number[i / sizeof *number] >> 8 * (i % sizeof *number));
}

/* The inverse of `number` modulo `prime`; 0 < number < 2^255. */
static void invert(mp_limb_t inverse[static LIMBS], const mp_limb_t number[static LIMBS],
                   const mp_limb_t prime[static LIMBS])
{
    mp_limb_t u[LIMBS + 1], v[LIMBS + 1], gcd[LIMBS + 1], cofactor[LIMBS + 1] = {0};
    mp_size_t n = LIMBS;
    (void)mpn_add_n(u, number, prime, LIMBS); /* the same, and as long as the prime */
    mpn_copyi(v, prime, LIMBS);
    (void)mpn_gcdext(gcd, cofactor, &n, u, LIMBS, v, LIMBS); /* u * cofactor + v * something = 1 */
    for (mp_size_t i = n < 0 ? -n : n; i < LIMBS; i++)
        cofactor[i] = 0;
    if (n < 0)
        (void)mpn_sub_n(inverse, prime, cofactor, LIMBS);
    else
        mpn_copyi(inverse, cofactor, LIMBS);
}

/* A point of Ed25519's curve as one of X25519's, which is the same curve in other coordinates (RFC 7748
 * section 4.1): u = (1 + y) / (1 - y). What comes in and goes out is public, and may take a time of its own.
 * With GMP's functions that take no memory, for want of which its others end the process. */
static void to_montgomery(uint8_t point[static X25519_BYTES])
{
    static const uint8_t PRIME[X25519_BYTES] = /* 2^255 - 19 */
        {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
    mp_limb_t prime[LIMBS], y[LIMBS], u[LIMBS], product[2 * LIMBS], quotient[LIMBS + 1];
    point[X25519_BYTES - 1] &= 0x7f; /* the sign of x */
    load(prime, PRIME);
    load(y, point);
    (void)mpn_sub_n(u, prime, y, LIMBS);
    (void)mpn_add_1(u, u, LIMBS, 1); /* 1 - y: never 0, for libsodium does not give the neutral element */
    (void)mpn_add_1(y, y, LIMBS, 1);
    invert(u, u, prime);
    (void)mpn_mul_n(product, u, y, LIMBS);
    mpn_tdiv_qr(quotient, u, 0, product, 2 * LIMBS, prime, LIMBS);
    store(point, u);
}

/* For Ed25519's base point, which is X25519's (RFC 7748 section 4.1), libsodium has a table. Both clamp the
 * scalar in the same way. */
bool x25519_key(uint8_t out[static X25519_BYTES], const uint8_t scalar[static X25519_BYTES])
{
    if (!prepared)
        return false;
    const int rc = crypto_scalarmult_ed25519_base(out, scalar);
    sodium_stackzero(STACK_BYTES);
    if (rc == 0)
        to_montgomery(out);
    return rc == 0;
}

#endif
