#include "pki/verdict.h"

#include <stdlib.h>

#include "pki/readable.h"
#include "pki/verdict_impl.h"

const struct verdict_row VERDICT_ROWS[VERDICT_CODE_COUNT] = {
#define VERDICT(name, code, title, alert, standard, strict, check, help)                                     \
    [VERDICT_##name] = {code, title, alert, {standard, strict}, check, help},
#include "pki/verdict.def"
#undef VERDICT
};

/* A server that one asks oneself is no stranger; some have thousands of names. In a file names cost what they
 * cost here, in a handshake what they cost GnuTLS. */
enum { SERVER_TIMES = 16, FILE_ALT_TIMES = 8 };

static struct bound_sum nothing_yet(const struct verdict_question *q)
{
    if (q->purpose == PURPOSE_SERVER)
        return (struct bound_sum){.times = SERVER_TIMES, .alt_times = SERVER_TIMES};
    return (struct bound_sum){.times = 1, .alt_times = q->from_file ? FILE_ALT_TIMES : 1};
}

/* Whether a chain may grow by a certificate. A trusted CA that is sent along is as its operator wants it, and
 * counts for nothing; so does one that is too large, for those behind it. */
static bool fits(const struct trust *trust, const struct cert *cert, struct bound_sum *sum,
                 struct bound_excess *excess)
{
    struct bound_sum before = *sum;
    if (trust_holds(trust, cert) != NULL || bounds_hold(cert, sum, excess))
        return true;
    *sum = before;
    return false;
}

static int read_one(struct judge *judge, struct peer *peer, unsigned i, struct err *err)
{
    struct certinfo *info = NULL;
    if (!cert_parse(&judge->question->chain[i], &judge->cert[i], &judge->unreadable[i]))
        return 0;
    if (!fits(judge->trust, &judge->cert[i], &judge->sum, &judge->excess[i])) {
        judge->unreadable[i] = "it is out of bounds";
        return 0;
    }
    /* chain[0] is the client's own certificate or nothing is there: nobody is to be taken for another. */
    if (judge->unreadable[0] != NULL)
        return 0;
    int rc = certinfo_from_cert(&judge->cert[i], &info, err);
    if (rc == ERR_SYNTAX || rc == ERR_RANGE) {
        judge->unreadable[i] = "a name in it cannot be read";
        return 0;
    }
    if (rc < 0)
        return rc;
    peer->chain[peer->n_chain++] = info;
    return 0;
}

/* Reads what will be looked at: all of the chain, or the leaf alone when the chain is out of bounds. */
static int read_chain(struct judge *judge, struct peer *peer, struct err *err)
{
    const struct verdict_question *q = judge->question;
    size_t bytes = 0;
    judge->n = q->n_chain;
    for (unsigned i = 0; i < q->n_chain && bytes <= CHAIN_MAX_BYTES; i++)
        bytes += q->chain[i].size;
    if (q->n_chain > CHAIN_MAX_CERTS) {
        finding_add(judge, VERDICT_CHAIN_TOO_LONG, -1, judge_text(judge, "%u certificates", q->n_chain),
                    "at most 16 certificates", "%u certificates were sent; only the first was read",
                    q->n_chain);
        judge->n = 1;
    }
    if (bytes > CHAIN_MAX_BYTES) {
        finding_add(
            judge, VERDICT_CHAIN_TOO_LARGE, -1, NULL, "at most 32768 bytes",
            "the certificates that were sent are larger than 32 KiB together; only the first was read");
        judge->n = q->chain[0].size <= CHAIN_MAX_BYTES ? 1 : 0;
    }
    peer->chain = calloc(judge->n + 1, sizeof(struct certinfo *));
    if (peer->chain == NULL)
        return err_nomem(err);
    for (unsigned i = 0; i < judge->n; i++) {
        int rc = read_one(judge, peer, i, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void add_unreadable(struct judge *judge, unsigned i)
{
    const struct bound_excess *excess = &judge->excess[i];
    if (excess->bound != NULL) {
        const char *what = excess->bound->what, *more = excess->bound->counted ? "more than " : "";
        size_t found = excess->bound->counted ? excess->most : excess->found;
        char *most = judge_text(judge, "at most %zu %s", excess->most, what);
        /* It is not named, but somebody may look for it. */
        char *mark = judge_fingerprint(judge, &judge->question->chain[i]);
        finding_add(
            judge, VERDICT_OUT_OF_BOUNDS, (int)i, judge_text(judge, "%s%zu", more, found), most,
            "the certificate was not read: it has %s%zu %s, and at most %zu are read (its SHA-256 is %s)",
            more, found, what, excess->most, mark != NULL ? mark : "not known");
        free(most);
        free(mark);
        return;
    }
    finding_add(judge, VERDICT_MALFORMED_CERTIFICATE, (int)i, NULL,
                "a certificate in DER (RFC 5280 section 4.1)", "the certificate cannot be read: %s",
                judge->unreadable[i]);
}

static bool is_advertised(const struct judge *judge, unsigned name)
{
    const struct named *named = &judge->name[name];
    const struct trust *trust = judge->trust;
    for (size_t i = 0; i < named->n; i++)
        if (trust->anchor[trust->by_subject[named->first + i]].advertised)
            return true;
    return false;
}

/* Marks what a client chooses its certificate by: a browser and a Java key store climb by names, through what
 * they would send, from the leaf to a name that was advertised. Those of the path come first. */
static void mark_links(const struct judge *judge, bool used[static CHAIN_MAX_CERTS])
{
    bool link[CHAIN_MAX_CERTS] = {false};
    unsigned top = 0;
    while (!is_advertised(judge, judge->issuer[top])) {
        unsigned next = 0;
        for (unsigned i = 1; i < judge->n; i++)
            if (judge->unreadable[i] == NULL && judge->subject[i] == judge->issuer[top] && !link[i] &&
                (next == 0 || (used[i] && !used[next])))
                next = i;
        if (next == 0)
            return;
        link[next] = true;
        top = next;
    }
    for (unsigned i = 1; i < judge->n; i++)
        used[i] = used[i] || link[i];
}

/* What the sender could do better with a chain that leads somewhere. */
static void warn_about_order(struct judge *judge, const struct path *path)
{
    bool used[CHAIN_MAX_CERTS] = {false}, unordered = false;
    for (unsigned i = 0; i < path->n; i++) {
        used[path->sent[i]] = true;
        unordered = unordered || (i > 0 && path->sent[i] < path->sent[i - 1]);
    }
    if (unordered)
        finding_add(judge, VERDICT_CHAIN_UNORDERED, -1, NULL, "each certificate followed by its issuer's",
                    "the certificates were not sent in order");
    mark_links(judge, used);
    for (unsigned i = 1; i < judge->n; i++) {
        if (used[i])
            continue;
        bool root = judge->unreadable[i] == NULL && path->anchor != NULL &&
                    der_equal(&judge->cert[i].whole, &path->anchor->cert.whole);
        finding_add(judge, VERDICT_SUPERFLUOUS_CERTIFICATE, (int)i,
                    judge->unreadable[i] == NULL ? judge_name(judge, &judge->cert[i].subject) : NULL, NULL,
                    "certificate %u of those that were sent is not needed%s", i + 1,
                    root ? ": it is the trusted CA itself" : "");
    }
}

static bool any_excess(const struct judge *judge)
{
    for (unsigned i = 0; i < judge->n; i++)
        if (judge->excess[i].bound != NULL)
            return true;
    return false;
}

static void keep(struct findings *best, struct findings *candidate)
{
    findings_done(best);
    *best = *candidate;
    *candidate = (struct findings){0};
}

/* Paths beside the one that holds, each of which is looked at whole: a client with a certificate of several
 * CAs has two or three. */
enum { FURTHER_MAX = 4 };

static bool is_end(const struct judge *judge, const struct anchor *first, const struct anchor *anchor)
{
    bool known = anchor == first;
    for (size_t i = 0; i < judge->n_others; i++)
        known = known || judge->other[i].anchor == anchor->id;
    return known;
}

/* A further path that holds, to another end than those before. */
static void keep_end(struct judge *judge, struct findings *path)
{
    judge->other[judge->n_others++] =
        (struct peer_end){anchor_id_ref(path->anchor->id), path->policies, path->n_policies};
    path->policies = NULL;
    path->n_policies = 0;
}

/* Fills judge->found with what is to be said about the chain. */
static void judge_chain(struct judge *judge)
{
    struct path paths[PATHS_MAX], partial;
    struct findings best = {0}, trial = {0}, *found = judge->found;
    size_t n = find_paths(judge, paths, &partial), chosen = 0, further = 0;
    time_t again = judge->again;

    if (n == 0) {
        check_path(judge, &partial, true);
        if (!any_excess(judge)) /* the issuer may be among those */
            explain_missing_issuer(judge, &partial);
        for (unsigned i = 1; i < judge->n; i++)
            if (judge->unreadable[i] != NULL && judge->excess[i].bound == NULL)
                add_unreadable(judge, i);
        return;
    }
    /* Alternatives, where the peer sent several ways up: the first that holds, else the one with the fewest
     * faults. Every one of them tells when its faults may go away. Where somebody asks for every end, some
     * that lead to others are looked at, too. */
    for (size_t i = 0; i < n && (i == 0 || best.n_errors > 0 || judge->trust->every_end) && !judge->nomem;
         i++) {
        size_t before = best.n_errors;
        if (i > 0 && before == 0 && (further == FURTHER_MAX || is_end(judge, best.anchor, paths[i].anchor)))
            continue;
        further += i > 0 && before == 0;
        judge->again = again;
        if (i > 0 && path_hopeless(judge, &paths[i])) {
            again = judge->again;
            continue;
        }
        judge->found = &trial;
        check_path(judge, &paths[i], i == 0);
        trial.anchor = paths[i].anchor;
        if (i == 0 || trial.n_errors < before) {
            chosen = i;
            keep(&best, &trial);
        } else if (trial.n_errors == 0) {
            keep_end(judge, &trial);
        }
        findings_done(&trial);
        again = judge->again;
    }
    *found = best;
    judge->found = found;
    warn_about_order(judge, &paths[chosen]);
}

/* What ends a handshake beside the judgement (or would, see tls/stand_in.h) has its error here, so that the
 * judgement never says that such a certificate is good. */
static void check_readable(struct judge *judge)
{
    unsigned i = judge->question->unread;
    if (judge->question->purpose != PURPOSE_CLIENT || judge->n == 0 || judge->unreadable[0] != NULL ||
        i > judge->n)
        return;
    /* With too many names it is not taken anyway, and would be dear to ask about. */
    if (i == 0 && (judge->excess[0].bound != NULL || judge->sum.alt_names > BOUND_ALT_NAMES ||
                   readable_cert(&judge->cert[0])))
        return;
    i = i > 0 ? i - 1 : 0;
    finding_add(judge, VERDICT_UNREADABLE_FOR_TLS, (int)i, NULL, "a certificate that GnuTLS can read",
                "the TLS library cannot read %s",
                i == 0 ? "the certificate" : "a certificate that was sent with it");
    if (i == 0 && cert_curve_is_unknown(&judge->cert[0]))
        finding_hint(
            judge,
            "it is the curve of the key that it cannot read: make a new key, on P-256, and have that certified");
}

static void judge_parts(struct judge *judge)
{
    bool in_bounds = judge->n == judge->question->n_chain;
    if (judge->n > 0 && judge->unreadable[0] != NULL)
        add_unreadable(judge, 0);
    else if (in_bounds)
        judge_chain(judge);
    else if (judge->n > 0)
        check_certificate(judge, &judge->cert[0], 0, ROLE_LEAF, false);
    check_readable(judge);
    /* One anywhere is enough: TLS itself may have to read it, see verdict_bounded. */
    for (unsigned i = 1; i < judge->n; i++)
        if (judge->excess[i].bound != NULL)
            add_unreadable(judge, i);
    if (judge->question->purpose == PURPOSE_CLIENT && judge->sum.alt_names > BOUND_ALT_NAMES)
        finding_add(
            judge, VERDICT_MANY_NAMES, -1, judge_text(judge, "%zu alternative names", judge->sum.alt_names),
            "at most 256 alternative names in the chain",
            "no listener takes the chain: it has %zu alternative names, and at most 256 are read in a "
            "handshake",
            judge->sum.alt_names);
}

/* The parsed certificates in it are large, and filled one by one. */
static void judge_init(struct judge *judge, const struct verdict_question *question, struct findings *found)
{
    judge->question = question;
    judge->trust = question->trust;
    judge->at = question->at;
    judge->found = found;
    judge->last = NULL;
    judge->nomem = false;
    judge->again = PEER_NEVER;
    judge->n = 0;
    judge->n_edges = judge->n_bad = judge->n_names = 0;
    judge->n_comparisons = 0;
    judge->n_others = 0;
    judge->written_text = NULL;
    judge->sum = nothing_yet(question);
    memset(judge->crt, 0, sizeof(judge->crt));
    memset(judge->unreadable, 0, sizeof(judge->unreadable));
    memset(judge->excess, 0, sizeof(judge->excess));
}

static void ends_done(struct peer_end *end, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct findings path = {.policies = end[i].policies, .n_policies = end[i].n_policies};
        findings_done(&path);
        anchor_id_unref(end[i].anchor);
    }
}

static void judge_free(struct judge *judge)
{
    ends_done(judge->other, judge->n_others);
    for (unsigned i = 0; i < judge->n; i++)
        gnutls_x509_crt_deinit(judge->crt[i]);
    free(judge->written_text);
    free(judge);
}

int judge_anchor(const struct trust *trust, const struct anchor *anchor, time_t at, struct findings *out)
{
    const struct verdict_question question = {.trust = trust, .at = at, .purpose = PURPOSE_CLIENT};
    struct judge *judge = malloc(sizeof(*judge));
    struct findings found = {0};
    const bool pinned = !cert_issues(&anchor->cert);
    if (judge == NULL)
        return ERR_NOMEM;
    judge_init(judge, &question, &found);
    check_certificate(judge, &anchor->cert, pinned ? 0 : 1, pinned ? ROLE_LEAF : ROLE_ANCHOR, pinned);
    int rc = judge->nomem ? ERR_NOMEM : 0;
    judge_free(judge);
    if (rc == 0)
        *out = found;
    else
        findings_done(&found);
    return rc;
}

/* False when memory is short. */
static bool take_ends(struct judge *judge, struct peer *peer)
{
    if (judge->n_others == 0 || peer->verify != VERIFY_SUCCESS)
        return true;
    peer->other = calloc(judge->n_others, sizeof(*peer->other));
    if (peer->other == NULL)
        return false;
    memcpy(peer->other, judge->other, judge->n_others * sizeof(*peer->other));
    peer->n_others = judge->n_others;
    judge->n_others = 0;
    return true;
}

int verdict_judge(const struct verdict_question *question, struct peer **out, struct err *err)
{
    struct judge *judge = malloc(sizeof(*judge));
    struct peer *peer = calloc(1, sizeof(*peer));
    struct findings found = {0};
    int rc = ERR_NOMEM;
    if (judge == NULL || peer == NULL) {
        free(judge);
        free(peer);
        return err_nomem(err);
    }
    judge_init(judge, question, &found);
    peer->refs = 1;
    peer->judged_at = question->at;

    if (question->n_chain == 0) {
        peer->verify = VERIFY_NONE;
        finding_add(judge, VERDICT_NO_CERTIFICATE, -1, NULL, "a certificate", "no certificate was presented");
    } else {
        peer->verify = VERIFY_FAILED;
        rc = read_chain(judge, peer, err);
        if (rc < 0)
            goto out;
        judge_parts(judge);
        if (found.n_errors == 0)
            peer->verify = VERIFY_SUCCESS;
    }
    rc = judge->nomem || !take_ends(judge, peer) ? err_nomem(err) : 0;
    if (rc < 0)
        goto out;
    peer->errors = found.error;
    peer->n_errors = found.n_errors;
    peer->warnings = found.warning;
    peer->n_warnings = found.n_warnings;
    peer->policies = found.policies;
    peer->n_policies = found.n_policies;
    peer->judge_again = judge->again;
    peer->asked = found.asked;
    if (found.anchor != NULL)
        peer->through = anchor_id_ref(found.anchor->id);
    if (peer->verify == VERIFY_SUCCESS && found.anchor != NULL)
        peer->anchor = anchor_id_ref(found.anchor->id);
    found = (struct findings){0};
    *out = peer;
    peer = NULL;
out:
    judge_free(judge);
    findings_done(&found);
    peer_unref(peer);
    return rc;
}

bool verdict_bounded(const struct trust *trust, const gnutls_datum_t *chain, unsigned n, unsigned *unread)
{
    struct cert cert;
    struct bound_sum sum = {.times = 1, .alt_times = 1};
    struct bound_excess excess = {0};
    const char *why;
    unsigned found = 0, asked = 0;
    for (unsigned i = 0; i < n; i++) {
        if (!cert_parse(&chain[i], &cert, &why)) {
            if (i == 0 || unread == NULL)
                return false;
            found = found > 0 ? found : i + 1;
            continue;
        }
        if (!fits(trust, &cert, &sum, &excess) || (i == 0 && !cert.key_good))
            return false;
        if (unread != NULL && found == 0 && !readable_surely(&cert) && sum.alt_names <= READABLE_NAMES &&
            asked++ < READABLE_ASKED && !readable_cert(&cert))
            found = i + 1;
    }
    if (unread != NULL)
        *unread = found;
    return true;
}

gnutls_alert_description_t verdict_alert(const struct peer *peer, bool tls13)
{
    gnutls_alert_description_t alert = GNUTLS_A_INTERNAL_ERROR; /* a good peer is not refused */
    enum verdict_code first = VERDICT_CODE_COUNT;
    for (size_t i = 0; i < peer->n_errors; i++)
        if (peer->errors[i].code < first) {
            first = peer->errors[i].code;
            alert = VERDICT_ROWS[first].alert;
        }
    /* RFC 5246 has no certificate_required; section 7.4.6 names the one to send. */
    return alert == GNUTLS_A_CERTIFICATE_REQUIRED && !tls13 ? GNUTLS_A_HANDSHAKE_FAILURE : alert;
}

static size_t findings_bytes(const struct verdict_finding *finding, size_t n)
{
    size_t bytes = n * sizeof(*finding);
    for (size_t i = 0; i < n; i++) {
        const char *const text[] = {finding[i].reason, finding[i].hint, finding[i].value,
                                    finding[i].expected};
        for (size_t k = 0; k < ARRAY_LEN(text); k++)
            bytes += text[k] != NULL ? strlen(text[k]) : 0;
    }
    return bytes;
}

size_t peer_bytes(const struct peer *peer)
{
    size_t bytes = sizeof(*peer) + findings_bytes(peer->errors, peer->n_errors) +
                   findings_bytes(peer->warnings, peer->n_warnings);
    for (size_t i = 0; i < peer->n_chain; i++)
        bytes += certinfo_bytes(peer->chain[i]);
    for (size_t i = 0; i < peer->n_policies; i++)
        bytes += sizeof(char *) + strlen(peer->policies[i]) + 1;
    for (size_t i = 0; i < peer->n_others; i++) {
        bytes += sizeof(*peer->other);
        for (size_t k = 0; k < peer->other[i].n_policies; k++)
            bytes += sizeof(char *) + strlen(peer->other[i].policies[k]) + 1;
    }
    return bytes;
}

struct peer *peer_ref(struct peer *peer)
{
    if (peer != NULL)
        __atomic_add_fetch(&peer->refs, 1, __ATOMIC_RELAXED);
    return peer;
}

void peer_unref(struct peer *peer)
{
    if (peer == NULL || __atomic_sub_fetch(&peer->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    for (size_t i = 0; i < peer->n_chain; i++)
        certinfo_free(peer->chain[i]);
    free(peer->chain);
    struct findings found = {.error = peer->errors,
                             .n_errors = peer->n_errors,
                             .warning = peer->warnings,
                             .n_warnings = peer->n_warnings,
                             .policies = peer->policies,
                             .n_policies = peer->n_policies};
    findings_done(&found);
    anchor_id_unref(peer->anchor);
    anchor_id_unref(peer->through);
    ends_done(peer->other, peer->n_others);
    free(peer->other);
    free(peer);
}
