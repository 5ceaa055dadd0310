#include "server/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/conf_paths.h"

enum {
    LOOK_MS = 1000,
    SETTLE_MS = 500,      /* files that belong together are seldom written in the same instant */
    MOST_SETTLE_MS = 5000 /* whoever writes all the time must not keep a revocation out */
};

/* What a path led to. A time of change (ctime) can be set by nobody. */
struct stamp {
    bool there;
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime, ctime;
};

struct watched {
    char *path;
    bool folder; /* with files that come and go */
    struct stamp stamp;
};

struct watch {
    struct watched *file;
    size_t n, room;
    const char *what;
    uint64_t look_ms;
    uint64_t since_ms; /* when the change was noticed that is not reported yet; 0: none is */
};

/* False when it cannot be seen, for want of rights: then nothing is known of it. */
static bool look(const struct watched *watched, struct stamp *out)
{
    struct stat st;
    *out = (struct stamp){0};
    if (stat(watched->path, &st) != 0)
        return errno != EACCES && errno != EPERM;
    *out = (struct stamp){.there = true, .dev = st.st_dev, .ino = st.st_ino};
    if (!watched->folder) {
        out->size = st.st_size;
        out->mtime = st.st_mtim;
        out->ctime = st.st_ctim;
    }
    return true;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same(const struct stamp *a, const struct stamp *b)
{
    return a->there == b->there && a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           same_time(&a->mtime, &b->mtime) && same_time(&a->ctime, &b->ctime);
}

static int add(struct watch *watch, const char *path, bool folder, struct err *err)
{
    if (watch->n == watch->room) {
        size_t room = watch->room ? 2 * watch->room : 16;
        struct watched *file = realloc(watch->file, room * sizeof *file);
        if (!file)
            return err_nomem(err);
        watch->file = file;
        watch->room = room;
    }
    struct watched watched = {.path = strdup(path), .folder = folder};
    if (!watched.path)
        return err_nomem(err);
    (void)look(&watched, &watched.stamp);
    watch->file[watch->n++] = watched;
    return 0;
}

struct adding {
    struct watch *watch;
    struct err *err;
};

/* Logs are written by the server itself. */
static int add_path(void *cls, const struct option *option, const struct conf_text *path)
{
    const struct adding *adding = cls;
    unsigned flags = option ? option->flags : 0;
    if (flags & OPTION_WRITTEN)
        return 0;
    return add(adding->watch, path->text, (flags & OPTION_FOLDER) != 0, adding->err);
}

int watch_new(const struct conf *conf, struct watch **out, struct err *err)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return err_nomem(err);
    struct adding adding = {watch, err};
    int rc = conf_paths(conf, add_path, &adding);
    if (rc == 0)
        *out = watch;
    else
        watch_free(watch);
    return rc;
}

void watch_free(struct watch *watch)
{
    if (!watch)
        return;
    for (size_t i = 0; i < watch->n; i++)
        free(watch->file[i].path);
    free(watch->file);
    free(watch);
}

uint64_t watch_due_ms(const struct watch *watch)
{
    return watch->look_ms;
}

const char *watch_what(const struct watch *watch)
{
    return watch->what;
}

static bool look_at_all(struct watch *watch)
{
    bool changed = false;
    for (size_t i = 0; i < watch->n; i++) {
        struct watched *watched = &watch->file[i];
        struct stamp now;
        if (!look(watched, &now) || same(&watched->stamp, &now))
            continue;
        watched->stamp = now;
        if (watch->since_ms == 0 && !changed)
            watch->what = watched->path;
        changed = true;
    }
    return changed;
}

bool watch_turn(struct watch *watch, uint64_t now_ms)
{
    bool changed = look_at_all(watch);
    if (changed && watch->since_ms == 0)
        watch->since_ms = now_ms;
    bool waits = watch->since_ms != 0 && changed && now_ms - watch->since_ms < MOST_SETTLE_MS;
    bool reports = watch->since_ms != 0 && !waits;
    watch->look_ms = now_ms + (waits ? SETTLE_MS : LOOK_MS);
    if (reports)
        watch->since_ms = 0;
    return reports;
}
