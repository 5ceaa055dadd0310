#include "os/writers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/conf_paths.h"

enum { TOLD_MOST = 64 };

struct looking {
    uid_t user;
    struct diag *diag;
    struct {
        dev_t device;
        ino_t inode;
    } told[TOLD_MOST]; /* each file and folder once, however many of the options lead there */
    size_t n_told;
};

static bool was_told(struct looking *to, const struct stat *st)
{
    for (size_t i = 0; i < to->n_told; i++) {
        if (to->told[i].device == st->st_dev && to->told[i].inode == st->st_ino)
            return true;
    }
    if (to->n_told < TOLD_MOST) {
        to->told[to->n_told].device = st->st_dev;
        to->told[to->n_told++].inode = st->st_ino;
    }
    return false;
}

/* A group of the owner's own, which many systems make with each user, has nobody else in it. */
static bool by_group(const struct stat *st)
{
    return (st->st_mode & S_IWGRP) && st->st_gid != 0 && st->st_gid != st->st_uid;
}

/* In a folder such as /tmp nobody replaces another's file. */
static bool is_sticky(const struct stat *st)
{
    return S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX);
}

/* `place` is `path`, or a folder on the way to it. */
static void look_at(struct looking *to, const struct option *option, const struct conf_text *path,
                    const char *place)
{
    struct stat st;
    char who[64], remedy[16] = "";
    if (stat(place, &st) != 0)
        return;
    if (st.st_uid != 0 && st.st_uid != to->user && st.st_uid != geteuid()) {
        snprintf(who, sizeof who, "belongs to the user with the number %u", (unsigned)st.st_uid);
        snprintf(remedy, sizeof remedy, "chown root");
    } else if ((st.st_mode & S_IWOTH) && !is_sticky(&st)) {
        snprintf(who, sizeof who, "can be written by everybody");
        snprintf(remedy, sizeof remedy, "chmod %s-w", by_group(&st) ? "go" : "o");
    } else if (by_group(&st) && !is_sticky(&st)) {
        snprintf(who, sizeof who, "can be written by the group with the number %u", (unsigned)st.st_gid);
        snprintf(remedy, sizeof remedy, "chmod g-w");
    }
    if (remedy[0] == '\0' || was_told(to, &st))
        return;
    diag_warning(to->diag, path->src, "%s%s%s %s%s%s, who can change whom the server lets in: %s %s",
                 option ? option->name : "", option ? ": " : "", place, who,
                 S_ISDIR(st.st_mode) ? ", and has in it, or below it, " : "",
                 S_ISDIR(st.st_mode) ? path->text : "", remedy, place);
}

static int look(void *cls, const struct option *option, const struct conf_text *path)
{
    struct looking *to = cls;
    if (option && (option->flags & (OPTION_WRITTEN | OPTION_FOLDER)))
        return 0;
    char *place = realpath(path->text, NULL);
    for (char *slash = place; place && slash;) {
        look_at(to, option, path, place[0] ? place : "/");
        slash = strrchr(place, '/');
        if (slash)
            *slash = '\0';
    }
    free(place);
    return 0;
}

void writers_lint(const struct conf *conf, uid_t user, struct diag *diag)
{
    struct looking to = {.user = user, .diag = diag};
    (void)conf_paths(conf, look, &to);
}
