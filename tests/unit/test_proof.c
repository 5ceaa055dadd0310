/* Whose the certificates in a session are. A handshake over a socket pair, TLS 1.2 and 1.3, in which the
 * trail is kept from seeing one thing at a time: each thing that it asks for has to be missed. What others
 * than honest clients send is for tests/server/tickets.test. */
#include "suites.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../tools/mkchain.h"
#include "pki/cert.h"
#include "tls/certificate_message.h"
#include "tls/proof.h"

enum { NOTHING = -1, VERIFY_FUNCTION = -2, STAND_IN = -3, HANDSHAKES_MOST = 100 };

static struct {
    gnutls_certificate_credentials_t server, alice, nobody;
    gnutls_datum_t key;
} world;

/* One handshake, as the server sees it. */
static struct proof_trail trail;
static int deaf; /* a message's type, VERIFY_FUNCTION or STAND_IN */
static bool known, any;
static bool stands_in;      /* something stands in for what the client presents */
static gnutls_datum_t came; /* then, the client's certificate */

static int on_message(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                      const gnutls_datum_t *message);

static void stand_in(gnutls_session_t session, const gnutls_datum_t *message)
{
    bool tls13 = gnutls_protocol_get_version(session) == GNUTLS_TLS1_3;
    gnutls_datum_t chain[1];
    struct cert cert;
    const char *why;
    unsigned n;
    ck_assert_int_eq(certificate_chain((struct wire){message->data, message->size}, tls13, chain, 1, &n),
                     CERTIFICATE_FINE);
    ck_assert(n == 1 && cert_parse(&chain[0], &cert, &why));
    gnutls_free(came.data);
    came = (gnutls_datum_t){gnutls_malloc(chain[0].size), chain[0].size};
    memcpy(came.data, chain[0].data, came.size);
    ck_assert(proof_stand_in(&trail, session, message, cert.spki));
    gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_BOTH, on_message);
}

static int on_message(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                      const gnutls_datum_t *message)
{
    if (when == GNUTLS_HOOK_POST)
        return incoming && type == GNUTLS_HANDSHAKE_CERTIFICATE_PKT && deaf != STAND_IN
                   ? proof_message_read(&trail, message)
                   : 0;
    bool unheard = deaf == (int)type && (incoming || type == GNUTLS_HANDSHAKE_CERTIFICATE_REQUEST);
    int rc = unheard ? 0 : proof_message(&trail, session, incoming, type, message);
    if (rc >= 0 && stands_in && incoming && type == GNUTLS_HANDSHAKE_CERTIFICATE_PKT)
        stand_in(session, message);
    return rc;
}

static int on_verify(gnutls_session_t session)
{
    const gnutls_datum_t *chain;
    unsigned n;
    if (deaf != VERIFY_FUNCTION)
        proof_judged(&trail);
    known = proof_chain(&trail, session, &chain, &n);
    any = n > 0;
    if (any && stands_in)
        ck_assert(chain[0].size == came.size && memcmp(chain[0].data, came.data, came.size) == 0);
    ck_assert(any == (chain != NULL));
    return 0; /* what a caller does that does not ask */
}

static gnutls_certificate_credentials_t make_credentials(const char *dn)
{
    struct mk_spec spec = {.dn = dn, .path_len = -1, .not_before = 1700000000, .not_after = 2100000000};
    struct mk_pair pair = mk_make(&spec, NULL);
    gnutls_certificate_credentials_t credentials;
    gnutls_certificate_allocate_credentials(&credentials);
    ck_assert_int_eq(gnutls_certificate_set_x509_key(credentials, &pair.crt, 1, pair.key), 0);
    mk_free(&pair);
    return credentials;
}

static void make_world(void)
{
    world.server = make_credentials("CN=localhost");
    world.alice = make_credentials("CN=alice");
    gnutls_certificate_allocate_credentials(&world.nobody);
    ck_assert_int_eq(gnutls_session_ticket_key_generate(&world.key), 0);
}

