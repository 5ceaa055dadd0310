#include "config/conf_check.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/cidr.h"
#include "base/text.h"
#include "config/conf_backend.h"
#include "config/conf_diff.h"
#include "config/conf_proxy.h"
#include "config/conf_tcp.h"
#include "config/conf_value.h"

/* A client certificate can be verified against nothing without a CA: not by `require`, which would refuse
 * every client, nor by `request`, which would report every certificate as one of an unknown issuer. */
static void check_trust(const struct conf_listener *l, struct diag *diag)
{
    const struct conf_list *ca = l->client_ca.n ? &l->client_ca : &l->trusted_ca;
    if (l->client_auth != CLIENT_AUTH_OFF && ca->n == 0) {
        const bool own = !l->of || l->client_auth_src.line != l->of->client_auth_src.line ||
                         l->client_auth_src.file != l->of->client_auth_src.file;
        diag_error(
            diag, own ? l->client_auth_src : l->src, /* the host's, which has taken the CAs away */
            "client_auth = %s needs a CA to verify the clients' certificates against: write client_ca = { "
            "\"root.crt\" } with the file of the CA that issues them",
            conf_client_auth_word(l->client_auth));
    } else if (l->client_auth == CLIENT_AUTH_OFF && ca->n > 0 && !ca->item[0].inherited) {
        diag_warning(
            diag, ca->item[0].src,
            "%s has no effect: clients are not asked for a certificate while client_auth = off; write "
            "client_auth = request, optional or require",
            l->client_ca.n ? "client_ca" : "trusted_ca");
    }
    if (l->crl.n > 0 && ca->n == 0 && l->client_auth == CLIENT_AUTH_OFF)
        diag_error(diag, l->crl.item[0].src,
                   "crl needs the CA that signed the list: write client_ca = { \"root.crt\" } with its "
                   "file, or leave crl out");
    if (l->crl.n > 0 && l->crl_check == CRL_CHECK_OFF && !l->crl.item[0].inherited)
        diag_warning(diag, l->crl.item[0].src,
                     "crl has no effect while crl_check = off: revoked certificates pass");
    if (l->crl.n == 0 && l->crl_stale.src.file && !l->crl_stale.inherited)
        diag_warning(diag, l->crl_stale.src, "crl_stale has no effect without crl");
}

static void check_proxies(const struct conf_listener *l, struct diag *diag)
{
    for (size_t i = 0; i < l->trusted_proxies.n; i++) {
        struct cidr cidr;
        struct err err = {0};
        if (cidr_parse(l->trusted_proxies.item[i].text, &cidr, &err) != 0)
            diag_error(diag, l->trusted_proxies.item[i].src, "trusted_proxies: %s", err.text);
    }
    if (conf_is_local(l)) { /* the socket's rights say who may */
        if (l->trusted_proxies.n > 0)
            diag_warning(diag, l->trusted_proxies.item[0].src,
                         "trusted_proxies has no effect at a UNIX socket: whoever may open it is believed");
        return;
    }
    if (l->proxy_protocol == PROXY_PROTOCOL_OFF && l->trusted_proxies.n > 0)
        diag_warning(
            diag, l->trusted_proxies.item[0].src,
            "trusted_proxies has no effect while proxy_protocol = off: write proxy_protocol = v1, v2 or "
            "both; addresses in X-Forwarded-For are never believed");
    if (l->proxy_protocol != PROXY_PROTOCOL_OFF && l->trusted_proxies.n == 0)
        diag_error(
            diag, l->src,
            "proxy_protocol needs the addresses of the proxies that are believed: write trusted_proxies = { "
            "\"127.0.0.1\" } with them");
}

