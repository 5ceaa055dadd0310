#include "server/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "config/conf_paths.h"

struct watched {
    int id;     /* inotify's, of the folder */
    char *name; /* of the file in it */
};

struct watch {
    int fd;
    struct watched *file;
    size_t n, room;
};

static int add(struct watch *watch, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == path ? strdup("/") : slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
    char *name = strdup(slash ? slash + 1 : path);
    int rc = folder && name ? 0 : err_nomem(err);
    if (rc == 0 && watch->n == watch->room) {
        size_t room = watch->room ? 2 * watch->room : 16;
        struct watched *file = realloc(watch->file, room * sizeof *file);
        if (file) {
            watch->file = file;
            watch->room = room;
        } else {
            rc = err_nomem(err);
        }
    }
    if (rc == 0) {
        /* The same folder again gives the same id. */
        int id = inotify_add_watch(
            watch->fd, folder, IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_ONLYDIR);
        if (id < 0) {
            rc = err_set(err, ERR_IO, "cannot watch the folder %s: %s", folder, strerror(errno));
        } else {
            watch->file[watch->n++] = (struct watched){id, name};
            name = NULL;
        }
    }
    free(folder);
    free(name);
    return rc;
}

struct adding {
    struct watch *watch;
    struct err *err;
};

/* Logs are written by the server itself, and what lies in folders is read anew for each request. */
static int add_path(void *cls, const struct option *option, const struct conf_text *path)
{
    const struct adding *adding = cls;
    if (option && (option->flags & (OPTION_WRITTEN | OPTION_FOLDER)))
        return 0;
    return add(adding->watch, path->text, adding->err);
}

int watch_new(const struct conf *conf, struct watch **out, struct err *err)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return err_nomem(err);
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    struct adding adding = {watch, err};
    int rc = watch->fd < 0 ? err_set(err, ERR_IO, "inotify: %s", strerror(errno))
                           : conf_paths(conf, add_path, &adding);
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
        free(watch->file[i].name);
    free(watch->file);
    if (watch->fd >= 0)
        close(watch->fd);
    free(watch);
}

int watch_fd(const struct watch *watch)
{
    return watch->fd;
}

static bool is_named(const struct watch *watch, const struct inotify_event *event)
{
    /* "..data" and its like: how containers swap a whole folder of secrets at once. */
    if (event->len == 0 || strncmp(event->name, "..", 2) == 0)
        return true;
    for (size_t i = 0; i < watch->n; i++) {
        if (watch->file[i].id == event->wd && strcmp(watch->file[i].name, event->name) == 0)
            return true;
    }
    return false;
}

bool watch_read(struct watch *watch)
{
    _Alignas(struct inotify_event) char events[4096];
    bool named = false;
    ssize_t n;
    while ((n = read(watch->fd, events, sizeof events)) > 0) {
        for (char *p = events; p < events + n;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)p;
            named = named || is_named(watch, event);
            p += sizeof *event + event->len;
        }
    }
    return named;
}
