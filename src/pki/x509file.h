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

/* What one file held, in its order. The bundle owns all of it. */
struct x509file {
    gnutls_x509_crt_t *crt;
    size_t n_crts;
    struct crl **crl;
    size_t n_crls;
    gnutls_privkey_t *key;
    size_t n_keys;
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
