/* Ways from the leaf to a trusted CA. Which certificates hang together follows from names and key
 * identifiers. */
#include "pki/name_match.h"
#include "pki/verdict_impl.h"

/* Chains with several certificates of one name offer several ways; more steps than this are nobody's honest
 * chain. */
enum { STEPS_MAX = 256 };

/* ---- names
 * -------------------------------------------------------------------------------------------------------------
 */

/* The place of a name in judge->name. Comparing costs what the names are long: each is compared with those of
 * its hash alone, once. */
static unsigned place_of(struct judge *judge, const struct der *name)
{
    uint64_t hash = name_hash(name);
    for (unsigned i = 0; i < judge->n_names; i++)
        if (judge->name[i].hash == hash && name_equal(&judge->name[i].name, name))
            return i;
    struct named *added = &judge->name[judge->n_names];
    *added = (struct named){.name = *name, .hash = hash};
    added->n = trust_find(judge->trust, name, &added->first);
    return judge->n_names++;
}

static void sort_names(struct judge *judge)
{
    judge->n_names = 0;
    for (unsigned i = 0; i < judge->n; i++) {
        if (judge->unreadable[i] != NULL)
            continue;
        judge->subject[i] = place_of(judge, &judge->cert[i].subject);
        judge->issuer[i] = place_of(judge, &judge->cert[i].issuer);
    }
}

/* Key identifiers help to find the issuer, where both have one (RFC 5280 section 4.2.1.1). */
static bool ids_agree(const struct cert *issuer, const struct cert *cert)
{
    return cert->authority_key_id.n == 0 || issuer->subject_key_id.n == 0 ||
           der_equal(&cert->authority_key_id, &issuer->subject_key_id);
}

/* ---- steps
 * -------------------------------------------------------------------------------------------------------------
 */

struct walk {
    struct judge *judge;
    struct path *paths;
    size_t n_paths;
    unsigned steps;
    struct path now;
    struct path *partial;
    bool anchored[CHAIN_MAX_CERTS]; /* sent, but a trusted CA itself */
    bool repeated[CHAIN_MAX_CERTS]; /* sent before: it would only make the same paths once more */
    bool faulty[CHAIN_MAX_CERTS];   /* no path with it holds */
    bool with_faults;               /* those paths are looked for that have such a one */
    unsigned n_faulty;              /* on `now` */
};

static bool valid_at(const struct cert *cert, time_t at)
{
    return at >= cert->not_before && at <= cert->not_after;
}

static void end_at_anchors(struct walk *w, unsigned top)
{
    const struct trust *trust = w->judge->trust;
    const struct named *name = &w->judge->name[w->judge->issuer[top]];
    if (w->with_faults != (w->n_faulty > 0))
        return;
    for (int valid = 1; valid >= 0; valid--)
        for (size_t i = 0; i < name->n && w->n_paths < PATHS_MAX; i++) {
            const struct anchor *a = &trust->anchor[trust->by_subject[name->first + i]];
            if (!ids_agree(&a->cert, &w->judge->cert[top]) ||
                valid_at(&a->cert, w->judge->at) != (valid != 0))
                continue;
            w->paths[w->n_paths] = w->now;
            w->paths[w->n_paths++].anchor = a;
        }
}

static bool on_path(const struct path *path, unsigned candidate)
{
    for (unsigned i = 0; i < path->n; i++)
        if (path->sent[i] == candidate)
            return true;
    return false;
}

static bool sent_before(const struct judge *judge, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (judge->unreadable[i] == NULL && der_equal(&judge->cert[i].whole, &judge->cert[n].whole))
            return true;
    return false;
}

static bool may_follow(const struct walk *w, unsigned top, unsigned candidate)
{
    const struct judge *judge = w->judge;
    return judge->unreadable[candidate] == NULL && !w->anchored[candidate] && !w->repeated[candidate] &&
           (w->with_faults || !w->faulty[candidate]) && judge->subject[candidate] == judge->issuer[top] &&
           ids_agree(&judge->cert[candidate], &judge->cert[top]) && !on_path(&w->now, candidate);
}

/* Recursion ends because no certificate comes twice: at most CHAIN_MAX_CERTS deep. */
static void climb(struct walk *w)
{
    const struct judge *judge = w->judge;
    unsigned top = w->now.sent[w->now.n - 1];
    if (w->now.n > w->partial->n)
        *w->partial = w->now;
    end_at_anchors(w, top);
    for (int valid = 1; valid >= 0; valid--)
        for (unsigned i = 1; i < judge->n; i++) {
            if (w->n_paths == PATHS_MAX || w->steps == STEPS_MAX)
                return;
            if (!may_follow(w, top, i) || valid_at(&judge->cert[i], judge->at) != (valid != 0))
                continue;
            w->steps++;
            w->n_faulty += w->faulty[i];
            w->now.sent[w->now.n++] = i;
            climb(w);
            w->now.n--;
            w->n_faulty -= w->faulty[i];
        }
}

/* Where there is a choice, those certificates are kept for last that no path holds with. */
static void find_faults(struct walk *w)
{
    struct judge *judge = w->judge;
    struct findings trial = {0}, *found = judge->found;
    time_t again = judge->again;
    if (judge->n <= 2)
        return;
    judge->found = &trial;
    for (unsigned i = 1; i < judge->n; i++) {
        if (judge->unreadable[i] != NULL || w->anchored[i] || w->repeated[i])
            continue;
        check_certificate(judge, &judge->cert[i], (int)i, ROLE_INTERMEDIATE, false);
        w->faulty[i] = trial.n_errors > 0;
        findings_done(&trial);
    }
    judge->found = found;
    judge->last = NULL;
    judge->again = again;
}

size_t find_paths(struct judge *judge, struct path paths[static PATHS_MAX], struct path *partial)
{
    struct walk w = {.judge = judge, .paths = paths, .now = {.n = 1}, .partial = partial};
    const struct anchor *anchor = trust_holds(judge->trust, &judge->cert[0]);
    *partial = (struct path){.n = 0};
    sort_names(judge);
    if (anchor != NULL) {
        paths[0] = (struct path){.n = 1, .anchor = anchor, .pinned = true};
        return 1;
    }
    for (unsigned i = 1; i < judge->n; i++)
        if (judge->unreadable[i] == NULL) {
            w.anchored[i] = trust_holds(judge->trust, &judge->cert[i]) != NULL;
            w.repeated[i] = sent_before(judge, i);
        }
    find_faults(&w);
    climb(&w);
    w.with_faults = true;
    w.steps = 0;
    climb(&w);
    return w.n_paths;
}
