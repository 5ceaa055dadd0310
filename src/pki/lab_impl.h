/* Between the three parts of the lab: the cast (lab.c), issuing (lab_issue.c) and the texts (lab_text.c). */
#ifndef MTLSD_PKI_LAB_IMPL_H
#define MTLSD_PKI_LAB_IMPL_H

#include <gnutls/x509.h>

#include "base/buf.h"
#include "pki/lab.h"

/* What opens the .p12 files: for practice, so everybody may know it. */
#define LAB_PASSWORD "mtlsd"

struct lab_pair {
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
};

enum lab_issuer { LAB_INTERMEDIATE, LAB_STRANGER, LAB_ITSELF };

/* One client of the cast: a row of LAB_CLIENTS. */
struct lab_client {
    const char *stem; /* "client-expired": of the files' names */
    const char *cn;
    int from_day, to_day; /* validity, days from now */
    enum lab_issuer issuer;
    bool for_servers; /* serverAuth instead of clientAuth */
    bool weak;        /* RSA with 1024 bits */
    bool revoked;
    bool leaf_only;    /* without the intermediate */
    const char *code;  /* the verdict's first error, NULL: SUCCESS */
    const char *alert; /* as curl writes the alert of a listener that requires */
    const char *about;
};
extern const struct lab_client LAB_CLIENTS[];
extern const size_t LAB_CLIENT_COUNT;

struct lab_name {
    const char *cn, *o, *email; /* email: a subject alternative name, NULL: none */
};

/* Issuing. Each: 0, or ERR_CRYPTO with GnuTLS's words. */
MUST_CHECK int lab_issue_ca(struct lab_pair *out, const struct lab_name *name, const struct lab_pair *issuer,
                            int path_len, const struct lab_options *options, struct err *err);
MUST_CHECK int lab_issue_server(struct lab_pair *out, const struct lab_pair *issuer,
                                const struct lab_options *options, struct err *err);
MUST_CHECK int lab_issue_client(struct lab_pair *out, const struct lab_client *client,
                                const struct lab_pair *issuer, const struct lab_options *options,
                                struct err *err);
/* A CRL with `revoked` (NULL: an empty one). The PEM is appended. */
MUST_CHECK int lab_issue_crl(struct buf *out, const struct lab_pair *issuer, gnutls_x509_crt_t revoked,
                             time_t now, struct err *err);
/* The PKCS#12 form of a pair, with an intermediate or NULL; DER is appended. */
MUST_CHECK int lab_pkcs12(struct buf *out, const struct lab_pair *pair, gnutls_x509_crt_t intermediate,
                          const char *name, struct err *err);
MUST_CHECK int lab_pem_crt(struct buf *out, gnutls_x509_crt_t crt, struct err *err);
MUST_CHECK int lab_pem_key(struct buf *out, gnutls_x509_privkey_t key, struct err *err);
void lab_pair_done(struct lab_pair *pair);

/* Texts. */
void lab_conf(struct buf *out, const struct lab_options *options);
void lab_weak_keys(struct buf *out);
void lab_try(struct buf *out);

#endif
