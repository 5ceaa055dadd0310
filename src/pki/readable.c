#include "pki/readable.h"

bool readable_der(const gnutls_datum_t *der)
{
    gnutls_pcert_st pcert;
    int rc = gnutls_pcert_import_x509_raw(&pcert, der, GNUTLS_X509_FMT_DER, 0);
    if (rc >= 0)
        gnutls_pcert_deinit(&pcert);
    return rc >= 0 || rc == GNUTLS_E_MEMORY_ERROR;
}

/* Kinds of names that everybody has. */
static bool names_common(const struct cert *cert)
{
    struct der names = cert_alt_names(cert), value;
    unsigned type;
    while (cert_general_name(&names, &type, &value))
        if (type != NAME_DNS && type != NAME_EMAIL && type != NAME_URI && type != NAME_IP)
            return false;
    return names.n == 0;
}

/* A key on a curve has its whole point, as the length tells: of half a point GnuTLS makes nothing. */
static bool key_common(const struct cert *cert)
{
    switch (cert->curve) {
    case GNUTLS_ECC_CURVE_SECP256R1:
        return cert->spki.n == 91;
    case GNUTLS_ECC_CURVE_SECP384R1:
        return cert->spki.n == 120;
    case GNUTLS_ECC_CURVE_SECP521R1:
        return cert->spki.n == 158;
    case GNUTLS_ECC_CURVE_ED25519:
        return true;
    default:
        return cert->pk == GNUTLS_PK_RSA;
    }
}

bool readable_surely(const struct cert *cert)
{
    return cert->version == 3 && cert->n_problems == 0 && !cert->odd_oid && cert->key_good &&
           key_common(cert) && !cert->ext[EXT_ISSUER_ALT_NAME].present && names_common(cert);
}

bool readable_cert(const struct cert *cert)
{
    return readable_surely(cert) || readable_der(&(gnutls_datum_t){(unsigned char *)(uintptr_t)cert->whole.p,
                                                                   (unsigned)cert->whole.n});
}
