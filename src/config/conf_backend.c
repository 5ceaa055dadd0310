#include "config.h"

#include "config/conf_backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/text.h"
#include "config/conf_source.h"
#include "config/conf_value.h"

/* What it is about, as messages show it. */
struct written {
    char text[CONF_VALUE_SHOWN];
};

static const struct {
    const char *text;
    enum conf_scheme scheme;
    unsigned short port;
} SCHEMES[] = {{"http://", CONF_SCHEME_HTTP, 80}, {"https://", CONF_SCHEME_HTTPS, 443},
               {"h2c://", CONF_SCHEME_H2C, 80},   {"h2://", CONF_SCHEME_H2, 443},
               {"tcp://", CONF_SCHEME_TCP, 0},    {"tls://", CONF_SCHEME_TLS, 0}};

/* Words of other servers, and what is written here. */
static const struct {
    const char *scheme, *remedy;
} OTHERS[] = {
    {"http://unix:", "write unix:/run/app.sock for a UNIX socket"},
    {"http+unix:", "write unix:/run/app.sock for a UNIX socket"},
    {"ws://", "write http://, and upgrade = { \"websocket\" } in the location"},
    {"wss://", "write https://, and upgrade = { \"websocket\" } in the location"},
    {"grpc://", "write h2c://"},
    {"grpcs://", "write h2://"},
    {"fastcgi://", "HTTP is spoken to backends: put a server that speaks it before the application"},
    {"ssl://", "write tls://"},
    {"postgres://", "write tcp://HOST:5432, for a listener with mode = tcp"},
    {"postgresql://", "write tcp://HOST:5432, for a listener with mode = tcp"},
    {"redis://", "write tcp://HOST:6379, for a listener with mode = tcp"},
    {"rediss://", "write tls://HOST:6379, for a listener with mode = tcp"},
    {"mqtt://", "write tcp://HOST:1883, for a listener with mode = tcp"},
    {"mqtts://", "write tls://HOST:8883, for a listener with mode = tcp"},
    {"udp://", "only TCP is spoken here"},
};

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* "weight=3" behind the URL, the only word there is. */
static int read_words(const char *words, const struct written *as, struct conf_server *out, struct err *err)
{
    static const struct option WEIGHT = {
        .name = "weight", .type = OPTION_NUMBER, .preset = "1", .min = 1, .max = CONF_WEIGHT_MOST};
    words += strspn(words, " \t");
    if (!*words)
        return 0;
    const size_t n = strcspn(words, " \t");
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), words);
    if (!begins(word, "weight=") || words[n + strspn(words + n, " \t")])
        return err_set(err, ERR_SYNTAX,
                       "server '%s': behind the URL may stand weight=NUMBER, and nothing else", as->text);
    struct err why;
    long long weight;
    int rc = conf_value(&WEIGHT, word + strlen("weight="), &weight, &why);
    if (rc != 0)
        return err_set(err, rc, "server '%s': %s", as->text, why.text);
    out->weight = (unsigned)weight;
    return 0;
}

