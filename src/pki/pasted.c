#include "pki/pasted.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "pki/der.h"
#include "pki/x509file_impl.h"

/* --- keys ----------------------------------------------------------------------------------------------- */

static const char KEY_WORDS[] =
    "A private key was sent. It was refused unread, and nothing of it was logged or stored. But it has left the "
    "place where it belongs: if others can see this connection, this screen or the clipboard, treat it as "
    "exposed, have its certificate revoked and make a new key. Send the certificate alone, from BEGIN "
    "CERTIFICATE to END CERTIFICATE.";

static bool has(const void *data, size_t len, const void *what, size_t n)
{
    return memmem(data, len, what, n) != NULL;
}
#define HAS(data, len, text) has(data, len, text, sizeof(text) - 1)

/* Labels of PEM, also where an end is missing; those of OpenPGP and PuTTY; and of a text in UTF-16. */
static bool names_key(const void *data, size_t len)
{
    return HAS(data, len, "PRIVATE KEY-----") || HAS(data, len, "PRIVATE KEY BLOCK-----") ||
           HAS(data, len, "PuTTY-User-Key-File-") || HAS(data, len, "P\0R\0I\0V\0A\0T\0E\0 \0K\0E\0Y\0-");
}

/* PrivateKeyInfo and EncryptedPrivateKeyInfo (RFC 5958), RSAPrivateKey (RFC 8017 appendix A.1.2),
 * ECPrivateKey (RFC 5915), DSA's six numbers. No certificate, CRL or request begins with a number;
 * RSAPublicKey is two. */
static bool is_key(struct der in)
{
    struct der body, first, value;
    unsigned tag;
    if (!der_take(&in, DER_SEQUENCE, &body))
        return false;
    if (der_take(&body, DER_SEQUENCE, &first))
        return der_next_is(&first, DER_OID) && der_take(&body, DER_OCTET_STRING, &value) && body.n == 0;
    if (!der_take(&body, DER_INTEGER, &first) || !der_any(&body, &tag, &value, NULL))
        return false;
    return tag == DER_OCTET_STRING || tag == DER_SEQUENCE || (tag == DER_INTEGER && body.n > 0);
}

/* PFX (RFC 7292): version 3 and a ContentInfo. It is there to hold a key, whether it does or not. */
static bool is_pkcs12(struct der in)
{
    struct der body, version, content;
    return der_take(&in, DER_SEQUENCE, &body) && der_take(&body, DER_INTEGER, &version) && version.n == 1 &&
           version.p[0] == 3 && der_take(&body, DER_SEQUENCE, &content) && der_next_is(&content, DER_OID);
}

static int key_error(struct err *err)
{
    return err_set(err, ERR_DENIED, "%s", KEY_WORDS);
}

static int pkcs12_error(struct err *err)
{
    return err_set(err, ERR_DENIED,
                   "A PKCS#12 file was sent, which is made to hold a private key. It was refused unread, and "
                   "nothing of it was logged or stored; without its password nobody reads it. Send the "
                   "certificate alone: openssl pkcs12 -in FILE -nokeys -out NEW.crt");
}

/* --- certificates --------------------------------------------------------------------------------------- */

static int keep(struct pasted *out, struct der cert, struct err *err)
{
    if (out->n == CHAIN_MOST_READ)
        return err_set(
            err, ERR_RANGE,
            "There are more than %d certificates in it, and no handshake reads more: send your own "
            "and those above it.",
            CHAIN_MOST_READ);
    memcpy(out->bytes + out->len, cert.p, cert.n);
    out->cert[out->n++] = (gnutls_datum_t){out->bytes + out->len, (unsigned)cert.n};
    out->len += cert.n;
    return 0;
}

/* ContentInfo of SignedData (RFC 5652 sections 3 and 5.1), of which the certificates are taken. */
static bool signed_data(struct der in, struct der *certificates)
{
    static const unsigned char SIGNED[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02};
    struct der info, oid, content, data, skipped;
    if (!der_take(&in, DER_SEQUENCE, &info) || !der_take(&info, DER_OID, &oid) || oid.n != sizeof SIGNED ||
        memcmp(oid.p, SIGNED, sizeof SIGNED) != 0 || !der_take(&info, DER_CONTEXT_C(0), &content) ||
        !der_take(&content, DER_SEQUENCE, &data) || !der_take(&data, DER_INTEGER, &skipped) ||
        !der_take(&data, DER_SET, &skipped) || !der_take(&data, DER_SEQUENCE, &skipped))
        return false;
    *certificates = (struct der){0};
    if (der_next_is(&data, DER_CONTEXT_C(0)))
        return der_take(&data, DER_CONTEXT_C(0), certificates);
    return true;
}

