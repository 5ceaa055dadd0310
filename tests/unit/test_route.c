#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "http/route.h"
#include "http_fixture.h"
#include "suites.h"

#define BROWSER "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

#define JSON    "application/json"
#define PROBLEM "application/problem+json"
#define HEALTH  "application/health+json"
#define PAGE    "text/html; charset=utf-8"
#define PLAIN   "text/plain; charset=utf-8"

/* What the client brings. */
enum bring { OFF, NONE, GOOD, BAD };

/* Locations of all tests: rules by serial number, the fixture's is 0a. */
static char PREFIXES[][16] = {"/verified/", "/any/",           "/allowed/", "/others/",
                              "/denied/",   "/api/connection", "/health"};
static struct conf_text ALLOWED = {.text = (char[]){"serial:0a"}}, OTHERS = {.text = (char[]){"serial:0b"}},
                        DENIED = {.text = (char[]){"serial:0a"}};
static const struct conf_location LOCATIONS[] = {
    {.prefix = PREFIXES[0], .client_cert = CLIENT_CERT_VERIFIED},
    {.prefix = PREFIXES[1], .client_cert = CLIENT_CERT_ANY},
    {.prefix = PREFIXES[2], .client_cert = CLIENT_CERT_VERIFIED, .allow = {&ALLOWED, 1}},
    {.prefix = PREFIXES[3], .client_cert = CLIENT_CERT_VERIFIED, .allow = {&OTHERS, 1}},
    {.prefix = PREFIXES[4], .client_cert = CLIENT_CERT_VERIFIED, .deny = {&DENIED, 1}},
    {.prefix = PREFIXES[5], .client_cert = CLIENT_CERT_VERIFIED},
    {.prefix = PREFIXES[6], .client_cert = CLIENT_CERT_VERIFIED},
};

static struct policy *make_policy(void)
{
    struct diag diag = {0};
    struct policy *policy;
    ck_assert_int_eq(policy_new(LOCATIONS, ARRAY_LEN(LOCATIONS), &diag, &policy), 0);
    return policy;
}

static void set_up(struct fixture *f, const char *method, const char *path, enum bring bring)
{
    fixture_init(f);
    if (bring == GOOD || bring == BAD)
        fixture_present(f, bring == GOOD ? VERIFY_SUCCESS : VERIFY_FAILED);
    if (bring == OFF) {
        f->request.peer = NULL;
        f->request.client_auth = CLIENT_AUTH_OFF;
        f->request.cert_requested = false;
    }
    f->request.method = route_method(method);
    f->request.method_text = method;
    fixture_path(f, path);
}

