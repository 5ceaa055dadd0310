/* The engine of HTTP/2: requests and answers, what breaks the protocol, and how one parts. */
#include "h2_fixture.h"
#include "suites.h"

START_TEST(a_request_and_its_answer)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    put_head(&b, 1, END_HEADERS | END_STREAM, BASE);
    put_head(&b, 3, END_HEADERS, BASE "content-length=3|");
    put_frame(&b, 0, 8, 3, "\2ab\0\0", 5); /* padded */
    put_frame(&b, 0, END_STREAM, 3, "c", 1);
    owner.left = 20000;
    take(&b, (size_t)_i + 1);
    ck_assert_uint_eq(owner.n_heads, 2);
    ck_assert_uint_eq(owner.n_ended, 1);
    ck_assert_uint_eq(owner.streams[1].received, 3);
    collect(&out);
    ck_assert_uint_eq(out.body, 20000);
    ck_assert_uint_eq(out.n[1], 2);
    ck_assert(owner.streams[0].sent && owner.streams[1].sent);
    ck_assert_uint_eq(owner.n_closed, 2);
    ck_assert_uint_eq(owner.code, H2_NO_ERROR);
    ck_assert(!h2_is_over(owner.h2));
}
END_TEST

START_TEST(what_breaks_the_protocol)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    put_head(&b, 1, END_HEADERS | END_STREAM, BASE "Upper=x|");
    put_head(&b, 3, END_HEADERS | END_STREAM, BASE "connection=close|");
    put_head(&b, 5, END_HEADERS, BASE "content-length=3|");
    put_frame(&b, 0, END_STREAM, 5, "ab", 2);
    take(&b, b.n);
    collect(&out);
    ck_assert_uint_eq(out.n[3], 3);
    ck_assert_uint_eq(out.reset, H2_PROTOCOL_ERROR);
    ck_assert_uint_eq(out.n[7], 0);
    ck_assert_uint_eq(owner.n_closed, owner.n_streams);
    b.n = 0;
    put_frame(&b, 0, 0, 5, "c", 1); /* was on its way when it was reset */
    put_head(&b, 3, END_HEADERS | END_STREAM, BASE);
    take(&b, b.n);
    collect(&out);
    ck_assert_uint_eq(out.n[7], 0);
    b.n = 0;
    put_frame(&b, 0, 0, 0, "", 0); /* DATA of the connection */
    take(&b, b.n);
    collect(&out);
    ck_assert_uint_eq(out.goaway, H2_PROTOCOL_ERROR);
    ck_assert(h2_is_over(owner.h2));
}
END_TEST

/* Frames of a stream that is closed, where none was ever reset. */
static const struct {
    unsigned type;
    uint32_t id;
    enum h2_code code;
} BEHIND[] = {{0, 5, H2_STREAM_CLOSED},
              {1, 5, H2_PROTOCOL_ERROR},
              {1, 3, H2_PROTOCOL_ERROR},
              {2, 0, H2_PROTOCOL_ERROR}};

START_TEST(what_comes_behind_the_end)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    put_head(&b, 5, END_HEADERS | END_STREAM, BASE);
    take(&b, b.n);
    collect(&out);
    ck_assert_uint_eq(owner.n_closed, 1);
    b.n = 0;
    if (BEHIND[_i].type == 1)
        put_head(&b, BEHIND[_i].id, END_HEADERS | END_STREAM, BASE);
    else
        put_frame(&b, BEHIND[_i].type, 0, BEHIND[_i].id, "\0\0\0\0\1", 5);
    take(&b, b.n);
    collect(&out);
    ck_assert_uint_eq(out.goaway, BEHIND[_i].code);
    ck_assert_uint_eq(out.n[7], 1);
    ck_assert(h2_is_over(owner.h2));
}
END_TEST

START_TEST(what_is_no_http2)
{
    static const char TEXT[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct out out = {0};
    h2_take(owner.h2, TEXT, sizeof TEXT - 1, 0);
    collect(&out);
    ck_assert_uint_eq(out.goaway, H2_PROTOCOL_ERROR);
    ck_assert(h2_is_over(owner.h2));
}
END_TEST

START_TEST(parting)
{
    struct bytes b;
    struct out out = {0};
    begin(&b);
    put_head(&b, 1, END_HEADERS, BASE);
    take(&b, b.n);
    h2_part(owner.h2);
    collect(&out);
    ck_assert_uint_eq(out.last_id, 0x7fffffff);
    h2_part_now(owner.h2);
    collect(&out);
    ck_assert_uint_eq(out.last_id, 1);
    ck_assert_uint_eq(out.goaway, H2_NO_ERROR);
    b.n = 0;
    put_frame(&b, 0, END_STREAM, 1, "a", 1);
    take(&b, b.n);
    collect(&out);
    ck_assert(out.end_stream);
    ck_assert_uint_eq(owner.n_closed, 1);
}
END_TEST

START_TEST(none_is_built)
{
    struct h2_limits limits;
    h2_limits_init(&limits);
    ck_assert_ptr_null(h2_new(&limits, &H2_OPS, &owner));
}
END_TEST

Suite *suite_h2(void)
{
    Suite *suite = suite_create("h2");
    TCase *tc = tcase_create("engine");
    suite_add_tcase(suite, tc);
    if (!h2_is_built()) {
        tcase_add_test(tc, none_is_built);
        return suite;
    }
    tcase_add_checked_fixture(tc, h2_setup, h2_teardown);
    tcase_add_loop_test(tc, a_request_and_its_answer, 0, 50);
    tcase_add_test(tc, what_breaks_the_protocol);
    tcase_add_loop_test(tc, what_comes_behind_the_end, 0, ARRAY_LEN(BEHIND));
    tcase_add_test(tc, what_is_no_http2);
    tcase_add_test(tc, parting);
    return suite;
}
