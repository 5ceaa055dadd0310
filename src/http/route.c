#include "http/route.h"

#include <stdio.h>
#include <string.h>

#include "http/files.h"
#include "http/forward.h"
#include "http/guard.h"
#include "http/handlers.h"
#include "http/problem.h"
#include "http/redirect.h"
#include "http/security.h"

const struct route ROUTES[] = {
    {.path = "/api",
     .handler = handle_api,
     .keep = KEEP_SECOND,
     .type = "application/json",
     .help = "the routes"},
    {.path = "/api/tls",
     .handler = handle_tls,
     .keep = KEEP_CONNECTION,
     .type = "application/json",
     .help = "what was negotiated on this connection, and what the client offered"},
    {.path = "/api/peer",
     .handler = handle_peer,
     .type = "application/json",
     .help = "the client certificate and every reason why it is or is not acceptable"},
    {.path = "/api/verify",
     .handler = handle_verify,
     .body = VERIFY_BODY,
     .exists = verify_exists,
     .missing = "This listener judges no certificates that are sent to it: verify_route is off, or "
                "client_auth is.",
     .type = "application/json",
     .help = "POST a certificate chain (PEM, DER or PKCS#7, up to 32 KiB, never a private key): the verdict "
             "of /api/peer on it, as if it had been shown in a handshake"},
    {.path = "/api/handshake",
     .handler = handle_handshake,
     .type = "application/json",
     .help = "this connection's TLS handshake, message by message, and how the other mode differs"},
    {.path = "/api/connection",
     .handler = handle_connection,
     .shows = {"/api/tls", "/api/peer", "/api/handshake"},
     .type = "application/json",
     .help =
         "all of these about this connection, the server's certificates, and the listeners beside it; "
         "?full: only its number where its session was resumed, ?id=NUMBER: where it is another; ?compact: "
         "without white space"},
    {.path = "/api/rejections",
     .handler = handle_rejections,
     .needs_rule = true,
     .type = "application/json",
     .help =
         "the last refusals, who they were and why, newest first, 100 on a page (?limit=NUMBER, up to 1000); "
         "next is the address of the page with older ones"},
    {.path = "/health",
     .handler = handle_health,
     .exempt = true,
     .type = "application/health+json",
     .help = "the state of the server: certificates, CRLs, reloads; 503 when it fails"},
    {.path = "/metrics",
     .handler = handle_metrics,
     .type = "text/plain",
     .help = "counters and durations, for Prometheus"},
    {.path = "/livez",
     .handler = handle_livez,
     .keep = KEEP_SECOND,
     .exempt = true,
     .type = "text/plain",
     .help = "ok while the process answers"},
    {.path = "/readyz",
     .handler = handle_readyz,
     .exempt = true,
     .type = "text/plain",
     .help = "ok, or 503 while the server drains"},
    {.path = "/",
     .handler = files_handler,
     .keep = KEEP_SECOND,
     .type = "files",
     .help = "files under the document root"},
};
const size_t ROUTE_COUNT = ARRAY_LEN(ROUTES);
_Static_assert(ARRAY_LEN(ROUTES) <= ROUTE_MOST, "raise ROUTE_MOST");

#define FILES_ROUTE (&ROUTES[ARRAY_LEN(ROUTES) - 1])

const char *route_methods(const struct route *route)
{
    return route->body > 0 ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
}

size_t route_body(const struct route *route, enum http_method method)
{
    return method == METHOD_POST ? route->body : 0;
}

enum http_method route_method(const char *text)
{
    static const struct {
        const char *text;
        enum http_method method;
    } METHODS[] = {
        {"GET", METHOD_GET},       {"HEAD", METHOD_HEAD},      {"OPTIONS", METHOD_OPTIONS},
        {"POST", METHOD_POST},     {"PUT", METHOD_OTHER},      {"DELETE", METHOD_OTHER},
        {"CONNECT", METHOD_OTHER}, {"TRACE", METHOD_OTHER},    {"PATCH", METHOD_OTHER},
        {"QUERY", METHOD_OTHER},   {"PROPFIND", METHOD_OTHER}, {"PROPPATCH", METHOD_OTHER},
        {"MKCOL", METHOD_OTHER},   {"COPY", METHOD_OTHER},     {"MOVE", METHOD_OTHER},
        {"LOCK", METHOD_OTHER},    {"UNLOCK", METHOD_OTHER},   {"REPORT", METHOD_OTHER},
        {"SEARCH", METHOD_OTHER},
    };
    for (size_t i = 0; i < ARRAY_LEN(METHODS); i++) {
        if (strcmp(text, METHODS[i].text) == 0)
            return METHODS[i].method;
    }
    return METHOD_UNKNOWN;
}

