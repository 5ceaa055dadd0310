#include "config.h"

#include "tls/ecdsa.h"

#ifndef HAVE_OWN_ECDSA

bool ecdsa_prepare(void)
{
    return false;
}

enum ecdsa_answer ecdsa_check(const struct ecc_point *key, size_t len, const uint8_t *digest,
                              const struct dsa_signature *signature)
{
    (void)key, (void)len, (void)digest, (void)signature;
    return ECDSA_UNKNOWN;
}

#else

#include <nettle/dsa.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

enum { MOST = 66, MOST_POINT = 1 + 2 * MOST, MOST_DER = 2 * MOST + 16 }; /* P-521 */

/* Not P-384, for which nettle needs two thirds of the time of OpenSSL 3.0 and 3.5. */
static const struct curve {
    const struct ecc_curve *(*nettle)(void);
    const char *name;
    size_t size; /* bytes of a number */
} CURVES[] = {
    {nettle_get_secp_256r1, "P-256", 32},
    {nettle_get_secp_521r1, "P-521", 66},
};

enum { NUM_CURVES = ARRAY_LEN(CURVES) };

/* A key of each curve, to be copied; NULL: not with this one. Written by ecdsa_prepare alone. */
static EVP_PKEY *model[NUM_CURVES];
static pthread_key_t own_keys; /* of a thread: a struct keys */
static bool prepared;

struct keys {
    EVP_PKEY *key[NUM_CURVES];
    EVP_PKEY_CTX *context[NUM_CURVES]; /* of that key, whatever point is in it */
};

/* That verifies with the key's point, also when it is another one by then. NULL: it cannot be had. */
static EVP_PKEY_CTX *context_of(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (context && EVP_PKEY_verify_init(context) > 0)
        return context;
    EVP_PKEY_CTX_free(context);
    return NULL;
}

static bool put_number(unsigned char *out, size_t size, const mpz_t number)
{
    if (mpz_sgn(number) < 0 || mpz_sizeinbase(number, 2) > 8 * size)
        return false;
    size_t used = (mpz_sgn(number) == 0 ? 0 : mpz_sizeinbase(number, 2) + 7) / 8;
    const mp_limb_t *limb = mpz_limbs_read(number);
    memset(out, 0, size - used);
    for (size_t i = 0; i < used; i++)
        out[size - 1 - i] = (unsigned char)(limb[i / sizeof *limb] >> 8 * (i % sizeof *limb));
    return true;
}

/* SEC 1 section 2.3.3, uncompressed. */
static bool put_point(unsigned char *out, size_t size, const struct ecc_point *point)
{
    mpz_t x, y;
    mpz_init(x);
    mpz_init(y);
    ecc_point_get(point, x, y);
    out[0] = 4;
    bool good = put_number(out + 1, size, x) && put_number(out + 1 + size, size, y);
    mpz_clear(x);
    mpz_clear(y);
    return good;
}

/* INTEGER, of a number that is above 0. The end of it; NULL: there is none. */
static unsigned char *put_integer(unsigned char *out, size_t size, const mpz_t number)
{
    unsigned char bytes[1 + MOST] = {0};
    const unsigned char *from = bytes;
    if (mpz_sgn(number) <= 0 || !put_number(bytes + 1, size, number))
        return NULL;
    while (from[0] == 0 && from[1] < 0x80)
        from++;
    size_t len = (size_t)(bytes + 1 + size - from);
    *out++ = 2;
    *out++ = (unsigned char)len;
    memcpy(out, from, len);
    return out + len;
}

/* Ecdsa-Sig-Value (RFC 3279 section 2.2.3) into the buffer, in DER; its length, 0: not a signature. */
static size_t put_signature(unsigned char out[static MOST_DER], size_t size, const struct dsa_signature *from)
{
    unsigned char pair[2 * (MOST + 3)], *end = put_integer(pair, size, from->r);
    end = end ? put_integer(end, size, from->s) : NULL;
    if (!end)
        return 0;
    size_t len = (size_t)(end - pair), at = 0;
    out[at++] = 0x30;
    if (len >= 0x80)
        out[at++] = 0x81;
    out[at++] = (unsigned char)len;
    memcpy(out + at, pair, len);
    return at + len;
}

