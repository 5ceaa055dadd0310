#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tools/mkcrl.h"
#include "pki/crl.h"
#include "suites.h"
#include "table.h"
#include "verdict_fixture.h"

enum { MOST_LISTS = 4, WORDS = 1024 };

static struct mk_pair cas[3];
static const char *const CA_NAMES[] = {"ca", "twin", "alien"};

static void setup(void)
{
    static const char *const dns[] = {"CN=CA,O=mtlsd practice", "CN=CA,O=mtlsd practice",
                                      "CN=Alien,O=mtlsd practice"};
    for (size_t i = 0; i < ARRAY_LEN(cas); i++) {
        struct mk_spec spec = {.dn = dns[i],
                               .flags = MK_CA,
                               .path_len = -1,
                               .not_before = NOW - 99 * DAY,
                               .not_after = NOW + 999 * DAY};
        cas[i] = mk_make(&spec, NULL);
    }
}

static void teardown(void)
{
    for (size_t i = 0; i < ARRAY_LEN(cas); i++)
        mk_free(&cas[i]);
}

/* What stands behind KEY= among the words, or `preset`. */
static const char *word(const char *words, const char *key, const char *preset, char out[static WORDS])
{
    const char *at = strstr(words, key);
    if (at == NULL)
        return preset;
    at += strlen(key);
    snprintf(out, WORDS, "%.*s", (int)strcspn(at, " "), at);
    return out;
}

static const struct mk_pair *ca_named(const char *name, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(cas); i++)
        if (strlen(CA_NAMES[i]) == n && strncmp(CA_NAMES[i], name, n) == 0)
            return &cas[i];
    ck_abort_msg("no CA %s", name);
    return NULL;
}

static struct crl *make_list(const char *words)
{
    char by[WORDS];
    struct crl *crl = NULL;
    struct err err = {0};
    const char *name = word(words, "by=", "ca", by);
    gnutls_datum_t der = mk_crl_words(ca_named(name, strlen(name)), words, NOW);
    int rc = crl_new((struct der){der.data, der.size}, &crl, &err);
    ck_assert_msg(rc == 0, "%s: %s", words, err.text);
    gnutls_free(der.data);
    return crl;
}

static void hex(const char *text, unsigned char *out, size_t *n)
{
    for (*n = 0; text[2 * *n] != 0; (*n)++) {
        unsigned octet;
        ck_assert_int_eq(sscanf(text + 2 * *n, "%2x", &octet), 1);
        out[*n] = (unsigned char)octet;
    }
}

static struct mk_pair make_leaf(const char *words)
{
    char value[WORDS];
    unsigned char serial[64];
    size_t n;
    struct mk_spec spec = {
        .dn = "CN=client", .path_len = -1, .not_before = NOW - DAY, .not_after = NOW + 300 * DAY};
    struct mk_pair leaf = mk_make(&spec, &cas[0]);
    hex(word(words, "serial=", "0102", value), serial, &n);
    ck_assert_int_eq(gnutls_x509_crt_set_serial(leaf.crt, serial, n), 0);
    const char *point = word(words, "point=", NULL, value);
    if (point != NULL)
        ck_assert_int_eq(
            gnutls_x509_crt_set_crl_dist_points2(leaf.crt, GNUTLS_SAN_URI, point, (unsigned)strlen(point), 0),
            0);
    ck_assert_int_eq(gnutls_x509_crt_sign2(leaf.crt, cas[0].crt, cas[0].key, GNUTLS_DIG_SHA256, 0), 0);
    return leaf;
}

