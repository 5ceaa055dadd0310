#include "suites.h"

#include <stdio.h>
#include <string.h>

#include "config/conf_paths.h"

/* Every path of this text, with what it is: "-" read, "w" written, "f" folder. */
static const char TEXT[] = "document_root = \"www\"\n"
                           "access_log = stdout\n"
                           "error_log = \"/var/log/error.log\"\n"
                           "sandbox_paths = { \"/var/lib/tokens\" }\n"
                           "listen \"a\" {\n"
                           "    address = \"127.0.0.1:0\"\n"
                           "    certificate = { \"a.crt\", \"pkcs11:token=t\" }\n"
                           "    pin_file = \"/run/pin\"\n"
                           "    client_auth = request\n"
                           "    client_ca = { \"ca.crt\" }\n"
                           "}\n";

static int put(void *cls, const struct option *option, const struct conf_text *path)
{
    char *out = cls;
    unsigned flags = option ? option->flags : 0;
    size_t at = strlen(out);
    snprintf(out + at, 1000 - at, "%s%s%s %s\n", flags & OPTION_FOLDER ? "f" : "",
             flags & OPTION_WRITTEN ? "w" : "", flags & (OPTION_FOLDER | OPTION_WRITTEN) ? "" : "-",
             path->text);
    return strcmp(path->text, "/run/pin") == 0 && strstr(out, "STOP") ? 7 : 0;
}

static struct conf *parse(const char *text)
{
    struct diag diag = {0};
    struct conf *conf = NULL;
    ck_assert_int_eq(conf_parse(text, "/etc/m/m.conf", "/etc/m", &diag, &conf), 0);
    return conf;
}

START_TEST(every_path)
{
    char seen[1000] = "";
    struct conf *conf = parse(TEXT);
    ck_assert_int_eq(conf_paths(conf, put, seen), 0);
    ck_assert_str_eq(seen, "- /etc/m/m.conf\n"
                           "f /etc/m/www\n"
                           "w /var/log/error.log\n"
                           "fw /var/lib/tokens\n"
                           "- /etc/m/a.crt\n"
                           "- /etc/m/ca.crt\n"
                           "- /run/pin\n");
    snprintf(seen, sizeof seen, "STOP\n");
    ck_assert_int_eq(conf_paths(conf, put, seen), 7);
    conf_free(conf);
}
END_TEST

START_TEST(tokens)
{
    struct conf *conf = parse(TEXT);
    ck_assert(conf_uses_tokens(conf));
    conf_free(conf);
    conf = parse("listen \"a\" { address = \"127.0.0.1:0\" certificate = { \"a.crt\" } }\n");
    ck_assert(!conf_uses_tokens(conf));
    conf_free(conf);
}
END_TEST

Suite *suite_conf_paths(void)
{
    Suite *suite = suite_create("conf_paths");
    TCase *tcase = tcase_create("conf_paths");
    tcase_add_test(tcase, every_path);
    tcase_add_test(tcase, tokens);
    suite_add_tcase(suite, tcase);
    return suite;
}
