/* The facts of one certificate, copied out of DER so that nothing keeps a GnuTLS object alive. Pure;
 * immutable once made. Strings are NUL-terminated, valid UTF-8 and visible (text_escape) unless said
 * otherwise. */
#ifndef MTLSD_PKI_CERTINFO_H
#define MTLSD_PKI_CERTINFO_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <time.h>

#include "base/err.h"

/* One attribute of a distinguished name. `value` holds the raw bytes of the string (converted to UTF-8 where
 * its ASN.1 type is BMPString, UniversalString or T61String), which may hold NUL; for a value that is no
 * string, the DER and `is_der`. Attributes with the same `rdn` belong to one multi-valued RDN. RDNs are in
 * encoded order. */
struct certname_attr {
    unsigned rdn;
    char *oid;
    const char *label; /* "CN", "O", ... or the OID; static or same as oid */
    unsigned char *value;
    size_t len;
    bool is_der;
};

struct certname {
    struct certname_attr *attr;
    size_t n;
    char *text; /* RFC 4514: last RDN first; controls, bidi marks and invalid bytes as \XX */
    unsigned char *der;
    size_t der_len;
};

/* A list of strings. Raw values may hold NUL: `len` counts, text[] is escaped for showing. */
struct certvalues {
    struct certvalue {
        char *text;         /* escaped, for people */
        unsigned char *raw; /* as in the certificate; an IP address is 4 or 16 bytes */
        size_t len;
    } * v;
    size_t n;
    bool partial; /* some are missing: there were too many, or they cannot be read */
};

/* Alternative names of kind otherName: a type and a value of it. */
struct certothers {
    struct certother {
        char *oid;
        char *text;         /* for people: a string escaped, another value as # and its DER in hex */
        unsigned char *raw; /* the bytes of a string as UTF-8, of another value its DER */
        size_t len;
        bool is_der;
    } * v;
    size_t n;
    bool partial; /* as of certvalues */
};

struct certinfo {
    size_t der_len;
    unsigned version; /* 1, 2 or 3 */
    struct certname subject, issuer;
    char *serial; /* lower-case hex, no leading zeros beyond the encoding */
    time_t not_before, not_after;
    struct certvalues dns_names, emails, ips, uris;
    struct certothers other_names;
    size_t n_san;        /* number of names of any kind in the SAN extension */
    char *key_algorithm; /* "ECDSA", "RSA", "EdDSA-Ed25519", ... GnuTLS's words */
    unsigned key_bits;
    char *curve;               /* "secp256r1", or NULL */
    char *signature_algorithm; /* "ECDSA-SHA256" */
    bool has_key_usage;
    unsigned key_usage; /* GNUTLS_KEY_* bits */
    bool has_extended_key_usage;
    struct certvalues extended_key_usage; /* names ("clientAuth") or OIDs */
    bool is_ca;
    bool has_basic_constraints;
    int path_len;                            /* -1: none */
    char *subject_key_id, *authority_key_id; /* lower-case hex, or NULL */
    char fingerprint_sha256[65];             /* of the DER, lower-case hex */
    char spki_sha256[65];                    /* of the SubjectPublicKeyInfo, lower-case hex */
};

/* Reads a certificate. 0 and *out (certinfo_free), ERR_SYNTAX when it cannot be parsed, ERR_NOMEM. A part
 * that is malformed by itself (a SAN, say) is left out rather than failing the whole. */
MUST_CHECK int certinfo_new(gnutls_x509_crt_t crt, struct certinfo **out, struct err *err);
void certinfo_free(struct certinfo *info);
/* The memory that it takes, about. */
size_t certinfo_bytes(const struct certinfo *info);

/* Parses a DER name, e.g. one of the CA names that were advertised. 0 or ERR_SYNTAX/ERR_NOMEM. */
MUST_CHECK int certname_init(struct certname *name, const gnutls_datum_t *der, struct err *err);
void certname_done(struct certname *name);

/* The OID of a purpose by its word ("clientAuth"), NULL when there is none. */
const char *certinfo_purpose(const char *word);

/* The words of RFC 5280 section 4.2.1.3 ("digitalSignature", ...) for bit `1 << i` style iteration: writes up
 * to 9 pointers to static strings into out and returns how many. */
size_t certinfo_key_usage_words(unsigned key_usage, const char *out[static 9]);

/* A curve's name as IANA has it ("secp256r1"); that of GnuTLS for one that has none there. */
const char *certinfo_curve(gnutls_ecc_curve_t curve);

/* How long before its end a certificate is said to end soon: `most`, but at most a third of its life. One
 * that lives for a day must not be warned of all its life. */
static inline long long certinfo_soon(time_t not_before, time_t not_after, long long most)
{
    long long third = ((long long)not_after - (long long)not_before) / 3;
    return third < most ? third : most;
}

#endif
