/* Keys that libcrypto signs with: GnuTLS verifies each kind of signature that TLS asks them for. */
#include "suites.h"

#include <gnutls/abstract.h>

#include "base/base.h"
#include "pki/signer.h"

static const struct {
    gnutls_pk_algorithm_t algorithm;
    unsigned bits;
    gnutls_sign_algorithm_t signs[6]; /* 0 ends */
    gnutls_sign_algorithm_t never;
    bool sound; /* it is told that the halves fit */
} KEYS[] = {
    {GNUTLS_PK_ECDSA,
     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
     {GNUTLS_SIGN_ECDSA_SECP256R1_SHA256, GNUTLS_SIGN_ECDSA_SHA256, GNUTLS_SIGN_ECDSA_SHA384,
      GNUTLS_SIGN_ECDSA_SHA512},
     GNUTLS_SIGN_RSA_SHA256,
     true},
    {GNUTLS_PK_ECDSA,
     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1),
     {GNUTLS_SIGN_ECDSA_SECP384R1_SHA384, GNUTLS_SIGN_ECDSA_SHA384},
     GNUTLS_SIGN_RSA_PSS_RSAE_SHA256,
     false},
    {GNUTLS_PK_ECDSA,
     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP521R1),
     {GNUTLS_SIGN_ECDSA_SECP521R1_SHA512, GNUTLS_SIGN_ECDSA_SHA512},
     GNUTLS_SIGN_RSA_SHA512,
     false},
    {GNUTLS_PK_RSA,
     2048,
     {GNUTLS_SIGN_RSA_PSS_RSAE_SHA256, GNUTLS_SIGN_RSA_PSS_RSAE_SHA384, GNUTLS_SIGN_RSA_PSS_RSAE_SHA512,
      GNUTLS_SIGN_RSA_SHA256, GNUTLS_SIGN_RSA_SHA384, GNUTLS_SIGN_RSA_SHA512},
     GNUTLS_SIGN_ECDSA_SHA256,
     false},
};

static const gnutls_datum_t WORDS = {(unsigned char *)(uintptr_t) "words", 5};

static gnutls_privkey_t generate(gnutls_pk_algorithm_t algorithm, unsigned bits)
{
    gnutls_privkey_t key;
    ck_assert_int_eq(gnutls_privkey_init(&key), 0);
    ck_assert_int_eq(gnutls_privkey_generate2(key, algorithm, bits, 0, NULL, 0), 0);
    return key;
}

static void expect_signature(gnutls_privkey_t signer, gnutls_pubkey_t of, gnutls_sign_algorithm_t how)
{
    gnutls_datum_t signature = {0};
    ck_assert_int_eq(gnutls_privkey_sign_data2(signer, how, 0, &WORDS, &signature), 0);
    ck_assert_msg(gnutls_pubkey_verify_data2(of, how, 0, &WORDS, &signature) >= 0, "%s",
                  gnutls_sign_get_name(how));
    signature.data[signature.size / 2] ^= 1;
    ck_assert_int_lt(gnutls_pubkey_verify_data2(of, how, 0, &WORDS, &signature), 0);
    gnutls_free(signature.data);
}

START_TEST(signs)
{
    gnutls_privkey_t key = generate(KEYS[_i].algorithm, KEYS[_i].bits);
    bool sound;
    gnutls_privkey_t signer = signer_new(key, &sound);
    gnutls_pubkey_t public_key;
    unsigned bits, expected;
    ck_assert_int_eq(gnutls_pubkey_init(&public_key), 0);
    ck_assert_int_eq(gnutls_pubkey_import_privkey(public_key, key, 0, 0), 0);
    ck_assert_int_eq(signer != NULL, signer_library() != NULL);
    ck_assert_int_eq(sound, signer && KEYS[_i].sound);
    gnutls_privkey_get_pk_algorithm(key, &expected);
    gnutls_privkey_deinit(key); /* the signer has a copy */
    if (signer) {
        gnutls_datum_t none = {0};
        ck_assert_int_eq(gnutls_privkey_get_pk_algorithm(signer, &bits), KEYS[_i].algorithm);
        ck_assert_uint_eq(bits, expected);
        for (size_t i = 0; i < ARRAY_LEN(KEYS[_i].signs) && KEYS[_i].signs[i]; i++)
            expect_signature(signer, public_key, KEYS[_i].signs[i]);
        ck_assert_int_lt(gnutls_privkey_sign_data2(signer, KEYS[_i].never, 0, &WORDS, &none), 0);
        gnutls_privkey_deinit(signer);
    }
    gnutls_pubkey_deinit(public_key);
}
END_TEST

START_TEST(others)
{
    gnutls_privkey_t key = generate(GNUTLS_PK_EDDSA_ED25519, 0);
    bool sound = true;
    ck_assert_ptr_null(signer_new(key, &sound));
    ck_assert(!sound);
    gnutls_privkey_deinit(key);
}
END_TEST

/* A key whose two halves are of different keys. */
START_TEST(mixed)
{
    gnutls_privkey_t one = generate(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1));
    gnutls_privkey_t other = generate(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1));
    gnutls_privkey_t key;
    gnutls_ecc_curve_t curve;
    gnutls_datum_t x, y, secret, other_x, other_y, other_secret;
    bool sound = true;
    ck_assert_int_eq(gnutls_privkey_export_ecc_raw2(one, &curve, &x, &y, &secret, 0), 0);
    ck_assert_int_eq(gnutls_privkey_export_ecc_raw2(other, &curve, &other_x, &other_y, &other_secret, 0), 0);
    ck_assert_int_eq(gnutls_privkey_init(&key), 0);
    int rc = gnutls_privkey_import_ecc_raw(key, curve, &x, &y, &other_secret);
    if (rc >= 0) {
        gnutls_privkey_t signer = signer_new(key, &sound);
        ck_assert(!sound);
        if (signer)
            gnutls_privkey_deinit(signer);
    }
    gnutls_datum_t *parts[] = {&x, &y, &secret, &other_x, &other_y, &other_secret};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        gnutls_free(parts[i]->data);
    gnutls_privkey_deinit(key);
    gnutls_privkey_deinit(one);
    gnutls_privkey_deinit(other);
}
END_TEST

Suite *suite_signer(void)
{
    Suite *suite = suite_create("signer");
    TCase *tc = tcase_create("signer");
    tcase_add_loop_test(tc, signs, 0, (int)ARRAY_LEN(KEYS));
    tcase_add_test(tc, others);
    tcase_add_test(tc, mixed);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    return suite;
}
