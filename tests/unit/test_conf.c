/* The configuration: texts to structs, and every fault with its place. The faulty files are in
 * tests/data/conf.bad, each with its findings in comments at the top; those in tests/data/conf.good give
 * none. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf_fixture.h"
#include "config/option.h"
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

START_TEST(defaults)
{
    must_parse(LISTEN "location \"/\" { client_cert = none }\n");
    ck_assert_str_eq(conf->file, "f.conf");
    ck_assert_str_eq(conf->dir, "/etc/x");
    ck_assert_int_eq(conf->workers, 0);
    ck_assert_ptr_null(conf->document_root.text);
    ck_assert_str_eq(conf->access_log.text, "off");
    ck_assert_ptr_null(conf->access_log.src.file);
    ck_assert_int_eq(conf->access_log_format, ACCESS_FORMAT_COMBINED);
    ck_assert_str_eq(conf->error_log.text, "stderr");
    ck_assert_int_eq(conf->log_level, LOG_LEVEL_INFO);
    ck_assert_int_eq(conf->handshake_timeout, 10);
    ck_assert_int_eq(conf->header_timeout, 15);
    ck_assert_int_eq(conf->idle_timeout, 60);
    ck_assert_int_eq(conf->drain_timeout, 30);
    ck_assert_int_eq(conf->max_header, 16384);
    ck_assert_int_eq(conf->max_body, 65536);
    ck_assert_int_eq(conf->error_detail, ERROR_DETAIL_FULL);
    ck_assert_int_eq(conf->reload, RELOAD_SIGNAL);
    ck_assert(!conf->preflight && conf->hsts && conf->handshake_record);
    ck_assert_int_eq(conf->expires_soon, 30 * 86400);
    ck_assert_int_eq(conf->rejections, 100);
    ck_assert_uint_eq(conf->n_listeners, 1);
    const struct conf_listener *l = &conf->listener[0];
    ck_assert_str_eq(l->name, "a");
    ck_assert_str_eq(l->address.text, "[::]:8443");
    ck_assert_str_eq(l->certificate.item[0].text, "/etc/x/c.pem");
    ck_assert_int_eq(l->client_auth, CLIENT_AUTH_OFF);
    ck_assert_uint_eq(l->client_ca.n + l->trusted_ca.n + l->crl.n + l->ocsp_response.n, 0);
    ck_assert_int_eq(l->advertise_ca, ADVERTISE_CA_LIST);
    ck_assert_int_eq(l->crl_check, CRL_CHECK_CHAIN);
    ck_assert_str_eq(l->crl_stale.text, "refuse");
    ck_assert_int_eq(l->crl_stale_mode, CRL_STALE_REFUSE);
    ck_assert_int_eq(l->crl_grace, 0);
    ck_assert_int_eq(l->verify_depth, 5);
    ck_assert(l->tickets);
    ck_assert_int_eq(l->ticket_lifetime, 6 * 3600);
    ck_assert_ptr_null(l->ticket_key_file.text);
    ck_assert_ptr_null(l->password_file.text);
    ck_assert_ptr_null(l->pin_file.text);
    must_parse(LISTEN);
    ck_assert_uint_eq(conf->n_locations, 0);
}
END_TEST

START_TEST(every_option)
{
    must_parse(
        "workers = 3 document_root = www access_log = stdout access_log_format = json error_log = \"e.log\"\n"
        "log_level = debug handshake_timeout = 1m header_timeout = 9s idle_timeout = 30m drain_timeout = 1h\n"
        "max_header = 4k max_body = 1m error_detail = code reload = auto preflight = yes hsts = false\n"
        "expires_soon = 7d rejections = 5 handshake_record = off\n"
        "listen \"x.y-z_1\" {\n"
        "  address = \"127.0.0.1:0\" certificate = { \"/a\", b } client_auth = optional client_ca = { r, s "
        "}\n"
        "  trusted_ca = t crl = { u }\n"
        "  advertise_ca = none crl_check = leaf crl_stale = grace:2h verify_depth = 1\n"
        "  tickets = on ticket_lifetime = 90s ticket_key_file = k ocsp_response = { o, p }\n"
        "  password_file = pw pin_file = pin\n"
        "}\n"
        "location \"/a/\" { allow = { \"serial:1\" } deny = { \"serial:2\", \"serial:3\" } }\n"
        "location \"/b\" { client_cert = any }\n");
    ck_assert_int_eq(conf->workers, 3);
    ck_assert_str_eq(conf->document_root.text, "/etc/x/www");
    ck_assert_str_eq(conf->access_log.text, "stdout");
    ck_assert_uint_eq(conf->access_log.src.line, 1);
    ck_assert_str_eq(conf->access_log.src.file, "f.conf");
    ck_assert_int_eq(conf->access_log_format, ACCESS_FORMAT_JSON);
    ck_assert_str_eq(conf->error_log.text, "/etc/x/e.log");
    ck_assert_int_eq(conf->log_level, LOG_LEVEL_DEBUG);
    ck_assert_int_eq(conf->handshake_timeout, 60);
    ck_assert_int_eq(conf->header_timeout, 9);
    ck_assert_int_eq(conf->idle_timeout, 1800);
    ck_assert_int_eq(conf->drain_timeout, 3600);
    ck_assert_int_eq(conf->max_header, 4096);
    ck_assert_int_eq(conf->max_body, 1048576);
    ck_assert_int_eq(conf->error_detail, ERROR_DETAIL_CODE);
    ck_assert_int_eq(conf->reload, RELOAD_AUTO);
    ck_assert(conf->preflight && !conf->hsts);
    ck_assert_int_eq(conf->expires_soon, 7 * 86400);
    ck_assert_int_eq(conf->rejections, 5);
    ck_assert(!conf->handshake_record);
    const struct conf_listener *l = &conf->listener[0];
    ck_assert_str_eq(l->name, "x.y-z_1");
    ck_assert_uint_eq(l->src.line, 5);
    ck_assert_str_eq(l->certificate.item[0].text, "/a");
    ck_assert_str_eq(l->certificate.item[1].text, "/etc/x/b");
    ck_assert_int_eq(l->client_auth, CLIENT_AUTH_OPTIONAL);
    ck_assert_uint_eq(l->client_auth_src.line, 6);
    ck_assert_uint_eq(l->client_ca.n, 2);
    ck_assert_uint_eq(l->trusted_ca.n, 1);
    ck_assert_uint_eq(l->crl.n, 1);
    ck_assert_int_eq(l->advertise_ca, ADVERTISE_CA_NONE);
    ck_assert_int_eq(l->crl_check, CRL_CHECK_LEAF);
    ck_assert_str_eq(l->crl_stale.text, "grace:2h");
    ck_assert_int_eq(l->crl_stale_mode, CRL_STALE_GRACE);
    ck_assert_int_eq(l->crl_grace, 7200);
    ck_assert_int_eq(l->verify_depth, 1);
    ck_assert_int_eq(l->ticket_lifetime, 90);
    ck_assert_str_eq(l->ticket_key_file.text, "/etc/x/k");
    ck_assert_uint_eq(l->ocsp_response.n, 2);
    ck_assert_str_eq(l->password_file.text, "/etc/x/pw");
    ck_assert_str_eq(l->pin_file.text, "/etc/x/pin");
    ck_assert_uint_eq(conf->n_locations, 2);
    ck_assert_str_eq(conf->location[0].prefix, "/a/");
    ck_assert_int_eq(conf->location[0].client_cert, CLIENT_CERT_VERIFIED);
    ck_assert_str_eq(conf->location[0].allow.item[0].text, "serial:1");
    ck_assert_str_eq(conf->location[0].deny.item[1].text, "serial:3");
    ck_assert_uint_eq(conf->location[0].deny.item[1].src.line, 12);
    ck_assert_int_eq(conf->location[1].client_cert, CLIENT_CERT_ANY);
    must_parse(LISTEN "log_level = error access_log = syslog error_log = syslog\n");
    ck_assert_int_eq(conf->log_level, LOG_LEVEL_ERROR);
    ck_assert_str_eq(conf->error_log.text, "syslog");
    must_parse(LISTEN "error_log = stdout access_log = stderr\n");
    ck_assert_str_eq(conf->error_log.text, "stdout");
    ck_assert_str_eq(conf->access_log.text, "stderr");
    /* A word of another option is a file's name. */
    must_parse(LISTEN "error_log = off\n");
    ck_assert_str_eq(conf->error_log.text, "/etc/x/off");
    /* The system's names of what is open already; to other options they are files. */
    must_parse("document_root = \"/dev/stdout\"\n" LISTEN
               "access_log = \"/dev/stdout\" error_log = \"/dev/stderr\"\n");
    ck_assert_str_eq(conf->access_log.text, "stdout");
    ck_assert_str_eq(conf->error_log.text, "stderr");
    ck_assert_str_eq(conf->document_root.text, "/dev/stdout");
    must_parse(LISTEN "access_log = \"/dev/fd/2\" error_log = \"/proc/self/fd/1\"\n");
    ck_assert_str_eq(conf->access_log.text, "stderr");
    ck_assert_str_eq(conf->error_log.text, "stdout");
}
END_TEST

