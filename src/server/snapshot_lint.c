/* What is said of a snapshot beside its errors: what nobody can have meant, and what a reload takes back. */
#include <stdio.h>
#include <string.h>

#include "server/snapshot.h"

/* A location holds on every listener. */
static const char *shared_name(const struct snapshot *snapshot)
{
    const char *name = NULL;
    for (size_t i = 0; i < snapshot->n_all; i++) {
        const struct trust *one = snapshot->listener[i].trust;
        for (size_t j = i; one && !name && j < snapshot->n_all; j++) {
            const struct trust *other = snapshot->listener[j].trust;
            name = other ? trust_shared_name(one, other) : NULL;
        }
    }
    return name;
}

/* Whether a listener trusts the CA that also asks for certificates. */
static bool is_asked_for(const struct snapshot *snapshot, const struct anchor_id *id)
{
    for (size_t i = 0; i < snapshot->n_all; i++) {
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
    for (size_t i = 0; i < snapshot->n_all; i++) {
        const struct anchor_id *above = NULL,
                               *below = trust_short_of(snapshot->listener[i].trust, set, &above);
        if (!below || snapshot->listener[i].conf->client_auth == CLIENT_AUTH_OFF)
            continue;
        diag_warning(
            diag, location->client_ca.item[0].src,
            "location \"%s\": listen \"%s\" trusts %s itself: paths end there before they reach %s, and do "
            "not count here; name its certificate in client_ca of the location, too, where they may pass",
            location->prefix, snapshot->listener[i].label, below->subject, above->subject);
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

/* What applications commonly take of fields. */
static void lint_chain(const struct snapshot *snapshot, const struct conf_location *location,
                       struct diag *diag)
{
    enum { COMMON = 8 * 1024 };
    const bool told = location->to && location->identity & IDENTITY_CLIENT_CERT_CHAIN;
    for (size_t i = 0; told && i < snapshot->n_all; i++) {
        const struct snapshot_listener *listener = &snapshot->listener[i];
        const size_t length =
            listener->conf->client_auth != CLIENT_AUTH_OFF ? trust_chain_length(listener->trust) : 0;
        if (length <= COMMON)
            continue;
        diag_warning(
            diag, location->src,
            "location \"%s\": Client-Cert-Chain gets up to %zu bytes long by the CAs that listen \"%s\" "
            "trusts, and many applications refuse more than 8192 bytes of fields: have those of backend "
            "\"%s\" take more, or leave client-cert-chain out",
            location->prefix, length, listener->label, location->backend.text);
        return;
    }
}

/* A host whose clients get a certificate that is not for its name. */
static void lint_name(const struct snapshot_listener *host, struct diag *diag)
{
    const struct conf_listener *conf = host->conf;
    if (creds_cover(host->creds, conf->name))
        return;
    diag_warning(diag, conf->src,
                 "host \"%s\": no certificate is for this name, %s: clients will refuse it; name one in "
                 "certificate that is",
                 conf->name,
                 conf_has_own_certificates(conf) ? "of those that it has" : "those are the listener's");
}

/* A location of a host for whose name no listener has a certificate: who asks for it takes none of them. A
 * host block of that name tells of it itself. */
static void lint_location_name(const struct snapshot *snapshot, const struct conf_location *location,
                               struct diag *diag)
{
    const size_t n = conf_location_host(location);
    const struct conf_listener *lacks = NULL;
    char host[256];
    if (n == 0 || n >= sizeof host)
        return;
    snprintf(host, sizeof host, "%.*s", (int)n, location->prefix);
    if (host[0] == '[' || host[strspn(host, "0123456789.")] == '\0') /* addresses are not asked for by name */
        return;
    for (size_t i = 0; i < snapshot->n_all; i++) {
        const struct snapshot_listener *listener = &snapshot->listener[i];
        if (!listener->creds || listener->conf->mode != LISTENER_HTTP)
            continue;
        if (creds_cover(listener->creds, host) || strcmp(listener->conf->name, host) == 0)
            return;
        lacks = lacks ? lacks : listener->of->conf;
    }
    if (lacks)
        diag_warning(diag, location->src,
                     "location \"%s\": no certificate of listen \"%s\" (line %u), or of another, is for %s: "
                     "clients will refuse it; name one in certificate that is",
                     location->prefix, lacks->name, lacks->src.line, host);
}

void snapshot_lint(const struct snapshot *snapshot, time_t now, struct diag *diag)
{
    if (snapshot->policy)
        policy_lint(snapshot->policy, shared_name(snapshot), diag);
    for (size_t i = 0; snapshot->whole && i < snapshot->conf->n_locations; i++)
        lint_client_ca(snapshot, &snapshot->conf->location[i], diag);
    for (size_t i = 0; snapshot->whole && i < snapshot->conf->n_locations; i++)
        lint_chain(snapshot, &snapshot->conf->location[i], diag);
    for (size_t i = 0; snapshot->whole && i < snapshot->conf->n_locations; i++)
        lint_location_name(snapshot, &snapshot->conf->location[i], diag);
    for (size_t i = 0; i < snapshot->n_all; i++) {
        const struct snapshot_listener *listener = &snapshot->listener[i];
        const bool host = listener->of != listener;
        if (listener->door_policy)
            policy_lint(listener->door_policy,
                        listener->trust ? trust_shared_name(listener->trust, listener->trust) : NULL, diag);
        if (listener->trust && !(host && listener->trust == listener->of->trust))
            trust_lint(listener->trust, diag);
        if (!listener->creds)
            continue;
        if (conf_has_own_certificates(listener->conf))
            creds_lint(listener->creds, listener->conf, now, diag);
        if (host)
            lint_name(listener, diag);
    }
}

void snapshot_warn_older(const struct snapshot *old, const struct snapshot *snapshot, struct diag *diag)
{
    for (size_t i = 0; i < snapshot->n_all; i++) {
        const struct snapshot_listener *listener = &snapshot->listener[i];
        const struct snapshot_listener *before = snapshot_listener(old, listener->of->conf->name);
        if (before && listener->of != listener)
            before = snapshot_host(before, listener->conf->name);
        const bool told = listener->of != listener && listener->trust == listener->of->trust;
        if (before && !told && listener->conf->crl.n > 0)
            trust_warn_older_crls(before->trust, listener->trust, listener->conf->crl.item[0].src, diag);
    }
}
