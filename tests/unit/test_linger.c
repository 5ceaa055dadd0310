/* Connections that are over for their owner: what their peers see of the end. */
#include "suites.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tls/linger.h"

enum { PATIENCE_MS = 10000 };

static struct wheel wheel;
static struct lingerers linger;
static int server, client; /* the ends of a connection */

/* Of TCP: a reset is what it is all about. */
static void connect_pair(int *accepted, int *connected)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listening, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(listening, 1), 0);
    ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&at, &len), 0);
    *connected = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(*connected, (struct sockaddr *)&at, sizeof at), 0);
    *accepted = accept(listening, NULL, NULL);
    ck_assert_int_ge(*accepted, 0);
    close(listening);
}

static void set_up(void)
{
    wheel_init(&wheel, clock_mono_ms());
    linger_init(&linger, &wheel);
    connect_pair(&server, &client);
}

static void tear_down(void)
{
    linger_done(&linger);
    close(client);
    ck_assert_uint_eq(linger_held(), 0);
}

/* As a worker does, until `fd` can be read or so many milliseconds have passed. */
static bool turn_until_readable(int fd, uint64_t most_ms)
{
    uint64_t until_ms = clock_mono_ms() + most_ms, now_ms;
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    while ((now_ms = clock_mono_ms()) < until_ms) {
        (void)wheel_turn(&wheel, now_ms, 10);
        if (poll(&readable, 1, 1) > 0)
            return true;
    }
    return false;
}

static void turn_until_held(unsigned n)
{
    uint64_t until_ms = clock_mono_ms() + PATIENCE_MS, now_ms;
    while (linger_held() != n && (now_ms = clock_mono_ms()) < until_ms) {
        (void)wheel_turn(&wheel, now_ms, 10);
        (void)poll(NULL, 0, 1);
    }
    ck_assert_uint_eq(linger_held(), n);
}

static void expect_end(void)
{
    char c;
    ck_assert_msg(turn_until_readable(client, PATIENCE_MS), "the peer is not told that nothing more comes");
    ck_assert_int_eq(recv(client, &c, 1, 0), 0);
}

/* The owner closes its descriptor with bytes unread: the peer has the answer and the end, and no reset. */
START_TEST(the_peer_sees_the_end_at_once)
{
    char bytes[10];
    ck_assert_int_eq(send(client, "unread", 6, 0), 6);
    ck_assert_int_eq(send(server, "answer", 6, 0), 6);
    linger_close(&linger, server);
    close(server);
    ck_assert_int_eq(recv(client, bytes, sizeof bytes, MSG_WAITALL), 6);
    ck_assert_mem_eq(bytes, "answer", 6);
    ck_assert_uint_eq(linger_held(), 1);
    expect_end();
    /* It may go on, and is not told otherwise. */
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(send(client, "more", 4, MSG_NOSIGNAL), 4);
        (void)turn_until_readable(-1, 60);
    }
    ck_assert_uint_eq(linger_held(), 1);
    shutdown(client, SHUT_WR);
    turn_until_held(0);
    ck_assert(wheel_next(&wheel) == UINT64_MAX);
}
END_TEST

/* After an alert it is told a moment later, and long before it is given up. */
START_TEST(the_end_comes_behind_an_alert)
{
    uint64_t began_ms = clock_mono_ms();
    ck_assert(linger_later(&linger, server, PATIENCE_MS));
    close(server);
    expect_end();
    ck_assert_uint_ge(clock_mono_ms() - began_ms, 100);
    ck_assert_uint_eq(linger_held(), 1);
}
END_TEST

/* The peer takes less at first than it was sent, and speaks itself: it gets all, the end, and then a reset.
 */
START_TEST(a_reset_comes_behind_the_last_byte)
{
    enum { SENT = 1 << 17 }; /* the kernel takes its time between two pieces for so small a window */
    static char much[65536];
    size_t got = 0, sent = 0;
    int fresh[2], window = 4096;
    connect_pair(&fresh[0], &fresh[1]);
    ck_assert_int_eq(setsockopt(fresh[1], SOL_SOCKET, SO_RCVBUF, &window, sizeof window), 0);
    ck_assert_int_eq(fcntl(fresh[0], F_SETFL, O_NONBLOCK), 0);
    for (ssize_t n; sent < SENT && (n = send(fresh[0], much, sizeof much, 0)) > 0;)
        sent += (size_t)n;
    linger_reset(&linger, fresh[0]);
    close(fresh[0]);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(send(fresh[1], "more", 4, MSG_NOSIGNAL), 4);
        (void)turn_until_readable(-1, 60);
    }
    ck_assert_uint_eq(linger_held(), 1);
    for (ssize_t n; (n = recv(fresh[1], much, sizeof much, 0)) != 0;) {
        ck_assert_int_gt(n, 0);
        got += (size_t)n;
        (void)wheel_turn(&wheel, clock_mono_ms(), 10);
    }
    ck_assert_uint_eq(got, sent);
    turn_until_held(0);
    ck_assert_int_eq(send(fresh[1], "x", 1, MSG_NOSIGNAL), -1);
    close(fresh[1]);
    close(server);
}
END_TEST

