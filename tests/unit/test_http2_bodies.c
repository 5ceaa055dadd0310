/* What a worker holds of the bodies of requests over HTTP/2 that wait for backends: how it is counted, and
 * where it ends. */
#include "server/http2_stream.h"
#include "server/worker.h"
#include "suites.h"

enum { MIB = 1024 * 1024 };

static struct worker worker;
static struct conn conn;
static struct http2 http2;

static void set_up(void)
{
    static const struct h2_ops NOTHING = {0};
    struct h2_limits limits;
    h2_limits_init(&limits);
    worker = (struct worker){0};
    wheel_init(&worker.wheel, 1000);
    conn = (struct conn){.worker = &worker};
    http2 = (struct http2){.conn = &conn, .engine = h2_new(&limits, &NOTHING, NULL)};
    ck_assert(!h2_is_built() || http2.engine);
}

static void tear_down(void)
{
    while (http2.streams)
        http2_stream_free(http2.streams);
    h2_free(http2.engine);
    ck_assert_uint_eq(worker.http2_bodies, 0);
}

static struct http2_stream *stream_of(size_t waits)
{
    struct http2_stream *stream = http2_stream_new(&http2);
    ck_assert_ptr_nonnull(stream);
    http2_stream_waits(stream, waits);
    return stream;
}

START_TEST(what_waits_is_counted_once)
{
    struct http2_stream *one = stream_of(5 * MIB), *other = stream_of(3 * MIB);
    ck_assert_uint_eq(worker.http2_bodies, 8 * MIB);
    http2_stream_waits(one, 5 * MIB);
    ck_assert_uint_eq(worker.http2_bodies, 8 * MIB);
    http2_stream_waits(one, 1);
    ck_assert_uint_eq(worker.http2_bodies, 3 * MIB + 1);
    http2_stream_waits(other, 0);
    ck_assert_uint_eq(worker.http2_bodies, 1);
    http2_stream_waits(other, 2 * MIB);
    http2_stream_free(one);
    ck_assert_uint_eq(worker.http2_bodies, 2 * MIB);
}
END_TEST

/* Nobody comes to it over 192 MiB, whoever has them; who is there may bring 256 MiB. */
START_TEST(its_bounds)
{
    struct http2_stream *stream = stream_of(0);
    stream_of(100 * MIB);
    http2_stream_waits(stream, 92 * MIB);
    ck_assert(!http2_stream_is_held_up(stream));
    http2_stream_waits(stream, 92 * MIB + 1);
    ck_assert(http2_stream_is_held_up(stream));
    ck_assert(!http2_stream_is_too_much(stream));
    http2_stream_waits(stream, 156 * MIB);
    ck_assert(!http2_stream_is_too_much(stream));
    http2_stream_waits(stream, 156 * MIB + 1);
    ck_assert(http2_stream_is_too_much(stream));
    http2_stream_free(stream);
    ck_assert(!http2_stream_is_held_up(http2.streams));
}
END_TEST

Suite *suite_http2_bodies(void)
{
    Suite *suite = suite_create("http2_bodies");
    TCase *tcase = tcase_create("http2_bodies");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, what_waits_is_counted_once);
    tcase_add_test(tcase, its_bounds);
    suite_add_tcase(suite, tcase);
    return suite;
}
