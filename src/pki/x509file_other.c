/* What a file holds that nothing here can read, in words with the remedy. */
#include <stdio.h>
#include <string.h>

#include "pki/der.h"
#include "pki/x509file_impl.h"

static bool begins(const gnutls_datum_t *data, const char *magic, size_t n)
{
    return data->size >= n && memcmp(data->data, magic, n) == 0;
}
#define BEGINS(data, magic) begins(data, magic, sizeof(magic) - 1)

static bool is_jks(const gnutls_datum_t *data)
{
    return BEGINS(data, "\xfe\xed\xfe\xed");
}

static bool is_jceks(const gnutls_datum_t *data)
{
    return BEGINS(data, "\xce\xce\xce\xce");
}

/* With a byte order mark, or with a PEM header whose letters have a zero byte between them: that stands in
 * either order of the bytes. */
static bool is_utf16(const gnutls_datum_t *data)
{
    static const char WIDE[] = "-\0-\0-\0-\0-\0B\0E\0G\0I\0N";
    return BEGINS(data, "\xff\xfe") || BEGINS(data, "\xfe\xff") ||
           memmem(data->data, data->size, WIDE, sizeof WIDE - 1) != NULL;
}

/* Its outline: what GnuTLS makes of one costs more than a stranger should be able to ask for. */
bool x509file_is_request(const gnutls_datum_t *data)
{
    struct der in = {data->data, data->size}, whole, body, key, value;
    return der_take(&in, DER_SEQUENCE, &whole) && der_take(&whole, DER_SEQUENCE, &body) &&
           der_take(&body, DER_INTEGER, &value) && der_take(&body, DER_SEQUENCE, &value) &&
           der_take(&body, DER_SEQUENCE, &key) && der_take(&key, DER_SEQUENCE, &value) &&
           der_take(&key, DER_BIT_STRING, &value) && key.n == 0;
}

/* SubjectPublicKeyInfo (RFC 5280 section 4.1) or RSAPublicKey (RFC 8017 appendix A.1.1). */
static bool is_public_key(const gnutls_datum_t *data)
{
    struct der in = {data->data, data->size}, body, first, second;
    if (!der_take(&in, DER_SEQUENCE, &body) || in.n != 0)
        return false;
    if (der_take(&body, DER_SEQUENCE, &first))
        return der_next_is(&first, DER_OID) && der_take(&body, DER_BIT_STRING, &second) && body.n == 0;
    return der_take(&body, DER_INTEGER, &first) && der_take(&body, DER_INTEGER, &second) && body.n == 0;
}

static bool is_ssh_public_key(const gnutls_datum_t *data)
{
    return BEGINS(data, "ssh-rsa ") || BEGINS(data, "ssh-ed25519 ") || BEGINS(data, "ecdsa-sha2-");
}

static bool is_putty_key(const gnutls_datum_t *data)
{
    return BEGINS(data, "PuTTY-User-Key-File-");
}

#define KEYTOOL                                                                                              \
    ": make PKCS#12 of it: keytool -importkeystore -srckeystore FILE -destkeystore NEW.p12 "                 \
    "-deststoretype PKCS12"

#define KEYSTORE_SENT                                                                                        \
    "is a Java key store, which may hold a private key: send the certificate alone, as PEM: keytool "        \
    "-exportcert -rfc -keystore FILE -alias NAME"

static const struct {
    bool (*is)(const gnutls_datum_t *data);
    const char *words;
    const char *sent; /* the rest of the sentence where a certificate alone was asked for; NULL: the same */
} OTHERS[] = {
    {is_jks, "is a Java key store (JKS)" KEYTOOL, KEYSTORE_SENT},
    {is_jceks, "is a Java key store (JCEKS)" KEYTOOL " -srcstoretype JCEKS", KEYSTORE_SENT},
    {is_utf16,
     "is text in UTF-16, which Windows calls Unicode: save it as ANSI or UTF-8, or "
     "iconv -f UTF-16 -t UTF-8 FILE >NEW",
     NULL},
    {x509file_is_request, "holds " X509FILE_A_REQUEST, NULL},
    {is_public_key, "holds " X509FILE_A_PUBLIC_KEY,
     "holds a public key: the certificate holds that already."},
    {is_ssh_public_key,
     "holds OpenSSH's form of a public key: the certificate holds that already; give the private key",
     "holds OpenSSH's form of a public key: the certificate holds that already."},
    {is_putty_key, "holds a key in PuTTY's own form: puttygen FILE -O private-openssh -o NEW converts it",
     NULL},
};

/* Its row, ARRAY_LEN(OTHERS): it is nothing that is known. */
static size_t find_other(const gnutls_datum_t *data)
{
    size_t i = 0;
    while (i < ARRAY_LEN(OTHERS) && !OTHERS[i].is(data))
        i++;
    return i;
}

