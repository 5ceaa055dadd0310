/* Revocation (RFC 5280 section 6.3): fails closed where a CRL is forged, from the future, stale or missing.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "pki/verdict_impl.h"

struct lookup {
    const struct crl *best;  /* the newest complete one that is not from the future */
    const struct crl *delta; /* the newest that makes a complete list together with it, or NULL */
    const struct crl *future;
    const char *unusable; /* the problem of another of the issuer's name */
    bool forged, out_of_scope, any_delta;
    bool revoked;
    const struct crl *listed_by;
    struct crl_entry entry;
};

/* What the question is about. */
struct asked {
    struct judge *judge;
    const struct cert *cert, *issuer;
    gnutls_x509_crt_t issuer_crt;
};

/* Whether the i-th list may say something of the certificate; else why not (RFC 5280 section 6.3.3 (f)). A
 * list of a CA that was renewed counts for what its other key signed, where both are trusted. */
static bool heard(const struct asked *q, size_t i, struct lookup *out)
{
    const struct trust *trust = q->judge->trust;
    const struct trust_crl *one = &trust->crl[i];
    if (!name_equal(&one->crl->issuer, &q->cert->issuer))
        return false;
    if (one->problem != NULL)
        out->unusable = one->problem;
    else if (!crl_signed_by(one->crl, q->issuer_crt, q->issuer) && !trust_signed(trust, one->crl))
        out->forged = true;
    else if (!crl_covers(one->crl, q->cert))
        out->out_of_scope = true;
    else
        return true;
    return false;
}

static void find_best(const struct asked *q, struct lookup *out)
{
    for (size_t i = 0; i < q->judge->trust->n_crls; i++) {
        const struct crl *crl = q->judge->trust->crl[i].crl;
        if (!heard(q, i, out))
            continue;
        judge_again_at(q->judge, crl->this_update);
        out->any_delta = out->any_delta || crl->is_delta;
        if (crl->is_delta)
            continue;
        if (crl->this_update > q->judge->at)
            out->future = crl;
        else if (out->best == NULL || crl->this_update > out->best->this_update)
            out->best = crl;
    }
}

/* Section 5.2.4. */
static void find_delta(const struct asked *q, struct lookup *out)
{
    for (size_t i = 0; out->best != NULL && out->any_delta && i < q->judge->trust->n_crls; i++) {
        const struct crl *crl = q->judge->trust->crl[i].crl;
        if (crl_combines(out->best, crl) && crl->this_update <= q->judge->at && heard(q, i, out) &&
            (out->delta == NULL || crl_compare_numbers(crl, out->delta) > 0))
            out->delta = crl;
    }
}

/* A revocation counts from whichever list it is known, but for those that the newest delta has overtaken. */
static void find_entry(const struct asked *q, struct lookup *out)
{
    struct crl_entry entry;
    bool taken_back = out->delta != NULL && crl_find(out->delta, &q->cert->serial, &entry) &&
                      entry.reason == REASON_REMOVE_FROM_CRL;
    for (size_t i = 0; i < q->judge->trust->n_crls; i++) {
        const struct crl *crl = q->judge->trust->crl[i].crl;
        bool overtaken = crl->is_delta ? (out->delta != NULL && crl_is_older(crl, out->delta)) ||
                                             (out->best != NULL && crl_overtakes(out->best, crl))
                                       : taken_back && crl_precedes(crl, out->delta);
        if (overtaken || !heard(q, i, out) || !crl_find(crl, &q->cert->serial, &entry) ||
            entry.reason == REASON_REMOVE_FROM_CRL)
            continue;
        out->revoked = true;
        out->entry = entry;
        out->listed_by = crl;
    }
}

static void look_up(struct judge *judge, const struct cert *cert, const struct cert *issuer,
                    gnutls_x509_crt_t issuer_crt, struct lookup *out)
{
    const struct asked q = {judge, cert, issuer, issuer_crt};
    *out = (struct lookup){0};
    find_best(&q, out);
    find_delta(&q, out);
    find_entry(&q, out);
}

static void add_revoked(struct judge *judge, const struct cert *cert, int depth, const struct lookup *l)
{
    char date[CLOCK_TEXT];
    const char *word = crl_reason_word(l->entry.reason);
    char *number = l->listed_by->number.n > 0 ? judge_hex(judge, &l->listed_by->number) : NULL;
    char *issuer = judge_name(judge, &l->listed_by->issuer);
    finding_add(judge, VERDICT_REVOKED, depth, judge_hex(judge, &cert->serial),
                "a serial number that no CRL lists", "revoked%s%s%s%s by %s, %sCRL number %s%s",
                l->entry.dated ? " on " : "", l->entry.dated ? clock_rfc3339(l->entry.date, date) : "",
                word != NULL ? ", reason " : "", word != NULL ? word : "",
                issuer != NULL ? issuer : "its issuer", l->listed_by->is_delta ? "delta " : "",
                number != NULL ? "0x" : "none", number != NULL ? number : "");
    free(number);
    free(issuer);
}

/* A complete list and a delta together are as good as a complete one of the delta's dates. */
static const struct crl *good_until(const struct lookup *l)
{
    return l->delta != NULL && l->delta->next_update > l->best->next_update ? l->delta : l->best;
}

