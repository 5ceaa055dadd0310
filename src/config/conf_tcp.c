#include "config.h"

#include "config/conf_tcp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/text.h"
#include "config/conf_backend.h"
#include "config/conf_value.h"
#include "config/option.h"

int conf_tcp_alpn(const char *text, struct err *err)
{
    char given[CONF_VALUE_SHOWN];
    if (!*text || strlen(text) > CONF_ALPN_MOST)
        return err_set(err, ERR_SYNTAX, "alpn = '%s': the name of a protocol has 1 to %d bytes",
                       conf_value_shown(text, given), CONF_ALPN_MOST);
    return 0;
}

void conf_tcp_resolve(struct conf *conf)
{
    for (size_t i = 0; i < conf->n_listeners + conf->n_hosts; i++) {
        struct conf_listener *l =
            i < conf->n_listeners ? &conf->listener[i] : &conf->host[i - conf->n_listeners];
        l->to = l->backend.text ? conf_backend_find(conf, l->backend.text) : NULL;
#ifdef HAVE_LIBNGHTTP2
        l->http2 = l->http2 && l->tls && l->mode == LISTENER_HTTP;
#else
        l->http2 = false;
#endif
    }
}

/* The first place where an option was given in this block, not in its listener; NULL: nowhere. */
static const struct conf_text *own_text(const struct conf_text *text)
{
    return text->text && !text->inherited ? text : NULL;
}

static const struct conf_text *own_list(const struct conf_list *list)
{
    return list->n > 0 ? own_text(&list->item[0]) : NULL;
}

bool conf_is_local(const struct conf_listener *listener)
{
    return strncmp(listener->address.text, CONF_ADDRESS_LOCAL, strlen(CONF_ADDRESS_LOCAL)) == 0;
}

static bool is_loopback(const struct conf_listener *l)
{
    struct conf_address at;
    struct in_addr v4;
    if (conf_address(l->address.text, &at, NULL) != 0)
        return false;
    if (at.local)
        return true;
    if (inet_pton(AF_INET, at.host, &v4) == 1) /* a name may begin with 127., too */
        return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
    return strcmp(at.host, "::1") == 0 || text_equal_nocase(at.host, "localhost");
}

/* Where HTTP is spoken. */
static void check_http(const struct conf_listener *l, struct diag *diag)
{
    if (!l->of && conf_is_local(l))
        diag_error(diag, l->address.src,
                   "address = '%s': a UNIX socket is for mode = tcp; write HOST:PORT, as in \"[::1]:8443\"",
                   l->address.text);
    const struct {
        const char *name, *remedy;
        const struct conf_text *given;
    } TCP_ONLY[] = {
        {"backend", "write it in a location, or mode = tcp in the listen block", own_text(&l->backend)},
        {"allow", "write it in a location", own_list(&l->allow)},
        {"deny", "write it in a location", own_list(&l->deny)},
        {"alpn", "HTTP is what is spoken there, and http2 says in which versions; leave it out",
         own_list(&l->alpn)},
    };
    for (size_t i = 0; i < ARRAY_LEN(TCP_ONLY); i++) {
        if (TCP_ONLY[i].given)
            diag_error(diag, TCP_ONLY[i].given->src, "%s says something of listeners with mode = tcp: %s",
                       TCP_ONLY[i].name, TCP_ONLY[i].remedy);
    }
#ifndef HAVE_LIBNGHTTP2
    if (l->tls && conf_wants_http2(l))
        diag_error(diag, l->http2_src,
                   "http2 = on: this program was built without nghttp2, and speaks no HTTP/2: leave it out");
#endif
    if (!l->of && l->insecure_plain)
        diag_error(diag, l->src,
                   "insecure_plain says something of listeners with mode = tcp and tls = off: leave it out");
}

static void check_backend(const struct conf *conf, const struct conf_listener *l, struct diag *diag)
{
    char given[CONF_VALUE_SHOWN];
    if (!l->backend.text) {
        if (!l->of)
            diag_error(
                diag, l->src,
                "mode = tcp needs a backend that gets the bytes: write backend = \"NAME\" here, and backend "
                "\"NAME\" { server = { \"tcp://127.0.0.1:5432\" } } outside the blocks");
        return;
    }
    if (l->backend.inherited)
        return;
    const struct conf_backend *b = conf_backend_find(conf, l->backend.text);
    const struct conf_server *http = b ? conf_backend_first(b, true) : NULL;
    conf_value_shown(l->backend.text, given);
    if (!b)
        conf_backend_missing(&l->backend, true, diag);
    else if (http)
        diag_error(
            diag, l->backend.src,
            "backend \"%s\" has %s, and mode = tcp hands on bytes, not HTTP: write tcp:// (or tls://) there, "
            "or mode = http here and the backend in a location",
            given, http->name);
    else if (b->check.text && strcmp(b->check.text, CONF_CHECK_CONNECT) != 0)
        diag_error(
            diag, b->check.src,
            "check = '%.200s': backend \"%s\" is one of a listener with mode = tcp, whose servers are asked "
            "for no path: write check = \"connect\"",
            b->check.text, given);
}

