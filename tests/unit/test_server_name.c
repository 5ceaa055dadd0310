/* The name in a ClientHello: which GnuTLS takes, which it would not, and which nobody may send. */
#include "suites.h"

#include <gnutls/crypto.h>
#include <string.h>

#include "tls/server_name.h"

static uint8_t hello[2048];

static void put(struct wire_out *out, const char *text)
{
    ck_assert(wire_put_u8(out, 0) && wire_put_u16(out, (uint16_t)strlen(text)) &&
              wire_put(out, text, strlen(text)));
}

/* A hello with another extension, and this list of names. */
static size_t make(const uint8_t *list, size_t n)
{
    struct wire_out out = {.p = hello, .room = sizeof hello};
    static const uint8_t RANDOM[32];
    ck_assert(wire_put_u16(&out, 0x0303) && wire_put(&out, RANDOM, sizeof RANDOM) && wire_put_u8(&out, 0) &&
              wire_put(&out, "\0\2\x13\x01\1\0", 6) && wire_put_u16(&out, (uint16_t)(4 + 4 + 2 + n)) &&
              wire_put(&out, "\0\x17\0\0", 4) && wire_put_u16(&out, 0) &&
              wire_put_u16(&out, (uint16_t)(2 + n)) && wire_put_u16(&out, (uint16_t)n) &&
              wire_put(&out, list, n));
    return out.n;
}

static enum server_name of(const char *first, const char *second, struct wire *name)
{
    uint8_t list[1024];
    struct wire_out out = {.p = list, .room = sizeof list};
    if (first)
        put(&out, first);
    if (second)
        put(&out, second);
    return server_name_find(hello, make(list, out.n), name);
}

START_TEST(kinds)
{
    struct wire name;
    char longest[SERVER_NAME_MOST + 2];
    memset(longest, 'a', sizeof longest);
    longest[SERVER_NAME_MOST] = '\0';
    ck_assert_int_eq(of("www.example.org", NULL, &name), SERVER_NAME_PLAIN);
    ck_assert_int_eq(of("127.0.0.1", NULL, &name), SERVER_NAME_PLAIN);
    ck_assert_int_eq(of(longest, NULL, &name), SERVER_NAME_PLAIN);
    longest[SERVER_NAME_MOST] = 'a';
    longest[SERVER_NAME_MOST + 1] = '\0';
    ck_assert_int_eq(of(longest, NULL, &name), SERVER_NAME_LONG);
    ck_assert_int_eq(of("my_app", NULL, &name), SERVER_NAME_ODD);
    ck_assert_uint_eq(name.n, 6);
    ck_assert_mem_eq(name.p, "my_app", 6);
    ck_assert_int_eq(of("localhost:8443", NULL, &name), SERVER_NAME_ODD);
    ck_assert_int_eq(of("a b", NULL, &name), SERVER_NAME_ODD);
    ck_assert_int_eq(of("b\xc3\xbc"
                        "cher.example",
                        NULL, &name),
                     SERVER_NAME_ODD);
    ck_assert_int_eq(of("a", "b", &name), SERVER_NAME_SEVERAL);
    ck_assert_int_eq(of("a_b", "a_b", &name), SERVER_NAME_SEVERAL);
    ck_assert_int_eq(of(NULL, NULL, &name), SERVER_NAME_NONE);
    ck_assert_int_eq(of("", NULL, &name), SERVER_NAME_NONE);
}
END_TEST

START_TEST(other_types)
{
    struct wire name;
    static const uint8_t LIST[] = {7, 0, 1, 'x', 0, 0, 3, 'a', '_', 'b'};
    ck_assert_int_eq(server_name_find(hello, make(LIST, 4), &name), SERVER_NAME_NONE);
    ck_assert_int_eq(server_name_find(hello, make(LIST, sizeof LIST), &name), SERVER_NAME_ODD);
    ck_assert_mem_eq(name.p, "a_b", 3);
}
END_TEST

START_TEST(cut_short)
{
    struct wire name;
    size_t len;
    uint8_t list[16];
    struct wire_out out = {.p = list, .room = sizeof list};
    put(&out, "my_app");
    len = make(list, out.n);
    for (size_t n = 0; n < len; n++)
        ck_assert_int_eq(server_name_find(hello, n, &name), SERVER_NAME_NONE);
    ck_assert_int_eq(server_name_find(hello, len, &name), SERVER_NAME_ODD);
}
END_TEST

/* Hidden once GnuTLS has asked for the time; then shown again. */
START_TEST(hidden_and_shown)
{
    struct wire name;
    uint8_t before[sizeof hello];
    ck_assert_int_eq(of("my_app", NULL, &name), SERVER_NAME_ODD);
    memcpy(before, hello, sizeof hello);
    server_name_prepare();
    server_name_hide(&name);
    ck_assert_mem_eq(hello, before, sizeof hello);
    uint8_t nonce[8];
    ck_assert_int_eq(gnutls_rnd(GNUTLS_RND_NONCE, nonce, sizeof nonce), 0);
    ck_assert_int_eq(name.p[-3], 255);
    server_name_show();
    ck_assert_mem_eq(hello, before, sizeof hello);
    server_name_hide(&name);
    server_name_forget();
    ck_assert_int_eq(gnutls_rnd(GNUTLS_RND_NONCE, nonce, sizeof nonce), 0);
    ck_assert_mem_eq(hello, before, sizeof hello);
}
END_TEST

Suite *suite_server_name(void)
{
    Suite *suite = suite_create("server_name");
    TCase *tcase = tcase_create("name");
    tcase_add_test(tcase, kinds);
    tcase_add_test(tcase, other_types);
    tcase_add_test(tcase, cut_short);
    tcase_add_test(tcase, hidden_and_shown);
    suite_add_tcase(suite, tcase);
    return suite;
}
