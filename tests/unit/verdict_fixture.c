#include "verdict_fixture.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "pki/crl.h"

struct mk_world world;

void verdict_world_init(void)
{
    mk_world_init(&world, NOW);
}

void verdict_world_done(void)
{
    mk_world_done(&world);
}

static gnutls_x509_crt_t copy_crt(gnutls_x509_crt_t crt)
{
    gnutls_datum_t der = mk_der(crt);
    gnutls_x509_crt_t copy;
    ck_assert_int_eq(gnutls_x509_crt_init(&copy), 0);
    ck_assert_int_eq(gnutls_x509_crt_import(copy, &der, GNUTLS_X509_FMT_DER), 0);
    gnutls_free(der.data);
    return copy;
}

static struct crl *copy_crl(gnutls_x509_crl_t crl)
{
    gnutls_datum_t der;
    struct crl *copy = NULL;
    struct err err = {0};
    ck_assert_int_eq(gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_DER, &der), 0);
    int rc = crl_new((struct der){der.data, der.size}, &copy, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    gnutls_free(der.data);
    return copy;
}

const struct trust_input DEFAULTS = {.crl_check = CRL_CHECK_CHAIN,
                                     .crl_stale = CRL_STALE_REFUSE,
                                     .verify_depth = 5,
                                     .expires_soon = 30LL * DAY};

/* A trust with the options of `like`, these CAs (ended by NULL) and these CRLs; NULL when it is refused. All
 * CAs are advertised, or so many of the first as `like` says. */
struct trust *try_trust(const struct trust_input *like, const gnutls_x509_crt_t *cas,
                        const gnutls_x509_crl_t *crls, size_t n_crls, struct err *err)
{
    gnutls_x509_crt_t ca[MOST_CAS];
    struct crl *crl[MK_MAX_CRLS];
    struct trust_input input = *like;
    struct trust *trust = NULL;
    input.ca = ca;
    input.crl = crl;
    for (input.n_ca = 0; cas[input.n_ca] != NULL; input.n_ca++)
        ca[input.n_ca] = copy_crt(cas[input.n_ca]);
    for (input.n_crls = 0; input.n_crls < n_crls; input.n_crls++)
        crl[input.n_crls] = copy_crl(crls[input.n_crls]);
    if (input.n_advertised == 0)
        input.n_advertised = input.n_ca;
    return trust_new(&input, &trust, err) == 0 ? trust : NULL;
}

struct trust *make_trust(const struct trust_input *like, const gnutls_x509_crt_t *cas,
                         const gnutls_x509_crl_t *crls, size_t n_crls)
{
    struct err err = {0};
    struct trust *trust = try_trust(like, cas, crls, n_crls, &err);
    ck_assert_msg(trust != NULL, "%s", err.text);
    return trust;
}

/* The root alone, with or without the CRLs of the world. */
struct trust *root_trust(const struct trust_input *like, bool with_crl)
{
    const gnutls_x509_crt_t cas[] = {world.root.crt, NULL};
    return make_trust(like, cas, world.crl, with_crl ? world.n_crls : 0);
}

struct peer *judge_as(const struct trust *trust, const gnutls_x509_crt_t *chain, size_t n, time_t at,
                      enum verdict_purpose purpose, const char *hostname)
{
    gnutls_datum_t der[MK_MAX_CHAIN];
    struct peer *peer = NULL;
    struct err err = {0};
    for (size_t i = 0; i < n; i++)
        der[i] = mk_der(chain[i]);
    struct verdict_question question = {.trust = trust,
                                        .chain = der,
                                        .n_chain = (unsigned)n,
                                        .at = at,
                                        .purpose = purpose,
                                        .hostname = hostname,
                                        .from_file = true};
    int rc = verdict_judge(&question, &peer, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    for (size_t i = 0; i < n; i++)
        gnutls_free(der[i].data);
    return peer;
}

struct peer *judge(const struct trust *trust, const gnutls_x509_crt_t *chain, size_t n, time_t at)
{
    return judge_as(trust, chain, n, at, PURPOSE_CLIENT, NULL);
}

/* The codes, separated by commas. */
const char *codes(const struct verdict_finding *finding, size_t n, char out[static 1024])
{
    size_t len = 0;
    out[0] = 0;
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(out + len, 1024 - len, "%s%s", i > 0 ? "," : "",
                                VERDICT_ROWS[finding[i].code].code);
    return out;
}

/* Judges and compares the codes of the errors. */
void expect(const struct trust *trust, const gnutls_x509_crt_t *chain, size_t n, time_t at,
            const char *errors)
{
    char text[1024];
    struct peer *peer = judge(trust, chain, n, at);
    ck_assert_str_eq(codes(peer->errors, peer->n_errors, text), errors);
    ck_assert_int_eq(peer->verify, errors[0] == 0 ? VERIFY_SUCCESS : n == 0 ? VERIFY_NONE : VERIFY_FAILED);
    peer_unref(peer);
}

const struct verdict_finding *find(const struct peer *peer, enum verdict_code code)
{
    for (size_t i = 0; i < peer->n_errors; i++)
        if (peer->errors[i].code == code)
            return &peer->errors[i];
    ck_abort_msg("no %s", VERDICT_ROWS[code].code);
    return NULL;
}
