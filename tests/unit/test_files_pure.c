/* What serving a file needs and no file takes part in: conditions, ranges, codings, types and headers. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "http/coding.h"
#include "http/conditional.h"
#include "http/files.h"
#include "suites.h"
#include "table.h"

static const char *or_null(const struct buf *buf, const char *column)
{
    return strcmp(column, "-") == 0 ? NULL : buf->data ? buf->data : "";
}

/* Of Sun, 06 Nov 1994 08:49:37 GMT, the date in the tables. */
static const struct validators VALIDATORS = {"\"abc\"", 784111777, 784111777 + 100};

START_TEST(table_of_conditions)
{
    struct table t;
    table_open(&t, "conditional.tsv");
    while (table_next(&t)) {
        struct buf v[4] = {{0}, {0}, {0}, {0}};
        for (int i = 0; i < 4; i++)
            table_unescape(&v[i], t.column[i + 1]);
        struct conditions c = {.if_match = or_null(&v[0], t.column[1]),
                               .if_unmodified_since = or_null(&v[1], t.column[2]),
                               .if_none_match = or_null(&v[2], t.column[3]),
                               .if_modified_since = or_null(&v[3], t.column[4])};
        unsigned status = conditional_status(&c, &VALIDATORS);
        ck_assert_msg(status == (unsigned)strtoul(t.column[5], NULL, 10) && *t.column[5], "line %u (%s): %u",
                      t.number, t.column[0], status);
        for (int i = 0; i < 4; i++)
            buf_done(&v[i]);
    }
    ck_assert_uint_ge(t.rows, 60);
    table_close(&t);
}
END_TEST

START_TEST(table_of_ranges)
{
    struct table t;
    table_open(&t, "range.tsv");
    while (table_next(&t)) {
        struct conditions c = {.range = strcmp(t.column[1], "-") ? t.column[1] : NULL,
                               .if_range = strcmp(t.column[2], "-") ? t.column[2] : NULL};
        uint64_t first = 0, last = 0;
        char got[80];
        switch (conditional_range(&c, &VALIDATORS, strtoull(t.column[0], NULL, 10), &first, &last)) {
        case RANGE_WHOLE:
            snprintf(got, sizeof got, "200");
            break;
        case RANGE_PART:
            snprintf(got, sizeof got, "206 %llu %llu", (unsigned long long)first, (unsigned long long)last);
            break;
        default:
            snprintf(got, sizeof got, "416");
            break;
        }
        ck_assert_msg(strcmp(got, t.column[3]) == 0, "line %u (%s): %s", t.number, t.column[1], got);
    }
    ck_assert_uint_ge(t.rows, 80);
    table_close(&t);
}
END_TEST

/* A date of this very second may yet belong to two versions (RFC 9110 section 8.8.2.2). */
START_TEST(young_dates_are_weak)
{
    struct validators young = VALIDATORS;
    young.now = young.modified;
    struct conditions c = {.range = "bytes=0-1", .if_range = "Sun, 06 Nov 1994 08:49:37 GMT"};
    uint64_t first, last;
    ck_assert_int_eq(conditional_range(&c, &young, 10, &first, &last), RANGE_WHOLE);
    young.now++;
    ck_assert_int_eq(conditional_range(&c, &young, 10, &first, &last), RANGE_PART);
}
END_TEST

