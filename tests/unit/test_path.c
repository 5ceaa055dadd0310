#include <string.h>

#include "http/path.h"
#include "suites.h"
#include "table.h"

static const char *text(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}

static void check_row(const struct table *t)
{
    struct buf target = {0}, expected = {0}, query = {0};
    table_unescape(&target, t->column[0]);
    table_unescape(&expected, t->column[1]);
    table_unescape(&query, t->column[2]);
    char path[PATH_MOST + 1] = "untouched";
    const char *q = "untouched";
    int rc = path_normalise(text(&target), path, &q);
    if (t->column[1][0] == '!') {
        int want = strcmp(t->column[1], "!long") == 0 ? PATH_LONG : -1;
        ck_assert_msg(rc == want, "line %u: %s became %s", t->number, t->column[0], path);
        ck_assert_str_eq(path, "untouched");
        ck_assert_str_eq(q, "untouched");
    } else {
        ck_assert_msg(rc == 0, "line %u: %s was refused", t->number, t->column[0]);
        ck_assert_msg(strcmp(path, text(&expected)) == 0, "line %u: %s became %s", t->number, t->column[0],
                      path);
        bool none = strcmp(t->column[2], "-") == 0;
        ck_assert_msg(none == (q == NULL), "line %u: query", t->number);
        if (q) {
            ck_assert_str_eq(q, text(&query));
            ck_assert(q >= target.data && q <= target.data + target.len); /* it points into the target */
        }
    }
    buf_done(&target);
    buf_done(&expected);
    buf_done(&query);
}

START_TEST(table_of_targets)
{
    struct table t;
    table_open(&t, "path.tsv");
    while (table_next(&t))
        check_row(&t);
    ck_assert_uint_ge(t.rows, 150);
    table_close(&t);
}
END_TEST

/* A path that was let through, encoded and normalised again, is itself. */
START_TEST(encoding_is_the_inverse)
{
    struct table t;
    table_open(&t, "path.tsv");
    while (table_next(&t)) {
        if (t.column[1][0] == '!' || strcmp(t.column[1], "*") == 0)
            continue;
        struct buf path = {0}, encoded = {0};
        char again[PATH_MOST + 1];
        const char *query;
        table_unescape(&path, t.column[1]);
        path_encode(&encoded, path.data);
        ck_assert_int_eq(path_normalise(encoded.data, again, &query), 0);
        ck_assert_str_eq(again, path.data);
        ck_assert_ptr_null(query);
        ck_assert_ptr_null(strpbrk(encoded.data, "?#\\ \"<>;:@&=+$,"));
        buf_done(&path);
        buf_done(&encoded);
    }
    table_close(&t);
}
END_TEST

START_TEST(every_escape)
{
    for (unsigned c = 0; c < 256; c++) {
        for (int upper = 0; upper < 2; upper++) {
            char target[8], path[PATH_MOST + 1];
            const char *query;
            snprintf(target, sizeof target, upper ? "/a%%%02X" : "/a%%%02x", c);
            bool good = c >= 0x20 && c < 0x7f && c != '/' && c != '\\';
            ck_assert_msg((path_normalise(target, path, &query) == 0) == good, "%s", target);
            ck_assert(!good || ((unsigned char)path[2] == c && path[3] == '\0'));
        }
    }
}
END_TEST

/* What goes to a backend (PATH_SLASH as |), and what it is for one who decodes slashes. */
START_TEST(slashes)
{
    static const struct {
        const char *target, *path, *split; /* NULL: it is refused */
    } rows[] = {
        {"/a%2fb", "/a|b", "/a/b"},
        {"/a%2Fb?c%2Fd", "/a|b", "/a/b"},
        {"/a/%2F/b", "/a/|/b", "/a/b"},
        {"/a%2F%2fb/", "/a||b/", "/a/b/"},
        {"/%2F", "/|", "/"},
        {"//a%2F%20", "/a| ", "/a/ "},
        {"/a%2F..b/.c", "/a|..b/.c", "/a/..b/.c"},
        {"/a%252Fb%2F", "/a%2Fb|", "/a%2Fb/"},
        {"/a%2F..", NULL, NULL},
        {"/a/..%2Fb", NULL, NULL},
        {"/a/.%2Fb", NULL, NULL},
        {"/a%2F%2e%2E%2Fb", NULL, NULL},
        {"/a/../b%2Fc", NULL, NULL},
        {"/a/./b%2Fc", NULL, NULL},
        {"/a%2F%5Cb", NULL, NULL},
        {"/a%2F%1Fb", NULL, NULL},
        {"/a%2F%00", NULL, NULL},
        {"/a%2F%zz", NULL, NULL},
        {"/a%2F%c3", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[PATH_MOST + 1] = "", split[PATH_MOST + 1] = "";
        const char *query;
        int rc = path_normalise_slashes(rows[i].target, path, split, &query);
        ck_assert_msg((rc == 0) == (rows[i].path != NULL), "%s: %s", rows[i].target, path);
        if (rc != 0)
            continue;
        for (char *p = path; *p; p++)
            *p = *p == PATH_SLASH ? '|' : *p;
        ck_assert_str_eq(path, rows[i].path);
        ck_assert_str_eq(split, rows[i].split);
    }
}
END_TEST

START_TEST(encode)
{
    static const struct {
        const char *path, *encoded;
    } rows[] = {
        {"/", "/"},           {"/a-b_c.d~e/", "/a-b_c.d~e/"}, {"/a b", "/a%20b"},
        {"/100%", "/100%25"}, {"/a?b#c", "/a%3Fb%23c"},       {"/\xc3\xbc", "/%C3%BC"},
        {"/a:b", "/a%3Ab"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = {0};
        path_encode(&out, rows[i].path);
        ck_assert_str_eq(out.data, rows[i].encoded);
        buf_done(&out);
    }
}
END_TEST

Suite *suite_path(void)
{
    Suite *suite = suite_create("path");
    TCase *tcase = tcase_create("path");
    tcase_add_test(tcase, table_of_targets);
    tcase_add_test(tcase, encoding_is_the_inverse);
    tcase_add_test(tcase, every_escape);
    tcase_add_test(tcase, slashes);
    tcase_add_test(tcase, encode);
    suite_add_tcase(suite, tcase);
    return suite;
}
