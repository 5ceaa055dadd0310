/* Keys, encoded so that everybody reads them. */
#include <string.h>

#include "pki/lab_impl.h"

enum { RSA_BITS = 2048, WEAK_BITS = 1024, P256_OCTETS = 32 };

/* An ECPrivateKey of P-256 (RFC 5915 section 3): version, the number, the curve, the point. */
static const unsigned char BEFORE_NUMBER[] = {0x30, 0x77, 0x02, 0x01, 0x01, 0x04, P256_OCTETS};
static const unsigned char BEFORE_POINT[] = {0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                                             0x03, 0x01, 0x07, 0xa1, 0x44, 0x03, 0x42, 0x00, 0x04};
enum { ENCODED = sizeof BEFORE_NUMBER + P256_OCTETS + sizeof BEFORE_POINT + 2 * P256_OCTETS };

static unsigned char *put(unsigned char *out, const unsigned char *data, size_t len)
{
    memcpy(out, data, len);
    return out + len;
}

/* A number with leading zeros up to its full length. */
static unsigned char *put_number(unsigned char *out, const gnutls_datum_t *number)
{
    const size_t zeros = P256_OCTETS - number->size;
    memset(out, 0, zeros);
    return put(out + zeros, number->data, number->size);
}

static int read_again(gnutls_x509_privkey_t *key, const gnutls_datum_t *x, const gnutls_datum_t *y,
                      const gnutls_datum_t *k)
{
    unsigned char der[ENCODED];
    gnutls_x509_privkey_t exact = NULL;
    if (x->size > P256_OCTETS || y->size > P256_OCTETS || k->size > P256_OCTETS)
        return GNUTLS_E_INVALID_REQUEST;
    unsigned char *p = put_number(put(der, BEFORE_NUMBER, sizeof BEFORE_NUMBER), k);
    put_number(put_number(put(p, BEFORE_POINT, sizeof BEFORE_POINT), x), y);
    const gnutls_datum_t bytes = {der, sizeof der};
    int rc = gnutls_x509_privkey_init(&exact);
    if (rc >= 0)
        rc = gnutls_x509_privkey_import(exact, &bytes, GNUTLS_X509_FMT_DER);
    gnutls_memset(der, 0, sizeof der);
    if (rc < 0) {
        gnutls_x509_privkey_deinit(exact);
        return rc;
    }
    gnutls_x509_privkey_deinit(*key);
    *key = exact;
    return 0;
}

int lab_exact_key(gnutls_x509_privkey_t *key)
{
    gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;
    gnutls_datum_t x = {0}, y = {0}, k = {0};
    int rc = gnutls_x509_privkey_get_pk_algorithm(*key);
    if (rc != GNUTLS_PK_ECDSA)
        return 0;
    gnutls_privkey_t whole = NULL;
    rc = gnutls_privkey_init(&whole);
    if (rc >= 0)
        rc = gnutls_privkey_import_x509(whole, *key, 0);
    if (rc >= 0)
        rc = gnutls_privkey_export_ecc_raw2(whole, &curve, &x, &y, &k, GNUTLS_EXPORT_FLAG_NO_LZ);
    if (rc >= 0)
        rc = curve == GNUTLS_ECC_CURVE_SECP256R1 ? read_again(key, &x, &y, &k) : GNUTLS_E_INVALID_REQUEST;
    gnutls_privkey_deinit(whole);
    if (k.data)
        gnutls_memset(k.data, 0, k.size);
    gnutls_free(x.data);
    gnutls_free(y.data);
    gnutls_free(k.data);
    return rc;
}

int lab_new_key(gnutls_x509_privkey_t *key, enum lab_key kind, bool weak)
{
    if (weak)
        return gnutls_x509_privkey_generate(*key, GNUTLS_PK_RSA, WEAK_BITS, 0);
    if (kind == LAB_KEY_RSA)
        return gnutls_x509_privkey_generate(*key, GNUTLS_PK_RSA, RSA_BITS, 0);
    if (kind == LAB_KEY_ED25519)
        return gnutls_x509_privkey_generate(*key, GNUTLS_PK_EDDSA_ED25519, 0, 0);
    int rc = gnutls_x509_privkey_generate(*key, GNUTLS_PK_ECDSA,
                                          GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    return rc < 0 ? rc : lab_exact_key(key);
}
