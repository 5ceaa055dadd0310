#include "suites.h"

#include <string.h>

#include "cmd/probe_impl.h"

START_TEST(urls)
{
    static const struct {
        const char *text, *host, *port, *path;
        bool address, tcp;
    } GOOD[] = {
        {"https://localhost", "localhost", "443", "/", false, false},
        {"https://localhost:8443/health?x=1#part", "localhost", "8443", "/health?x=1", false, false},
        {"HTTPS://[::1]:1/a", "::1", "1", "/a", true, false},
        {"https://[::1]", "::1", "443", "/", true, false},
        {"https://127.0.0.1:65535?q", "127.0.0.1", "65535", "/?q", true, false},
        {"tls://localhost:5432", "localhost", "5432", "", false, true},
        {"TLS://[::1]:1", "::1", "1", "", true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
        struct probe_url url;
        struct err err = {0};
        ck_assert_msg(probe_parse_url(GOOD[i].text, &url, &err) == 0, "%s: %s", GOOD[i].text, err.text);
        ck_assert_str_eq(url.host, GOOD[i].host);
        ck_assert_str_eq(url.port, GOOD[i].port);
        ck_assert_str_eq(url.path, GOOD[i].path);
        ck_assert(url.is_address == GOOD[i].address);
        ck_assert(url.tcp == GOOD[i].tcp);
    }
    static const char *const BAD[] = {
        "http://localhost/",     "localhost:8443",        "https://",
        "https:///path",         "https://host:0/",       "https://host:65536/",
        "https://host:/",        "https://host:8x/",      "https://user@host/",
        "https://[::1/",         "https://[::1]x/",       "https://ho st/",
        "https://host/\r\nX: y", "https://host/\xc3\xbc", "https://:8443/",
        "tls://localhost",       "tls://localhost:1/",    "tls://:1",
        "tcp://localhost:1",
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct probe_url url;
        struct err err = {0};
        ck_assert_msg(probe_parse_url(BAD[i], &url, &err) != 0, "%s", BAD[i]);
        ck_assert_str_ne(err.text, "");
    }
}
END_TEST

START_TEST(statuses)
{
    static const struct {
        const char *head;
        int status;
    } CASES[] = {
        {"", 0},
        {"HTT", 0},
        {"HTTP/1.1 200 OK\r\n", 0},
        {"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", 200},
        {"HTTP/1.0 503 \r\n\r\nbody", 503},
        {"HTTP/1.1 204\r\n\r\n", 204},
        {"HTTP/1.1 099 x\r\n\r\n", -1},
        {"HTTP/1.1 2xx\r\n\r\n", -1},
        {"HTTP/2 200\r\n\r\n", -1},
        {"SSH-2.0-x\r\n\r\n", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        ck_assert_int_eq(probe_parse_status(CASES[i].head, strlen(CASES[i].head)), CASES[i].status);
}
END_TEST

START_TEST(times)
{
    unsigned ms;
    ck_assert_int_eq(probe_parse_time("500ms", &ms), 0);
    ck_assert_uint_eq(ms, 500);
    ck_assert_int_eq(probe_parse_time("5s", &ms), 0);
    ck_assert_uint_eq(ms, 5000);
    ck_assert_int_eq(probe_parse_time("2m", &ms), 0);
    ck_assert_uint_eq(ms, 120000);
    static const char *const BAD[] = {"", "5", "s", "0s", "-1s", "5 s", "1h", "99999999s", "61m"};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        ck_assert_msg(probe_parse_time(BAD[i], &ms) != 0, "%s", BAD[i]);
}
END_TEST

Suite *suite_probe(void)
{
    Suite *suite = suite_create("probe");
    TCase *tc = tcase_create("probe");
    tcase_add_test(tc, urls);
    tcase_add_test(tc, statuses);
    tcase_add_test(tc, times);
    suite_add_tcase(suite, tc);
    return suite;
}
