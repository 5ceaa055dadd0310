/* Revocation (RFC 5280 section 6.3): fails closed where a CRL is forged, from the future, stale or missing.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "pki/verdict_impl.h"

enum { REASON_REMOVE_FROM_CRL = 8 };

struct lookup {
    struct crl *best;              /* the newest that is not from the future */
    struct crl *future, *unusable; /* others of the issuer's name */
    bool forged, out_of_scope;
    struct crl *listed_by;
    const struct crl_entry *entry;
};

static void look_up(struct judge *judge, const struct cert *cert, const struct cert *issuer,
                    gnutls_x509_crt_t issuer_crt, struct lookup *out)
{
    *out = (struct lookup){0};
    for (size_t i = 0; i < judge->trust->n_crls; i++) {
        struct crl *crl = judge->trust->crl[i];
        if (!der_equal(&crl->issuer, &cert->issuer))
            continue;
        if (crl->problem != NULL) {
            out->unusable = crl;
            continue;
        }
        if (!crl_signed_by(crl, issuer_crt, issuer)) {
            out->forged = true;
            continue;
        }
        if (!crl_covers(crl, cert)) {
            out->out_of_scope = true;
            continue;
        }
        /* A revocation counts from whichever list it is known. */
        const struct crl_entry *entry = crl_find(crl, &cert->serial);
        if (entry != NULL && entry->reason != REASON_REMOVE_FROM_CRL) {
            out->entry = entry;
            out->listed_by = crl;
        }
        judge_again_at(judge, crl->this_update);
        if (crl->this_update > judge->at)
            out->future = crl;
        else if (out->best == NULL || crl->this_update > out->best->this_update)
            out->best = crl;
    }
}

static void add_revoked(struct judge *judge, const struct cert *cert, int depth, const struct lookup *l)
{
    char date[CLOCK_TEXT];
    const char *word = crl_reason_word(l->entry->reason);
    char *number = l->listed_by->number.n > 0 ? judge_hex(judge, &l->listed_by->number) : NULL;
    char *issuer = judge_name(judge, &l->listed_by->issuer);
    finding_add(judge, VERDICT_REVOKED, depth, judge_hex(judge, &cert->serial),
                "a serial number that no CRL lists", "revoked on %s%s%s by %s, CRL number %s%s",
                clock_rfc3339(l->entry->date, date), word != NULL ? ", reason " : "",
                word != NULL ? word : "", issuer != NULL ? issuer : "its issuer",
                number != NULL ? "0x" : "none", number != NULL ? number : "");
    free(number);
    free(issuer);
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
    const char *why = l->unusable != NULL ? l->unusable->problem
                      : l->forged         ? "it is not signed by the issuer"
                      : l->out_of_scope   ? "its scope does not hold this certificate"
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
    if (l.entry != NULL)
        add_revoked(judge, cert, (int)depth, &l);
    if (l.best != NULL)
        check_freshness(judge, (int)depth, l.best);
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
        if (l.entry != NULL) {
            add_revoked(judge, &anchor->cert, (int)path_length(path) - 1, &l);
            return;
        }
    }
}

void check_revocation(struct judge *judge, const struct path *path, unsigned proven)
{
    const struct trust *trust = judge->trust;
    if (trust->crl_check == CRL_CHECK_OFF || trust->n_crls == 0)
        return;
    unsigned length = path_length(path);
    for (unsigned i = proven > 0 ? proven - 1 : 0; i + 1 < length; i++)
        if (i == 0 || trust->crl_check == CRL_CHECK_CHAIN)
            check_one(judge, path, i);
    if (path->anchor != NULL && (trust->crl_check == CRL_CHECK_CHAIN || path->pinned))
        check_anchor(judge, path);
}