static int read_socket(const char *path, size_t len, const char *dir, const struct written *as,
                       struct conf_server *out, struct err *err)
{
    if (len == 0)
        return err_set(err, ERR_SYNTAX, "server '%s' has no path: write unix:/run/app.sock", as->text);
    char *bare = strndup(path, len);
    out->scheme = CONF_SCHEME_UNIX;
    out->path = bare ? conf_join(dir, bare) : NULL;
    out->host = strdup("localhost");
    free(bare);
    if (!out->path || !out->host)
        return err_nomem(err);
    if (strlen(out->path) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return err_set(err, ERR_RANGE, "server '%s': the path of a UNIX socket may have %zu bytes", as->text,
                       sizeof((struct sockaddr_un *)0)->sun_path - 1);
    return 0;
}

static int read_port(const char *text, size_t len, const struct written *as, unsigned short *out,
                     struct err *err)
{
    unsigned long port = 0;
    if (len > 0 && len <= 5 && strspn(text, "0123456789") >= len)
        port = strtoul(text, NULL, 10);
    if (port == 0 || port > 65535)
        return err_set(err, ERR_SYNTAX, "server '%s': the port is a number from 1 to 65535", as->text);
    *out = (unsigned short)port;
    return 0;
}

/* "HOST", "HOST:PORT", "[::1]:PORT", with a final '/' or without. */
static int read_authority(const char *text, size_t len, const struct written *as, struct conf_server *out,
                          struct err *err)
{
    len -= len > 0 && text[len - 1] == '/';
    if (memchr(text, '/', len) || memchr(text, '?', len) || memchr(text, '#', len))
        return err_set(err, ERR_SYNTAX,
                       "server '%s': a path stands behind the host: leave it out; requests keep their own, "
                       "and strip_prefix = on in the location takes the location's away",
                       as->text);
    if (memchr(text, '@', len))
        return err_set(err, ERR_SYNTAX,
                       "server '%s': a user stands before the host: leave it out, and write set_header = { "
                       "\"Authorization: Basic ...\" } in the location",
                       as->text);
    out->ipv6 = len > 0 && text[0] == '[';
    const char *host = text + out->ipv6, *end = memchr(host, out->ipv6 ? ']' : ':', len - out->ipv6);
    if (!end && out->ipv6)
        return err_set(err, ERR_SYNTAX, "server '%s': a ']' is missing behind the address", as->text);
    end = end ? end : text + len;
    const char *rest = end + out->ipv6;
    if (!out->ipv6 &&
        memchr(end, ':', (size_t)(text + len - end)) != memrchr(end, ':', (size_t)(text + len - end)))
        return err_set(err, ERR_SYNTAX,
                       "server '%s': an IPv6 address stands in brackets, as in http://[::1]:9000", as->text);
    out->host = strndup(host, (size_t)(end - host));
    if (!out->host)
        return err_nomem(err);
    if (!conf_value_host(out->host, out->ipv6))
        return err_set(err, ERR_SYNTAX, "server '%s': %s", as->text,
                       *out->host ? "its host is neither an address nor a host's name"
                                  : "its host is missing: write http://HOST:PORT");
    if (rest == text + len && out->port == 0)
        return err_set(err, ERR_SYNTAX, "server '%s' has no port: write it behind the host, as in :5432",
                       as->text);
    if (rest == text + len)
        return 0;
    if (*rest != ':')
        return err_set(err, ERR_SYNTAX, "server '%s': only :PORT may stand behind the address", as->text);
    return read_port(rest + 1, (size_t)(text + len - rest) - 1, as, &out->port, err);
}

static int read_url(const char *text, size_t len, const char *dir, const struct written *as,
                    struct conf_server *out, struct err *err)
{
    if (begins(text, "unix:"))
        return read_socket(text + 5, len - 5, dir, as, out, err);
    for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++) {
        if (begins(text, OTHERS[i].scheme))
            return err_set(err, ERR_SYNTAX, "server '%s': %s", as->text, OTHERS[i].remedy);
    }
    for (size_t i = 0; i < ARRAY_LEN(SCHEMES); i++) {
        const size_t n = strlen(SCHEMES[i].text);
        if (!begins(text, SCHEMES[i].text))
            continue;
        out->scheme = SCHEMES[i].scheme;
        out->port = SCHEMES[i].port;
        return read_authority(text + n, len - n, as, out, err);
    }
    if (text[0] == '/')
        return err_set(err, ERR_SYNTAX, "server '%s': write unix:%s for a UNIX socket", as->text, as->text);
    return err_set(
        err, ERR_SYNTAX,
        "server '%s' begins with none of http://, https://, h2c://, h2://, tcp://, tls://, unix:%s%s",
        as->text, strstr(text, "://") ? "" : "; write http://", strstr(text, "://") ? "" : as->text);
}

static void server_done(struct conf_server *server)
{
    free(server->name);
    free(server->host);
    free(server->path);
}

static int append(struct conf_backend *backend, const struct conf_server *server, struct err *err)
{
    for (size_t i = 0; i < backend->n_servers; i++) {
        if (strcmp(backend->servers[i].name, server->name) == 0)
            return err_set(err, ERR_EXISTS,
                           "server '%.200s' stands twice: write it once, with weight=2 when it shall get "
                           "twice as much",
                           server->name);
    }
    if (backend->n_servers == CONF_SERVERS_MOST)
        return err_set(err, ERR_RANGE, "a backend may have %d servers at most", CONF_SERVERS_MOST);
    struct conf_server *larger = realloc(backend->servers, (backend->n_servers + 1) * sizeof *larger);
    if (!larger)
        return err_nomem(err);
    backend->servers = larger;
    backend->servers[backend->n_servers++] = *server;
    return 0;
}

