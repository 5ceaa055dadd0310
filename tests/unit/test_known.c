/* Keys of certificates that GnuTLS has read before are what it would read again. */
#include "suites.h"

#include <gnutls/abstract.h>
#include <stdlib.h>
#include <string.h>

#include "../tools/mkchain.h"
#include "tls/known.h"

static struct known *known;

static void begin(void)
{
    known = calloc(1, sizeof *known);
    ck_assert_ptr_nonnull(known);
    known_enter(known);
}

static void end(void)
{
    known_leave();
    free(known);
}

static struct mk_pair make(gnutls_pk_algorithm_t algorithm, unsigned usage, gnutls_datum_t *der)
{
    struct mk_spec spec = {
        .dn = "CN=alice", .path_len = -1, .not_before = 1700000000, .not_after = 2100000000};
    struct mk_pair pair = mk_make(&spec, NULL);
    gnutls_privkey_t signer;
    gnutls_x509_privkey_deinit(pair.key);
    gnutls_x509_privkey_init(&pair.key);
    unsigned bits = algorithm == GNUTLS_PK_RSA ? 2048 : GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
    ck_assert_int_eq(gnutls_x509_privkey_generate(pair.key, algorithm, bits, 0), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_key(pair.crt, pair.key), 0);
    if (usage)
        ck_assert_int_eq(gnutls_x509_crt_set_key_usage(pair.crt, usage), 0);
    gnutls_privkey_init(&signer);
    ck_assert_int_eq(gnutls_privkey_import_x509(signer, pair.key, 0), 0);
    ck_assert_int_eq(gnutls_x509_crt_privkey_sign(pair.crt, pair.crt, signer, GNUTLS_DIG_SHA256, 0), 0);
    gnutls_privkey_deinit(signer);
    ck_assert_int_eq(gnutls_x509_crt_export2(pair.crt, GNUTLS_X509_FMT_DER, der), 0);
    return pair;
}

static void expect_same(const gnutls_pcert_st *a, const gnutls_pcert_st *b)
{
    unsigned bits[2], usage[2];
    gnutls_datum_t key[2];
    ck_assert_int_eq(a->type, b->type);
    ck_assert_uint_eq(a->cert.size, b->cert.size);
    ck_assert(a->cert.size == 0 || memcmp(a->cert.data, b->cert.data, a->cert.size) == 0);
    ck_assert_int_eq(gnutls_pubkey_get_pk_algorithm(a->pubkey, &bits[0]),
                     gnutls_pubkey_get_pk_algorithm(b->pubkey, &bits[1]));
    ck_assert_uint_eq(bits[0], bits[1]);
    ck_assert_int_eq(gnutls_pubkey_get_key_usage(a->pubkey, &usage[0]), 0);
    ck_assert_int_eq(gnutls_pubkey_get_key_usage(b->pubkey, &usage[1]), 0);
    ck_assert_uint_eq(usage[0], usage[1]);
    ck_assert_int_eq(gnutls_pubkey_export2(a->pubkey, GNUTLS_X509_FMT_DER, &key[0]), 0);
    ck_assert_int_eq(gnutls_pubkey_export2(b->pubkey, GNUTLS_X509_FMT_DER, &key[1]), 0);
    ck_assert(key[0].size == key[1].size && memcmp(key[0].data, key[1].data, key[0].size) == 0);
    gnutls_free(key[0].data);
    gnutls_free(key[1].data);
}

static void expect_verifies(const gnutls_pcert_st *with, gnutls_x509_privkey_t by)
{
    gnutls_datum_t text = {(unsigned char *)(uintptr_t) "text", 4}, signature;
    gnutls_privkey_t signer;
    gnutls_privkey_init(&signer);
    ck_assert_int_eq(gnutls_privkey_import_x509(signer, by, 0), 0);
    ck_assert_int_eq(gnutls_privkey_sign_data2(signer, GNUTLS_SIGN_ECDSA_SHA256, 0, &text, &signature), 0);
    ck_assert_int_ge(gnutls_pubkey_verify_data2(with->pubkey, GNUTLS_SIGN_ECDSA_SHA256, 0, &text, &signature),
                     0);
    text.size--;
    ck_assert_int_lt(gnutls_pubkey_verify_data2(with->pubkey, GNUTLS_SIGN_ECDSA_SHA256, 0, &text, &signature),
                     0);
    gnutls_free(signature.data);
    gnutls_privkey_deinit(signer);
}

static void read_and_add(const gnutls_datum_t *der, unsigned flags, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        gnutls_pcert_st made;
        ck_assert_int_eq(gnutls_pcert_import_x509_raw(&made, der, GNUTLS_X509_FMT_DER, flags), 0);
        known_add(&made, der, flags);
        gnutls_pcert_deinit(&made);
    }
}

