/* How sets of certificates, chain and key are put together out of what files hold, and which of them a client
 * gets. */
#include "suites.h"

#include <gnutls/pkcs7.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "listener_fixture.h"

/* --- files and chains --- */

START_TEST(chains)
{
    const struct mk_pair *const chain[] = {&lf.leaf, &lf.intermediate};
    lf_add_key(&lf.leaf);
    lf_add_crts(2, &lf.leaf, &lf.intermediate);
    lf_expect_chain(2, chain);
    ck_assert_int_eq(creds_not_after(lf.creds), LF_NOW + 100 * (time_t)LF_DAY);
    lf_forget_files();

    lf_add_crts(3, &lf.leaf, &lf.intermediate, &lf.root); /* the root does not go out */
    lf_add_key(&lf.leaf);
    lf_expect_chain(2, chain);
    lf_forget_files();

    lf_add_crt(&lf.leaf);
    lf_add_key(&lf.leaf);
    lf_expect_chain(1, chain);
    lf_forget_files();

    struct mk_pair own = lf_make("CN=own,O=creds", 0, NULL, "localhost");
    const struct mk_pair *const alone[] = {&own};
    lf_add_crt(&own);
    lf_add_key(&own);
    lf_expect_chain(1, alone);
    mk_free(&own);
    lf_forget_files();

    lf_add_crt(&lf.leaf); /* as some CAs deliver: alone and with its chain */
    lf_add_crts(2, &lf.leaf, &lf.intermediate);
    lf_add_key(&lf.leaf);
    lf_add_key(&lf.leaf);
    lf_expect_chain(2, chain);
}
END_TEST

START_TEST(two_sets_share_an_issuer)
{
    size_t n;
    lf_add_crts(2, &lf.leaf, &lf.intermediate);
    lf_add_crts(2, &lf.other, &lf.intermediate);
    lf_add_key(&lf.other);
    lf_add_key(&lf.leaf);
    ck_assert_int_eq(lf_load(), 0);
    ck_assert_msg(!lf.findings.data, "%s", lf.findings.data);
    const struct certinfo *const *leaves = creds_leaves(lf.creds, &n);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(leaves[0]->subject.text, "CN=leaf,O=creds"); /* as the certificates come, not the keys */
    ck_assert_str_eq(leaves[1]->subject.text, "CN=other,O=creds");
    ck_assert(creds_several(lf.creds));
    struct creds_offer offer = {.server_name = "other.example", .kinds = ~0u};
    struct creds_choice choice;
    creds_choose(lf.creds, &offer, &choice);
    ck_assert_uint_eq(choice.n, 2);
}
END_TEST

/* Two CAs of one name: the one whose key signed; of two with the same key the one that lasts longer. */
START_TEST(which_issuer)
{
    struct mk_pair namesake = lf_make("CN=intermediate,O=creds", MK_CA | MK_NO_SKI, &lf.root, NULL);
    struct mk_pair bare = lf_make("CN=bare,O=creds", MK_NO_AKI, &lf.intermediate, "localhost");
    for (int first = 0; first < 2; first++) {
        lf_add_crt(&bare);
        lf_add_crt(first ? &namesake : &lf.intermediate);
        lf_add_crt(first ? &lf.intermediate : &namesake);
        lf_add_key(&bare);
        ck_assert_int_eq(lf_load(), 0);
        lf_expect_only(first ? "warning 2:" : "warning 3:", "belongs to no chain here");
        struct creds_offer offer = {.server_name = ""};
        struct creds_choice choice;
        creds_choose(lf.creds, &offer, &choice);
        ck_assert_uint_eq(choice.n, 2);
        gnutls_datum_t der = mk_der(lf.intermediate.crt);
        ck_assert_int_eq(memcmp(choice.pcert[1].cert.data, der.data, der.size), 0);
        gnutls_free(der.data);
        lf_forget_files();
    }
    ck_assert_int_ge(gnutls_x509_crt_set_expiration_time(namesake.crt, LF_NOW + 2000 * (time_t)LF_DAY), 0);
    lf_sign_for(&namesake, lf.intermediate.key, &lf.root);
    for (int first = 0; first < 2; first++) {
        lf_add_crt(&bare);
        lf_add_crt(first ? &namesake : &lf.intermediate);
        lf_add_crt(first ? &lf.intermediate : &namesake);
        lf_add_key(&bare);
        ck_assert_int_eq(lf_load(), 0);
        struct creds_offer offer = {.server_name = ""};
        struct creds_choice choice;
        creds_choose(lf.creds, &offer, &choice);
        gnutls_datum_t der = mk_der(namesake.crt);
        ck_assert_uint_eq(choice.pcert[1].cert.size, der.size);
        ck_assert_int_eq(memcmp(choice.pcert[1].cert.data, der.data, der.size), 0);
        gnutls_free(der.data);
        lf_forget_files();
    }
    mk_free(&namesake);
    mk_free(&bare);
}
END_TEST

