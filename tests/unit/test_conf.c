/* The configuration: texts to structs, their defaults, and what inherits what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf_fixture.h"
#include "http/h2.h"
#include "suites.h"

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
    tcase_add_test(tc, defaults);
    tcase_add_test(tc, every_option);
    tcase_add_test(tc, words);
    tcase_add_test(tc, addresses);
    tcase_add_test(tc, environment);
    tcase_add_test(tc, joining);
    tcase_add_test(tc, http2);
    tcase_add_test(tc, hosts);
    suite_add_tcase(suite, tc);
    return suite;
}
