#include "suites.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

static const struct {
    const char *in;
    size_t len;
    const char *out;
} ESCAPES[] = {
    {"plain", 5, "plain"},
    {"", 0, ""},
    {"J\xc3\xbcrgen", 7, "J\xc3\xbcrgen"},
    {"\xe4\xb8\xad", 3, "\xe4\xb8\xad"},
    {"a\0b", 3, "a\\00b"},
    {"a\\b", 3, "a\\\\b"},
    {"line\nbreak\r\t", 12, "line\\0Abreak\\0D\\09"},
    {"\x7f", 1, "\\7F"},
    {"\xc2\x85", 2, "\\C2\\85"}, /* C1 */
    {"\xe2\x80\xae"
     "evil",
     7,
     "\\E2\\80\\AE"
     "evil"},                                    /* right-to-left override */
    {"\xe2\x80\x8b", 3, "\\E2\\80\\8B"},         /* zero width space */
    {"\xef\xbb\xbf", 3, "\\EF\\BB\\BF"},         /* byte order mark */
    {"\xff\xfe", 2, "\\FF\\FE"},                 /* no UTF-8 */
    {"\xc0\xaf", 2, "\\C0\\AF"},                 /* overlong */
    {"\xed\xa0\x80", 3, "\\ED\\A0\\80"},         /* surrogate */
    {"\xf4\x90\x80\x80", 4, "\\F4\\90\\80\\80"}, /* above U+10FFFF */
    {"\xe2\x82", 2, "\\E2\\82"},                 /* cut short */
    {"\xf0\x9f\x94\x91", 4, "\xf0\x9f\x94\x91"},
};

START_TEST(escape)
{
    char *out = text_escaped(ESCAPES[_i].in, ESCAPES[_i].len);
    ck_assert_str_eq(out, ESCAPES[_i].out);
    free(out);
}
END_TEST

START_TEST(hex)
{
    struct buf buf = {0};
    text_hex(&buf, "\x00\x9f\xff", 3);
    ck_assert_str_eq(buf.data, "009fff");
    buf_done(&buf);
}
END_TEST

START_TEST(nearest)
{
    static const char *const WORDS[] = {"client_auth", "client_ca", "address"};
    ck_assert_str_eq(text_nearest("clint_auth", WORDS, 3), "client_auth");
    ck_assert_str_eq(text_nearest("adress", WORDS, 3), "address");
    ck_assert_ptr_null(text_nearest("something_else", WORDS, 3));
    ck_assert_ptr_null(text_nearest("x", WORDS, 0));
}
END_TEST

/* Those of ASCII alone, and no neighbour of theirs. */
START_TEST(lower)
{
    for (unsigned c = 0; c < 0x200; c++)
        ck_assert_uint_eq(text_lower(c), c >= 0x41 && c <= 0x5a ? c + 0x20 : c);
    ck_assert_uint_eq(text_lower(UINT32_MAX), UINT32_MAX);
}
END_TEST

START_TEST(buffer_limit)
{
    struct buf buf;
    buf_init(&buf, 8);
    buf_puts(&buf, "12345678");
    ck_assert(!buf_failed(&buf));
    buf_putc(&buf, '9');
    ck_assert(buf_failed(&buf));
    ck_assert_ptr_null(buf_take(&buf, NULL));
    /* It can be used again. */
    buf_init(&buf, 0);
    buf_printf(&buf, "%s-%d", "a", 7);
    size_t len;
    char *text = buf_take(&buf, &len);
    ck_assert_str_eq(text, "a-7");
    ck_assert_uint_eq(len, 3);
    free(text);
    text = buf_take(&buf, &len);
    ck_assert_str_eq(text, "");
    free(text);
}
END_TEST

Suite *suite_text(void)
{
    Suite *suite = suite_create("text");
    TCase *tc = tcase_create("text");
    tcase_add_loop_test(tc, escape, 0, (int)ARRAY_LEN(ESCAPES));
    tcase_add_test(tc, hex);
    tcase_add_test(tc, nearest);
    tcase_add_test(tc, lower);
    tcase_add_test(tc, buffer_limit);
    suite_add_tcase(suite, tc);
    return suite;
}
