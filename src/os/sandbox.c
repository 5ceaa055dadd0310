#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "os/sandbox.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "config/conf_paths.h"
#include "os/fence.h"
#include "os/filter.h"
#include "os/privileges.h"

struct opening {
    char *path;
    enum fence_use use;
};

struct sandbox {
    bool fenced;
    struct opening *opening;
    size_t n, room;
};

static int let_in(struct sandbox *sandbox, const char *path, enum fence_use use, struct err *err)
{
    if (sandbox->n == sandbox->room) {
        size_t room = sandbox->room ? 2 * sandbox->room : 16;
        struct opening *opening = realloc(sandbox->opening, room * sizeof *opening);
        if (!opening)
            return err_nomem(err);
        sandbox->opening = opening;
        sandbox->room = room;
    }
    /* As it really is: that is what the kernel keeps to, and later paths are compared with. */
    char *real = realpath(path, NULL), *copy = real ? real : strdup(path);
    if (!copy)
        return err_nomem(err);
    sandbox->opening[sandbox->n++] = (struct opening){copy, use};
    return 0;
}

/* The folder of a file: one that is replaced by renaming is another file, and only a folder outlives that.
 * The root folder would be everything: there it is the file alone. */
static int let_folder_in(struct sandbox *sandbox, const char *file, enum fence_use use, struct err *err)
{
    const char *slash = strrchr(file, '/');
    if (slash == file)
        return let_in(sandbox, file, use, err);
    char *folder = slash ? strndup(file, (size_t)(slash - file)) : strdup(".");
    int rc = folder ? let_in(sandbox, folder, use, err) : err_nomem(err);
    free(folder);
    return rc;
}

struct collecting {
    struct sandbox *sandbox;
    struct err *err;
};

static int collect(void *cls, const struct option *option, const struct conf_text *path)
{
    const struct collecting *to = cls;
    unsigned flags = option ? option->flags : 0;
    bool folder = flags & OPTION_FOLDER, written = flags & OPTION_WRITTEN;
    if (folder)
        return let_in(to->sandbox, path->text, written ? FENCE_ALL : FENCE_READ, to->err);
    if (written)
        return let_folder_in(to->sandbox, path->text, FENCE_LOG, to->err);
    int rc = let_folder_in(to->sandbox, path->text, FENCE_READ, to->err);
    /* A link to a file elsewhere, as certbot makes them: also there. */
    char *real = realpath(path->text, NULL);
    if (rc == 0 && real)
        rc = let_folder_in(to->sandbox, real, FENCE_READ, to->err);
    free(real);
    return rc;
}

static int put_fence(struct sandbox *sandbox, enum fence_around around, struct err *err)
{
    struct fence *fence = NULL;
    int rc = fence_new(fence_version(), around, &fence, err);
    for (size_t i = 0; rc == 0 && around == FENCE_EVERYTHING && i < sandbox->n; i++)
        rc = fence_open(fence, sandbox->opening[i].path, sandbox->opening[i].use, err);
    if (rc == 0)
        rc = fence_close(fence, err);
    sandbox->fenced = rc == 0 && around == FENCE_EVERYTHING;
    fence_free(fence);
    return rc;
}

static int put_fences(struct sandbox *sandbox, const struct conf *conf, struct err *err)
{
    const int version = fence_version();
    const bool tokens = conf_uses_tokens(conf), files = !tokens || conf->sandbox_paths.n > 0;
    if (!files)
        log_notice(
            "sandbox: the files stay open because a PKCS#11 module needs some that only it knows; name its "
            "folders in sandbox_paths");
    else if (version == 0)
        log_info("sandbox: this kernel has no Landlock; files are guarded by their rights alone");
    /* Without modules the filter has no connect. */
    if (tokens && !fence_has_network(version))
        log_notice("sandbox: this kernel cannot forbid outgoing TCP connections beside a PKCS#11 module's "
                   "local ones; Linux 6.7 can");
    if (version == 0 || (!files && !fence_has_network(version)))
        return 0;
    return put_fence(sandbox, files ? FENCE_EVERYTHING : FENCE_NETWORK, err);
}

static int put_filter(const struct conf *conf, struct err *err)
{
    bool only_log = conf->sandbox == SANDBOX_LOG;
    if (!filter_built()) {
        log_warning("sandbox: built without libseccomp; system calls are not filtered");
        return 0;
    }
    int rc = filter_load(only_log, conf_uses_tokens(conf), err);
    if (rc != ERR_NOTFOUND)
        return rc;
    log_warning("sandbox: %s; system calls are not filtered", err->text);
    return 0;
}

static int enter(struct sandbox *sandbox, const struct conf *conf, struct err *err)
{
    tzset(); /* reads the time zone's file, while it can */
    int rc = privileges_drop_capabilities(err);
    if (rc != 0)
        return rc;
    if (conf->sandbox == SANDBOX_LOG)
        log_notice("sandbox = log: nothing is forbidden; the kernel logs system calls that would be");
    else
        rc = put_fences(sandbox, conf, err);
    return rc == 0 ? put_filter(conf, err) : rc;
}

