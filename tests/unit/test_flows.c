/* What comes from a peer and what goes to it (inflow, outflow), over a pair of sockets; and the frames that
 * go by. */
#include "suites.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/frames.h"
#include "tls/inflow.h"
#include "tls/outflow.h"
#include "tls/share.h"

static struct tls_share share;
static struct wheel wheel;
static int near, far; /* ends of a pair */
static struct inflow in;
static struct outflow out;

static void set_up(void)
{
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    near = pair[0];
    far = pair[1];
    wheel_init(&wheel, 1);
    tls_share_init(&share, &wheel);
    in = (struct inflow){0};
    out = (struct outflow){0};
}

static void tear_down(void)
{
    inflow_done(&in);
    outflow_done(&out);
    tls_share_done(&share);
    close(near);
    if (far >= 0)
        close(far);
}

static void say(const char *text)
{
    ck_assert_int_eq(send(far, text, strlen(text), 0), (ssize_t)strlen(text));
}

/* --- in ------------------------------------------------------------------------------------------------- */

static void expect_read(size_t size, const char *want)
{
    char bytes[100];
    ssize_t n = inflow_read(&in, &share, near, bytes, size);
    ck_assert_int_eq(n, (ssize_t)strlen(want));
    ck_assert_mem_eq(bytes, want, strlen(want));
}

START_TEST(one_read_takes_what_is_there)
{
    char scrap[10];
    ck_assert_int_eq(inflow_read(&in, &share, near, scrap, sizeof scrap), -1);
    ck_assert(errno == EAGAIN || errno == EWOULDBLOCK);
    say("headbodyhead");
    expect_read(4, "head");
    ck_assert_uint_eq(inflow_waiting(&in), 8);
    say("more"); /* not looked at before the rest was taken */
    expect_read(100, "bodyhead");
    ck_assert_uint_eq(inflow_waiting(&in), 0);
    expect_read(100, "more");
    shutdown(far, SHUT_WR);
    ck_assert_int_eq(inflow_read(&in, &share, near, scrap, sizeof scrap), 0);
}
END_TEST

START_TEST(what_is_left_is_the_connections_own)
{
    say("0123456789");
    expect_read(4, "0123");
    ck_assert_int_eq(inflow_settle(&in), 0);
    memset(share.input, 'x', sizeof share.input); /* another connection's turn */
    expect_read(3, "456");
    ck_assert_int_eq(inflow_settle(&in), 0);
    expect_read(100, "789");
    ck_assert_ptr_null(in.own);
}
END_TEST

START_TEST(looked_at_before_it_is_taken)
{
    say("PROXY ");
    ck_assert_int_eq(inflow_more(&in, near, 20), 6);
    ck_assert_int_eq(inflow_more(&in, near, 20), -1);
    ck_assert_uint_eq(in.len, 6);
    say("TCP4 and twenty more bytes");
    ck_assert_int_eq(inflow_more(&in, near, 20), 14);
    ck_assert_mem_eq(in.bytes, "PROXY TCP4 and twent", 20);
    inflow_skip(&in, 6);
    expect_read(5, "TCP4 ");
    expect_read(100, "and twent");
    expect_read(100, "y more bytes");
}
END_TEST

/* Looked at, a part taken, and looked at again: what waits is then in memory of its own, not at its
 * beginning. */
START_TEST(looked_at_twice)
{
    say("0123456789");
    ck_assert_int_eq(inflow_more(&in, near, 10), 10);
    inflow_skip(&in, 4);
    say("abcd");
    ck_assert_int_eq(inflow_more(&in, near, 10), 4);
    ck_assert_mem_eq(in.bytes, "456789abcd", 10);
    ck_assert_int_eq(inflow_settle(&in), 0);
    memset(share.input, 'x', sizeof share.input);
    expect_read(100, "456789abcd");
    ck_assert_ptr_null(in.own);
    /* In the worker's buffer, and looked at then. */
    say("0123456789");
    expect_read(4, "0123");
    say("abcd");
    ck_assert_int_eq(inflow_more(&in, near, 20), 4);
    memset(share.input, 'x', sizeof share.input);
    expect_read(100, "456789abcd");
}
END_TEST

/* --- out ------------------------------------------------------------------------------------------------ */

/* A record of `len` bytes that stands for `plain`. */
static void put(size_t len, uint32_t plain, char with)
{
    static char bytes[RECORD_PLAIN];
    memset(bytes, with, len);
    ck_assert(outflow_put(&out, &share, bytes, len));
    outflow_mark(&out, plain);
}

/* Reads all that comes; sets the number of bytes that are `with`. */
static size_t heard(char with, size_t *n_with)
{
    static char bytes[65536];
    size_t all = 0;
    *n_with = 0;
    for (ssize_t n; (n = recv(far, bytes, sizeof bytes, 0)) > 0; all += (size_t)n) {
        for (ssize_t i = 0; i < n; i++)
            *n_with += bytes[i] == with;
    }
    return all;
}