/* RFC 5280 section 7.1: neither letters nor blanks make another name, and another name is another issuer. */
START_TEST(issuer_by_letters)
{
    static const struct {
        const char *dn;
        bool same;
    } ROWS[] = {{"CN=INTERMEDIATE,O=Creds", true},
                {"CN=intermediate,O=  creds ", true},
                {"CN=inter mediate,O=creds", false},
                {"CN=intermediate,O=creds,C=DE", false},
                {"O=creds,CN=intermediate", false}};
    struct mk_pair bare = lf_make("CN=bare,O=creds", MK_NO_AKI, &lf.intermediate, "localhost");
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct mk_pair other = lf_make(ROWS[i].dn, MK_CA | MK_NO_SKI, &lf.root, NULL);
        struct creds_offer offer = {.server_name = ""};
        struct creds_choice choice;
        lf_sign_for(&other, lf.intermediate.key, &lf.root);
        lf_add_crts(2, &bare, &other);
        lf_add_key(&bare);
        ck_assert_int_eq(lf_load(), 0);
        creds_choose(lf.creds, &offer, &choice);
        ck_assert_msg(choice.n == (ROWS[i].same ? 2 : 1), "%s: %u", ROWS[i].dn, choice.n);
        lf_forget_files();
        mk_free(&other);
    }
    mk_free(&bare);
}
END_TEST

/* An issuer whose name has other bytes and is the same: a string of another kind. */
START_TEST(issuer_by_meaning)
{
    static const char UTF8_STRING[] =
        "\x0c\x0cintermediate"; /* GnuTLS makes a PrintableString of it by itself */
    struct mk_pair other = lf_make("O=creds", MK_CA | MK_NO_SKI, &lf.root, NULL);
    ck_assert_int_ge(gnutls_x509_crt_set_dn_by_oid(other.crt, GNUTLS_OID_X520_COMMON_NAME, 1, UTF8_STRING,
                                                   sizeof UTF8_STRING - 1),
                     0);
    lf_sign_for(&other, lf.intermediate.key, &lf.root);
    struct mk_pair bare = lf_make("CN=bare,O=creds", MK_NO_AKI, &lf.intermediate, "localhost");
    const struct mk_pair *const chain[] = {&bare, &other};
    lf_add_crts(2, &bare, &other);
    lf_add_key(&bare);
    lf_expect_chain(2, chain);
    mk_free(&other);
    mk_free(&bare);
}
END_TEST