static void end_world(void)
{
    gnutls_certificate_free_credentials(world.server);
    gnutls_certificate_free_credentials(world.alice);
    gnutls_certificate_free_credentials(world.nobody);
    gnutls_free(world.key.data);
    gnutls_free(came.data);
    proof_done(&trail);
}

struct ends {
    gnutls_session_t server, client;
    int fd[2];
};

static const char *const VERSIONS[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3"};

static int shake(struct ends *ends, int version, gnutls_certificate_credentials_t client,
                 const gnutls_datum_t *ticket)
{
    proof_done(&trail);
    trail = (struct proof_trail){.asks = true};
    known = any = false;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends->fd), 0);
    gnutls_init(&ends->server, GNUTLS_SERVER | GNUTLS_NONBLOCK);
    gnutls_init(&ends->client, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
    gnutls_credentials_set(ends->server, GNUTLS_CRD_CERTIFICATE, world.server);
    gnutls_credentials_set(ends->client, GNUTLS_CRD_CERTIFICATE, client);
    gnutls_priority_set_direct(ends->server, VERSIONS[version], NULL);
    gnutls_priority_set_direct(ends->client, VERSIONS[version], NULL);
    gnutls_transport_set_int(ends->server, ends->fd[0]);
    gnutls_transport_set_int(ends->client, ends->fd[1]);
    ck_assert_int_eq(gnutls_session_ticket_enable_server(ends->server, &world.key), 0);
    gnutls_certificate_server_set_request(ends->server, GNUTLS_CERT_REQUEST);
    gnutls_session_set_verify_function(ends->server, on_verify);
    gnutls_handshake_set_hook_function(ends->server, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_PRE, on_message);
    if (ticket)
        ck_assert_int_eq(gnutls_session_set_data(ends->client, ticket->data, ticket->size), 0);
    int server = GNUTLS_E_AGAIN, client_rc = GNUTLS_E_AGAIN;
    for (int i = 0; i < HANDSHAKES_MOST && server == GNUTLS_E_AGAIN; i++) {
        if (client_rc == GNUTLS_E_AGAIN)
            client_rc = gnutls_handshake(ends->client);
        server = gnutls_handshake(ends->server);
    }
    while (server == 0 && client_rc == GNUTLS_E_AGAIN)
        client_rc = gnutls_handshake(ends->client);
    return server;
}

static void part(struct ends *ends)
{
    gnutls_deinit(ends->server);
    gnutls_deinit(ends->client);
    close(ends->fd[0]);
    close(ends->fd[1]);
}

/* What a client keeps of a session that was settled. */
static gnutls_datum_t take_ticket(struct ends *ends, int version)
{
    gnutls_datum_t ticket = {NULL, 0};
    char nothing;
    if (version == 1) {
        ck_assert_int_eq(gnutls_session_ticket_send(ends->server, 1, 0), 0);
        ck_assert_int_eq(gnutls_record_recv(ends->client, &nothing, 1), GNUTLS_E_AGAIN);
    }
    ck_assert_int_eq(gnutls_session_get_data2(ends->client, &ticket), 0);
    return ticket;
}