START_TEST(patience_ends)
{
    ck_assert(linger_later(&linger, server, 120));
    close(server);
    turn_until_held(0);
}
END_TEST

START_TEST(when_it_is_needed)
{
    ck_assert(!linger_needed(server));
    ck_assert_int_eq(send(client, "x", 1, 0), 1);
    (void)turn_until_readable(server, PATIENCE_MS);
    ck_assert(linger_needed(server));
    char c;
    ck_assert_int_eq(recv(server, &c, 1, 0), 1);
    ck_assert(!linger_needed(server));
    /* More than the peer's kernel takes. */
    static char much[65536];
    ck_assert_int_eq(fcntl(server, F_SETFL, O_NONBLOCK), 0);
    while (send(server, much, sizeof much, 0) > 0)
        continue;
    ck_assert(linger_needed(server));
    close(server);
}
END_TEST

/* The one that has lingered for the longest gives way. */
START_TEST(no_more_than_so_many)
{
    int pair[LINGER_MOST][2];
    linger_close(&linger, server);
    close(server);
    for (unsigned i = 0; i < LINGER_MOST; i++) {
        ck_assert_uint_eq(linger_held(), i + 1);
        ck_assert_int_eq(send(client, "x", 1, MSG_NOSIGNAL), 1);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair[i]), 0);
        linger_close(&linger, pair[i][0]);
        close(pair[i][0]);
    }
    ck_assert_uint_eq(linger_held(), LINGER_MOST);
    for (unsigned i = 0; i < LINGER_MOST; i++) /* but for that one, nobody is told anything but the end */
        ck_assert_int_eq(send(pair[i][1], "x", 1, MSG_NOSIGNAL), 1);
    ck_assert_int_eq(send(client, "x", 1, MSG_NOSIGNAL), -1);
    ck_assert(errno == EPIPE || errno == ECONNRESET);
    for (unsigned i = 0; i < LINGER_MOST; i++)
        close(pair[i][1]);
    turn_until_held(0);
}
END_TEST

/* All workers together hold so many, and each a few in any case. */
START_TEST(all_workers_together)
{
    enum { WORKERS = 2, N = 20, LIMIT = 10 };
    struct lingerers worker[WORKERS];
    unsigned before = 0;
    int pair[N][2];
    linger_limit(LIMIT);
    for (unsigned w = 0; w < WORKERS; w++)
        linger_init(&worker[w], &wheel);
    for (unsigned w = 0; w < WORKERS; w++) {
        for (unsigned i = 0; i < N / WORKERS; i++) {
            int *ends = pair[w * N / WORKERS + i];
            ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
            linger_close(&worker[w], ends[0]);
            close(ends[0]);
        }
        ck_assert_uint_le(linger_held(), LIMIT + 4 * w);
        ck_assert_uint_gt(linger_held(), before);
        before = linger_held();
    }
    for (unsigned w = 0; w < WORKERS; w++)
        linger_done(&worker[w]);
    for (unsigned i = 0; i < N; i++)
        close(pair[i][1]);
    linger_limit(UINT32_MAX);
    close(server);
}
END_TEST

Suite *suite_linger(void)
{
    Suite *suite = suite_create("linger");
    TCase *tcase = tcase_create("linger");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, the_peer_sees_the_end_at_once);
    tcase_add_test(tcase, the_end_comes_behind_an_alert);
    tcase_add_test(tcase, a_reset_comes_behind_the_last_byte);
    tcase_add_test(tcase, patience_ends);
    tcase_add_test(tcase, when_it_is_needed);
    tcase_add_test(tcase, no_more_than_so_many);
    tcase_add_test(tcase, all_workers_together);
    suite_add_tcase(suite, tcase);
    return suite;
}