static struct trust *make_crl_trust(const char *lists, const char *certificate, bool strict)
{
    char value[WORDS];
    gnutls_x509_crt_t crt[ARRAY_LEN(cas)];
    struct crl *crl[MOST_LISTS];
    struct trust_input input = DEFAULTS;
    struct trust *trust = NULL;
    struct err err = {0};
    input.ca = crt;
    input.crl = crl;
    input.keep_forged_crls = true;
    input.form = strict ? CERTIFICATE_FORM_STRICT : CERTIFICATE_FORM_STANDARD;
    for (const char *name = word(certificate, "trust=", "ca", value); *name != 0;) {
        size_t n = strcspn(name, ",");
        gnutls_datum_t der = mk_der(ca_named(name, n)->crt);
        ck_assert_int_eq(gnutls_x509_crt_init(&crt[input.n_ca]), 0);
        ck_assert_int_eq(gnutls_x509_crt_import(crt[input.n_ca++], &der, GNUTLS_X509_FMT_DER), 0);
        gnutls_free(der.data);
        name += n + (name[n] == ',' ? 1 : 0);
    }
    char copy[WORDS];
    snprintf(copy, sizeof copy, "%s", lists);
    for (char *rest = copy, *list; (list = strsep(&rest, "|")) != NULL && lists[0] != 0;) {
        ck_assert_uint_lt(input.n_crls, MOST_LISTS);
        crl[input.n_crls++] = make_list(list);
    }
    ck_assert_msg(trust_new(&input, &trust, &err) == 0, "%s", err.text);
    return trust;
}

/* What is said about revocation. */
static void revocation(const struct peer *peer, char out[static WORDS])
{
    static const enum verdict_code about[] = {VERDICT_REVOKED, VERDICT_CRL_STALE, VERDICT_CRL_MISSING};
    size_t len = 0;
    snprintf(out, WORDS, "-");
    for (size_t i = 0; i < peer->n_errors; i++)
        for (size_t k = 0; k < ARRAY_LEN(about); k++)
            if (peer->errors[i].code == about[k])
                len += (size_t)snprintf(out + len, WORDS - len, "%s%s", len > 0 ? "," : "",
                                        VERDICT_ROWS[about[k]].code);
}

START_TEST(every_kind_of_list)
{
    struct table table;
    table_open(&table, "crl.tsv");
    while (table_next(&table)) {
        const char *lists = table.column[1], *certificate = table.column[2];
        struct mk_pair leaf = make_leaf(certificate);
        for (int strict = 0; strict <= 1; strict++) {
            char got[WORDS];
            const char *want = table.column[strict && strcmp(table.column[4], "=") != 0 ? 4 : 3];
            struct trust *trust = make_crl_trust(lists, certificate, strict != 0);
            struct peer *peer = judge(trust, &leaf.crt, 1, NOW);
            revocation(peer, got);
            ck_assert_msg(strcmp(got, want) == 0, "line %u, %s: %s: %s instead of %s", table.number,
                          table.column[0], strict ? "strict" : "standard", got, want);
            peer_unref(peer);
            trust_unref(trust);
        }
        mk_free(&leaf);
    }
    ck_assert_uint_gt(table.rows, 80);
    table_close(&table);
}
END_TEST

/* ---- signatures --------------------------------------------------------------------------------------- */

static struct mk_pair make_ca(gnutls_pk_algorithm_t pk, unsigned bits)
{
    static const unsigned char serial[] = {1};
    const char *bad;
    struct mk_pair ca;
    ck_assert_int_eq(gnutls_x509_privkey_init(&ca.key), 0);
    ck_assert_int_eq(gnutls_x509_privkey_generate(ca.key, pk, bits, 0), 0);
    ck_assert_int_eq(gnutls_x509_crt_init(&ca.crt), 0);
    gnutls_x509_crt_set_version(ca.crt, 3);
    gnutls_x509_crt_set_serial(ca.crt, serial, sizeof serial);
    gnutls_x509_crt_set_dn(ca.crt, "CN=CA", &bad);
    gnutls_x509_crt_set_activation_time(ca.crt, NOW - DAY);
    gnutls_x509_crt_set_expiration_time(ca.crt, NOW + DAY);
    gnutls_x509_crt_set_basic_constraints(ca.crt, 1, -1);
    ck_assert_int_eq(gnutls_x509_crt_set_key(ca.crt, ca.key), 0);
    gnutls_digest_algorithm_t digest = pk == GNUTLS_PK_EDDSA_ED25519 ? GNUTLS_DIG_SHA512
                                       : pk == GNUTLS_PK_EDDSA_ED448 ? GNUTLS_DIG_SHAKE_256
                                                                     : GNUTLS_DIG_SHA256;
    ck_assert_int_eq(gnutls_x509_crt_sign2(ca.crt, ca.crt, ca.key, digest, 0), 0);
    return ca;
}