static enum ecdsa_answer check(EVP_PKEY *key, EVP_PKEY_CTX *context, const struct curve *curve,
                               const struct ecc_point *point, size_t len, const uint8_t *digest,
                               const struct dsa_signature *signature)
{
    unsigned char encoded[MOST_POINT], der[MOST_DER];
    size_t size = put_signature(der, curve->size, signature);
    if (size == 0 || !put_point(encoded, curve->size, point) ||
        EVP_PKEY_set1_encoded_public_key(key, encoded, 1 + 2 * curve->size) <= 0) /* is it on the curve? */
        return ECDSA_UNKNOWN;
    int rc = EVP_PKEY_verify(context, der, size, digest, len);
    return rc == 1 ? ECDSA_VALID : rc == 0 ? ECDSA_REFUSED : ECDSA_UNKNOWN;
}

static void free_keys(void *value)
{
    struct keys *keys = value;
    for (size_t i = 0; i < NUM_CURVES; i++) {
        EVP_PKEY_CTX_free(keys->context[i]);
        EVP_PKEY_free(keys->key[i]);
    }
    free(keys);
}

/* The thread's own, in which it may put other points, with its context. NULL: memory is short. */
static struct keys *keys_here(size_t curve)
{
    struct keys *keys = pthread_getspecific(own_keys);
    if (!keys) {
        keys = calloc(1, sizeof *keys);
        if (!keys || pthread_setspecific(own_keys, keys) != 0) {
            free(keys);
            return NULL;
        }
    }
    if (!keys->key[curve])
        keys->key[curve] = EVP_PKEY_dup(model[curve]);
    if (keys->key[curve] && !keys->context[curve])
        keys->context[curve] = context_of(keys->key[curve]);
    return keys->context[curve] ? keys : NULL;
}

enum ecdsa_answer ecdsa_check(const struct ecc_point *key, size_t len, const uint8_t *digest,
                              const struct dsa_signature *signature)
{
    if (!prepared)
        return ECDSA_UNKNOWN;
    size_t i = 0;
    while (i < NUM_CURVES && CURVES[i].nettle() != key->ecc)
        i++;
    const struct keys *own = i < NUM_CURVES && model[i] ? keys_here(i) : NULL;
    enum ecdsa_answer answer =
        own ? check(own->key[i], own->context[i], &CURVES[i], key, len, digest, signature) : ECDSA_UNKNOWN;
    if (answer != ECDSA_VALID)
        ERR_clear_error();
    return answer;
}

/* --- the models --- */

/* The curve alone, no point. */
static EVP_PKEY *model_of(const struct curve *curve)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)curve->name, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (!context || EVP_PKEY_fromdata_init(context) <= 0 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEY_PARAMETERS, params) <= 0)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    return key;
}

/* Once is enough, since the functions are the same for each curve, and what one should not work with after
 * all is nettle's. With the secret 1 the public half is the generator, and with the nonce 1 so is the nonce's
 * point: the signature of the hash 1 is its x, and one more. */
static bool works(EVP_PKEY *key, const struct curve *curve)
{
    static const uint8_t digest[32] = {[31] = 1};
    struct ecc_point generator;
    struct ecc_scalar one;
    struct dsa_signature signature;
    mpz_t y;
    mpz_init_set_ui(y, 1);
    ecc_point_init(&generator, curve->nettle());
    ecc_scalar_init(&one, curve->nettle());
    dsa_signature_init(&signature);
    EVP_PKEY_CTX *context = context_of(key);
    bool good = context && ecc_scalar_set(&one, y);
    if (good) {
        ecc_point_mul_g(&generator, &one);
        ecc_point_get(&generator, signature.r, y);
        mpz_add_ui(signature.s, signature.r, 1);
        good = check(key, context, curve, &generator, sizeof digest, digest, &signature) == ECDSA_VALID;
    }
    EVP_PKEY_CTX_free(context);
    dsa_signature_clear(&signature);
    ecc_scalar_clear(&one);
    ecc_point_clear(&generator);
    mpz_clear(y);
    return good;
}

static void unprepare(void)
{
    pthread_key_delete(own_keys);
    for (size_t i = 0; i < NUM_CURVES; i++) {
        EVP_PKEY_free(model[i]);
        model[i] = NULL;
    }
}

bool ecdsa_prepare(void)
{
    if (prepared || pthread_key_create(&own_keys, free_keys) != 0)
        return prepared;
    for (size_t i = 0; i < NUM_CURVES; i++) {
        model[i] = model_of(&CURVES[i]);
        EVP_PKEY *copy = model[i] && !prepared ? EVP_PKEY_dup(model[i]) : NULL; /* the model gets no point */
        prepared = prepared || (copy && works(copy, &CURVES[i]));
        EVP_PKEY_free(copy);
    }
    if (!prepared)
        unprepare();
    ERR_clear_error();
    return prepared;
}

#endif
