/* Whole files and every fault with its place. The faulty files are in tests/data/conf.bad, each with its
 * findings in comments at the top; those in tests/data/conf.good give none, nor does the sample. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_fixture.h"
#include "http/h2.h"
#include "suites.h"

static char *data_path(const char *name)
{
    const char *srcdir = getenv("srcdir");
    char *path = NULL;
    ck_assert_int_gt(asprintf(&path, "%s/%s", srcdir ? srcdir : ".", name), 0);
    return path;
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "r");
    ck_assert_msg(file, "%s", path);
    struct buf text;
    buf_init(&text, 0);
    char block[4096];
    for (size_t n; (n = fread(block, 1, sizeof block, file)) > 0;)
        buf_put(&text, block, n);
    fclose(file);
    return buf_take(&text, NULL);
}

START_TEST(bad_files)
{
    char *pattern = data_path("tests/data/conf.bad/*.conf");
    glob_t files;
    ck_assert_int_eq(glob(pattern, 0, NULL, &files), 0);
    ck_assert_uint_ge(files.gl_pathc, 100);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        const char *file = files.gl_pathv[i], *base = strrchr(file, '/') + 1;
        if (strstr(base, "-h2-") && !h2_is_built()) /* another error would stand beside each */
            continue;
        conf_teardown();
        conf_setup();
        int rc = conf_load(file, &diag, &conf);
        ck_assert_msg((rc == 0) == (diag.errors == 0) && (rc == 0) == (conf != NULL), "%s: %d", base, rc);

        /* Line by line: "# expect: [FILE:]LINE: error: part of the text" is in the finding of that number. */
        static const char MARK[] = "# expect: ";
        char *text = read_text(file), *rest = NULL, *at = found.data;
        unsigned expected = 0;
        for (char *line = strtok_r(text, "\n", &rest); line && strncmp(line, MARK, strlen(MARK)) == 0;
             line = strtok_r(NULL, "\n", &rest)) {
            line += strlen(MARK);
            char *words = strstr(line, ": error: "), *end = at ? strchr(at, '\n') : NULL;
            if (!words)
                words = strstr(line, ": warning: ");
            ck_assert_msg(words, "%s: %s", base, line);
            words = strchr(words + 2, ':') + 2;
            char place[256];
            bool other = strchr("0123456789", *line) == NULL;
            snprintf(place, sizeof place, "%s%s%.*s", other ? "" : base, other ? "" : ":",
                     (int)(words - line), line);
            ck_assert_msg(end, "%s: missing: %s; found:\n%s", base, line, findings());
            *end = '\0';
            ck_assert_msg(strncmp(at, place, strlen(place)) == 0 && strstr(at, words),
                          "%s: want %s, found %s", base, line, at);
            *end = '\n';
            at = end + 1;
            expected++;
        }
        ck_assert_msg(expected > 0 && diag.errors + diag.warnings == expected, "%s: %u expected, found:\n%s",
                      base, expected, findings());
        free(text);
    }
    globfree(&files);
    free(pattern);
}
END_TEST

START_TEST(good_files)
{
    char *pattern = data_path("tests/data/conf.good/*.conf");
    glob_t files;
    ck_assert_int_eq(glob(pattern, 0, NULL, &files), 0);
    ck_assert_uint_ge(files.gl_pathc, 10);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        conf_teardown();
        conf_setup();
        int rc = conf_load(files.gl_pathv[i], &diag, &conf);
        ck_assert_msg(rc == 0 && found.len == 0, "%s: %d\n%s", files.gl_pathv[i], rc, findings());
    }
    globfree(&files);
    free(pattern);
}
END_TEST

static void load_good(const char *name)
{
    char *path = data_path("tests/data/conf.good/"), *file = NULL;
    ck_assert_int_gt(asprintf(&file, "%s%s", path, name), 0);
    conf_teardown();
    conf_setup();
    ck_assert_int_eq(conf_load(file, &diag, &conf), 0);
    free(file);
    free(path);
}

static void ends_with(const char *text, const char *end)
{
    ck_assert_msg(strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0,
                  "%s: no %s", text, end);
}