/* Two roots that signed each other: neither is self-signed, and the chain ends all the same. */
START_TEST(cross_signed)
{
    struct mk_pair a = lf_make("CN=A,O=creds", MK_CA, NULL, NULL),
                   b = lf_make("CN=B,O=creds", MK_CA, NULL, NULL);
    struct mk_spec spec = {.dn = "CN=A,O=creds",
                           .flags = MK_CA | MK_NO_SKI,
                           .path_len = -1,
                           .not_before = LF_NOW - LF_DAY,
                           .not_after = LF_NOW + 50 * LF_DAY};
    struct mk_pair a_by_b = mk_make(&spec, &b);
    spec.dn = "CN=B,O=creds";
    struct mk_pair b_by_a = mk_make(&spec, &a);
    /* Each with the key of its root. */
    unsigned char id[64];
    size_t len = sizeof id;
    ck_assert_int_ge(gnutls_x509_crt_get_key_id(a.crt, 0, id, &len), 0);
    ck_assert_int_ge(gnutls_x509_crt_set_subject_key_id(a_by_b.crt, id, len), 0);
    lf_sign_for(&a_by_b, a.key, &b);
    len = sizeof id;
    ck_assert_int_ge(gnutls_x509_crt_get_key_id(b.crt, 0, id, &len), 0);
    ck_assert_int_ge(gnutls_x509_crt_set_subject_key_id(b_by_a.crt, id, len), 0);
    lf_sign_for(&b_by_a, b.key, &a);
    struct mk_pair end = lf_make("CN=end,O=creds", 0, &a, "localhost");
    const struct mk_pair *const chain[] = {&end, &a_by_b, &b_by_a};
    lf_add_crt(&end);
    lf_add_crt(&a_by_b);
    lf_add_crt(&b_by_a);
    lf_add_key(&end);
    lf_expect_chain(3, chain);
    lf_add_crt(&a); /* one that has to be sent is better than the root, which need not */
    ck_assert_int_eq(lf_load(), 0);
    struct creds_offer offer = {.server_name = ""};
    struct creds_choice choice;
    creds_choose(lf.creds, &offer, &choice);
    ck_assert_uint_eq(choice.n, 3);
    mk_free(&a);
    mk_free(&b);
    mk_free(&a_by_b);
    mk_free(&b_by_a);
    mk_free(&end);
}
END_TEST

/* --- mistakes --- */

START_TEST(unreadable)
{
    lf_add_crt(&lf.leaf);
    lf_add_bytes("nonsense", 8);
    lf_add_key(&lf.leaf);
    lf_add_bytes("", 0);
    unlink(lf.file[2].text);
    ck_assert_int_lt(lf_load(), 0);
    ck_assert_uint_eq(lf_count_findings(), 3); /* all at once */
    lf_expect_finding("error 2:", "is no certificate");
    lf_expect_finding("error 3:", "No such file");
    lf_expect_finding("error 4:", "is empty");
}
END_TEST

START_TEST(unused)
{
    lf_add_crt(&lf.leaf);
    lf_add_crt(&lf.intermediate);
    lf_add_key(&lf.leaf);
    struct mk_pair stranger = lf_make("CN=stranger,O=creds", MK_CA, NULL, NULL);
    lf_add_crt(&stranger);
    ck_assert_int_eq(lf_load(), 0);
    lf_expect_only("warning 4:", "belongs to no chain here: leave it out");
    mk_free(&stranger);
}
END_TEST

START_TEST(useless_keys)
{
    static const struct {
        gnutls_pk_algorithm_t algorithm;
        unsigned bits;
    } ROWS[] = {
        {GNUTLS_PK_EDDSA_ED448, 0},
        {GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP224R1)},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct mk_pair odd = lf_make("CN=odd,O=creds", 0, &lf.intermediate, "localhost");
        lf_rekey(&odd, ROWS[i].algorithm, ROWS[i].bits, &lf.intermediate);
        lf_add_crts(2, &odd, &lf.intermediate);
        lf_add_key(&odd);
        ck_assert_int_eq(lf_load(), ERR_CRYPTO);
        lf_expect_only("error 1:", "of a kind that TLS does not use here: ECDSA with P-256 is good");
        mk_free(&odd);
        lf_forget_files();
    }
}
END_TEST

/* A key whose public half is that of the certificate and whose private half is not. */
START_TEST(inconsistent_key)
{
    gnutls_ecc_curve_t curve;
    gnutls_datum_t x, y, k, x2, y2, k2;
    ck_assert_int_ge(gnutls_x509_privkey_export_ecc_raw(lf.leaf.key, &curve, &x, &y, &k), 0);
    ck_assert_int_ge(gnutls_x509_privkey_export_ecc_raw(lf.root.key, &curve, &x2, &y2, &k2), 0);
    struct mk_pair torn = {.crt = lf.leaf.crt};
    ck_assert_int_ge(gnutls_x509_privkey_init(&torn.key), 0);
    if (gnutls_x509_privkey_import_ecc_raw(torn.key, curve, &x, &y, &k2) >= 0) {
        lf_add_crts(2, &lf.leaf, &lf.intermediate);
        gnutls_datum_t pem;
        ck_assert_int_ge(gnutls_x509_privkey_export2(torn.key, GNUTLS_X509_FMT_PEM, &pem), 0);
        lf_add_bytes(pem.data, pem.size);
        gnutls_free(pem.data);
        ck_assert_int_eq(lf_load(), ERR_CRYPTO);
        lf_expect_only("error 1:", "with the key in");
    }
    gnutls_x509_privkey_deinit(torn.key);
    gnutls_datum_t *all[] = {&x, &y, &k, &x2, &y2, &k2};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        gnutls_free(all[i]->data);
}
END_TEST