/* Those that every reply has. */
static void check_headers(const struct fixture *f)
{
    static const char *const HEADERS[][2] = {
        {"Strict-Transport-Security", "max-age=31536000"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    for (size_t i = 0; i < ARRAY_LEN(HEADERS); i++) {
        ck_assert_ptr_nonnull(fixture_reply_header(f, HEADERS[i][0]));
        ck_assert_str_eq(fixture_reply_header(f, HEADERS[i][0]), HEADERS[i][1]);
    }
    const char *csp = fixture_reply_header(f, "Content-Security-Policy");
    ck_assert_ptr_nonnull(csp);
    ck_assert_ptr_nonnull(strstr(csp, "default-src 'none'"));
    ck_assert_ptr_null(strstr(csp, "unsafe"));
    for (size_t i = 0; i < f->reply.n_headers; i++) {
        for (size_t j = 0; j < i; j++)
            ck_assert_msg(!text_equal_nocase(f->reply.header[i].name, f->reply.header[j].name),
                          "%s comes twice", f->reply.header[i].name);
    }
}

START_TEST(test_table)
{
    static const struct {
        const char *method, *path, *accept;
        enum bring bring;
        unsigned status;
        const char *type;
    } ROWS[] = {
        {"GET", "/api", "*/*", NONE, 200, JSON},
        {"GET", "/api", BROWSER, NONE, 200, JSON},
        {"HEAD", "/api", NULL, NONE, 200, JSON},
        {"GET", "/api/tls", NULL, OFF, 200, JSON},
        {"GET", "/api/tls", NULL, NONE, 200, JSON},
        {"GET", "/api/peer", NULL, OFF, 200, JSON},
        {"GET", "/api/peer", NULL, NONE, 200, JSON},
        {"GET", "/api/peer", NULL, GOOD, 200, JSON},
        {"GET", "/api/peer", NULL, BAD, 200, JSON},
        {"GET", "/api/handshake", NULL, NONE, 404, PROBLEM}, /* no record is kept */
        {"GET", "/api/connection", NULL, GOOD, 200, JSON},
        {"GET", "/api/connection", NULL, NONE, 403, PROBLEM},
        {"GET", "/api/connection", NULL, BAD, 403, PROBLEM},
        {"POST", "/api/connection", NULL, NONE, 403, PROBLEM},
        {"OPTIONS", "/api/connection", NULL, NONE, 403, PROBLEM},
        {"OPTIONS", "/api/connection", NULL, GOOD, 204, NULL},
        {"POST", "/api/peer", NULL, NONE, 405, PROBLEM},
        {"POST", "/api/peer", BROWSER, NONE, 405, PAGE},
        {"TRACE", "/", NULL, NONE, 405, PROBLEM},
        {"DELETE", "/nothing", NULL, NONE, 405, PROBLEM},
        {"BREW", "/nothing", NULL, NONE, 501, PROBLEM},
        {"OPTIONS", "/api/peer", NULL, NONE, 204, NULL},
        {"OPTIONS", "/nothing", NULL, NONE, 204, NULL},
        {"OPTIONS", "*", NULL, NONE, 204, NULL},
        {"GET", "*", NULL, NONE, 404, PROBLEM},
        {"GET", "/api/", NULL, NONE, 404, PROBLEM},
        {"GET", "/api/nothing", NULL, NONE, 404, PROBLEM},
        {"GET", "/api/nothing", BROWSER, NONE, 404, PAGE},
        {"POST", "/api/nothing", NULL, NONE, 404, PROBLEM},
        {"OPTIONS", "/api/nothing", NULL, NONE, 404, PROBLEM},
        {"GET", "/api/peer/x", NULL, NONE, 404, PROBLEM},
        {"GET", "/API", NULL, NONE, 404, PROBLEM},
        {"GET", "/", NULL, NONE, 404, PROBLEM}, /* no document root */
        {"GET", "/nothing", BROWSER, NONE, 404, PAGE},
        {"GET", "/verified/", NULL, OFF, 403, PROBLEM},
        {"GET", "/verified/", NULL, NONE, 403, PROBLEM},
        {"GET", "/verified/", BROWSER, NONE, 403, PAGE},
        {"GET", "/verified/", NULL, BAD, 403, PROBLEM},
        {"GET", "/verified/", NULL, GOOD, 404, PROBLEM},
        {"GET", "/any/", NULL, NONE, 403, PROBLEM},
        {"GET", "/any/", NULL, BAD, 404, PROBLEM},
        {"GET", "/allowed/", NULL, GOOD, 404, PROBLEM},
        {"GET", "/allowed/", NULL, BAD, 403, PROBLEM},
        {"GET", "/others/", NULL, GOOD, 403, PROBLEM},
        {"GET", "/denied/", NULL, GOOD, 403, PROBLEM},
        {"GET", "/health", NULL, OFF, 200, HEALTH},
        {"GET", "/health", BROWSER, NONE, 200, HEALTH},
        {"GET", "/health", NULL, BAD, 200, HEALTH},
        {"GET", "/livez", NULL, BAD, 200, PLAIN},
        {"HEAD", "/readyz", NULL, NONE, 200, PLAIN},
        {"POST", "/health", NULL, NONE, 405, PROBLEM},
        {"OPTIONS", "/livez", NULL, NONE, 204, NULL},
    };
    struct policy *policy = make_policy();
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct fixture f;
        set_up(&f, ROWS[i].method, ROWS[i].path, ROWS[i].bring);
        if (ROWS[i].accept)
            fixture_header(&f, "Accept", ROWS[i].accept);
        route_dispatch(route_match(f.request.path), policy, &f.request, &f.reply);
        const char *type = f.reply.content_type;
        ck_assert_msg(f.reply.status == ROWS[i].status, "row %zu, %s %s: %u", i, ROWS[i].method, ROWS[i].path,
                      f.reply.status);
        ck_assert_msg((!type && !ROWS[i].type) || (type && ROWS[i].type && strcmp(type, ROWS[i].type) == 0),
                      "row %zu, %s %s: %s", i, ROWS[i].method, ROWS[i].path, type);
        ck_assert_int_eq(f.request.decision != NULL, ROWS[i].status == 403);
        bool allow = ROWS[i].status == 405 || ROWS[i].status == 204;
        ck_assert_int_eq(fixture_reply_header(&f, "Allow") != NULL, allow);
        if (allow)
            ck_assert_str_eq(fixture_reply_header(&f, "Allow"), "GET, HEAD, OPTIONS");
        if (ROWS[i].type)
            ck_assert_str_eq(fixture_reply_header(&f, "Cache-Control"), "no-store");
        if (ROWS[i].status != 204 && ROWS[i].type && strstr(ROWS[i].type, "json"))
            json_decref(fixture_reply_json(&f));
        check_headers(&f);
        fixture_done(&f);
    }
    policy_free(policy);
}
END_TEST

/* A listener has one policy for all hosts: a connection that was made for one name serves any other, as
 * clients by address and proxies that keep the Host of their own client need it. */
START_TEST(test_any_host)
{
    static const struct {
        const char *server_name, *host, *target;
    } ROWS[] = {
        {"localhost", "localhost", "/api/tls"},
        {"localhost", "LocalHost.:8443", "/api/tls"},
        {"localhost", "other", "/api/tls"},
        {"localhost", "127.0.0.1:8443", "/api/tls"},
        {"localhost", "[::1]:8443", "/api/tls"},
        {"localhost", NULL, "/api/tls"},
        {"", "other", "/api/tls"},
        {"localhost", "localhost", "https://other/api/tls"},
        {"localhost", NULL, "https://other/api/tls"},
    };
    static const struct {
        enum bring bring;
        unsigned status; /* behind a rule */
    } WHO[] = {{GOOD, 200}, {BAD, 403}, {NONE, 403}, {OFF, 403}};
    struct policy *policy = make_policy();
    for (size_t i = 0; i < ARRAY_LEN(ROWS) * ARRAY_LEN(WHO); i++) {
        size_t row = i / ARRAY_LEN(WHO), who = i % ARRAY_LEN(WHO);
        for (int guarded = 0; guarded < 2; guarded++) {
            struct fixture f;
            set_up(&f, "GET", guarded ? "/api/connection" : "/api/tls", WHO[who].bring);
            fixture_header(&f, "Host", ROWS[row].host);
            f.request.target = ROWS[row].target;
            snprintf(f.tls.server_name, sizeof f.tls.server_name, "%s", ROWS[row].server_name);
            route_dispatch(route_match(f.request.path), policy, &f.request, &f.reply);
            ck_assert_msg(f.reply.status == (guarded ? WHO[who].status : 200), "row %zu, Host %s, %zu: %u",
                          row, ROWS[row].host, who, f.reply.status);
            check_headers(&f);
            fixture_done(&f);
        }
    }
    policy_free(policy);
}
END_TEST

/* `preflight` opens exactly one door. */
START_TEST(test_preflight)
{
    static const struct {
        bool preflight;
        const char *method, *origin, *wanted;
        unsigned status;
    } ROWS[] = {
        {true, "OPTIONS", "https://a.example", "GET", 204},
        {false, "OPTIONS", "https://a.example", "GET", 403},
        {true, "OPTIONS", NULL, "GET", 403},
        {true, "OPTIONS", "https://a.example", NULL, 403},
        {true, "GET", "https://a.example", "GET", 403},
        {true, "HEAD", "https://a.example", "GET", 403},
        {true, "POST", "https://a.example", "GET", 403},
    };
    struct policy *policy = make_policy();
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct fixture f;
        set_up(&f, ROWS[i].method, "/verified/x", NONE);
        f.conf.preflight = ROWS[i].preflight;
        fixture_header(&f, "Origin", ROWS[i].origin);
        fixture_header(&f, "Access-Control-Request-Method", ROWS[i].wanted);
        route_dispatch(route_match(f.request.path), policy, &f.request, &f.reply);
        ck_assert_msg(f.reply.status == ROWS[i].status, "row %zu: %u", i, f.reply.status);
        ck_assert(ROWS[i].status == 403 || f.reply.body.len == 0);
        fixture_done(&f);
    }
    policy_free(policy);
}
END_TEST

