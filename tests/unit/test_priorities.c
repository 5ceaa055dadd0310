#include <gnutls/gnutls.h>
#include <string.h>

#include "base/base.h"
#include "suites.h"
#include "tls/names.h"
#include "tls/priorities.h"
#include "tls/releases.h"

static bool none(const char *group)
{
    (void)group;
    return false;
}

static bool all(const char *group)
{
    return tls_hybrid_number(group) != 0;
}

static bool one(const char *group)
{
    return strcmp(group, "SECP256R1-MLKEM768") == 0;
}

/* What the library knows comes before the curves, in our order; what it does not know is not named to it. */
START_TEST(hybrids_come_first)
{
    static const struct {
        bool (*knows)(const char *group);
        const char *groups;
    } CASES[] = {
        {none, ":+ECDHE-RSA:+GROUP-X25519:"},
        {one, ":+ECDHE-RSA:+GROUP-SECP256R1-MLKEM768:+GROUP-X25519:"},
        {all, ":+ECDHE-RSA:+GROUP-X25519-MLKEM768:+GROUP-SECP256R1-MLKEM768:+GROUP-SECP384R1-MLKEM1024:"
              "+GROUP-X25519:"},
    };
    char text[PRIORITIES_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        priorities_build(CASES[i].knows, false, text);
        ck_assert_msg(strstr(text, CASES[i].groups), "%s", text);
        ck_assert_str_eq(strrchr(text, ':'), ":%SERVER_PRECEDENCE");
        priorities_build(CASES[i].knows, true, text);
        ck_assert_msg(strstr(text, CASES[i].groups), "%s", text);
        ck_assert_str_eq(strrchr(text, ':'), ":%NO_TICKETS_TLS12");
    }
}
END_TEST

START_TEST(library_takes_them)
{
    for (int only13 = 0; only13 < 2; only13++) {
        gnutls_priority_t priorities;
        const char *at = NULL;
        ck_assert_msg(gnutls_priority_init(&priorities, tls_priorities(only13), &at) == 0, "%s", at);
        gnutls_priority_deinit(priorities);
    }
    /* Every hybrid of the library's that TLS has a number for is offered. */
    for (const gnutls_group_t *group = gnutls_group_list(); *group; group++) {
        const char *name = gnutls_group_get_name(*group);
        if (strstr(name, "-MLKEM"))
            ck_assert_msg(strstr(tls_hybrids(), tls_group_name(tls_hybrid_number(name))), "%s", name);
    }
}
END_TEST

START_TEST(numbers)
{
    ck_assert_str_eq(tls_group_name(tls_hybrid_number("X25519-MLKEM768")), "X25519MLKEM768");
    ck_assert_str_eq(tls_group_name(tls_hybrid_number("SECP256R1-MLKEM768")), "SecP256r1MLKEM768");
    ck_assert_str_eq(tls_group_name(tls_hybrid_number("SECP384R1-MLKEM1024")), "SecP384r1MLKEM1024");
    ck_assert_uint_eq(tls_hybrid_number("X25519"), 0);
    ck_assert_uint_eq(tls_hybrid_number("MLKEM768"), 0);
    ck_assert_uint_eq(tls_hybrid_number(NULL), 0);
}
END_TEST

START_TEST(releases)
{
    ck_assert(release_is_tried("0.9.75", "0.9.75, 1.0.1"));
    ck_assert(release_is_tried("1.0.1", "0.9.75, 1.0.1"));
    ck_assert(!release_is_tried("1.0.10", "0.9.75, 1.0.1"));
    ck_assert(!release_is_tried("1.0", "0.9.75, 1.0.1"));
    ck_assert(!release_is_tried("", "0.9.75, 1.0.1"));
    ck_assert(!release_is_tried("75", "0.9.75"));
    ck_assert(!release_is_tried("1", ""));
}
END_TEST

Suite *suite_priorities(void)
{
    Suite *suite = suite_create("priorities");
    TCase *tcase = tcase_create("priorities");
    tcase_add_test(tcase, hybrids_come_first);
    tcase_add_test(tcase, library_takes_them);
    tcase_add_test(tcase, numbers);
    tcase_add_test(tcase, releases);
    suite_add_tcase(suite, tcase);
    return suite;
}
