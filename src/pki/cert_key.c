/* Public keys and signatures of certificates. */
#include "pki/cert_impl.h"

/* Bits of an unsigned INTEGER. */
static unsigned integer_bits(const struct der *v)
{
    size_t i = 0;
    while (i < v->n && v->p[i] == 0)
        i++;
    if (i == v->n)
        return 0;
    unsigned bits = (unsigned)(v->n - i) * 8;
    for (unsigned char top = v->p[i]; (top & 0x80) == 0; top = (unsigned char)(top << 1))
        bits--;
    return bits;
}

void cert_parse_key(struct cert *cert, struct der spki)
{
    struct der algorithm, oid, v, bits, key, modulus, exponent;
    char text[64];
    bool ok = der_take(&spki, DER_SEQUENCE, &algorithm) && der_take(&algorithm, DER_OID, &oid) &&
              der_oid_text(&oid, text, sizeof(text)) && der_take(&spki, DER_BIT_STRING, &bits) &&
              spki.n == 0 && bits.n > 1 && bits.p[0] == 0;
    if (!ok) {
        cert_add_problem(cert, "the public key is malformed", NULL, NULL, false);
        return;
    }
    cert->pk = gnutls_oid_to_pk(text);
    bits.p++;
    bits.n--;
    switch (cert->pk) {
    case GNUTLS_PK_RSA:
    case GNUTLS_PK_RSA_PSS:
        ok = der_take(&bits, DER_SEQUENCE, &key) && bits.n == 0 && der_take(&key, DER_INTEGER, &modulus) &&
             der_take(&key, DER_INTEGER, &exponent) && key.n == 0 && modulus.n > 0 && exponent.n > 0;
        if (!ok)
            break;
        cert->modulus_bits = integer_bits(&modulus);
        cert->exponent_bits = integer_bits(&exponent);
        ok = (modulus.p[0] & 0x80) == 0;
        if (ok)
            cert->key_bits = cert->modulus_bits;
        ok = ok && (modulus.p[modulus.n - 1] & 1) != 0 && (exponent.p[0] & 0x80) == 0 &&
             cert->exponent_bits >= 2 && (exponent.p[exponent.n - 1] & 1) != 0;
        break;
    case GNUTLS_PK_ECDSA:
        if (der_next_is(&algorithm, DER_OID) && der_take(&algorithm, DER_OID, &v) && algorithm.n == 0 &&
            der_oid_text(&v, text, sizeof(text)))
            cert->curve = gnutls_oid_to_ecc_curve(text);
        else
            cert_add_problem(cert, "the public key describes its curve instead of naming it",
                             "a named curve (RFC 5480 section 2.1.1)", NULL, false);
        break;
    case GNUTLS_PK_EDDSA_ED25519:
    case GNUTLS_PK_ECDH_X25519:
        cert->curve =
            cert->pk == GNUTLS_PK_EDDSA_ED25519 ? GNUTLS_ECC_CURVE_ED25519 : GNUTLS_ECC_CURVE_X25519;
        ok = bits.n == 32 && algorithm.n == 0;
        break;
    case GNUTLS_PK_EDDSA_ED448:
    case GNUTLS_PK_ECDH_X448:
        cert->curve = cert->pk == GNUTLS_PK_EDDSA_ED448 ? GNUTLS_ECC_CURVE_ED448 : GNUTLS_ECC_CURVE_X448;
        ok = bits.n == 57 || (cert->pk == GNUTLS_PK_ECDH_X448 && bits.n == 56);
        break;
    case GNUTLS_PK_DSA:
        if (der_take(&algorithm, DER_SEQUENCE, &key) && der_take(&key, DER_INTEGER, &modulus))
            cert->key_bits = cert->modulus_bits = integer_bits(&modulus);
        break;
    default:
        break;
    }
    if (cert->curve != GNUTLS_ECC_CURVE_INVALID) {
        int size = gnutls_ecc_curve_get_size(cert->curve);
        cert->key_bits = (unsigned)(size > 0 ? size : 0) * 8;
        if (cert->curve == GNUTLS_ECC_CURVE_SECP521R1)
            cert->key_bits = 521;
    }
    cert->key_good = ok;
    if (!ok)
        cert_add_problem(cert, "the public key is malformed", NULL, NULL, false);
}

/* RSASSA-PSS keeps its hash in the parameters (RFC 4055 section 3.1). */
static gnutls_sign_algorithm_t pss_algorithm(struct der algorithm)
{
    static const unsigned char sha2[] = {0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2};
    struct der parameters, tagged, hash, oid;
    if (!der_take(&algorithm, DER_SEQUENCE, &parameters) ||
        !der_take(&parameters, DER_CONTEXT_C(0), &tagged) || !der_take(&tagged, DER_SEQUENCE, &hash) ||
        !der_take(&hash, DER_OID, &oid) || oid.n != sizeof(sha2) + 1 ||
        memcmp(oid.p, sha2, sizeof(sha2)) != 0)
        return GNUTLS_SIGN_UNKNOWN;
    switch (oid.p[sizeof(sha2)]) {
    case 1:
        return GNUTLS_SIGN_RSA_PSS_SHA256;
    case 2:
        return GNUTLS_SIGN_RSA_PSS_SHA384;
    case 3:
        return GNUTLS_SIGN_RSA_PSS_SHA512;
    default:
        return GNUTLS_SIGN_UNKNOWN;
    }
}

gnutls_sign_algorithm_t cert_sign_algorithm(struct der algorithm)
{
    struct der oid;
    char text[64];
    if (!der_take(&algorithm, DER_OID, &oid) || !der_oid_text(&oid, text, sizeof(text)))
        return GNUTLS_SIGN_UNKNOWN;
    return strcmp(text, "1.2.840.113549.1.1.10") == 0 ? pss_algorithm(algorithm) : gnutls_oid_to_sign(text);
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

bool cert_signature_holds(gnutls_sign_algorithm_t sign, const struct der *data, const struct der *signature,
                          gnutls_x509_crt_t issuer)
{
    gnutls_datum_t bytes = {(unsigned char *)(uintptr_t)data->p, (unsigned)data->n};
    gnutls_datum_t mark = {(unsigned char *)(uintptr_t)signature->p, (unsigned)signature->n};
    gnutls_pubkey_t key;
    /* gnutls_x509_crt_verify_data2 would ask for today's date and for digitalSignature in a CA. */
    if (sign == GNUTLS_SIGN_UNKNOWN || gnutls_pubkey_init(&key) < 0)
        return false;
    int rc = gnutls_pubkey_import_x509(key, issuer, 0);
    if (rc >= 0)
        rc = gnutls_pubkey_verify_data2(key, sign, GNUTLS_VERIFY_ALLOW_BROKEN, &bytes, &mark);
    gnutls_pubkey_deinit(key);
    return rc >= 0;
}
