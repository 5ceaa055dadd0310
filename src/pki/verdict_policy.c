/* Certificate policies. Who asks for one, and under which the path is valid. */
#include <stdlib.h>

#include "pki/verdict_impl.h"

static void add_policy(struct judge *judge, const char *oid)
{
    struct findings *found = judge->found;
    found->policies[found->n_policies] = strdup(oid);
    if (found->policies[found->n_policies] != NULL)
        found->n_policies++;
    else
        judge->nomem = true;
}

static void keep_policies(struct judge *judge, const struct policies *policies)
{
    struct findings *found = judge->found;
    char text[256];
    size_t most = policies->n + (policies->any ? 1 : 0);
    if (most == 0)
        return;
    found->policies = calloc(most, sizeof(char *));
    if (found->policies == NULL) {
        judge->nomem = true;
        return;
    }
    for (size_t i = 0; i < policies->n; i++)
        if (der_oid_text(&policies->oid[i], text, sizeof(text))) /* else no rule could ask for it by a name */
            add_policy(judge, text);
    if (policies->any)
        add_policy(judge, POLICY_ANY);
}

void check_policies(struct judge *judge, const struct path *path)
{
    const struct cert *down[CHAIN_MAX_CERTS];
    enum policies_result result;
    struct policies policies;
    unsigned where = 0;
    bool any_there = false;
    for (unsigned i = 0; i < path->n; i++) {
        down[i] = path_cert(judge, path, path->n - 1 - i);
        any_there = any_there || down[i]->ext[EXT_CERTIFICATE_POLICIES].present ||
                    down[i]->ext[EXT_POLICY_CONSTRAINTS].present || down[i]->ext[EXT_POLICY_MAPPINGS].present;
    }
    if (!any_there)
        return;
    if (policies_process(down, path->n, &result, &policies, &where, NULL) < 0) {
        judge->nomem = true;
        return;
    }
    int depth = (int)(path->n - 1 - where);
    if (result == POLICIES_MAPPED)
        finding_add(judge, VERDICT_POLICY_MISSING, depth, judge_text(judge, "anyPolicy"),
                    "mappings of other policies (RFC 5280 section 4.2.1.5)", "the CA maps anyPolicy");
    else if (result == POLICIES_NONE)
        finding_add(judge, VERDICT_POLICY_MISSING, depth, NULL,
                    "a policy that all certificates of the path share",
                    "a CA above requires a certificate policy, and none is valid here");
    else
        keep_policies(judge, &policies);
}
