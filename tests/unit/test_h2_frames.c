/* What a client of HTTP/2 may cost: its frames are counted, and too many of a kind end the connection. */
#include "http/h2_frames.h"

#include "h2_fixture.h"
#include "suites.h"

START_TEST(frames_are_told_at_any_cut)
{
    struct h2_limits limits;
    struct bytes b;
    h2_limits_init(&limits);
    begin(&b);
    put_frame(&b, 0, 0, 1, "", 0);
    put_frame(&b, 0, END_STREAM, 1, "", 0);
    put_frame(&b, 3, 0, 1, "\0\0\0\10", 4);
    put_frame(&b, 6, 0, 0, "12345678", 8);
    put_frame(&b, 99, 0, 0, "1", 1);
    for (size_t piece = 1; piece <= b.n; piece++) {
        struct h2_frames frames = {0};
        for (size_t at = 0; at < b.n; at += piece)
            ck_assert_int_eq(
                h2_frames_feed(&frames, &limits, b.at + at, b.n - at < piece ? b.n - at : piece, 5000),
                H2_LIMITS);
        ck_assert_uint_eq(frames.count[H2_EMPTY_FRAMES], 1);
        ck_assert_uint_eq(frames.count[H2_RESETS], 1);
        ck_assert_uint_eq(frames.count[H2_SETTINGS], 1);
        ck_assert_uint_eq(frames.count[H2_PINGS], 1);
        ck_assert_uint_eq(frames.count[H2_FRAMES], 1);
    }
}
END_TEST

START_TEST(pings_that_data_earns)
{
    struct h2_limits limits;
    struct h2_frames frames = {0};
    h2_limits_init(&limits);
    for (unsigned i = 0; i < 1000; i++) {
        ck_assert(!h2_frames_count(&frames, &limits, H2_PINGS, 5000));
        h2_frames_earn(&frames);
    }
    for (unsigned i = 0; i < limits.most[H2_PINGS]; i++)
        ck_assert(!h2_frames_count(&frames, &limits, H2_PINGS, 5000));
    ck_assert(h2_frames_count(&frames, &limits, H2_PINGS, 5000));
}
END_TEST

/* So many of a frame are still good; one more is too much. */
static const struct {
    enum h2_limit limit;
    unsigned type, most;
    const char *data;
    size_t len;
} FLOODS[] = {
    {H2_SETTINGS, 4, 19, "", 0}, /* and that of the preface */
    {H2_PINGS, 6, 20, "12345678", 8},      {H2_EMPTY_FRAMES, 0, 100, "", 0},
    {H2_FRAMES, 2, 1000, "\0\0\0\0\1", 5}, {H2_FRAMES, 200, 1000, "", 0},
};

START_TEST(a_flood)
{
    struct bytes b;
    struct out out = {0};
    const uint32_t id = FLOODS[_i].type == 0 || FLOODS[_i].type == 2 ? 1 : 0;
    begin(&b);
    put_head(&b, 1, END_HEADERS, BASE);
    for (unsigned i = 0; i < FLOODS[_i].most; i++)
        put_frame(&b, FLOODS[_i].type, 0, id, FLOODS[_i].data, FLOODS[_i].len);
    take(&b, b.n);
    collect(&out);
    ck_assert_uint_eq(out.n[7], 0);
    ck_assert_uint_eq(owner.hits[FLOODS[_i].limit], 0);
    b.n = 0;
    put_frame(&b, FLOODS[_i].type, 0, id, FLOODS[_i].data, FLOODS[_i].len);
    take(&b, b.n);
    collect(&out);
    ck_assert_uint_eq(owner.hits[FLOODS[_i].limit], 1);
    ck_assert_uint_eq(out.goaway, H2_ENHANCE_YOUR_CALM);
    ck_assert(h2_is_over(owner.h2));
}
END_TEST

START_TEST(a_ping_with_each_answer)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    for (uint32_t i = 0; i < 60; i++) {
        owner.left = 1;
        put_head(&b, 2 * i + 1, END_HEADERS | END_STREAM, BASE);
        take(&b, b.n);
        collect(&out);
        b.n = 0;
        put_frame(&b, 6, 0, 0, "12345678", 8);
    }
    take(&b, b.n);
    ck_assert_uint_eq(out.n[0], 60);
    ck_assert_uint_eq(owner.hits[H2_PINGS], 0);
    ck_assert(!h2_is_over(owner.h2));
}
END_TEST