/* Nobody is asked for anything where there is no TLS: what says otherwise was meant for another listener. */
static void check_plain(const struct conf_listener *l, struct diag *diag)
{
    const struct {
        const char *option;
        const struct conf_list *list;
    } LISTS[] = {{"certificate", &l->certificate},
                 {"client_ca", &l->client_ca},
                 {"trusted_ca", &l->trusted_ca},
                 {"crl", &l->crl},
                 {"ocsp_response", &l->ocsp_response}};
    if (!l->redirect.text)
        diag_error(
            diag, l->src,
            "listen \"%s\" has tls = off and no redirect: nothing is served without TLS; write redirect "
            "= \"https://${hostname}${uri}\", or leave tls out",
            l->name);
    else if (strncmp(l->redirect.text, "https://", 8) != 0)
        diag_error(diag, l->redirect.src,
                   "redirect = '%s' leads to no https: nothing is served without TLS; write redirect = "
                   "\"https://${hostname}${uri}\"",
                   l->redirect.text);
    if (l->client_auth != CLIENT_AUTH_OFF)
        diag_error(diag, l->client_auth_src,
                   "client_auth = %s needs TLS, which tls = off forbids: leave one of them out",
                   conf_client_auth_word(l->client_auth));
    if (conf_wants_http2(l))
        diag_error(diag, l->http2_src,
                   "http2 = on needs TLS, which tls = off forbids: leave one of them out");
    if (l->n_hosts > 0)
        diag_error(diag, l->host[0].src,
                   "host \"%s\" needs TLS, which tls = off forbids in listen \"%s\": leave one of them out",
                   l->host[0].name, l->name);
    for (size_t i = 0; i < ARRAY_LEN(LISTS); i++) {
        if (LISTS[i].list->n > 0)
            diag_error(diag, LISTS[i].list->item[0].src,
                       "%s needs TLS, which tls = off forbids: leave one of them out", LISTS[i].option);
    }
}

static void check_listener(const struct conf *conf, const struct conf_listener *l, struct diag *diag)
{
    conf_tcp_check(conf, l, diag);
    check_proxies(l, diag);
    if (!l->tls && l->mode == LISTENER_HTTP)
        check_plain(l, diag);
    if (!l->tls)
        return;
    if (l->redirect.text)
        diag_error(diag, l->redirect.src,
                   "redirect in a listen block is for tls = off: write location \"/\" { client_cert = none "
                   "redirect = ... }, or tls = off");
    if (l->acme_webroot.text)
        diag_error(diag, l->acme_webroot.src,
                   "acme_webroot is for a listener with tls = off: write it in that of port 80");
    check_trust(l, diag);
    if (!l->tickets && l->ticket_key_file.text)
        diag_warning(diag, l->ticket_key_file.src, "ticket_key_file has no effect while tickets = off");
    if (!l->tickets && l->tickets_tls12)
        diag_warning(diag, l->src, "tickets_tls12 = on has no effect while tickets = off");
    else if (l->tickets_tls12 && l->client_auth == CLIENT_AUTH_OFF)
        diag_warning(
            diag, l->src,
            "tickets_tls12 = on has no effect where client_auth is off: TLS 1.2 clients get tickets there");
}

/* The socket address that the kernel compares: 16 bytes, IPv4 mapped. False for a name. */
static bool kernel_address(const struct conf_address *at, unsigned char out[static 16])
{
    static const unsigned char MAPPED[12] = {[10] = 0xff, [11] = 0xff};
    if (at->ipv6)
        return inet_pton(AF_INET6, at->host, out) == 1;
    memcpy(out, MAPPED, sizeof MAPPED);
    return inet_pton(AF_INET, at->host, out + sizeof MAPPED) == 1;
}

/* [::] takes IPv4, too (listener.c), and with it whatever a name means. */
static bool covers_all(const unsigned char address[static 16])
{
    static const unsigned char ANY[16] = {0};
    return memcmp(address, ANY, sizeof ANY) == 0;
}

static bool covers(const unsigned char a[static 16], const unsigned char b[static 16])
{
    static const unsigned char ANY4[16] = {[10] = 0xff, [11] = 0xff};
    return covers_all(a) || memcmp(a, b, 16) == 0 ||
           (memcmp(a, ANY4, sizeof ANY4) == 0 && memcmp(b, ANY4, 12) == 0);
}

/* Whether the kernel refuses to bind the second of the two: port 0 is another one each time. Names are not
 * resolved here. */
static bool same_address(const char *a, const char *b)
{
    struct conf_address x, y;
    if (conf_address(a, &x, NULL) != 0 || conf_address(b, &y, NULL) != 0)
        return false;
    if (x.local || y.local)
        return x.local && y.local && strcmp(x.host, y.host) == 0;
    if (x.port != y.port || x.port == 0)
        return false;
    unsigned char p[16], q[16];
    const bool first = kernel_address(&x, p), second = kernel_address(&y, q);
    if (first && second)
        return covers(p, q) || covers(q, p);
    if (first || second)
        return covers_all(first ? p : q);
    return x.ipv6 == y.ipv6 && text_equal_nocase(x.host, y.host);
}

