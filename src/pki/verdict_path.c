/* What is to be said of a path, beginning with what is cheap (RFC 5280 section 6.1). In the strict form
 * GnuTLS has its say where nothing else speaks against it. */
#include <stdlib.h>

#include "pki/verdict_impl.h"

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
    const struct der *key = &path_cert(judge, path, depth + 1)->spki;
    bool holds = judge->n_edges < EDGES_MAX &&
                 cert_key_signed(key, cert->signature_algorithm, &cert->tbs, &cert->signature);
    /* The operator's own CAs of one name are tried all: their number is not a stranger's to choose. */
    bool own = depth + 1 == path->n;
    if (!holds && !(own && failed_before(judge, path->sent[depth])))
        judge->n_bad++;
    if (judge->n_edges < EDGES_MAX)
        judge->edge[judge->n_edges++] =
            (struct edge){path->sent[depth], path_cert(judge, path, depth + 1), holds};
    return holds;
}

/* With a key that is not known here, or by an algorithm that is not, nothing can be computed: those are
 * refused as weak_key, weak_signature or malformed_certificate, and whether the signature is good nobody
 * knows. */
static bool computable(const struct cert *cert, const struct cert *issuer)
{
    return cert->sign != GNUTLS_SIGN_UNKNOWN && issuer->pk != GNUTLS_PK_UNKNOWN &&
           !cert_curve_is_unknown(issuer);
}

unsigned check_signatures(struct judge *judge, const struct path *path)
{
    for (unsigned i = path_length(path) - 1; i-- > 0;) {
        const struct cert *cert = path_cert(judge, path, i);
        if (signature_holds(judge, path, i))
            continue;
        if (computable(cert, path_cert(judge, path, i + 1)) || judge->found->n_errors == 0)
            finding_add(judge, VERDICT_SIGNATURE_INVALID, (int)i, judge_name(judge, &cert->issuer),
                        "a signature of the issuer's key",
                        "the signature on it is not that of its issuer's key");
        return i + 1;
    }
    return 0;
}

static bool constrained(const struct judge *judge, const struct path *path)
{
    for (unsigned i = 1; i < path_length(path); i++)
        if (path_cert(judge, path, i)->ext[EXT_NAME_CONSTRAINTS].present)
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
    judge->found->asked.path = true;
    bool strict = judge->trust->form == CERTIFICATE_FORM_STRICT;
    /* There the usual path is checked by GnuTLS alone, signatures included: once. Before it can say anything
     * it reads all of it. */
    bool usual = strict && lone && judge->found->n_errors == 0 && path->n <= USUAL_CERTS &&
                 judge->sum.elements <= USUAL_ELEMENTS && judge->sum.alt_names <= BOUND_ALT_NAMES &&
                 !constrained(judge, path);
    unsigned proven = usual ? ask_gnutls(judge, path) : check_signatures(judge, path);
    check_name_constraints(judge, path, proven);
    if (proven == 0)
        check_policies(judge, path);
    check_revocation(judge, path, proven);
    if (strict && !usual && judge->found->n_errors == 0 && gnutls_may_be_asked(judge, path))
        (void)ask_gnutls(judge, path);
}
