/* Leaf to issuer to issuer. A listener may have thousands of certificates: what belongs together is looked
 * up, in arrays that are sorted by key and by name. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "pki/creds_impl.h"

enum { MOST_KEY_ID = 128 };

/* --- the arrays --- */

/* Between equals the order of the configuration. */
static int by_id(const void *a, const void *b, void *offset)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    const size_t at = *(const size_t *)offset;
    int order = memcmp(x + at, y + at, CREDS_KEY_ID);
    return order != 0 ? order : (x > y) - (x < y);
}

/* All but those that are known to be twins. */
static struct part **sorted(const struct parts *parts, size_t offset, size_t *n)
{
    struct part **array = calloc(parts->n_crts + 1, sizeof *array);
    *n = 0;
    for (size_t i = 0; array && i < parts->n_crts; i++) {
        if (!parts->crt[i].twin)
            array[(*n)++] = &parts->crt[i];
    }
    if (array)
        qsort_r(array, *n, sizeof *array, by_id, &offset);
    return array;
}

/* Those that have `id` there: *first and those behind it, as many as are returned. */
static size_t find(struct part *const *array, size_t n, size_t offset, const unsigned char *id,
                   struct part *const **first)
{
    size_t low = 0, high = n, end;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (memcmp((const char *)array[mid] + offset, id, CREDS_KEY_ID) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    end = low;
    while (end < n && memcmp((const char *)array[end] + offset, id, CREDS_KEY_ID) == 0)
        end++;
    *first = array + low;
    return end - low;
}

size_t parts_by_key(const struct parts *parts, const unsigned char id[static CREDS_KEY_ID],
                    struct part *const **first)
{
    return find(parts->by_key, parts->n_unique, offsetof(struct part, id), id, first);
}

/* Chains that share an intermediate come as files that each hold it. */
static void find_twins(struct part *const *same, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        for (size_t j = 0; j < i && !same[i]->twin; j++) {
            if (!same[j]->twin && gnutls_x509_crt_equals(same[j]->crt, same[i]->crt))
                same[i]->twin = same[j];
        }
    }
}

/* A thousand chains may end in one issuer: its twins are in none of the arrays, in which they would be passed
 * over by each. */
int parts_index(struct parts *parts)
{
    parts->by_key = sorted(parts, offsetof(struct part, id), &parts->n_unique);
    if (!parts->by_key)
        return ERR_NOMEM;
    for (size_t i = 0, n; i < parts->n_unique; i += n) {
        struct part *const *same;
        n = parts_by_key(parts, parts->by_key[i]->id, &same);
        find_twins(same, n);
    }
    size_t all = parts->n_unique, n = 0;
    for (size_t i = 0; i < all; i++) {
        if (!parts->by_key[i]->twin)
            parts->by_key[n++] = parts->by_key[i];
    }
    parts->by_subject = sorted(parts, offsetof(struct part, subject_meaning), &parts->n_unique);
    return parts->by_subject ? 0 : ERR_NOMEM;
}

/* --- chains --- */

bool part_ends_later(const struct part *a, const struct part *b)
{
    return gnutls_x509_crt_get_expiration_time(a->crt) > gnutls_x509_crt_get_expiration_time(b->crt);
}

/* GnuTLS compares what the names say, which is known already; where that differs it need not be asked. */
bool part_self_signed(const struct part *part)
{
    return memcmp(part->subject_meaning, part->issuer_meaning, CREDS_KEY_ID) == 0 &&
           gnutls_x509_crt_check_issuer(part->crt, part->crt) != 0;
}

static bool signed_by(const struct part *crt, const struct part *issuer)
{
    unsigned status = 0;
    return gnutls_x509_crt_verify(crt->crt, &issuer->crt, 1,
                                  GNUTLS_VERIFY_DISABLE_TIME_CHECKS | GNUTLS_VERIFY_ALLOW_BROKEN |
                                      GNUTLS_VERIFY_DISABLE_CA_SIGN,
                                  &status) >= 0 &&
           !(status & (GNUTLS_CERT_SIGNATURE_FAILURE | GNUTLS_CERT_SIGNER_NOT_FOUND));
}

