#include "pki/policies.h"

#include <stdlib.h>

enum { WORDS = (POLICIES_MOST + 63) / 64 };

/* A policy that is valid at some depth, or that is expected at the next one: and from which of the policies
 * of the trusted CA's domain it descends. */
struct node {
    struct der oid;
    uint64_t roots[WORDS];
};

struct level {
    struct node node[POLICIES_MOST];
    size_t n;
    bool any; /* the node of anyPolicy */
};

struct work {
    struct level valid, expected;
    struct der root[POLICIES_MOST];
    size_t n_roots;
    bool too_many;
    unsigned explicit_policy, inhibit_any, mapping;
};

static bool is_any(const struct der *oid)
{
    static const unsigned char any[] = {0x55, 0x1d, 32, 0};
    return oid->n == sizeof(any) && memcmp(oid->p, any, sizeof(any)) == 0;
}

static struct node *find(struct level *level, const struct der *oid)
{
    for (size_t i = 0; i < level->n; i++)
        if (der_equal(&level->node[i].oid, oid))
            return &level->node[i];
    return NULL;
}

/* The node of a policy, which is made where there is none; NULL when there are too many. */
static struct node *node_of(struct work *w, struct level *level, const struct der *oid)
{
    struct node *known = find(level, oid);
    if (known != NULL)
        return known;
    if (level->n == POLICIES_MOST) {
        w->too_many = true;
        return NULL;
    }
    level->node[level->n] = (struct node){.oid = *oid};
    return &level->node[level->n++];
}

static void add_roots(struct node *node, const uint64_t roots[static WORDS])
{
    for (size_t i = 0; i < WORDS; i++)
        node->roots[i] |= roots[i];
}

/* A child of the node of anyPolicy descends from itself. */
static void add_own_root(struct work *w, struct node *node)
{
    size_t i = 0;
    while (i < w->n_roots && !der_equal(&w->root[i], &node->oid))
        i++;
    if (i == POLICIES_MOST) {
        w->too_many = true;
        return;
    }
    if (i == w->n_roots)
        w->root[w->n_roots++] = node->oid;
    node->roots[i / 64] |= UINT64_C(1) << i % 64;
}

static struct der extension_list(const struct cert *cert, enum cert_ext_id id)
{
    struct der in = cert->ext[id].value, list;
    return cert->ext[id].present && der_take(&in, DER_SEQUENCE, &list) ? list : (struct der){0};
}

static bool take_policy(struct der *list, struct der *oid)
{
    struct der info;
    return der_take(list, DER_SEQUENCE, &info) && der_take(&info, DER_OID, oid);
}

static bool take_mapping(struct der *list, struct der *from, struct der *to)
{
    struct der pair;
    return der_take(list, DER_SEQUENCE, &pair) && der_take(&pair, DER_OID, from) && from->n > 0 &&
           der_take(&pair, DER_OID, to) && to->n > 0 && pair.n == 0;
}

bool policies_mappings_valid(struct der value)
{
    struct der list, from, to;
    if (!der_take(&value, DER_SEQUENCE, &list) || value.n != 0 || list.n == 0)
        return false;
    while (list.n > 0)
        if (!take_mapping(&list, &from, &to))
            return false;
    return true;
}

/* Section 6.1.3 (d) and (e). */
static void take_policies(struct work *w, const struct cert *cert, bool last)
{
    struct der list = extension_list(cert, EXT_CERTIFICATE_POLICIES), oid;
    bool any = false;
    size_t n = 0;
    w->valid.n = 0;
    w->valid.any = false;
    while (take_policy(&list, &oid) && !w->too_many) {
        w->too_many = ++n > POLICIES_MOST;
        if (is_any(&oid)) {
            any = true;
            continue;
        }
        struct node *expected = find(&w->expected, &oid);
        if (expected == NULL && !w->expected.any)
            continue;
        struct node *node = node_of(w, &w->valid, &oid);
        if (node != NULL && expected != NULL)
            add_roots(node, expected->roots);
        else if (node != NULL)
            add_own_root(w, node);
    }
    if (!any || (w->inhibit_any == 0 && (last || !cert_self_issued(cert))))
        return;
    for (size_t i = 0; i < w->expected.n; i++) {
        const struct node *expected = &w->expected.node[i];
        if (find(&w->valid, &expected->oid) != NULL)
            continue;
        struct node *node = node_of(w, &w->valid, &expected->oid);
        if (node != NULL)
            add_roots(node, expected->roots);
    }
    w->valid.any = w->expected.any;
}

static bool is_mapped(struct der list, const struct der *oid)
{
    struct der from, to;
    while (take_mapping(&list, &from, &to))
        if (der_equal(&from, oid))
            return true;
    return false;
}

