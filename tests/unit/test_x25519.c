/* X25519 with libsodium, and as GnuTLS calls it, by nettle's names (tls/preempt.c): the test vectors of RFC
 * 7748 sections 5.2 and 6.1, and points of small order. */
#include "config.h"

#include "suites.h"

#ifdef HAVE_OWN_X25519
#include <nettle/curve25519.h>
#endif

#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "tls/x25519.h"

#ifdef HAVE_OWN_X25519

static const struct {
    const char *scalar, *point, *secret;
} VECTORS[] = {
    {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
     "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
     "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
    /* whose point has the bit set that does not count */
    {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
     "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
     "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
};

static void expect_bytes(const uint8_t bytes[X25519_BYTES], const char *expected)
{
    char text[2 * X25519_BYTES + 1];
    for (size_t i = 0; i < X25519_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    ck_assert_str_eq(text, expected);
}

static void take_bytes(uint8_t bytes[X25519_BYTES], const char *text)
{
    for (size_t i = 0; i < X25519_BYTES; i++) {
        unsigned byte;
        ck_assert_int_eq(sscanf(text + 2 * i, "%2x", &byte), 1);
        bytes[i] = (uint8_t)byte;
    }
}

static const uint8_t BASE[X25519_BYTES] = {9};

/* As long as nobody has prepared it, in this process, nettle does it. */
START_TEST(unprepared)
{
    uint8_t scalar[X25519_BYTES], point[X25519_BYTES], secret[X25519_BYTES] = {0};
    take_bytes(scalar, VECTORS[0].scalar);
    take_bytes(point, VECTORS[0].point);
    ck_assert(!x25519(secret, scalar, point));
    curve25519_mul(secret, scalar, point);
    expect_bytes(secret, VECTORS[0].secret);
    ck_assert(!x25519_key(point, scalar));
    curve25519_mul_g(point, scalar);
    curve25519_mul(secret, scalar, BASE);
    ck_assert_mem_eq(point, secret, X25519_BYTES);
}
END_TEST

static void prepare(void)
{
    ck_assert(x25519_prepare());
}

START_TEST(vectors)
{
    uint8_t scalar[X25519_BYTES], point[X25519_BYTES], secret[X25519_BYTES] = {0};
    take_bytes(scalar, VECTORS[_i].scalar);
    take_bytes(point, VECTORS[_i].point);
    ck_assert(x25519(secret, scalar, point));
    expect_bytes(secret, VECTORS[_i].secret);
    memset(secret, 0, sizeof secret);
    curve25519_mul(secret, scalar, point);
    expect_bytes(secret, VECTORS[_i].secret);
}
END_TEST

/* Each result is the next scalar, each scalar the next point. */
START_TEST(iterated)
{
    uint8_t scalar[X25519_BYTES] = {9}, point[X25519_BYTES] = {9}, secret[X25519_BYTES];
    for (int i = 1; i <= 1000; i++) {
        curve25519_mul(secret, scalar, point);
        memcpy(point, scalar, sizeof point);
        memcpy(scalar, secret, sizeof scalar);
        if (i == 1)
            expect_bytes(secret, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
        if (i == 1000)
            expect_bytes(secret, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
    }
}
END_TEST

/* Zero, which GnuTLS refuses (RFC 8446 section 7.4.2). */
START_TEST(small_order)
{
    static const uint8_t ZERO[X25519_BYTES];
    uint8_t scalar[X25519_BYTES], point[X25519_BYTES] = {(uint8_t)_i}, secret[X25519_BYTES];
    take_bytes(scalar, VECTORS[0].scalar);
    ck_assert(!x25519(secret, scalar, point));
    memset(secret, 1, sizeof secret);
    curve25519_mul(secret, scalar, point);
    ck_assert_mem_eq(secret, ZERO, sizeof secret);
}
END_TEST

static const struct {
    const char *scalar, *key;
} KEYS[] = {
    {"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
     "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"},
    {"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
     "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"},
};

START_TEST(keys)
{
    uint8_t scalar[X25519_BYTES], key[X25519_BYTES] = {0};
    take_bytes(scalar, KEYS[_i].scalar);
    curve25519_mul_g(key, scalar);
    expect_bytes(key, KEYS[_i].key);
    memset(key, 0, sizeof key);
    ck_assert(x25519_key(key, scalar));
    expect_bytes(key, KEYS[_i].key);
}
END_TEST

/* Each key is the next scalar; the base point multiplied as any other must give the same. */
START_TEST(many_keys)
{
    uint8_t scalar[X25519_BYTES] = {9}, key[X25519_BYTES], product[X25519_BYTES];
    for (int i = 0; i < 2000; i++) {
        curve25519_mul_g(key, scalar);
        ck_assert(x25519(product, scalar, BASE));
        ck_assert_mem_eq(key, product, sizeof key);
        memcpy(scalar, key, sizeof scalar);
    }
}
END_TEST

/* libsodium refuses a scalar of zeros, which stands for 2^254: it is nettle's to answer. */
START_TEST(no_key)
{
    uint8_t scalar[X25519_BYTES] = {0}, key[X25519_BYTES];
    ck_assert(!x25519_key(key, scalar));
    memset(key, 1, sizeof key);
    curve25519_mul_g(key, scalar);
    ck_assert(x25519(scalar, scalar, BASE));
    ck_assert_mem_eq(key, scalar, sizeof key);
}
END_TEST

#else

START_TEST(absent)
{
    uint8_t out[X25519_BYTES], nine[X25519_BYTES] = {9};
    ck_assert(!x25519_prepare());
    ck_assert(!x25519(out, nine, nine) && !x25519_key(out, nine));
    ck_assert_ptr_null(x25519_library());
}
END_TEST

#endif

Suite *suite_x25519(void)
{
    Suite *suite = suite_create("x25519");
#ifdef HAVE_OWN_X25519
    TCase *tc = tcase_create("unprepared"); /* first: without forks what is prepared stays so */
    tcase_add_test(tc, unprepared);
    suite_add_tcase(suite, tc);
    tc = tcase_create("prepared");
    tcase_add_checked_fixture(tc, prepare, NULL);
    tcase_add_loop_test(tc, vectors, 0, (int)ARRAY_LEN(VECTORS));
    tcase_add_test(tc, iterated);
    tcase_add_loop_test(tc, keys, 0, (int)ARRAY_LEN(KEYS));
    tcase_add_test(tc, many_keys);
    tcase_add_test(tc, no_key);
    tcase_add_loop_test(tc, small_order, 0, 2);
#else
    TCase *tc = tcase_create("absent");
    tcase_add_test(tc, absent);
#endif
    suite_add_tcase(suite, tc);
    return suite;
}