/* Of two that bear the issuer's name: a CA that changed its key, was renewed, or was signed by another root
 * too. One that has to be sent is better than a root, since whoever gave it wants it sent. */
static bool better_issuer(const struct part *crt, const struct part *a, const struct part *b)
{
    bool a_signed = signed_by(crt, a), b_signed = signed_by(crt, b);
    if (a_signed != b_signed)
        return a_signed;
    bool a_root = part_self_signed(a), b_root = part_self_signed(b);
    return a_root != b_root ? b_root : part_ends_later(a, b);
}

static bool contains(const struct part_chain *chain, const struct part *part)
{
    for (size_t i = 0; i < chain->n; i++) {
        if (chain->part[i] == part)
            return true;
    }
    return false;
}

/* GnuTLS asks the same: the name, and the key identifiers where both say one. */
static bool may_issue(const struct part *issuer, const struct part *crt)
{
    unsigned char named[MOST_KEY_ID], own[MOST_KEY_ID];
    size_t n_named = sizeof named, n_own = sizeof own;
    if (memcmp(crt->issuer_meaning, issuer->subject_meaning, CREDS_KEY_ID) != 0)
        return false;
    int of_crt = gnutls_x509_crt_get_authority_key_id(crt->crt, named, &n_named, NULL);
    int of_issuer = gnutls_x509_crt_get_subject_key_id(issuer->crt, own, &n_own, NULL);
    return of_crt < 0 || of_issuer < 0 || (n_named == n_own && memcmp(named, own, n_own) == 0);
}

/* The best issuer of `crt` that is not in its chain yet; only among those whose name has the same bytes, when
 * so told. *several: there was a choice. */
static struct part *best_issuer(const struct parts *parts, const struct part_chain *chain,
                                const struct part *crt, bool same_bytes, bool *several)
{
    struct part *best = NULL, *const * named;
    const size_t n = find(parts->by_subject, parts->n_unique, offsetof(struct part, subject_meaning),
                          crt->issuer_meaning, &named);
    *several = false;
    for (size_t i = 0; i < n; i++) {
        struct part *issuer = named[i];
        if ((same_bytes && memcmp(crt->issuer, issuer->subject, CREDS_KEY_ID) != 0) ||
            !may_issue(issuer, crt) || contains(chain, issuer))
            continue;
        *several = *several || best;
        if (!best || better_issuer(crt, issuer, best))
            best = issuer;
    }
    return best;
}

/* The issuer of the chain's last certificate among what was given; NULL when it is not there or there is
 * none above it. Signatures are checked only where there is a choice: of thousands of certificates, they
 * would take most of the time. */
static struct part *find_issuer(const struct parts *parts, const struct part_chain *chain)
{
    const struct part *crt = chain->part[chain->n - 1];
    bool several = false;
    if (part_self_signed(crt))
        return NULL;
    struct part *best = best_issuer(parts, chain, crt, false, &several);
    if (!several)
        return best;
    struct part *same = best_issuer(parts, chain, crt, true, &several);
    return same && signed_by(crt, same) ? same : best;
}

/* Whether the PEM file of `crt` has `next`, too, and elsewhere than right behind it. What a file held stands
 * together. */
static bool misplaced(const struct parts *parts, const struct part *crt, const struct part *next)
{
    const struct part *end = parts->crt + parts->n_crts;
    bool there = false;
    for (const struct part *p = crt - crt->position; crt->in_pem && p < end && p->from == crt->from; p++) {
        if (p != next && p->twin != next)
            continue;
        if (p->position == crt->position + 1)
            return false;
        there = true;
    }
    return there;
}

void parts_chain(const struct parts *parts, struct part *leaf, struct part_chain *out)
{
    *out = (struct part_chain){.part = {leaf}, .n = 1, .in_order = true};
    leaf->used = true;
    for (;;) {
        struct part *next = find_issuer(parts, out);
        if (!next)
            return;
        next->used = true;
        if (part_self_signed(next) || out->n == CREDS_MOST_CHAIN) {
            out->above = next;
            return;
        }
        if (misplaced(parts, out->part[out->n - 1], next))
            out->in_order = false;
        out->part[out->n++] = next;
    }
}