START_TEST(accept_encoding)
{
    /* The order as letters: b, g and i. */
    static const char *const rows[][2] = {
        {NULL, "i"},
        {"", "i"},
        {"br", "bi"},
        {"BR", "bi"},
        {"gzip", "gi"},
        {"x-gzip", "gi"},
        {"gzip, br", "bgi"},
        {"gzip,br", "bgi"},
        {"gzip;q=0.9, br;q=0.8", "gbi"},
        {"gzip;q=0.901, br;q=0.902", "bgi"},
        {"gzip;q=0, br", "bi"},
        {"gzip;q=0.000", "i"},
        {"gzip;q=1.000", "gi"},
        {"gzip ; q=0.5 , br ;q=0.4", "gbi"},
        {"gzip;Q=0.5", "gi"},
        {"*", "bgi"},
        {"*;q=0", "i"},
        {"*;q=0, gzip", "gi"},
        {"br;q=0, *;q=0.5", "gi"},
        {"identity", "i"},
        {"identity, gzip", "gi"},
        {"identity, gzip;q=0.5", "ig"},
        {"identity;q=0, gzip;q=0.1", "gi"},
        {"identity;q=0", "i"},
        {"deflate, zstd", "i"},
        {"brx, xbr, gzi", "i"},
        {"gzip;q=2", "i"},
        {"gzip;q=x", "i"},
        {"gzip;q=", "i"},
        {"gzip;q=1.5", "i"},
        {"gzip;level=5", "i"},
        {"gzip;q=x, br", "bi"},
        {"gzip br", "i"},
        {",,gzip,,", "gi"},
        {"gzip;q=0.5;q=0.6, br", "bi"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum coding order[CODINGS];
        size_t n = coding_order(rows[i][0], order);
        char got[CODINGS + 1] = {0};
        for (size_t k = 0; k < n; k++)
            got[k] = "bgi"[order[k]];
        ck_assert_msg(strcmp(got, rows[i][1]) == 0, "%s: %s", rows[i][0], got);
    }
}
END_TEST

START_TEST(media_types)
{
    static const char *const rows[][2] = {
        {"a.html", "text/html; charset=utf-8"},
        {"a.HTML", "text/html; charset=utf-8"},
        {"/a/b.js", "text/javascript; charset=utf-8"},
        {"b.mjs", "text/javascript; charset=utf-8"},
        {"a.css", "text/css; charset=utf-8"},
        {"a.txt", "text/plain; charset=utf-8"},
        {"a.json", "application/json"},
        {"a.svg", "image/svg+xml"},
        {"a.png", "image/png"},
        {"a.ico", "image/vnd.microsoft.icon"},
        {"a.webmanifest", "application/manifest+json"},
        {"a.wasm", "application/wasm"},
        {"a.woff2", "font/woff2"},
        {"root.crt", "application/x-x509-ca-cert"},
        {"root.pem", "application/x-x509-ca-cert"},
        {"root.crl", "application/pkix-crl"},
        {"alice.p12", "application/x-pkcs12"},
        {"a.tar.gz", "application/gzip"},
        {"a", "application/octet-stream"},
        {"a.", "application/octet-stream"},
        {"a.unknown", "application/octet-stream"},
        {"a.html/b", "application/octet-stream"},
        {"7z.7z", "application/x-7z-compressed"},
        {"z.zst", "application/zstd"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_str_eq(files_type(rows[i][0]), rows[i][1]);
}
END_TEST

START_TEST(reply_headers)
{
    struct reply reply;
    reply_init(&reply);
    ck_assert_int_eq(reply.fd, -1);
    ck_assert_int_eq(reply_header(&reply, "A", "%d and %s", 1, "\xc3\xbc\t"), 0);
    ck_assert_str_eq(reply.header[0].value, "1 and \xc3\xbc\t");
    ck_assert_int_eq(reply_header(&reply, "B", "a\r\nSet-Cookie: x"), -1);
    ck_assert_int_eq(reply_header(&reply, "B", "a%c", 0x7f), -1);
    ck_assert_uint_eq(reply.n_headers, 1);
    for (int i = 1; i < REPLY_MOST_HEADERS; i++)
        ck_assert_int_eq(reply_header(&reply, "C", "x"), 0);
    ck_assert_int_eq(reply_header(&reply, "D", "x"), -1);
    ck_assert_uint_eq(reply.n_headers, REPLY_MOST_HEADERS);
    reply.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int fd = reply.fd;
    buf_puts(&reply.body, "x");
    reply_done(&reply);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    ck_assert_uint_eq(reply.n_headers, 0);
    reply_done(&reply);
    reply_done(NULL);
}
END_TEST

Suite *suite_files_pure(void)
{
    Suite *suite = suite_create("files_pure");
    TCase *tcase = tcase_create("files_pure");
    tcase_add_test(tcase, table_of_conditions);
    tcase_add_test(tcase, table_of_ranges);
    tcase_add_test(tcase, young_dates_are_weak);
    tcase_add_test(tcase, accept_encoding);
    tcase_add_test(tcase, media_types);
    tcase_add_test(tcase, reply_headers);
    suite_add_tcase(suite, tcase);
    return suite;
}
