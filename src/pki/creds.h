/* A listener's own certificates and keys as GnuTLS credentials. Immutable once made, refcounted: sessions
 * that began with it keep it alive across a reload. Keys are wiped when the last reference goes. */
#ifndef MTLSD_PKI_CREDS_H
#define MTLSD_PKI_CREDS_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#include "base/diag.h"
#include "config/conf.h"
#include "pki/certinfo.h"
#include "pki/trust.h"

struct creds;

/* Loads listener->certificate (any mixture of files and forms), puts chains in order, matches every key to
 * its certificate by public key, staples OCSP responses. All problems go to `diag` with file and line: a
 * certificate without a key, a key without a certificate, an unreadable file, nothing usable for TLS. The
 * names in `trust` are advertised unless the listener says none. 0 and *out with one reference, negative when
 * an error was reported. */
MUST_CHECK int creds_load(const struct conf *conf, const struct conf_listener *listener,
                          const struct trust *trust, struct diag *diag, struct creds **out);

/* The deeper lints of `check` about the own certificates: chain complete and ordered, expiry under 30 days,
 * key usage and EKU, SAN present, weak keys and signatures, key files that others can read. Warnings and
 * errors go to `diag`. */
void creds_lint(const struct creds *creds, const struct conf_listener *listener, time_t now,
                struct diag *diag);

struct creds *creds_ref(struct creds *creds);
void creds_unref(struct creds *creds);

gnutls_certificate_credentials_t creds_gnutls(const struct creds *creds);

/* Which of the certificates a client gets, by the name that it asks for (a wildcard's first label stands for
 * one label) and by what it can verify; ECDSA before RSA where it can verify both. GnuTLS's own choice knows
 * no wildcards, so the session's certificate function is to ask this one. */
struct creds_offer {
    const char *server_name; /* "": none */
    unsigned kinds;          /* of keys that the client can use: creds_kinds */
};
struct creds_choice { /* borrowed */
    gnutls_pcert_st *pcert;
    const struct certinfo *const *chain; /* the same, leaf first */
    unsigned n;
    gnutls_ocsp_data_st *staple; /* n_staples of them: n, or 0 */
    unsigned n_staples;
    gnutls_privkey_t key;
};
/* What a ClientHello lists, as it stands there, however long: 16-bit numbers. */
struct creds_list {
    const uint8_t *p;
    size_t n; /* bytes */
};
struct creds_hello {
    struct creds_list cipher_suites, signature_algorithms, groups;
    bool has_groups; /* RFC 8422 section 4: without the extension any curve will do */
};
/* The kinds of keys that such a client can verify. Below TLS 1.3 the cipher suites count too, and the curve
 * of an ECDSA key has to be one of the groups (RFC 8422 section 5.1). */
unsigned creds_kinds(const struct creds_hello *hello, bool tls13);

void creds_choose(const struct creds *creds, const struct creds_offer *offer, struct creds_choice *out);
/* False: there is one, and the offer does not matter. */
bool creds_several(const struct creds *creds);

/* Whether one of the certificates is for this name, in small letters; of "*.example.org", for any below it.
 */
bool creds_cover(const struct creds *creds, const char *name);

/* Its leaf certificates, *n of them; borrowed. For tests. */
const struct certinfo *const *creds_leaves(const struct creds *creds, size_t *n);
/* Earliest notAfter of any own certificate in use; from when on that, or that of another, is soon. */
enum { CREDS_SOON = 30 * 24 * 60 * 60 };
time_t creds_not_after(const struct creds *creds);
time_t creds_ends_soon_from(const struct creds *creds);

#endif
