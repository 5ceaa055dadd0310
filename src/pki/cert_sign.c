/* Signatures of certificates and CRLs. */
#include <gnutls/crypto.h>
#include <limits.h>

#include "pki/cert_impl.h"

/* ---- RSASSA-PSS
 * ------------------------------------------------------------------------------------------------------- */

static gnutls_digest_algorithm_t digest_of(struct der algorithm)
{
    struct der oid;
    char text[64];
    if (!der_take(&algorithm, DER_OID, &oid) || !der_oid_text(&oid, text, sizeof(text)))
        return GNUTLS_DIG_UNKNOWN;
    return gnutls_oid_to_digest(text);
}

static bool names_pss(struct der algorithm)
{
    static const unsigned char pss[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10};
    struct der oid;
    return der_take(&algorithm, DER_OID, &oid) && oid.n == sizeof(pss) &&
           memcmp(oid.p, pss, sizeof(pss)) == 0;
}

struct pss {
    gnutls_digest_algorithm_t hash, mask;
    unsigned salt, trailer;
    bool given; /* else all of it is as preset, or left open where it is a key's */
};

/* RSASSA-PSS-params (RFC 4055 section 3.1) behind the OID. */
static bool read_pss(struct der algorithm, struct pss *out)
{
    static const unsigned char mgf1[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8};
    struct der oid, list, tagged, v;
    struct pss pss = {.hash = GNUTLS_DIG_SHA1, .mask = GNUTLS_DIG_SHA1, .salt = 20, .trailer = 1};
    if (!der_take(&algorithm, DER_OID, &oid))
        return false;
    pss.given = algorithm.n > 0;
    if (pss.given && (!der_take(&algorithm, DER_SEQUENCE, &list) || algorithm.n != 0))
        return false;
    if (!pss.given)
        list = (struct der){0};
    if (der_take(&list, DER_CONTEXT_C(0), &tagged)) {
        if (!der_take(&tagged, DER_SEQUENCE, &v) || tagged.n != 0)
            return false;
        pss.hash = digest_of(v);
    }
    if (der_take(&list, DER_CONTEXT_C(1), &tagged)) {
        struct der inner;
        if (!der_take(&tagged, DER_SEQUENCE, &v) || tagged.n != 0 || !der_take(&v, DER_OID, &oid) ||
            oid.n != sizeof(mgf1) || memcmp(oid.p, mgf1, sizeof(mgf1)) != 0 ||
            !der_take(&v, DER_SEQUENCE, &inner) || v.n != 0)
            return false;
        pss.mask = digest_of(inner);
    }
    if (der_take(&list, DER_CONTEXT_C(2), &tagged) &&
        (!der_take(&tagged, DER_INTEGER, &v) || tagged.n != 0 || !der_uint(&v, &pss.salt)))
        return false;
    if (der_take(&list, DER_CONTEXT_C(3), &tagged) &&
        (!der_take(&tagged, DER_INTEGER, &v) || tagged.n != 0 || !der_uint(&v, &pss.trailer)))
        return false;
    *out = pss;
    return list.n == 0 && pss.trailer == 1;
}

/* One hash for both parts: no other is in use, and GnuTLS computes no other. */
static gnutls_sign_algorithm_t pss_algorithm(struct der algorithm)
{
    struct pss pss;
    if (!read_pss(algorithm, &pss) || pss.hash != pss.mask)
        return GNUTLS_SIGN_UNKNOWN;
    switch (pss.hash) {
    case GNUTLS_DIG_SHA256:
        return GNUTLS_SIGN_RSA_PSS_SHA256;
    case GNUTLS_DIG_SHA384:
        return GNUTLS_SIGN_RSA_PSS_SHA384;
    case GNUTLS_DIG_SHA512:
        return GNUTLS_SIGN_RSA_PSS_SHA512;
    default:
        return GNUTLS_SIGN_UNKNOWN;
    }
}

static bool is_pss(gnutls_sign_algorithm_t sign)
{
    return sign == GNUTLS_SIGN_RSA_PSS_SHA256 || sign == GNUTLS_SIGN_RSA_PSS_SHA384 ||
           sign == GNUTLS_SIGN_RSA_PSS_SHA512;
}

