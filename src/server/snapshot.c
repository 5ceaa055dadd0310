#include "server/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/guard.h"
#include "http/route.h"
#include "server/peer_cache.h"
#include "tls/facts.h"
#include "tls/priorities.h"

/* What all listeners are loaded with. */
struct loading {
    const struct conf *conf;
    const struct ticket_master *master;            /* NULL: for `check`, no tickets are made */
    gnutls_certificate_retrieve_function3 *choose; /* NULL likewise */
    struct crl_shelf *shelf; /* NULL, memory is short: the same file is read for each listener */
    struct diag *diag;
};

/* Of a host, the listener that it is in, which is loaded; NULL: it is one. */
static const struct snapshot_listener *its_listener(const struct snapshot_listener *of)
{
    return of->of != of ? of->of : NULL;
}

/* What its listener has loaded already is shared, and its troubles are not told twice. */
static int load_trust(const struct loading *with, struct snapshot_listener *out)
{
    const struct snapshot_listener *of = its_listener(out);
    const bool same = of && conf_same_trust(of->conf, out->conf);
    if (same && of->trust)
        out->trust = trust_ref(of->trust);
    return out->trust ? 0 : trust_load(with->conf, out->conf, with->shelf, with->diag, &out->trust);
}

static int load_creds(const struct loading *with, struct snapshot_listener *out)
{
    const struct snapshot_listener *of = its_listener(out);
    struct diag silent = {0};
    const bool told = of && !conf_has_own_certificates(out->conf);
    if (of && of->creds && conf_same_credentials(of->conf, out->conf)) {
        out->creds = creds_ref(of->creds);
        return 0;
    }
    return creds_load(with->conf, out->conf, out->trust, told && !of->creds ? &silent : with->diag,
                      &out->creds);
}

static int load_priorities(const struct conf_listener *listener, struct snapshot_listener *out)
{
    /* A TLS 1.2 ticket goes over the wire in the clear, and so does the certificate in it (proof.h). */
    bool only13 = listener->client_auth != CLIENT_AUTH_OFF && !listener->tickets_tls12;
    int rc = gnutls_priority_init(&out->priorities, tls_priorities(only13), NULL);
    if (rc >= 0 && listener->n_hosts > 0) /* what GnuTLS was once told to leave out stays out */
        rc = gnutls_priority_init(&out->open_priorities, tls_priorities(false), NULL);
    return rc;
}

/* Those of its listener, whose faults were told there. */
static bool inherits_rules(const struct conf_listener *host)
{
    return (host->allow.n == 0 || host->allow.item[0].inherited) &&
           (host->deny.n == 0 || host->deny.item[0].inherited);
}

/* What a session needs, when the CAs are loaded. */
static int load_tls(const struct loading *with, struct snapshot_listener *out)
{
    const struct conf_listener *conf = out->conf;
    struct err err = {0};
    int rc = conf->certificate.n > 0 ? load_creds(with, out) : ERR_SYNTAX; /* conf_check said so */
    if (rc != 0 || !out->trust)
        return rc;
    if (with->choose)
        gnutls_certificate_set_retrieve_function3(creds_gnutls(out->creds), with->choose);
    rc = ticket_key_init(&out->ticket_key, with->master, conf, out->trust, &err);
    if (rc != 0) {
        if (!its_listener(out))
            diag_error(with->diag, conf->ticket_key_file.text ? conf->ticket_key_file.src : conf->src, "%s",
                       err.text);
        return rc;
    }
    if (load_priorities(conf, out) < 0) {
        diag_error(with->diag, conf->src, "GnuTLS does not take the priorities that every listener has");
        return ERR_CRYPTO;
    }
    return 0;
}

/* Who is let in where there are no requests. */
static int load_door(const struct loading *with, struct snapshot_listener *out)
{
    struct diag silent = {0};
    const bool told = its_listener(out) && inherits_rules(out->conf);
    if (out->conf->mode != LISTENER_TCP)
        return 0;
    return policy_new_door(out->conf, &out->door, told ? &silent : with->diag, &out->door_policy);
}

