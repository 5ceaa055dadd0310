#include "suites.h"

#include <string.h>

#include "server/tickets.h"

/* A listener with these properties gets this key. */
static gnutls_datum_t key_of(const struct ticket_master *master, const char *name, enum client_auth mode,
                             const struct trust *trust)
{
    struct conf_listener listener = {.name = (char *)(uintptr_t)name, .client_auth = mode, .tickets = true};
    struct err err = {0};
    gnutls_datum_t key;
    ck_assert_msg(ticket_key_init(&key, master, &listener, trust, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(key.size, 64);
    return key;
}

static bool same(gnutls_datum_t a, gnutls_datum_t b)
{
    bool equal = a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
    ticket_key_done(&a);
    ticket_key_done(&b);
    return equal;
}

static gnutls_x509_crt_t make_ca(const char *name)
{
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_init(&crt);
    gnutls_x509_privkey_init(&key);
    ck_assert_int_eq(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                                  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                     0);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, "\x01", 1);
    gnutls_x509_crt_set_activation_time(crt, 1700000000);
    gnutls_x509_crt_set_expiration_time(crt, 2100000000);
    gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name));
    gnutls_x509_crt_set_basic_constraints(crt, 1, -1);
    gnutls_x509_crt_set_key(crt, key);
    ck_assert_int_eq(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
    gnutls_x509_privkey_deinit(key);
    return crt;
}

static struct trust *make_trust(const char *ca)
{
    gnutls_x509_crt_t list[] = {make_ca(ca)};
    struct trust_input input = {.ca = list, .n_ca = 1, .n_advertised = 1, .verify_depth = 5};
    struct trust *trust = NULL;
    struct err err = {0};
    ck_assert_msg(trust_new(&input, &trust, &err) == 0, "%s", err.text);
    return trust;
}

START_TEST(keys_differ)
{
    struct ticket_master master, other;
    struct err err = {0};
    ck_assert_int_eq(ticket_master_init(&master, &err), 0);
    ck_assert_int_eq(ticket_master_init(&other, &err), 0);
    struct trust *a = make_trust("a"), *b = make_trust("b");

    ck_assert(
        same(key_of(&master, "x", CLIENT_AUTH_REQUIRE, a), key_of(&master, "x", CLIENT_AUTH_REQUIRE, a)));
    ck_assert(
        !same(key_of(&master, "x", CLIENT_AUTH_REQUIRE, a), key_of(&other, "x", CLIENT_AUTH_REQUIRE, a)));
    ck_assert(
        !same(key_of(&master, "x", CLIENT_AUTH_REQUIRE, a), key_of(&master, "y", CLIENT_AUTH_REQUIRE, a)));
    ck_assert(
        !same(key_of(&master, "x", CLIENT_AUTH_REQUIRE, a), key_of(&master, "x", CLIENT_AUTH_REQUEST, a)));
    ck_assert(
        !same(key_of(&master, "x", CLIENT_AUTH_REQUIRE, a), key_of(&master, "x", CLIENT_AUTH_REQUIRE, b)));
    /* The parts go in with their lengths: what one part loses another cannot win. */
    ck_assert(
        !same(key_of(&master, "xrequ", CLIENT_AUTH_OFF, a), key_of(&master, "x", CLIENT_AUTH_REQUEST, a)));

    trust_unref(a);
    trust_unref(b);
    ticket_master_wipe(&master);
    for (size_t i = 0; i < sizeof master.secret; i++)
        ck_assert_uint_eq(master.secret[i], 0);
}
END_TEST

START_TEST(off)
{
    struct ticket_master master;
    struct err err = {0};
    ck_assert_int_eq(ticket_master_init(&master, &err), 0);
    struct conf_listener listener = {.name = (char *)(uintptr_t) "x", .tickets = false};
    gnutls_datum_t key = {(unsigned char *)(uintptr_t) "junk", 4};
    ck_assert_int_eq(ticket_key_init(&key, &master, &listener, NULL, &err), 0);
    ck_assert_ptr_null(key.data);
}
END_TEST

Suite *suite_tickets(void)
{
    Suite *suite = suite_create("tickets");
    TCase *tc = tcase_create("tickets");
    tcase_add_test(tc, keys_differ);
    tcase_add_test(tc, off);
    suite_add_tcase(suite, tc);
    return suite;
}
