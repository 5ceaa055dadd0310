/* The table of variables, texts with them, and what becomes of hostile values. */
#include "http/variables.h"

#include <stdlib.h>
#include <string.h>

#include "http_fixture.h"
#include "suites.h"

START_TEST(table)
{
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        const char *name = VARIABLES[i].name;
        ck_assert_uint_eq(variable_find(name, strlen(name)), i);
        ck_assert_msg(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._") == strlen(name), "%s", name);
        ck_assert_msg(VARIABLES[i].help[0] && !strchr(VARIABLES[i].help, '\\'), "%s", name);
    }
    ck_assert_uint_eq(variable_find("sub", 3), VARIABLE_COUNT);
    ck_assert_uint_eq(variable_find("", 0), VARIABLE_COUNT);
}
END_TEST

static const struct request_view REQUEST = {
    .method = "GET", .host = "h:1", .path = "/p%20q", .query = "a=b", .number = 3, .now = FIXTURE_NOW};

static char *expanded(const char *text, const struct client_view *client)
{
    struct template template;
    struct err err;
    struct buf out;
    buf_init(&out, 0);
    ck_assert_msg(template_init(&template, text, &err) == 0, "%s", err.text);
    template_put(&out, &template, client, &REQUEST);
    template_done(&template);
    return buf_take(&out, NULL);
}

static void expect(const char *text, const struct client_view *client, const char *wanted)
{
    char *got = expanded(text, client);
    ck_assert_msg(strcmp(got, wanted) == 0, "%s: %s, not %s", text, got, wanted);
    free(got);
}

START_TEST(values)
{
    struct fixture f;
    fixture_init(&f);
    fixture_present(&f, VERIFY_SUCCESS);
    static unsigned char leaf[] = {1, 2, 3};
    const gnutls_datum_t chain[] = {{leaf, sizeof leaf}};
    struct client_view client = {.peer = &f.peer,
                                 .chain = chain,
                                 .n_chain = 1,
                                 .tls = &f.tls,
                                 .remote = "[2001:db8::1]:443",
                                 .listener = "l",
                                 .connection = 9};
    f.tls.server_name[0] = '\0';
    expect("${uri} $uri $path ${query} $method $host", &client, "/p%20q?a=b /p%20q?a=b /p%20q a=b GET h:1");
    expect("${hostname}", &client, "h");
    expect("$remote|$remote_port|$listener|$connection|$request", &client, "2001:db8::1|443|l|9|3");
    expect("$verify ${errors}${warnings}", &client, "SUCCESS expires_soon");
    expect("${subject}|${issuer}|$serial", &client, "CN=alice|CN=Test CA|0a");
    expect("$not_before $not_after $days_remaining", &client, "2026-06-05T12:00:00Z 2026-07-05T12:00:00Z 20");
    expect("$certificate", &client, "AQID");
    expect("${tls.version} ${tls.cipher_suite} ${tls.group} ${tls.alpn} ${tls.resumed}", &client,
           "TLSv1.3 TLS_AES_128_GCM_SHA256 x25519 http/1.1 false");
    expect("[${tls.server_name}]", &client, "[]");
    expect("$$uri $$$$ a$$", &client, "$uri $$ a$");
    /* Not verified: nothing names the client. */
    f.peer.verify = VERIFY_FAILED;
    f.peer.n_errors = 1;
    expect("$verify ${errors}", &client, "FAILED expired");
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        char text[80];
        snprintf(text, sizeof text, "${%s}", VARIABLES[i].name);
        if (VARIABLES[i].identity)
            expect(text, &client, "");
    }
    client.peer = NULL;
    expect("$verify${errors}${warnings}${subject}", &client, "NONE");
    fixture_done(&f);
}
END_TEST