/* --- lint --- */

START_TEST(lint_no_ca)
{
    struct mk_pair no_ca = lf_make("CN=no CA,O=creds", 0, &lf.root, NULL);
    struct mk_pair below = lf_make("CN=below,O=creds", 0, &no_ca, "localhost");
    lf_add_crts(2, &below, &no_ca);
    lf_add_key(&below);
    lf_lint();
    lf_expect_only("warning 1:", "CN=no CA,O=creds in its chain is no CA");
    mk_free(&no_ca);
    mk_free(&below);
    lf_forget_files();

    struct mk_pair own =
        lf_make("CN=own,O=creds", MK_SHA1, NULL, "localhost"); /* nobody looks at that signature */
    lf_add_crt(&own);
    lf_add_key(&own);
    lf_lint();
    lf_expect_only("warning 1:", "is self-signed");
    mk_free(&own);
}
END_TEST

/* Whose order is nobody's choice. */
START_TEST(lint_pkcs7)
{
    gnutls_pkcs7_t pkcs7;
    gnutls_datum_t pem;
    ck_assert_int_ge(gnutls_pkcs7_init(&pkcs7), 0);
    ck_assert_int_ge(gnutls_pkcs7_set_crt(pkcs7, lf.intermediate.crt), 0);
    ck_assert_int_ge(gnutls_pkcs7_set_crt(pkcs7, lf.leaf.crt), 0);
    ck_assert_int_ge(gnutls_pkcs7_export2(pkcs7, GNUTLS_X509_FMT_PEM, &pem), 0);
    gnutls_pkcs7_deinit(pkcs7);
    lf_add_bytes(pem.data, pem.size);
    gnutls_free(pem.data);
    lf_add_key(&lf.leaf);
    lf_lint();
    ck_assert_msg(!lf.findings.data, "%s", lf.findings.data);
}
END_TEST

/* --- choosing --- */

/* As they stand in a hello. */
static struct creds_list numbers(uint8_t *room, size_t n, const uint16_t *v)
{
    for (size_t i = 0; i < n; i++) {
        room[2 * i] = (uint8_t)(v[i] >> 8);
        room[2 * i + 1] = (uint8_t)v[i];
    }
    return (struct creds_list){room, 2 * n};
}

enum { MOST_NUMBERS = 16 };

static const char *choose_among(const char *server_name, unsigned kinds)
{
    struct creds_offer offer = {.server_name = server_name, .kinds = kinds};
    struct creds_choice choice;
    creds_choose(lf.creds, &offer, &choice);
    gnutls_x509_crt_t crt;
    static char dn[128];
    size_t len = sizeof dn;
    ck_assert_int_ge(gnutls_x509_crt_init(&crt), 0);
    ck_assert_int_ge(gnutls_x509_crt_import(crt, &choice.pcert[0].cert, GNUTLS_X509_FMT_DER), 0);
    ck_assert_int_ge(gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, dn, &len), 0);
    gnutls_x509_crt_deinit(crt);
    /* The key is that of the certificate: what it signs, the certificate verifies. */
    gnutls_pubkey_t of = choice.pcert[0].pubkey;
    gnutls_datum_t words = {(unsigned char *)dn, (unsigned)len}, signature = {0};
    int algorithm = gnutls_pubkey_get_pk_algorithm(of, NULL);
    gnutls_sign_algorithm_t how = algorithm == GNUTLS_PK_EDDSA_ED25519 ? GNUTLS_SIGN_EDDSA_ED25519
                                  : algorithm == GNUTLS_PK_RSA         ? GNUTLS_SIGN_RSA_SHA256
                                                                       : GNUTLS_SIGN_ECDSA_SHA256;
    ck_assert_int_ge(gnutls_privkey_sign_data2(choice.key, how, 0, &words, &signature), 0);
    ck_assert_int_ge(gnutls_pubkey_verify_data2(of, how, 0, &words, &signature), 0);
    gnutls_free(signature.data);
    return dn;
}