static const unsigned USAGES[] = {0, GNUTLS_KEY_DIGITAL_SIGNATURE, GNUTLS_KEY_KEY_AGREEMENT};

START_TEST(the_same_as_read)
{
    static const unsigned FLAGS[] = {0, GNUTLS_PCERT_NO_CERT};
    gnutls_datum_t der;
    struct mk_pair pair = make(GNUTLS_PK_ECDSA, USAGES[_i], &der);
    gnutls_pcert_st read, copied;
    known_leave();
    gnutls_pcert_st fresh[ARRAY_LEN(FLAGS)];
    for (size_t i = 0; i < ARRAY_LEN(FLAGS); i++)
        ck_assert_int_eq(gnutls_pcert_import_x509_raw(&fresh[i], &der, GNUTLS_X509_FMT_DER, FLAGS[i]), 0);
    known_enter(known);
    ck_assert(!known_import(&copied, &der, 0));
    for (size_t i = 0; i < ARRAY_LEN(FLAGS); i++) {
        read_and_add(&der, FLAGS[i], 2);
        ck_assert(!known_import(&copied, &der, FLAGS[!i]));
        ck_assert(known_import(&copied, &der, FLAGS[i]));
        expect_same(&fresh[i], &copied);
        expect_verifies(&copied, pair.key);
        gnutls_pcert_deinit(&copied);
        ck_assert_int_eq(gnutls_pcert_import_x509_raw(&read, &der, GNUTLS_X509_FMT_DER, FLAGS[i]), 0);
        expect_same(&fresh[i], &read);
        gnutls_pcert_deinit(&read);
        gnutls_pcert_deinit(&fresh[i]);
    }
    gnutls_free(der.data);
    mk_free(&pair);
}
END_TEST

/* One octet is another, wherever: it is another certificate. */
START_TEST(no_other_certificate)
{
    gnutls_datum_t der;
    struct mk_pair pair = make(GNUTLS_PK_ECDSA, 0, &der);
    gnutls_pcert_st copied;
    read_and_add(&der, 0, 2);
    for (unsigned i = 0; i < der.size; i++) {
        der.data[i] ^= 1;
        ck_assert(!known_import(&copied, &der, 0));
        der.data[i] ^= 1;
    }
    der.size--;
    ck_assert(!known_import(&copied, &der, 0));
    der.size++;
    ck_assert(known_import(&copied, &der, 0));
    gnutls_pcert_deinit(&copied);

    /* The same place and mark, by somebody who chose them: each has its own key, whoever came last. */
    gnutls_datum_t other;
    struct mk_pair pair2 = make(GNUTLS_PK_ECDSA, 0, &other);
    gnutls_pcert_st made;
    ck_assert_int_eq(gnutls_pcert_import_x509_raw(&made, &other, GNUTLS_X509_FMT_DER, 0), 0);
    memcpy(other.data + other.size - 8, der.data + der.size - 8, 8);
    known_add(&made, &other, 0);
    gnutls_pcert_deinit(&made);
    ck_assert(!known_import(&copied, &der, 0));
    ck_assert(known_import(&copied, &other, 0));
    expect_verifies(&copied, pair2.key);
    gnutls_pcert_deinit(&copied);
    gnutls_free(other.data);
    mk_free(&pair2);
    gnutls_free(der.data);
    mk_free(&pair);
}
END_TEST

START_TEST(what_is_not_kept)
{
    gnutls_datum_t der;
    gnutls_pcert_st copied;
    struct mk_pair pair = make(GNUTLS_PK_RSA, 0, &der);
    read_and_add(&der, 0, 3);
    ck_assert(!known_import(&copied, &der, 0));
    gnutls_free(der.data);
    mk_free(&pair);

    static unsigned char large[KNOWN_MOST_BYTES + 1], small[7];
    ck_assert(!known_import(&copied, &(gnutls_datum_t){large, sizeof large}, 0));
    ck_assert(!known_import(&copied, &(gnutls_datum_t){small, sizeof small}, 0));
    ck_assert(!known_import(&copied, &(gnutls_datum_t){small, 0}, 0));

    pair = make(GNUTLS_PK_ECDSA, 0, &der);
    known_leave(); /* a thread that is no worker */
    read_and_add(&der, 0, 3);
    ck_assert(!known_import(&copied, &der, 0));
    known_enter(known);
    ck_assert(!known_import(&copied, &der, 0));
    gnutls_free(der.data);
    mk_free(&pair);
}
END_TEST

Suite *suite_known(void)
{
    Suite *suite = suite_create("known");
    TCase *tc = tcase_create("known");
    tcase_add_checked_fixture(tc, begin, end);
    tcase_add_loop_test(tc, the_same_as_read, 0, ARRAY_LEN(USAGES));
    tcase_add_test(tc, no_other_certificate);
    tcase_add_test(tc, what_is_not_kept);
    suite_add_tcase(suite, tc);
    return suite;
}