/* Rules look at a certificate that was verified. */
static void check_rules(const struct conf_listener *l, struct diag *diag)
{
    const struct conf_text *rule = own_list(&l->allow) ? own_list(&l->allow) : own_list(&l->deny);
    if (rule && l->client_auth == CLIENT_AUTH_OFF)
        diag_error(
            diag, rule->src,
            "nobody can pass: allow and deny want a verified certificate, and client_auth = off asks for "
            "none; write client_auth = require");
}

static void check_plain(const struct conf_listener *l, struct diag *diag)
{
    const struct {
        const char *name;
        const struct conf_text *given;
    } TLS_ONLY[] = {
        {"certificate", own_list(&l->certificate)},     {"client_ca", own_list(&l->client_ca)},
        {"trusted_ca", own_list(&l->trusted_ca)},       {"crl", own_list(&l->crl)},
        {"ocsp_response", own_list(&l->ocsp_response)}, {"ticket_key_file", own_text(&l->ticket_key_file)},
    };
    if (l->client_auth != CLIENT_AUTH_OFF)
        diag_error(diag, l->client_auth_src,
                   "client_auth needs TLS, and this listener has tls = off: leave one of them out");
    for (size_t i = 0; i < ARRAY_LEN(TLS_ONLY); i++) {
        if (TLS_ONLY[i].given)
            diag_error(diag, TLS_ONLY[i].given->src,
                       "%s needs TLS, and this listener has tls = off: leave one of them out",
                       TLS_ONLY[i].name);
    }
    if (l->n_hosts > 0)
        diag_error(
            diag, l->host[0].src,
            "a host is chosen by the name in a TLS handshake, and this listener has tls = off: leave one of "
            "them out");
    if (!l->insecure_plain && !is_loopback(l))
        diag_error(
            diag, l->address.src,
            "tls = off at %s: whoever reaches that address would speak in this server's name, and be read on "
            "the way; write a loopback address, as in \"127.0.0.1:5432\", a UNIX socket, or insecure_plain = on",
            l->address.text);
}

/* Where bytes go on as they are. */
static void check_tcp(const struct conf *conf, const struct conf_listener *l, struct diag *diag)
{
    check_backend(conf, l, diag);
    check_rules(l, diag);
    if (l->alpn.n > CONF_ALPNS_MOST && own_list(&l->alpn))
        diag_error(diag, l->alpn.item[CONF_ALPNS_MOST].src, "alpn may have %d protocols at most",
                   CONF_ALPNS_MOST);
    if (l->of)
        return;
    if (l->routes != ROUTES_AUTO)
        diag_error(
            diag, l->src,
            "routes says something of HTTP, which a listener with mode = tcp does not speak: leave it out");
    if (conf_wants_http2(l))
        diag_error(
            diag, l->http2_src,
            "http2 says something of HTTP, which a listener with mode = tcp does not speak: leave it out");
    if (l->redirect.text || l->acme_webroot.text)
        diag_error(diag, l->redirect.text ? l->redirect.src : l->acme_webroot.src,
                   "%s says something of HTTP, which a listener with mode = tcp does not speak: leave it out",
                   l->redirect.text ? "redirect" : "acme_webroot");
    if (!l->tls)
        check_plain(l, diag);
    else if (l->insecure_plain)
        diag_error(diag, l->src, "insecure_plain has no effect while tls = on: leave one of them out");
}

void conf_tcp_check(const struct conf *conf, const struct conf_listener *listener, struct diag *diag)
{
    if (listener->mode == LISTENER_TCP)
        check_tcp(conf, listener, diag);
    else
        check_http(listener, diag);
}

bool conf_tcp_uses(const struct conf *conf, const struct conf_backend *backend)
{
    for (size_t i = 0; i < conf->n_listeners + conf->n_hosts; i++) {
        const struct conf_listener *l =
            i < conf->n_listeners ? &conf->listener[i] : &conf->host[i - conf->n_listeners];
        if (l->backend.text && strcmp(l->backend.text, backend->name) == 0)
            return true;
    }
    return false;
}

void conf_tcp_check_unused(const struct conf *conf, struct diag *diag)
{
    bool http = conf->n_listeners == 0;
    for (size_t i = 0; i < conf->n_listeners; i++)
        http = http || conf->listener[i].mode == LISTENER_HTTP;
    if (!http && conf->n_locations > 0)
        diag_warning(
            diag, conf->location[0].src,
            "location \"%s\" has no effect: no listener speaks HTTP, all have mode = tcp; write allow and "
            "deny in the listen block",
            conf->location[0].prefix);
}
