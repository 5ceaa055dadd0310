#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "h2_client_fixture.h"

#ifdef HAVE_LIBNGHTTP2

START_TEST(a_response_reads_as_one_of_http1)
{
    struct h2_call *call = ask(GET);
    ck_assert_uint_eq(got.frames[HEADERS], 1);
    ck_assert_uint_eq(got.ended, 1);
    ck_assert_str_eq(heard(call, -EAGAIN), "");
    say_fields(1, ":status=103|link=x|", 0);
    ck_assert_str_eq(heard(call, -EAGAIN), "HTTP/1.1 103 \r\nlink: x\r\n\r\n");
    say_fields(1, ":status=200|content-length=5|x=y|", 0);
    ck_assert_str_eq(heard(call, -EAGAIN), "HTTP/1.1 200 \r\ncontent-length: 5\r\nx: y\r\n\r\n");
    say_data(1, "hello", 0);
    ck_assert_str_eq(heard(call, -EAGAIN), "hell"); /* it may be longer still */
    say_data(1, "", END_STREAM);
    ck_assert_str_eq(heard(call, 0), "o");
    h2_call_free(call);
    listen_to_it();
    ck_assert_uint_eq(got.frames[RST_STREAM], 0);
}
END_TEST

START_TEST(without_a_length_it_is_chunked)
{
    struct h2_call *call = ask(GET);
    say_fields(1, ":status=200|", 0);
    ck_assert_str_eq(heard(call, -EAGAIN), "HTTP/1.1 200 \r\ntransfer-encoding: chunked\r\n\r\n");
    say_data(1, "0123456789abcdef", 0);
    ck_assert_str_eq(heard(call, -EAGAIN), "10\r\n0123456789abcdef\r\n");
    say_fields(1, "grpc-status=0|", END_STREAM);
    ck_assert_str_eq(heard(call, 0), "0\r\ngrpc-status: 0\r\n\r\n");
    h2_call_free(call);
}
END_TEST

START_TEST(trailers_of_grpc_outlive_a_length)
{
    struct h2_call *call = ask(GET);
    say_fields(1, ":status=200|content-type=application/grpc|content-length=2|", 0);
    say_data(1, "ab", 0);
    say_fields(1, "grpc-status=0|", END_STREAM);
    ck_assert_str_eq(heard(call, 0),
                     "HTTP/1.1 200 \r\ncontent-type: application/grpc\r\n"
                     "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\ngrpc-status: 0\r\n\r\n");
    h2_call_free(call);
}
END_TEST

START_TEST(without_a_body_the_head_waits_for_the_end)
{
    struct h2_call *call = ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    say_fields(1, ":status=200|content-length=5|", 0);
    ck_assert_str_eq(heard(call, -EAGAIN), "");
    say_data(1, "", END_STREAM);
    ck_assert_str_eq(heard(call, 0), "HTTP/1.1 200 \r\ncontent-length: 5\r\n\r\n");
    h2_call_free(call);
}
END_TEST

/* What has no form in HTTP/1.1, or two, is no response; the connection has others. */
static const char *const MALFORMED[] = {
    "x=y|",
    ":status=20|",
    ":status=2000|",
    ":status=2x0|",
    ":status=101|",
    ":status=200|:status=200|",
    ":status=200|:path=/|",
    ":status=200|X=y|",
    ":status=200|a b=c|",
    ":status=200|x=a\r\ny: b|",
    ":status=200|x=a\nb|",
    ":status=200|connection=close|",
    ":status=200|transfer-encoding=chunked|",
    ":status=200|upgrade=h2c|",
    ":status=200|keep-alive=1|",
    ":status=200|content-length=1|content-length=1|",
    ":status=200|content-length=x|",
    ":status=200|content-length=-1|",
    ":status=200|content-length=99999999999999999999|",
};

