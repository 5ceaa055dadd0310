#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "policy/rule.h"

/* Rules in the order of their texts in the configuration. */
struct rules {
    struct rule *rule;
    size_t n;
};

/* One location block. */
struct place {
    const struct conf_location *conf;
    const char *path; /* in its prefix */
    size_t host;      /* bytes of the prefix before the path */
    size_t len;       /* of the path without its final slash */
    struct rules allow, deny;
    struct anchor_set *client_ca; /* owned; NULL: none were given */
    bool linked;
};

struct policy {
    struct place *place; /* exact hosts first, then wildcards by length, then none; within each the longest
                            path first */
    size_t n;
};

int policy_check_rule(const char *text, struct err *err)
{
    struct rule rule;
    int rc = rule_init(&rule, text, err);
    if (rc == 0)
        rule_done(&rule);
    return rc;
}

static void rules_done(struct rules *rules)
{
    for (size_t i = 0; i < rules->n; i++)
        rule_done(&rules->rule[i]);
    free(rules->rule);
}

/* Compiles a list, going on after a bad rule. Returns the first failure, with what was compiled left to
 * rules_done. */
static int rules_init(struct rules *rules, const struct conf_list *list, const char *block,
                      const char *prefix, struct diag *diag)
{
    int failed = 0;
    if (list->n == 0)
        return 0;
    rules->rule = calloc(list->n, sizeof *rules->rule);
    if (!rules->rule) {
        diag_error(diag, list->item[0].src, "out of memory");
        return ERR_NOMEM;
    }
    rules->n = list->n;
    for (size_t i = 0; i < list->n; i++) {
        struct err err = {0};
        int rc = rule_init(&rules->rule[i], list->item[i].text, &err);
        if (rc == 0)
            continue;
        char *shown = text_escaped(list->item[i].text, strlen(list->item[i].text));
        diag_error(diag, list->item[i].src, "%s \"%s\": rule \"%.200s\": %s", block, prefix,
                   shown ? shown : "", err.text);
        free(shown);
        failed = failed ? failed : rc;
    }
    return failed;
}

/* What is asked first is larger. */
static size_t host_rank(const struct place *place)
{
    const bool all = place->host > 0 && place->conf->prefix[0] == '*';
    return place->host == 0 ? 0 : all ? place->host : SIZE_MAX;
}

/* By host_rank, the longest path, text, and then as written: the second of two equal ones follows the first.
 */
static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (host_rank(x) != host_rank(y))
        return host_rank(x) < host_rank(y) ? 1 : -1;
    if (x->len != y->len)
        return x->len < y->len ? 1 : -1;
    int order = memcmp(x->path, y->path, x->len);
    if (order == 0)
        order = strncmp(x->conf->prefix, y->conf->prefix, x->host < y->host ? y->host : x->host);
    return order ? order : (x->conf > y->conf) - (x->conf < y->conf);
}

static int check_twice(const struct policy *policy, struct diag *diag)
{
    int rc = 0;
    for (size_t i = 1; i < policy->n; i++) {
        const struct place *first = &policy->place[i - 1], *second = &policy->place[i];
        if (first->host == second->host && first->len == second->len &&
            memcmp(first->conf->prefix, second->conf->prefix, first->host + first->len) == 0) {
            diag_error(diag, second->conf->src,
                       "location \"%s\" covers the same paths as \"%s\" in line %u: make them one",
                       second->conf->prefix, first->conf->prefix, first->conf->src.line);
            rc = ERR_EXISTS;
        }
    }
    return rc;
}

static int compile(const char *block, const struct conf_location *location, size_t n, struct diag *diag,
                   struct policy **out)
{
    int failed = 0;
    struct policy *policy = calloc(1, sizeof *policy);
    if (!policy || !(policy->place = calloc(n ? n : 1, sizeof *policy->place))) {
        diag_error(diag, (struct src){0}, "out of memory");
        free(policy);
        return ERR_NOMEM;
    }
    policy->n = n;
    for (size_t i = 0; i < n; i++) {
        struct place *place = &policy->place[i];
        place->conf = &location[i];
        place->path = conf_location_path(&location[i]);
        place->host = conf_location_host(&location[i]);
        place->len = strlen(place->path);
        if (place->len > 0 && place->path[place->len - 1] == '/')
            place->len--;
        int rcs[] = {rules_init(&place->allow, &location[i].allow, block, location[i].prefix, diag),
                     rules_init(&place->deny, &location[i].deny, block, location[i].prefix, diag)};
        for (size_t j = 0; j < ARRAY_LEN(rcs); j++)
            failed = failed ? failed : rcs[j];
    }
    if (n > 1)
        qsort(policy->place, n, sizeof *policy->place, compare_places);
    int rc = check_twice(policy, diag);
    failed = failed ? failed : rc;
    if (failed) {
        policy_free(policy);
        return failed;
    }
    *out = policy;
    return 0;
}

