/* Certificates, keys and CRLs in the forms that files have, and what is made of them. */
#ifndef MTLSD_TESTS_UNIT_X509FILE_FIXTURE_H
#define MTLSD_TESTS_UNIT_X509FILE_FIXTURE_H

#include "base/buf.h"
#include "mkchain.h"
#include "pki/x509file.h"

enum { NOW = 1781524800, DAY = 24 * 3600 };

/* A CA with a CRL, a certificate of it, and an RSA pair. */
extern struct mk_pair ca, leaf, rsa;
extern gnutls_x509_crl_t crl;
void x509file_set_up(void);
void x509file_tear_down(void);

/* PEM and DER. */
extern const gnutls_x509_crt_fmt_t FORMS[2];

/* Puts what GnuTLS exported into `out`. */
void put(struct buf *out, int rc, gnutls_datum_t *data);
void put_crt(struct buf *out, const struct mk_pair *pair, gnutls_x509_crt_fmt_t form);
void put_crl(struct buf *out, gnutls_x509_crt_fmt_t form);
/* SEC1 or PKCS#1. */
void put_plain_key(struct buf *out, const struct mk_pair *pair, gnutls_x509_crt_fmt_t form);
void put_pkcs8(struct buf *out, const struct mk_pair *pair, gnutls_x509_crt_fmt_t form, const char *password,
               unsigned flags);
/* The leaf, the CA and the CRL. */
void put_pkcs7(struct buf *out, gnutls_x509_crt_fmt_t form);

/* What a file is: "2 certificates, 1 key, ..." as "crt crl key". Both empty `data`. */
void expect_counts(struct buf *data, const char *password, const char *counts);
void expect_refused(struct buf *data, const char *password, int code, const char *says);

#endif