/* A listener that does not take this client any more: everything but health is closed. */
START_TEST(test_refused)
{
    static const struct {
        const char *method, *path;
        enum bring bring;
        unsigned status;
        const char *code;
    } ROWS[] = {
        {"GET", "/api/peer", BAD, 403, "expired"}, {"GET", "/api/peer", NONE, 403, "no_certificate"},
        {"GET", "/nothing", BAD, 403, "expired"},  {"OPTIONS", "*", BAD, 403, "expired"},
        {"OPTIONS", "/", BAD, 403, "expired"},     {"GET", "/livez", BAD, 200, NULL},
        {"GET", "/readyz", BAD, 200, NULL},        {"GET", "/health", NONE, 200, NULL},
    };
    struct policy *policy = make_policy();
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct fixture f;
        set_up(&f, ROWS[i].method, ROWS[i].path, ROWS[i].bring);
        f.request.refused = true;
        f.conf.preflight = true;
        fixture_header(&f, "Origin", "https://a.example");
        fixture_header(&f, "Access-Control-Request-Method", "GET");
        route_dispatch(route_match(f.request.path), policy, &f.request, &f.reply);
        ck_assert_msg(f.reply.status == ROWS[i].status, "row %zu: %u", i, f.reply.status);
        if (ROWS[i].code) {
            json_t *json = fixture_reply_json(&f);
            ck_assert_str_eq(fixture_at(json, "errors.0.code"), ROWS[i].code);
            json_decref(json);
        }
        fixture_done(&f);
    }
    policy_free(policy);
}
END_TEST