START_TEST(words)
{
    static const struct {
        const char *word;
        enum client_auth value;
        const char *name;
    } WORDS[] = {{"off", CLIENT_AUTH_OFF, "off"},
                 {"one-way", CLIENT_AUTH_OFF, "off"},
                 {"request", CLIENT_AUTH_REQUEST, "request"},
                 {"optional", CLIENT_AUTH_OPTIONAL, "optional"},
                 {"require", CLIENT_AUTH_REQUIRE, "require"},
                 {"mutual", CLIENT_AUTH_REQUIRE, "require"}};
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        char text[256];
        snprintf(text, sizeof text, "listen a { address = h:1 certificate = c client_auth = %s %s }",
                 WORDS[i].word, WORDS[i].value == CLIENT_AUTH_OFF ? "" : "client_ca = r");
        must_parse(text);
        ck_assert_int_eq(conf->listener[0].client_auth, WORDS[i].value);
        ck_assert_str_eq(conf_client_auth_word(WORDS[i].value), WORDS[i].name);
    }
    static const char *const ON[] = {"on", "yes", "true"}, *const OFF[] = {"off", "no", "false"};
    for (size_t i = 0; i < ARRAY_LEN(ON); i++) {
        char text[256];
        snprintf(text, sizeof text, LISTEN "preflight = %s hsts = %s", ON[i], OFF[i]);
        must_parse(text);
        ck_assert(conf->preflight && !conf->hsts);
    }
}
END_TEST

