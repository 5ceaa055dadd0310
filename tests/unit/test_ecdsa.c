/* ECDSA verified with libcrypto, beside nettle's own: for each kind of signature, good or spoilt, both say
 * the same. */
#include "config.h"

#include "suites.h"

#ifdef HAVE_OWN_ECDSA
#include <dlfcn.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecdsa.h>
#include <pthread.h>
#endif

#include <string.h>

#include "base/base.h"
#include "tls/ecdsa.h"

#ifdef HAVE_OWN_ECDSA

enum { MOST_DIGEST = 80, THREADS = 4 };

static const struct {
    const char *name;
    const struct ecc_curve *(*get)(void);
    size_t size;   /* bytes of a number */
    int rounds;    /* through all kinds */
    bool answered; /* by libcrypto */
    const char *order;
} CURVES[] = {
    {"P-256", nettle_get_secp_256r1, 32, 80, true,
     "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"},
    {"P-384", nettle_get_secp_384r1, 48, 15, false,
     "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"},
    {"P-521", nettle_get_secp_521r1, 66, 15, true,
     "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5"
     "c9b8899"
     "c47aebb6fb71e91386409"},
};

/* A key, what it signs, its signature, and the order of its curve. */
struct sample {
    const struct ecc_curve *curve;
    struct ecc_point key;
    struct ecc_scalar secret;
    struct dsa_signature signature;
    mpz_t order;
    size_t size, len;
    uint8_t digest[MOST_DIGEST];
};

/* Fixed, so that a failure can be seen again. */
static uint64_t state;

static uint8_t next_byte(void)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (uint8_t)(state >> 56);
}

static void fill(void *context, size_t len, uint8_t *out)
{
    (void)context;
    for (size_t i = 0; i < len; i++)
        out[i] = next_byte();
}

static int nettle_itself(const struct ecc_point *key, size_t len, const uint8_t *digest,
                         const struct dsa_signature *signature)
{
    static int (*real)(const struct ecc_point *, size_t, const uint8_t *, const struct dsa_signature *);
    void *symbol = real ? NULL : dlsym(RTLD_NEXT, "nettle_ecdsa_verify");
    if (symbol)
        memcpy(&real, &symbol, sizeof real);
    ck_assert(real && real != ecdsa_verify);
    return real(key, len, digest, signature);
}

/* --- what is done to a signature --- */

static void leave(struct sample *s)
{
    (void)s;
}

static void r_zero(struct sample *s)
{
    mpz_set_ui(s->signature.r, 0);
}

static void s_zero(struct sample *s)
{
    mpz_set_ui(s->signature.s, 0);
}

static void r_one(struct sample *s)
{
    mpz_set_ui(s->signature.r, 1);
}

static void s_one(struct sample *s)
{
    mpz_set_ui(s->signature.s, 1);
}

static void r_order(struct sample *s)
{
    mpz_set(s->signature.r, s->order);
}

static void s_order(struct sample *s)
{
    mpz_set(s->signature.s, s->order);
}

static void r_last(struct sample *s)
{
    mpz_sub_ui(s->signature.r, s->order, 1);
}

static void s_last(struct sample *s)
{
    mpz_sub_ui(s->signature.s, s->order, 1);
}

static void r_plus_order(struct sample *s)
{
    mpz_add(s->signature.r, s->signature.r, s->order);
}

static void s_plus_order(struct sample *s)
{
    mpz_add(s->signature.s, s->signature.s, s->order);
}

static void r_negative(struct sample *s)
{
    mpz_neg(s->signature.r, s->signature.r);
}

static void s_negative(struct sample *s)
{
    mpz_neg(s->signature.s, s->signature.s);
}

/* As good as s, in ECDSA. */
static void s_other(struct sample *s)
{
    mpz_sub(s->signature.s, s->order, s->signature.s);
}

static void r_too_long(struct sample *s)
{
    mpz_setbit(s->signature.r, 8 * s->size + next_byte());
}

static void s_too_long(struct sample *s)
{
    mpz_setbit(s->signature.s, 8 * s->size + next_byte());
}

