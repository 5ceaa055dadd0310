#include "os/openings.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/conf_paths.h"

enum { LINKS_MOST = 40 }; /* on one way, as the kernel has it */

bool openings_beneath(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

char *openings_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    return !slash ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

char *openings_place(const char *path)
{
    char *real = realpath(path, NULL), *folder = real ? NULL : openings_folder(path);
    if (folder)
        real = realpath(folder, NULL);
    free(folder);
    return real;
}

bool openings_wide(const char *folder)
{
    static const char *const WIDE[] = {"", "/", "/etc", "/home", "/root", "/usr", "/var", "/tmp"};
    for (size_t i = 0; i < ARRAY_LEN(WIDE); i++) {
        if (strcmp(folder, WIDE[i]) == 0)
            return true;
    }
    const char *home = getenv("HOME");
    char *real = home ? realpath(home, NULL) : NULL;
    bool is_home = (real && strcmp(folder, real) == 0) ||
                   (strncmp(folder, "/home/", 6) == 0 && !strchr(folder + 6, '/'));
    free(real);
    return is_home;
}

/* Nobody has named this one: it is opened only where nothing else is to be expected. */
static bool is_for_neighbours(const char *folder)
{
    static const char *const SHARED[] = {"/var/lib", "/var/log",   "/var/cache", "/var/spool", "/var/tmp",
                                         "/var/opt", "/usr/local", "/usr/share", "/usr/lib"};
    bool top = folder[0] == '/' && !strchr(folder + 1, '/');
    bool shared = top || openings_wide(folder) || openings_beneath(folder, "/proc") ||
                  openings_beneath(folder, "/sys") || openings_beneath(folder, "/dev");
    for (size_t i = 0; !shared && i < ARRAY_LEN(SHARED); i++)
        shared = strcmp(folder, SHARED[i]) == 0;
    return !shared;
}

struct collecting {
    const struct conf *conf;
    struct openings *to;
    struct err *err;
};

static int let_in(const struct collecting *c, const char *path, enum fence_use use)
{
    struct openings *to = c->to;
    struct stat st;
    char *real = realpath(path, NULL);
    if (!real || stat(real, &st) != 0) { /* what is not there cannot be let in */
        free(real);
        return 0;
    }
    for (size_t i = 0; i < to->n; i++) {
        const struct opening *o = &to->item[i];
        if (o->device == st.st_dev && o->inode == st.st_ino && o->use == use) {
            free(real);
            return 0;
        }
    }
    if (to->n == to->room) {
        size_t room = to->room ? 2 * to->room : 16;
        struct opening *item = realloc(to->item, room * sizeof *item);
        if (!item) {
            free(real);
            return err_nomem(c->err);
        }
        to->item = item;
        to->room = room;
    }
    to->item[to->n++] = (struct opening){real, st.st_dev, st.st_ino, use};
    return 0;
}

/* The folder of a file. The root folder would be everything: there it is the file alone. */
static int let_folder_in(const struct collecting *c, const char *file, enum fence_use use)
{
    const char *slash = strrchr(file, '/');
    if (slash == file)
        return let_in(c, file, use);
    char *folder = openings_folder(file);
    int rc = folder ? let_in(c, folder, use) : err_nomem(c->err);
    free(folder);
    return rc;
}

/* What is served, what is read and what is written are not each other's neighbours. */
enum kind { KIND_READ, KIND_SERVED, KIND_WRITTEN };

static enum kind kind_of(const struct option *option)
{
    const unsigned flags = option ? option->flags : 0;
    return flags & OPTION_WRITTEN ? KIND_WRITTEN : flags & OPTION_FOLDER ? KIND_SERVED : KIND_READ;
}

struct holding {
    const char *folder;
    enum kind kind;
    bool others;
};

static int look_for_others(void *cls, const struct option *option, const struct conf_text *path)
{
    struct holding *to = cls;
    char *place = kind_of(option) != to->kind ? openings_place(path->text) : NULL;
    to->others = place && openings_beneath(place, to->folder);
    free(place);
    return to->others;
}

/* The folder that `path` lies in, for the sake of its neighbours. */
static int let_neighbours_in(const struct collecting *c, const char *path, enum kind kind)
{
    char *folder = openings_folder(path), *real = folder ? realpath(folder, NULL) : NULL;
    int rc = folder ? 0 : err_nomem(c->err);
    free(folder);
    struct holding holding = {real, kind, false};
    if (real)
        (void)conf_paths(c->conf, look_for_others, &holding);
    if (real && !holding.others && is_for_neighbours(real))
        rc = let_in(c, real, kind == KIND_WRITTEN ? FENCE_LOG : FENCE_READ);
    free(real);
    return rc;
}

/* Puts the target of the link at way[0..at) in its place. False: no link, or too long to follow. */
static bool follow(char way[static PATH_MAX], size_t at, size_t *target_end)
{
    char target[PATH_MAX], next[PATH_MAX];
    char after = way[at];
    way[at] = '\0';
    ssize_t n = readlink(way, target, sizeof target - 1);
    const char *slash = strrchr(way, '/');
    size_t before = n > 0 && target[0] != '/' && slash ? (size_t)(slash - way) + 1 : 0;
    way[at] = after;
    if (n <= 0)
        return false;
    while (n > 1 && target[n - 1] == '/')
        n--;
    target[n] = '\0';
    int len = snprintf(next, sizeof next, "%.*s%s%s", (int)before, way, target, way + at);
    if (len < 0 || (size_t)len >= sizeof next)
        return false;
    memcpy(way, next, (size_t)len + 1);
    *target_end = before + (size_t)n;
    return true;
}

/* The neighbours of each link's target on the way. A log's own link says where the log is: that folder is
 * opened whatever else it has in it. */
static int follow_links(const struct collecting *c, const char *path, enum kind kind)
{
    char way[PATH_MAX], target[PATH_MAX];
    int rc = 0, links = 0;
    if (snprintf(way, sizeof way, "%s", path) >= (int)sizeof way)
        return 0;
    for (size_t at = 0; rc == 0 && way[at] != '\0';) {
        size_t end;
        at += 1 + strcspn(way + at + 1, "/");
        if (!follow(way, at, &end))
            continue;
        snprintf(target, sizeof target, "%.*s", (int)end, way);
        if (kind == KIND_WRITTEN && way[end] == '\0')
            rc = let_folder_in(c, target, FENCE_LOG);
        else
            rc = let_neighbours_in(c, target, kind);
        at = 0;
        if (++links == LINKS_MOST)
            break;
    }
    return rc;
}

static int collect(void *cls, const struct option *option, const struct conf_text *path)
{
    const struct collecting *c = cls;
    const enum kind kind = kind_of(option);
    const bool folder = option && (option->flags & OPTION_FOLDER);
    int rc;
    if (kind == KIND_WRITTEN && folder) /* it was named for its own sake */
        return let_in(c, path->text, FENCE_ALL);
    if (kind == KIND_SERVED)
        rc = let_in(c, path->text, FENCE_READ);
    else
        rc = let_folder_in(c, path->text, kind == KIND_WRITTEN ? FENCE_LOG : FENCE_READ);
    if (rc == 0 && kind == KIND_SERVED)
        rc = let_neighbours_in(c, path->text, kind);
    if (rc == 0)
        rc = follow_links(c, path->text, kind);
    /* Where a file really is, as certbot's are elsewhere. */
    char *real = kind == KIND_READ ? realpath(path->text, NULL) : NULL;
    if (rc == 0 && real)
        rc = let_folder_in(c, real, FENCE_READ);
    free(real);
    return rc;
}

/* What the C library reads to resolve the names of backends, and the certificates of the system's CAs. */
static int let_backends_in(const struct collecting *c)
{
    static const char *const READ[] = {"/etc/resolv.conf", "/etc/hosts",       "/etc/nsswitch.conf",
                                       "/etc/host.conf",   "/etc/gai.conf",    "/etc/services",
                                       "/etc/ssl/certs",   "/etc/ssl/cert.pem"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && c->conf->n_backends > 0 && i < ARRAY_LEN(READ); i++)
        rc = let_in(c, READ[i], FENCE_READ);
    return rc;
}

/* What is removed at the end, a listener's UNIX socket and the pid_file, where its folder has nothing else of
 * the configuration. Logs may be there: what may be cut to nothing may as well be gone. */
static int let_removal_in(const struct collecting *c, const char *path)
{
    char *folder = openings_folder(path), *real = folder ? realpath(folder, NULL) : NULL;
    int rc = folder ? 0 : err_nomem(c->err);
    free(folder);
    struct holding holding = {real, KIND_WRITTEN, false};
    if (real)
        (void)conf_paths(c->conf, look_for_others, &holding);
    if (real && !holding.others && is_for_neighbours(real))
        rc = let_in(c, real, FENCE_GONE);
    free(real);
    return rc;
}

static int let_removals_in(const struct collecting *c)
{
    int rc = c->conf->pid_file.text ? let_removal_in(c, c->conf->pid_file.text) : 0;
    for (size_t i = 0; rc == 0 && i < c->conf->n_listeners; i++) {
        struct conf_address at;
        if (conf_address(c->conf->listener[i].address.text, &at, NULL) == 0 && at.local)
            rc = let_removal_in(c, at.host);
    }
    return rc;
}

int openings_collect(const struct conf *conf, struct openings *out, struct err *err)
{
    struct collecting c = {conf, out, err};
    int rc = let_backends_in(&c);
    if (rc == 0)
        rc = let_removals_in(&c);
    return rc == 0 ? conf_paths(conf, collect, &c) : rc;
}

void openings_done(struct openings *openings)
{
    for (size_t i = 0; i < openings->n; i++)
        free(openings->item[i].path);
    free(openings->item);
    *openings = (struct openings){0};
}

static bool is_one(const struct openings *openings, bool written, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    for (size_t i = 0; i < openings->n; i++) {
        const struct opening *o = &openings->item[i];
        bool fits = o->use == FENCE_ALL || o->use == (written ? FENCE_LOG : FENCE_READ);
        if (fits && o->device == st.st_dev && o->inode == st.st_ino)
            return true;
    }
    return false;
}

/* As the kernel asks: the place, then each folder above it. */
bool openings_have(const struct openings *openings, const struct option *option, const char *path)
{
    bool written = option && (option->flags & OPTION_WRITTEN);
    char *place = openings_place(path);
    bool in = !place;
    while (!in && place[0] != '\0') {
        in = is_one(openings, written, place);
        char *slash = strrchr(place, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
    free(place);
    return in;
}
