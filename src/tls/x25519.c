#include "config.h"

#include "tls/x25519.h"

#ifndef HAVE_LIBCRYPTO

bool x25519_prepare(void)
{
    return false;
}

bool x25519(uint8_t out[static X25519_BYTES], const uint8_t scalar[static X25519_BYTES],
            const uint8_t point[static X25519_BYTES])
{
    (void)out, (void)scalar, (void)point;
    return false;
}

#else

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>

static pthread_key_t own_maker; /* of a thread: an EVP_PKEY_CTX */
static bool prepared;

static void free_maker(void *maker)
{
    EVP_PKEY_CTX_free(maker);
}

/* What keys are made with, the thread's own: to set one up, libcrypto looks through all names that it knows.
 * NULL: memory is short, or there is no such algorithm. */
static EVP_PKEY_CTX *maker_here(void)
{
    EVP_PKEY_CTX *maker = pthread_getspecific(own_maker);
    if (maker)
        return maker;
    maker = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
    if (maker && EVP_PKEY_fromdata_init(maker) > 0 && pthread_setspecific(own_maker, maker) == 0)
        return maker;
    EVP_PKEY_CTX_free(maker);
    return NULL;
}

/* One key holds both: our scalar, and as if it were ours, the peer's point. A derivation looks at the private
 * half of its key and at the public half of the peer's, so that this one can be either; and libcrypto, which
 * computes a public half that is missing, finds one. */
static EVP_PKEY *make_key(const uint8_t *scalar, const uint8_t *point)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, (void *)(uintptr_t)scalar, X25519_BYTES),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point, X25519_BYTES),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *maker = maker_here();
    return maker && EVP_PKEY_fromdata(maker, &key, EVP_PKEY_KEYPAIR, params) > 0 ? key : NULL;
}

static bool derive(uint8_t out[static X25519_BYTES], const uint8_t scalar[static X25519_BYTES],
                   const uint8_t point[static X25519_BYTES])
{
    size_t len = X25519_BYTES;
    EVP_PKEY *key = make_key(scalar, point);
    EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    bool good = context && EVP_PKEY_derive_init(context) > 0 &&
                EVP_PKEY_derive_set_peer_ex(context, key, 0) > 0 && EVP_PKEY_derive(context, out, &len) > 0 &&
                len == X25519_BYTES;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key); /* wipes the scalar */
    if (!good)
        ERR_clear_error();
    uint8_t bits = 0; /* not every provider refuses zero */
    for (size_t i = 0; good && i < X25519_BYTES; i++)
        bits |= out[i];
    return bits != 0;
}

bool x25519_prepare(void)
{
    static const uint8_t one[X25519_BYTES] = {1}, base[X25519_BYTES] = {9}; /* RFC 7748 section 4.1 */
    uint8_t out[X25519_BYTES];
    if (prepared || pthread_key_create(&own_maker, free_maker) != 0)
        return prepared;
    prepared = derive(out, one, base);
    if (!prepared)
        pthread_key_delete(own_maker);
    return prepared;
}

bool x25519(uint8_t out[static X25519_BYTES], const uint8_t scalar[static X25519_BYTES],
            const uint8_t point[static X25519_BYTES])
{
    return prepared && derive(out, scalar, point);
}

#endif
