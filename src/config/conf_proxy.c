#include "config/conf_proxy.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/text.h"
#include "config/conf_backend.h"
#include "config/conf_diff.h"
#include "config/conf_tcp.h"
#include "config/conf_value.h"
#include "config/option.h"

static const char TOKEN[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* Fields that say how a message is framed, or that are made anew for each connection (RFC 9110
 * section 7.6.1): none of them is a location's to say. */
static const struct {
    const char *name, *remedy;
} NOT_SET[] = {
    {"Connection", "it is made for each connection; leave it out"},
    {"Content-Length", "it says how long the body is; leave it out"},
    {"Transfer-Encoding", "it says how the body is sent; leave it out"},
    {"TE", "it is made for each connection; leave it out"},
    {"Trailer", "trailers of requests are not passed on; leave it out"},
    {"Keep-Alive", "see keepalive in the backend block"},
    {"Proxy-Connection", "it is made for each connection; leave it out"},
    {"Upgrade", "write upgrade = { \"websocket\" }"},
    {"HTTP2-Settings", "HTTP/1.1 is spoken to backends; leave it out"},
    {"Expect", "it is the client's to ask; leave it out"},
    {"Via", "it is made for each request; leave it out"},
};

static int check_name(const char *name, const struct conf_location *location, struct err *err)
{
    if (!*name || strspn(name, TOKEN) != strlen(name))
        return err_set(err, ERR_SYNTAX,
                       "set_header: '%.100s' is no name of a field: write \"NAME: VALUE\", as in \"X-User: "
                       "${subject.cn}\"",
                       name);
    for (size_t i = 0; i < ARRAY_LEN(NOT_SET); i++) {
        if (strcasecmp(name, NOT_SET[i].name) == 0)
            return err_set(err, ERR_SYNTAX, "set_header cannot set %s: %s", NOT_SET[i].name,
                           NOT_SET[i].remedy);
    }
    for (size_t i = 0; i < location->n_fields; i++) {
        if (strcasecmp(name, location->field[i].name) == 0)
            return err_set(err, ERR_EXISTS, "set_header sets %.100s twice: leave one of them out", name);
    }
    return 0;
}

int conf_proxy_field(struct conf_location *location, const char *text, struct src src, struct err *err)
{
    const char *colon = strchr(text, ':');
    char given[CONF_VALUE_SHOWN];
    if (!colon)
        return err_set(err, ERR_SYNTAX, "set_header = '%s' has no colon: write \"NAME: VALUE\"",
                       conf_value_shown(text, given));
    struct conf_field field = {.name = strndup(text, (size_t)(colon - text)), .src = src};
    const char *value = colon + 1 + strspn(colon + 1, " ");
    size_t len = strlen(value);
    while (len > 0 && value[len - 1] == ' ')
        len--;
    char *trimmed = strndup(value, len);
    struct err why = {0};
    int rc = field.name && trimmed ? check_name(field.name, location, err) : err_nomem(err);
    const char *meant = rc == 0 ? variable_of_others(trimmed) : NULL;
    if (meant)
        rc = err_set(
            err, ERR_SYNTAX,
            "set_header, %.100s: that is another server's way to write a variable, and would be sent as "
            "it stands: write ${%s}; `mtlsd variables` lists all",
            field.name, meant);
    if (rc == 0 && (rc = template_init(&field.value, trimmed, &why)) != 0)
        rc = err_set(err, rc, "set_header, %.100s: %s", field.name, why.text);
    struct conf_field *larger =
        rc == 0 ? realloc(location->field, (location->n_fields + 1) * sizeof *larger) : NULL;
    if (rc == 0 && !larger)
        rc = err_nomem(err);
    free(trimmed);
    if (rc != 0) {
        free(field.name);
        template_done(&field.value);
        return rc;
    }
    location->field = larger;
    location->field[location->n_fields++] = field;
    return 0;
}

int conf_proxy_redirect(struct template *redirect_to, const char *text, struct err *err)
{
    char given[CONF_VALUE_SHOWN];
    conf_value_shown(text, given);
    const bool url = strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
    if (!url && (text[0] != '/' || text[1] == '/'))
        return err_set(err, ERR_SYNTAX,
                       "redirect = '%s' is neither a URL nor a path: write redirect = \"https://HOST${uri}\"",
                       given);
    if (strpbrk(text, " \"<>\\^`|"))
        return err_set(err, ERR_SYNTAX,
                       "redirect = '%s' holds a character that no URL has: write %%XX in its place", given);
    struct template made = {0};
    struct err why = {0};
    int rc = template_init(&made, text, &why);
    if (rc != 0)
        return err_set(err, rc, "redirect: %s", why.text);
    for (size_t i = 0; i < made.n; i++) {
        if (made.part[i].variable != VARIABLE_CERTIFICATE)
            continue;
        template_done(&made);
        return err_set(
            err, ERR_SYNTAX,
            "redirect cannot hold ${certificate}: URLs end up in logs, and have no room for it; write "
            "${fingerprint}");
    }
    /* "https://${uri}" would have clients choose where it leads. */
    const char *host = url ? strstr(made.text, "://") + 3 : "x";
    const bool chosen = url && made.part[0].len == (size_t)(host - made.text) && made.n > 1;
    const enum variable first = chosen ? made.part[1].variable : VARIABLE_COUNT;
    if (chosen ? first != VARIABLE_HOST && first != VARIABLE_HOSTNAME
               : !*host || strchr("/?#", *host) != NULL) {
        template_done(&made);
        return err_set(err, ERR_SYNTAX,
                       "redirect = '%s' has no host: write redirect = \"https://HOST${uri}\"", given);
    }
    template_done(redirect_to);
    *redirect_to = made;
    return 0;
}

int conf_proxy_upgrade(const char *text, struct err *err)
{
    const char *slash = strchr(text, '/'), *rest = slash ? slash + 1 : "x";
    char given[CONF_VALUE_SHOWN];
    if (strspn(text, TOKEN) != (slash ? (size_t)(slash - text) : strlen(text)) || *text == '/' || !*rest ||
        strspn(rest, TOKEN) != strlen(rest))
        return err_set(err, ERR_SYNTAX,
                       "upgrade = '%s' is no protocol's name: write upgrade = { \"websocket\" }",
                       conf_value_shown(text, given));
    static const char *const WEBSOCKET[] = {"ws", "wss", "websockets", "web-socket"};
    for (size_t i = 0; i < ARRAY_LEN(WEBSOCKET); i++) {
        if (strcasecmp(text, WEBSOCKET[i]) == 0)
            return err_set(err, ERR_SYNTAX,
                           "upgrade = '%s' is not what clients ask for: write upgrade = { \"websocket\" }",
                           text);
    }
    static const char *const NEVER[] = {"h2c", "HTTP", "TLS"};
    for (size_t i = 0; i < ARRAY_LEN(NEVER); i++) {
        size_t n = strlen(NEVER[i]);
        if (strncasecmp(text, NEVER[i], n) == 0 && (!text[n] || text[n] == '/'))
            return err_set(err, ERR_SYNTAX,
                           "upgrade cannot be %s: what is asked for behind it would pass the rules; leave it "
                           "out",
                           NEVER[i]);
    }
    return 0;
}

void conf_proxy_done(struct conf_location *location)
{
    for (size_t i = 0; i < location->n_fields; i++) {
        free(location->field[i].name);
        template_done(&location->field[i].value);
    }
    free(location->field);
    template_done(&location->redirect_to);
}

void conf_proxy_resolve(struct conf *conf)
{
    for (size_t i = 0; i < conf->n_locations; i++) {
        struct conf_location *l = &conf->location[i];
        l->to = l->backend.text ? conf_backend_find(conf, l->backend.text) : NULL;
    }
}

static void check_backend(const struct conf *conf, const struct conf_location *l, struct diag *diag)
{
    const struct conf_backend *found = l->backend.text ? conf_backend_find(conf, l->backend.text) : NULL;
    const struct conf_server *tcp = found ? conf_backend_first(found, false) : NULL;
    if (tcp)
        diag_error(
            diag, l->backend.src,
            "backend \"%s\" has %s, and a location hands on HTTP: write http:// (or https://) there, or the "
            "backend in a listen block with mode = tcp",
            found->name, tcp->name);
    else if (found && found->check.text && strcmp(found->check.text, CONF_CHECK_CONNECT) == 0)
        diag_error(
            diag, found->check.src,
            "check = \"connect\": backend \"%s\" is one of a location, whose servers are asked for a path: "
            "write check = \"/healthz\"",
            found->name);
    if (!l->backend.text || found)
        return;
    const char *names[64], *near;
    size_t n = 0;
    for (; n < conf->n_backends && n < ARRAY_LEN(names); n++)
        names[n] = conf->backend[n].name;
    near = text_nearest(l->backend.text, names, n);
    char given[CONF_VALUE_SHOWN];
    conf_value_shown(l->backend.text, given);
    if (near)
        diag_error(diag, l->backend.src, "there is no backend \"%s\": did you mean \"%s\"?", given, near);
    else
        conf_backend_missing(&l->backend, false, diag);
}

/* The options that say something about requests to a backend, when one was given: nothing else shows of a
 * number or a word whether it was. */
static bool is_given(const struct option *option, const struct conf_location *l)
{
    const char *at = (const char *)l + option->offset;
    long long preset = 0;
    if (option->preset && conf_value(option, option->preset, &preset, NULL) != 0)
        return false;
    switch (option->type) {
    case OPTION_BOOL:
        return *(const bool *)at != (preset != 0);
    case OPTION_WORD:
        return *(const int *)at != (int)preset;
    case OPTION_WORDS:
        return *(const unsigned *)at != 0;
    case OPTION_TEXT:
    case OPTION_PATH:
        return ((const struct conf_text *)at)->text != NULL;
    case OPTION_TEXTS:
    case OPTION_PATHS:
        return ((const struct conf_list *)at)->n > 0;
    case OPTION_NUMBER:
    case OPTION_SIZE:
    case OPTION_DURATION:
        break;
    }
    return *(const long long *)at != preset;
}

static void check_without(const struct conf_location *l, struct diag *diag)
{
    static const char *const NEED_BACKEND[] = {"strip_prefix", "encoded_slashes", "proxy_redirect",
                                               "identity",     "set_header",      "forwarded",
                                               "upgrade",      "max_body",        "request_timeout"};
    for (size_t i = 0; i < ARRAY_LEN(NEED_BACKEND); i++) {
        const struct option *option = option_find(SECTION_LOCATION, NEED_BACKEND[i]);
        if (option && is_given(option, l))
            diag_warning(
                diag, l->src,
                "%s has no effect in location \"%s\", which has no backend: write backend = \"NAME\"",
                option->name, l->prefix);
    }
}

static bool tells_who(const struct conf_location *l)
{
    bool tells = l->identity != 0;
    for (size_t i = 0; i < l->n_fields; i++) {
        for (size_t j = 0; j < l->field[i].value.n; j++) {
            const enum variable variable = l->field[i].value.part[j].variable;
            tells = tells || (variable != VARIABLE_COUNT && VARIABLES[variable].identity);
        }
    }
    return tells;
}

static bool is_here(const struct conf_server *server)
{
    return server->path || strncmp(server->host, "127.", 4) == 0 || strcmp(server->host, "::1") == 0 ||
           text_equal_nocase(server->host, "localhost");
}

/* An identity is worth what the way to the backend is worth. */
static void check_way(const struct conf *conf, const struct conf_location *l, struct diag *diag)
{
    const struct conf_backend *b = l->backend.text ? conf_backend_find(conf, l->backend.text) : NULL;
    for (size_t i = 0; b && i < b->n_servers && tells_who(l); i++) {
        const struct conf_server *server = &b->servers[i];
        if (conf_server_is_tls(server) || is_here(server))
            continue;
        diag_warning(
            diag, l->src,
            "location \"%s\" tells %s who the client is over plain http: whoever is on the way there "
            "can read it, and be anybody; write %s in backend \"%s\"",
            l->prefix, server->name, conf_server_is_h2(server) ? "h2://" : "https://", b->name);
        return;
    }
}

/* RFC 9113 section 8.6; what RFC 8441 has instead is not spoken here. */
static void check_upgrade(const struct conf *conf, const struct conf_location *l, struct diag *diag)
{
    const struct conf_backend *b = l->backend.text ? conf_backend_find(conf, l->backend.text) : NULL;
    if (b && l->upgrade.n > 0 && conf_backend_is_h2(b))
        diag_error(
            diag, l->upgrade.item[0].src,
            "upgrade: HTTP/2 is spoken to backend \"%s\", and knows no upgrade: leave it out, or make a "
            "location of its own for %s, whose backend is http:// (or https://)",
            b->name, l->upgrade.item[0].text);
}

/* Somebody may come to `l` whom `other` would refuse. */
static bool asks_less(const struct conf_location *l, const struct conf_location *other)
{
    return l->client_cert < other->client_cert ||
           (other->client_ca.n > 0 && !conf_same_list(&l->client_ca, &other->client_ca)) ||
           (other->allow.n > 0 && !conf_same_list(&l->allow, &other->allow)) ||
           (other->deny.n > 0 && !conf_same_list(&l->deny, &other->deny));
}

/* Of hosts that may be one. */
static bool may_share_host(const struct conf_location *a, const struct conf_location *b)
{
    const size_t n = conf_location_host(a), m = conf_location_host(b);
    return n == 0 || m == 0 || (n == m && strncmp(a->prefix, b->prefix, n) == 0);
}

/* Its path goes on from that of one which takes it away: it is there to guard what lies behind that, and no
 * path that the backend has. */
static bool is_behind_another(const struct conf *conf, const struct conf_location *l)
{
    for (size_t i = 0; i < conf->n_locations; i++) {
        const struct conf_location *other = &conf->location[i];
        const char *own = conf_location_path(other), *path = conf_location_path(l);
        const size_t n = strlen(own) - (own[strlen(own) - 1] == '/');
        if (n > 0 && other != l && other->strip_prefix && other->backend.text &&
            strcmp(other->backend.text, l->backend.text) == 0 && may_share_host(other, l) &&
            strncmp(path, own, n) == 0 && path[n] == '/')
            return true;
    }
    return false;
}

/* Is `path`, of the hosts of `l`, another location's, whose rules ask for as much as those of `guard`? */
static bool is_guarded(const struct conf *conf, const struct conf_location *l, const char *path,
                       const struct conf_location *guard)
{
    const size_t host = conf_location_host(l);
    for (size_t i = 0; i < conf->n_locations; i++) {
        const struct conf_location *own = &conf->location[i];
        const char *at = conf_location_path(own);
        size_t n = strlen(at);
        if (n <= strlen(conf_location_path(l)) || conf_location_host(own) != host ||
            strncmp(own->prefix, l->prefix, host) != 0)
            continue;
        n -= at[n - 1] == '/';
        if (strncmp(path, at, n) == 0 && (path[n] == '/' || path[n] == '\0') && !asks_less(own, guard))
            return true;
    }
    return false;
}

/* Where its own path is taken away, what lies behind it is another location's path to the backend; and it is
 * the other that the rules for that path stand in. */
static void check_stripped(const struct conf *conf, const struct conf_location *l, struct diag *diag)
{
    const char *own = conf_location_path(l);
    const size_t host = conf_location_host(l), len = strlen(own) - (own[strlen(own) - 1] == '/');
    if (!l->strip_prefix || !l->backend.text || len == 0)
        return;
    for (size_t i = 0; i < conf->n_locations; i++) {
        const struct conf_location *other = &conf->location[i];
        if (other == l || !other->backend.text || other->strip_prefix || !asks_less(l, other) ||
            strcmp(other->backend.text, l->backend.text) != 0 || !may_share_host(l, other) ||
            is_behind_another(conf, other))
            continue;
        const char *there = conf_location_path(other);
        struct buf path;
        buf_init(&path, 0);
        buf_put(&path, l->prefix, host + len);
        buf_puts(&path, there);
        if (!buf_failed(&path) && !is_guarded(conf, l, path.data + host, other)) {
            diag_warning(
                diag, l->src,
                "location \"%s\" leaves its path out, so that what asks for %s comes to %s of backend "
                "\"%s\", without the rules of location \"%s\": repeat them in a location for %s, or "
                "leave strip_prefix out",
                l->prefix, path.data, there, l->backend.text, other->prefix, path.data);
            buf_done(&path);
            return;
        }
        buf_done(&path);
    }
}

void conf_proxy_check(const struct conf *conf, const struct conf_location *l, bool asks, struct diag *diag)
{
    check_backend(conf, l, diag);
    if (l->backend.text && l->redirect.text)
        diag_error(diag, l->redirect.src,
                   "a location has a backend or a redirect, not both: leave one of them out");
    if (!l->backend.text)
        check_without(l, diag);
    check_way(conf, l, diag);
    check_upgrade(conf, l, diag);
    check_stripped(conf, l, diag);
    if (l->backend.text && !asks && l->client_cert == CLIENT_CERT_NONE && tells_who(l))
        diag_warning(
            diag, l->src,
            "location \"%s\" tells its backend of no client: no listener asks for certificates; write client_auth "
            "= request and client_ca in one, or leave identity and ${subject} out",
            l->prefix);
    if ((l->identity & IDENTITY_CLIENT_CERT_CHAIN) && !(l->identity & IDENTITY_CLIENT_CERT))
        diag_error(diag, l->src,
                   "identity = client-cert-chain needs client-cert: the chain comes without the client's own "
                   "certificate (RFC 9440); write identity = { \"client-cert\", \"client-cert-chain\" }");
}

void conf_proxy_check_unused(const struct conf *conf, const bool *faulty, struct diag *diag)
{
    for (size_t i = 0; i < conf->n_backends; i++) {
        bool used = faulty[i];
        for (size_t j = 0; j < conf->n_locations && !used; j++)
            used = conf->location[j].backend.text &&
                   strcmp(conf->location[j].backend.text, conf->backend[i].name) == 0;
        if (!used && !conf_tcp_uses(conf, &conf->backend[i]))
            diag_warning(diag, conf->backend[i].src,
                         "nobody uses backend \"%s\": write backend = \"%s\" in a location, or in a listen "
                         "block with mode = tcp",
                         conf->backend[i].name, conf->backend[i].name);
    }
}