static const char *choose(const char *server_name, bool tls13, size_t n_signatures,
                          const uint16_t *signatures, size_t n_suites, const uint16_t *suites)
{
    uint8_t room[2][2 * MOST_NUMBERS];
    struct creds_hello hello = {.signature_algorithms = numbers(room[0], n_signatures, signatures),
                                .cipher_suites = numbers(room[1], n_suites, suites)};
    return choose_among(server_name, creds_kinds(&hello, tls13));
}

static const uint16_t ALL[] = {0x0403, 0x0804, 0x0401, 0x0503, 0x0603, 0x0807},
                      ONLY_RSA[] = {0x0804, 0x0805, 0x0806, 0x0401}, ONLY_PKCS1[] = {0x0401, 0x0501, 0x0601},
                      ONLY_P384[] = {0x0503}, ONLY_ED[] = {0x0807}, GREASE[] = {0x0a0a, 0x0808},
                      BOTH_SUITES[] = {0x1301, 0xc02b, 0xc02f}, RSA_SUITES[] = {0xc02f, 0xc030},
                      ECDSA_SUITES[] = {0xcca9};
#define LIST(list) sizeof(list) / sizeof((list)[0]), list

START_TEST(choose_by_kind)
{
    struct mk_pair rsa = lf_make("CN=rsa", MK_RSA_1024, &lf.intermediate, "localhost"),
                   ec = lf_make("CN=ec", 0, &lf.intermediate, "localhost"),
                   p384 = lf_make("CN=p384", 0, &lf.intermediate, "localhost"),
                   ed = lf_make("CN=ed", 0, &lf.intermediate, "localhost");
    lf_rekey(&p384, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1), &lf.intermediate);
    lf_rekey(&ed, GNUTLS_PK_EDDSA_ED25519, 0, &lf.intermediate);
    struct mk_pair *all[] = {&rsa, &p384, &ed, &ec};
    for (size_t i = 0; i < 4; i++) {
        lf_add_crt(all[i]);
        lf_add_key(all[i]);
    }
    lf_add_crt(&lf.intermediate);
    ck_assert_int_eq(lf_load(), 0);
    static const char *const NAMES[] = {"", "localhost", "LOCALhost", "unknown.example"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        const char *name = NAMES[i];
        ck_assert_str_eq(choose(name, true, LIST(ALL), LIST(BOTH_SUITES)), "ec");
        ck_assert_str_eq(choose(name, true, LIST(ONLY_RSA), LIST(BOTH_SUITES)), "rsa");
        ck_assert_str_eq(choose(name, true, LIST(ONLY_P384), LIST(BOTH_SUITES)), "p384");
        ck_assert_str_eq(choose(name, true, LIST(ONLY_ED), LIST(BOTH_SUITES)), "ed");
        /* In TLS 1.3 a hash belongs to a curve, and suites say nothing of certificates. */
        ck_assert_str_eq(choose(name, true, LIST(ONLY_P384), LIST(RSA_SUITES)), "p384");
        ck_assert_str_eq(choose(name, false, LIST(ONLY_P384), LIST(BOTH_SUITES)), "ec");
        ck_assert_str_eq(choose(name, false, LIST(ALL), LIST(BOTH_SUITES)), "ec");
        ck_assert_str_eq(choose(name, false, LIST(ALL), LIST(RSA_SUITES)), "rsa");
        ck_assert_str_eq(choose(name, false, LIST(ALL), LIST(ECDSA_SUITES)), "ec");
        ck_assert_str_eq(choose(name, false, LIST(ONLY_RSA), LIST(BOTH_SUITES)), "rsa");
        ck_assert_str_eq(choose(name, false, LIST(ONLY_PKCS1), LIST(BOTH_SUITES)), "rsa");
        ck_assert_str_eq(choose(name, false, LIST(ONLY_ED), LIST(BOTH_SUITES)), "ed");
        /* When it can use none the handshake fails, with whatever was configured first. */
        ck_assert_str_eq(choose(name, true, LIST(GREASE), LIST(BOTH_SUITES)), "rsa");
        ck_assert_str_eq(choose(name, true, LIST(ONLY_PKCS1), LIST(BOTH_SUITES)), "rsa");
        ck_assert_str_eq(choose(name, true, 0, NULL, 0, NULL), "rsa");
    }
    for (size_t i = 0; i < 4; i++)
        mk_free(all[i]);
}
END_TEST