static int load_proxies(struct snapshot_listener *out)
{
    const struct conf_list *from = &out->conf->trusted_proxies;
    struct err err = {0};
    int rc = 0;
    out->proxies = calloc(from->n + 1, sizeof *out->proxies);
    if (!out->proxies)
        return ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < from->n; i++) /* conf_check has looked at them */
        rc = cidr_parse(from->item[i].text, &out->proxies[i], &err);
    return rc;
}

/* `of`: of a host, its listener; NULL: it is one. Each part is tried even when an earlier one failed, so that
 * all findings come at once. */
static int load_listener(const struct loading *with, const struct conf_listener *conf,
                         const struct snapshot_listener *of, struct snapshot_listener *out)
{
    out->conf = conf;
    out->of = of ? of : out;
    out->label = conf_label(conf);
    int rc = load_trust(with, out);
    int own = conf->tls ? load_tls(with, out) : 0;
    rc = rc != 0 ? rc : own;
    int door = load_door(with, out);
    rc = rc != 0 ? rc : door;
    if (rc != 0)
        return rc;
    out->peers = peer_cache_new();
    if (!out->peers || !out->label)
        return ERR_NOMEM;
    return load_proxies(out);
}

static int by_name(const void *a, const void *b)
{
    const struct snapshot_listener *x = *(const struct snapshot_listener *const *)a,
                                   *y = *(const struct snapshot_listener *const *)b;
    return strcmp(x->conf->name, y->conf->name);
}

/* Its hosts, which are loaded, stand at `host`. */
static int index_hosts(struct snapshot_listener *listener, struct snapshot_listener *host)
{
    const size_t n = listener->conf->n_hosts;
    listener->host = calloc(n + 1, sizeof(struct snapshot_listener *));
    if (!listener->host)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        listener->host[i] = &host[i];
        host[i].judged_as = i + 1; /* the listener's own is 0 */
        if (conf_same_judgement(host[i].conf, listener->conf))
            host[i].judged_as = 0;
        for (size_t j = 0; j < i && host[i].judged_as == i + 1; j++) {
            if (host[j].judged_as == j + 1 && conf_same_judgement(host[i].conf, host[j].conf))
                host[i].judged_as = j + 1;
        }
    }
    listener->n_hosts = n;
    if (n > 0)
        qsort(listener->host, n, sizeof(struct snapshot_listener *), by_name);
    return 0;
}

/* The CAs of the locations. */
static int load_client_cas(struct policy *policy, const struct conf *conf, struct diag *diag)
{
    int rc = 0;
    for (size_t i = 0; i < conf->n_locations; i++) {
        const struct conf_location *location = &conf->location[i];
        struct anchor_set *set = NULL;
        if (location->client_ca.n == 0)
            continue;
        int one = anchor_set_load(&location->client_ca, diag, &set);
        if (one == 0)
            policy_set_client_ca(policy, location, set);
        rc = rc != 0 ? rc : one;
    }
    return rc;
}

static int open_root(const struct conf *conf, struct diag *diag, int *out)
{
    const struct conf_text *root = &conf->document_root;
    if (!root->text)
        return 0;
    int fd = open(root->text, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        diag_error(diag, root->src, "document_root: cannot open the folder %s: %s", root->text,
                   strerror(errno));
        return errno == EACCES ? ERR_DENIED : ERR_NOTFOUND;
    }
    /* Nothing is opened in it before somebody asks for a file. */
    if (faccessat(fd, ".", X_OK, AT_EACCESS) != 0) {
        diag_error(diag, root->src, "document_root: no file in %s can be opened: %s: chmod o+x %s",
                   root->text, strerror(errno), root->text);
        close(fd);
        return ERR_DENIED;
    }
    *out = fd;
    return 0;
}

/* When the first CRL of a listener begins to make it refuse clients; 0: never. */
static time_t refuses_from(const struct conf_listener *listener, const struct trust *trust)
{
    time_t next_update = trust_crl_next_update(trust);
    if (next_update == 0 || listener->crl_check == CRL_CHECK_OFF ||
        listener->crl_stale_mode == CRL_STALE_ACCEPT)
        return 0;
    return next_update + (listener->crl_stale_mode == CRL_STALE_GRACE ? (time_t)listener->crl_grace : 0);
}

static time_t ticket_key_made(const struct conf_listener *listener, const struct ticket_master *master)
{
    struct stat st;
    if (!listener->tickets || !listener->tls || !master)
        return 0;
    if (!listener->ticket_key_file.text)
        return master->made;
    return stat(listener->ticket_key_file.text, &st) == 0 ? st.st_mtime : 0;
}

