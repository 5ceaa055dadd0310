#include "suites.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

static gnutls_x509_crt_t make_pair(const char *name, gnutls_x509_privkey_t *out)
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
    *out = key;
    return crt;
}

static gnutls_x509_crt_t make_ca(const char *name)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt = make_pair(name, &key);
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

/* --- two instances with the same ticket_key_file, as time passes */

enum { LIFETIME = 60, STEP = 3 * LIFETIME /* GnuTLS changes the key so often */ };

static time_t the_time;

static time_t tell_time(time_t *out)
{
    if (out)
        *out = the_time;
    return the_time;
}

static void key_from(const char *file, const struct trust *trust, gnutls_datum_t *key)
{
    /* Each has a master of its own, which must not matter. */
    struct ticket_master master;
    struct err err = {0};
    ck_assert_int_eq(ticket_master_init(&master, &err), 0);
    struct conf_listener listener = {.name = (char *)(uintptr_t) "x",
                                     .tickets = true,
                                     .ticket_key_file = {.text = (char *)(uintptr_t)file}};
    ck_assert_msg(ticket_key_init(key, &master, &listener, trust, &err) == 0, "%s", err.text);
    ticket_master_wipe(&master);
}

/* A connection to an instance with this key, with the client's ticket, if it has one; a new one comes back.
 * True: the session was resumed. */
static bool resumes(const gnutls_datum_t *key, gnutls_certificate_credentials_t creds, gnutls_datum_t *ticket)
{
    gnutls_certificate_credentials_t none;
    gnutls_certificate_allocate_credentials(&none);
    gnutls_session_t end[2];
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    for (int i = 0; i < 2; i++) {
        gnutls_init(&end[i], (i == 0 ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NONBLOCK);
        gnutls_set_default_priority(end[i]);
        gnutls_credentials_set(end[i], GNUTLS_CRD_CERTIFICATE, i == 0 ? creds : none);
        gnutls_transport_set_int(end[i], pair[i]);
    }
    gnutls_db_set_cache_expiration(end[0], LIFETIME);
    ck_assert_int_eq(gnutls_session_ticket_enable_server(end[0], key), 0);
    if (ticket->data)
        ck_assert_int_eq(gnutls_session_set_data(end[1], ticket->data, ticket->size), 0);
    int rc[2] = {GNUTLS_E_AGAIN, GNUTLS_E_AGAIN};
    while (rc[0] == GNUTLS_E_AGAIN || rc[1] == GNUTLS_E_AGAIN) {
        for (int i = 1; i >= 0; i--) {
            if (rc[i] == GNUTLS_E_AGAIN)
                rc[i] = gnutls_handshake(end[i]);
        }
    }
    ck_assert_msg(rc[0] == 0 && rc[1] == 0, "%s; %s", gnutls_strerror(rc[0]), gnutls_strerror(rc[1]));
    bool resumed = gnutls_session_is_resumed(end[0]);
    ck_assert_int_eq(gnutls_session_ticket_send(end[0], 1, 0), 0); /* GnuTLS does not by itself: preempt.c */
    char nothing;
    ck_assert_int_eq(gnutls_record_recv(end[1], &nothing, 1), GNUTLS_E_AGAIN); /* the ticket came */
    gnutls_free(ticket->data);
    ck_assert_int_eq(gnutls_session_get_data2(end[1], ticket), 0);
    for (int i = 0; i < 2; i++) {
        gnutls_deinit(end[i]);
        close(pair[i]);
    }
    gnutls_certificate_free_credentials(none);
    return resumed;
}

START_TEST(instances_rotate_together)
{
    char file[] = "/tmp/mtlsd-test.XXXXXX";
    int fd = mkstemp(file);
    ck_assert_int_ge(fd, 0);
    static const char secret[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";
    ck_assert_int_eq(write(fd, secret, sizeof secret), sizeof secret);
    close(fd);
    gnutls_datum_t one, two;
    struct trust *trust = make_trust("a");
    key_from(file, trust, &one);
    key_from(file, trust, &two);
    trust_unref(trust);
    unlink(file);

    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt = make_pair("localhost", &key);
    gnutls_certificate_credentials_t creds;
    gnutls_certificate_allocate_credentials(&creds);
    ck_assert_int_eq(gnutls_certificate_set_x509_key(creds, &crt, 1, key), 0);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);

    the_time = (time_t)10000000 * STEP;
    gnutls_global_set_time_function(tell_time);
    gnutls_datum_t ticket = {NULL, 0};
    /* Whether a ticket of the step before still holds is GnuTLS's affair; one of two steps before does not.
     */
    for (int i = 0; i < 6; i++) {
        ck_assert_msg(!resumes(&one, creds, &ticket), "round %d: the key is still the same", i);
        ck_assert_msg(resumes(&two, creds, &ticket), "round %d: another's ticket", i);
        ck_assert_msg(resumes(&one, creds, &ticket), "round %d: and back", i);
        the_time += (2 + i % 2) * STEP;
    }
    gnutls_global_set_time_function(time);

    gnutls_free(ticket.data);
    gnutls_certificate_free_credentials(creds);
    ticket_key_done(&one);
    ticket_key_done(&two);
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
    tcase_add_test(tc, instances_rotate_together);
    tcase_add_test(tc, off);
    suite_add_tcase(suite, tc);
    return suite;
}