START_TEST(what_is_no_response)
{
    struct h2_call *other = ask(GET), *call = ask(GET);
    say_fields(3, MALFORMED[_i], 0);
    say_data(3, "x", END_STREAM);
    listen_to_it();
    ck_assert_str_eq(heard(call, -EPROTO), "");
    ck_assert(h2_call_why(call)[0] && !h2_call_is_refused(call));
    listen_to_it();
    ck_assert_uint_eq(got.frames[RST_STREAM], 1);
    say_fields(1, ":status=204|", END_STREAM);
    ck_assert_str_eq(heard(other, 0), "HTTP/1.1 204 \r\n\r\n");
    h2_call_free(call);
    h2_call_free(other);
}
END_TEST

static const struct {
    const char *length, *body;
    unsigned flags;
} LENGTHS[] = {{"4", "hello", 0}, {"6", "hello", END_STREAM}, {"0", "x", 0}};

START_TEST(another_length_than_it_says)
{
    struct h2_call *call = ask(GET);
    char fields[60];
    snprintf(fields, sizeof fields, ":status=200|content-length=%s|", LENGTHS[_i].length);
    say_fields(1, fields, 0);
    say_data(1, LENGTHS[_i].body, LENGTHS[_i].flags);
    listen_to_it();
    (void)heard(call, -EPROTO);
    h2_call_free(call);
}
END_TEST

START_TEST(what_a_server_has_not_looked_at)
{
    struct h2_call *first = ask(GET), *second = ask(GET), *third = ask(GET);
    say_code(RST_STREAM, 3, 0, H2_REFUSED_STREAM);
    ck_assert_str_eq(heard(second, -EPROTO), "");
    ck_assert(h2_call_is_refused(second));
    say_code(GOAWAY, 0, 1, H2_NO_ERROR);
    ck_assert_str_eq(heard(third, -EPROTO), "");
    ck_assert(h2_call_is_refused(third));
    ck_assert_uint_eq(h2_client_room(client), 0);
    say_fields(1, ":status=200|content-length=0|", END_STREAM);
    ck_assert_str_eq(heard(first, 0), "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n");
    ck_assert(!h2_call_is_refused(first));
    h2_call_free(first);
    h2_call_free(second);
    h2_call_free(third);
    ck_assert(h2_client_is_over(client));
    ck_assert_str_eq(h2_client_why(client), "it ends the connection (GOAWAY, NO_ERROR)");
}
END_TEST

START_TEST(what_was_not_sent_is_refused)
{
    struct h2_call *sent = ask(POST), *unsent = h2_call_new(client, "https", NULL);
    ck_assert_ptr_nonnull(unsent);
    ck_assert_int_gt(h2_call_write(unsent, POST, strlen(POST)), 0);
    h2_client_fail(client, "it closed the connection");
    (void)heard(unsent, -EPROTO);
    ck_assert(h2_call_is_refused(unsent));
    ck_assert(!h2_call_is_refused(sent));
    ck_assert(!h2_call_is_answered(sent));
    h2_call_free(sent);
    h2_call_free(unsent);
}
END_TEST

/* Two heads, of which the socket took the first and not all of the second; or nothing of it. */
static const struct {
    size_t lost;
    bool first, second;
} LOST[] = {{0, false, false}, {1, false, true}, {10, false, true}, {SIZE_MAX, true, true}};

START_TEST(what_the_socket_did_not_take_is_refused)
{
    struct h2_call *calls[2];
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        calls[i] = h2_call_new(client, "https", NULL);
        ck_assert_ptr_nonnull(calls[i]);
        ck_assert_int_gt(h2_call_write(calls[i], GET, strlen(GET)), 0);
    }
    if (LOST[_i].lost == SIZE_MAX) {
        const char *bytes;
        while (h2_client_give(client, &bytes) > 0)
            continue;
    } else {
        listen_but(LOST[_i].lost);
    }
    h2_client_fail(client, "Broken pipe");
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        (void)heard(calls[i], -EPROTO);
        ck_assert_int_eq(h2_call_is_refused(calls[i]), i == 0 ? LOST[_i].first : LOST[_i].second);
        h2_call_free(calls[i]);
    }
}
END_TEST