static bool is_signed(const char *words, const struct mk_pair *signer, const struct mk_pair *asked)
{
    struct crl *crl = NULL;
    struct cert facts;
    const char *why;
    gnutls_datum_t der = mk_crl_words(signer, words, NOW), crt = mk_der(asked->crt);
    ck_assert_int_eq(crl_new((struct der){der.data, der.size}, &crl, NULL), 0);
    gnutls_free(der.data); /* nothing of it is needed any more */
    ck_assert(cert_parse(&crt, &facts, &why));
    bool first = crl_signed_by(crl, asked->crt, &facts);
    /* A remembered answer needs no key. */
    ck_assert_int_eq(crl_signed_by(crl, NULL, &facts), first);
    crl_unref(crl);
    gnutls_free(crt.data);
    return first;
}

START_TEST(every_kind_of_signature)
{
    struct mk_pair rsa = make_ca(GNUTLS_PK_RSA, 2048), ed25519 = make_ca(GNUTLS_PK_EDDSA_ED25519, 256),
                   ed448 = make_ca(GNUTLS_PK_EDDSA_ED448, 456), p256 = make_ca(GNUTLS_PK_ECDSA, 256),
                   p521 = make_ca(GNUTLS_PK_ECDSA, 521);
    const struct {
        const struct mk_pair *ca;
        const char *words;
        bool good;
    } rows[] = {
        {&rsa, "", true},
        {&rsa, "sign=sha384", true},
        {&rsa, "sign=sha512", true},
        {&rsa, "sign=sha1", false},
        {&rsa, "sign=pss", true},
        {&rsa, "sign=pss:64", true},
        {&rsa, "sign=pss:222", true},
        {&ed25519, "", true},
        {&ed448, "", true},
        {&p256, "", true},
        {&p256, "sign=sha512", true},
        {&p256, "sign=sha1", false},
        {&p521, "", true},
        {&p521, "sign=sha512", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char words[WORDS];
        ck_assert_msg(is_signed(rows[i].words, rows[i].ca, rows[i].ca) == rows[i].good, "row %zu", i);
        snprintf(words, sizeof words, "%s entries=50", rows[i].words);
        ck_assert_msg(is_signed(words, rows[i].ca, rows[i].ca) == rows[i].good, "row %zu", i);
        snprintf(words, sizeof words, "%s broken", rows[i].words);
        ck_assert_msg(!is_signed(words, rows[i].ca, rows[i].ca), "row %zu, broken", i);
        ck_assert_msg(!is_signed(rows[i].words, rows[i].ca, rows[i].ca == &p256 ? &rsa : &p256), "row %zu",
                      i);
    }
    mk_free(&rsa);
    mk_free(&ed25519);
    mk_free(&ed448);
    mk_free(&p256);
    mk_free(&p521);
}
END_TEST

/* More keys than the memo holds, again and again: each answer stays right. */
START_TEST(many_keys_are_asked)
{
    struct mk_pair other[2 * CRL_SIGNERS];
    struct cert facts[2 * CRL_SIGNERS + 1];
    gnutls_datum_t der[2 * CRL_SIGNERS + 1];
    const char *why;
    struct crl *crl = make_list("aki=none");
    for (size_t i = 0; i < ARRAY_LEN(der); i++) {
        struct mk_spec spec = {.dn = "CN=CA,O=mtlsd practice",
                               .flags = MK_CA,
                               .path_len = -1,
                               .not_before = NOW - DAY,
                               .not_after = NOW + DAY};
        if (i > 0)
            other[i - 1] = mk_make(&spec, NULL);
        der[i] = mk_der(i > 0 ? other[i - 1].crt : cas[0].crt);
        ck_assert(cert_parse(&der[i], &facts[i], &why));
    }
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < ARRAY_LEN(der); i++)
            ck_assert_int_eq(crl_signed_by(crl, i > 0 ? other[i - 1].crt : cas[0].crt, &facts[i]), i == 0);
    ck_assert(crl_signed_by(crl, NULL, &facts[0])); /* that of the signer is not forgotten */
    for (size_t i = 0; i < ARRAY_LEN(der); i++)
        gnutls_free(der[i].data);
    for (size_t i = 0; i < ARRAY_LEN(other); i++)
        mk_free(&other[i]);
    crl_unref(crl);
}
END_TEST

