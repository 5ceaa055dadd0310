#include "suites.h"

#include <jansson.h>
#include <string.h>

#include "report/access.h"

static const struct access_record HOSTILE = {
    .at = 1795452120,
    .remote = "[2001:db8::1]:443",
    .method = "GET",
    .target = "/a\"b\\c\x01\xff",
    .protocol = "HTTP/1.1",
    .status = 200,
    .bytes = 17,
    .duration_us = 1234,
    .referer = NULL,
    .user_agent = "evil\"\n127.0.0.1 - -",
    .listener = "public",
    .tls_version = "TLSv1.3",
    .cipher_suite = "TLS_AES_128_GCM_SHA256",
    .client_verify = "SUCCESS",
    .client_subject = "CN=alice",
    .connection_id = 3,
    .request_number = 2,
};

START_TEST(combined)
{
    struct buf out = {0};
    access_format(&HOSTILE, ACCESS_FORMAT_COMBINED, &out);
    ck_assert_str_eq(
        out.data,
        "2001:db8::1 - - [23/Nov/2026:16:42:00 +0000] \"GET /a\\\"b\\\\c\\x01\\xff HTTP/1.1\" 200 17 "
        "\"-\" \"evil\\\"\\x0a127.0.0.1 - -\"\n");
    buf_done(&out);
}
END_TEST

START_TEST(json)
{
    struct buf out = {0};
    access_format(&HOSTILE, ACCESS_FORMAT_JSON, &out);
    ck_assert_ptr_eq(strchr(out.data, '\n'), out.data + out.len - 1);
    json_t *line = json_loadb(out.data, out.len, 0, NULL);
    ck_assert_ptr_nonnull(line);
    ck_assert_str_eq(json_string_value(json_object_get(line, "path")), "/a\"b\\\\c\\01\\FF");
    ck_assert_str_eq(json_string_value(json_object_get(line, "time")), "2026-11-23T16:42:00Z");
    ck_assert_int_eq(json_integer_value(json_object_get(line, "duration_us")), 1234);
    ck_assert_str_eq(json_string_value(json_object_get(line, "request_id")), "3-2");
    ck_assert(json_is_null(json_object_get(line, "client_serial")));
    json_decref(line);
    buf_done(&out);
}
END_TEST

Suite *suite_access(void)
{
    Suite *suite = suite_create("access");
    TCase *tc = tcase_create("access");
    tcase_add_test(tc, combined);
    tcase_add_test(tc, json);
    suite_add_tcase(suite, tc);
    return suite;
}