START_TEST(what_is_reset_is_cut_short)
{
    struct h2_call *first = ask(GET), *second = ask(GET);
    say_code(RST_STREAM, 1, 0, H2_INTERNAL_ERROR);
    ck_assert_str_eq(heard(first, -EPROTO), "");
    ck_assert_str_eq(h2_call_why(first), "it reset the stream (INTERNAL_ERROR)");
    ck_assert(!h2_call_is_refused(first) && h2_call_is_reset(first));
    say_fields(3, ":status=200|content-length=9|", 0);
    say_data(3, "some", 0);
    h2_client_fail(client, "it closed the connection");
    ck_assert_str_eq(heard(second, -EPROTO), "HTTP/1.1 200 \r\ncontent-length: 9\r\n\r\nsome");
    ck_assert_str_eq(h2_call_why(second), "it closed the connection");
    h2_call_free(first);
    h2_call_free(second);
}
END_TEST

START_TEST(what_speaks_no_http2)
{
    static const char OTHER[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    struct h2_limits limits;
    h2_client_limits(&limits);
    h2_client_free(client);
    client = h2_client_new(&limits, &grown);
    struct h2_call *call = ask(GET);
    h2_client_take(client, OTHER, sizeof OTHER - 1, now_ms);
    listen_to_it();
    ck_assert(h2_client_is_over(client));
    ck_assert_str_eq(h2_client_why(client), "it does not speak HTTP/2: it answers in HTTP/1.1");
    h2_call_free(call);
}
END_TEST

START_TEST(it_is_not_asked_often_whether_it_is_there)
{
    struct h2_call *call = ask(GET);
    ck_assert(h2_client_ping(client));
    ck_assert(h2_client_ping(client));
    ck_assert(!h2_client_ping(client));
    say(PING, 1, 0, "\0\0\0\0\0\0\0", 8);
    ck_assert(!h2_client_ping(client));
    say_fields(1, ":status=200|", 0);
    ck_assert(h2_client_ping(client));
    listen_to_it();
    ck_assert_uint_eq(got.frames[PING], 3);
    h2_call_free(call);
    h2_client_fail(client, "over");
    ck_assert(!h2_client_ping(client));
}
END_TEST

START_TEST(nothing_is_pushed)
{
    struct h2_call *call = ask(GET);
    say(PUSH_PROMISE, END_HEADERS, 1, "\0\0\0\2\x88", 5);
    listen_to_it();
    ck_assert(h2_client_is_over(client));
    h2_call_free(call);
}
END_TEST

Suite *suite_h2_client(void)
{
    Suite *suite = suite_create("h2_client");
    TCase *tc = tcase_create("h2_client");
    tcase_add_checked_fixture(tc, h2_client_set_up, h2_client_tear_down);
    tcase_add_test(tc, a_response_reads_as_one_of_http1);
    tcase_add_test(tc, without_a_length_it_is_chunked);
    tcase_add_test(tc, trailers_of_grpc_outlive_a_length);
    tcase_add_test(tc, without_a_body_the_head_waits_for_the_end);
    tcase_add_loop_test(tc, what_is_no_response, 0, (int)ARRAY_LEN(MALFORMED));
    tcase_add_loop_test(tc, another_length_than_it_says, 0, (int)ARRAY_LEN(LENGTHS));
    tcase_add_test(tc, what_a_server_has_not_looked_at);
    tcase_add_test(tc, what_was_not_sent_is_refused);
    tcase_add_loop_test(tc, what_the_socket_did_not_take_is_refused, 0, ARRAY_LEN(LOST));
    tcase_add_test(tc, what_is_reset_is_cut_short);
    tcase_add_test(tc, what_speaks_no_http2);
    tcase_add_test(tc, it_is_not_asked_often_whether_it_is_there);
    tcase_add_test(tc, nothing_is_pushed);
    suite_add_tcase(suite, tc);
    return suite;
}

#else

START_TEST(none_is_built)
{
    ck_assert(!h2_is_built());
}
END_TEST

Suite *suite_h2_client(void)
{
    Suite *suite = suite_create("h2_client");
    TCase *tc = tcase_create("h2_client");
    tcase_add_test(tc, none_is_built);
    suite_add_tcase(suite, tc);
    return suite;
}

#endif