START_TEST(backends)
{
    load_good("160-backends.conf");
    ck_assert_uint_eq(conf->n_backends, 1);
    const struct conf_backend *b = &conf->backend[0];
    static const struct {
        const char *name, *host, *path;
        enum conf_scheme scheme;
        unsigned port, weight;
        bool ipv6;
    } SERVERS[] = {
        {"http://127.0.0.1:9000", "127.0.0.1", NULL, CONF_SCHEME_HTTP, 9000, 3, false},
        {"http://localhost:9001/", "localhost", NULL, CONF_SCHEME_HTTP, 9001, 1, false},
        {"unix:run/app.sock", "localhost", "/conf.good/run/app.sock", CONF_SCHEME_UNIX, 0, 100, false},
        {"https://[::1]", "::1", NULL, CONF_SCHEME_HTTPS, 443, 1, true},
        {"https://app.internal:8443", "app.internal", NULL, CONF_SCHEME_HTTPS, 8443, 1, false},
        {"unix:/run/x.sock", "localhost", "/run/x.sock", CONF_SCHEME_UNIX, 0, 1, false},
    };
    ck_assert_uint_eq(b->n_servers, ARRAY_LEN(SERVERS));
    for (size_t i = 0; i < ARRAY_LEN(SERVERS); i++) {
        const struct conf_server *s = &b->servers[i];
        ck_assert_str_eq(s->name, SERVERS[i].name);
        ck_assert_str_eq(s->host, SERVERS[i].host);
        ck_assert(!s->path == !SERVERS[i].path);
        if (s->path)
            ends_with(s->path, SERVERS[i].path);
        ck_assert(s->scheme == SERVERS[i].scheme && s->port == SERVERS[i].port &&
                  s->weight == SERVERS[i].weight && s->ipv6 == SERVERS[i].ipv6);
    }
    ck_assert(b->balance == BALANCE_CLIENT_CERTIFICATE && b->send_proxy == SEND_PROXY_V2);
    ck_assert(b->max_fails == 3 && b->keepalive == 1024 && b->keepalive_timeout == 4);

    const struct conf_location *l = &conf->location[0];
    ck_assert_ptr_eq(l->to, b);
    ck_assert_uint_eq(l->identity, IDENTITY_CLIENT_CERT | IDENTITY_CLIENT_CERT_CHAIN | IDENTITY_X_SSL);
    ck_assert(l->strip_prefix && l->forwarded == FORWARDED_BOTH && l->max_body == 2LL << 30 &&
              l->request_timeout == 90);
    ck_assert_uint_eq(l->n_fields, 4);
    ck_assert_str_eq(l->field[1].name, "X-Uri");
    ck_assert_uint_eq(l->field[1].value.n, 1);
    ck_assert_int_eq(l->field[1].value.part[0].variable, VARIABLE_URI);
    const struct template *cost = &l->field[2].value;
    ck_assert_uint_eq(cost->n, 4);
    ck_assert(cost->part[0].len == 3 && memcmp(cost->part[0].text, "$5 ", 3) == 0);
    ck_assert_int_eq(cost->part[1].variable, VARIABLE_METHOD);
    ck_assert(cost->part[2].len == 1 && *cost->part[2].text == '-');
    ck_assert_int_eq(cost->part[3].variable, VARIABLE_PATH);
    ck_assert_ptr_null(conf->location[1].to);
    ck_assert_uint_eq(conf->location[1].redirect_to.n, 2);
}
END_TEST