static void check_location(const struct conf_location *l, struct diag *diag)
{
    if (l->client_cert == CLIENT_CERT_VERIFIED)
        return;
    const bool none = l->client_cert == CLIENT_CERT_NONE;
    if (l->client_ca.n > 0)
        diag_error(diag, l->client_ca.item[0].src,
                   "client_ca needs client_cert = verified: with %s; write client_cert = verified, or leave "
                   "client_ca out",
                   none ? "none no certificate is needed here, and there is no path to judge"
                        : "any a certificate passes that no CA vouches for");
    if (l->allow.n > 0)
        diag_error(
            diag, l->allow.item[0].src,
            "allow needs client_cert = verified: with %s; write client_cert = verified, or leave allow out",
            none ? "none no certificate is needed here, and there is nothing to judge"
                 : "any its rules would judge names that nobody vouches for");
    if (l->deny.n > 0)
        diag_warning(
            diag, l->deny.item[0].src,
            "deny keeps nobody out while client_cert = %s: the client comes with %s; write client_cert = "
            "verified",
            none ? "none" : "any", none ? "no certificate instead" : "another certificate of its own making");
}

/* Locations are compared by whole segments: "/a" and "/a/" are the same, the place and all below it. */
static int compare_locations(const struct conf_location *a, const struct conf_location *b)
{
    size_t n = strlen(a->prefix), m = strlen(b->prefix);
    n -= n > 1 && a->prefix[n - 1] == '/';
    m -= m > 1 && b->prefix[m - 1] == '/';
    return n != m ? (n > m) - (n < m) : memcmp(a->prefix, b->prefix, n);
}

/* Between equals the order of the configuration, which is that of the array. */
static int by_location(const void *a, const void *b)
{
    const struct conf_location *x = *(const struct conf_location *const *)a,
                               *y = *(const struct conf_location *const *)b;
    int order = compare_locations(x, y);
    return order != 0 ? order : (x > y) - (x < y);
}

/* older[i]: the first location that covers the same paths as that one, or NULL. */
static int find_same_locations(const struct conf *conf, const struct conf_location **older)
{
    const struct conf_location **sorted = calloc(conf->n_locations + 1, sizeof *sorted);
    if (!sorted)
        return ERR_NOMEM;
    for (size_t i = 0; i < conf->n_locations; i++)
        sorted[i] = &conf->location[i];
    qsort(sorted, conf->n_locations, sizeof *sorted, by_location);
    for (size_t i = 1, first = 0; i < conf->n_locations; i++) {
        if (compare_locations(sorted[first], sorted[i]) == 0)
            older[sorted[i] - conf->location] = sorted[first];
        else
            first = i;
    }
    free(sorted);
    return 0;
}

static bool takes_all(const struct conf_listener *l)
{
    return strncmp(l->address.text, "[::]:", 5) == 0 || strncmp(l->address.text, "0.0.0.0:", 8) == 0;
}

/* A listener against those above it. */
static void check_duplicates(const struct conf *conf, size_t i, const bool *faulty, struct diag *diag)
{
    const struct conf_listener *l = &conf->listener[i];
    for (size_t j = 0; j < i; j++) {
        const struct conf_listener *older = &conf->listener[j];
        if (strcmp(older->name, l->name) == 0 && conf_value_name("listen", l->name, NULL) == 0) {
            diag_error(diag, l->src,
                       "listen \"%s\" stands twice, first on line %u of %s: give one of them another name",
                       l->name, older->src.line, older->src.file);
            return;
        }
        if (!faulty[i] && !faulty[j] && same_address(older->address.text, l->address.text)) {
            diag_error(diag, l->address.src,
                       "address %s is already that of listen \"%s\" (%s, line %u of %s)%s: give one of them "
                       "another %s",
                       l->address.text, older->name, older->address.text, older->address.src.line,
                       older->address.src.file,
                       takes_all(l) || takes_all(older)
                           ? "; [::] and 0.0.0.0 take all addresses, [::] those of IPv4, too"
                           : "",
                       conf_is_local(l) ? "path" : "port");
            return;
        }
    }
}

