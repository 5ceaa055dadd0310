/* Certificates, keys and CRLs out of files in whatever form they come: PEM (several objects, any order), DER,
 * PKCS#7, PKCS#12, or a `pkcs11:` URI. The content decides, not the name. Files above 64 MiB are refused,
 * but for those of CRLs. */
#ifndef MTLSD_PKI_X509FILE_H
#define MTLSD_PKI_X509FILE_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/err.h"
#include "pki/crl.h"

enum { X509FILE_MAX = 64 * 1024 * 1024 };

/* Certificates that several files hold: the issuers behind those of servers are often the same, and what came
 * before is not read again. The pool owns them; the files that were read with it are done before it is. */
enum { X509FILE_POOLED = 16 };
struct x509file_pool {
    gnutls_x509_crt_t crt[X509FILE_POOLED];
    gnutls_datum_t der[X509FILE_POOLED];
    size_t n;
};
/* Where it is in there; pool->n: it is not. */
size_t x509file_pooled(const struct x509file_pool *pool, gnutls_x509_crt_t crt);
void x509file_pool_done(struct x509file_pool *pool);

/* What one file held, in its order. The bundle owns all of it, but for what its pool has. */
struct x509file {
    gnutls_x509_crt_t *crt;
    size_t n_crts;
    struct crl **crl;
    size_t n_crls;
    gnutls_privkey_t *key;
    size_t n_keys;
    struct x509file_pool *pool; /* NULL: none */
    bool in_pem; /* one after another in PEM: somebody chose the order, which means nothing in other forms */
    bool key_readable_by_others; /* a file with a key whose mode lets group-less others read it */
};

/* `password` opens PKCS#12 and encrypted keys, `pin` a token; both may be NULL. A `pkcs11:` URI stands for
 * all certificates and private keys that it fits. 0 and *out filled (x509file_done), or ERR_NOTFOUND,
 * ERR_DENIED, ERR_IO, ERR_RANGE (too large), ERR_SYNTAX (none of the forms, with what was found out),
 * ERR_CRYPTO (wrong or missing password). The text names the file and the remedy.
 */
MUST_CHECK int x509file_load(const char *path, const char *password, const char *pin, struct x509file *out,
                             struct err *err);
/* The same with a pool. */
MUST_CHECK int x509file_load_pooled(const char *path, const char *password, const char *pin,
                                    struct x509file_pool *pool, struct x509file *out, struct err *err);
/* The same of a file of CRLs, which may have `most` bytes; above 64 MiB nothing but CRLs is read. */
MUST_CHECK int x509file_load_crls(const char *path, size_t most, const char *password, const char *pin,
                                  struct x509file *out, struct err *err);
/* The same from bytes. */
MUST_CHECK int x509file_parse(const void *data, size_t len, const char *password, struct x509file *out,
                              struct err *err);
void x509file_done(struct x509file *file);
/* Of a file without what was wanted: what its first object is. */
const char *x509file_kind(const struct x509file *file);

/* Reads a whole small file. The caller frees *data with x509file_wipe (which clears it first). */
MUST_CHECK int x509file_read(const char *path, size_t most, char **data, size_t *len, struct err *err);
void x509file_wipe(char *data, size_t len);
/* The same of a text; NULL is legal. */
void x509file_wipe_text(char *text);
/* The first line of a file with a password or PIN; the caller wipes it with
 * x509file_wipe_text. */
MUST_CHECK int x509file_secret(const char *path, char **secret, struct err *err);

#endif