/* Below TLS 1.3 the curve of an ECDSA key has to be one of the groups, where there are any. */
START_TEST(choose_by_curve)
{
    static const uint16_t P256[] = {23}, P384[] = {24, 29}, X25519[] = {29}, P521[] = {0x0a0a, 25};
    static const struct {
        size_t n;
        const uint16_t *groups;
        const char *tls12, *without_ed;
    } ROWS[] = {
        {1, P256, "ec", "ec"},  {2, P384, "ed", "p384"}, {1, X25519, "ed", "rsa"},
        {2, P521, "ed", "rsa"}, {0, P256, "ed", "rsa"},
    };
    struct mk_pair rsa = lf_make("CN=rsa", MK_RSA_1024, &lf.intermediate, "localhost"),
                   ec = lf_make("CN=ec", 0, &lf.intermediate, "localhost"),
                   p384 = lf_make("CN=p384", 0, &lf.intermediate, "localhost"),
                   ed = lf_make("CN=ed", 0, &lf.intermediate, "localhost");
    lf_rekey(&p384, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1), &lf.intermediate);
    lf_rekey(&ed, GNUTLS_PK_EDDSA_ED25519, 0, &lf.intermediate);
    struct mk_pair *all[] = {&rsa, &p384, &ed, &ec};
    for (size_t i = 0; i < 4; i++) {
        lf_add_crt(all[i]);
        lf_add_key(all[i]);
    }
    lf_add_crt(&lf.intermediate);
    ck_assert_int_eq(lf_load(), 0);
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        uint8_t room[3][2 * MOST_NUMBERS];
        struct creds_hello hello = {.signature_algorithms = numbers(room[0], LIST(ALL)),
                                    .cipher_suites = numbers(room[1], LIST(BOTH_SUITES)),
                                    .groups = numbers(room[2], ROWS[i].n, ROWS[i].groups),
                                    .has_groups = true};
        ck_assert_str_eq(choose_among("localhost", creds_kinds(&hello, false)), ROWS[i].tls12);
        ck_assert_str_eq(choose_among("localhost", creds_kinds(&hello, true)), "ec");
        hello.signature_algorithms = numbers(room[0], sizeof ALL / sizeof ALL[0] - 1, ALL);
        ck_assert_str_eq(choose_among("localhost", creds_kinds(&hello, false)), ROWS[i].without_ed);
        hello.has_groups = false;
        ck_assert_str_eq(choose_among("localhost", creds_kinds(&hello, false)), "ec");
    }
    for (size_t i = 0; i < 4; i++)
        mk_free(all[i]);
}
END_TEST