/* GnuTLS takes the length of the salt from the key; without one it takes that of the hash. */
static int set_salt(gnutls_pubkey_t key, const struct pss *pss)
{
    gnutls_x509_spki_t spki;
    int rc = gnutls_x509_spki_init(&spki);
    if (rc < 0)
        return rc;
    gnutls_x509_spki_set_rsa_pss_params(spki, pss->hash, pss->salt);
    rc = gnutls_pubkey_set_spki(key, spki, 0);
    gnutls_x509_spki_deinit(spki);
    return rc;
}

/* A key for RSASSA-PSS alone may say with which hash, and the least length of the salt (RFC 4055
 * section 3.3). */
static bool key_allows(struct der spki, const struct pss *pss)
{
    struct der body, algorithm;
    struct pss key;
    if (!der_take(&spki, DER_SEQUENCE, &body) || !der_take(&body, DER_SEQUENCE, &algorithm))
        return false;
    if (names_pss(algorithm) && read_pss(algorithm, &key) && key.given)
        return key.hash == pss->hash && key.mask == pss->mask && pss->salt >= key.salt;
    return true;
}

bool cert_key_signs_tls(const struct der *spki)
{
    struct der in = *spki, body, algorithm;
    struct pss pss;
    if (!der_take(&in, DER_SEQUENCE, &body) || !der_take(&body, DER_SEQUENCE, &algorithm))
        return false;
    if (!names_pss(algorithm))
        return true;
    return read_pss(algorithm, &pss) && (!pss.given || (pss_algorithm(algorithm) != GNUTLS_SIGN_UNKNOWN &&
                                                        pss.salt <= gnutls_hash_get_len(pss.hash)));
}

static bool set_pss(gnutls_pubkey_t key, const struct der *spki, struct der algorithm)
{
    struct der body;
    struct pss pss;
    return der_take(&algorithm, DER_SEQUENCE, &body) && read_pss(body, &pss) && key_allows(*spki, &pss) &&
           set_salt(key, &pss) >= 0;
}

/* ---- Ed448
 * ------------------------------------------------------------------------------------------------------------
 */

/* S is under the order of the group (RFC 8032 section 5.2.7): nettle does not look at the last octet. */
static bool ed448_in_range(const struct der *signature)
{
    static const unsigned char order[57] = {
        0xf3, 0x44, 0x58, 0xab, 0x92, 0xc2, 0x78, 0x23, 0x55, 0x8f, 0xc5, 0x8d, 0x72, 0xc2, 0x6c,
        0x21, 0x90, 0x36, 0xd6, 0xae, 0x49, 0xdb, 0x4e, 0xc4, 0xe9, 0x23, 0xca, 0x7c, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f, 0x00};
    if (signature->n != 114)
        return false;
    const unsigned char *s = signature->p + 57;
    for (size_t i = sizeof(order); i-- > 0;)
        if (s[i] != order[i])
            return s[i] < order[i];
    return false;
}

/* ---- all of them
 * ------------------------------------------------------------------------------------------------------ */

gnutls_sign_algorithm_t cert_sign_algorithm(struct der algorithm)
{
    struct der oid;
    char text[64];
    if (names_pss(algorithm))
        return pss_algorithm(algorithm);
    if (!der_take(&algorithm, DER_OID, &oid) || !der_oid_text(&oid, text, sizeof(text)))
        return GNUTLS_SIGN_UNKNOWN;
    return gnutls_oid_to_sign(text);
}

bool cert_sign_accepted(gnutls_sign_algorithm_t sign)
{
    switch (sign) {
    case GNUTLS_SIGN_RSA_SHA256:
    case GNUTLS_SIGN_RSA_SHA384:
    case GNUTLS_SIGN_RSA_SHA512:
    case GNUTLS_SIGN_RSA_PSS_SHA256:
    case GNUTLS_SIGN_RSA_PSS_SHA384:
    case GNUTLS_SIGN_RSA_PSS_SHA512:
    case GNUTLS_SIGN_ECDSA_SHA256:
    case GNUTLS_SIGN_ECDSA_SHA384:
    case GNUTLS_SIGN_ECDSA_SHA512:
    case GNUTLS_SIGN_EDDSA_ED25519:
    case GNUTLS_SIGN_EDDSA_ED448:
        return true;
    default:
        return false;
    }
}

