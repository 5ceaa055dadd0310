/* How much goes to a server of HTTP/2 and comes from it: windows, streams, floods. */
#include "config.h"

#include "h2_client_fixture.h"

#ifdef HAVE_LIBNGHTTP2

START_TEST(a_body_goes_as_far_as_the_window_lets_it)
{
    static char piece[10000];
    struct h2_call *call = ask(POST);
    size_t n = 0;
    ssize_t rc = 1;
    ck_assert_uint_eq(got.ended, 0);
    memset(piece, 'x', sizeof piece);
    while (rc >= 0) {
        ck_assert_int_gt(h2_call_write(call, "2710\r\n", 6), 0);
        for (size_t at = 0; at < sizeof piece; at += (size_t)rc, n += (size_t)rc) {
            rc = h2_call_write(call, piece + at, sizeof piece - at);
            listen_to_it();
            if (rc < 0)
                break;
        }
        if (rc >= 0)
            ck_assert_int_eq(h2_call_write(call, "\r\n", 2), 2);
    }
    ck_assert_int_eq((int)rc, -EAGAIN);
    ck_assert_uint_eq(got.data, 65535);
    ck_assert_uint_lt(n, 3 * 65536);
    while (h2_client_next(client))
        ;
    say_code(WINDOW_UPDATE, 0, 0, 1000000);
    say_code(WINDOW_UPDATE, 1, 0, 1000000);
    listen_to_it();
    ck_assert_ptr_eq(h2_client_next(client), call);
    ck_assert_uint_eq(got.data, n);
    h2_call_free(call);
    listen_to_it();
    ck_assert_uint_eq(got.frames[RST_STREAM], 1);
    ck_assert_uint_eq(got.code, H2_CANCEL);
}
END_TEST

START_TEST(a_chunked_body_loses_its_frames)
{
    static const char BODY[] = "5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n";
    struct h2_call *call = ask(POST);
    for (size_t i = 0; i < sizeof BODY - 1; i++)
        ck_assert_int_eq(h2_call_write(call, BODY + i, 1), 1);
    listen_to_it();
    ck_assert_uint_eq(got.data, 15);
    ck_assert_uint_eq(got.ended, 1);
    h2_call_free(call);
}
END_TEST

/* A whole window of content comes. */
static void fill(size_t window)
{
    static const char piece[16384];
    for (size_t n = 0; n < window; n += sizeof piece)
        say(DATA, 0, 1, piece, sizeof piece);
    listen_to_it();
}

START_TEST(the_window_opens_as_it_is_read)
{
    static char out[2 * 1024 * 1024];
    struct h2_call *call = ask(GET);
    size_t window = H2_CALL_WINDOW, all = 0;
    say_fields(1, ":status=200|", 0);
    for (unsigned i = 0; i < 4; i++) {
        fill(window);
        ck_assert_uint_eq(got.opened, all);
        ck_assert_str_eq(h2_call_why(call), "");
        ck_assert_int_gt(h2_call_read(call, out, sizeof out), (ssize_t)window);
        listen_to_it();
        const size_t more = window < H2_CALL_WINDOW_MOST ? window : 0;
        all += window + more;
        window += more;
        ck_assert_uint_eq(got.opened, all);
        ck_assert_uint_eq(grown, window - H2_CALL_WINDOW);
    }
    fill(window);
    ck_assert_str_eq(h2_call_why(call), "");
    fill(1);
    ck_assert_uint_eq(got.frames[RST_STREAM] + got.frames[GOAWAY], 1);
    h2_call_free(call);
    ck_assert_uint_eq(grown, 0);
}
END_TEST

START_TEST(windows_grow_no_further_than_all_may)
{
    static char out[2 * 1024 * 1024];
    struct h2_call *call = ask(GET);
    say_fields(1, ":status=200|", 0);
    grown = H2_CALLS_GROWN - H2_CALL_WINDOW + 1;
    fill(H2_CALL_WINDOW);
    ck_assert_int_gt(h2_call_read(call, out, sizeof out), H2_CALL_WINDOW);
    listen_to_it();
    ck_assert_uint_eq(got.opened, H2_CALL_WINDOW);
    h2_call_free(call);
    ck_assert_uint_eq(grown, H2_CALLS_GROWN - H2_CALL_WINDOW + 1);
}
END_TEST

START_TEST(room_is_what_the_server_says)
{
    ck_assert(h2_client_is_settled(client));
    ck_assert_uint_eq(h2_client_room(client), H2_CLIENT_STREAMS);
    say_settings(3, 2);
    ck_assert_uint_eq(h2_client_room(client), 2);
    struct h2_call *call = ask(GET);
    ck_assert_uint_eq(h2_client_room(client), 1);
    say_settings(3, 0);
    ck_assert_uint_eq(h2_client_room(client), 0);
    say_settings(3, 1000000);
    ck_assert_uint_eq(h2_client_room(client), H2_CLIENT_STREAMS - 1);
    h2_call_free(call);
}
END_TEST

static const struct {
    unsigned type;
    enum h2_limit limit;
    size_t len;
} FLOODS[] = {
    {PING, H2_PINGS, 8}, {SETTINGS, H2_SETTINGS, 0}, {DATA, H2_EMPTY_FRAMES, 0}, {99, H2_FRAMES, 0}};

START_TEST(floods)
{
    struct h2_limits limits;
    h2_client_limits(&limits);
    struct h2_call *call = ask(GET);
    say_fields(1, ":status=200|", 0);
    for (unsigned i = 0; i < limits.most[FLOODS[_i].limit]; i++) {
        ck_assert(!h2_client_is_over(client));
        say(FLOODS[_i].type, 0, FLOODS[_i].type == DATA ? 1 : 0, "12345678", FLOODS[_i].len);
        listen_to_it();
    }
    say(FLOODS[_i].type, 0, FLOODS[_i].type == DATA ? 1 : 0, "12345678", FLOODS[_i].len);
    listen_to_it();
    ck_assert(h2_client_is_over(client));
    ck_assert_uint_eq(got.frames[GOAWAY], 1);
    ck_assert_uint_eq(got.code, H2_ENHANCE_YOUR_CALM);
    (void)heard(call, -EPROTO);
    h2_call_free(call);
}
END_TEST

START_TEST(another_second_is_another_count)
{
    for (unsigned i = 0; i < 150; i++) {
        now_ms += 20;
        say(SETTINGS, 0, 0, "", 0);
        listen_to_it();
    }
    ck_assert(!h2_client_is_over(client));
}
END_TEST

Suite *suite_h2_client_flow(void)
{
    Suite *suite = suite_create("h2_client_flow");
    TCase *tc = tcase_create("h2_client_flow");
    tcase_add_checked_fixture(tc, h2_client_set_up, h2_client_tear_down);
    tcase_add_test(tc, a_body_goes_as_far_as_the_window_lets_it);
    tcase_add_test(tc, a_chunked_body_loses_its_frames);
    tcase_add_test(tc, the_window_opens_as_it_is_read);
    tcase_add_test(tc, windows_grow_no_further_than_all_may);
    tcase_add_test(tc, room_is_what_the_server_says);
    tcase_add_loop_test(tc, floods, 0, (int)ARRAY_LEN(FLOODS));
    tcase_add_test(tc, another_second_is_another_count);
    suite_add_tcase(suite, tc);
    return suite;
}

#else

Suite *suite_h2_client_flow(void)
{
    return suite_create("h2_client_flow");
}

#endif
