/* From the leaf to a trusted CA. Which certificates hang together follows from names and key identifiers.
 * What is said of a path begins with what is cheap; GnuTLS has its say where nothing else speaks against it.
 */
#include <stdlib.h>

#include "pki/verdict_impl.h"

/* Chains with several certificates of one name offer several ways; more steps than this are nobody's honest
 * chain. */
enum { STEPS_MAX = 256 };
/* Most certificates that were sent of a path, and what they hold, for which a refusal may cost as much as if
 * they were good. */
enum { USUAL_CERTS = 4, USUAL_ELEMENTS = 640 };

const struct cert *path_cert(const struct judge *judge, const struct path *path, unsigned depth)
{
    return depth < path->n ? &judge->cert[path->sent[depth]] : &path->anchor->cert;
}

gnutls_x509_crt_t path_crt(struct judge *judge, const struct path *path, unsigned depth)
{
    if (depth >= path->n)
        return path->anchor != NULL ? path->anchor->crt : NULL;
    unsigned i = path->sent[depth];
    gnutls_x509_crt_t *crt = &judge->crt[i];
    if (*crt != NULL)
        return *crt;
    int rc = gnutls_x509_crt_init(crt);
    if (rc >= 0)
        rc = gnutls_x509_crt_import(*crt, &judge->question->chain[i], GNUTLS_X509_FMT_DER);
    if (rc < 0) {
        judge->nomem = judge->nomem || rc == GNUTLS_E_MEMORY_ERROR;
        gnutls_x509_crt_deinit(*crt);
        *crt = NULL;
    }
    return *crt;
}

/* As GnuTLS and RFC 5280 section 6.1.3 (a) (4) relate them, and the key identifiers where both have one. */
static bool issued(const struct cert *issuer, const struct cert *cert)
{
    return der_equal(&issuer->subject, &cert->issuer) &&
           (cert->authority_key_id.n == 0 || issuer->subject_key_id.n == 0 ||
            der_equal(&cert->authority_key_id, &issuer->subject_key_id));
}

static bool valid_at(const struct cert *cert, time_t at)
{
    return at >= cert->not_before && at <= cert->not_after;
}

struct walk {
    const struct judge *judge;
    struct path *paths;
    size_t n_paths;
    unsigned steps;
    struct path now;
    struct path *partial;
    bool anchored[CHAIN_MAX_CERTS]; /* sent, but a trusted CA itself */
};

static void end_at_anchors(struct walk *w, const struct cert *top)
{
    size_t first, n = trust_find(w->judge->trust, &top->issuer, &first);
    for (int valid = 1; valid >= 0; valid--)
        for (size_t i = 0; i < n && w->n_paths < PATHS_MAX; i++) {
            const struct anchor *a = &w->judge->trust->anchor[w->judge->trust->by_subject[first + i]];
            if (!issued(&a->cert, top) || valid_at(&a->cert, w->judge->at) != (valid != 0))
                continue;
            w->paths[w->n_paths] = w->now;
            w->paths[w->n_paths++].anchor = a;
        }
}

static bool on_path(const struct path *path, const struct judge *judge, unsigned candidate)
{
    for (unsigned i = 0; i < path->n; i++)
        if (path->sent[i] == candidate ||
            der_equal(&judge->cert[path->sent[i]].whole, &judge->cert[candidate].whole))
            return true;
    return false;
}

/* Recursion ends because no certificate comes twice: at most CHAIN_MAX_CERTS deep. */
static void climb(struct walk *w)
{
    const struct judge *judge = w->judge;
    const struct cert *top = &judge->cert[w->now.sent[w->now.n - 1]];
    if (w->now.n > w->partial->n)
        *w->partial = w->now;
    end_at_anchors(w, top);
    for (int valid = 1; valid >= 0; valid--)
        for (unsigned i = 1; i < judge->n; i++) {
            if (w->n_paths == PATHS_MAX || w->steps == STEPS_MAX)
                return;
            if (judge->unreadable[i] != NULL || w->anchored[i] || !issued(&judge->cert[i], top) ||
                valid_at(&judge->cert[i], judge->at) != (valid != 0) || on_path(&w->now, judge, i))
                continue;
            w->steps++;
            w->now.sent[w->now.n++] = i;
            climb(w);
            w->now.n--;
        }
}

size_t find_paths(const struct judge *judge, struct path paths[static PATHS_MAX], struct path *partial)
{
    struct walk w = {.judge = judge, .paths = paths, .now = {.n = 1}, .partial = partial};
    const struct anchor *anchor = trust_holds(judge->trust, &judge->cert[0]);
    *partial = (struct path){.n = 0};
    if (anchor != NULL) {
        paths[0] = (struct path){.n = 1, .anchor = anchor, .pinned = true};
        return 1;
    }
    for (unsigned i = 1; i < judge->n; i++)
        w.anchored[i] = judge->unreadable[i] == NULL && trust_holds(judge->trust, &judge->cert[i]) != NULL;
    climb(&w);
    return w.n_paths;
}

/* RFC 5280 section 6.1.4 (l) and (m), and verify_depth; a CA's certificate for its own name counts in
 * neither. */