/* Of a host, what it has of its listener is told there. */
static void describe(const struct snapshot_listener *listener, const struct ticket_master *master,
                     struct health_listener *out)
{
    const struct conf_listener *conf = listener->conf;
    const bool shown = listener->creds && conf_has_own_certificates(conf); /* without TLS it is an error */
    const bool trusted = listener->of == listener || listener->trust != listener->of->trust;
    *out = (struct health_listener){
        .name = listener->label,
        .certificate_not_after = shown ? creds_not_after(listener->creds) : 0,
        .certificate_soon_from = shown ? creds_ends_soon_from(listener->creds) : 0,
        .crl_next_update = trusted ? trust_crl_next_update(listener->trust) : 0,
        .crl_refuses_from = trusted ? refuses_from(conf, listener->trust) : 0,
        .ticket_key_made = listener->of == listener ? ticket_key_made(conf, master) : 0,
    };
    if (trusted)
        out->note = trust_notes(listener->trust, &out->n_notes);
}

/* All, also when one fails. */
static int load_listeners(struct snapshot *snapshot, const struct loading *with)
{
    const struct conf *conf = snapshot->conf;
    int rc = 0;
    for (size_t i = 0; i < snapshot->n_all; i++) {
        struct snapshot_listener *listener = &snapshot->listener[i], *of = NULL;
        const struct conf_listener *its = &conf->listener[i];
        if (i >= conf->n_listeners) {
            its = &conf->host[i - conf->n_listeners];
            of = &snapshot->listener[its->of - conf->listener];
        }
        int one = load_listener(with, its, of, listener);
        rc = rc != 0 ? rc : one;
        if (one == 0)
            describe(listener, with->master, &snapshot->health[i]);
    }
    for (size_t i = 0; i < conf->n_listeners; i++) {
        const struct conf_listener *its = &conf->listener[i];
        const size_t first = its->n_hosts > 0 ? (size_t)(its->host - conf->host) : 0;
        int one = index_hosts(&snapshot->listener[i], &snapshot->listener[conf->n_listeners + first]);
        rc = rc != 0 ? rc : one;
    }
    return rc;
}

static int load_backends(struct snapshot *snapshot, struct diag *diag)
{
    const struct conf *conf = snapshot->conf;
    int rc = 0;
    snapshot->backend = calloc(conf->n_backends + 1, sizeof *snapshot->backend);
    if (!snapshot->backend)
        return ERR_NOMEM;
    for (size_t i = 0; i < conf->n_backends; i++) {
        int one = backend_new(&conf->backend[i], diag, &snapshot->backend[i]);
        rc = rc != 0 ? rc : one;
    }
    return rc;
}

/* All that the configuration names; `with` has the configuration. */
static int load_parts(struct snapshot *snapshot, const struct loading *with)
{
    const struct conf *conf = with->conf;
    struct diag *diag = with->diag;
    snapshot->n_listeners = conf->n_listeners;
    snapshot->n_all = conf->n_listeners + conf->n_hosts;
    /* Every part is tried even when an earlier one failed, so that all findings come at once. */
    int rc = policy_new(conf->location, conf->n_locations, diag, &snapshot->policy);
    int root = open_root(conf, diag, &snapshot->document_root);
    rc = rc != 0 ? rc : root;
    route_lint(conf, diag);
    if (snapshot->policy) {
        int cas = load_client_cas(snapshot->policy, conf, diag);
        rc = rc != 0 ? rc : cas;
        guard_find_links(snapshot->policy, conf, snapshot->document_root, diag);
    }
    int listeners = load_listeners(snapshot, with);
    rc = rc != 0 ? rc : listeners;
    int backends = load_backends(snapshot, diag);
    return rc != 0 ? rc : backends;
}

/* `with` is complete but for the configuration and the shelf. With `partial`, *out is set after errors, too,
 * with what could be loaded. */
