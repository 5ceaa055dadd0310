#include "suites.h"

#include <string.h>

#include "http/list.h"

/* Its words, with a bar between them. */
static const struct {
    const char *list, *words;
} LISTS[] = {
    {"", ""},
    {" \t,, ,", ""},
    {"close", "close"},
    {"close,te", "close|te"},
    {"close, te", "close|te"},
    {" close ,\tte\t", "close|te"},
    {",close,,te,", "close|te"},
    {"a b", "a|b"},
    {"a;q=1, b=\"c,d\"", "a;q=1|b=\"c|d\""}, /* no list that is asked about has quotes */
};

START_TEST(words)
{
    const char *p = LISTS[_i].list, *end = p + strlen(p);
    char got[64] = "";
    struct list_word word;
    while (list_next(&p, end, &word)) {
        strcat(got, *got ? "|" : "");
        strncat(got, word.at, word.len);
    }
    ck_assert_str_eq(got, LISTS[_i].words);
    ck_assert_ptr_eq(p, end);
    ck_assert_uint_eq(word.len, 0);
}
END_TEST

/* It ends where it is said to, not behind that. */
START_TEST(bounded)
{
    const char *list = "one,twofold", *p = list;
    struct list_word word;
    ck_assert(list_next(&p, list + 7, &word) && list_next(&p, list + 7, &word));
    ck_assert(list_word_is(&word, "TWO", 3));
    ck_assert(!list_next(&p, list + 7, &word));
}
END_TEST

START_TEST(has)
{
    ck_assert(list_has("keep-alive, Client-Cert", "client-cert", 11));
    ck_assert(list_has("CLOSE", "close", 5));
    ck_assert(!list_has("keep-alive, Client-Cert-Chain", "Client-Cert", 11));
    ck_assert(!list_has("closed", "close", 5));
    ck_assert(!list_has("clos", "close", 5));
    ck_assert(!list_has(", ,", "", 0));
    ck_assert(!list_has("", "close", 5));
    ck_assert(!list_has(NULL, "close", 5));
}
END_TEST

Suite *suite_list(void)
{
    Suite *suite = suite_create("list");
    TCase *tc = tcase_create("list");
    tcase_add_loop_test(tc, words, 0, (int)ARRAY_LEN(LISTS));
    tcase_add_test(tc, bounded);
    tcase_add_test(tc, has);
    suite_add_tcase(suite, tc);
    return suite;
}