static void check_lengths(struct judge *judge, const struct path *path)
{
    unsigned length = path_length(path), below = 0;
    for (unsigned i = 1; i < length; i++) {
        const struct cert *cert = path_cert(judge, path, i);
        if (cert->is_ca && cert->path_len >= 0 && below > (unsigned)cert->path_len)
            finding_add(judge, VERDICT_PATH_LENGTH, (int)i,
                        judge_text(judge, "%u intermediates below it", below), NULL,
                        "the CA allows %d intermediates below it", cert->path_len);
        if (i < path->n && !cert_self_issued(cert))
            below++;
    }
    if (below > judge->trust->verify_depth)
        finding_add(judge, VERDICT_CHAIN_TOO_LONG, -1, judge_text(judge, "%u intermediates", below), NULL,
                    "the path has %u intermediates, %u are allowed", below, judge->trust->verify_depth);
}

static const struct edge *edge_find(const struct judge *judge, const struct path *path, unsigned depth)
{
    const struct cert *above = path_cert(judge, path, depth + 1);
    for (unsigned i = 0; i < judge->n_edges; i++)
        if (judge->edge[i].below == path->sent[depth] && judge->edge[i].above == above)
            return &judge->edge[i];
    return NULL;
}

bool path_hopeless(struct judge *judge, const struct path *path)
{
    unsigned length = path_length(path);
    for (unsigned i = 0; i + 1 < length; i++) {
        const struct edge *known = edge_find(judge, path, i);
        if (known != NULL && !known->holds)
            return true;
    }
    if (judge->n_bad < BAD_MAX)
        return false;
    /* It would come first when the dates of its certificates change their order. */
    for (unsigned i = 0; i < length; i++) {
        judge_again_at(judge, path_cert(judge, path, i)->not_before);
        judge_again_at(judge, path_cert(judge, path, i)->not_after + 1);
    }
    return true;
}

static bool failed_before(const struct judge *judge, unsigned below)
{
    for (unsigned i = 0; i < judge->n_edges; i++)
        if (judge->edge[i].below == below && !judge->edge[i].holds)
            return true;
    return false;
}

static bool signature_holds(struct judge *judge, const struct path *path, unsigned depth)
{
    const struct edge *known = edge_find(judge, path, depth);
    if (known != NULL)
        return known->holds;
    const struct cert *cert = path_cert(judge, path, depth);
    gnutls_x509_crt_t issuer = path_crt(judge, path, depth + 1);
    bool holds = judge->n_edges < EDGES_MAX && issuer != NULL &&
                 cert_signature_holds(cert->sign, &cert->tbs, &cert->signature, issuer);
    /* The operator's own CAs of one name are tried all: their number is not a stranger's to choose. */
    bool own = depth + 1 == path->n;
    if (!holds && !(own && failed_before(judge, path->sent[depth])))
        judge->n_bad++;
    if (judge->n_edges < EDGES_MAX)
        judge->edge[judge->n_edges++] =
            (struct edge){path->sent[depth], path_cert(judge, path, depth + 1), holds};
    return holds;
}

/* From the trusted CA downwards, as far as they hold: nothing is ever computed with a key that no CA vouches
 * for. The result is the depth from which on upwards they do: 0, all of them. */
static unsigned check_signatures(struct judge *judge, const struct path *path)
{
    for (unsigned i = path_length(path) - 1; i-- > 0;) {
        const struct cert *cert = path_cert(judge, path, i);
        if (signature_holds(judge, path, i))
            continue;
        finding_add(judge, VERDICT_SIGNATURE_INVALID, (int)i, judge_name(judge, &cert->issuer),
                    "a signature of the issuer's key", "the signature on it is not that of its issuer's key");
        return i + 1;
    }
    return 0;
}

/* GnuTLS 3.7 refuses two kinds of path that RFC 5280 allows, and that are checked in full here. */
struct excess {
    /* Constraints on kinds of names that it does not know, even where no such name occurs (section 4.2.1.10).
     * It also leaks memory each time. */
    bool unknown_names;
    /* It counts a CA's certificate for its own name against path lengths (section 6.1.4 (l) does not). */
    bool counted_twice;
};

static struct excess gnutls_excess(const struct judge *judge, const struct path *path)
{
    struct excess excess = {0};
    unsigned length = path_length(path);
    bool self_issued = false, limited = false;
    for (unsigned i = 1; i < length; i++) {
        const struct cert *cert = path_cert(judge, path, i);
        if (cert->ext[EXT_TLS_FEATURE].present) /* a constraint that only GnuTLS checks (RFC 7633) */
            return (struct excess){0};
        self_issued = self_issued || (i < path->n && cert_self_issued(cert));
        limited = limited || cert->path_len >= 0;
        excess.unknown_names = excess.unknown_names || name_constraints_uncommon(cert);
    }
    excess.counted_twice = self_issued && limited;
    return excess;
}

/* The code that says best why GnuTLS refuses what passed every other check, e.g. by a rule of the system's.
 */
