/* The practice PKI of the tests of the judgement, and how they ask. */
#ifndef MTLSD_TESTS_UNIT_VERDICT_FIXTURE_H
#define MTLSD_TESTS_UNIT_VERDICT_FIXTURE_H

#include "../tools/mkchain.h"
#include "pki/verdict.h"

enum { NOW = 1900000000, DAY = 24 * 3600, MOST_CAS = 8 };

extern struct mk_world world;
void verdict_world_init(void);
void verdict_world_done(void);

extern const struct trust_input DEFAULTS;

/* A trust with the options of `like`, these CAs (ended by NULL) and these CRLs; NULL when it is refused. All
 * CAs are advertised, or so many of the first as `like` says. */
struct trust *try_trust(const struct trust_input *like, const gnutls_x509_crt_t *cas,
                        const gnutls_x509_crl_t *crls, size_t n_crls, struct err *err);
/* The same where it must succeed. */
struct trust *make_trust(const struct trust_input *like, const gnutls_x509_crt_t *cas,
                         const gnutls_x509_crl_t *crls, size_t n_crls);
/* The root alone, with or without the CRLs of the world. */
struct trust *root_trust(const struct trust_input *like, bool with_crl);

struct peer *judge_as(const struct trust *trust, const gnutls_x509_crt_t *chain, size_t n, time_t at,
                      enum verdict_purpose purpose, const char *hostname);
struct peer *judge(const struct trust *trust, const gnutls_x509_crt_t *chain, size_t n, time_t at);

/* The codes, separated by commas. */
const char *codes(const struct verdict_finding *finding, size_t n, char out[static 1024]);
/* Judges and compares the codes of the errors. */
void expect(const struct trust *trust, const gnutls_x509_crt_t *chain, size_t n, time_t at,
            const char *errors);
/* The error of this code; the test fails without one. */
const struct verdict_finding *find(const struct peer *peer, enum verdict_code code);

#endif