START_TEST(texts_of_good_files)
{
    load_good("050-quotes.conf");
    ends_with(conf->document_root.text, "/conf.good/a b*+(){}#");
    ck_assert_str_eq(conf->access_log.text, "/var/log/ab\"c\\");
    load_good("060-continuation.conf");
    ends_with(conf->document_root.text, "/conf.good/ab");
    load_good("070-unquoted.conf");
    ck_assert_str_eq(conf->document_root.text, "/srv/www//x");
    load_good("100-variable.conf");
    ck_assert_str_eq(conf->document_root.text, "/srv/www");
    ck_assert_int_eq(conf->workers, 3);
    load_good("090-append.conf");
    ck_assert_uint_eq(conf->listener[0].client_ca.n, 3);
    ends_with(conf->listener[0].client_ca.item[2].text, "/conf.good/c");
    ck_assert_int_eq(conf->listener[0].client_auth, CLIENT_AUTH_REQUIRE);
    load_good("150-pkcs11.conf");
    ck_assert_str_eq(conf->listener[0].certificate.item[0].text, "pkcs11:token=x;object=y");
    ck_assert_str_eq(conf->listener[0].certificate.item[1].text, "PKCS11:token=z");
    load_good("040-comments.conf");
    ck_assert_uint_eq(conf->listener[0].certificate.n, 2);
    ck_assert_uint_eq(conf->listener[0].src.line, 5);
    ck_assert_uint_eq(conf->listener[0].address.src.line, 6);
    ck_assert_uint_eq(conf->listener[0].certificate.item[0].src.line, 7);
    ck_assert_uint_eq(conf->listener[0].certificate.item[1].src.line, 8);
}
END_TEST

START_TEST(included_places)
{
    load_good("110-include.conf");
    const struct conf_listener *l = &conf->listener[0];
    ck_assert_int_eq(conf->workers, 3);
    ends_with(l->src.file, "/110-include.conf");
    ck_assert_uint_eq(l->src.line, 2);
    ends_with(l->address.src.file, "/part/listen.inc");
    ck_assert_uint_eq(l->address.src.line, 1);
    ck_assert_uint_eq(l->certificate.item[0].src.line, 2);
    /* Names in an included file too are relative to the configuration's folder. */
    ends_with(l->certificate.item[0].text, "/conf.good/c.pem");
    ck_assert_uint_eq(conf->n_names, 3);
}
END_TEST

/* The sample as it is, and with every option in it set: defaults and examples are good values. */
START_TEST(sample)
{
    char *path = data_path("etc/mtlsd.conf"), *text = read_text(path);
    must_parse(text);
    ck_assert_uint_eq(conf->n_listeners, 1);
    ck_assert_uint_eq(conf->listener[0].crl.n, 2);
    ck_assert_int_eq(conf->listener[0].client_auth, CLIENT_AUTH_REQUEST);
    static const char *const NOT_TOGETHER[] = {
        "#redirect", "#redirect", "#acme_webroot", "#backend = ", "#allow", "#deny", "#alpn"};
    for (size_t i = 0; i < ARRAY_LEN(NOT_TOGETHER); i++) {
        char *at = strstr(text, NOT_TOGETHER[i]);
        memset(at, ' ', strcspn(at, "\n"));
    }
    if (!h2_is_built())
        memcpy(strstr(text, "http2 = on"), "http2 = no", 10);
    for (char *p = text; *p; p++) {
        if (*p == '#' && ((p[1] >= 'a' && p[1] <= 'z') || p[1] == '}') &&
            (p == text || p[-1] == '\n' || p[-1] == ' '))
            *p = ' ';
    }
    /* The one example that needs another option to have an effect. */
    char *off = strstr(text, "proxy_protocol = off");
    ck_assert_ptr_nonnull(off);
    memcpy(off + strlen("proxy_protocol = "), "v2 ", 3);
    must_parse(text);
    ck_assert_str_eq(conf->document_root.text, "/etc/x/www");
    ck_assert_uint_eq(conf->location[0].allow.n, 2);
    ck_assert_ptr_eq(conf->location[0].to, &conf->backend[0]);
    free(text);
    free(path);
}
END_TEST

Suite *suite_conf_files(void)
{
    Suite *suite = suite_create("conf_files");
    TCase *tc = tcase_create("conf_files");
    tcase_add_checked_fixture(tc, conf_setup, conf_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, bad_files);
    tcase_add_test(tc, good_files);
    tcase_add_test(tc, backends);
    tcase_add_test(tc, texts_of_good_files);
    tcase_add_test(tc, included_places);
    tcase_add_test(tc, sample);
    suite_add_tcase(suite, tc);
    return suite;
}
