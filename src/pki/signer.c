#include "config.h"

#include "pki/signer.h"

#ifndef HAVE_LIBCRYPTO

gnutls_privkey_t signer_new(gnutls_privkey_t key, bool *sound)
{
    (void)key;
    *sound = false;
    return NULL;
}

const char *signer_library(void)
{
    return NULL;
}

#else

#include <gnutls/crypto.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

/* What a signature of each kind is made with. Contexts are looked up and set up once: a signature works on a
 * copy, which costs little and belongs to one thread. */
static const struct kind {
    gnutls_sign_algorithm_t algorithm;
    int key, padding; /* EVP_PKEY_EC or EVP_PKEY_RSA; RSA_..._PADDING */
    const EVP_MD *(*digest)(
        void); /* what was hashed with, and for the mask of PSS; NULL: libcrypto need not know */
} KINDS[] = {
    {GNUTLS_SIGN_ECDSA_SECP256R1_SHA256, EVP_PKEY_EC, 0, NULL},
    {GNUTLS_SIGN_ECDSA_SECP384R1_SHA384, EVP_PKEY_EC, 0, NULL},
    {GNUTLS_SIGN_ECDSA_SECP521R1_SHA512, EVP_PKEY_EC, 0, NULL},
    {GNUTLS_SIGN_ECDSA_SHA256, EVP_PKEY_EC, 0, NULL},
    {GNUTLS_SIGN_ECDSA_SHA384, EVP_PKEY_EC, 0, NULL},
    {GNUTLS_SIGN_ECDSA_SHA512, EVP_PKEY_EC, 0, NULL},
    /* PKCS#1 v1.5: GnuTLS made the DigestInfo already, and says "raw". */
    {GNUTLS_SIGN_RSA_RAW, EVP_PKEY_RSA, RSA_PKCS1_PADDING, NULL},
    {GNUTLS_SIGN_RSA_PSS_RSAE_SHA256, EVP_PKEY_RSA, RSA_PKCS1_PSS_PADDING, EVP_sha256},
    {GNUTLS_SIGN_RSA_PSS_RSAE_SHA384, EVP_PKEY_RSA, RSA_PKCS1_PSS_PADDING, EVP_sha384},
    {GNUTLS_SIGN_RSA_PSS_RSAE_SHA512, EVP_PKEY_RSA, RSA_PKCS1_PSS_PADDING, EVP_sha512},
};

struct signer {
    gnutls_pk_algorithm_t algorithm;
    int bits;
    size_t most; /* bytes of a signature */
    /* NULL: not for this key; never changed after signer_new. Kinds that are alike have the same. */
    EVP_PKEY_CTX *context[ARRAY_LEN(KINDS)];
};

static const EVP_PKEY_CTX *context_of(const struct signer *signer, gnutls_sign_algorithm_t algorithm)
{
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        if (KINDS[i].algorithm == algorithm)
            return signer->context[i];
    }
    return NULL;
}

static int sign_hash(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *cls, unsigned flags,
                     const gnutls_datum_t *hash, gnutls_datum_t *signature)
{
    (void)key, (void)flags;
    const struct signer *signer = cls;
    const EVP_PKEY_CTX *context = context_of(signer, algorithm);
    if (!context)
        return GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM;
    size_t len = signer->most;
    int rc = GNUTLS_E_MEMORY_ERROR;
    unsigned char *bytes = gnutls_malloc(len);
    EVP_PKEY_CTX *mine = EVP_PKEY_CTX_dup(context);
    if (bytes && mine)
        rc = EVP_PKEY_sign(mine, bytes, &len, hash->data, hash->size) > 0 ? 0 : GNUTLS_E_PK_SIGN_FAILED;
    EVP_PKEY_CTX_free(mine);
    if (rc != 0) {
        gnutls_free(bytes);
        ERR_clear_error();
        return rc;
    }
    *signature = (gnutls_datum_t){bytes, (unsigned)len};
    return 0;
}