START_TEST(a_batch_goes_at_once)
{
    bool whole;
    size_t b;
    outflow_begin(&out, &share);
    put(100, 80, 'a');
    put(200, 180, 'b');
    ck_assert_uint_eq(heard('b', &b), 0);
    ck_assert_int_eq(outflow_end(&out, &share, near, &whole), 260);
    ck_assert(whole);
    ck_assert_uint_eq(heard('b', &b), 300);
    ck_assert_uint_eq(b, 200);
}
END_TEST

/* Nothing counts before the kernel has it, and what it did not take is not lost when others have their turn.
 */
START_TEST(a_slow_reader)
{
    bool whole;
    size_t total = 0, got = 0, b, plain = 0;
    int small = 4096;
    setsockopt(near, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    outflow_begin(&out, &share);
    for (unsigned i = 0; i < BATCH_RECORDS; i++) {
        put(RECORD_PLAIN, RECORD_PLAIN - 30, (char)('a' + i));
        total += RECORD_PLAIN - 30;
    }
    ssize_t n = outflow_end(&out, &share, near, &whole);
    ck_assert_int_ge(n, 0);
    ck_assert(!whole);
    plain += (size_t)n;
    memset(share.output, 'x', sizeof share.output);
    while (!whole) {
        size_t came = heard('x', &b);
        ck_assert_uint_eq(b, 0);
        got += came;
        n = outflow_flush(&out, near, &whole);
        ck_assert_int_ge(n, 0);
        plain += (size_t)n;
        ck_assert_uint_le(plain, got + (size_t)2 * 65536 + RECORD_PLAIN);
    }
    got += heard('x', &b);
    ck_assert_uint_eq(got, (size_t)BATCH_RECORDS * RECORD_PLAIN);
    ck_assert_uint_eq(plain, total);
    ck_assert_ptr_null(out.kept);
}
END_TEST

START_TEST(held_back_it_goes_with_the_next)
{
    bool whole;
    size_t t;
    outflow_begin(&out, &share);
    put(50, 0, 't');
    ck_assert_int_eq(outflow_hold(&out, &share), 0);
    memset(share.output, 'x', sizeof share.output);
    ck_assert_uint_eq(heard('t', &t), 0);
    outflow_begin(&out, &share);
    put(100, 90, 'r');
    ck_assert_int_eq(outflow_end(&out, &share, near, &whole), 90);
    ck_assert(whole);
    ck_assert_uint_eq(heard('t', &t), 150);
    ck_assert_uint_eq(t, 50);
}
END_TEST

START_TEST(dropped_it_never_goes)
{
    bool whole;
    size_t a;
    outflow_begin(&out, &share);
    put(100, 90, 'a');
    outflow_drop(&out);
    outflow_begin(&out, &share);
    ck_assert_int_eq(outflow_end(&out, &share, near, &whole), 0);
    ck_assert_uint_eq(heard('a', &a), 0);
    while (outflow_begin(&out, &share), outflow_fits(&out)) /* bounded: a batch has so many records */
        put(RECORD_PLAIN, 1, 'z');
    ck_assert_uint_ge(out.n_records, BATCH_RECORDS);
}
END_TEST

/* As long as ciphertext waits for room, the next batch does not begin: it would go first. */
START_TEST(what_waits_goes_first)
{
    bool whole;
    size_t b;
    int small = 4096;
    setsockopt(near, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    outflow_begin(&out, &share);
    for (unsigned i = 0; i < BATCH_RECORDS; i++)
        put(RECORD_PLAIN, 1, 'a');
    ck_assert_int_ge(outflow_end(&out, &share, near, &whole), 0);
    ck_assert(!whole);
    outflow_begin(&out, &share);
    ck_assert(!out.collecting);
    size_t came = heard('a', &b);
    ck_assert_int_ge(outflow_flush(&out, near, &whole), 0);
    while (!whole) {
        came += heard('a', &b);
        ck_assert_int_ge(outflow_flush(&out, near, &whole), 0);
    }
    came += heard('a', &b);
    ck_assert_uint_eq(came, (size_t)BATCH_RECORDS * RECORD_PLAIN);
    outflow_begin(&out, &share);
    ck_assert(out.collecting);
}
END_TEST

START_TEST(no_more_than_there_is_room)
{
    static char bytes[RECORD_PLAIN];
    size_t all = 0;
    outflow_begin(&out, &share);
    while (outflow_put(&out, &share, bytes, sizeof bytes))
        all += sizeof bytes;
    ck_assert_uint_eq(out.len, all);
    ck_assert_uint_le(all, SHARE_OUTPUT);
    ck_assert_uint_gt(all + sizeof bytes, SHARE_OUTPUT);
    ck_assert(outflow_put(&out, &share, bytes, SHARE_OUTPUT - all));
    ck_assert(!outflow_put(&out, &share, bytes, 1));
    ck_assert(!outflow_fits(&out));
}
END_TEST

/* However many key updates and alerts there are, they take no places of records that somebody waits for. */
START_TEST(what_nobody_waits_for_takes_no_place)
{
    bool whole;
    size_t b;
    outflow_begin(&out, &share);
    for (unsigned i = 0; i < 100; i++)
        put(10, 0, 'u');
    ck_assert_uint_eq(out.n_records, 1);
    put(100, 80, 'b');
    ck_assert_uint_eq(out.n_records, 1);
    outflow_mark(&out, 1000); /* nothing was put: it counts for nothing */
    put(100, 70, 'b');
    ck_assert_uint_eq(out.n_records, 2);
    ck_assert_int_eq(outflow_end(&out, &share, near, &whole), 150);
    ck_assert(whole);
    ck_assert_uint_eq(heard('b', &b), 1200);
}
END_TEST

START_TEST(the_peer_is_gone)
{
    bool whole;
    close(far);
    far = -1;
    outflow_begin(&out, &share);
    put(100, 90, 'a');
    ck_assert_int_eq(outflow_end(&out, &share, near, &whole), -EPIPE);
    /* Nothing to hold back is no failure. */
    out = (struct outflow){0};
    outflow_begin(&out, &share);
    ck_assert_int_eq(outflow_hold(&out, &share), 0);
    ck_assert(!out.held);
    ck_assert_ptr_null(out.kept);
}
END_TEST

/* --- frames --------------------------------------------------------------------------------------------- */

static const uint8_t STREAM[] = {22, 3, 1, 0, 3, 1, 2, 3, 20, 3, 3, 0, 1, 1, 21, 3, 3, 0, 2, 2, 40};

START_TEST(frames_in_pieces)
{
    for (size_t piece = 1; piece <= sizeof STREAM; piece++) {
        struct frames frames = {0};
        unsigned changes = 0;
        for (size_t at = 0; at < sizeof STREAM; at += piece) {
            size_t left = sizeof STREAM - at;
            ck_assert(at < 19 || frames_alert(&frames) == -1);
            changes += frames_feed(&frames, STREAM + at, piece < left ? piece : left);
        }
        ck_assert_uint_eq(changes, 1);
        ck_assert_uint_eq(frames.n, 3);
        ck_assert_int_eq(frames.type, FRAME_ALERT);
        ck_assert_int_eq(frames_alert(&frames), 40);
    }
}
END_TEST

/* What is an alert in the clear: two bytes, whole, of that type. */
START_TEST(only_a_plain_alert_is_one)
{
    static const struct {
        uint8_t bytes[12];
        size_t len;
        int alert;
    } ROWS[] = {{{21, 3, 3, 0, 2, 2, 40}, 7, 40},    {{21, 3, 3, 0, 2, 1, 0}, 7, 0},
                {{21, 3, 3, 0, 2, 2}, 6, -1},        {{21, 3, 3, 0, 2}, 5, -1},
                {{21, 3, 3, 0, 3, 2, 40, 1}, 8, -1}, {{21, 3, 3, 1, 2, 2, 40}, 7, -1},
                {{22, 3, 3, 0, 2, 2, 40}, 7, -1},    {{21, 3, 3, 0, 0, 21, 3, 3, 0, 2, 2, 51}, 12, 51},
                {{21, 3, 3, 0, 2, 2, 40, 21}, 8, -1}};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct frames frames = {0};
        ck_assert(!frames_feed(&frames, ROWS[i].bytes, ROWS[i].len));
        ck_assert_msg(frames_alert(&frames) == ROWS[i].alert, "row %zu: %d", i, frames_alert(&frames));
    }
}
END_TEST

Suite *suite_flows(void)
{
    Suite *suite = suite_create("flows");
    TCase *tcase = tcase_create("flows");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, one_read_takes_what_is_there);
    tcase_add_test(tcase, what_is_left_is_the_connections_own);
    tcase_add_test(tcase, looked_at_before_it_is_taken);
    tcase_add_test(tcase, looked_at_twice);
    tcase_add_test(tcase, a_batch_goes_at_once);
    tcase_add_test(tcase, a_slow_reader);
    tcase_add_test(tcase, held_back_it_goes_with_the_next);
    tcase_add_test(tcase, dropped_it_never_goes);
    tcase_add_test(tcase, what_waits_goes_first);
    tcase_add_test(tcase, no_more_than_there_is_room);
    tcase_add_test(tcase, what_nobody_waits_for_takes_no_place);
    tcase_add_test(tcase, the_peer_is_gone);
    tcase_add_test(tcase, frames_in_pieces);
    tcase_add_test(tcase, only_a_plain_alert_is_one);
    suite_add_tcase(suite, tcase);
    return suite;
}