const struct route *route_match(const char *path)
{
    for (size_t i = 0; i + 1 < ROUTE_COUNT; i++) {
        const char *own = ROUTES[i].path;
        /* Each request comes here, and most rows differ from it in the first letter. */
        if (path[0] == '/' && path[1] == own[1] && strcmp(path, own) == 0)
            return &ROUTES[i];
    }
    return FILES_ROUTE;
}

static bool is_proxied(const struct conf_location *location)
{
    return location && (location->backend.text || location->redirect.text);
}

const struct route *route_for(const struct policy *policy, enum routes routes, const char *host,
                              const char *path)
{
    const struct route *route = route_match(path);
    bool ours = true;
    switch (routes) {
    case ROUTES_OFF:
        ours = false;
        break;
    case ROUTES_HEALTH:
        ours = route->exempt;
        break;
    case ROUTES_ALL:
        break;
    case ROUTES_AUTO:
        ours = route->exempt || route == FILES_ROUTE || !is_proxied(policy_location(policy, host, path));
        break;
    }
    return ours ? route : FILES_ROUTE;
}

/* A CORS preflight: browsers send it without the certificate, whatever the page asked for. */
static bool is_preflight(const struct request *request)
{
    return request->method == METHOD_OPTIONS && request->header(request, "Origin") &&
           request->header(request, "Access-Control-Request-Method");
}

static void options_reply(const struct route *route, struct reply *reply)
{
    reply->status = 204;
    (void)reply_header(reply, "Allow", "%s", route_methods(route));
}

static void refuse(struct request *request, const struct policy_decision *decision, struct reply *reply)
{
    request->refusal = *decision;
    request->decision = &request->refusal;
    problem_reply(request, 403, NULL, reply);
}

/* The listener itself does not take this client any more. */
static struct policy_decision listener_decision(const struct request *request)
{
    bool presented = request->peer && request->peer->verify != VERIFY_NONE;
    return (struct policy_decision){.outcome = presented ? POLICY_NOT_VERIFIED : POLICY_NO_CERTIFICATE};
}

static bool has_rules(const struct conf_location *location)
{
    return location && (location->client_cert == CLIENT_CERT_VERIFIED || location->allow.n > 0);
}

/* Asked for without a certificate, whatever the location says. */
bool route_is_open(const struct request *request)
{
    /* "*" is the server as a whole: no location holds it. */
    return request->method == METHOD_OPTIONS &&
           (strcmp(request->path, "*") == 0 || (request->conf->preflight && is_preflight(request)));
}

const struct conf_location *route_upstream(const struct route *route, const struct policy *policy,
                                           const struct request *request)
{
    if (route != FILES_ROUTE || request->refused || strcmp(request->path, "*") == 0)
        return NULL;
    const struct conf_location *location = policy_location(policy, request->host, request->path);
    if (!location || !location->to)
        return NULL;
    if (route_is_open(request))
        return location;
    return policy_decide_in(policy, location, request->peer).outcome == POLICY_ALLOW ? location : NULL;
}

/* What a backend has and nobody handed on, by forward_status: TRACE, CONNECT, OPTIONS that goes no further.
 * Anything else was refused when its head came, and is let in now that its body is here: that is too late.
 */
static void not_forwarded_reply(const struct request *request, struct reply *reply)
{
    static const char PASSED_ON[] = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    const bool options = request->method == METHOD_OPTIONS;
    const bool never =
        strcmp(request->method_text, "TRACE") == 0 || strcmp(request->method_text, "CONNECT") == 0;
    if (options || never)
        (void)reply_header(reply, "Allow", "%s", PASSED_ON);
    if (options)
        reply->status = 204;
    else if (never)
        problem_reply(request, 405, NULL, reply);
    else
        problem_reply(request, 403, "The client was not let in when the request began.", reply);
}

/* True when the path names nothing: below /api/ there are no files, and some routes exist only behind rules.
 */
static bool is_missing(const struct route *route, const struct request *request,
                       const struct conf_location *location)
{
    if (route == FILES_ROUTE)
        return strncmp(request->path, "/api/", 5) == 0;
    return (route->needs_rule && !has_rules(location)) || (route->exists && !route->exists(request));
}