static int tell(gnutls_privkey_t key, unsigned flags, void *cls)
{
    (void)key;
    const struct signer *signer = cls;
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO)
        return (int)signer->algorithm;
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS)
        return signer->bits;
    if (!(flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO))
        return -1;
    gnutls_sign_algorithm_t algorithm = GNUTLS_FLAGS_TO_SIGN_ALGO(flags);
    bool pkcs1 = gnutls_sign_supports_pk_algorithm(algorithm, GNUTLS_PK_RSA) &&
                 !gnutls_sign_supports_pk_algorithm(algorithm, GNUTLS_PK_RSA_PSS);
    return context_of(signer, pkcs1 ? GNUTLS_SIGN_RSA_RAW : algorithm) != NULL;
}

/* The first kind that needs such a context. */
static size_t like(size_t kind)
{
    size_t i = 0;
    while (KINDS[i].key != KINDS[kind].key || KINDS[i].padding != KINDS[kind].padding ||
           KINDS[i].digest != KINDS[kind].digest)
        i++;
    return i;
}

static void signer_free(struct signer *signer)
{
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        if (like(i) == i)
            EVP_PKEY_CTX_free(signer->context[i]);
    }
    free(signer);
}

static void deinit(gnutls_privkey_t key, void *cls)
{
    (void)key;
    signer_free(cls);
}

/* --- the copy: from numbers, because libcrypto takes milliseconds to find out what DER holds ------------ */

enum { MOST_NUMBERS = 8, MOST_POINT = 1 + 2 * 66 /* P-521 */ };

static EVP_PKEY *make_key(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (!context || EVP_PKEY_fromdata_init(context) <= 0 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) <= 0)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    return key;
}

/* GnuTLS gives numbers as they are written, libcrypto wants them as the machine has them. */
static OSSL_PARAM number(const char *name, gnutls_datum_t *value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (unsigned i = 0; i < value->size / 2; i++) {
        unsigned char *other = &value->data[value->size - 1 - i], byte = *other;
        *other = value->data[i];
        value->data[i] = byte;
    }
#endif
    return OSSL_PARAM_construct_BN(name, value->data, value->size);
}

static void wipe(gnutls_datum_t *value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (value[i].data)
            gnutls_memset(value[i].data, 0, value[i].size);
        gnutls_free(value[i].data);
    }
}

static EVP_PKEY *copy_rsa(gnutls_privkey_t key)
{
    static const char *const NAMES[MOST_NUMBERS] = {
        OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,         OSSL_PKEY_PARAM_RSA_D,
        OSSL_PKEY_PARAM_RSA_FACTOR1,   OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
    };
    gnutls_datum_t v[MOST_NUMBERS] = {{0}};
    OSSL_PARAM params[MOST_NUMBERS + 1];
    if (gnutls_privkey_export_rsa_raw2(key, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], 0) < 0)
        return NULL;
    for (size_t i = 0; i < MOST_NUMBERS; i++)
        params[i] = number(NAMES[i], &v[i]);
    params[MOST_NUMBERS] = OSSL_PARAM_construct_end();
    EVP_PKEY *copy = make_key("RSA", params);
    wipe(v, MOST_NUMBERS);
    return copy;
}

/* SEC 1 section 2.3.3, uncompressed. False: it does not fit the curve. */
static bool put_point(unsigned char out[static MOST_POINT], size_t size, const gnutls_datum_t *x,
                      const gnutls_datum_t *y)
{
    memset(out, 0, 1 + 2 * size);
    out[0] = 4;
    if (x->size > size || y->size > size)
        return false;
    memcpy(out + 1 + size - x->size, x->data, x->size);
    memcpy(out + 1 + 2 * size - y->size, y->data, y->size);
    return true;
}

/* Takes as long to make as a point. Lives as long as the program. */
static EC_GROUP *p256;
static pthread_once_t group_once = PTHREAD_ONCE_INIT;

static void make_group(void)
{
    p256 = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
}

/* Whether the point is the secret's. P-256 alone, for which libcrypto needs a third of nettle's time. */
static bool is_public_half(const gnutls_datum_t *secret, const unsigned char *point, size_t len)
{
    unsigned char own[MOST_POINT];
    const EC_GROUP *group = pthread_once(&group_once, make_group) == 0 ? p256 : NULL;
    BIGNUM *number = BN_secure_new();
    EC_POINT *made = group ? EC_POINT_new(group) : NULL;
    bool good = number && made && BN_bin2bn(secret->data, (int)secret->size, number) &&
                BN_cmp(number, EC_GROUP_get0_order(group)) < 0;
    if (good) {
        BN_set_flags(number, BN_FLG_CONSTTIME);
        good = EC_POINT_mul(group, made, number, NULL, NULL, NULL) > 0 &&
               EC_POINT_point2oct(group, made, POINT_CONVERSION_UNCOMPRESSED, own, sizeof own, NULL) == len &&
               memcmp(own, point, len) == 0;
    }
    EC_POINT_free(made);
    BN_clear_free(number);
    return good;
}