int sandbox_enter(const struct conf *conf, struct sandbox **out, struct err *err)
{
    struct sandbox *sandbox = calloc(1, sizeof *sandbox);
    if (!sandbox)
        return err_nomem(err);
    struct collecting to = {sandbox, err};
    /* Whoever is out of descriptors keeps one in reserve that way (shed.c). */
    int rc = let_in(sandbox, "/dev/null", FENCE_ALL, err);
    if (rc == 0)
        rc = conf_paths(conf, collect, &to);
#ifdef MTLSD_INSTRUMENTED
    /* Sanitizers trace their own threads, read /proc and run a symbolizer; coverage is written at the end. */
    const bool possible = false;
    if (conf->sandbox != SANDBOX_OFF)
        log_info("sandbox: left out of a build with sanitizers or coverage");
#else
    const bool possible = true;
#endif
    if (rc == 0 && possible && conf->sandbox != SANDBOX_OFF)
        rc = enter(sandbox, conf, err);
    if (rc == 0)
        *out = sandbox;
    else
        sandbox_free(sandbox);
    return rc;
}

void sandbox_free(struct sandbox *sandbox)
{
    if (!sandbox)
        return;
    for (size_t i = 0; i < sandbox->n; i++)
        free(sandbox->opening[i].path);
    free(sandbox->opening);
    free(sandbox);
}

bool sandbox_is_fenced(const struct sandbox *sandbox)
{
    return sandbox->fenced;
}

static bool is_beneath(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Where a file really is, or, when it is not there yet, where its folder is; NULL: that cannot be told. */
static char *real_place(const char *path)
{
    char *real = realpath(path, NULL);
    const char *slash = strrchr(path, '/');
    char *folder = real ? NULL : slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (folder)
        real = realpath(folder, NULL);
    free(folder);
    return real;
}

struct explaining {
    const struct sandbox *sandbox;
    struct diag *diag;
};

static int explain(void *cls, const struct option *option, const struct conf_text *path)
{
    const struct explaining *to = cls;
    bool written = option && (option->flags & OPTION_WRITTEN);
    char *place = real_place(path->text);
    bool in = !place;
    for (size_t i = 0; !in && i < to->sandbox->n; i++) {
        const struct opening *opening = &to->sandbox->opening[i];
        bool fits = opening->use == FENCE_ALL || opening->use == (written ? FENCE_LOG : FENCE_READ);
        in = fits && is_beneath(place, opening->path);
    }
    free(place);
    if (in)
        return 0;
    diag_error(
        to->diag, path->src,
        "%s%s%s lies in none of the folders that the sandbox opened at the start: restart, or move the file",
        option ? option->name : "", option ? ": " : "", path->text);
    return 0;
}

void sandbox_explain(const struct sandbox *sandbox, const struct conf *conf, struct diag *diag)
{
    struct explaining to = {sandbox, diag};
    if (sandbox->fenced)
        (void)conf_paths(conf, explain, &to);
}

struct linting {
    const struct conf *conf;
    struct diag *diag;
    const struct conf_text *written; /* the path that is compared with the others, and the folder */
    const char *name, *folder;       /* that is opened for it */
    bool told;                       /* of a wide folder that is read */
};

/* A folder of many things besides this server's. */
static bool is_wide(const char *folder)
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

static bool is_written(const struct option *option)
{
    return option && (option->flags & OPTION_WRITTEN);
}

/* The folder that the sandbox opens for this path, as it really is; NULL: that cannot be told. */
static char *opened_folder(const struct option *option, const struct conf_text *path)
{
    char *place = realpath(path->text, NULL);
    if (option && (option->flags & OPTION_FOLDER))
        return place;
    free(place);
    const char *slash = strrchr(path->text, '/');
    char *folder = slash ? strndup(path->text, (size_t)(slash - path->text) + 1) : strdup(".");
    place = folder ? realpath(folder, NULL) : NULL;
    free(folder);
    return place;
}

/* One finding for a log is enough: whoever moves it has mended all. */
static int lint_neighbour(void *cls, const struct option *option, const struct conf_text *path)
{
    struct linting *to = cls;
    char *place = is_written(option) ? NULL : real_place(path->text);
    bool beneath = place && is_beneath(place, to->folder);
    free(place);
    if (beneath)
        diag_warning(
            to->diag, to->written->src,
            "%s: the sandbox leaves the folder %s writable, in which %s lies: give logs a folder of their "
            "own",
            to->name, to->folder, path->text);
    return beneath;
}

static int lint_path(void *cls, const struct option *option, const struct conf_text *path)
{
    struct linting *to = cls;
    char *folder = opened_folder(option, path);
    bool wide = folder && is_wide(folder), written = is_written(option);
    if (wide && (written || !to->told))
        diag_warning(to->diag, path->src,
                     "%s%sthe sandbox leaves all of %s %s, because of %s: use a folder that has "
                     "nothing else in it",
                     option ? option->name : "", option ? ": " : "", folder,
                     written ? "writable" : "readable", path->text);
    to->told = to->told || (wide && !written);
    if (folder && written && !wide) {
        to->written = path;
        to->name = option->name;
        to->folder = folder;
        (void)conf_paths(to->conf, lint_neighbour, to);
    }
    free(folder);
    return 0;
}

void sandbox_lint(const struct conf *conf, struct diag *diag)
{
    struct linting to = {.conf = conf, .diag = diag};
    if (conf->sandbox != SANDBOX_OFF)
        (void)conf_paths(conf, lint_path, &to);
}