/* `path` is what `prefix`, with or without its last slash, covers; `n` without it. */
static bool covers(const char *prefix, size_t n, const char *path)
{
    return strncmp(path, prefix, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static size_t prefix_len(const char *prefix)
{
    const size_t n = strlen(prefix);
    return n - (prefix[n - 1] == '/');
}

static void lint_exempt(const struct conf_location *l, struct diag *diag)
{
    const char *prefix = conf_location_path(l);
    const size_t n = prefix_len(prefix);
    for (size_t j = 0; j < ROUTE_COUNT; j++) {
        const char *path = ROUTES[j].path;
        if (!ROUTES[j].exempt || strncmp(path, prefix, n) != 0 || path[n] != '\0')
            continue;
        diag_warning(
            diag, l->src,
            "location \"%s\" does not hold for %s itself, which answers everybody and names nobody, so "
            "that health checks need no certificate: it covers files below it only; to close %s, leave "
            "the listener to those who may ask",
            l->prefix, path, path);
    }
}

/* A part of what a backend serves, taken from it without a word of what is there instead. */
static void lint_empty(const struct conf *conf, const struct conf_location *l, struct diag *diag)
{
    const char *prefix = conf_location_path(l);
    const struct conf_location *around = NULL;
    bool serves = is_proxied(l) || conf->document_root.text;
    for (size_t j = 0; !serves && j + 1 < ROUTE_COUNT; j++)
        serves = covers(prefix, prefix_len(prefix), ROUTES[j].path);
    for (size_t i = 0; !serves && !around && i < conf->n_locations; i++) {
        const struct conf_location *other = &conf->location[i];
        const char *path = conf_location_path(other);
        const size_t host = (size_t)(path - other->prefix);
        const bool same_host = host == 0 || (host == (size_t)(prefix - l->prefix) &&
                                             strncmp(other->prefix, l->prefix, host) == 0);
        if (other != l && other->backend.text && same_host && covers(path, prefix_len(path), prefix))
            around = other;
    }
    if (around)
        diag_warning(diag, l->src,
                     "location \"%s\" serves nothing, each request to it is answered 404: it has no backend, "
                     "and there is no document_root; a location takes nothing from another such as \"%s\": "
                     "write backend = \"%s\" in it too, and identity, set_header and upgrade where they are "
                     "wanted",
                     l->prefix, around->prefix, around->backend.text);
}

void route_lint(const struct conf *conf, struct diag *diag)
{
    for (size_t i = 0; i < conf->n_locations; i++) {
        lint_exempt(&conf->location[i], diag);
        lint_empty(conf, &conf->location[i], diag);
    }
}

/* Listeners whose routes are decided for the operator: their names, the first few, and how many. */
static size_t note_listeners(const struct conf *conf, struct buf *names, const struct conf_listener **first)
{
    enum { NAMED = 4 };
    size_t n = 0;
    for (size_t i = 0; i < conf->n_listeners; i++) {
        const struct conf_listener *l = &conf->listener[i];
        if (l->routes != ROUTES_AUTO || !l->tls || l->mode != LISTENER_HTTP)
            continue;
        if (n++ == 0)
            *first = l;
        if (n <= NAMED)
            buf_printf(names, "%s\"%s\"", n > 1 ? ", " : "", l->name);
    }
    if (n > NAMED)
        buf_printf(names, " and %zu more", n - NAMED);
    return n;
}

/* The hosts that have a location with a backend or redirect, the first few. */
static size_t note_hosts(const struct conf *conf, struct buf *names)
{
    enum { NAMED = 4 };
    size_t n = 0;
    for (size_t i = 0; i < conf->n_locations; i++) {
        const struct conf_location *l = &conf->location[i];
        const int host = (int)(conf_location_path(l) - l->prefix);
        if (!is_proxied(l) || host == 0 || strcmp(l->prefix + host, "/") != 0)
            continue;
        if (n++ < NAMED)
            buf_printf(names, "%s%.*s", n > 1 ? ", " : "", host, l->prefix);
    }
    if (n > NAMED)
        buf_printf(names, " and %zu more", n - NAMED);
    return n;
}

const struct conf_listener *route_note(const struct conf *conf, struct buf *out)
{
    const struct conf_location *root = NULL;
    const struct conf_listener *first = NULL;
    struct buf names = {0}, hosts = {0};
    for (size_t i = 0; i < conf->n_locations && !root; i++) {
        if (strcmp(conf->location[i].prefix, "/") == 0)
            root = &conf->location[i];
    }
    const bool taken = root && is_proxied(root), named = !root && note_hosts(conf, &hosts) > 0;
    if (taken && note_listeners(conf, &names, &first) > 0)
        buf_printf(out,
                   "listen %.*s: /health, /livez and /readyz answer here, and the other routes only where "
                   "they have a location of their own, because location \"/\" has a %s; write routes = off, "
                   "health or all to say otherwise",
                   (int)names.len, names.data, root->backend.text ? "backend" : "redirect");
    else if (named && note_listeners(conf, &names, &first) > 0)
        buf_printf(
            out,
            "listen %.*s: under every other name than %.*s the server's own routes answer, /metrics and "
            "/api among them (mtlsd routes lists all); write routes = health or off, or routes = all "
            "when that is meant",
            (int)names.len, names.data, (int)hosts.len, hosts.data);
    if (buf_failed(&names) || buf_failed(&hosts) || buf_failed(out))
        first = NULL;
    buf_done(&names);
    buf_done(&hosts);
    return first;
}

/* Nothing is given away by it: that the route is one of this server's, and closed, is in the manual. */
static const char *missing_words(const struct route *route)
{
    return route->needs_rule
               ? "This address exists only where a location of the configuration guards it, with "
                 "client_cert = verified or with allow rules."
               : route->missing;
}

bool route_keeps(const struct route *route, const struct request *request)
{
    static const char *const CONDITIONS[] = {
        "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"};
    if (route->keep == KEEP_NOT || (request->method != METHOD_GET && request->method != METHOD_HEAD))
        return false;
    for (size_t i = 0; route == FILES_ROUTE && i < ARRAY_LEN(CONDITIONS); i++) {
        if (request->header(request, CONDITIONS[i]))
            return false;
    }
    return true;
}

static void run(const struct route *route, struct request *request, struct reply *reply)
{
    int rc = route->handler(request, reply);
    if (request->guard && request->guard->decision.outcome != POLICY_ALLOW) {
        refuse(request, &request->guard->decision, reply);
        return;
    }
    if (rc < 0) {
        char *trouble = reply->trouble;
        reply->trouble = NULL;
        reply_done(reply);
        reply->trouble = trouble;
        /* What is short now may be back in a moment. */
        bool short_of = rc == ERR_NOMEM && reply_header(reply, "Retry-After", "1") == 0;
        problem_reply(request, short_of ? 503 : 500, NULL, reply);
    } else if (reply->status >= 400 && reply->fd < 0 && !reply->content_type) {
        problem_reply(request, reply->status, NULL, reply); /* the handler left the words to us */
    }
}

static bool takes(const struct route *route, enum http_method method)
{
    return route->body > 0 ? method == METHOD_POST : method == METHOD_GET || method == METHOD_HEAD;
}

static void not_taken_reply(const struct route *route, const struct request *request, struct reply *reply)
{
    (void)reply_header(reply, "Allow", "%s", route_methods(route));
    problem_reply(request, 405, NULL, reply);
}

static void too_large_reply(const struct route *route, const struct request *request, struct reply *reply)
{
    char text[100];
    snprintf(text, sizeof text, "The body is larger than the %zu bytes that this address takes.",
             route->body);
    problem_reply(request, 413, text, reply);
}

/* Everything but the headers that all replies have. */
static void answer(const struct route *route, const struct policy *policy, struct guard *guard,
                   struct request *request, struct reply *reply)
{
    const struct conf_location *location = NULL;

    if (!route->exempt) {
        if (request->refused) {
            struct policy_decision decision = listener_decision(request);
            refuse(request, &decision, reply);
            return;
        }
        if (route_is_open(request)) {
            options_reply(route, reply);
            return;
        }
        guard_init(guard, policy, request);
        request->guard = guard;
        location = guard->decision.location; /* the path's own */
        for (size_t i = 0; i < ARRAY_LEN(route->shows) && route->shows[i]; i++)
            (void)guard_also(request, route->shows[i]);
        if (guard->decision.outcome != POLICY_ALLOW) {
            refuse(request, &guard->decision, reply);
            return;
        }
    }
    if (route == FILES_ROUTE && is_proxied(location)) {
        if (location->redirect.text)
            redirect_reply(request, &location->redirect_to, reply);
        else
            not_forwarded_reply(request, reply);
        return;
    }
    if (is_missing(route, request, location)) {
        problem_reply(request, 404, missing_words(route), reply);
        return;
    }
    if (request->method == METHOD_OPTIONS)
        options_reply(route, reply);
    else if (request->method == METHOD_UNKNOWN)
        problem_reply(request, 501, "The server does not know this method.", reply);
    else if (!takes(route, request->method))
        not_taken_reply(route, request, reply);
    else if (request->body_over)
        too_large_reply(route, request, reply);
    else if (!request->kept || !request->kept(request, route, reply))
        run(route, request, reply);
}

void route_dispatch(const struct route *route, const struct policy *policy, struct request *request,
                    struct reply *reply)
{
    struct guard guard = {0};
    answer(route, policy, &guard, request, reply);
    request->guard = NULL;
    reply->unkept = guard.mixed;
    if (reply->ready)
        return;
    if (route != FILES_ROUTE && !security_has_header(reply, "Cache-Control"))
        (void)reply_header(reply, "Cache-Control", "no-store");
    security_headers(request->conf, reply);
}
