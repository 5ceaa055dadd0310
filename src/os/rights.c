/* privileges_check: what would happen to a reload after the process has become somebody else. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/conf_paths.h"
#include "os/privileges.h"

enum { TOLD_MOST = 32, PATH_ROOM = 4096 };

struct checking {
    const char *user;
    char group[256]; /* the user's own, for the remedy */
    bool from_start;
    struct diag *diag;
    char told[TOLD_MOST][PATH_ROOM]; /* folders and files that were told of, whoever names them again */
    size_t n_told;
};

/* What a user who is there from the start cannot read keeps the server from starting. */
static void tell(const struct checking *to, const struct conf_text *path, const char *text)
{
    if (to->from_start)
        diag_error(to->diag, path->src, "%s", text);
    else
        diag_warning(to->diag, path->src, "%s", text);
}

static const char *outcome(const struct checking *to)
{
    return to->from_start ? "so that the server could not start" : "so that a reload would be refused";
}

/* access(2) asks with the real ids; this one with those that opening a file counts with. */
static bool may(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;
}

/* The first folder on the way to `path` that cannot be passed, in `out`; false when all can. */
static bool find_barrier(const char *path, char out[static 4096])
{
    for (const char *slash = path; (slash = strchr(slash + 1, '/')) != NULL;) {
        if (snprintf(out, 4096, "%.*s", (int)(slash - path), path) >= 4096)
            return false;
        if (!may(out, X_OK) && errno == EACCES)
            return true;
    }
    return false;
}

static void folder_of(const char *path, char out[static 4096])
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(out, 4096, ".");
    else if (slash == path)
        snprintf(out, 4096, "/");
    else
        snprintf(out, 4096, "%.*s", (int)(slash - path), path);
}

/* "document_root: ", or nothing for the configuration's own files. */
static const char *label(const struct option *option, char out[static 64])
{
    out[0] = '\0';
    if (option)
        snprintf(out, 64, "%s: ", option->name);
    return out;
}

static bool was_told(struct checking *to, const char *path)
{
    for (size_t i = 0; i < to->n_told; i++) {
        if (strcmp(to->told[i], path) == 0)
            return true;
    }
    if (to->n_told < TOLD_MOST)
        snprintf(to->told[to->n_told++], PATH_ROOM, "%s", path);
    return false;
}

static bool check_barrier(struct checking *to, const struct option *option, const struct conf_text *path)
{
    char barrier[PATH_ROOM], what[64], remedy[3 * PATH_ROOM] = "", text[6 * PATH_ROOM];
    struct stat st;
    if (!find_barrier(path->text, barrier))
        return false;
    if (was_told(to, barrier))
        return true;
    /* A home is closed to others on purpose: what the server needs does not belong there. */
    if (stat(barrier, &st) == 0 && st.st_uid == 0 && strcmp(barrier, "/root") != 0)
        snprintf(remedy, sizeof remedy, "chgrp %s %s && chmod g+x %s, or ", to->group, barrier, barrier);
    snprintf(
        text, sizeof text,
        "%sthe user %s cannot pass the folder %s on the way to %s, %s: %smove the files to a folder that "
        "it can pass, such as that of `mtlsd setup`",
        label(option, what), to->user, barrier, path->text, outcome(to), remedy);
    tell(to, path, text);
    return true;
}

/* A log is opened as this user already at the start, and anew after each rotation. */
static void check_written(const struct checking *to, const struct option *option,
                          const struct conf_text *path)
{
    char folder[4096];
    folder_of(path->text, folder);
    bool there = may(path->text, F_OK), creates = may(folder, W_OK | X_OK);
    if (!there && !creates && errno != EACCES)
        return; /* there is no such folder: places_check_log says so, places_lint of those of the sandbox */
    if (there ? !may(path->text, W_OK) : !creates)
        diag_error(to->diag, path->src, "%s: the user %s cannot %s %s: chown %s %s", option->name, to->user,
                   there ? "write" : "create", path->text, to->user, there ? path->text : folder);
    else if (!creates && !(option->flags & OPTION_FOLDER))
        diag_warning(
            to->diag, path->src,
            "%s: the user %s cannot create files in %s, so that after a rotation %s is only opened again "
            "where the rotation creates it: chown %s %s, or have it created",
            option->name, to->user, folder, path->text, to->user, folder);
}

static void check_read(struct checking *to, const struct option *option, const struct conf_text *path)
{
    bool folder = option && (option->flags & OPTION_FOLDER);
    char what[64], text[3 * PATH_ROOM];
    if (may(path->text, folder ? X_OK : R_OK) || errno != EACCES || was_told(to, path->text))
        return; /* what is not there is found by whoever loads it */
    snprintf(text, sizeof text,
             "%sthe user %s cannot read %s, %s: let the file belong to a group of that user (chgrp %s %s && "
             "chmod g+r%s %s)",
             label(option, what), to->user, path->text, outcome(to), to->group, path->text, folder ? "x" : "",
             path->text);
    tell(to, path, text);
}

static int check_path(void *cls, const struct option *option, const struct conf_text *path)
{
    struct checking *to = cls;
    if (option && (option->flags & OPTION_WRITTEN))
        check_written(to, option, path);
    else if (!check_barrier(to, option, path))
        check_read(to, option, path);
    return 0;
}

static void name_group(const struct privileges *wanted, char *out, size_t room)
{
    struct group entry, *found = NULL;
    char text[16384];
    if (getgrgid_r(wanted->gid, &entry, text, sizeof text, &found) == 0 && found)
        snprintf(out, room, "%s", found->gr_name);
    else
        snprintf(out, room, "%u", (unsigned)wanted->gid);
}

int privileges_check(const struct privileges *wanted, const struct conf *conf, struct diag *diag)
{
    if (!wanted->change)
        return 0;
    struct checking to = {.user = wanted->name, .from_start = wanted->from_start, .diag = diag};
    name_group(wanted, to.group, sizeof to.group);
    /* The effective ids alone, so that the way back stays open: this is no protection, only a question. */
    bool root = geteuid() == 0 && wanted->uid != 0;
    gid_t gid = getegid(), groups[PRIVILEGES_GROUPS];
    int n = root ? getgroups(PRIVILEGES_GROUPS, groups) : 0;
    if (n < 0 || (root && (setgroups((size_t)wanted->n_groups, wanted->group) != 0 ||
                           setegid(wanted->gid) != 0 || seteuid(wanted->uid) != 0))) {
        diag_error(diag, conf->user.src, "cannot check the files as the user %s: %s", wanted->name,
                   strerror(errno));
        return ERR_DENIED;
    }
    (void)conf_paths(conf, check_path, &to);
    if (root && (seteuid(0) != 0 || setegid(gid) != 0 || setgroups((size_t)n, groups) != 0)) {
        diag_error(diag, conf->user.src, "cannot become root again: %s", strerror(errno));
        return ERR_DENIED;
    }
    return 0;
}