int policy_new(const struct conf_location *location, size_t n, struct diag *diag, struct policy **out)
{
    return compile("location", location, n, diag, out);
}

int policy_new_door(const struct conf_listener *listener, struct conf_location *door, struct diag *diag,
                    struct policy **out)
{
    /* The lists are the listener's. Without rules it is client_auth's to say who passes. */
    *door = (struct conf_location){
        .prefix = listener->name, .src = listener->src, .allow = listener->allow, .deny = listener->deny};
    if (listener->allow.n > 0 || listener->deny.n > 0)
        door->client_cert = CLIENT_CERT_VERIFIED;
    return compile(listener->of ? "host" : "listen", door, 1, diag, out);
}

void policy_free(struct policy *policy)
{
    if (!policy)
        return;
    for (size_t i = 0; i < policy->n; i++) {
        rules_done(&policy->place[i].allow);
        rules_done(&policy->place[i].deny);
        anchor_set_free(policy->place[i].client_ca);
    }
    free(policy->place);
    free(policy);
}

bool policy_tells_hosts(const struct policy *policy)
{
    return policy->n > 0 && policy->place[0].host > 0; /* they come first */
}

bool policy_is_of_host(const struct conf_location *location, const char *host)
{
    const size_t n = conf_location_host(location), len = strlen(host);
    if (n > 0 && location->prefix[0] == '*') /* "*.a.org": all that ends on ".a.org" */
        return len > n - 1 && memcmp(host + len - (n - 1), location->prefix + 1, n - 1) == 0;
    return n == 0 || (n == len && memcmp(host, location->prefix, n) == 0);
}

static const struct place *find_place(const struct policy *policy, const char *host, const char *path)
{
    for (size_t i = 0; i < policy->n; i++) {
        const struct place *place = &policy->place[i];
        if ((place->len == 0 || (strncmp(path, place->path, place->len) == 0 &&
                                 (path[place->len] == '\0' || path[place->len] == '/'))) &&
            policy_is_of_host(place->conf, host))
            return place;
    }
    return NULL;
}

/* The index of the first rule that matches, or rules->n. */
static size_t first_match(const struct rules *rules, const struct peer *peer, enum reading reading)
{
    size_t i = 0;
    while (i < rules->n && !rule_match(&rules->rule[i], peer, reading))
        i++;
    return i;
}

const struct conf_location *policy_location(const struct policy *policy, const char *host, const char *path)
{
    const struct place *place = find_place(policy, host, path);
    return place ? place->conf : NULL;
}

static struct place *place_of(const struct policy *policy, const struct conf_location *location)
{
    size_t i = 0;
    while (i < policy->n && policy->place[i].conf != location)
        i++;
    return i < policy->n ? &policy->place[i] : NULL;
}

void policy_set_client_ca(struct policy *policy, const struct conf_location *location, struct anchor_set *set)
{
    struct place *place = place_of(policy, location);
    if (!place) {
        anchor_set_free(set);
        return;
    }
    anchor_set_free(place->client_ca);
    place->client_ca = set;
}

const struct anchor_set *policy_client_ca(const struct policy *policy, const struct conf_location *location)
{
    const struct place *place = place_of(policy, location);
    return place ? place->client_ca : NULL;
}

void policy_set_linked(struct policy *policy, const struct conf_location *location)
{
    struct place *place = place_of(policy, location);
    if (place)
        place->linked = true;
}

const struct conf_location *policy_linked(const struct policy *policy, size_t i)
{
    for (size_t j = 0; j < policy->n; j++) {
        if (policy->place[j].linked && i-- == 0)
            return policy->place[j].conf;
    }
    return NULL;
}

/* What the rules say of a certificate: deny before allow. */
static void apply_rules(const struct place *place, const struct peer *peer, bool verified,
                        struct policy_decision *decision)
{
    if (peer->n_chain > 0) {
        size_t i = first_match(&place->deny, peer, READ_WIDE);
        if (i < place->deny.n) {
            decision->outcome = POLICY_DENIED;
            decision->rule = place->conf->deny.item[i].text;
            return;
        }
    }
    if (place->allow.n == 0)
        return;
    if (!verified) {
        decision->outcome = POLICY_NOT_VERIFIED;
    } else if (first_match(&place->allow, peer, READ_NARROW) == place->allow.n) {
        decision->outcome = POLICY_DENIED;
        for (size_t i = 0; i < place->allow.n && !decision->rival; i++)
            decision->rival = rule_rival(&place->allow.rule[i], peer);
        for (size_t i = 0; i < place->allow.n && !decision->nearly; i++) {
            decision->nearly_of = rule_lacks_rest(&place->allow.rule[i], peer);
            decision->nearly = decision->nearly_of ? place->conf->allow.item[i].text : NULL;
        }
    }
}

