#include "upstream/backend.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/conf_backend.h"
#include "pki/x509file.h"
#include "tls/priorities.h"

/* --- servers -------------------------------------------------------------------------------------------- */

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static struct origin *all; /* by backend and name */

static void origin_free(struct origin *server)
{
    if (!server)
        return;
    pthread_mutex_destroy(&server->lock);
    free(server->backend);
    free(server->name);
    free(server->host);
    free(server);
}

static bool parse_address(const char *host, unsigned short port, struct origin_address *out)
{
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &out->to.in.sin_addr) == 1) {
        out->to.in.sin_family = AF_INET;
        out->to.in.sin_port = htons(port);
        out->len = sizeof out->to.in;
        return true;
    }
    if (inet_pton(AF_INET6, host, &out->to.in6.sin6_addr) == 1) {
        out->to.in6.sin6_family = AF_INET6;
        out->to.in6.sin6_port = htons(port);
        out->len = sizeof out->to.in6;
        return true;
    }
    return false;
}

static void path_address(const char *path, struct origin_address *out)
{
    memset(out, 0, sizeof *out);
    out->to.un.sun_family = AF_UNIX;
    size_t n = strlen(path), most = sizeof out->to.un.sun_path - 1; /* the configuration minds its length */
    memcpy(out->to.un.sun_path, path, n < most ? n : most);
    out->len = sizeof out->to.un;
}

/* Of a name. 0, or getaddrinfo's error: then nothing was changed. */
static int resolve(struct origin *server)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", server->port);
    int rc = getaddrinfo(server->host, port, &hints, &found);
    if (rc != 0)
        return rc;
    pthread_mutex_lock(&server->lock);
    unsigned n = 0;
    for (const struct addrinfo *a = found; a && n < ORIGIN_MOST_ADDRESSES; a = a->ai_next) {
        if (a->ai_addrlen > sizeof server->address[n].to)
            continue;
        memcpy(&server->address[n].to, a->ai_addr, a->ai_addrlen);
        server->address[n++].len = a->ai_addrlen;
    }
    if (n > 0)
        server->n_addresses = n;
    pthread_mutex_unlock(&server->lock);
    freeaddrinfo(found);
    return 0;
}

bool origin_address(struct origin *server, unsigned nth, unsigned *turn, struct origin_address *out)
{
    pthread_mutex_lock(&server->lock);
    bool some = nth < server->n_addresses;
    if (some && nth == 0)
        *turn = server->turn++;
    if (some)
        *out = server->address[(*turn + nth) % server->n_addresses];
    pthread_mutex_unlock(&server->lock);
    return some;
}

static struct origin *origin_new(const char *backend, const struct conf_server *conf)
{
    struct origin *server = calloc(1, sizeof *server);
    if (!server)
        return NULL;
    atomic_init(&server->refs, 1);
    pthread_mutex_init(&server->lock, NULL);
    server->backend = strdup(backend);
    server->name = strdup(conf->name);
    server->port = conf->port;
    bool fixed = true;
    if (conf->path)
        path_address(conf->path, &server->address[0]);
    else
        fixed = parse_address(conf->host, conf->port, &server->address[0]);
    server->n_addresses = fixed;
    server->host = fixed ? NULL : strdup(conf->host);
    if (!server->backend || !server->name || (!fixed && !server->host)) {
        origin_free(server);
        return NULL;
    }
    return server;
}

static int order(const struct origin *server, const char *backend, const char *name)
{
    int rc = strcmp(server->backend, backend);
    return rc != 0 ? rc : strcmp(server->name, name);
}

/* The one that is there already, or a new one. A reference; NULL when memory is short. */
static struct origin *origin_get(const char *backend, const struct conf_server *conf)
{
    pthread_mutex_lock(&all_lock);
    struct origin **at = &all;
    while (*at && order(*at, backend, conf->name) < 0)
        at = &(*at)->next;
    struct origin *server = *at;
    if (server && order(server, backend, conf->name) == 0) {
        atomic_fetch_add(&server->refs, 1);
    } else if ((server = origin_new(backend, conf)) != NULL) {
        server->next = *at;
        *at = server;
    }
    pthread_mutex_unlock(&all_lock);
    return server;
}

static void origin_unref(struct origin *server)
{
    if (!server)
        return;
    pthread_mutex_lock(&all_lock);
    bool last = atomic_fetch_sub(&server->refs, 1) == 1;
    if (last) {
        struct origin **at = &all;
        while (*at != server)
            at = &(*at)->next;
        *at = server->next;
    }
    pthread_mutex_unlock(&all_lock);
    if (last)
        origin_free(server);
}