/* ---- size, damage ------------------------------------------------------------------------------------- */

START_TEST(each_of_many_is_found)
{
    enum { N = 20000 };
    static const size_t octets[] = {1, 2, 8, 16, 20, 64};
    for (size_t k = 0; k < ARRAY_LEN(octets); k++) {
        char words[WORDS];
        unsigned n = octets[k] == 1 ? 64 : N;
        snprintf(words, sizeof words, "entries=%u,octets=%zu,reasons", n, octets[k]);
        struct crl *crl = make_list(words);
        struct crl_entry entry;
        unsigned char serial[64];
        ck_assert_uint_eq(crl->serials.n, n);
        ck_assert_uint_le(crl->serials.octets_room + crl->serials.at_room, n * (octets[k] + 11));
        for (unsigned i = 0; i < n; i++) {
            mk_crl_serial(i, serial, octets[k]);
            ck_assert(crl_find(crl, &(struct der){serial, octets[k]}, &entry));
            ck_assert_int_eq(entry.date, NOW - 2 * DAY);
        }
        for (unsigned i = n; i < 2 * n && octets[k] >= 8; i++) {
            mk_crl_serial(i, serial, octets[k]);
            ck_assert(!crl_find(crl, &(struct der){serial, octets[k]}, &entry));
        }
        crl_unref(crl);
    }
}
END_TEST

/* Cut, longer, and with each octet changed: an error or a list, and never out of bounds. */
START_TEST(damaged_lists)
{
    gnutls_datum_t der =
        mk_crl_words(&cas[0], "delta!=03 point=http://a/ user entry=0102,reason=01 entry=0103", NOW);
    struct crl *crl = NULL;
    struct err err = {0};
    for (size_t n = 0; n < der.size; n++) {
        unsigned char *part = malloc(n + 1); /* of its exact size, for the sanitizer */
        ck_assert_ptr_nonnull(part);
        memcpy(part, der.data, n);
        ck_assert_int_eq(crl_new((struct der){part, n}, &crl, &err), ERR_SYNTAX);
        ck_assert_uint_gt(strlen(err.text), 0);
        free(part);
    }
    for (size_t i = 0; i < der.size; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            der.data[i] ^= (unsigned char)(1U << bit);
            if (crl_new((struct der){der.data, der.size}, &crl, NULL) == 0)
                crl_unref(crl);
            der.data[i] ^= (unsigned char)(1U << bit);
        }
    gnutls_free(der.data);
    der = mk_crl_words(&cas[0], "tail=1", NOW);
    ck_assert_int_eq(crl_new((struct der){der.data, der.size}, &crl, NULL), ERR_SYNTAX);
    gnutls_free(der.data);
}
END_TEST

START_TEST(normal_serials)
{
    static const struct {
        const char *serial, *normal;
    } rows[] = {{"00", "00"},       {"0000", "00"},       {"01", "01"},     {"0001", "01"},
                {"80", "80"},       {"0080", "80"},       {"ff80", "ff80"}, {"ff7f", "ff7f"},
                {"00ff80", "ff80"}, {"ffff80", "ffff80"}, {"ff", "ff"},     {"ffff", "ffff"},
                {"00ff", "ff"},     {"00000100", "0100"}, {"7f", "7f"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned char a[8], b[8];
        size_t n, m;
        hex(rows[i].serial, a, &n);
        hex(rows[i].normal, b, &m);
        struct der got = serial_normal((struct der){a, n}), want = {b, m};
        ck_assert_msg(der_equal(&got, &want), "%s", rows[i].serial);
    }
}
END_TEST

Suite *suite_crl(void)
{
    Suite *suite = suite_create("crl");
    TCase *tcase = tcase_create("crl");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, every_kind_of_list);
    tcase_add_test(tcase, every_kind_of_signature);
    tcase_add_test(tcase, many_keys_are_asked);
    tcase_add_test(tcase, each_of_many_is_found);
    tcase_add_test(tcase, damaged_lists);
    tcase_add_test(tcase, normal_serials);
    suite_add_tcase(suite, tcase);
    return suite;
}
