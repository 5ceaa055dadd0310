#include "server/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/guard.h"
#include "http/route.h"
#include "server/peer_cache.h"
#include "tls/facts.h"
#include "tls/priorities.h"

static int load_listener(const struct conf *conf, const struct conf_listener *listener,
                         const struct ticket_master *master, gnutls_certificate_retrieve_function3 *choose,
                         struct crl_shelf *shelf, struct diag *diag, struct snapshot_listener *out)
{
    out->conf = listener;
    int rc = trust_load(conf, listener, shelf, diag, &out->trust);
    int own = listener->certificate.n > 0 ? creds_load(conf, listener, out->trust, diag, &out->creds)
                                          : ERR_SYNTAX; /* conf_check said so */
    rc = rc != 0 ? rc : own;
    if (rc != 0)
        return rc;
    if (choose)
        gnutls_certificate_set_retrieve_function3(creds_gnutls(out->creds), choose);
    struct err err = {0};
    rc = ticket_key_init(&out->ticket_key, master, listener, out->trust, &err);
    if (rc != 0) {
        diag_error(diag, listener->ticket_key_file.text ? listener->ticket_key_file.src : listener->src, "%s",
                   err.text);
        return rc;
    }
    /* A TLS 1.2 ticket goes over the wire in the clear, and so does the certificate in it (proof.h). */
    bool only13 = listener->client_auth != CLIENT_AUTH_OFF && !listener->tickets_tls12;
    if (gnutls_priority_init(&out->priorities, tls_priorities(only13), NULL) < 0) {
        diag_error(diag, listener->src, "GnuTLS does not take the priorities that every listener has");
        return ERR_CRYPTO;
    }
    out->peers = peer_cache_new();
    out->proxies = calloc(listener->trusted_proxies.n + 1, sizeof *out->proxies);
    if (!out->peers || !out->proxies)
        return ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < listener->trusted_proxies.n; i++) /* conf_check has looked at them */
        rc = cidr_parse(listener->trusted_proxies.item[i].text, &out->proxies[i], &err);
    return rc;
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
    if (!listener->tickets || !master)
        return 0;
    if (!listener->ticket_key_file.text)
        return master->made;
    return stat(listener->ticket_key_file.text, &st) == 0 ? st.st_mtime : 0;
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

/* With `partial`, *out is set after errors, too, with what could be loaded. */
static int build(const char *conf_file, const struct ticket_master *master,
                 gnutls_certificate_retrieve_function3 *choose, bool partial, struct diag *diag,
                 struct snapshot **out)
{
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot)
        return ERR_NOMEM;
    atomic_init(&snapshot->refs, 1);
    snapshot->document_root = -1;
    struct crl_shelf *shelf = crl_shelf_new(); /* without it the same file is read for each listener */
    int conf_rc = conf_load_partial(conf_file, diag, &snapshot->conf), rc = conf_rc;
    if (!snapshot->conf)
        goto out;

    const struct conf *conf = snapshot->conf;
    snapshot->listener = calloc(conf->n_listeners + 1, sizeof *snapshot->listener);
    snapshot->health = calloc(conf->n_listeners + 1, sizeof *snapshot->health);
    if (!snapshot->listener || !snapshot->health) {
        rc = ERR_NOMEM;
        goto out;
    }
    snapshot->n_listeners = conf->n_listeners;
    /* Every part is tried even when an earlier one failed, so that all findings come at once. */
    rc = policy_new(conf->location, conf->n_locations, diag, &snapshot->policy);
    int root = open_root(conf, diag, &snapshot->document_root);
    rc = rc != 0 ? rc : root;
    route_lint(conf, diag);
    if (snapshot->policy) {
        int cas = load_client_cas(snapshot->policy, conf, diag);
        rc = rc != 0 ? rc : cas;
        guard_find_links(snapshot->policy, conf, snapshot->document_root, diag);
    }
    for (size_t i = 0; i < conf->n_listeners; i++) {
        struct snapshot_listener *listener = &snapshot->listener[i];
        int one = load_listener(conf, &conf->listener[i], master, choose, shelf, diag, listener);
        rc = rc != 0 ? rc : one;
        if (one == 0) {
            snapshot->health[i] = (struct health_listener){
                .name = conf->listener[i].name,
                .certificate_not_after = creds_not_after(listener->creds),
                .certificate_soon_from = creds_ends_soon_from(listener->creds),
                .crl_next_update = trust_crl_next_update(listener->trust),
                .crl_refuses_from = refuses_from(&conf->listener[i], listener->trust),
                .ticket_key_made = ticket_key_made(&conf->listener[i], master),
            };
            snapshot->health[i].note = trust_notes(listener->trust, &snapshot->health[i].n_notes);
        }
    }
    int backends = load_backends(snapshot, diag);
    rc = rc != 0 ? rc : backends;
    rc = conf_rc != 0 ? conf_rc : rc;
