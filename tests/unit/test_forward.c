/* Heads on their way to a backend and back: tests/data/forge.tsv, forward.tsv and forward_response.tsv. */
#include "http/forward.h"

#include <stdlib.h>
#include <string.h>

#include "http/host.h"
#include "http/path.h"
#include "http_fixture.h"
#include "suites.h"
#include "table.h"

static struct fixture f;

static unsigned char alice[] = "alice", tenant[] = "spiffe://example.org/a,b", name[] = "alice.example.org";
static struct certname_attr cn = {.label = "CN", .value = alice, .len = 5};
static struct certvalue uri = {.raw = tenant, .len = sizeof tenant - 1};

/* A certificate came. */
static void present(enum verify_state verify)
{
    fixture_present(&f, verify);
    f.leaf.subject.attr = &cn;
    f.leaf.subject.n = 1;
    f.leaf.uris.v = &uri;
    f.leaf.uris.n = 1;
    f.dns_name.raw = name;
    f.dns_name.len = sizeof name - 1;
}

static void setup(void)
{
    fixture_init(&f);
}

static void teardown(void)
{
    fixture_done(&f);
}

static unsigned char LEAF[] = {0x30, 0x03, 0x02, 0x01, 0x05}, ISSUER[] = {0x30, 0x00};
static const gnutls_datum_t CHAIN[] = {{LEAF, sizeof LEAF}, {ISSUER, sizeof ISSUER}};

static void complain(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    (void)severity, (void)src;
    ck_abort_msg("%s: %s", (const char *)cls, text);
}

/* A configuration with that location. */
static struct conf *conf_with(const char *prefix, const char *options)
{
    struct buf text;
    buf_init(&text, 0);
    buf_printf(
        &text,
        "listen a { address = \"[::]:8443\" certificate = { c } client_auth = request client_ca = { r } }\n"
        "backend app { server = { \"http://127.0.0.1:9000\", \"http://[::1]:9001\", \"http://localhost\", "
        "\"https://tls.internal:8443\" } }\n"
        "location \"%s\" { %s }\n",
        prefix, options);
    struct diag diag = {.emit = complain, .cls = text.data};
    struct conf *conf = NULL;
    ck_assert_int_eq(conf_parse(text.data, "t.conf", "/etc", &diag, &conf), 0);
    buf_done(&text);
    return conf;
}

static bool says(const char *words, const char *word)
{
    return strstr(words, word) != NULL;
}

/* The head that a backend gets; without the client's fields in our name when `honest`. */
static void make(const char *prefix, const char *options, const char *who, const char *text, bool honest,
                 struct buf *out, struct forward_made *made)
{
    struct conf *conf = conf_with(prefix, options);
    struct http1_head head = {0};
    struct buf raw = {0}, path;
    char host[HTTP1_AUTHORITY], normal[PATH_MOST + 1];
    const char *query;
    table_unescape(&raw, text);
    const char *fields = strchr(raw.data, '\n') + 1;
    const char *line_end = honest ? strchr(fields, '\n') + 1 : raw.data + raw.len; /* Host is the first */
    ck_assert_int_eq(http1_head_put(&head, raw.data, (size_t)(line_end - raw.data)), 0);
    ck_assert_int_eq(honest ? http1_head_put(&head, "\r\n", 2) : 0, 0);
    ck_assert_int_eq(http1_head_finish(&head), 0);
    ck_assert_int_eq(path_normalise(head.target, normal, &query), 0);

    if (!says(who, "none"))
        present(says(who, "failed") ? VERIFY_FAILED : VERIFY_SUCCESS);
    else
        f.peer.verify = VERIFY_NONE;
    struct client_view client = {.peer = says(who, "unasked") ? NULL : &f.peer,
                                 .chain = CHAIN,
                                 .n_chain = says(who, "none") ? 0 : ARRAY_LEN(CHAIN),
                                 .tls = &f.tls,
                                 .remote = says(who, "v6") ? "[2001:db8::1]:443" : "192.0.2.1:54321",
                                 .listener = "a",
                                 .connection = 7};
    struct request_view view;
    const char *sni = says(who, "odd") ? "a;proto=http,for=10.0.0.1" : "sni.example";
    buf_init(&path, 0);
    forward_view(&view, &conf->location[0], &head, normal, query, http1_authority(&head, sni, host), &path);
    view.number = 3;
    view.now = FIXTURE_NOW;
    struct identity_made identity = {0};
    const struct forward forward = {.location = &conf->location[0],
                                    .head = &head,
                                    .path = normal,
                                    .client = &client,
                                    .request = &view,
                                    .identity = identity_of(&identity, conf->location[0].identity, &client),
                                    .trusted = says(who, "trusted"),
                                    .port = 8443,
                                    .instance = 0xabcd,
                                    .body = says(who, "chunked")  ? FORWARD_CHUNKED
                                            : says(who, "length") ? FORWARD_LENGTH
                                                                  : FORWARD_NO_BODY,
                                    .length = 12};
    buf_init(out, 0);
    ck_assert_int_eq(forward_request(&forward, out, made), 0);
    identity_made_done(&identity);
    buf_done(&path);
    buf_done(&raw);
    http1_head_done(&head);
    conf_free(conf);
}