/* SEQUENCE { SEQUENCE, SEQUENCE, BIT STRING }: a certificate, a CRL and a request alike. */
static bool is_signed(struct der in, struct der *inner)
{
    struct der body, algorithm, signature;
    return der_take(&in, DER_SEQUENCE, &body) && der_take(&body, DER_SEQUENCE, inner) &&
           der_take(&body, DER_SEQUENCE, &algorithm) && der_take(&body, DER_BIT_STRING, &signature);
}

/* TBSCertList begins with a version, which is optional, and a SEQUENCE, a Name and a time; TBSCertificate has
 * another SEQUENCE, or a number, before that. */
static bool is_crl(struct der in)
{
    struct der list, version, algorithm, issuer;
    if (!is_signed(in, &list))
        return false;
    if (der_next_is(&list, DER_INTEGER) && !der_take(&list, DER_INTEGER, &version))
        return false;
    return der_take(&list, DER_SEQUENCE, &algorithm) && der_take(&list, DER_SEQUENCE, &issuer) &&
           (der_next_is(&list, DER_UTC_TIME) || der_next_is(&list, DER_GENERALIZED_TIME));
}

static int take_pkcs7(struct der certificates, struct pasted *out, struct err *err)
{
    unsigned tag;
    struct der value, whole;
    int rc = 0;
    while (rc == 0 && der_any(&certificates, &tag, &value, &whole))
        if (tag == DER_SEQUENCE)
            rc = keep(out, whole, err);
    return rc;
}

static int take_der(struct der der, struct pasted *out, struct err *err)
{
    struct der certificates, inner;
    const gnutls_datum_t data = {(unsigned char *)(uintptr_t)der.p, (unsigned)der.n};
    if (is_pkcs12(der))
        return pkcs12_error(err);
    if (is_key(der))
        return key_error(err);
    if (signed_data(der, &certificates))
        return take_pkcs7(certificates, out, err);
    if (is_crl(der))
        return 0; /* not a word about any client */
    if (is_signed(der, &inner) && !x509file_is_request(&data))
        return keep(out, der, err);
    return x509file_other_sent(&data, err);
}

/* --- forms ---------------------------------------------------------------------------------------------- */

static bool is_der(const void *data, size_t len)
{
    struct der in = {data, len}, value;
    return der_take(&in, DER_SEQUENCE, &value) && in.n == 0;
}

static const char BEGIN[] = "-----BEGIN ";

static bool has_pem(const void *data, size_t len)
{
    return has(data, len, BEGIN, sizeof BEGIN - 1);
}

enum block { BLOCK_CERTIFICATE, BLOCK_TRUSTED, BLOCK_SKIPPED, BLOCK_PKCS12 };

static enum block block_of(const char *label, size_t len)
{
    static const struct {
        const char *label;
        enum block block;
    } LABELS[] = {
        {"CERTIFICATE", BLOCK_CERTIFICATE},
        {"X509 CERTIFICATE", BLOCK_CERTIFICATE},
        {"PKCS7", BLOCK_CERTIFICATE},
        {"PKCS #7 SIGNED DATA", BLOCK_CERTIFICATE},
        {"CMS", BLOCK_CERTIFICATE},
        {"CERTIFICATE REQUEST", BLOCK_CERTIFICATE}, /* which is then said */
        {"NEW CERTIFICATE REQUEST", BLOCK_CERTIFICATE},
        {"TRUSTED CERTIFICATE", BLOCK_TRUSTED},
        {"PKCS12", BLOCK_PKCS12},
    };
    for (size_t i = 0; i < ARRAY_LEN(LABELS); i++)
        if (strlen(LABELS[i].label) == len && memcmp(LABELS[i].label, label, len) == 0)
            return LABELS[i].block;
    return BLOCK_SKIPPED;
}