START_TEST(addresses)
{
    static const struct {
        const char *text, *host; /* NULL: refused */
        unsigned short port;
        bool ipv6;
    } TABLE[] = {
        {"[::]:8443", "::", 8443, true},
        {"[::1]:0", "::1", 0, true},
        {"[fe80::1%eth0]:1", "fe80::1%eth0", 1, true},
        {"[::ffff:127.0.0.1]:65535", "::ffff:127.0.0.1", 65535, true},
        {"0.0.0.0:443", "0.0.0.0", 443, false},
        {"localhost:00080", "localhost", 80, false},
        {"a-b.example.org:1", "a-b.example.org", 1, false},
        {"", NULL, 0, false},
        {"[", NULL, 0, false},
        {"[]", NULL, 0, false},
        {"[]:1", NULL, 0, false},
        {"[::]", NULL, 0, false},
        {"[::]:", NULL, 0, false},
        {"[::]8443", NULL, 0, false},
        {"[::]:8443x", NULL, 0, false},
        {"[::]:-1", NULL, 0, false},
        {"[::]:+1", NULL, 0, false},
        {"[::]: 1", NULL, 0, false},
        {"[::]:000080", NULL, 0, false},
        {"[fe80::1%]:1", NULL, 0, false},
        {"[fe80::1%a/b]:1", NULL, 0, false},
        {"[127.0.0.1]:1", NULL, 0, false},
        {"[localhost]:1", NULL, 0, false},
        {"1.2.3:1", NULL, 0, false},
        {"01.2.3.4:1", NULL, 0, false},
        {"a..b:1", NULL, 0, false},
        {".a:1", NULL, 0, false},
        {"a b:1", NULL, 0, false},
        {"*:1", NULL, 0, false},
        {"::1", NULL, 0, false},
        {"unix:/run/x", "/run/x", 0, false},
        {"unix:", NULL, 0, false},
        {"unix:x", NULL, 0, false},
        {"unix:/run/", NULL, 0, false},
        {"unix:/a b", NULL, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++) {
        struct conf_address address = {.host = "untouched"};
        struct err err = {0};
        int rc = conf_address(TABLE[i].text, &address, &err);
        if (TABLE[i].host) {
            ck_assert_msg(rc == 0, "%s: %s", TABLE[i].text, err.text);
            ck_assert_str_eq(address.host, TABLE[i].host);
            ck_assert_uint_eq(address.port, TABLE[i].port);
            ck_assert_int_eq(address.ipv6, TABLE[i].ipv6);
            ck_assert_int_eq(address.local, TABLE[i].host[0] == '/');
        } else {
            ck_assert_msg(rc == ERR_SYNTAX, "%s", TABLE[i].text);
            ck_assert_str_eq(address.host, "untouched");
            ck_assert_msg(strncmp(err.text, "address ", 8) == 0, "%s", err.text);
        }
    }
    char text[400] = {0};
    memset(text, 'a', 300);
    strcpy(text + 300, ":1");
    struct conf_address address;
    ck_assert_int_eq(conf_address(text, &address, NULL), ERR_SYNTAX);
}
END_TEST

START_TEST(environment)
{
    setenv("MTLSD_TEST_SET", "/srv/'\"x", 1);
    must_parse(LISTEN "document_root = \"${MTLSD_TEST_SET}/www\" access_log = '${MTLSD_TEST_SET}'\n");
    ck_assert_str_eq(conf->document_root.text, "/srv/'\"x/www");
    ck_assert_str_eq(conf->access_log.text, "/etc/x/${MTLSD_TEST_SET}");
    setenv("MTLSD_TEST_SET", "a\nb", 1);
    must_fail(LISTEN "document_root = \"${MTLSD_TEST_SET}\"\n",
              "document_root holds the control character 0x0a");
    unsetenv("MTLSD_TEST_SET");
}
END_TEST

START_TEST(joining)
{
    static const struct {
        const char *dir, *want;
    } TABLE[] = {{"/etc/x", "/etc/x/w"},
                 {"/etc/x/", "/etc/x/w"},
                 {"/", "/w"},
                 {".", "w"},
                 {"", "w"},
                 {NULL, "w"},
                 {"a", "a/w"}};
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++) {
        conf_teardown();
        conf_setup();
        ck_assert_int_eq(conf_parse(LISTEN "document_root = w\n", "f", TABLE[i].dir, &diag, &conf), 0);
        ck_assert_str_eq(conf->document_root.text, TABLE[i].want);
    }
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

/* The default is on where it can be spoken, and says nothing where it cannot; who writes it is told. */
START_TEST(http2)
{
#define PLAIN "tls = off redirect = \"https://a.example${uri}\" "
#define TLS   "certificate = { \"c.pem\" } "
#define HOST  "host \"h.example\" { certificate = { \"d.pem\" } }"
#define TCP   "mode = tcp backend = b "
#define APART "backend \"b\" { server = { \"tcp://127.0.0.1:1\" } }\n"
    must_parse("listen \"a\" { address = \"[::]:1\" " TLS HOST "}\n" APART
               "listen \"t\" { address = \"[::]:2\" " TCP TLS "}\n"
               "listen \"u\" { address = \"127.0.0.1:4\" " TCP "tls = off http2 = off }\n"
               "listen \"p\" { address = \"[::]:3\" " PLAIN "}\n"
               "listen \"q\" { address = \"[::]:5\" " PLAIN "http2 = off }\n");
    ck_assert(conf->listener[0].http2 == h2_is_built() && conf->host[0].http2 == h2_is_built());
    for (size_t i = 1; i < conf->n_listeners; i++)
        ck_assert(!conf->listener[i].http2);
    must_parse("listen \"a\" { address = \"[::]:1\" http2 = off " TLS HOST "}\n");
    ck_assert(!conf->listener[0].http2 && !conf->host[0].http2);
    static const char WANTED[] = "listen \"a\" { address = \"[::]:1\" " TLS "\n http2 = on }\n";
    if (h2_is_built()) {
        must_parse(WANTED);
        ck_assert(conf->listener[0].http2 && conf_wants_http2(&conf->listener[0]));
    } else {
        must_fail(WANTED, "f.conf:2: error: http2 = on: this program was built without nghttp2");
    }
    must_fail(APART "listen \"t\" { address = \"[::]:2\" " TCP TLS "\n http2 = on }\n",
              "f.conf:3: error: http2 says something of HTTP");
    must_fail("listen \"p\" { address = \"[::]:3\" " PLAIN "\n http2 = on }\n",
              "f.conf:2: error: http2 = on needs TLS");
#undef PLAIN
#undef TLS
#undef HOST
#undef TCP
#undef APART
}
END_TEST

/* Before and behind what is the listener's own, empty or not. */
START_TEST(hosts)
{
    static const char TEXT[] = "listen \"a\" {\n"
                               "  host \"Open.Example\" { client_auth = off }\n"
                               "  host \"empty.example\" { }\n"
                               "  address = \"127.0.0.1:0\"\n"
                               "  certificate = { \"a.crt\", \"a.key\" }\n"
                               "  client_auth = require client_ca = { \"a.crt\" } crl_stale = grace:1h\n"
                               "  ocsp_response = { \"a.ocsp\" }\n"
                               "  host \"*.example\" {\n"
                               "    client_ca = { \"x.crt\", \"y.crt\" }\n"
                               "    client_ca += { \"z.crt\" } certificate = { \"b.crt\" }\n"
                               "  }\n"
                               "  verify_depth = 3\n"
                               "}\n"
                               "listen \"b\" { host \"open.example\" { verify_depth = 1 } address = "
                               "\"127.0.0.1:1\" certificate = { \"b.crt\" } }\n";
    ck_assert_msg(parse(TEXT) == 0, "%s", findings());
    ck_assert_uint_eq(diag.warnings, 2); /* and crl_stale without crl, once */
    ck_assert_ptr_nonnull(strstr(findings(), "f.conf:3: warning: host \"empty.example\" says nothing"));
    ck_assert_uint_eq(conf->n_listeners, 2);
    ck_assert_uint_eq(conf->n_hosts, 4);
    const struct conf_listener *a = &conf->listener[0], *b = &conf->listener[1];
    ck_assert_uint_eq(a->n_hosts, 3);
    ck_assert_ptr_eq(a->host, &conf->host[0]);
    ck_assert_uint_eq(b->n_hosts, 1);
    ck_assert_ptr_eq(b->host, &conf->host[3]);
    ck_assert_ptr_eq(b->host->of, b);
    ck_assert_ptr_null(a->of);

    const struct conf_listener *open = &a->host[0], *empty = &a->host[1], *all = &a->host[2];
    ck_assert_str_eq(open->name, "open.example");
    ck_assert_uint_eq(open->src.line, 2);
    ck_assert_int_eq(open->client_auth, CLIENT_AUTH_OFF);
    ck_assert_uint_eq(open->client_auth_src.line, 2);
    ck_assert_uint_eq(open->client_ca.n, 1);
    ck_assert_uint_eq(open->certificate.n, 2);
    ck_assert_str_eq(open->certificate.item[1].text, "/etc/x/a.key");
    ck_assert(open->certificate.item[1].inherited);
    ck_assert_int_eq(open->verify_depth, 3);
    ck_assert_int_eq(open->crl_stale_mode, CRL_STALE_GRACE);
    ck_assert_int_eq(open->crl_grace, 3600);
    ck_assert_str_eq(open->address.text, "127.0.0.1:0");
    ck_assert_uint_eq(open->ocsp_response.n, 1);
    ck_assert(!conf_same_judgement(open, a) && conf_same_judgement(empty, a) && conf_same_trust(open, a));
    ck_assert(!conf_same_credentials(open, a) && conf_same_credentials(empty, a));
    ck_assert_str_eq(empty->name, "empty.example");
    ck_assert_uint_eq(empty->src.line, 3);
    ck_assert_str_eq(all->name, "*.example");
    ck_assert_uint_eq(all->client_ca.n, 3);
    ck_assert(!all->client_ca.item[0].inherited && !conf_same_judgement(all, a));
    ck_assert_uint_eq(all->certificate.n, 1);
    ck_assert_uint_eq(all->ocsp_response.n, 0);
    ck_assert_int_eq(all->client_auth, CLIENT_AUTH_REQUIRE);
    ck_assert_int_eq(b->host->verify_depth, 1);
    ck_assert_int_eq(b->host->client_auth, CLIENT_AUTH_OFF);
    char *label = conf_label(all), *own = conf_label(a);
    ck_assert_str_eq(label, "a/*.example");
    ck_assert_str_eq(own, "a");
    free(label);
    free(own);
}
END_TEST

Suite *suite_conf(void)
{
    Suite *suite = suite_create("conf");
    TCase *tc = tcase_create("conf");
    tcase_add_checked_fixture(tc, conf_setup, conf_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, bad_files);
    tcase_add_test(tc, good_files);
    tcase_add_test(tc, backends);
    tcase_add_test(tc, texts_of_good_files);
    tcase_add_test(tc, included_places);
    tcase_add_test(tc, defaults);
    tcase_add_test(tc, every_option);
    tcase_add_test(tc, words);
    tcase_add_test(tc, addresses);
    tcase_add_test(tc, environment);
    tcase_add_test(tc, joining);
    tcase_add_test(tc, sample);
    tcase_add_test(tc, http2);
    tcase_add_test(tc, hosts);
    suite_add_tcase(suite, tc);
    return suite;
}
