/* A URL that a backend leads to, on its way to the client. The backend knows itself by the address at which
 * this server asks it, and its clients as ones of plain http. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/conf_backend.h"
#include "http/forward.h"
#include "http/host.h"

struct text {
    const char *at;
    size_t len;
};

/* A URL's parts; no scheme in "//host/x", neither that nor a host in "/x". */
struct url {
    struct text scheme, host; /* without ':', without brackets */
    unsigned port;            /* 0: that of the scheme */
    struct text path;         /* to the end, with query and fragment */
};

static bool same(struct text a, const char *b)
{
    return a.len == strlen(b) && strncasecmp(a.at, b, a.len) == 0;
}

/* "host:port", "[::1]:port"; false where it is none. */
static bool read_authority(const char *at, size_t len, struct text *host, unsigned *port)
{
    const bool v6 = len > 0 && *at == '[';
    const char *end = memchr(at, v6 ? ']' : ':', len), *colon = end && v6 ? end + 1 : end;
    if (v6 && !end)
        return false;
    *host = (struct text){at + v6, end ? (size_t)(end - at) - v6 : len};
    *port = 0;
    if (!colon || colon == at + len)
        return host->len > 0;
    for (const char *p = colon + 1; p < at + len; p++) {
        if (*p < '0' || *p > '9' || *port > 65535)
            return false;
        *port = *port * 10 + (unsigned)(*p - '0');
    }
    return *colon == ':' && host->len > 0;
}

/* False: it is relative to where the client is, or no URL of http. */
static bool read_url(const char *at, size_t len, struct url *out)
{
    static const char *const SCHEMES[] = {"http", "https"};
    *out = (struct url){.path = {at, len}};
    if (len > 0 && *at == '/' && (len == 1 || at[1] != '/'))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(SCHEMES); i++) {
        const size_t n = strlen(SCHEMES[i]);
        if (len > n && strncasecmp(at, SCHEMES[i], n) == 0 && at[n] == ':')
            out->scheme = (struct text){at, n};
    }
    const char *rest = at + out->scheme.len + (out->scheme.len > 0), *end = at + len;
    if (end - rest < 2 || rest[0] != '/' || rest[1] != '/')
        return false;
    rest += 2;
    const char *path = rest;
    while (path < end && !strchr("/?#", *path))
        path++;
    out->path = (struct text){path, (size_t)(end - path)};
    return read_authority(rest, (size_t)(path - rest), &out->host, &out->port);
}

static unsigned default_port(struct text scheme)
{
    return scheme.len == strlen("https") ? 443 : 80;
}

static unsigned port_of(const struct url *url)
{
    return url->port > 0 ? url->port : default_port(url->scheme);
}

static bool is_server(const struct conf_server *server, const struct url *url)
{
    const char *scheme = conf_server_is_tls(server) ? "https" : "http";
    if (server->path || (url->scheme.len > 0 && !same(url->scheme, scheme)) || !same(url->host, server->host))
        return false;
    return server->port == (url->port > 0 ? url->port : strcmp(scheme, "https") == 0 ? 443 : 80);
}

/* The host that the backend was asked for, at the port that was asked for or at one of its servers'. */
static bool is_host(const struct conf_backend *backend, const char *asked, const struct url *url)
{
    struct text host;
    unsigned port;
    if (!read_authority(asked, strlen(asked), &host, &port) || host.len != url->host.len ||
        strncasecmp(host.at, url->host.at, host.len) != 0)
        return false;
    bool plain = url->scheme.len != strlen("http");
    bool there = port_of(url) == (port > 0 ? port : default_port(url->scheme));
    for (size_t i = 0; i < backend->n_servers; i++) {
        const struct conf_server *server = &backend->servers[i];
        plain = plain || server->scheme == CONF_SCHEME_HTTP || server->scheme == CONF_SCHEME_H2C;
        there = there || (!server->path && server->port == port_of(url));
    }
    return plain && there; /* who is asked over https and leads to http means it */
}

/* What set_header says of Host, when that is always the same. */
static const char *constant_host(const struct conf_location *location)
{
    for (size_t i = 0; i < location->n_fields; i++) {
        const struct conf_field *field = &location->field[i];
        if (strcasecmp(field->name, "Host") == 0 && field->value.n == 1 &&
            field->value.part[0].variable == VARIABLE_COUNT)
            return field->value.text;
    }
    return NULL;
}

static bool is_ours(const struct forward_home *home, const char *authority, const struct url *url)
{
    const struct conf_backend *backend = home->location->to;
    const char *constant = constant_host(home->location);
    if (url->host.len == 0)
        return true;
    for (size_t i = 0; i < backend->n_servers; i++) {
        if (is_server(&backend->servers[i], url))
            return true;
    }
    return is_host(backend, authority, url) || (constant && is_host(backend, constant, url));
}

/* The location's path, which the backend never saw; it is not put before itself. */
static void put_prefix(const struct conf_location *location, struct text path, struct buf *out)
{
    const char *own = conf_location_path(location);
    struct buf prefix;
    if (!location->strip_prefix)
        return;
    buf_init(&prefix, 0);
    forward_put_path(&prefix, own);
    size_t n = prefix.data ? prefix.len : 0;
    n -= n > 0 && prefix.data[n - 1] == '/';
    const bool there = path.len >= n && (n == 0 || memcmp(path.at, prefix.data, n) == 0) &&
                       (path.len == n || strchr("/?#", path.at[n]));
    if (!there)
        buf_put(out, prefix.data, n);
    out->failed = out->failed || buf_failed(&prefix);
    buf_done(&prefix);
}

void forward_put_url(const struct forward_home *home, const char *url, size_t len, struct buf *out)
{
    char room[HTTP1_AUTHORITY];
    struct url parts;
    const char *authority = http1_authority(home->request, home->server_name, room);
    const bool nameless = !*authority; /* what is left of a URL with a host might name another one */
    if (!read_url(url, len, &parts) || !is_ours(home, authority, &parts) ||
        (parts.host.len > 0 && nameless)) {
        buf_put(out, url, len);
        return;
    }
    if (parts.host.len > 0)
        buf_printf(out, "https://%s", authority);
    put_prefix(home->location, parts.path, out);
    if (parts.path.len == 0 || *parts.path.at != '/')
        buf_putc(out, '/');
    buf_put(out, parts.path.at, parts.path.len);
}