void origin_each(void (*each)(struct origin *server, void *cls), void *cls)
{
    pthread_mutex_lock(&all_lock);
    for (struct origin *server = all; server; server = server->next)
        each(server, cls);
    pthread_mutex_unlock(&all_lock);
}

/* The first with a name, behind `after`; a reference. */
static struct origin *next_named(const struct origin *after)
{
    pthread_mutex_lock(&all_lock);
    struct origin *server = after ? after->next : all;
    while (server && !server->host)
        server = server->next;
    if (server)
        atomic_fetch_add(&server->refs, 1);
    pthread_mutex_unlock(&all_lock);
    return server;
}

void origin_resolve_all(void)
{
    struct origin *server = next_named(NULL);
    while (server) {
        (void)resolve(server);
        struct origin *next = next_named(server);
        origin_unref(server);
        server = next;
    }
}

/* --- backends ------------------------------------------------------------------------------------------- */

static int trust_ca(struct backend *backend, struct diag *diag)
{
    const struct conf_backend *conf = backend->conf;
    if (conf->ca.n == 0) {
        if (gnutls_certificate_set_x509_system_trust(backend->credentials) > 0)
            return 0;
        diag_error(diag, conf->src,
                   "backend \"%s\": the system has no CA certificates: name those of the servers in ca",
                   conf->name);
        return ERR_NOTFOUND;
    }
    int rc = 0;
    for (size_t i = 0; i < conf->ca.n; i++) {
        struct x509file file = {0};
        struct err err = {0};
        int one = x509file_load(conf->ca.item[i].text, NULL, NULL, &file, &err);
        if (one == 0 && file.n_crts == 0)
            one = err_set(&err, ERR_NOTFOUND, "%s: no certificate in it, but %s", conf->ca.item[i].text,
                          x509file_kind(&file));
        else if (one == 0 &&
                 gnutls_certificate_set_x509_trust(backend->credentials, file.crt, (int)file.n_crts) < 0)
            one = err_nomem(&err);
        if (one != 0)
            diag_error(diag, conf->ca.item[i].src, "backend \"%s\": ca: %s", conf->name, err.text);
        x509file_done(&file);
        rc = rc != 0 ? rc : one;
    }
    return rc;
}

/* Our own certificate towards it, chain and key in any files. */
static int take_certificate(struct backend *backend, struct diag *diag)
{
    const struct conf_list *list = &backend->conf->certificate;
    if (list->n == 0)
        return 0;
    enum { MOST_CHAIN = 16 };
    gnutls_pcert_st chain[MOST_CHAIN];
    gnutls_privkey_t key = NULL;
    unsigned n = 0;
    int rc = 0;
    for (size_t i = 0; i < list->n && rc == 0; i++) {
        struct x509file file = {0};
        struct err err = {0};
        rc = x509file_load(list->item[i].text, NULL, NULL, &file, &err);
        for (size_t j = 0; rc == 0 && j < file.n_crts && n < MOST_CHAIN; j++)
            rc = gnutls_pcert_import_x509(&chain[n], file.crt[j], 0) < 0 ? err_nomem(&err) : (n++, 0);
        if (rc == 0 && file.n_keys > 0 && !key) {
            key = file.key[0];
            file.key[0] = NULL;
        }
        if (rc != 0)
            diag_error(diag, list->item[i].src, "backend \"%s\": certificate: %s", backend->conf->name,
                       err.text);
        x509file_done(&file);
    }
    if (rc == 0 && (n == 0 || !key)) {
        rc = ERR_NOTFOUND;
        diag_error(diag, list->item[0].src, "backend \"%s\": certificate needs a certificate and its key",
                   backend->conf->name);
    }
    int taken = rc == 0 ? gnutls_certificate_set_key(backend->credentials, NULL, 0, chain, (int)n, key) : -1;
    if (rc == 0 && taken < 0) {
        rc = ERR_MISMATCH;
        diag_error(diag, list->item[0].src, "backend \"%s\": certificate: %s", backend->conf->name,
                   gnutls_strerror(taken));
    }
    if (taken < 0) { /* else they are the credentials' */
        for (unsigned i = 0; i < n; i++)
            gnutls_pcert_deinit(&chain[i]);
        gnutls_privkey_deinit(key);
    }
    return rc;
}