static void check_freshness(struct judge *judge, int depth, const struct crl *crl)
{
    const struct trust *trust = judge->trust;
    char span[CLOCK_TEXT], date[CLOCK_TEXT];
    time_t next = crl->next_update;
    time_t soon = next - (next - crl->this_update) / 10;
    if (judge->at <= next) {
        judge_again_at(judge, next + 1);
        judge_again_at(judge, soon);
        if (judge->at >= soon)
            finding_add(judge, VERDICT_CRL_EXPIRES_SOON, depth, judge_date(judge, next), NULL,
                        "the CRL of the issuer should be replaced within %s",
                        clock_span(next - judge->at, span));
        return;
    }
    bool tolerated = trust->crl_stale == CRL_STALE_ACCEPT ||
                     (trust->crl_stale == CRL_STALE_GRACE && judge->at <= next + trust->crl_grace);
    if (trust->crl_stale == CRL_STALE_GRACE)
        judge_again_at(judge, (time_t)(next + trust->crl_grace + 1));
    finding_add(judge, tolerated ? VERDICT_CRL_EXPIRES_SOON : VERDICT_CRL_STALE, depth,
                judge_date(judge, next), "a CRL before its next update",
                "the CRL of the issuer is stale since %s, its next update was due on %s%s",
                clock_span((long long)judge->at - next, span), clock_rfc3339(next, date),
                tolerated ? "; crl_stale tolerates it" : "");
}

static void add_missing(struct judge *judge, const struct cert *cert, int depth, const struct lookup *l)
{
    if (l->future != NULL) {
        char span[CLOCK_TEXT];
        finding_add(judge, VERDICT_CRL_STALE, depth, judge_date(judge, l->future->this_update),
                    "a CRL of the past", "the CRL of the issuer comes from the future, in %s",
                    clock_span((long long)l->future->this_update - judge->at, span));
        finding_hint(judge, "a clock may be wrong: compare with date -u; else fetch the CRL again");
        return;
    }
    const char *why = l->unusable != NULL ? l->unusable
                      : l->forged         ? "it is not signed by the issuer"
                      : l->out_of_scope   ? "its scope does not hold this certificate"
                      : l->any_delta      ? "it is a delta CRL, and there is no complete list for it"
                                          : NULL;
    finding_add(judge, VERDICT_CRL_MISSING, depth, judge_name(judge, &cert->issuer),
                "a CRL of every issuer, because CRLs are configured", "%s%s",
                why != NULL ? "the CRL of the issuer cannot be used: " : "no CRL of the issuer is configured",
                why != NULL ? why : "");
}

static void check_one(struct judge *judge, const struct path *path, unsigned depth)
{
    const struct cert *cert = path_cert(judge, path, depth);
    struct lookup l;
    look_up(judge, cert, path_cert(judge, path, depth + 1), path_crt(judge, path, depth + 1), &l);
    if (l.revoked)
        add_revoked(judge, cert, (int)depth, &l);
    if (l.best != NULL && depth == 0) {
        judge->found->asked.crl_this_update = good_until(&l)->this_update;
        judge->found->asked.crl_next_update = good_until(&l)->next_update;
    }
    if (l.best != NULL)
        check_freshness(judge, (int)depth, good_until(&l));
    else
        add_missing(judge, cert, (int)depth, &l);
}

/* A trusted CA that is not self-signed needs no CRL, but when its own issuer is configured and revoked it,
 * that counts. */
static void check_anchor(struct judge *judge, const struct path *path)
{
    const struct anchor *anchor = path->anchor;
    size_t first, n = trust_find(judge->trust, &anchor->cert.issuer, &first);
    if (cert_self_issued(&anchor->cert))
        return;
    for (size_t i = 0; i < n; i++) {
        struct anchor *issuer = &judge->trust->anchor[judge->trust->by_subject[first + i]];
        struct lookup l;
        look_up(judge, &anchor->cert, &issuer->cert, issuer->crt, &l);
        if (l.revoked) {
            add_revoked(judge, &anchor->cert, (int)path_length(path) - 1, &l);
            return;
        }
    }
}

/* What becomes of the question whether the leaf is revoked. */
static enum revocation asked_of(const struct trust *trust, const struct path *path, unsigned proven)
{
    if (path->pinned)
        return REVOCATION_PINNED;
    if (trust->crl_check == CRL_CHECK_OFF)
        return REVOCATION_OFF;
    if (trust->n_crls == 0)
        return REVOCATION_NO_CRL;
    return proven > 1 ? REVOCATION_UNPROVEN : REVOCATION_ASKED;
}

void check_revocation(struct judge *judge, const struct path *path, unsigned proven)
{
    const struct trust *trust = judge->trust;
    judge->found->asked.revocation = asked_of(trust, path, proven);
    if (trust->crl_check == CRL_CHECK_OFF || trust->n_crls == 0)
        return;
    unsigned length = path_length(path);
    for (unsigned i = proven > 0 ? proven - 1 : 0; i + 1 < length; i++)
        if (i == 0 || trust->crl_check == CRL_CHECK_CHAIN)
            check_one(judge, path, i);
    if (path->anchor != NULL && (trust->crl_check == CRL_CHECK_CHAIN || path->pinned))
        check_anchor(judge, path);
}