/* The lines that are ours. */
static void keep_ours(const struct buf *head, struct buf *out)
{
    buf_init(out, 0);
    for (const char *p = head->data, *end; (end = strchr(p, '\n')) != NULL; p = end + 1) {
        const size_t len = strcspn(p, ":");
        static const char *const OURS[] = {"X-User",    "X-Tenant", "X-Forwarded-For",
                                           "Forwarded", "Host",     "Via"};
        bool ours = identity_owns(p, len);
        for (size_t i = 0; i < ARRAY_LEN(OURS); i++)
            ours = ours || identity_same_name(p, len, OURS[i], strlen(OURS[i]));
        if (ours)
            buf_put(out, p, (size_t)(end + 1 - p));
    }
}

START_TEST(forged)
{
    struct table table;
    table_open(&table, "forge.tsv");
    while (table_next(&table)) {
        struct buf head, honest, ours, wanted;
        struct forward_made made;
        char **c = table.column;
        make("/", c[2], c[1], c[3], false, &head, &made);
        make("/", c[2], c[1], c[3], true, &honest, &made);
        ck_assert_msg(!strcasestr(head.data, "forged"), "%u: %s:\n%s", table.number, c[0], head.data);
        keep_ours(&head, &ours);
        keep_ours(&honest, &wanted);
        ck_assert_msg(strcmp(ours.data, wanted.data) == 0, "%u: %s:\n%s\nnot\n%s", table.number, c[0],
                      ours.data, wanted.data);
        buf_done(&head);
        buf_done(&honest);
        buf_done(&ours);
        buf_done(&wanted);
    }
    ck_assert_uint_ge(table.rows, 80);
    table_close(&table);
}
END_TEST

START_TEST(requests)
{
    struct table table;
    table_open(&table, "forward.tsv");
    while (table_next(&table)) {
        struct buf head, wanted = {0};
        struct forward_made made;
        char **c = table.column;
        make(c[1], c[2], c[3], c[4], false, &head, &made);
        table_unescape(&wanted, c[5]);
        ck_assert_msg(strcmp(head.data, wanted.data) == 0, "%u: %s:\n%s\nnot\n%s", table.number, c[0],
                      head.data, wanted.data);
        ck_assert_msg(made.upgrades == says(head.data, "\r\nUpgrade: "), "%u: %s", table.number, c[0]);
        buf_done(&head);
        buf_done(&wanted);
    }
    table_close(&table);
}
END_TEST

START_TEST(responses)
{
    struct table table;
    struct conf conf = {0};
    table_open(&table, "forward_response.tsv");
    while (table_next(&table)) {
        struct buf head = {0}, out, wanted = {0};
        char **c = table.column;
        conf.hsts = says(c[1], "hsts");
        const struct forward_answer answer = {
            .conf = &conf,
            .date = says(c[1], "date") ? "Thu, 01 Jan 1970 00:00:00 GMT" : NULL,
            .upgrade = says(c[1], "upgrade"),
            .interim = says(c[1], "interim"),
        };
        table_unescape(&head, c[2]);
        table_unescape(&wanted, c[3]);
        buf_init(&out, 0);
        forward_response(&answer, head.data, head.len, &out);
        ck_assert_msg(strcmp(out.data, wanted.data) == 0, "%u: %s:\n%s\nnot\n%s", table.number, c[0],
                      out.data, wanted.data);
        buf_done(&head);
        buf_done(&out);
        buf_done(&wanted);
    }
    table_close(&table);
}
END_TEST

