/* One certificate taken apart: slices into its DER, decoded extensions, and what of its form RFC 5280
 * forbids. This is what the judgement works on; certinfo copies the facts for people out of it. Pure, no
 * allocation; borrows the DER. */
#ifndef MTLSD_PKI_CERT_H
#define MTLSD_PKI_CERT_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/buf.h"
#include "pki/certinfo.h"
#include "pki/der.h"
#include "pki/verdict_code.h"

/* The extensions that are understood; a critical one that is not among them refuses the certificate. */
enum cert_ext_id {
    EXT_AUTHORITY_KEY_ID,
    EXT_SUBJECT_KEY_ID,
    EXT_KEY_USAGE,
    EXT_BASIC_CONSTRAINTS,
    EXT_EXTENDED_KEY_USAGE,
    EXT_SUBJECT_ALT_NAME,
    EXT_ISSUER_ALT_NAME,
    EXT_NAME_CONSTRAINTS,
    EXT_CERTIFICATE_POLICIES,
    EXT_POLICY_MAPPINGS,
    EXT_POLICY_CONSTRAINTS,
    EXT_INHIBIT_ANY_POLICY,
    EXT_CRL_DISTRIBUTION_POINTS,
    EXT_FRESHEST_CRL,
    EXT_AUTHORITY_INFO_ACCESS,
    EXT_SUBJECT_INFO_ACCESS,
    EXT_SUBJECT_DIRECTORY_ATTRIBUTES,
    EXT_TLS_FEATURE,
    EXT_COUNT
};

struct cert_ext {
    bool present, critical;
    bool twice;       /* there are more of it; this is the first */
    struct der value; /* what the OCTET STRING holds */
};

/* What of the form is forbidden, with the words for it. `value` is a slice of the certificate, shown escaped,
 * or empty. */
struct cert_problem {
    enum verdict_code code;
    const char *reason, *expected;
    struct der value;
    unsigned about; /* enum cert_about */
};

/* What a problem is about. */
enum cert_about {
    CERT_OF_SERIAL = 1,     /* the serial number, which is not looked at in a trusted CA */
    CERT_NOT_OF_ANCHOR = 2, /* nothing that counts in a trusted CA: there it is only odd */
};

enum { CERT_MAX_PROBLEMS = 12, CERT_MAX_UNKNOWN = 4, CERT_MAX_EXTENSIONS = 64 };

/* Purposes of the extended key usage. */
enum { CERT_EKU_CLIENT = 1, CERT_EKU_SERVER = 2, CERT_EKU_ANY = 4, CERT_EKU_OTHER = 8 };

struct cert {
    struct der whole, tbs;
    struct der signature_algorithm; /* whole AlgorithmIdentifier, the outer one */
    struct der signature;           /* without the count of unused bits */
    gnutls_sign_algorithm_t sign;   /* GNUTLS_SIGN_UNKNOWN: see signature_algorithm */
    unsigned version;               /* 1, 2 or 3 */
    struct der serial;              /* the INTEGER's octets */
    struct der issuer, subject;     /* whole Name */
    bool self_issued;
    time_t not_before, not_after;
    struct der spki; /* whole SubjectPublicKeyInfo */
    gnutls_pk_algorithm_t pk;
    unsigned key_bits;
    unsigned modulus_bits, exponent_bits; /* as written, of RSA; of DSA its prime; also of a malformed key */
    bool key_good;                        /* the key is well-formed as far as one can see without computing */
    gnutls_ecc_curve_t curve;             /* EC keys; GNUTLS_ECC_CURVE_INVALID for others */
    struct cert_ext ext[EXT_COUNT];
    struct der unknown_critical[CERT_MAX_UNKNOWN]; /* OIDs */
    size_t n_unknown_critical;
    bool odd_oid; /* an extension has a very long identifier, or one that is none */
    bool is_ca;
    int path_len;       /* -1: none */
    unsigned key_usage; /* GNUTLS_KEY_* */
    unsigned eku;
    struct der subject_key_id;
    struct der authority_key_id;
    bool authority_has_issuer, authority_has_serial;
    struct cert_problem problem[CERT_MAX_PROBLEMS];
    size_t n_problems;
};

/* Takes `der` apart. False when the outline of a certificate is not there, and *why says what; everything
 * smaller is a problem in the list. */