START_TEST(honest)
{
    struct ends ends;
    const gnutls_datum_t *chain;
    unsigned n;
    deaf = NOTHING;
    ck_assert_int_eq(shake(&ends, _i, world.nobody, NULL), 0);
    ck_assert(known && !any);
    ck_assert(proof_settle(&trail, ends.server) && trail.proof == PROOF_NONE);
    ck_assert(!proof_resumed(&trail, ends.server) && !proof_shown(&trail));
    part(&ends);

    ck_assert_int_eq(shake(&ends, _i, world.alice, NULL), 0);
    ck_assert(known && any);
    ck_assert(trail.shown == (_i == 1)); /* in TLS 1.2 the verify function comes before the proof */
    ck_assert(proof_settle(&trail, ends.server) && trail.proof == PROOF_SIGNED);
    ck_assert(proof_chain(&trail, ends.server, &chain, &n) && n == 1 && proof_shown(&trail));
    gnutls_datum_t ticket = take_ticket(&ends, _i);
    part(&ends);

    ck_assert_int_eq(shake(&ends, _i, world.alice, &ticket), 0);
    ck_assert(proof_settle(&trail, ends.server) && trail.proof == PROOF_RESUMED);
    ck_assert(proof_chain(&trail, ends.server, &chain, &n) && n == 1 && proof_shown(&trail));
    ck_assert(proof_resumed(&trail, ends.server));
    part(&ends);

    /* The same, but something of a full handshake went by. */
    ck_assert_int_eq(shake(&ends, _i, world.alice, &ticket), 0);
    trail.full = true;
    ck_assert(!proof_settle(&trail, ends.server) && trail.proof == PROOF_NONE);
    ck_assert(!proof_chain(&trail, ends.server, &chain, &n) && n == 0 && !chain);
    part(&ends);
    gnutls_free(ticket.data);
}
END_TEST

static void expect_no_proof(struct ends *ends)
{
    const gnutls_datum_t *chain;
    unsigned n;
    ck_assert(!proof_settle(&trail, ends->server));
    ck_assert_int_eq(trail.proof, PROOF_NONE);
    ck_assert(!proof_chain(&trail, ends->server, &chain, &n) && n == 0 && chain == NULL);
    ck_assert(!proof_shown(&trail));
    part(ends);
}

/* As if the client had presented its certificate once more, behind itself. */
static void present_twice(bool tls13)
{
    size_t before = tls13 ? 4 : 3, n = trail.message.size - before;
    unsigned char *more = realloc(trail.message.data, before + 2 * n);
    ck_assert(more && n <= UINT8_MAX * 128);
    memcpy(more + before + n, more + before, n);
    more[before - 2] = (unsigned char)(2 * n >> 8);
    more[before - 1] = (unsigned char)(2 * n);
    trail.message = (gnutls_datum_t){more, (unsigned)(before + 2 * n)};
}

START_TEST(each_witness_is_needed)
{
    struct ends ends;
    deaf = GNUTLS_HANDSHAKE_CERTIFICATE_VERIFY;
    int rc = shake(&ends, _i, world.alice, NULL);
    if (_i == 0) { /* the ticket of TLS 1.2 is part of the handshake */
        ck_assert_int_eq(rc, GNUTLS_E_CERTIFICATE_ERROR);
        part(&ends);
    } else {
        ck_assert(rc == 0 && !known && !any);
        expect_no_proof(&ends);
    }

    deaf = GNUTLS_HANDSHAKE_CERTIFICATE_PKT;
    rc = shake(&ends, _i, world.alice, NULL);
    ck_assert(!known && !any);
    if (_i == 0) {
        ck_assert_int_eq(rc, GNUTLS_E_CERTIFICATE_ERROR);
        part(&ends);
    } else {
        ck_assert_int_eq(rc, 0);
        expect_no_proof(&ends);
    }

    deaf = VERIFY_FUNCTION;
    ck_assert_int_eq(shake(&ends, _i, world.nobody, NULL), 0);
    ck_assert(!proof_settle(&trail, ends.server)); /* client_auth = require is asked there */
    part(&ends);

    deaf = NOTHING;
    ck_assert_int_eq(shake(&ends, _i, world.alice, NULL), 0);
    /* Another chain than the one that was presented; in TLS 1.3 two octets follow a certificate. */
    trail.message.data[trail.message.size - (_i == 1 ? 3 : 1)] ^= 1;
    expect_no_proof(&ends);

    ck_assert_int_eq(shake(&ends, _i, world.alice, NULL), 0);
    present_twice(_i == 1);
    expect_no_proof(&ends);

    ck_assert_int_eq(shake(&ends, _i, world.alice, NULL), 0);
    proof_forget(&trail);
    expect_no_proof(&ends);

    ck_assert_int_eq(shake(&ends, _i, world.alice, NULL), 0);
    trail.asks = false;
    expect_no_proof(&ends);
}
END_TEST