/* Whatever a certificate holds, a field is one line of visible ASCII, and two certificates are two values. */
START_TEST(hostile)
{
    static const struct {
        const char *raw;
        size_t len;
        const char *text; /* of the value */
    } VALUES[] = {
        {"a\r\nX: y", 7, "a\\0d\\0aX: y"}, {"a\0b", 3, "a\\00b"},     {"a,b", 3, "a\\,b"},
        {"a\\,b", 4, "a\\5c\\,b"},         {"\"", 1, "\\22"},         {"\xc3\xbc", 2, "\\c3\\bc"},
        {" a ", 3, "\\20a\\20"},           {"a b", 3, "a b"},         {"\x7f", 1, "\\7f"},
        {"\xff\xfe", 2, "\\ff\\fe"},       {"a;URI=x", 7, "a;URI=x"}, {"", 0, ""},
    };
    struct fixture f;
    fixture_init(&f);
    fixture_present(&f, VERIFY_SUCCESS);
    struct client_view client = {.peer = &f.peer, .tls = &f.tls, .remote = "a:1", .listener = "l"};
    for (size_t i = 0; i < ARRAY_LEN(VALUES); i++) {
        unsigned char raw[16], bob[] = "bob";
        memcpy(raw, VALUES[i].raw, VALUES[i].len);
        struct certname_attr attr[] = {{.label = "CN", .value = raw, .len = VALUES[i].len},
                                       {.label = "cn", .value = bob, .len = 3},
                                       {.label = "OU", .value = raw, .len = VALUES[i].len, .is_der = true}};
        struct certvalue uri[] = {{.raw = raw, .len = VALUES[i].len}, {.raw = bob, .len = 3}};
        char wanted[80];
        f.leaf.subject.attr = attr;
        f.leaf.subject.n = 3;
        f.leaf.uris.v = uri;
        f.leaf.uris.n = 2;
        snprintf(wanted, sizeof wanted, "%s,bob", VALUES[i].text);
        expect("${subject.cn}", &client, wanted);
        expect("${san.uri}", &client, wanted);
        char *ou = expanded("${subject.ou}", &client);
        ck_assert_uint_eq(strlen(ou), 1 + 2 * VALUES[i].len);
        free(ou);
    }
    static const char *const NAMES[][2] = {
        {"CN=a\\,b", "CN=a\\,b"},       {"CN=a\\\\", "CN=a\\5c"},       {"CN=\\\"a\\\"", "CN=\\22a\\22"},
        {"CN=\xc3\xbc", "CN=\\c3\\bc"}, {"CN=\\0d\\0a", "CN=\\0d\\0a"}, {"CN=a+OU=b", "CN=a+OU=b"},
        {"CN=\\#a\\ ", "CN=\\#a\\ "},
    };
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        f.leaf.subject.text = strdup(NAMES[i][0]);
        expect("${subject}", &client, NAMES[i][1]);
        free(f.leaf.subject.text);
    }
    f.leaf.subject.text = NULL;
    fixture_done(&f);
}
END_TEST

START_TEST(bad_templates)
{
    static const char *const BAD[] = {"$",     "a$",       "$ b",        "${",     "${}",
                                      "${uri", "$nothing", "${nothing}", "${URI}", "$-"};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct template template;
        struct err err = {0};
        ck_assert_msg(template_init(&template, BAD[i], &err) == ERR_SYNTAX && err.text[0], "%s", BAD[i]);
    }
}
END_TEST

START_TEST(words_of_others)
{
    static const char *const MEANT[][2] = {
        {"$remote_addr", "'remote'"},
        {"${ssl_client_s_dn}", "'subject'"},
        {"$ssl_client_verify", "'verify'"},
        {"${SSL_CLIENT_S_DN_CN}", "'subject.cn'"},
        {"${subject.common_name}", "'subject.cn'"},
        {"${http.request.tls.client.subject}", "'subject'"},
        {"${http.request.uri}", "'uri'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(MEANT); i++) {
        struct template template;
        struct err err = {0};
        ck_assert(template_init(&template, MEANT[i][0], &err) == ERR_SYNTAX);
        ck_assert_msg(strstr(err.text, MEANT[i][1]) != NULL, "%s: %s", MEANT[i][0], err.text);
    }
    ck_assert_str_eq(variable_of_others("{http.request.tls.client.subject}"), "subject");
    ck_assert_str_eq(variable_of_others("x {http.request.remote.host} y"), "remote");
    ck_assert_str_eq(variable_of_others("%[ssl_c_s_dn(cn)]"), "NAME");
    ck_assert_str_eq(variable_of_others("%[src]"), "remote");
    ck_assert_ptr_null(variable_of_others("{\"json\": \"${subject}\"}"));
}
END_TEST

Suite *suite_variables(void)
{
    Suite *suite = suite_create("variables");
    TCase *tc = tcase_create("variables");
    tcase_add_test(tc, table);
    tcase_add_test(tc, values);
    tcase_add_test(tc, hostile);
    tcase_add_test(tc, bad_templates);
    tcase_add_test(tc, words_of_others);
    suite_add_tcase(suite, tc);
    return suite;
}