static enum verdict_code code_of(const struct judge *judge, const struct path *path, unsigned status)
{
    if ((status & GNUTLS_CERT_INSECURE_ALGORITHM) != 0)
        return VERDICT_WEAK_SIGNATURE;
    if ((status & GNUTLS_CERT_UNKNOWN_CRIT_EXTENSIONS) != 0)
        return VERDICT_UNSUPPORTED_CRITICAL_EXTENSION;
    for (unsigned i = 1; (status & GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE) != 0 && i < path_length(path); i++)
        if (path_cert(judge, path, i)->ext[EXT_NAME_CONSTRAINTS].present)
            return VERDICT_NAME_CONSTRAINT;
    return VERDICT_PATH_REFUSED;
}

/* GnuTLS's own word on the path, and the same result. It checks signatures from the trusted CA downwards,
 * too, and ends with the first that does not hold. */
static unsigned validate(struct judge *judge, const struct path *path)
{
    gnutls_x509_crt_t chain[CHAIN_MAX_CERTS];
    /* Time, CRLs and purposes are checked elsewhere: against the question's time, failing closed, and for the
     * trusted CA too. (gnutls_x509_trust_list_verify_crt2 with a purpose says nothing more, and costs a third
     * more.) */
    unsigned flags = GNUTLS_VERIFY_DISABLE_TIME_CHECKS | GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS |
                     GNUTLS_VERIFY_DO_NOT_ALLOW_X509_V1_CA_CRT |
                     GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM);
    unsigned status = 0;
    struct excess excess = gnutls_excess(judge, path);
    if (excess.unknown_names)
        return check_signatures(judge, path);
    for (unsigned i = 0; i < path->n; i++) {
        chain[i] = path_crt(judge, path, i);
        if (chain[i] == NULL) {
            finding_add(judge, VERDICT_MALFORMED_CERTIFICATE, (int)i, NULL,
                        "a certificate in DER (RFC 5280 section 4.1)",
                        "the certificate cannot be read: GnuTLS cannot read it");
            return path_length(path);
        }
    }
    int rc = gnutls_x509_crt_list_verify(chain, path->n, &path->anchor->crt, 1, NULL, 0, flags, &status);
    if (rc == GNUTLS_E_MEMORY_ERROR)
        judge->nomem = true;
    if (rc == 0 && status == 0)
        return 0;
    unsigned proven = check_signatures(judge, path);
    if (proven > 0)
        return proven;
    if (rc == 0 && status == (GNUTLS_CERT_INVALID | GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE) &&
        excess.counted_twice)
        return 0;
    gnutls_datum_t words = {NULL, 0};
    if (rc == 0)
        (void)gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &words, 0);
    finding_add(judge, rc == 0 ? code_of(judge, path, status) : VERDICT_PATH_REFUSED, -1,
                judge_text(judge, "%s", words.data != NULL ? (const char *)words.data : gnutls_strerror(rc)),
                NULL, "GnuTLS refuses the path");
    gnutls_free(words.data);
    return 0;
}

static bool constrained(const struct judge *judge, const struct path *path)
{
    for (unsigned i = 1; i < path_length(path); i++)
        if (path_cert(judge, path, i)->ext[EXT_NAME_CONSTRAINTS].present)
            return true;
    return false;
}

/* It is slow with alternative names, and a client's chain that has more than a handshake carries gets no
 * further than this verdict. TLS features (RFC 7633) are checked by it alone. */
static bool gnutls_asked(const struct judge *judge, const struct path *path)
{
    if (judge->question->purpose == PURPOSE_SERVER || judge->sum.alt_names <= BOUND_ALT_NAMES)
        return true;
    for (unsigned i = 1; i < path_length(path); i++)
        if (path_cert(judge, path, i)->ext[EXT_TLS_FEATURE].present)
            return true;
    return false;
}

void check_path(struct judge *judge, const struct path *path, bool lone)
{
    for (unsigned i = 0; i < path->n; i++)
        check_certificate(judge, path_cert(judge, path, i), (int)i, i == 0 ? ROLE_LEAF : ROLE_INTERMEDIATE,
                          path->pinned);
    if (path->anchor != NULL && !path->pinned)
        check_certificate(judge, &path->anchor->cert, (int)path->n, ROLE_ANCHOR, false);
    check_lengths(judge, path);
    if (judge->question->purpose == PURPOSE_SERVER && judge->question->hostname != NULL)
        check_host(judge, &judge->cert[path->sent[0]], path_crt(judge, path, 0));
    if (path->anchor == NULL)
        return;
    /* The usual path is checked by GnuTLS alone, signatures included: once. Before it can say anything it
     * reads all of it. */
    bool usual = lone && judge->found->n_errors == 0 && path->n <= USUAL_CERTS &&
                 judge->sum.elements <= USUAL_ELEMENTS && judge->sum.alt_names <= BOUND_ALT_NAMES &&
                 !constrained(judge, path);
    unsigned proven = usual ? validate(judge, path) : check_signatures(judge, path);
    check_name_constraints(judge, path, proven);
    check_revocation(judge, path, proven);
    if (!usual && judge->found->n_errors == 0 && gnutls_asked(judge, path))
        (void)validate(judge, path);
}