static unsigned n_asked; /* of the callbacks that cost something */

static void count_look(const struct request *request, struct health *out)
{
    const struct fixture *f = request->server;
    n_asked++;
    *out = f->health;
}
static int count_metrics(const struct request *request, struct buf *out)
{
    (void)request;
    n_asked++;
    buf_puts(out, "a_metric 1\n");
    return 0;
}
static struct rejection *count_rejections(const struct request *request, uint64_t before, size_t most,
                                          size_t *n)
{
    (void)request, (void)before, (void)most;
    n_asked++;
    *n = 0;
    return NULL;
}

/* Nothing is computed for a request that is refused. */
START_TEST(test_asked_after_the_policy)
{
    static const struct {
        const char *method, *path;
        bool refused;
        unsigned status, asked;
    } ROWS[] = {
        {"GET", "/metrics", false, 200, 1},        {"HEAD", "/metrics", false, 200, 1},
        {"GET", "/metrics", true, 403, 0},         {"POST", "/metrics", false, 405, 0},
        {"OPTIONS", "/metrics", false, 204, 0},    {"BREW", "/metrics", false, 501, 0},
        {"GET", "/api/rejections", false, 404, 0}, /* no rule guards it */
        {"GET", "/api/rejections", true, 403, 0},  {"GET", "/health", true, 200, 1},
        {"POST", "/health", false, 405, 0},        {"GET", "/readyz", true, 200, 1},
        {"POST", "/readyz", true, 405, 0},         {"GET", "/livez", true, 200, 0},
    };
    struct diag diag = {0};
    struct policy *policy;
    ck_assert_int_eq(policy_new(NULL, 0, &diag, &policy), 0);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct fixture f;
        set_up(&f, ROWS[i].method, ROWS[i].path, GOOD);
        f.request.refused = ROWS[i].refused;
        f.request.look = count_look;
        f.request.metrics = count_metrics;
        f.request.rejections = count_rejections;
        n_asked = 0;
        route_dispatch(route_match(f.request.path), policy, &f.request, &f.reply);
        ck_assert_msg(f.reply.status == ROWS[i].status && n_asked == ROWS[i].asked,
                      "row %zu: %u, asked %u times", i, f.reply.status, n_asked);
        fixture_done(&f);
    }
    policy_free(policy);
}
END_TEST