out:
    crl_shelf_free(shelf);
    if (rc == 0 && diag->errors > 0)
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
    int rc = build(conf_file, master, choose, false, &order.diag, out);
    diag_order_flush(&order);
    return rc;
}

int snapshot_build_partial(const char *conf_file, struct diag *diag, struct snapshot **out)
{
    return build(conf_file, NULL, NULL, true, diag, out);
}

/* A location holds on every listener. */
static const char *shared_name(const struct snapshot *snapshot)
{
    const char *name = NULL;
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        const struct trust *one = snapshot->listener[i].trust;
        for (size_t j = i; one && !name && j < snapshot->n_listeners; j++) {
            const struct trust *other = snapshot->listener[j].trust;
            name = other ? trust_shared_name(one, other) : NULL;
        }
    }
    return name;
}

/* Whether a listener trusts the CA that also asks for certificates. */
static bool is_asked_for(const struct snapshot *snapshot, const struct anchor_id *id)
{
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        const struct snapshot_listener *listener = &snapshot->listener[i];
        if (listener->conf->client_auth != CLIENT_AUTH_OFF && trust_has(listener->trust, id))
            return true;
    }
    return false;
}

/* Clients whose path ends earlier than the location wants, because the listener trusts a CA below. */
static void lint_short(const struct snapshot *snapshot, const struct conf_location *location,
                       const struct anchor_set *set, struct diag *diag)
{
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        const struct anchor_id *above = NULL,
                               *below = trust_short_of(snapshot->listener[i].trust, set, &above);
        if (!below || snapshot->listener[i].conf->client_auth == CLIENT_AUTH_OFF)
            continue;
        diag_warning(
            diag, location->client_ca.item[0].src,
            "location \"%s\": listen \"%s\" trusts %s itself: paths end there before they reach %s, and do "
            "not count here; name its certificate in client_ca of the location, too, where they may pass",
            location->prefix, snapshot->listener[i].conf->name, below->subject, above->subject);
        return;
    }
}

/* A location that wants a path to end where it cannot. */
static void lint_client_ca(const struct snapshot *snapshot, const struct conf_location *location,
                           struct diag *diag)
{
    const struct anchor_set *set = policy_client_ca(snapshot->policy, location);
    size_t usable = 0;
    for (size_t i = 0; set && i < set->n; i++)
        usable += is_asked_for(snapshot, set->id[i]);
    for (size_t i = 0; set && i < set->n; i++) {
        static const char REMEDY[] = "name its file in client_ca or trusted_ca of a listener, too";
        if (is_asked_for(snapshot, set->id[i]))
            continue;
        if (usable == 0)
            diag_error(
                diag, set->src[i],
                "location \"%s\": nobody can pass: no listener that asks for certificates trusts %s; %s",
                location->prefix, set->id[i]->subject, REMEDY);
        else
            diag_warning(
                diag, set->src[i],
                "location \"%s\": nobody can pass by %s, which no listener that asks for certificates "
                "trusts; %s",
                location->prefix, set->id[i]->subject, REMEDY);
    }
    if (set)
        lint_short(snapshot, location, set, diag);
}

void snapshot_lint(const struct snapshot *snapshot, time_t now, struct diag *diag)
{
    if (snapshot->policy)
        policy_lint(snapshot->policy, shared_name(snapshot), diag);
    for (size_t i = 0; snapshot->whole && i < snapshot->conf->n_locations; i++)
        lint_client_ca(snapshot, &snapshot->conf->location[i], diag);
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        const struct snapshot_listener *listener = &snapshot->listener[i];
        if (listener->trust)
            trust_lint(listener->trust, diag);
        if (listener->creds)
            creds_lint(listener->creds, listener->conf, now, diag);
    }
}

void snapshot_warn_older(const struct snapshot *old, const struct snapshot *snapshot, struct diag *diag)
{
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        const struct snapshot_listener *listener = &snapshot->listener[i];
        const struct snapshot_listener *before = snapshot_listener(old, listener->conf->name);
        if (before && listener->conf->crl.n > 0)
            trust_warn_older_crls(before->trust, listener->trust, listener->conf->crl.item[0].src, diag);
    }
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
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        struct snapshot_listener *listener = &snapshot->listener[i];
        peer_cache_free(listener->peers);
        free(snapshot->listener[i].proxies);
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
    for (size_t i = 0; i < listener->conf->trusted_proxies.n; i++) {
        if (cidr_has(&listener->proxies[i], address))
            return true;
    }
    return false;
}