static void all_ones(struct sample *s)
{
    mpz_set_ui(s->signature.r, 1);
    mpz_mul_2exp(s->signature.r, s->signature.r, 8 * s->size);
    mpz_sub_ui(s->signature.r, s->signature.r, 1);
    mpz_set(s->signature.s, s->signature.r);
}

static void r_bit(struct sample *s)
{
    mpz_combit(s->signature.r, next_byte() % (8 * s->size));
}

static void s_bit(struct sample *s)
{
    mpz_combit(s->signature.s, next_byte() % (8 * s->size));
}

static void swapped(struct sample *s)
{
    mpz_swap(s->signature.r, s->signature.s);
}

static void digest_bit(struct sample *s)
{
    s->digest[next_byte() % MOST_DIGEST] ^= (uint8_t)(1 << next_byte() % 8);
}

static void digest_cut(struct sample *s)
{
    s->len = s->len > 0 ? s->len - 1 : 0;
}

/* What is beyond the order's bits does not count. */
static void digest_longer(struct sample *s)
{
    s->len = MOST_DIGEST;
}

static void digest_none(struct sample *s)
{
    s->len = 0;
}

static void digest_ones(struct sample *s)
{
    memset(s->digest, 0xff, sizeof s->digest);
}

static void other_key(struct sample *s)
{
    ecdsa_generate_keypair(&s->key, &s->secret, NULL, fill);
}

/* The two points whose sum is compared are the same, so that adding them is doubling one; or each other's
 * opposite, whose sum is none. Only who has the secret can make these, and with it other signatures of the
 * same digest that nettle takes; the first kind is valid by SEC 1 section 4.1.4, and nettle 3.8 refuses it.
 */
static void same_points(struct sample *s, bool opposite)
{
    mpz_t a, d, h, r, y;
    mpz_inits(a, d, h, r, y, NULL);
    struct ecc_scalar twice;
    struct ecc_point sum;
    ecc_scalar_init(&twice, s->curve);
    ecc_point_init(&sum, s->curve);
    mpz_set_ui(a, 12345U + next_byte());
    mpz_mul_ui(y, a, 2);
    ck_assert(ecc_scalar_set(&twice, y));
    ecc_point_mul_g(&sum, &twice);
    ecc_point_get(&sum, r, y);
    mpz_mod(s->signature.r, r, s->order);
    ecc_scalar_get(&s->secret, d);
    mpz_invert(y, a, s->order); /* u1 = a, u2 = r/s = a/d */
    mpz_mul(y, y, d);
    if (opposite)
        mpz_neg(y, y);
    mpz_mul(y, y, s->signature.r);
    mpz_mod(s->signature.s, y, s->order);
    mpz_mul(h, a, s->signature.s);
    mpz_mod(h, h, s->order);
    mpz_mul_2exp(h, h, s->size == 66 ? 7 : 0);
    size_t used = (mpz_sizeinbase(h, 2) + 7) / 8;
    memset(s->digest, 0, s->size);
    mpz_export(s->digest + s->size - used, NULL, 1, 1, 1, 0, h);
    s->len = s->size;
    ecc_scalar_clear(&twice);
    ecc_point_clear(&sum);
    mpz_clears(a, d, h, r, y, NULL);
}

static void doubling(struct sample *s)
{
    same_points(s, false);
}

static void opposites(struct sample *s)
{
    same_points(s, true);
}

static const struct {
    const char *name;
    void (*spoil)(struct sample *s);
    enum { GOOD, BAD, EITHER, GOOD_BY_RULE } expected; /* GOOD_BY_RULE: nettle may be mistaken */
    bool beyond; /* no signature has such numbers, or leads to no point: nettle is asked */
} KINDS[] = {
    {"untouched", leave, GOOD, false},
    {"n - s", s_other, GOOD, false},
    {"digest longer", digest_longer, EITHER, false},
    {"r = 0", r_zero, BAD, true},
    {"s = 0", s_zero, BAD, true},
    {"r = 1", r_one, BAD, false},
    {"s = 1", s_one, BAD, false},
    {"r = n", r_order, BAD, false},
    {"s = n", s_order, BAD, false},
    {"r = n - 1", r_last, BAD, false},
    {"s = n - 1", s_last, BAD, false},
    {"r + n", r_plus_order, BAD, true},
    {"s + n", s_plus_order, BAD, true},
    {"-r", r_negative, BAD, true},
    {"-s", s_negative, BAD, true},
    {"r too long", r_too_long, BAD, true},
    {"s too long", s_too_long, BAD, true},
    {"all ones", all_ones, BAD, false},
    {"a bit of r", r_bit, BAD, false},
    {"a bit of s", s_bit, BAD, false},
    {"swapped", swapped, BAD, false},
    {"a bit of the digest", digest_bit, EITHER, false},
    {"digest cut", digest_cut, EITHER, false},
    {"no digest", digest_none, EITHER, false},
    {"digest of ones", digest_ones, EITHER, false},
    {"another key", other_key, BAD, false},
    {"doubling", doubling, GOOD_BY_RULE, false},
    {"opposites", opposites, BAD, true},
};