START_TEST(test_health_routes)
{
    struct policy *policy = make_policy();
    struct fixture f;
    static const char *const PATHS[] = {"/health", "/livez", "/readyz"};
    static const unsigned STATUS[] = {503, 200, 503};
    for (size_t i = 0; i < ARRAY_LEN(PATHS); i++) {
        set_up(&f, "GET", PATHS[i], GOOD);
        f.health.draining = true;
        route_dispatch(route_match(f.request.path), policy, &f.request, &f.reply);
        ck_assert_msg(f.reply.status == STATUS[i], "%s: %u", PATHS[i], f.reply.status);
        ck_assert_ptr_null(strstr(f.reply.body.data, "alice"));
        ck_assert_str_eq(fixture_reply_header(&f, "Cache-Control"), "no-store");
        fixture_done(&f);
    }
    set_up(&f, "GET", "/livez", NONE);
    route_dispatch(route_match(f.request.path), policy, &f.request, &f.reply);
    ck_assert_str_eq(f.reply.body.data, "ok\n");
    fixture_done(&f);

    /* A handler that fails becomes a 500. */
    set_up(&f, "GET", "/health", NONE);
    f.request.look = NULL;
    route_dispatch(route_match(f.request.path), policy, &f.request, &f.reply);
    ck_assert_uint_eq(f.reply.status, 500);
    check_headers(&f);
    fixture_done(&f);

    /* hsts = off */
    set_up(&f, "GET", "/livez", NONE);
    f.conf.hsts = false;
    route_dispatch(route_match(f.request.path), policy, &f.request, &f.reply);
    ck_assert_ptr_null(fixture_reply_header(&f, "Strict-Transport-Security"));
    fixture_done(&f);
    policy_free(policy);
}
END_TEST

START_TEST(test_route_table)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const struct route *route = &ROUTES[i];
        ck_assert(route->path[0] == '/' && route->handler && route->type && route->help);
        ck_assert_ptr_eq(route_match(route->path), route);
        ck_assert_int_eq(route->exempt, strcmp(route->path, "/health") == 0 ||
                                            strcmp(route->path, "/livez") == 0 ||
                                            strcmp(route->path, "/readyz") == 0);
    }
    ck_assert_str_eq(ROUTES[ROUTE_COUNT - 1].path, "/");
    ck_assert_ptr_eq(route_match("/nothing"), &ROUTES[ROUTE_COUNT - 1]);
    ck_assert_ptr_eq(route_match("/health/"), &ROUTES[ROUTE_COUNT - 1]);
    ck_assert_ptr_eq(route_match(""), &ROUTES[ROUTE_COUNT - 1]);

    struct policy *policy = make_policy();
    struct fixture f;
    set_up(&f, "GET", "/api", NONE);
    route_dispatch(route_match(f.request.path), policy, &f.request, &f.reply);
    json_t *json = fixture_reply_json(&f);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "routes")), ROUTE_COUNT);
    ck_assert_str_eq(fixture_at(json, "routes.1.path"), "/api/tls");
    json_decref(json);
    fixture_done(&f);
    policy_free(policy);
}
END_TEST

