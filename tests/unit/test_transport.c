/* A transport over a pair of sockets, with a client of GnuTLS's own: what is said last. */
#include "suites.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tls/library.h"
#include "tls/share.h"
#include "tls/transport.h"

enum { PATIENCE_MS = 600000, LINGER_MS = 10, SMALL_RECORDS = 512, WORD = 5000 };

/* Nobody is asked who it is: it is only about what comes behind the handshake. */
static const char PRIORITY[] = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ANON-ECDH:+ANON-DH";

static struct tls_share share;
static struct wheel wheel;
static struct transport transport;
static gnutls_session_t server, client;
static gnutls_anon_server_credentials_t server_creds;
static gnutls_anon_client_credentials_t client_creds;
static int near, far;
static unsigned was_late;
static uint64_t began_ms;

static bool established(struct transport *t UNUSED)
{
    return true;
}

static void failing(struct transport *t UNUSED, int error UNUSED)
{
}

static void failed(struct transport *t UNUSED, int error, int sent UNUSED, const char *why)
{
    ck_abort_msg("%s: %s", gnutls_strerror(error), why);
}

static void broken(struct transport *t UNUSED, int sent UNUSED, const char *why)
{
    ck_abort_msg("%s", why);
}

static bool proxied(struct transport *t UNUSED, const struct proxy_header *header UNUSED,
                    const char *why UNUSED)
{
    return false;
}

static void late(struct transport *t UNUSED)
{
    was_late++;
}

static const struct transport_ops OPS = {
    .established = established,
    .failing = failing,
    .failed = failed,
    .broken = broken,
    .proxied = proxied,
    .late = late,
};

/* As a worker does when the socket can be read. */
static ssize_t read_once(void)
{
    char bytes[1000];
    transport_enter(&transport);
    const ssize_t n = transport_read(&transport, bytes, sizeof bytes);
    ck_assert_int_eq(transport_leave(&transport, false), 0);
    return n;
}

static void set_up(void)
{
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    near = pair[0];
    far = pair[1];
    was_late = 0;
    began_ms = clock_mono_ms();
    wheel_init(&wheel, began_ms);
    tls_share_init(&share, &wheel);
    gnutls_anon_allocate_server_credentials(&server_creds);
    gnutls_anon_allocate_client_credentials(&client_creds);
    ck_assert_int_eq(tls_library()->init(&server, GNUTLS_SERVER | GNUTLS_NONBLOCK), 0);
    ck_assert_int_eq(tls_library()->init(&client, GNUTLS_CLIENT | GNUTLS_NONBLOCK), 0);
    ck_assert_int_eq(gnutls_priority_set_direct(server, PRIORITY, NULL), 0);
    ck_assert_int_eq(gnutls_priority_set_direct(client, PRIORITY, NULL), 0);
    gnutls_credentials_set(server, GNUTLS_CRD_ANON, server_creds);
    gnutls_credentials_set(client, GNUTLS_CRD_ANON, client_creds);
    gnutls_transport_set_int(client, far);
    ck_assert_int_eq(gnutls_record_set_max_size(client, SMALL_RECORDS), 0);
    transport_init(&transport, &share, server, near, &OPS, PATIENCE_MS, LINGER_MS);
    int rc = GNUTLS_E_AGAIN;
    while (rc == GNUTLS_E_AGAIN) {
        rc = tls_library()->handshake(client);
        ck_assert_int_eq(read_once(), GNUTLS_E_AGAIN);
    }
    ck_assert_msg(rc == 0, "%s", gnutls_strerror(rc));
    ck_assert_int_eq(transport.state, TRANSPORT_OPEN);
}

static void tear_down(void)
{
    transport_done(&transport);
    gnutls_deinit(server);
    gnutls_deinit(client);
    gnutls_anon_free_server_credentials(server_creds);
    gnutls_anon_free_client_credentials(client_creds);
    tls_share_done(&share);
    close(near);
    close(far);
}

static void say_last(const char *text, size_t len)
{
    transport_enter(&transport);
    transport_last_word(&transport, text, len);
    ck_assert_int_eq(transport_leave(&transport, false), 0);
    ck_assert_int_eq(transport.state, TRANSPORT_LINGER);
}

/* What came to the client, up to its end, which has to be a goodbye, and then the end of the stream. */
static size_t hear(char *bytes, size_t room)
{
    size_t got = 0;
    ssize_t n;
    char c;
    while ((n = tls_library()->record_recv(client, bytes + got, room - got)) > 0) {
        ck_assert_int_le(n, SMALL_RECORDS);
        got += (size_t)n;
    }
    ck_assert_msg(n == 0, "no goodbye behind %zu bytes: %s", got, gnutls_strerror((int)n));
    ck_assert_int_eq(recv(far, &c, 1, 0), 0);
    return got;
}

/* Also to a client that takes small records only, in which it is many. */
START_TEST(the_last_word_is_whole)
{
    char word[WORD], heard[WORD + 1];
    for (size_t i = 0; i < WORD; i++)
        word[i] = (char)('a' + i % 26);
    say_last(word, WORD);
    ck_assert_uint_eq(hear(heard, sizeof heard), WORD);
    ck_assert_mem_eq(heard, word, WORD);
}
END_TEST

START_TEST(the_last_word_may_be_none)
{
    char heard[1];
    say_last("", 0);
    ck_assert_uint_eq(hear(heard, sizeof heard), 0);
}
END_TEST

/* Who is told something may be in the middle of a body, and slow: longer than a connection lingers that
 * nobody was told anything on. What comes is thrown away, and keeps it. */
START_TEST(the_last_word_is_waited_for)
{
    enum { SILENT_MS = 5000, MOST_MS = 30000 };
    const uint64_t said_ms = clock_mono_ms();
    say_last("no", 2);
    (void)wheel_turn(&wheel, said_ms + SILENT_MS - 1, 10);
    ck_assert_uint_eq(was_late, 0);
    while (clock_mono_ms() == said_ms) /* what is read in the same millisecond adds nothing */
        continue;
    ck_assert_int_eq(send(far, "of a body", 9, 0), 9);
    ck_assert_int_eq(read_once(), GNUTLS_E_AGAIN);
    ck_assert_int_eq(transport.state, TRANSPORT_LINGER);
    (void)wheel_turn(&wheel, said_ms + SILENT_MS, 10);
    ck_assert_uint_eq(was_late, 0);
    (void)wheel_turn(&wheel, clock_mono_ms() + MOST_MS, 10);
    ck_assert_uint_eq(was_late, 1);
    transport_expire(&transport);
    ck_assert_int_eq(read_once(), 0);
}
END_TEST

Suite *suite_transport(void)
{
    Suite *suite = suite_create("transport");
    TCase *tcase = tcase_create("transport");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, the_last_word_is_whole);
    tcase_add_test(tcase, the_last_word_may_be_none);
    tcase_add_test(tcase, the_last_word_is_waited_for);
    suite_add_tcase(suite, tcase);
    return suite;
}
