/* Between the parts of the lab: the cast (lab.c), what is done in one that is there (lab_more.c), issuing
 * (lab_issue.c, lab_key.c, lab_crl.c), files (lab_files.c) and texts (lab_text.c). */
#ifndef MTLSD_PKI_LAB_IMPL_H
#define MTLSD_PKI_LAB_IMPL_H

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <sys/types.h>

#include "base/buf.h"
#include "pki/lab.h"

/* What opens the .p12 files: for practice, so everybody may know it. */
#define LAB_PASSWORD "mtlsd"

enum {
    LAB_DAY = 24 * 60 * 60,
    LAB_KEY_ID = 20,
    LAB_NAME_MAX = 64
}; /* a commonName's bound: RFC 5280 appendix A.1 */
enum { LAB_PATH_ROOM = 4096, LAB_KEY_MODE = 0600, LAB_PUBLIC_MODE = 0644, LAB_SCRIPT_MODE = 0755 };

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
    const char *const *san; /* "dns:NAME" and so on; none: email:CN@example.org */
    size_t n_san;
};
extern const struct lab_client LAB_CLIENTS[];
extern const size_t LAB_CLIENT_COUNT;

struct lab_name {
    const char *cn, *o, *email; /* email: a subject alternative name, NULL: none */
};

/* Fills an initialized key: RSA of 1024 bits when it is to be weak, else of `kind`. GnuTLS's codes, as the
 * next. */
MUST_CHECK int lab_new_key(gnutls_x509_privkey_t *key, enum lab_key kind, bool weak);
/* GnuTLS writes an EC key's number as an INTEGER's octets: 33 when its first bit is set, fewer when it begins
 * with zeros. RFC 5915 section 3 has 32 for P-256, and others refuse anything else. A key is written as it
 * was read: this one is read again from the right bytes, and all forms of it are right then. Others stay as
 * they are. */
MUST_CHECK int lab_exact_key(gnutls_x509_privkey_t *key);

/* Issuing. Each: 0, or ERR_CRYPTO with GnuTLS's words. */
MUST_CHECK int lab_issue_ca(struct lab_pair *out, const struct lab_name *name, const struct lab_pair *issuer,
                            int path_len, const struct lab_options *options, struct err *err);
/* ERR_SYNTAX: not "dns:", "email:", "ip:" or "uri:" and a name. */
MUST_CHECK int lab_check_san(const char *san, struct err *err);
/* `before` is renewed, and its names stay unless the options have some; NULL: it is the first. */
MUST_CHECK int lab_issue_server(struct lab_pair *out, const struct lab_pair *issuer, gnutls_x509_crt_t before,
                                const struct lab_options *options, struct err *err);
MUST_CHECK int lab_issue_client(struct lab_pair *out, const struct lab_client *client,
                                const struct lab_pair *issuer, const struct lab_options *options,
                                struct err *err);
struct lab_crl {
    gnutls_x509_crt_t revoked; /* one more entry; NULL: none */
    time_t revoked_at, from;
    gnutls_x509_crl_t
        before; /* its entries stay, and the number is the next; NULL: an empty list, number 1 */
};
/* The PEM is appended. */
MUST_CHECK int lab_issue_crl(struct buf *out, const struct lab_pair *issuer, const struct lab_crl *what,
                             struct err *err);
gnutls_digest_algorithm_t lab_digest(const struct lab_pair *issuer);
/* 0, or ERR_CRYPTO with GnuTLS's words when `rc` is one of its errors. */
int lab_failed(int rc, const char *what, struct err *err);
/* The PKCS#12 form of a pair, with an intermediate or NULL; DER is appended. */
MUST_CHECK int lab_pkcs12(struct buf *out, const struct lab_pair *pair, gnutls_x509_crt_t intermediate,
                          const char *name, struct err *err);
MUST_CHECK int lab_pem_crt(struct buf *out, gnutls_x509_crt_t crt, struct err *err);
MUST_CHECK int lab_pem_key(struct buf *out, gnutls_x509_privkey_t key, struct err *err);
void lab_pair_done(struct lab_pair *pair);

/* Files, DIR/STEM SUFFIX. Each: 0, or ERR_RANGE (too long a name), ERR_IO, ERR_DENIED. */
MUST_CHECK int lab_path(char path[static LAB_PATH_ROOM], const struct lab_options *options, const char *stem,
                        const char *suffix, struct err *err);
int lab_file_error(const char *path, struct err *err);
/* ERR_EXISTS when it is there. */
MUST_CHECK int lab_check_absent(const struct lab_options *options, const char *stem, const char *suffix,
                                struct err *err);
/* The same of what lab_write_client writes. */
MUST_CHECK int lab_check_client_absent(const struct lab_options *options, const char *stem, struct err *err);
/* Written aside and renamed: nobody sees half of it, and a failure leaves an older file as it was. Empties
 * `data`. */
MUST_CHECK int lab_write(const struct lab_options *options, const char *stem, const char *suffix, mode_t mode,
                         struct buf *data, struct err *err);
/* STEM.crt, with the intermediate unless it is NULL, and STEM.key. */
MUST_CHECK int lab_write_pair(const struct lab_options *options, const char *stem,
                              const struct lab_pair *pair, gnutls_x509_crt_t intermediate, struct err *err);
/* The pair and STEM.p12. */
MUST_CHECK int lab_write_client(const struct lab_options *options, const char *stem,
                                const struct lab_pair *pair, gnutls_x509_crt_t intermediate, const char *name,
                                struct err *err);

/* Texts. */
void lab_conf(struct buf *out, const struct lab_options *options);
void lab_weak_keys(struct buf *out);
void lab_try(struct buf *out);

#endif