static int build(const char *conf_file, struct loading *with, bool partial, struct snapshot **out)
{
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot)
        return ERR_NOMEM;
    atomic_init(&snapshot->refs, 1);
    snapshot->document_root = -1;
    with->shelf = crl_shelf_new();
    int conf_rc = conf_load_partial(conf_file, with->diag, &snapshot->conf), rc = conf_rc;
    if (!snapshot->conf)
        goto out;

    const size_t n = snapshot->conf->n_listeners + snapshot->conf->n_hosts;
    with->conf = snapshot->conf;
    snapshot->listener = calloc(n + 1, sizeof *snapshot->listener);
    snapshot->health = calloc(n + 1, sizeof *snapshot->health);
    if (!snapshot->listener || !snapshot->health) {
        rc = ERR_NOMEM;
        goto out;
    }
    rc = load_parts(snapshot, with);
    rc = conf_rc != 0 ? conf_rc : rc;
out:
    crl_shelf_free(with->shelf);
    if (rc == 0 && with->diag->errors > 0)
        rc = ERR_SYNTAX;
    snapshot->whole = rc == 0;
    if (rc == 0 || (partial && snapshot->health))
        *out = snapshot;
    else
        snapshot_unref(snapshot);
    return rc;
}

int snapshot_build(const char *conf_file, const struct ticket_master *master,
                   gnutls_certificate_retrieve_function3 *choose, struct diag *diag, struct snapshot **out)
{
    struct diag_order order;
    diag_order_init(&order, diag);
    struct loading with = {.master = master, .choose = choose, .diag = &order.diag};
    int rc = build(conf_file, &with, false, out);
    diag_order_flush(&order);
    return rc;
}

int snapshot_build_partial(const char *conf_file, struct diag *diag, struct snapshot **out)
{
    struct loading with = {.diag = diag};
    return build(conf_file, &with, true, out);
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
    return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < snapshot->n_all; i++) {
        struct snapshot_listener *listener = &snapshot->listener[i];
        peer_cache_free(listener->peers);
        policy_free(listener->door_policy);
        free(listener->proxies);
        free(listener->host);
        free(listener->label);
        gnutls_priority_deinit(listener->open_priorities);
        ticket_key_done(&listener->ticket_key);
        gnutls_priority_deinit(listener->priorities);
        creds_unref(listener->creds);
        trust_unref(listener->trust);
    }
    for (size_t i = 0; snapshot->backend && i < snapshot->conf->n_backends; i++)
        backend_retire(snapshot->backend[i]);
    free(snapshot->backend);
    free(snapshot->listener);
    free(snapshot->health);
    policy_free(snapshot->policy);
    if (snapshot->document_root >= 0)
        close(snapshot->document_root);
    conf_free(snapshot->conf);
    free(snapshot);
}

const struct snapshot_listener *snapshot_listener(const struct snapshot *snapshot, const char *name)
{
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        if (strcmp(snapshot->listener[i].conf->name, name) == 0)
            return &snapshot->listener[i];
    }
    return NULL;
}

bool snapshot_trusts(const struct snapshot_listener *listener, const struct sockaddr *address)
{
    if (listener->conf->proxy_protocol == PROXY_PROTOCOL_OFF)
        return true;
    if (address->sa_family == AF_UNIX) /* the rights of the socket have said who may */
        return conf_is_local(listener->conf);
    for (size_t i = 0; i < listener->conf->trusted_proxies.n; i++) {
        if (cidr_has(&listener->proxies[i], address))
            return true;
    }
    return false;
}

static const struct snapshot_listener *find_host(const struct snapshot_listener *listener, const char *name)
{
    size_t from = 0, to = listener->n_hosts;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        const int order = strcmp(name, listener->host[middle]->conf->name);
        if (order == 0)
            return listener->host[middle];
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

const struct snapshot_listener *snapshot_host(const struct snapshot_listener *listener, const char *name)
{
    enum { NAME_MOST = 255 };
    char wildcard[NAME_MOST + 2];
    const struct snapshot_listener *found = listener->n_hosts > 0 ? find_host(listener, name) : NULL;
    const size_t len = strlen(name);
    if (listener->n_hosts == 0 || len > NAME_MOST || *name == '*')
        return listener;
    for (const char *dot = strchr(name, '.'); dot && dot > name && !found; dot = strchr(dot + 1, '.')) {
        snprintf(wildcard, sizeof wildcard, "*%s", dot);
        found = find_host(listener, wildcard);
    }
    return found ? found : listener;
}