int x509file_other(const gnutls_datum_t *data, struct err *err)
{
    const size_t i = find_other(data);
    return err_set(
        err, ERR_SYNTAX, "%s",
        i < ARRAY_LEN(OTHERS)
            ? OTHERS[i].words
            : "is no certificate, key, CRL, PKCS#7 or PKCS#12 file, neither PEM nor DER, or it is cut short");
}

int x509file_other_sent(const gnutls_datum_t *data, struct err *err)
{
    const size_t i = find_other(data);
    if (i == ARRAY_LEN(OTHERS))
        return err_set(err, ERR_SYNTAX,
                       "What was sent is no certificate: it is neither PEM nor DER, or it is cut short.");
    if (OTHERS[i].sent)
        return err_set(err, ERR_SYNTAX, "What was sent %s", OTHERS[i].sent);
    return err_set(err, ERR_SYNTAX, "What was sent %s.", OTHERS[i].words);
}

/* --- curves --- */

static const struct {
    const char *oid, *name;
} CURVES[] = {
    {"1.3.36.3.3.2.8.1.1.1", "brainpoolP160r1"},
    {"1.3.36.3.3.2.8.1.1.2", "brainpoolP160t1"},
    {"1.3.36.3.3.2.8.1.1.3", "brainpoolP192r1"},
    {"1.3.36.3.3.2.8.1.1.4", "brainpoolP192t1"},
    {"1.3.36.3.3.2.8.1.1.5", "brainpoolP224r1"},
    {"1.3.36.3.3.2.8.1.1.6", "brainpoolP224t1"},
    {"1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1"},
    {"1.3.36.3.3.2.8.1.1.8", "brainpoolP256t1"},
    {"1.3.36.3.3.2.8.1.1.9", "brainpoolP320r1"},
    {"1.3.36.3.3.2.8.1.1.10", "brainpoolP320t1"},
    {"1.3.36.3.3.2.8.1.1.11", "brainpoolP384r1"},
    {"1.3.36.3.3.2.8.1.1.12", "brainpoolP384t1"},
    {"1.3.36.3.3.2.8.1.1.13", "brainpoolP512r1"},
    {"1.3.36.3.3.2.8.1.1.14", "brainpoolP512t1"},
    {"1.3.132.0.10", "secp256k1"},
};

/* The parameters of an EC key: of PKCS#8 (RFC 5958 section 2) or of the older form (RFC 5915 section 3). */
static bool curve_parameters(struct der in, struct der *out)
{
    static const unsigned char EC[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01}; /* id-ecPublicKey */
    struct der key, version, algorithm, oid, octets;
    if (!der_take(&in, DER_SEQUENCE, &key) || !der_take(&key, DER_INTEGER, &version))
        return false;
    if (der_take(&key, DER_SEQUENCE, &algorithm)) {
        *out = algorithm;
        return der_take(out, DER_OID, &oid) && oid.n == sizeof EC && memcmp(oid.p, EC, sizeof EC) == 0;
    }
    return der_take(&key, DER_OCTET_STRING, &octets) && der_take(&key, DER_CONTEXT_C(0), out);
}

#define NEW_KEY                                                                                              \
    "make a new key and have it certified: openssl genpkey -algorithm EC -pkeyopt "                          \
    "ec_paramgen_curve:P-256 -out NEW.key"

static int curve_error(struct der key, struct err *err)
{
    struct der parameters, value;
    char oid[128];
    if (!curve_parameters(key, &parameters))
        return 0;
    if (der_next_is(&parameters, DER_SEQUENCE))
        return err_set(err, ERR_CRYPTO,
                       "holds a private key that describes its curve instead of naming it, which GnuTLS does "
                       "not read: openssl ec -in FILE -param_enc named_curve -out NEW.key names it");
    if (!der_take(&parameters, DER_OID, &value) || !der_oid_text(&value, oid, sizeof oid) ||
        gnutls_oid_to_ecc_curve(oid) != GNUTLS_ECC_CURVE_INVALID)
        return 0;
    size_t i = 0;
    while (i < ARRAY_LEN(CURVES) && strcmp(CURVES[i].oid, oid) != 0)
        i++;
    return err_set(err, ERR_CRYPTO,
                   "holds a private key on the curve %s, which GnuTLS does not have: " NEW_KEY,
                   i < ARRAY_LEN(CURVES) ? CURVES[i].name : oid);
}

int x509file_curve_error(const gnutls_datum_t *key, gnutls_x509_crt_fmt_t form, struct err *err)
{
    gnutls_datum_t der;
    if (form == GNUTLS_X509_FMT_DER)
        return curve_error((struct der){key->data, key->size}, err);
    if (gnutls_pem_base64_decode2(NULL, key, &der) < 0)
        return 0;
    int rc = curve_error((struct der){der.data, der.size}, err);
    gnutls_memset(der.data, 0, der.size);
    gnutls_free(der.data);
    return rc;
}
