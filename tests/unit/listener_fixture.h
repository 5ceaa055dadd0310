/* A listener with its certificates and keys in files, for the tests of what is loaded from them. */
#ifndef MTLSD_TESTS_UNIT_LISTENER_FIXTURE_H
#define MTLSD_TESTS_UNIT_LISTENER_FIXTURE_H

#include "base/buf.h"
#include "mkchain.h"
#include "pki/creds.h"

enum { LF_NOW = 1781524800 /* 2026-06-15T12:00:00Z */, LF_DAY = 24 * 3600, LF_MOST_FILES = 16 };

struct listener_fixture {
    char folder[32];
    struct conf_text file[LF_MOST_FILES]; /* the listener's `certificate` */
    struct conf_listener listener;
    struct trust *trust; /* of nobody */
    struct creds *creds; /* what was loaded last, or NULL */
    struct buf findings; /* of the last load, a line each: "error 3: text" with the configuration's line */
    struct mk_pair root, intermediate, leaf, other; /* `other` is RSA, both leaves are of the intermediate */
};
extern struct listener_fixture lf;

/* The folder is the whole test case's (an unchecked fixture): a forked test that fails cleans nothing up, its
 * parent does. The rest is each test's. */
void lf_make_folder(void);
void lf_remove_folder(void);
void lf_set_up(void);
void lf_tear_down(void);

/* A CA (MK_CA) or a server's certificate with this DNS name, NULL: none. */
struct mk_pair lf_make(const char *dn, unsigned flags, const struct mk_pair *issuer, const char *san);
/* Another key of its own, or this public key, and signed anew. */
void lf_rekey(struct mk_pair *pair, gnutls_pk_algorithm_t algorithm, unsigned bits,
              const struct mk_pair *issuer);
void lf_sign_for(struct mk_pair *pair, gnutls_x509_privkey_t key, const struct mk_pair *issuer);

/* The next file of the listener, with mode 0600; file[i] stands in line i + 1. PEM but for lf_add_bytes. */
void lf_add_bytes(const void *data, size_t len);
void lf_add_crts(size_t n, ...); /* struct mk_pair * */
void lf_add_crt(struct mk_pair *pair);
void lf_add_key(const struct mk_pair *pair);
void lf_forget_files(void);

/* Loads the listener; what is returned agrees with the findings. lf_lint expects nothing to be said of that,
 * and adds what `check` says. */
int lf_load(void);
int lf_load_with(const struct trust *with);
void lf_lint(void);

/* Loads: nothing is said, and this chain goes out. */
void lf_expect_chain(size_t n, const struct mk_pair *const *chain);
/* There is a finding that begins with `where` ("error 3:") and has these words; lf_expect_only: and no other.
 */
void lf_expect_finding(const char *where, const char *says);
void lf_expect_only(const char *where, const char *says);
size_t lf_count_findings(void);

#endif