bool cert_key_signed(const struct der *spki, struct der algorithm, const struct der *data,
                     const struct der *signature)
{
    gnutls_datum_t key_der = {(unsigned char *)(uintptr_t)spki->p, (unsigned)spki->n};
    gnutls_datum_t bytes = {(unsigned char *)(uintptr_t)data->p, (unsigned)data->n};
    gnutls_datum_t mark = {(unsigned char *)(uintptr_t)signature->p, (unsigned)signature->n};
    struct der in = algorithm, body;
    gnutls_pubkey_t key;
    if (!der_take(&in, DER_SEQUENCE, &body))
        return false;
    gnutls_sign_algorithm_t sign = cert_sign_algorithm(body);
    if (sign == GNUTLS_SIGN_UNKNOWN || (sign == GNUTLS_SIGN_EDDSA_ED448 && !ed448_in_range(signature)) ||
        gnutls_pubkey_init(&key) < 0)
        return false;
    bool good = gnutls_pubkey_import(key, &key_der, GNUTLS_X509_FMT_DER) >= 0 &&
                (!is_pss(sign) || set_pss(key, spki, algorithm)) &&
                gnutls_pubkey_verify_data2(key, sign, GNUTLS_VERIFY_ALLOW_BROKEN, &bytes, &mark) >= 0;
    gnutls_pubkey_deinit(key);
    return good;
}

bool cert_key_usable(const struct der *spki)
{
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)spki->p, (unsigned)spki->n};
    gnutls_pubkey_t key;
    if (gnutls_pubkey_init(&key) < 0)
        return false;
    bool good =
        gnutls_pubkey_import(key, &der, GNUTLS_X509_FMT_DER) >= 0 && gnutls_pubkey_verify_params(key) >= 0;
    gnutls_pubkey_deinit(key);
    return good;
}

bool cert_signature_holds(gnutls_sign_algorithm_t sign, const struct der *data, const struct der *signature,
                          gnutls_x509_crt_t issuer)
{
    gnutls_datum_t bytes = {(unsigned char *)(uintptr_t)data->p, (unsigned)data->n};
    gnutls_datum_t mark = {(unsigned char *)(uintptr_t)signature->p, (unsigned)signature->n};
    gnutls_pubkey_t key;
    /* gnutls_x509_crt_verify_data2 would ask for today's date and for digitalSignature in a CA. */
    if (sign == GNUTLS_SIGN_UNKNOWN || (sign == GNUTLS_SIGN_EDDSA_ED448 && !ed448_in_range(signature)) ||
        gnutls_pubkey_init(&key) < 0)
        return false;
    int rc = gnutls_pubkey_import_x509(key, issuer, 0);
    if (rc >= 0)
        rc = gnutls_pubkey_verify_data2(key, sign, GNUTLS_VERIFY_ALLOW_BROKEN, &bytes, &mark);
    gnutls_pubkey_deinit(key);
    return rc >= 0;
}

bool cert_digest_holds(gnutls_sign_algorithm_t sign, struct der algorithm, const unsigned char *digest,
                       size_t n, const struct der *signature, gnutls_x509_crt_t issuer)
{
    gnutls_datum_t hash = {(unsigned char *)(uintptr_t)digest, (unsigned)n};
    gnutls_datum_t mark = {(unsigned char *)(uintptr_t)signature->p, (unsigned)signature->n};
    struct pss pss;
    gnutls_pubkey_t key;
    if (sign == GNUTLS_SIGN_UNKNOWN || gnutls_pubkey_init(&key) < 0)
        return false;
    int rc = gnutls_pubkey_import_x509(key, issuer, 0);
    if (rc >= 0 && is_pss(sign) && gnutls_pubkey_get_pk_algorithm(key, NULL) == GNUTLS_PK_RSA)
        rc =
            read_pss(algorithm, &pss) && pss.salt <= INT_MAX ? set_salt(key, &pss) : GNUTLS_E_INVALID_REQUEST;
    if (rc >= 0)
        rc = gnutls_pubkey_verify_hash2(key, sign, GNUTLS_VERIFY_ALLOW_BROKEN, &hash, &mark);
    gnutls_pubkey_deinit(key);
    return rc >= 0;
}
