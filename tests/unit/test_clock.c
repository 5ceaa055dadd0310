#include "suites.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"

START_TEST(rfc3339)
{
    static const struct {
        const char *text;
        long long t;
    } GOOD[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-23T16:42:00Z", 1795452120},
        {"2026-11-23T17:42:00+01:00", 1795452120},
        {"2026-11-23t16:42:00.123z", 1795452120},
        {"2000-02-29T00:00:00-00:30", 951784200},
        {"9999-12-31T23:59:59Z", 253402300799},
    };
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
        time_t t;
        ck_assert_int_eq(clock_parse_rfc3339(GOOD[i].text, &t), 0);
        ck_assert_int_eq(t, GOOD[i].t);
    }
    static const char *const BAD[] = {
        "",
        "2026-11-23",
        "2026-11-23T16:42:00",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "yesterday",
        "2026-11-23T25:00:00Z",
        "2026-11-23T16:42:00Zx",
        "2026-11-23T16:42:00.Z",
        "2026-11-23T16:42:00+1:00",
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        time_t t = 77;
        ck_assert_int_eq(clock_parse_rfc3339(BAD[i], &t), ERR_SYNTAX);
        ck_assert_int_eq(t, 77);
    }
    char out[CLOCK_TEXT];
    ck_assert_str_eq(clock_rfc3339(1795452120, out), "2026-11-23T16:42:00Z");
    ck_assert_str_eq(clock_rfc3339((time_t)1 << 60, out), "9999-12-31T23:59:59Z");
}
END_TEST

START_TEST(http_date)
{
    /* The three spellings of RFC 9110 section 5.6.7. */
    static const char *const SAME[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                       "Sun Nov  6 08:49:37 1994"};
    for (size_t i = 0; i < ARRAY_LEN(SAME); i++) {
        time_t t;
        ck_assert_int_eq(clock_parse_http_date(SAME[i], &t), 0);
        ck_assert_int_eq(t, 784111777);
    }
    time_t t;
    ck_assert_int_eq(clock_parse_http_date("Sun, 31 Feb 1994 08:49:37 GMT", &t), ERR_SYNTAX);
    ck_assert_int_eq(clock_parse_http_date("Sun, 06 Nov 1994 08:49:37 CET", &t), ERR_SYNTAX);
    ck_assert_int_eq(clock_parse_http_date("now", &t), ERR_SYNTAX);
    char out[CLOCK_TEXT];
    ck_assert_str_eq(clock_http_date(784111777, out), "Sun, 06 Nov 1994 08:49:37 GMT");
}
END_TEST

START_TEST(span)
{
    char out[CLOCK_TEXT];
    ck_assert_str_eq(clock_span(0, out), "0 seconds");
    ck_assert_str_eq(clock_span(1, out), "1 second");
    ck_assert_str_eq(clock_span(-59, out), "59 seconds");
    ck_assert_str_eq(clock_span(3599, out), "59 minutes");
    ck_assert_str_eq(clock_span(86400, out), "1 day");
    ck_assert_str_eq(clock_span(86400LL * 40 + 5, out), "40 days");
}
END_TEST

START_TEST(syslog_date)
{
    char text[CLOCK_TEXT];
    setenv("TZ", "XYZ-3", 1);
    tzset();
    ck_assert_str_eq(clock_syslog_date(1795452120, text), "Nov 23 19:42:00");
    ck_assert_str_eq(clock_syslog_date(1796000000, text), "Nov 30 03:53:20");
    ck_assert_str_eq(clock_syslog_date(1796172800, text), "Dec  2 03:53:20");
}
END_TEST

Suite *suite_clock(void)
{
    Suite *suite = suite_create("clock");
    TCase *tc = tcase_create("clock");
    tcase_add_test(tc, rfc3339);
    tcase_add_test(tc, http_date);
    tcase_add_test(tc, span);
    tcase_add_test(tc, syslog_date);
    suite_add_tcase(suite, tc);
    return suite;
}