/* Section 6.1.4 (a) and (b): what is valid here becomes what is expected below. */
static bool map_policies(struct work *w, const struct cert *cert)
{
    struct der list = extension_list(cert, EXT_POLICY_MAPPINGS), rest = list, from, to;
    size_t n = 0;
    w->expected.n = 0;
    w->expected.any = w->valid.any;
    while (take_mapping(&rest, &from, &to)) {
        if (is_any(&from) || is_any(&to))
            return false;
        w->too_many = w->too_many || ++n > POLICIES_MOST;
    }
    for (size_t i = 0; i < w->valid.n; i++) {
        const struct node *valid = &w->valid.node[i];
        struct node *node = is_mapped(list, &valid->oid) ? NULL : node_of(w, &w->expected, &valid->oid);
        if (node != NULL)
            add_roots(node, valid->roots);
    }
    while (w->mapping > 0 && !w->too_many && take_mapping(&list, &from, &to)) {
        struct node *valid = find(&w->valid, &from);
        if (valid == NULL && w->valid.any) {
            valid = node_of(w, &w->valid, &from);
            if (valid != NULL)
                add_own_root(w, valid);
        }
        struct node *node = valid != NULL ? node_of(w, &w->expected, &to) : NULL;
        if (node != NULL)
            add_roots(node, valid->roots);
    }
    return true;
}

static void lower(unsigned *counter, struct der value)
{
    unsigned n;
    if (der_uint(&value, &n) && n < *counter)
        *counter = n;
}

static void take_constraints(const struct cert *cert, unsigned *explicit_policy, unsigned *mapping)
{
    struct der list = extension_list(cert, EXT_POLICY_CONSTRAINTS), v;
    unsigned tag;
    while (der_any(&list, &tag, &v, NULL)) {
        if (tag == DER_CONTEXT(0))
            lower(explicit_policy, v);
        else if (tag == DER_CONTEXT(1) && mapping != NULL)
            lower(mapping, v);
    }
}

static void step_down(unsigned *counter)
{
    if (*counter > 0)
        --*counter;
}

/* Section 6.1.4 (h) to (j). */
static void prepare(struct work *w, const struct cert *cert)
{
    struct der in = cert->ext[EXT_INHIBIT_ANY_POLICY].value, v;
    if (!cert_self_issued(cert)) {
        step_down(&w->explicit_policy);
        step_down(&w->mapping);
        step_down(&w->inhibit_any);
    }
    take_constraints(cert, &w->explicit_policy, &w->mapping);
    if (cert->ext[EXT_INHIBIT_ANY_POLICY].present && der_take(&in, DER_INTEGER, &v))
        lower(&w->inhibit_any, v);
}

/* Nothing is valid any more, or too much to say what is. */
static bool is_over(const struct work *w)
{
    return w->too_many || (w->valid.n == 0 && !w->valid.any);
}

static void collect(const struct work *w, struct policies *out)
{
    uint64_t roots[WORDS] = {0};
    *out = (struct policies){.any = !w->too_many && w->valid.any};
    for (size_t i = 0; i < w->valid.n && !w->too_many; i++)
        for (size_t k = 0; k < WORDS; k++)
            roots[k] |= w->valid.node[i].roots[k];
    for (size_t i = 0; i < w->n_roots; i++)
        if ((roots[i / 64] >> i % 64 & 1) != 0)
            out->oid[out->n++] = w->root[i];
}

static enum policies_result process(struct work *w, const struct cert *const *path, unsigned n,
                                    unsigned *where)
{
    for (unsigned i = 0; i < n; i++) {
        bool last = i + 1 == n;
        *where = i;
        take_policies(w, path[i], last);
        if (w->explicit_policy == 0 && is_over(w)) /* section 6.1.3 (f) */
            return POLICIES_NONE;
        if (last)
            break;
        if (!map_policies(w, path[i]))
            return POLICIES_MAPPED;
        if (w->too_many) {
            w->expected.n = 0;
            w->expected.any = false;
        }
        prepare(w, path[i]);
    }
    /* Section 6.1.5 (a), (b) and (g). */
    step_down(&w->explicit_policy);
    take_constraints(path[n - 1], &w->explicit_policy, NULL);
    return w->explicit_policy == 0 && is_over(w) ? POLICIES_NONE : POLICIES_GOOD;
}

int policies_process(const struct cert *const *path, unsigned n, enum policies_result *result,
                     struct policies *out, unsigned *where, struct err *err)
{
    struct work *w = malloc(sizeof(*w));
    if (w == NULL)
        return err_nomem(err);
    w->valid.n = w->expected.n = w->n_roots = 0;
    w->valid.any = w->expected.any = true;
    w->too_many = false;
    w->explicit_policy = w->inhibit_any = w->mapping = n + 1;
    *out = (struct policies){.any = true};
    *result = n > 0 ? process(w, path, n, where) : POLICIES_GOOD;
    if (n > 0)
        collect(w, out);
    free(w);
    return 0;
}
