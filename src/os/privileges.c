#include "os/privileges.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ENTRY = 16384 }; /* bytes of an entry of the user database */

/* "1000" as a number; ids that mean "none" to the system calls are not taken. */
static bool number(const char *text, unsigned *out)
{
    char *end;
    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || n >= UINT_MAX)
        return false;
    *out = (unsigned)n;
    return true;
}

static int find_user(const struct conf_text *user, bool has_group, struct diag *diag, struct privileges *out)
{
    struct passwd entry, *found = NULL;
    char room[ENTRY];
    unsigned id = 0;
    bool numeric = number(user->text, &id);
    int rc = numeric ? getpwuid_r(id, &entry, room, sizeof room, &found)
                     : getpwnam_r(user->text, &entry, room, sizeof room, &found);
    if (!found && numeric && has_group) {
        out->uid = id; /* a container's user need not have a name */
        snprintf(out->name, sizeof out->name, "%u", id);
        return 0;
    }
    if (!found && strchr(user->text, ':')) {
        diag_error(diag, user->src, "user: '%s' is no user: write user = \"%.*s\" and group = \"%s\"",
                   user->text, (int)strcspn(user->text, ":"), user->text, strchr(user->text, ':') + 1);
        return ERR_NOTFOUND;
    }
    if (!found) {
        diag_error(diag, user->src,
                   "user: there is no user %s%s%s%s: create it (useradd --system %s), or write %s",
                   user->text, rc ? " (" : "", rc ? strerror(rc) : "", rc ? ")" : "", user->text,
                   numeric ? "group too" : "one that there is");
        return ERR_NOTFOUND;
    }
    out->uid = found->pw_uid;
    out->gid = found->pw_gid;
    snprintf(out->name, sizeof out->name, "%s", found->pw_name);
    return 0;
}

static int find_group(const struct conf_text *group, struct diag *diag, struct privileges *out)
{
    struct group entry, *found = NULL;
    char room[ENTRY];
    unsigned id = 0;
    if (number(group->text, &id)) {
        out->gid = id;
        return 0;
    }
    int rc = getgrnam_r(group->text, &entry, room, sizeof room, &found);
    if (!found) {
        diag_error(
            diag, group->src,
            "group: there is no group %s%s%s%s: create it (groupadd --system %s), or leave group out for the "
            "user's own",
            group->text, rc ? " (" : "", rc ? strerror(rc) : "", rc ? ")" : "", group->text);
        return ERR_NOTFOUND;
    }
    out->gid = found->gr_gid;
    return 0;
}

static int find(const struct conf_text *user, const struct conf_text *group, struct diag *diag,
                struct privileges *out)
{
    int rc = find_user(user, group->text != NULL, diag, out);
    if (rc == 0 && group->text)
        rc = find_group(group, diag, out);
    if (rc != 0)
        return rc;
    out->n_groups = PRIVILEGES_GROUPS;
    if (getgrouplist(out->name, out->gid, out->group, &out->n_groups) < 0) {
        diag_error(diag, user->src, "user: %s is in more than %d groups", out->name, PRIVILEGES_GROUPS);
        return ERR_RANGE;
    }
    return 0;
}

int privileges_named(const struct conf_text *user, const struct conf_text *group, struct diag *diag,
                     struct privileges *out)
{
    struct privileges wanted = {.from_start = true};
    int rc = find(user, group, diag, &wanted);
    if (rc != 0)
        return rc;
    wanted.change = geteuid() == 0 || geteuid() != wanted.uid;
    *out = wanted;
    return 0;
}

int privileges_find(const struct conf *conf, bool now, struct diag *diag, struct privileges *out)
{
    struct privileges wanted = {.change = conf->user.text != NULL};
    if (!wanted.change && conf->group.text) {
        diag_error(diag, conf->group.src, "group has no effect without user: write user too");
        return ERR_SYNTAX;
    }
    if (!wanted.change) {
        *out = wanted;
        return 0;
    }
    int rc = find(&conf->user, &conf->group, diag, &wanted);
    if (rc != 0)
        return rc;
    uid_t self = geteuid();
    if (now && self != 0 && self != wanted.uid) {
        diag_error(diag, conf->user.src,
                   "user: only root can become %s: start as root, as %s, or leave user out", wanted.name,
                   wanted.name);
        return ERR_DENIED;
    }
    wanted.change = self == 0 || self != wanted.uid;
    *out = wanted;
    return 0;
}

static int by_id(const void *a, const void *b)
{
    gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;
    return x < y ? -1 : x > y;
}

/* True when the process is in these groups and no others. */
static bool has_groups(const struct privileges *wanted)
{
    gid_t have[PRIVILEGES_GROUPS], want[PRIVILEGES_GROUPS];
    int n = getgroups(PRIVILEGES_GROUPS, have);
    if (n != wanted->n_groups)
        return false;
    memcpy(want, wanted->group, (size_t)n * sizeof *want);
    qsort(have, (size_t)n, sizeof *have, by_id);
    qsort(want, (size_t)n, sizeof *want, by_id);
    return memcmp(have, want, (size_t)n * sizeof *want) == 0;
}

static bool is_all(const struct privileges *wanted)
{
    uid_t r, e, s;
    gid_t rg, eg, sg;
    return getresuid(&r, &e, &s) == 0 && getresgid(&rg, &eg, &sg) == 0 && r == wanted->uid &&
           e == wanted->uid && s == wanted->uid && rg == wanted->gid && eg == wanted->gid &&
           sg == wanted->gid && has_groups(wanted);
}

/* True when the process can become root again, or get back a right of root's. */
static bool can_go_back(const struct privileges *is)
{
    if (is->uid == 0)
        return false;
    if (setresuid(0, 0, 0) == 0 || seteuid(0) == 0 || setgroups(0, NULL) == 0)
        return true;
    return is->gid != 0 && (setresgid(0, 0, 0) == 0 || setegid(0) == 0);
}

int privileges_drop(const struct privileges *wanted, struct err *err)
{
    if (!wanted->change)
        return 0;
    /* Groups first: afterwards there is no right left to change them. */
    if (setgroups((size_t)wanted->n_groups, wanted->group) != 0 ||
        setresgid(wanted->gid, wanted->gid, wanted->gid) != 0 ||
        setresuid(wanted->uid, wanted->uid, wanted->uid) != 0)
        return err_set(err, ERR_DENIED, "cannot become the user %s: %s", wanted->name, strerror(errno));
    if (!is_all(wanted) || can_go_back(wanted))
        return err_set(err, ERR_DENIED, "the rights of root did not all go when becoming the user %s",
                       wanted->name);
    return 0;
}

int privileges_drop_capabilities(struct err *err)
{
    if (geteuid() == 0) /* without them root could not even read an ordinary user's files */
        return 0;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}}, has[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, has) == 0 && memcmp(has, none, sizeof none) == 0)
        return 0;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &header, none) != 0)
        return err_set(err, ERR_DENIED, "cannot give up the capabilities: %s", strerror(errno));
    return 0;
}

int privileges_harden(struct err *err)
{
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_set(err, ERR_DENIED, "cannot rule out core dumps and new privileges: %s", strerror(errno));
    return 0;
}