/* The paths of a verified peer that end where the location wants it, the one that is shown first: the first
 * that the rules let pass decides, or the last. */
static void apply_client_ca(const struct place *place, const struct peer *peer,
                            struct policy_decision *decision)
{
    const struct policy_decision start = *decision;
    struct peer seen = *peer; /* as it came on one of the paths; it holds no references */
    decision->outcome = POLICY_OTHER_CA;
    for (size_t i = 0; i <= peer->n_others && decision->outcome != POLICY_ALLOW; i++) {
        if (i > 0) {
            seen.anchor = peer->other[i - 1].anchor;
            seen.policies = peer->other[i - 1].policies;
            seen.n_policies = peer->other[i - 1].n_policies;
        }
        if (!place->client_ca || !seen.anchor || !anchor_set_has(place->client_ca, seen.anchor))
            continue;
        *decision = start;
        apply_rules(place, &seen, true, decision);
    }
}

static struct policy_decision decide(const struct place *place, const struct peer *peer)
{
    struct policy_decision decision = {.outcome = POLICY_ALLOW};
    if (!place)
        return decision;
    decision.location = place->conf;
    decision.client_ca = place->client_ca;

    bool presented = peer && peer->verify != VERIFY_NONE;
    bool readable = presented && peer->n_chain > 0;
    bool verified = readable && peer->verify == VERIFY_SUCCESS;
    bool chooses = place->conf->client_ca.n > 0;
    bool wanted = place->conf->client_cert != CLIENT_CERT_NONE || place->allow.n > 0 || chooses;

    if (!presented) {
        decision.outcome = wanted ? POLICY_NO_CERTIFICATE : POLICY_ALLOW;
        return decision;
    }
    bool need_verified = place->conf->client_cert == CLIENT_CERT_VERIFIED || chooses;
    bool cannot_judge = !readable && place->deny.n > 0;
    if ((need_verified && !verified) || cannot_judge)
        decision.outcome = POLICY_NOT_VERIFIED;
    else if (chooses)
        apply_client_ca(place, peer, &decision);
    else
        apply_rules(place, peer, verified, &decision);
    return decision;
}

struct policy_decision policy_decide(const struct policy *policy, const char *host, const char *path,
                                     const struct peer *peer)
{
    return decide(find_place(policy, host, path), peer);
}

struct policy_decision policy_decide_in(const struct policy *policy, const struct conf_location *location,
                                        const struct peer *peer)
{
    return decide(place_of(policy, location), peer);
}

static void lint_rules(const struct rules *rules, const struct conf_list *list, bool deny, const char *shared,
                       struct diag *diag)
{
    for (size_t i = 0; i < rules->n; i++) {
        const char *text = list->item[i].text;
        if (deny && rule_names(&rules->rule[i], "fingerprint"))
            diag_warning(
                diag, list->item[i].src,
                "rule \"%s\": whoever holds the certificate can give it another fingerprint without making "
                "it invalid; deny its key (spki:) or its number at its CA (\"issuer:CN=... & serial:...\")",
                text);
        if (!deny && rule_hopeless(&rules->rule[i]))
            diag_warning(
                diag, list->item[i].src,
                "rule \"%s\" lets nobody in: such a host name is none by RFC 5280 (letters, digits and "
                "'-', labels of at most 63, the last not a number), and does not count in a "
                "certificate; for an address write san.ip:",
                text);
        if (shared && rule_names(&rules->rule[i], "issuer"))
            diag_warning(diag, list->item[i].src,
                         "rule \"%s\" compares names, and two trusted CAs are called %s: it cannot tell "
                         "what they issue apart",
                         text, shared);
    }
}

void policy_lint(const struct policy *policy, const char *shared, struct diag *diag)
{
    for (size_t i = 0; i < policy->n; i++) {
        const struct place *place = &policy->place[i];
        lint_rules(&place->allow, &place->conf->allow, false, shared, diag);
        lint_rules(&place->deny, &place->conf->deny, true, shared, diag);
    }
}