START_TEST(leads_back)
{
    struct table table;
    table_open(&table, "forward_url.tsv");
    while (table_next(&table)) {
        char **c = table.column, options[200], text[200];
        struct http1_head request = {0};
        struct buf head, out, wanted;
        snprintf(options, sizeof options, "client_cert = none backend = app %s", c[2]);
        struct conf *conf = conf_with(c[1], options);
        conf->hsts = false;
        int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", c[3]);
        ck_assert_int_eq(http1_head_put(&request, text, (size_t)n), 0);
        ck_assert_int_eq(http1_head_finish(&request), 0);
        const struct forward_home home = {
            .location = &conf->location[0], .request = &request, .server_name = ""};
        buf_init(&head, 0);
        buf_init(&out, 0);
        buf_init(&wanted, 0);
        buf_printf(&head, "HTTP/1.1 302 Found\r\n%s\r\n\r\n", c[4]);
        buf_printf(&wanted, "%s\r\nVia: 1.1 mtlsd\r\n", c[5]);
        forward_response(&(struct forward_answer){.conf = conf, .home = &home}, head.data, head.len, &out);
        ck_assert_msg(strcmp(out.data, wanted.data) == 0, "%u: %s:\n%s\nnot\n%s", table.number, c[0],
                      out.data, wanted.data);
        buf_done(&head);
        buf_done(&out);
        buf_done(&wanted);
        http1_head_done(&request);
        conf_free(conf);
    }
    table_close(&table);
}
END_TEST

START_TEST(answered_here)
{
    static const struct {
        const char *head;
        unsigned status;
    } HEADS[] = {
        {"GET / HTTP/1.1\r\n\r\n", 0},
        {"TRACE / HTTP/1.1\r\n\r\n", 405},
        {"CONNECT a:1 HTTP/1.1\r\n\r\n", 405},
        {"trace / HTTP/1.1\r\n\r\n", 0}, /* another method */
        {"OPTIONS / HTTP/1.1\r\nMax-Forwards: 0\r\n\r\n", 204},
        {"OPTIONS / HTTP/1.1\r\nMax-Forwards: 00\r\n\r\n", 204},
        {"OPTIONS / HTTP/1.1\r\nMax-Forwards: 1\r\n\r\n", 0},
        {"OPTIONS / HTTP/1.1\r\nMax-Forwards: \r\n\r\n", 0},
        {"GET / HTTP/1.1\r\nMax-Forwards: 0\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\nVia: 1.1 mtlsd (0000abcd)\r\n\r\n", 508},
        {"GET / HTTP/1.1\r\nVia: 1.0 a\r\nVia: 1.1 b, 1.1 mtlsd (0000abcd), 1.1 c\r\n\r\n", 508},
        {"GET / HTTP/1.1\r\nVia: 1.1 mtlsd (0000abce)\r\n\r\n", 0}, /* another one of us */
        {"GET / HTTP/1.1\r\nVia: 1.1 mtlsd\r\n\r\n", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(HEADS); i++) {
        struct http1_head head = {0};
        ck_assert_int_eq(http1_head_put(&head, HEADS[i].head, strlen(HEADS[i].head)), 0);
        ck_assert_int_eq(http1_head_finish(&head), 0);
        ck_assert_msg(forward_status(&head, 0xabcd) == HEADS[i].status, "%s", HEADS[i].head);
        http1_head_done(&head);
    }
}
END_TEST

/* What goes up is decoded to the path that was decided on, and has no ';'. */
START_TEST(paths)
{
    static const char *const PATHS[] = {"/",     "/a b",   "/a;x=1/b", "/\xc3\xbc",
                                        "/100%", "/a?b#c", "/[x]",     "/a+b,c:d@e"};
    for (size_t i = 0; i < ARRAY_LEN(PATHS); i++) {
        struct buf out;
        char again[PATH_MOST + 1];
        const char *query;
        buf_init(&out, 0);
        forward_put_path(&out, PATHS[i]);
        ck_assert_int_eq(path_normalise(out.data, again, &query), 0);
        ck_assert_str_eq(again, PATHS[i]);
        ck_assert_ptr_null(strpbrk(out.data, "; ?#"));
        buf_done(&out);
    }
}
END_TEST

START_TEST(trailers)
{
    static const char *const GOOD[] = {"Server-Timing", "Digest", "grpc-status", "X-Checksum"};
    static const char *const BAD[] = {"Content-Length", "content_length", "Transfer-Encoding", "Set-Cookie",
                                      "Host",           "Client-Cert",    "X-SSL-Client-S-DN", "Trailer",
                                      "Connection",     "Vary",           "Forwarded"};
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++)
        ck_assert_msg(forward_is_trailer(GOOD[i], strlen(GOOD[i])), "%s", GOOD[i]);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        ck_assert_msg(!forward_is_trailer(BAD[i], strlen(BAD[i])), "%s", BAD[i]);
}
END_TEST

Suite *suite_forward(void)
{
    Suite *suite = suite_create("forward");
    TCase *tc = tcase_create("forward");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, forged);
    tcase_add_test(tc, requests);
    tcase_add_test(tc, responses);
    tcase_add_test(tc, leads_back);
    tcase_add_test(tc, answered_here);
    tcase_add_test(tc, paths);
    tcase_add_test(tc, trailers);
    suite_add_tcase(suite, tc);
    return suite;
}