START_TEST(choose_by_name)
{
    static const struct {
        const char *dn, *san;
        unsigned flags;
    } SETS[] = {
        {"CN=first", "first.example", MK_RSA_1024},
        {"CN=second", "Second.Example", 0},
        {"CN=wild", "*.example", 0},
        {"CN=deep", "*.deep.example", 0},
        {"CN=www", "www.deep.example", MK_RSA_1024},
    };
    static const struct {
        const char *name, *rsa_and_ec, *only_rsa, *only_ec;
    } ROWS[] = {
        {"first.example", "first", "first", "wild"}, /* a wildcard serves whom the name's own cannot */
        {"second.example", "second", "first", "second"},
        {"SECOND.Example", "second", "first", "second"},
        {"third.example", "wild", "first", "wild"},
        {"a.b.example", "first", "first", "wild"}, /* one label, not two */
        {"example", "first", "first", "wild"},
        {"a.deep.example", "deep", "first", "deep"},
        {"www.deep.example", "www", "www", "deep"},
        {"deep.example", "wild", "first", "wild"},
        {".example", "first", "first", "wild"},
        {"", "first", "first", "wild"},
        {"*.example", "wild", "first", "wild"},
    };
    struct mk_pair pair[5];
    static const uint16_t EC[] = {0x0403}, BOTH[] = {0x0804, 0x0403};
    for (size_t i = 0; i < 5; i++) {
        pair[i] = lf_make(SETS[i].dn, SETS[i].flags, &lf.intermediate, SETS[i].san);
        lf_add_crt(&pair[i]);
        lf_add_key(&pair[i]);
    }
    lf_add_crt(&lf.intermediate);
    ck_assert_int_eq(lf_load(), 0);
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        const char *got = choose(ROWS[i].name, true, LIST(BOTH), 0, NULL);
        ck_assert_msg(strcmp(got, ROWS[i].rsa_and_ec) == 0, "%s, RSA and ECDSA: %s", ROWS[i].name, got);
        got = choose(ROWS[i].name, true, LIST(ONLY_RSA), 0, NULL);
        ck_assert_msg(strcmp(got, ROWS[i].only_rsa) == 0, "%s, RSA: %s", ROWS[i].name, got);
        got = choose(ROWS[i].name, true, LIST(EC), 0, NULL);
        ck_assert_msg(strcmp(got, ROWS[i].only_ec) == 0, "%s, ECDSA: %s", ROWS[i].name, got);
    }
    char longest[400];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    ck_assert_str_eq(choose(longest, true, LIST(BOTH), 0, NULL), "first");
    for (size_t i = 0; i < 5; i++)
        mk_free(&pair[i]);
}
END_TEST

/* Neither the name nor the first certificate is of use to the client: another one is. */
START_TEST(choose_any)
{
    struct mk_pair rsa = lf_make("CN=rsa", MK_RSA_1024, &lf.intermediate, "first.example"),
                   ec = lf_make("CN=ec", 0, &lf.intermediate, "second.example");
    static const uint16_t EC[] = {0x0403};
    static const char *const NAMES[] = {"first.example", "second.example", "third.example", ""};
    struct mk_pair *all[] = {&rsa, &ec};
    for (size_t i = 0; i < 2; i++) {
        lf_add_crts(2, all[i], &lf.intermediate);
        lf_add_key(all[i]);
    }
    ck_assert_int_eq(lf_load(), 0);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        ck_assert_str_eq(choose(NAMES[i], true, LIST(EC), 0, NULL), "ec");
        ck_assert_str_eq(choose(NAMES[i], true, LIST(ONLY_RSA), 0, NULL), "rsa");
    }
    for (size_t i = 0; i < 2; i++)
        mk_free(all[i]);
}
END_TEST

Suite *suite_creds_sets(void)
{
    Suite *suite = suite_create("creds_sets");
    TCase *tc = tcase_create("sets");
    tcase_add_unchecked_fixture(tc, lf_make_folder, lf_remove_folder);
    tcase_add_checked_fixture(tc, lf_set_up, lf_tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, chains);
    tcase_add_test(tc, two_sets_share_an_issuer);
    tcase_add_test(tc, which_issuer);
    tcase_add_test(tc, issuer_by_letters);
    tcase_add_test(tc, issuer_by_meaning);
    tcase_add_test(tc, cross_signed);
    tcase_add_test(tc, unreadable);
    tcase_add_test(tc, unused);
    tcase_add_test(tc, useless_keys);
    tcase_add_test(tc, inconsistent_key);
    tcase_add_test(tc, lint_no_ca);
    tcase_add_test(tc, lint_pkcs7);
    tcase_add_test(tc, choose_by_kind);
    tcase_add_test(tc, choose_by_curve);
    tcase_add_test(tc, choose_by_name);
    tcase_add_test(tc, choose_any);
    suite_add_tcase(suite, tc);
    return suite;
}
