/* A transport over a pair of sockets, with a client of GnuTLS's own: what is said last. */
#include "suites.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "tls/library.h"
#include "transport_fixture.h"

enum { SMALL_RECORDS = 512, WORD = 5000 };

static void set_up(void)
{
    tf_connect("NORMAL:-VERS-ALL:+VERS-TLS1.2", SMALL_RECORDS);
}

static void say_last(const char *text, size_t len)
{
    transport_enter(&tf.transport);
    transport_last_word(&tf.transport, text, len);
    ck_assert_int_eq(transport_leave(&tf.transport, false), 0);
    ck_assert_int_eq(tf.transport.state, TRANSPORT_LINGER);
}

/* What came to the client, up to its end, which has to be a goodbye, and then the end of the stream. */
static size_t hear(char *bytes, size_t room)
{
    size_t got = 0;
    ssize_t n;
    char c;
    while ((n = tls_library()->record_recv(tf.client, bytes + got, room - got)) > 0) {
        ck_assert_int_le(n, SMALL_RECORDS);
        got += (size_t)n;
    }
    ck_assert_msg(n == 0, "no goodbye behind %zu bytes: %s", got, gnutls_strerror((int)n));
    ck_assert_int_eq(recv(tf.far, &c, 1, 0), 0);
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
    (void)wheel_turn(&tf.wheel, said_ms + SILENT_MS - 1, 10);
    ck_assert_uint_eq(tf.was_late, 0);
    while (clock_mono_ms() == said_ms) /* what is read in the same millisecond adds nothing */
        continue;
    ck_assert_int_eq(send(tf.far, "of a body", 9, 0), 9);
    ck_assert_int_eq(tf_read(), GNUTLS_E_AGAIN);
    ck_assert_int_eq(tf.transport.state, TRANSPORT_LINGER);
    (void)wheel_turn(&tf.wheel, said_ms + SILENT_MS, 10);
    ck_assert_uint_eq(tf.was_late, 0);
    (void)wheel_turn(&tf.wheel, clock_mono_ms() + MOST_MS, 10);
    ck_assert_uint_eq(tf.was_late, 1);
    transport_expire(&tf.transport);
    ck_assert_int_eq(tf_read(), 0);
}
END_TEST

Suite *suite_transport(void)
{
    Suite *suite = suite_create("transport");
    TCase *tcase = tcase_create("transport");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tf_end);
    tcase_add_test(tcase, the_last_word_is_whole);
    tcase_add_test(tcase, the_last_word_may_be_none);
    tcase_add_test(tcase, the_last_word_is_waited_for);
    suite_add_tcase(suite, tcase);
    return suite;
}