int conf_backend_add(struct conf_backend *backend, const char *text, const char *dir, struct src src,
                     struct err *err)
{
    struct conf_server server = {.src = src, .weight = 1};
    struct written as;
    const size_t len = strcspn(text, " \t");
    conf_value_shown(text, as.text);
    server.name = strndup(text, len);
    int rc = server.name ? read_url(text, len, dir, &as, &server, err) : err_nomem(err);
    if (rc == 0)
        rc = read_words(text + len, &as, &server, err);
    if (rc == 0)
        rc = append(backend, &server, err);
    if (rc != 0)
        server_done(&server);
    return rc;
}

int conf_http_server(const char *text, struct err *err)
{
    struct conf_backend alone = {0};
    int rc = conf_backend_add(&alone, text, "/", (struct src){0}, err);
    const struct conf_server *bytes = rc == 0 ? conf_backend_first(&alone, false) : NULL;
    if (bytes)
        rc = err_set(err, ERR_SYNTAX,
                     "server '%s' is for a listener with mode = tcp: write http:// or https://", bytes->name);
    conf_backend_done(&alone);
    return rc;
}

void conf_backend_done(struct conf_backend *backend)
{
    for (size_t i = 0; i < backend->n_servers; i++)
        server_done(&backend->servers[i]);
    free(backend->servers);
}

const struct conf_backend *conf_backend_find(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->n_backends; i++) {
        if (strcmp(conf->backend[i].name, name) == 0)
            return &conf->backend[i];
    }
    return NULL;
}

void conf_backend_missing(const struct conf_text *name, bool tcp, struct diag *diag)
{
    char given[CONF_VALUE_SHOWN];
    const bool is_url = strstr(name->text, "://") || begins(name->text, "unix:");
    conf_value_shown(name->text, given);
    if (is_url)
        diag_error(diag, name->src,
                   "there is no backend \"%s\": servers stand in a backend block, whose name is given; write "
                   "backend \"%s\" { server = { \"%s\" } } outside the blocks, and backend = \"%s\" here",
                   given, tcp ? "db" : "app", given, tcp ? "db" : "app");
    else
        diag_error(diag, name->src,
                   "there is no backend \"%s\": write backend \"%s\" { server = { \"%s\" } } outside the "
                   "blocks",
                   given,
                   conf_value_name("backend", name->text, NULL) == 0 ? given
                   : tcp                                             ? "db"
                                                                     : "app",
                   tcp ? "tcp://127.0.0.1:5432" : "http://127.0.0.1:9000");
}

bool conf_server_is_tls(const struct conf_server *server)
{
    return server->scheme == CONF_SCHEME_HTTPS || server->scheme == CONF_SCHEME_H2 ||
           server->scheme == CONF_SCHEME_TLS;
}

bool conf_server_is_h2(const struct conf_server *server)
{
    return server->scheme == CONF_SCHEME_H2C || server->scheme == CONF_SCHEME_H2;
}

bool conf_backend_is_h2(const struct conf_backend *b)
{
    return b->n_servers > 0 && conf_server_is_h2(&b->servers[0]);
}

static bool is_http(const struct conf_server *server)
{
    return server->scheme == CONF_SCHEME_HTTP || server->scheme == CONF_SCHEME_HTTPS ||
           conf_server_is_h2(server);
}

bool conf_backend_has_tls(const struct conf_backend *b)
{
    bool tls = false;
    for (size_t i = 0; i < b->n_servers; i++)
        tls = tls || conf_server_is_tls(&b->servers[i]);
    return tls;
}

const struct conf_server *conf_backend_first(const struct conf_backend *b, bool http)
{
    for (size_t i = 0; i < b->n_servers; i++) {
        if (b->servers[i].scheme != CONF_SCHEME_UNIX && http == is_http(&b->servers[i]))
            return &b->servers[i];
    }
    return NULL;
}

