#include "http/guard.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "http/files_open.h"
#include "http/message.h"

static bool asks(const struct conf_location *location)
{
    return location &&
           (location->client_cert != CLIENT_CERT_NONE || location->allow.n > 0 || location->deny.n > 0);
}

void guard_init(struct guard *guard, const struct policy *policy, const struct request *request)
{
    *guard = (struct guard){.policy = policy,
                            .decision = policy_decide(policy, request->host, request->path, request->peer)};
    guard->ruled = asks(guard->decision.location);
}

static bool ask(struct guard *guard, const struct conf_location *location, const struct peer *peer)
{
    if (location == guard->decision.location || guard->decision.outcome != POLICY_ALLOW)
        return guard->decision.outcome == POLICY_ALLOW;
    guard->mixed = true;
    guard->ruled = guard->ruled || asks(location);
    struct policy_decision decision = policy_decide_in(guard->policy, location, peer);
    if (decision.outcome != POLICY_ALLOW)
        guard->decision = decision;
    return decision.outcome == POLICY_ALLOW;
}

bool guard_also(const struct request *request, const char *name)
{
    struct guard *guard = request->guard;
    return !guard || ask(guard, policy_location(guard->policy, request->host, name), request->peer);
}

/* Removes the last suffix of a coding; false when there is none. */
static bool strip_coding(char *name)
{
    size_t len = strlen(name);
    if (len < 4 || (strcmp(name + len - 3, ".gz") != 0 && strcmp(name + len - 3, ".br") != 0) ||
        name[len - 4] == '/')
        return false;
    name[len - 3] = '\0';
    return true;
}

/* A link may be turned at any time: where the location's path leads is looked up anew. */
static bool leads_to(int root, const char *path, const char *at)
{
    char where[FILES_ROOM];
    if (files_where(root, path + 1, where) != 0)
        return false;
    size_t n = strlen(where);
    n -= where[n - 1] == '/';
    return strncmp(where, at, n) == 0 && (at[n] == '/' || at[n] == '\0');
}

bool guard_file(const struct request *request, const char *at)
{
    struct guard *guard = request->guard;
    if (!guard)
        return true;
    char name[FILES_ROOM];
    memccpy(name, at, '\0', sizeof name);
    do {
        if (!guard_also(request, name))
            return false;
    } while (strip_coding(name));
    const struct conf_location *location;
    for (size_t i = 0; (location = policy_linked(guard->policy, i)) != NULL; i++) {
        if (location != guard->decision.location && policy_is_of_host(location, request->host) &&
            leads_to(request->document_root, conf_location_path(location), at) &&
            !ask(guard, location, request->peer))
            return false;
    }
    return true;
}

const char *guard_cache_control(const struct request *request)
{
    return request->guard && request->guard->ruled ? "private, no-cache" : "no-cache";
}

/* What rules cannot know: names that are one file without a link between them. */
static void check_twins(const struct conf_location *location, int root, const char *at, struct diag *diag)
{
    char other[FILES_ROOM];
    struct stat st, twin;
    if (at[1] == '\0' || fstatat(root, at + 1, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    if (S_ISREG(st.st_mode) && st.st_nlink > 1)
        diag_warning(
            diag, location->src,
            "location \"%s\" is a file with %llu names (hard links): under the others it is not guarded",
            location->prefix, (unsigned long long)st.st_nlink);
    memccpy(other, at, '\0', sizeof other);
    for (char *p = other; *p; p++)
        *p ^= (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ? 0x20 : 0;
    if (strcmp(at, other) != 0 && fstatat(root, other + 1, &twin, AT_SYMLINK_NOFOLLOW) == 0 &&
        twin.st_dev == st.st_dev && twin.st_ino == st.st_ino)
        diag_error(
            diag, location->src,
            "location \"%s\" guards nothing: document_root does not tell capital letters from small ones, "
            "and %s is the same; put it on a file system that does",
            location->prefix, other);
}

void guard_find_links(struct policy *policy, const struct conf *conf, int root, struct diag *diag)
{
    char where[FILES_ROOM];
    for (size_t i = 0; i < conf->n_locations; i++) {
        const struct conf_location *location = &conf->location[i];
        const char *path = conf_location_path(location);
        char host[FILES_ROOM];
        size_t len = strlen(path);
        len -= path[len - 1] == '/';
        snprintf(host, sizeof host, "%.*s", (int)conf_location_host(location), location->prefix);
        if (location->to || location->redirect.text || files_where(root, path + 1, where) != 0)
            continue;
        if (asks(location))
            check_twins(location, root, where, diag);
        if (strlen(where) - (where[1] == '\0') == len && memcmp(where, path, len) == 0)
            continue;
        policy_set_linked(policy, location);
        const struct conf_location *there = policy_location(policy, host, where);
        if (there != location && (asks(there) || asks(location)))
            diag_warning(
                diag, location->src,
                "location \"%s\" leads over a symbolic link to %s, where %s%s%s: both hold for these "
                "files, under either name; a link that comes or goes is seen at a reload",
                location->prefix, where, there ? "location \"" : "no location rules",
                there ? there->prefix : "", there ? "\" rules" : "");
    }
}