MUST_CHECK bool cert_parse(const gnutls_datum_t *der, struct cert *out, const char **why);

/* Subject and issuer are the same name, and not empty. */
static inline bool cert_self_issued(const struct cert *cert)
{
    return cert->self_issued;
}
/* An empty Name is SEQUENCE {} (two octets). */
/* Nothing can be computed with its key: GnuTLS has no such curve. */
static inline bool cert_curve_is_unknown(const struct cert *cert)
{
    return cert->pk == GNUTLS_PK_ECDSA && cert->curve == GNUTLS_ECC_CURVE_INVALID;
}

static inline bool cert_name_empty(const struct der *name)
{
    return name->n <= 2;
}
static inline bool cert_may(const struct cert *cert, unsigned usage)
{
    return !cert->ext[EXT_KEY_USAGE].present || (cert->key_usage & usage) != 0;
}

/* Whether a trusted certificate may issue others. One without basic constraints may when it can have none, or
 * when its key usage says so: any other is somebody's own certificate that is trusted for itself, whose
 * holder must not become a CA. */
bool cert_issues(const struct cert *cert);

/* Takes the next GeneralName of a GeneralNames body: `type` is 0 to 8, `value` its contents (for a
 * directoryName the whole Name). False at the end or when it is malformed. */
MUST_CHECK bool cert_general_name(struct der *names, unsigned *type, struct der *value);
enum general_name {
    NAME_OTHER,
    NAME_EMAIL,
    NAME_DNS,
    NAME_X400,
    NAME_DIRECTORY,
    NAME_EDI,
    NAME_URI,
    NAME_IP,
    NAME_REGISTERED_ID
};
/* Takes the next extension, also of a CRL or of its entry. False at the end or when it is malformed. */
MUST_CHECK bool cert_take_extension(struct der *list, struct der *oid, bool *critical, struct der *value);
/* The body of the SAN's SEQUENCE; empty without the extension or when it is malformed. */
struct der cert_alt_names(const struct cert *cert);

/* Syntax of names. `wildcard` allows a first label "*". */
bool cert_dns_valid(const struct der *name, bool wildcard);
bool cert_email_valid(const struct der *name);
bool cert_uri_valid(const struct der *name);

/* A string of any type as UTF-8, appended to `out`. False when the type is no string or its length cannot be;
 * a lone surrogate is encoded as it is, so that it shows as invalid bytes and equals nothing sane. */
bool cert_string(unsigned tag, const struct der *value, struct buf *out);

/* Signature algorithms, of certificates and CRLs: which one an AlgorithmIdentifier's body names, whether it
 * is one that is accepted, and whether a signature is that of the key of `issuer` (its strength, dates and
 * rights are other questions). */
gnutls_sign_algorithm_t cert_sign_algorithm(struct der algorithm);
bool cert_sign_accepted(gnutls_sign_algorithm_t sign);
bool cert_signature_holds(gnutls_sign_algorithm_t sign, const struct der *data, const struct der *signature,
                          gnutls_x509_crt_t issuer);
/* The same of what was hashed already; not for EdDSA. `algorithm` is the AlgorithmIdentifier's body. */
bool cert_digest_holds(gnutls_sign_algorithm_t sign, struct der algorithm, const unsigned char *digest,
                       size_t n, const struct der *signature, gnutls_x509_crt_t issuer);

/* The same by what the judgement works on: `spki` is a whole SubjectPublicKeyInfo, `algorithm` a whole
 * AlgorithmIdentifier with its parameters, which count. */
bool cert_key_signed(const struct der *spki, struct der algorithm, const struct der *data,
                     const struct der *signature);
/* Whether a key can be computed with: that of a curve is a point on it. */
bool cert_key_usable(const struct der *spki);
/* Whether a handshake can be signed with a key: one of RSASSA-PSS alone may say with which hash, and the
 * least length of the salt, and a handshake's salt is as long as its hash (RFC 4055 section 3.3, RFC 8446
 * section 4.2.3). */
bool cert_key_signs_tls(const struct der *spki);

/* SHA-256 in lower-case hex. 0 or ERR_CRYPTO. */
MUST_CHECK int certinfo_fingerprint(const struct der *data, char out[static 65]);
/* certinfo_new for a certificate that was taken apart already, with the same results. */
MUST_CHECK int certinfo_from_cert(const struct cert *cert, struct certinfo **out, struct err *err);

#endif