static EVP_PKEY *copy_ec(gnutls_privkey_t key, bool *sound)
{
    gnutls_ecc_curve_t curve;
    gnutls_datum_t v[3] = {{0}}; /* x, y, the secret */
    if (gnutls_privkey_export_ecc_raw2(key, &curve, &v[0], &v[1], &v[2], GNUTLS_EXPORT_FLAG_NO_LZ) < 0)
        return NULL;
    const char *group = curve == GNUTLS_ECC_CURVE_SECP256R1   ? "P-256"
                        : curve == GNUTLS_ECC_CURVE_SECP384R1 ? "P-384"
                        : curve == GNUTLS_ECC_CURVE_SECP521R1 ? "P-521"
                                                              : NULL;
    unsigned char point[MOST_POINT];
    size_t size = group ? (size_t)gnutls_ecc_curve_get_size(curve) : 0;
    EVP_PKEY *copy = NULL;
    if (group && put_point(point, size, &v[0], &v[1])) {
        *sound = curve == GNUTLS_ECC_CURVE_SECP256R1 && is_public_half(&v[2], point, 1 + 2 * size);
        OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)group, 0),
            OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size),
            number(OSSL_PKEY_PARAM_PRIV_KEY, &v[2]),
            OSSL_PARAM_construct_end(),
        };
        copy = make_key("EC", params);
    }
    wipe(v, ARRAY_LEN(v));
    return copy;
}

/* --- making one --- */

static EVP_PKEY_CTX *context_new(const struct kind *kind, EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool good = context && EVP_PKEY_sign_init(context) > 0;
    if (good && kind->padding != 0)
        good = EVP_PKEY_CTX_set_rsa_padding(context, kind->padding) > 0;
    if (good && kind->digest) /* RFC 8446 section 4.2.3: the salt is as long as the hash */
        good = EVP_PKEY_CTX_set_signature_md(context, kind->digest()) > 0 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) > 0;
    if (good)
        return context;
    EVP_PKEY_CTX_free(context);
    return NULL;
}

static struct signer *fill(EVP_PKEY *key, gnutls_pk_algorithm_t algorithm, unsigned bits)
{
    struct signer *signer = calloc(1, sizeof *signer);
    if (!signer)
        return NULL;
    signer->algorithm = algorithm;
    signer->bits = (int)bits;
    signer->most = (size_t)EVP_PKEY_get_size(key);
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        if (KINDS[i].key != EVP_PKEY_get_base_id(key))
            continue;
        size_t first = like(i);
        /* Holds a reference to the key. */
        signer->context[i] = first < i ? signer->context[first] : context_new(&KINDS[i], key);
        if (!signer->context[i]) {
            signer_free(signer);
            return NULL;
        }
    }
    return signer;
}

gnutls_privkey_t signer_new(gnutls_privkey_t key, bool *sound)
{
    unsigned bits = 0;
    *sound = false;
    int algorithm = gnutls_privkey_get_pk_algorithm(key, &bits);
    if (gnutls_privkey_get_type(key) != GNUTLS_PRIVKEY_X509)
        return NULL;
    EVP_PKEY *copy = algorithm == GNUTLS_PK_ECDSA ? copy_ec(key, sound)
                     : algorithm == GNUTLS_PK_RSA ? copy_rsa(key)
                                                  : NULL;
    struct signer *signer = copy ? fill(copy, (gnutls_pk_algorithm_t)algorithm, bits) : NULL;
    EVP_PKEY_free(copy);
    gnutls_privkey_t made = NULL;
    if (signer && gnutls_privkey_init(&made) >= 0 &&
        gnutls_privkey_import_ext4(made, signer, NULL, sign_hash, NULL, deinit, tell, 0) >= 0)
        return made;
    if (made)
        gnutls_privkey_deinit(made);
    if (signer)
        signer_free(signer);
    ERR_clear_error();
    return NULL;
}

const char *signer_library(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

#endif