static void sample_init(struct sample *s, size_t curve)
{
    s->curve = CURVES[curve].get();
    s->size = CURVES[curve].size;
    ecc_point_init(&s->key, s->curve);
    ecc_scalar_init(&s->secret, s->curve);
    dsa_signature_init(&s->signature);
    mpz_init_set_str(s->order, CURVES[curve].order, 16);
    fill(NULL, sizeof s->digest, s->digest);
    s->len = next_byte() % 4 == 0 ? next_byte() % MOST_DIGEST : (size_t[]){20, 32, 48, 64}[next_byte() % 4];
    ecdsa_generate_keypair(&s->key, &s->secret, NULL, fill);
    ecdsa_sign(&s->secret, NULL, fill, s->len, s->digest, &s->signature);
}

static void sample_clear(struct sample *s)
{
    ecc_point_clear(&s->key);
    ecc_scalar_clear(&s->secret);
    dsa_signature_clear(&s->signature);
    mpz_clear(s->order);
}

static void compare(size_t curve, size_t kind)
{
    struct sample s;
    sample_init(&s, curve);
    KINDS[kind].spoil(&s);
    int theirs = nettle_itself(&s.key, s.len, s.digest, &s.signature);
    enum ecdsa_answer ours = ecdsa_check(&s.key, s.len, s.digest, &s.signature);
    const char *what = KINDS[kind].name, *where = CURVES[curve].name;
    int expected = (int)KINDS[kind].expected;
    ck_assert_msg(expected > BAD || theirs == (expected == GOOD), "%s, %s: nettle says %d", where, what,
                  theirs);
    if (expected == GOOD_BY_RULE)
        theirs = ours != ECDSA_UNKNOWN || theirs;
    ck_assert_msg(ours == ECDSA_UNKNOWN || theirs == (ours == ECDSA_VALID),
                  "%s, %s: nettle says %d, libcrypto %d", where, what, theirs, ours == ECDSA_VALID);
    ck_assert_msg(ours != ECDSA_UNKNOWN || KINDS[kind].beyond || !CURVES[curve].answered,
                  "%s, %s: not answered", where, what);
    ck_assert_int_eq(ecdsa_verify(&s.key, s.len, s.digest, &s.signature), theirs); /* as GnuTLS calls it */
    sample_clear(&s);
}

/* --- the tests --- */

/* As long as nobody has prepared it, in this process, nettle does it. */
START_TEST(unprepared)
{
    struct sample s;
    sample_init(&s, 0);
    ck_assert_int_eq(ecdsa_check(&s.key, s.len, s.digest, &s.signature), ECDSA_UNKNOWN);
    ck_assert_int_eq(ecdsa_verify(&s.key, s.len, s.digest, &s.signature), 1);
    sample_clear(&s);
}
END_TEST

static void prepare(void)
{
    state = 1;
    ck_assert(ecdsa_prepare());
    ck_assert(ecdsa_prepare());
}

START_TEST(alike)
{
    for (int round = 0; round < CURVES[_i].rounds; round++) {
        for (size_t kind = 0; kind < ARRAY_LEN(KINDS); kind++)
            compare((size_t)_i, kind);
    }
}
END_TEST