/* A host against those above it in its listener, and what it is good for. */
static void check_host(const struct conf *conf, size_t i, bool faulty, struct diag *diag)
{
    const struct conf_listener *host = &conf->host[i];
    for (size_t j = i; j > 0 && conf->host[j - 1].of == host->of; j--) {
        const struct conf_listener *older = &conf->host[j - 1];
        if (strcmp(older->name, host->name) != 0 || !*host->name)
            continue;
        diag_error(diag, host->src,
                   "host \"%s\" stands twice in listen \"%s\", first on line %u of %s: join the two blocks",
                   host->name, host->of->name, older->src.line, older->src.file);
        return;
    }
    if (faulty || !host->of->tls)
        return;
    conf_tcp_check(conf, host, diag);
    check_trust(host, diag);
    if (host->certificate.n == 0 && host->of->certificate.n > 0)
        diag_error(
            diag, host->src,
            "host \"%s\": certificate = {} is no certificate at all: leave it out, and those of listen "
            "\"%s\" serve",
            host->name, host->of->name);
    if (conf_same_host(host))
        diag_warning(diag, host->src,
                     "host \"%s\" says nothing that listen \"%s\" does not say: write in it what is "
                     "different for this name, or leave it out",
                     host->name, host->of->name);
}

static void check_listeners(const struct conf *conf, const bool *faulty, bool whole, struct diag *diag)
{
    for (size_t i = 0; i < conf->n_listeners && i < CONF_LISTENERS_MOST; i++) {
        if (!faulty[i])
            check_listener(conf, &conf->listener[i], diag);
        check_duplicates(conf, i, faulty, diag);
    }
    if (conf->n_listeners == 0 && whole)
        diag_error(
            diag, (struct src){conf->file, 0},
            "there is no listen block, so nothing would be served: write listen \"public\" { address = "
            "\"[::]:8443\" certificate = { \"server.crt\", \"server.key\" } }");
    if (conf->n_listeners > CONF_LISTENERS_MOST)
        diag_error(diag, conf->listener[CONF_LISTENERS_MOST].src,
                   "there may be %d listen blocks at most: one listener serves many names, each with a "
                   "certificate of its own",
                   CONF_LISTENERS_MOST);
}

static bool anybody_asked(const struct conf *conf, const struct conf_faults *faults)
{
    for (size_t i = 0; i < conf->n_listeners; i++) {
        if (faults->listener[i] || conf->listener[i].client_auth != CLIENT_AUTH_OFF)
            return true;
    }
    for (size_t i = 0; i < conf->n_hosts; i++) {
        if (faults->host[i] || conf->host[i].client_auth != CLIENT_AUTH_OFF)
            return true;
    }
    return conf->n_listeners == 0;
}

int conf_check(const struct conf *conf, struct conf_faults *faults, bool whole, struct diag *diag)
{
    const bool asks = !whole || anybody_asked(conf, faults);
    const struct conf_location **older = calloc(conf->n_locations + 1, sizeof *older);
    if (!older || find_same_locations(conf, older) != 0) {
        free(older);
        return ERR_NOMEM;
    }
    conf_backend_check(conf, faults->backend, diag);
    check_listeners(conf, faults->listener, whole, diag);
    for (size_t i = 0; i < conf->n_hosts; i++)
        check_host(conf, i, faults->host[i], diag);
    for (size_t i = 0; i < conf->n_locations; i++) {
        const struct conf_location *l = &conf->location[i];
        faults->twice[i] = older[i] && conf_value_prefix(l->prefix, NULL) == 0;
        if (faults->twice[i])
            diag_error(
                diag, l->src,
                "location \"%s\" covers the same paths as \"%s\" on line %u of %s: join the two blocks",
                l->prefix, older[i]->prefix, older[i]->src.line, older[i]->src.file);
        if (faults->location[i])
            continue;
        check_location(l, diag);
        conf_proxy_check(conf, l, asks, diag);
        if (!asks && l->client_cert != CLIENT_CERT_NONE)
            diag_warning(
                diag, l->src,
                "nobody can pass: a client certificate is needed here, but no listener asks for one; write "
                "client_auth = request, optional or require in a listen block, or client_cert = none here");
    }
    if (whole) {
        conf_proxy_check_unused(conf, faults->backend, diag);
        conf_tcp_check_unused(conf, diag);
    }
    free(older);
    return 0;
}