static void check_tls(const struct conf_backend *b, struct diag *diag)
{
    const struct {
        const char *name;
        const struct conf_text *first; /* NULL: not given */
    } NEED_TLS[] = {{"ca", b->ca.n ? &b->ca.item[0] : NULL},
                    {"server_name", b->server_name.text ? &b->server_name : NULL},
                    {"certificate", b->certificate.n ? &b->certificate.item[0] : NULL}};
    for (size_t i = 0; i < ARRAY_LEN(NEED_TLS); i++) {
        if (NEED_TLS[i].first && !conf_backend_has_tls(b))
            diag_error(diag, NEED_TLS[i].first->src,
                       "%s has no effect: no server of backend \"%s\" is https or tls; write https:// (or "
                       "tls://) before its host, or leave %s out",
                       NEED_TLS[i].name, b->name, NEED_TLS[i].name);
    }
    if (b->server_name.text && !conf_value_host(b->server_name.text, false))
        diag_error(diag, b->server_name.src,
                   "server_name = '%.200s' is no host's name: write the name that stands in the servers' "
                   "certificates",
                   b->server_name.text);
}

/* A server that speaks HTTP, and one that speaks something else, have no client in common. */
static void check_kinds(const struct conf_backend *b, struct diag *diag)
{
    const struct conf_server *http = conf_backend_first(b, true), *tcp = conf_backend_first(b, false);
    if (http && tcp)
        diag_error(diag, (http > tcp ? http : tcp)->src,
                   "backend \"%s\" has %s and %s: HTTP is spoken to all its servers, or to none; make two "
                   "backends of it",
                   b->name, http->name, tcp->name);
    const struct conf_server *h2 = NULL, *other = NULL;
    for (size_t i = 0; i < b->n_servers; i++)
        *(conf_server_is_h2(&b->servers[i]) ? &h2 : &other) = &b->servers[i];
    if (h2 && other && !tcp)
        diag_error(diag, (h2 > other ? h2 : other)->src,
                   "backend \"%s\" has %s and %s: HTTP/2 is spoken to all its servers, or to none; make two "
                   "backends of it",
                   b->name, h2->name, other->name);
#ifndef HAVE_LIBNGHTTP2
    if (h2)
        diag_error(diag, h2->src,
                   "server '%s': this program was built without nghttp2, and speaks no HTTP/2: write %s",
                   h2->name, h2->scheme == CONF_SCHEME_H2 ? "https://" : "http://");
#endif
}

static void check_one(const struct conf_backend *b, struct diag *diag)
{
    check_tls(b, diag);
    check_kinds(b, diag);
    const struct option *interval = option_find(SECTION_BACKEND, "check_interval");
    long long preset;
    if (!b->check.text && interval && conf_value(interval, interval->preset, &preset, NULL) == 0 &&
        b->check_interval != preset)
        diag_warning(
            diag, b->src,
            "check_interval has no effect in backend \"%s\" without check: write check = \"/healthz\", or "
            "\"connect\" where bytes are handed on, or leave it out",
            b->name);
    const bool connects = b->check.text && strcmp(b->check.text, CONF_CHECK_CONNECT) == 0;
    if (connects && conf_backend_first(b, true))
        diag_error(
            diag, b->check.src,
            "check = \"connect\" is for tcp:// and tls:// servers: write the path that an HTTP server is "
            "asked for, as in check = \"/healthz\"");
    else if (b->check.text && !connects && conf_backend_first(b, false))
        diag_error(diag, b->check.src, "check = '%.200s': %s is asked for no path: write check = \"connect\"",
                   b->check.text, conf_backend_first(b, false)->name);
    else if (b->check.text && !connects && b->check.text[0] != '/')
        diag_error(diag, b->check.src, "check = '%.200s' is no path: write check = \"/healthz\"",
                   b->check.text);
    for (const char *p = b->check.text; p && *p; p++) {
        if (*p <= ' ' || *p == '#' || *p == 0x7f || (unsigned char)*p > 0x7f) {
            diag_error(diag, b->check.src,
                       "check holds '%c', which does not stand in the path of a request: write %%%02X", *p,
                       (unsigned)(unsigned char)*p);
            break;
        }
    }
}

void conf_backend_check(const struct conf *conf, const bool *faulty, struct diag *diag)
{
    for (size_t i = 0; i < conf->n_backends; i++) {
        const struct conf_backend *b = &conf->backend[i], *older = conf_backend_find(conf, b->name);
        if (older != b && conf_value_name("backend", b->name, NULL) == 0)
            diag_error(diag, b->src,
                       "backend \"%s\" stands twice, first on line %u of %s: give one of them another name",
                       b->name, older->src.line, older->src.file);
        if (!faulty[i])
            check_one(b, diag);
    }
}
