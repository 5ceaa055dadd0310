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

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <string.h>
#include <strings.h>

/* What libcrypto would call in the provider that has X25519, provider-keymgmt(7) and provider-keyexch(7).
 * Around each key that EVP_PKEY_fromdata makes, and each context, it goes through all names that it knows,
 * which is a fifteenth of the derivation itself. */
static struct {
    void *context;
    OSSL_FUNC_keymgmt_new_fn *key_new;
    OSSL_FUNC_keymgmt_import_fn *key_import;
    OSSL_FUNC_keymgmt_free_fn *key_free;
    OSSL_FUNC_keyexch_newctx_fn *exchange_new;
    OSSL_FUNC_keyexch_init_fn *exchange_init;
    OSSL_FUNC_keyexch_set_peer_fn *exchange_peer;
    OSSL_FUNC_keyexch_derive_fn *exchange_derive;
    OSSL_FUNC_keyexch_freectx_fn *exchange_free;
} provider;
static EVP_KEYEXCH *loaded; /* keeps the provider */
static bool prepared;

/* One key holds both: our scalar, and as if it were ours, the peer's point. A derivation looks at the private
 * half of its key and at the public half of the peer's, so that this one can be either; and libcrypto, which
 * computes a public half that is missing, finds one. */
static bool fill(void *key, const uint8_t *scalar, const uint8_t *point)
{
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, (void *)(uintptr_t)scalar, X25519_BYTES),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point, X25519_BYTES),
        OSSL_PARAM_construct_end(),
    };
    return provider.key_import(key, OSSL_KEYMGMT_SELECT_KEYPAIR, params) > 0;
}

static bool exchange(void *context, void *key, uint8_t out[static X25519_BYTES])
{
    size_t len = 0;
    return provider.exchange_init(context, key, NULL) > 0 && provider.exchange_peer(context, key) > 0 &&
           provider.exchange_derive(context, out, &len, X25519_BYTES) > 0 && len == X25519_BYTES;
}

static bool derive(uint8_t out[static X25519_BYTES], const uint8_t scalar[static X25519_BYTES],
                   const uint8_t point[static X25519_BYTES])
{
    void *key = provider.key_new(provider.context);
    void *context = key ? provider.exchange_new(provider.context) : NULL;
    bool good = context && fill(key, scalar, point) && exchange(context, key, out);
    if (context)
        provider.exchange_free(context);
    if (key)
        provider.key_free(key); /* wipes the scalar */
    if (!good)
        ERR_clear_error();
    uint8_t bits = 0; /* not every provider refuses zero */
    for (size_t i = 0; good && i < X25519_BYTES; i++)
        bits |= out[i];
    return bits != 0;
}

/* Of several names, with colons between them. */
static bool is_named(const char *names)
{
    static const char NAME[] = "X25519";
    for (size_t len; *names; names += len + (names[len] != '\0')) {
        len = strcspn(names, ":");
        if (len == sizeof NAME - 1 && strncasecmp(names, NAME, len) == 0)
            return true;
    }
    return false;
}

/* The functions of X25519 for one kind of operation, NULL: none that may be kept. */
static const OSSL_DISPATCH *functions(const OSSL_PROVIDER *from, int operation)
{
    int passing = 0;
    const OSSL_ALGORITHM *algorithm = OSSL_PROVIDER_query_operation(from, operation, &passing);
    while (!passing && algorithm && algorithm->algorithm_names) {
        if (is_named(algorithm->algorithm_names))
            return algorithm->implementation;
        algorithm++;
    }
    return NULL;
}

static bool find_functions(const OSSL_PROVIDER *from)
{
    const OSSL_DISPATCH *key = functions(from, OSSL_OP_KEYMGMT);
    const OSSL_DISPATCH *exchanging = functions(from, OSSL_OP_KEYEXCH);
    for (; key && key->function_id != 0; key++) {
        switch (key->function_id) {
        case OSSL_FUNC_KEYMGMT_NEW:
            provider.key_new = OSSL_FUNC_keymgmt_new(key);
            break;
        case OSSL_FUNC_KEYMGMT_IMPORT:
            provider.key_import = OSSL_FUNC_keymgmt_import(key);
            break;
        case OSSL_FUNC_KEYMGMT_FREE:
            provider.key_free = OSSL_FUNC_keymgmt_free(key);
            break;
        default:
            break;
        }
    }
    for (; exchanging && exchanging->function_id != 0; exchanging++) {
        switch (exchanging->function_id) {
        case OSSL_FUNC_KEYEXCH_NEWCTX:
            provider.exchange_new = OSSL_FUNC_keyexch_newctx(exchanging);
            break;
        case OSSL_FUNC_KEYEXCH_INIT:
            provider.exchange_init = OSSL_FUNC_keyexch_init(exchanging);
            break;
        case OSSL_FUNC_KEYEXCH_SET_PEER:
            provider.exchange_peer = OSSL_FUNC_keyexch_set_peer(exchanging);
            break;
        case OSSL_FUNC_KEYEXCH_DERIVE:
            provider.exchange_derive = OSSL_FUNC_keyexch_derive(exchanging);
            break;
        case OSSL_FUNC_KEYEXCH_FREECTX:
            provider.exchange_free = OSSL_FUNC_keyexch_freectx(exchanging);
            break;
        default:
            break;
        }
    }
    provider.context = OSSL_PROVIDER_get0_provider_ctx(from);
    return provider.key_new && provider.key_import && provider.key_free && provider.exchange_new &&
           provider.exchange_init && provider.exchange_peer && provider.exchange_derive &&
           provider.exchange_free;
}

bool x25519_prepare(void)
{
    static const uint8_t one[X25519_BYTES] = {1}, base[X25519_BYTES] = {9}; /* RFC 7748 section 4.1 */
    uint8_t out[X25519_BYTES];
    if (prepared)
        return true;
    /* The one that libcrypto's configuration chooses. */
    loaded = EVP_KEYEXCH_fetch(NULL, "X25519", NULL);
    prepared = loaded && find_functions(EVP_KEYEXCH_get0_provider(loaded)) && derive(out, one, base);
    if (!prepared) {
        EVP_KEYEXCH_free(loaded);
        loaded = NULL;
        ERR_clear_error();
    }
    return prepared;
}

bool x25519(uint8_t out[static X25519_BYTES], const uint8_t scalar[static X25519_BYTES],
            const uint8_t point[static X25519_BYTES])
{
    return prepared && derive(out, scalar, point);
}

#endif