START_TEST(rapid_resets)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    owner.answers = false;
    for (uint32_t i = 0; i < 201 && !owner.hits[H2_RESETS]; i++) {
        put_head(&b, 2 * i + 1, END_HEADERS | END_STREAM, BASE);
        put_frame(&b, 3, 0, 2 * i + 1, "\0\0\0\10", 4);
        take(&b, b.n);
        collect(&out);
        ck_assert_uint_eq(owner.hits[H2_RESETS], i == 200);
        b.n = 0;
    }
    ck_assert_uint_eq(out.goaway, H2_ENHANCE_YOUR_CALM);
}
END_TEST

/* As many streams that the client makes the server reset. */
START_TEST(resets_that_are_provoked)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    for (uint32_t i = 0; i < 220; i++) {
        put_head(&b, 2 * i + 1, END_HEADERS | END_STREAM, BASE "connection=close|");
        take(&b, b.n);
        collect(&out);
        b.n = 0;
    }
    ck_assert_uint_eq(owner.hits[H2_RESETS], 1);
    ck_assert_uint_eq(out.goaway, H2_ENHANCE_YOUR_CALM);
}
END_TEST

START_TEST(continuations)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    put_head(&b, 1, END_STREAM, BASE);
    for (unsigned i = 0; i < 9; i++)
        put_frame(&b, 9, 0, 1, "", 0);
    take(&b, b.n);
    collect(&out);
    ck_assert_uint_eq(owner.hits[H2_CONTINUATIONS], 1);
    ck_assert_uint_eq(out.goaway, H2_ENHANCE_YOUR_CALM);
}
END_TEST

/* An octet stands for a field of 4 KB: 4,000 of them would be looked at for 16 ms. The last is malformed, and
 * nobody gets that far. */
START_TEST(a_head_of_octets)
{
    enum { VALUE = 4000, REFERENCES = 4000 };
    static const char NAME[] = "\x40\x01"
                               "a\x7f\xa1\x1e";
    static const char MALFORMED[] = "\x00\x01"
                                    "A\x01x";
    char block[sizeof NAME - 1 + VALUE + REFERENCES + sizeof MALFORMED - 1], *at = block;
    memcpy(at, NAME, sizeof NAME - 1);
    at += sizeof NAME - 1;
    memset(at, 'b', VALUE);
    at += VALUE;
    memset(at, 0xbe, REFERENCES);
    at += REFERENCES;
    memcpy(at, MALFORMED, sizeof MALFORMED - 1);
    struct bytes b;
    begin(&b);
    put_head(&b, 1, END_STREAM, BASE);
    put_frame(&b, 9, END_HEADERS, 1, block, sizeof block);
    take(&b, b.n);
    struct out out = {0};
    collect(&out);
    ck_assert_uint_eq(owner.hits[H2_HEADER_LIST], 1);
    ck_assert_uint_eq(out.goaway, H2_ENHANCE_YOUR_CALM);
    ck_assert_uint_eq(owner.n_malformed, 0);
    ck_assert_uint_eq(owner.n_heads, 0);
}
END_TEST

START_TEST(streams_at_once)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    owner.answers = false;
    for (uint32_t i = 0; i < 101; i++)
        put_head(&b, 2 * i + 1, END_HEADERS | END_STREAM, BASE);
    take(&b, b.n);
    collect(&out);
    ck_assert_uint_eq(owner.n_heads, 100);
    ck_assert_uint_eq(owner.hits[H2_STREAMS], 1);
    ck_assert_uint_eq(out.reset, H2_REFUSED_STREAM);
    ck_assert_uint_eq(out.n[7], 0);
}
END_TEST

Suite *suite_h2_frames(void)
{
    Suite *suite = suite_create("h2_frames");
    TCase *tc = tcase_create("frames"), *engine = tcase_create("engine");
    tcase_add_test(tc, frames_are_told_at_any_cut);
    tcase_add_test(tc, pings_that_data_earns);
    suite_add_tcase(suite, tc);
    suite_add_tcase(suite, engine);
    if (!h2_is_built())
        return suite;
    tcase_add_checked_fixture(engine, h2_setup, h2_teardown);
    tcase_add_loop_test(engine, a_flood, 0, ARRAY_LEN(FLOODS));
    tcase_add_test(engine, a_ping_with_each_answer);
    tcase_add_test(engine, rapid_resets);
    tcase_add_test(engine, resets_that_are_provoked);
    tcase_add_test(engine, continuations);
    tcase_add_test(engine, a_head_of_octets);
    tcase_add_test(engine, streams_at_once);
    return suite;
}
