/* Between the parts of x509file: files (x509file.c), their forms (x509file_parse.c) and tokens
 * (x509file_token.c). */
#ifndef MTLSD_PKI_X509FILE_IMPL_H
#define MTLSD_PKI_X509FILE_IMPL_H

#include "pki/x509file.h"

/* Each takes its object over, success or not. 0 or ERR_NOMEM. */
MUST_CHECK int x509file_keep_crt(struct x509file *out, gnutls_x509_crt_t crt, struct err *err);
MUST_CHECK int x509file_keep_crl(struct x509file *out, struct crl *crl, struct err *err);
MUST_CHECK int x509file_keep_key(struct x509file *out, gnutls_privkey_t key, struct err *err);

/* x509file_parse of bytes that are the caller's own: they are overwritten. At most `most` of them. */
MUST_CHECK int x509file_parse_own(char *data, size_t len, size_t most, const char *password,
                                  struct x509file *out, struct err *err);

/* x509file_load of a `pkcs11:` URI. */
MUST_CHECK int x509file_load_token(const char *uri, const char *pin, struct x509file *out, struct err *err);

#endif
