/* A practice PKI in a folder: see `mtlsd lab` in the manual for the names and what each client is for. */
#ifndef MTLSD_PKI_LAB_H
#define MTLSD_PKI_LAB_H

#include <stddef.h>
#include <time.h>

#include "base/err.h"

enum lab_key { LAB_KEY_ECDSA, LAB_KEY_RSA, LAB_KEY_ED25519 };

struct lab_options {
    const char *dir;
    enum lab_key key;
    bool force; /* overwrite what the lab itself made; without it an existing file is ERR_EXISTS before
                   anything is written */
    time_t now;
    bool pid_file; /* its mtlsd.conf names one, in the folder, for who runs the server by hand */
    const char *const *server_san; /* more names of the server's certificate, as those of lab_request */
    size_t n_server_san;
    const char *document_root; /* what the lab's mtlsd.conf names; NULL: a www/ is not configured */
    bool application;          /* it is written for one that has every path: there is no /secure/ */
};

/* 0, or ERR_EXISTS, ERR_IO, ERR_DENIED, ERR_CRYPTO. What was written before a failure stays. */
MUST_CHECK int lab_make(const struct lab_options *options, struct err *err);

/* ---- in a lab that is there: the errors of lab_make, and of x509file_load for what cannot be read ---- */

struct lab_request {
    const char *name; /* the commonName, and the stem of the files: letters, digits, "-", "_", "." and "@" */
    const char *const *san; /* "dns:", "email:", "ip:" or "uri:" and the name; none: email:NAME@example.org */
    size_t n_san;
    unsigned days; /* validity */
};
/* One more client by the intermediate CA: NAME.crt, .key and .p12. The kind of its key is options->key.
 * ERR_SYNTAX: a name that cannot be one. `same`: client.crt has that very subject. */
MUST_CHECK int lab_issue(const struct lab_options *options, const struct lab_request *request, bool *same,
                         struct err *err);

/* Puts the first certificate of `file` on the CRL of the CA of the lab that issued it, which gets the next
 * number. `crl` receives that list's file name (static). ERR_NOTFOUND: none of the lab's CAs has issued it;
 * ERR_EXISTS: it is on the list already. */
MUST_CHECK int lab_revoke(const struct lab_options *options, const char *file, const char **crl,
                          struct err *err);

/* The server's certificate anew, with the key that it has and, unless options->server_san has some, the
 * names, and both CRLs, with the next numbers and the entries that they have. 0, or negative with what is
 * missing or wrong. */
MUST_CHECK int lab_renew(const struct lab_options *options, struct err *err);

#endif