/* Which of a path's possible owners has it. */
START_TEST(test_route_for)
{
    struct conf_location files = {.prefix = (char *)(uintptr_t) "/"};
    struct conf_location proxied = {.prefix = files.prefix, .backend = {.text = files.prefix}};
    struct conf_location redirected = {.prefix = files.prefix, .redirect = {.text = files.prefix}};
    static const char *const PATHS[] = {"/health",   "/livez",   "/readyz", "/api",
                                        "/api/peer", "/metrics", "/x"};
    static const struct {
        enum routes routes;
        int location; /* files, proxied, redirected, none */
        unsigned ours;
    } ROWS[] = {
        {ROUTES_AUTO, 0, 6},   {ROUTES_AUTO, 1, 3}, {ROUTES_AUTO, 2, 3},   {ROUTES_AUTO, 3, 6},
        {ROUTES_OFF, 0, 0},    {ROUTES_OFF, 1, 0},  {ROUTES_HEALTH, 0, 3}, {ROUTES_HEALTH, 1, 3},
        {ROUTES_HEALTH, 3, 3}, {ROUTES_ALL, 1, 6},  {ROUTES_ALL, 2, 6},    {ROUTES_ALL, 3, 6},
    };
    const struct conf_location *const locations[] = {&files, &proxied, &redirected, NULL};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const struct conf_location *location = locations[ROWS[i].location];
        struct diag diag = {0};
        struct policy *policy = NULL;
        ck_assert_int_eq(policy_new(location, location != NULL, &diag, &policy), 0);
        for (size_t j = 0; j < ARRAY_LEN(PATHS); j++) {
            const struct route *route = route_for(policy, ROWS[i].routes, "", PATHS[j]);
            ck_assert_msg((route != &ROUTES[ROUTE_COUNT - 1]) == (j < ROWS[i].ours), "row %zu: %s", i,
                          PATHS[j]);
        }
        policy_free(policy);
    }
}
END_TEST

static struct conf *proxied_conf(struct diag *diag)
{
    struct conf *conf = NULL;
    ck_assert_int_eq(
        conf_parse("listen a { address = \"[::]:1\" certificate = c client_auth = request client_ca = r }\n"
                   "backend app { server = { \"http://127.0.0.1:9000\" } }\n"
                   "location \"/\" { client_cert = none backend = app }\n"
                   "location \"/in/\" { client_cert = verified backend = app }\n"
                   "location \"/files/\" { client_cert = none }\n"
                   "location \"/old/\" { client_cert = none redirect = \"https://new.example${uri}\" }\n"
                   "location \"/who/\" { client_cert = verified redirect = \"/by/${subject.cn}\" }\n"
                   "location \"a.example/files/\" { client_cert = none backend = app }\n",
                   "t.conf", "/etc", diag, &conf),
        0);
    return conf;
}

