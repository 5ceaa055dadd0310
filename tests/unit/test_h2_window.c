/* How much of an upload over HTTP/2 may be on its way: of a stream, of a connection, of all. */
#include "http/h2_window.h"

#include "h2_fixture.h"
#include "suites.h"

/* An upload over a way on which all that is sent is under way when its answer comes: how many round trips it
 * takes. `padding`: of each frame. */
static unsigned round_trips(size_t upload, size_t padding)
{
    static char payload[16384];
    struct bytes b;
    int64_t window = 65535, stream_window = H2_WINDOW_FIRST;
    unsigned trips = 0;
    payload[0] = (char)(padding > 0 ? padding - 1 : 0);
    begin(&b);
    put_frame(&b, 4, 1, 0, "", 0); /* our SETTINGS are acknowledged */
    put_head(&b, 1, END_HEADERS, BASE);
    take(&b, b.n);
    for (size_t left = upload; left > 0 && trips < 1000; trips++) {
        struct out out = {0};
        collect(&out);
        window += out.window;
        stream_window += out.stream_window;
        b.n = 0;
        if (out.n[6] > 0)
            put_frame(&b, 6, 1, 0, out.ping, 8);
        for (;;) {
            size_t n = left < sizeof payload - padding ? left : sizeof payload - padding;
            if (n == 0 || (int64_t)(n + padding) > window || (int64_t)(n + padding) > stream_window)
                break;
            put_frame(&b, 0, padding > 0 ? 8 : 0, 1, payload, n + padding);
            take(&b, b.n);
            b.n = 0;
            left -= n;
            window -= (int64_t)(n + padding);
            stream_window -= (int64_t)(n + padding);
        }
    }
    return trips;
}

enum { UPLOAD = 64 * 1024 * 1024 };

START_TEST(a_long_way)
{
    owner.grows = H2_WINDOW_MOST;
    ck_assert_uint_le(round_trips(UPLOAD, 0), 30);
    ck_assert_uint_eq(owner.streams[0].engine.window.size, H2_WINDOW_MOST);
    ck_assert_uint_eq(owner.grown, H2_WINDOW_MOST - H2_WINDOW_FIRST);
    ck_assert_uint_eq(owner.streams[0].received, UPLOAD);
}
END_TEST

START_TEST(a_long_way_with_padding)
{
    owner.grows = H2_WINDOW_MOST;
    ck_assert_uint_le(round_trips(UPLOAD, 256), 30);
    ck_assert_uint_eq(owner.streams[0].received, UPLOAD);
}
END_TEST

START_TEST(a_long_way_and_no_more_memory)
{
    owner.grows = H2_WINDOW_FIRST;
    const unsigned trips = round_trips(UPLOAD, 0);
    ck_assert_uint_gt(trips, 100);
    ck_assert_uint_lt(trips, 300);
    ck_assert_uint_eq(owner.streams[0].engine.window.size, 2 * H2_WINDOW_FIRST);
}
END_TEST

/* Who does not take it gets no more than the first window. */
START_TEST(nobody_takes_it)
{
    owner.grows = H2_WINDOW_MOST;
    owner.holds = true;
    ck_assert_uint_eq(round_trips(UPLOAD, 0), 1000);
    ck_assert_uint_eq(owner.streams[0].received, H2_WINDOW_FIRST);
    ck_assert_uint_eq(owner.streams[0].engine.held, H2_WINDOW_FIRST);
    ck_assert_uint_eq(owner.grown, 0);
}
END_TEST

/* Nor do all of a connection together get more than a bound: what is taken makes room, and no other does. */
START_TEST(nobody_takes_any_of_many)
{
    static char payload[16384];
    struct bytes b;
    struct out out = {0};
    struct h2_limits limits;
    size_t received = 0;
    h2_limits_init(&limits);
    owner.grows = H2_WINDOW_MOST;
    owner.holds = true;
    begin(&b);
    put_frame(&b, 4, 1, 0, "", 0);
    for (uint32_t i = 0; i < 100; i++)
        put_head(&b, 2 * i + 1, END_HEADERS, BASE);
    take(&b, b.n);
    collect(&out);
    int64_t window = 65535 + out.window;
    for (uint32_t i = 0; i < 100 && window >= (int64_t)sizeof payload; i++) {
        for (size_t sent = 0; sent < H2_WINDOW_FIRST && window >= (int64_t)sizeof payload;
             sent += sizeof payload) {
            b.n = 0;
            put_frame(&b, 0, 0, 2 * i + 1, payload, sizeof payload);
            take(&b, b.n);
            out = (struct out){0};
            collect(&out);
            window += out.window - (int64_t)sizeof payload;
            received += sizeof payload;
        }
    }
    ck_assert_uint_gt(received, limits.held);
    ck_assert_uint_le(received, limits.held + limits.window);
    ck_assert(h2_is_held_up(owner.h2));
    for (uint32_t i = 0; i < 100; i++)
        h2_consumed(owner.h2, &owner.streams[i].engine, H2_WINDOW_FIRST);
    out = (struct out){0};
    collect(&out);
    ck_assert_int_ge(window + out.window, limits.window / 2);
    ck_assert(!h2_is_held_up(owner.h2));
}
END_TEST

/* Those of many connections leave some for who comes late. */
START_TEST(windows_of_all)
{
    size_t all = 0;
    for (unsigned i = 0; i < 20; i++) {
        size_t size = H2_WINDOW_FIRST;
        for (; size < H2_WINDOW_MOST && h2_window_may_grow(size, size - H2_WINDOW_FIRST, all); size *= 2)
            all += size;
        ck_assert_uint_gt(size, H2_WINDOW_FIRST);
        ck_assert_uint_le(all, H2_WINDOW_ALL);
        ck_assert(i > 0 || size == H2_WINDOW_MOST);
    }
}
END_TEST

/* A way on which less than a window comes in a round trip: it is asked about less and less. */
START_TEST(a_short_way)
{
    struct h2_window w;
    unsigned asked = 0;
    h2_window_init(&w);
    for (size_t i = 0; i < UPLOAD / 1024; i++) {
        if (!h2_window_came(&w, 1024))
            continue;
        h2_window_asks(&w);
        (void)h2_window_came(&w, H2_WINDOW_FIRST / 4);
        ck_assert(!h2_window_answered(&w, 0));
        asked++;
    }
    ck_assert_uint_le(asked, 20);
    ck_assert_uint_ge(asked, 5);
}
END_TEST

Suite *suite_h2_window(void)
{
    Suite *suite = suite_create("h2_window");
    TCase *tc = tcase_create("window"), *engine = tcase_create("engine");
    tcase_add_test(tc, windows_of_all);
    tcase_add_test(tc, a_short_way);
    suite_add_tcase(suite, tc);
    suite_add_tcase(suite, engine);
    if (!h2_is_built())
        return suite;
    tcase_add_checked_fixture(engine, h2_setup, h2_teardown);
    tcase_add_test(engine, a_long_way);
    tcase_add_test(engine, a_long_way_with_padding);
    tcase_add_test(engine, a_long_way_and_no_more_memory);
    tcase_add_test(engine, nobody_takes_it);
    tcase_add_test(engine, nobody_takes_any_of_many);
    return suite;
}