START_TEST(off_curve)
{
    struct sample s;
    sample_init(&s, (size_t)_i);
    s.key.p[0] ^= 2;
    ck_assert_int_eq(ecdsa_check(&s.key, s.len, s.digest, &s.signature), ECDSA_UNKNOWN);
    s.key.p[0] ^= 2; /* which left no trace */
    ck_assert_int_eq(ecdsa_check(&s.key, s.len, s.digest, &s.signature) == ECDSA_REFUSED, 0);
    sample_clear(&s);
}
END_TEST

/* GnuTLS knows these, too. */
START_TEST(other_curves)
{
    const struct ecc_curve *curve = (_i == 0 ? nettle_get_secp_192r1 : nettle_get_secp_224r1)();
    struct sample s;
    sample_init(&s, 0);
    ecc_point_clear(&s.key);
    ecc_scalar_clear(&s.secret);
    ecc_point_init(&s.key, curve);
    ecc_scalar_init(&s.secret, curve);
    ecdsa_generate_keypair(&s.key, &s.secret, NULL, fill);
    ecdsa_sign(&s.secret, NULL, fill, s.len, s.digest, &s.signature);
    ck_assert_int_eq(ecdsa_check(&s.key, s.len, s.digest, &s.signature), ECDSA_UNKNOWN);
    ck_assert_int_eq(ecdsa_verify(&s.key, s.len, s.digest, &s.signature), 1);
    mpz_add_ui(s.signature.s, s.signature.s, 1);
    ck_assert_int_eq(ecdsa_verify(&s.key, s.len, s.digest, &s.signature), 0);
    sample_clear(&s);
}
END_TEST

static void *many(void *samples)
{
    struct sample *s = samples;
    size_t wrong = 0;
    for (size_t i = 0; i < 60; i++) {
        const struct sample *one = &s[i % ARRAY_LEN(CURVES)];
        bool spoilt = i / ARRAY_LEN(CURVES) % 2;
        int good = ecdsa_verify(&one->key, one->len - spoilt, one->digest, &one->signature);
        wrong += good != !spoilt;
    }
    return wrong ? samples : NULL;
}

/* Each thread puts its points into a key of its own. */
START_TEST(threads)
{
    static struct sample sample[THREADS][ARRAY_LEN(CURVES)];
    pthread_t thread[THREADS];
    for (size_t t = 0; t < THREADS; t++) {
        for (size_t c = 0; c < ARRAY_LEN(CURVES); c++) {
            sample_init(&sample[t][c], c);
            sample[t][c].len = 20;
            ecdsa_sign(&sample[t][c].secret, NULL, fill, 20, sample[t][c].digest, &sample[t][c].signature);
        }
    }
    for (size_t t = 0; t < THREADS; t++)
        ck_assert_int_eq(pthread_create(&thread[t], NULL, many, sample[t]), 0);
    for (size_t t = 0; t < THREADS; t++) {
        void *wrong;
        ck_assert_int_eq(pthread_join(thread[t], &wrong), 0);
        ck_assert_ptr_null(wrong);
        for (size_t c = 0; c < ARRAY_LEN(CURVES); c++)
            sample_clear(&sample[t][c]);
    }
}
END_TEST

#else

START_TEST(absent)
{
    ck_assert(!ecdsa_prepare());
    ck_assert_int_eq(ecdsa_check(NULL, 0, NULL, NULL), ECDSA_UNKNOWN);
}
END_TEST

#endif

Suite *suite_ecdsa(void)
{
    Suite *suite = suite_create("ecdsa");
#ifdef HAVE_OWN_ECDSA
    TCase *tc = tcase_create("unprepared"); /* first: without forks what is prepared stays so */
    tcase_add_test(tc, unprepared);
    suite_add_tcase(suite, tc);
    tc = tcase_create("prepared");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, prepare, NULL);
    tcase_add_loop_test(tc, alike, 0, (int)ARRAY_LEN(CURVES));
    tcase_add_loop_test(tc, off_curve, 0, (int)ARRAY_LEN(CURVES));
    tcase_add_loop_test(tc, other_curves, 0, 2);
    tcase_add_test(tc, threads);
#else
    TCase *tc = tcase_create("absent");
    tcase_add_test(tc, absent);
#endif
    suite_add_tcase(suite, tc);
    return suite;
}
