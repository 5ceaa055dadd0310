/* Between the parts of x509file: files (x509file.c), their forms (x509file_parse.c), what is none of them
 * (x509file_other.c) and tokens (x509file_token.c). */
#ifndef MTLSD_PKI_X509FILE_IMPL_H
#define MTLSD_PKI_X509FILE_IMPL_H

#include "pki/x509file.h"

/* A certificate with these bytes that came before in another file, or NULL. */
gnutls_x509_crt_t x509file_again(const struct x509file *file, const gnutls_datum_t *der);
/* One that the file has no use for; what its pool has stays there. */
void x509file_drop_crt(const struct x509file *file, gnutls_x509_crt_t crt);
/* Each takes its object over, success or not. 0 or ERR_NOMEM. */
MUST_CHECK int x509file_keep_crt(struct x509file *out, gnutls_x509_crt_t crt, struct err *err);
MUST_CHECK int x509file_keep_crl(struct x509file *out, struct crl *crl, struct err *err);
MUST_CHECK int x509file_keep_key(struct x509file *out, gnutls_privkey_t key, struct err *err);

/* x509file_parse of bytes that are the caller's own: they are overwritten. At most `most` of them. */
MUST_CHECK int x509file_parse_own(char *data, size_t len, size_t most, const char *password,
                                  struct x509file_pool *pool, struct x509file *out, struct err *err);

/* Says in `err` what `data`, which none of the forms fits, is instead. ERR_SYNTAX. */
MUST_CHECK int x509file_other(const gnutls_datum_t *data, struct err *err);
/* The same, whole sentences, to somebody who was to send a certificate and no key. */
MUST_CHECK int x509file_other_sent(const gnutls_datum_t *data, struct err *err);
/* CertificationRequest (RFC 2986). */
bool x509file_is_request(const gnutls_datum_t *data);
/* Of a private key that GnuTLS cannot read, not encrypted: ERR_CRYPTO and the words in `err` when that is for
 * its curve, else 0. */
MUST_CHECK int x509file_curve_error(const gnutls_datum_t *key, gnutls_x509_crt_fmt_t form, struct err *err);

#define X509FILE_A_REQUEST    "a certificate request, not a certificate: have a CA sign it first"
#define X509FILE_A_PUBLIC_KEY "a public key: the certificate holds that already; give the private key"

/* x509file_load of a `pkcs11:` URI. */
MUST_CHECK int x509file_load_token(const char *uri, const char *pin, struct x509file *out, struct err *err);

#endif
