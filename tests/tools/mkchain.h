/* Certificate chains for tests: one row per verdict code, each a chain that causes that code and nothing
 * else. Made through GnuTLS, around a given time, so that no test depends on today. */
#ifndef MTLSD_TESTS_MKCHAIN_H
#define MTLSD_TESTS_MKCHAIN_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum mk_flag {
    MK_CA = 1 << 0,
    MK_NO_AKI = 1 << 1,
    MK_NO_SKI = 1 << 2,
    MK_NO_EKU = 1 << 3,        /* of a leaf; a CA has none anyway */
    MK_SERVER_EKU = 1 << 4,    /* serverAuth instead of clientAuth */
    MK_NO_KEY_USAGE = 1 << 5,  /* else keyCertSign and cRLSign, or digitalSignature */
    MK_ENCIPHER_ONLY = 1 << 6, /* keyEncipherment instead */
    MK_UNKNOWN_CRITICAL = 1 << 7,
    MK_LARGE = 1 << 8, /* an extension of 40,000 bytes */
    MK_RSA_1024 = 1 << 9,
    MK_SHA1 = 1 << 10,
    MK_BROKEN_SIGNATURE = 1 << 11,
    MK_TLS_FEATURE = 1 << 12, /* status_request, which binds what a CA issues */
    MK_V1 = 1 << 13,
    MK_MANY_NAMES = 1 << 14,     /* 600 alternative names: for a file */
    MK_TOO_MANY_NAMES = 1 << 15, /* 2100 */
    MK_LENGTH_OF_LEAF = 1 << 16, /* a path length in basic constraints without CA:TRUE */
    MK_LONG_SERIAL = 1 << 17,    /* 24 octets */
    MK_CRITICAL_SKI = 1 << 18,
    MK_CERT_SIGN = 1 << 19,   /* keyCertSign beside digitalSignature */
    MK_NAMELESS = 1 << 20,    /* an empty subject */
    MK_CONSTRAINED = 1 << 21, /* name constraints, in a leaf too */
    MK_X400 = 1 << 22,        /* an x400Address for an alternative name */
};

struct mk_spec {
    const char *dn; /* RFC 4514 */
    unsigned flags; /* enum mk_flag */
    int path_len;   /* CA: -1 none */
    time_t not_before, not_after;
    const char *san_dns, *permitted_dns; /* NULL: none */
};

struct mk_pair {
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
};

/* Each of these ends the process with a message when GnuTLS refuses: a test cannot go on without. */
struct mk_pair mk_make(const struct mk_spec *spec,
                       const struct mk_pair *issuer); /* issuer NULL: self-signed */
void mk_free(struct mk_pair *pair);
/* A CRL with the serial of `revoked` (NULL: empty). */
gnutls_x509_crl_t mk_crl(const struct mk_pair *issuer, gnutls_x509_crt_t revoked, time_t this_update,
                         time_t next_update);
gnutls_datum_t mk_der(gnutls_x509_crt_t crt); /* gnutls_free(data) */

/* The practice PKI of the cases: clients trust nobody, the server trusts `root`. */
enum { MK_MAX_CHAIN = 20, MK_MAX_CRLS = 8, MK_MAX_CASES = 64 };

struct mk_case {
    const char *name;
    bool with_crl;      /* judged with the CRLs of the world, else without any */
    const char *verify; /* "NONE", "SUCCESS", "FAILED" */
    const char *errors; /* codes, separated by commas; "" for none */
    const char *warnings;
    struct mk_pair leaf;                   /* crt NULL: nothing is sent */
    gnutls_x509_crt_t chain[MK_MAX_CHAIN]; /* as sent, borrowed */
    size_t n_chain;
};

struct mk_world {
    time_t now;
    struct mk_pair pool[96]; /* owns every certificate */
    size_t n_pool;
    struct mk_pair root, intermediate, other_root; /* borrowed from pool */
    gnutls_x509_crl_t root_crl, intermediate_crl;
    gnutls_x509_crl_t crl[MK_MAX_CRLS]; /* these two and those of the cases */
    size_t n_crls;
    struct mk_case cases[MK_MAX_CASES];
    size_t n_cases;
};

void mk_world_init(struct mk_world *world, time_t now);
void mk_world_done(struct mk_world *world);
const struct mk_case *mk_find(const struct mk_world *world, const char *name);

#endif