/* `text` is what stands between the lines of a block. */
static int take_block(enum block block, const char *text, size_t len, struct pasted *out, struct err *err)
{
    unsigned char *octets = malloc(len + 1);
    if (octets == NULL)
        return err_nomem(err);
    ssize_t n = base64_decode(text, len, octets);
    struct der der = {octets, n > 0 ? (size_t)n : 0}, value, whole;
    unsigned tag;
    /* Behind the certificate OpenSSL says for what it trusts it, which is nothing to anybody else. */
    if (block == BLOCK_TRUSTED && der_any(&(struct der){der.p, der.n}, &tag, &value, &whole))
        der = whole;
    int rc = 0;
    if (block == BLOCK_SKIPPED)
        rc = n > 0 && (is_key(der) || is_pkcs12(der)) ? key_error(err) : 0;
    else if (n < 0)
        rc =
            err_set(err, ERR_SYNTAX,
                    "What was sent cannot be read: between BEGIN and END of a certificate stands what is not "
                    "base64. Copy it anew, whole.");
    else
        rc = take_der(der, out, err);
    explicit_bzero(octets, len + 1);
    free(octets);
    return rc;
}

static int take_pem(const char *data, size_t len, struct pasted *out, struct err *err)
{
    static const char DASHES[] = "-----", END[] = "-----END ";
    const char *p = data, *stop = data + len;
    int rc = 0;
    while (rc == 0 && (p = memmem(p, (size_t)(stop - p), BEGIN, sizeof BEGIN - 1)) != NULL) {
        const char *label = p + sizeof BEGIN - 1;
        const char *text = memmem(label, (size_t)(stop - label), DASHES, sizeof DASHES - 1);
        const char *end = text ? memmem(text, (size_t)(stop - text), END, sizeof END - 1) : NULL;
        const char *next = memmem(label, (size_t)(stop - label), BEGIN, sizeof BEGIN - 1);
        if (!end || (next && next < end))
            return err_set(err, ERR_SYNTAX,
                           "What was sent is cut short: a BEGIN line has no END line. Copy it anew, whole.");
        enum block block = block_of(label, (size_t)(text - label));
        text += sizeof DASHES - 1;
        rc = block == BLOCK_PKCS12 ? pkcs12_error(err)
                                   : take_block(block, text, (size_t)(end - text), out, err);
        p = end;
    }
    return rc;
}

/* A Kubernetes secret and a proxy's header hold base64 of what else would be PEM or DER. */
static int take_base64(const char *data, size_t len, struct pasted *out, struct err *err)
{
    const gnutls_datum_t other = {(unsigned char *)(uintptr_t)data, (unsigned)len};
    unsigned char *octets = malloc(len + 1);
    if (octets == NULL)
        return err_nomem(err);
    ssize_t n = base64_decode(data, len, octets);
    size_t have = n > 0 ? (size_t)n : 0;
    int rc;
    if (is_der(octets, have)) {
        rc = take_der((struct der){octets, have}, out, err);
    } else if (have > 0 && names_key(octets, have)) {
        rc = key_error(err);
    } else if (have > 0 && has_pem(octets, have)) {
        rc = take_pem((const char *)octets, have, out, err);
    } else {
        rc = x509file_other_sent(&other, err);
    }
    explicit_bzero(octets, len + 1);
    free(octets);
    return rc;
}

static int take(const char *data, size_t len, struct pasted *out, struct err *err)
{
    if (is_der(data, len))
        return take_der((struct der){(const unsigned char *)data, len}, out, err);
    if (names_key(data, len))
        return key_error(err);
    return has_pem(data, len) ? take_pem(data, len, out, err) : take_base64(data, len, out, err);
}

int pasted_read(const void *data, size_t len, struct pasted *out, struct err *err)
{
    if (len == 0)
        return err_set(err, ERR_SYNTAX,
                       "Nothing was sent. The body of the request is the certificate, PEM or DER: curl "
                       "--data-binary @client.crt");
    struct pasted pasted = {.bytes = malloc(len)}; /* nothing is longer decoded */
    if (pasted.bytes == NULL)
        return err_nomem(err);
    int rc = take(data, len, &pasted, err);
    if (rc == 0 && pasted.n == 0)
        rc = err_set(err, ERR_SYNTAX,
                     "There is no certificate in what was sent: send your own, from BEGIN CERTIFICATE to END "
                     "CERTIFICATE, and those above it.");
    if (rc == 0)
        *out = pasted;
    else
        pasted_done(&pasted);
    return rc;
}

void pasted_done(struct pasted *pasted)
{
    if (pasted->bytes)
        explicit_bzero(pasted->bytes, pasted->len);
    free(pasted->bytes);
    *pasted = (struct pasted){0};
}
