/* One thing can be had under several names: a page as its folder, a file as its compressed neighbour, or by
 * symbolic links. What guards one of them guards all: a request is decided on by its path first, then by each
 * further name of what would be sent, before anything of it shows. */
#ifndef MTLSD_HTTP_GUARD_H
#define MTLSD_HTTP_GUARD_H

#include "policy/policy.h"

struct request;

/* What was decided so far; the first refusal stands. */
struct guard {
    const struct policy *policy;
    struct policy_decision decision;
    bool mixed; /* another location than that of the path had a say */
    bool ruled; /* one of them asks for something: the reply is not for everybody */
};

/* Decides on the request's path. */
void guard_init(struct guard *guard, const struct policy *policy, const struct request *request);

/* Decides on a further name as well: a path in the form of the request's. False: it is refused, the handler
 * gives up. A request without a guard is refused nothing. */
bool guard_also(const struct request *request, const char *name);

/* On everything that a file is known by which lies at `at` (files_open): that path, those that it is a coding
 * of, and the locations whose own path leads there over a link. */
bool guard_file(const struct request *request, const char *at);

/* Cache-Control of a file: it may be kept, but is asked for each time (an ETag makes that cheap), and by
 * nobody but its reader where not everybody may have it. */
const char *guard_cache_control(const struct request *request);

/* Finds the locations whose path leads over a link, below the folder `root` (-1: none), warns where that
 * brings another location into play, and has the policy know them. An error where the folder does not tell
 * case apart. Before the policy is shared. */
void guard_find_links(struct policy *policy, const struct conf *conf, int root, struct diag *diag);

#endif
