/* Public keys of certificates. */
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
        cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, "the public key is malformed", NULL, NULL, 0);
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
            cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE,
                             "the public key describes its curve instead of naming it",
                             "a named curve (RFC 5480 section 2.1.1)", NULL, 0);
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
        ok = (bits.n == 57 || (cert->pk == GNUTLS_PK_ECDH_X448 && bits.n == 56)) && algorithm.n == 0;
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
        cert_add_problem(cert, VERDICT_MALFORMED_CERTIFICATE, "the public key is malformed", NULL, NULL, 0);
}