/* What the client sent is judged and named, and what stood in for it is gone with the handshake. */
START_TEST(by_a_stand_in)
{
    struct ends ends;
    const gnutls_datum_t *chain;
    unsigned n = 1;
    deaf = NOTHING;
    stands_in = true;
    ck_assert_int_eq(shake(&ends, _i, world.alice, NULL), 0);
    ck_assert(known && any);
    ck_assert(!gnutls_certificate_get_peers(ends.server, &n));
    ck_assert(proof_settle(&trail, ends.server) && trail.proof == PROOF_SIGNED);
    ck_assert(proof_chain(&trail, ends.server, &chain, &n) && n == 1 && proof_shown(&trail));
    ck_assert(chain[0].size == came.size && memcmp(chain[0].data, came.data, came.size) == 0);
    gnutls_datum_t ticket = take_ticket(&ends, _i);
    part(&ends);

    stands_in = false;
    ck_assert_int_eq(shake(&ends, _i, world.alice, &ticket), 0);
    ck_assert(gnutls_session_is_resumed(ends.server));
    ck_assert(proof_settle(&trail, ends.server) && trail.proof == PROOF_NONE);
    ck_assert(proof_chain(&trail, ends.server, &chain, &n) && n == 0);
    part(&ends);
    gnutls_free(ticket.data);
}
END_TEST

START_TEST(a_stand_in_that_does_not_do)
{
    static const int EARS[] = {STAND_IN, GNUTLS_HANDSHAKE_CERTIFICATE_VERIFY};
    struct ends ends;
    stands_in = true;
    for (size_t i = 0; i < ARRAY_LEN(EARS); i++) {
        deaf = EARS[i];
        ck_assert_int_eq(shake(&ends, _i, world.alice, NULL), GNUTLS_E_CERTIFICATE_ERROR);
        part(&ends);
    }
    deaf = GNUTLS_HANDSHAKE_FINISHED; /* it stays in the session */
    ck_assert_int_eq(shake(&ends, _i, world.alice, NULL), 0);
    expect_no_proof(&ends);
    deaf = VERIFY_FUNCTION;
    ck_assert_int_eq(shake(&ends, _i, world.alice, NULL), 0);
    ck_assert(!proof_settle(&trail, ends.server));
    part(&ends);
    stands_in = false;
}
END_TEST

START_TEST(messages_that_nobody_may_send)
{
    struct ends ends;
    gnutls_datum_t empty = {(unsigned char *)(uintptr_t) "", 0};
    deaf = NOTHING;
    ck_assert_int_eq(shake(&ends, 1, world.nobody, NULL), 0);
    trail = (struct proof_trail){.asks = true};
    ck_assert_int_lt(
        proof_message(&trail, ends.server, true, GNUTLS_HANDSHAKE_COMPRESSED_CERTIFICATE_PKT, &empty), 0);
    ck_assert_int_lt(proof_message(&trail, ends.server, true, GNUTLS_HANDSHAKE_CLIENT_HELLO_V2, &empty), 0);
    ck_assert_int_lt(proof_message(&trail, ends.server, true, GNUTLS_HANDSHAKE_CERTIFICATE_PKT, &empty), 0);
    part(&ends);
}
END_TEST

Suite *suite_proof(void)
{
    Suite *suite = suite_create("proof");
    TCase *tc = tcase_create("proof");
    tcase_add_unchecked_fixture(tc, make_world, end_world);
    tcase_add_loop_test(tc, honest, 0, 2);
    tcase_add_loop_test(tc, each_witness_is_needed, 0, 2);
    tcase_add_loop_test(tc, by_a_stand_in, 0, 2);
    tcase_add_loop_test(tc, a_stand_in_that_does_not_do, 0, 2);
    tcase_add_test(tc, messages_that_nobody_may_send);
    suite_add_tcase(suite, tc);
    return suite;
}
