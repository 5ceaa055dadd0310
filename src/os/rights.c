/* privileges_check: what would happen to a reload after the process has become somebody else. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/conf_paths.h"
#include "os/privileges.h"

struct checking {
    const char *user;
    struct diag *diag;
};

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

static bool check_barrier(const struct checking *to, const struct option *option,
                          const struct conf_text *path)
{
    char barrier[4096], what[64];
    if (!find_barrier(path->text, barrier))
        return false;
    diag_warning(
        to->diag, path->src,
        "%sthe user %s cannot pass the folder %s on the way to %s, so that a reload would be refused: chmod "
        "o+x %s, or move the file",
        label(option, what), to->user, barrier, path->text, barrier);
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

static void check_read(const struct checking *to, const struct option *option, const struct conf_text *path)
{
    bool folder = option && (option->flags & OPTION_FOLDER);
    char what[64];
    if (may(path->text, folder ? X_OK : R_OK) || errno != EACCES)
        return; /* what is not there is found by whoever loads it */
    diag_warning(
        to->diag, path->src,
        "%sthe user %s cannot read %s, so that a reload would be refused: let the file belong to a group of "
        "that user (chgrp GROUP %s && chmod g+r%s %s)",
        label(option, what), to->user, path->text, path->text, folder ? "x" : "", path->text);
}

static int check_path(void *cls, const struct option *option, const struct conf_text *path)
{
    const struct checking *to = cls;
    if (option && (option->flags & OPTION_WRITTEN))
        check_written(to, option, path);
    else if (!check_barrier(to, option, path))
        check_read(to, option, path);
    return 0;
}

int privileges_check(const struct privileges *wanted, const struct conf *conf, struct diag *diag)
{
    struct checking to = {wanted->name, diag};
    if (!wanted->change)
        return 0;
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