static int make_credentials(struct backend *backend, struct diag *diag)
{
    const struct conf_backend *conf = backend->conf;
    if (!conf_backend_has_tls(conf))
        return 0;
    int made = gnutls_certificate_allocate_credentials(&backend->credentials);
    if (made >= 0)
        made = gnutls_priority_init(&backend->priorities, NULL, NULL);
    if (made < 0) {
        diag_error(diag, backend->conf->src, "backend \"%s\": TLS: %s", backend->conf->name,
                   gnutls_strerror(made));
        return ERR_CRYPTO;
    }
    int rc = trust_ca(backend, diag);
    int own = take_certificate(backend, diag);
    return rc != 0 ? rc : own;
}

static int take_servers(struct backend *backend, struct diag *diag)
{
    const struct conf_backend *conf = backend->conf;
    for (size_t i = 0; i < conf->n_servers; i++) {
        const struct conf_server *one = &conf->servers[i];
        struct backend_server *server = &backend->server[i];
        server->conf = one;
        server->origin = origin_get(conf->name, one);
        if (!server->origin)
            return ERR_NOMEM;
        struct origin_address ignored;
        server->sni = conf->server_name.text ? conf->server_name.text : one->host;
        server->sni_is_address = parse_address(server->sni, 0, &ignored);
        backend->n++;
        int rc = server->origin->host ? resolve(server->origin) : 0;
        unsigned turn;
        /* Those that it had before stay, and the resolver asks again. */
        if (rc != 0 && !origin_address(server->origin, 0, &turn, &ignored))
            diag_warning(
                diag, one->src,
                "backend \"%s\": the name %s cannot be resolved now (%s): the server has no requests "
                "until it can",
                conf->name, one->host, gai_strerror(rc));
    }
    return 0;
}

int backend_new(const struct conf_backend *conf, struct diag *diag, struct backend **out)
{
    struct backend *backend = calloc(1, sizeof *backend);
    if (!backend)
        return ERR_NOMEM;
    atomic_init(&backend->refs, 1);
    backend->conf = conf;
    backend->rules = (struct balance_rules){
        .kind = conf->balance,
        .max_fails = (unsigned)conf->max_fails,
        .fail_timeout_ms = (uint64_t)conf->fail_timeout * 1000,
        /* Where one connection has many requests, connections are counted where they are made. */
        .max_connections = conf_backend_is_h2(conf) ? 0 : (unsigned)conf->max_connections,
    };
    backend->server = calloc(conf->n_servers + 1, sizeof *backend->server);
    int rc = backend->server ? take_servers(backend, diag) : ERR_NOMEM;
    if (rc == 0)
        rc = make_credentials(backend, diag);
    if (rc == 0)
        *out = backend;
    else
        backend_unref(backend);
    return rc;
}

void backend_retire(struct backend *backend)
{
    if (backend)
        atomic_store(&backend->retired, true);
    backend_unref(backend);
}

struct backend *backend_ref(struct backend *backend)
{
    atomic_fetch_add_explicit(&backend->refs, 1, memory_order_relaxed);
    return backend;
}

void backend_unref(struct backend *backend)
{
    if (!backend || atomic_fetch_sub_explicit(&backend->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (unsigned i = 0; i < backend->n; i++)
        origin_unref(backend->server[i].origin);
    free(backend->server);
    if (backend->credentials)
        gnutls_certificate_free_credentials(backend->credentials);
    if (backend->priorities)
        gnutls_priority_deinit(backend->priorities);
    free(backend);
}

enum { QUIET_MS = 60 * 1000 };

bool origin_tells(struct origin *server, enum origin_result kind, uint64_t now_ms)
{
    struct origin_trouble *trouble = &server->trouble[kind];
    uint64_t heard = 0;
    atomic_fetch_add_explicit(&trouble->hits, 1, memory_order_relaxed);
    if (!atomic_compare_exchange_strong(&trouble->told_ms, &heard, now_ms > 0 ? now_ms : 1))
        return false;
    atomic_fetch_add_explicit(&trouble->told, 1, memory_order_relaxed);
    return true;
}

uint64_t origin_untold(struct origin *server, enum origin_result kind, uint64_t now_ms)
{
    struct origin_trouble *trouble = &server->trouble[kind];
    uint64_t heard = atomic_load(&trouble->told_ms);
    if (heard == 0 || now_ms < heard + QUIET_MS)
        return 0;
    uint64_t hits = atomic_load_explicit(&trouble->hits, memory_order_relaxed);
    uint64_t told = atomic_exchange_explicit(&trouble->told, hits, memory_order_relaxed);
    atomic_store(&trouble->told_ms, hits > told ? now_ms : 0);
    return hits > told ? hits - told : 0;
}