/* What goes to a backend, and what becomes here of what does not. */
START_TEST(test_upstream)
{
    static const struct {
        const char *method, *host, *path, *query;
        enum bring peer;
        bool refused, preflight;
        const char *to; /* the location whose backend gets it, NULL: it stays here */
        unsigned status;
        const char *location; /* of a redirect */
    } ROWS[] = {
        {"GET", "", "/", NULL, NONE, false, false, "/", 0, NULL},
        {"GET", "", "/api", NULL, NONE, false, false, "/", 0, NULL},
        {"DELETE", "", "/x", NULL, NONE, false, false, "/", 0, NULL},
        {"BREW", "", "/x", NULL, NONE, false, false, "/", 0, NULL},
        {"TRACE", "", "/x", NULL, NONE, false, false, "/", 0, NULL},
        {"GET", "", "/health", NULL, NONE, false, false, NULL, 200, NULL},
        {"GET", "", "/", NULL, NONE, true, false, NULL, 403, NULL},
        {"GET", "", "/in/x", NULL, GOOD, false, false, "/in/", 0, NULL},
        {"GET", "", "/in/x", NULL, NONE, false, false, NULL, 403, NULL},
        {"POST", "", "/in/x", NULL, NONE, false, false, NULL, 403, NULL},
        {"OPTIONS", "", "/in/x", NULL, NONE, false, false, NULL, 403, NULL},
        {"OPTIONS", "", "/in/x", NULL, NONE, false, true, "/in/", 0, NULL},
        {"GET", "", "/in/x", NULL, NONE, false, true, NULL, 403, NULL},
        {"OPTIONS", "", "*", NULL, NONE, false, false, NULL, 204, NULL},
        {"GET", "", "/files/x", NULL, NONE, false, false, NULL, 404, NULL},
        {"GET", "a.example", "/files/x", NULL, NONE, false, false, "a.example/files/", 0, NULL},
        {"GET", "b.example", "/files/x", NULL, NONE, false, false, NULL, 404, NULL},
        {"GET", "", "/old/a b;c", "d=e", NONE, false, false, NULL, 308,
         "https://new.example/old/a%20b%3Bc?d=e"},
        {"POST", "", "/old", NULL, NONE, false, false, NULL, 308, "https://new.example/old"},
        {"GET", "", "/who/", NULL, NONE, false, false, NULL, 403, NULL},
        {"GET", "", "/who/", NULL, GOOD, false, false, NULL, 308, "/by/"},
    };
    struct diag diag = {0};
    struct conf *conf = proxied_conf(&diag);
    struct policy *policy = NULL;
    ck_assert_int_eq(policy_new(conf->location, conf->n_locations, &diag, &policy), 0);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct fixture f;
        set_up(&f, ROWS[i].method, ROWS[i].path, ROWS[i].peer);
        f.request.host = f.request.authority = ROWS[i].host;
        f.request.query = ROWS[i].query;
        f.request.refused = ROWS[i].refused;
        f.conf.preflight = ROWS[i].preflight;
        if (ROWS[i].preflight) {
            fixture_header(&f, "Origin", "https://o.example");
            fixture_header(&f, "Access-Control-Request-Method", "POST");
        }
        const struct route *route = route_for(policy, ROUTES_AUTO, ROWS[i].host, ROWS[i].path);
        const struct conf_location *to = route_upstream(route, policy, &f.request);
        ck_assert_msg(!to == !ROWS[i].to && (!to || strcmp(to->prefix, ROWS[i].to) == 0), "row %zu: %s", i,
                      to ? to->prefix : "here");
        route_dispatch(route, policy, &f.request, &f.reply);
        /* What a backend has comes here when it was refused as its head came. */
        unsigned late = strcmp(ROWS[i].method, "OPTIONS") == 0 ? 204
                        : strcmp(ROWS[i].method, "TRACE") == 0 ? 405
                                                               : 403;
        ck_assert_msg(f.reply.status == (to ? late : ROWS[i].status), "row %zu: %u", i, f.reply.status);
        const char *location = fixture_reply_header(&f, "Location");
        ck_assert_msg(!location == !ROWS[i].location &&
                          (!location || strcmp(location, ROWS[i].location) == 0),
                      "row %zu: %s", i, location ? location : "none");
        fixture_done(&f);
    }
    policy_free(policy);
    conf_free(conf);
}
END_TEST

Suite *suite_route(void)
{
    Suite *suite = suite_create("route");
    TCase *tcase = tcase_create("route");
    tcase_add_test(tcase, test_table);
    tcase_add_test(tcase, test_any_host);
    tcase_add_test(tcase, test_preflight);
    tcase_add_test(tcase, test_refused);
    tcase_add_test(tcase, test_asked_after_the_policy);
    tcase_add_test(tcase, test_health_routes);
    tcase_add_test(tcase, test_route_table);
    tcase_add_test(tcase, test_route_for);
    tcase_add_test(tcase, test_upstream);
    suite_add_tcase(suite, tcase);
    return suite;
}
