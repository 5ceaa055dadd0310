#include "http/files_open.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "http/files.h"

enum { OPEN_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, RACES_MOST = 8, LINKS_MOST = 40 };

/* Set once the kernel or its seccomp filter has said that there is no openat2, or by a test. */
static atomic_bool no_openat2;

void files_without_openat2(bool without)
{
    atomic_store(&no_openat2, without);
}

static int fail(int why)
{
    errno = why;
    return -1;
}

/* Without following any link: ELOOP where there is one. "" is the root itself. */
static int open_plain(int root, const char *name, unsigned flags)
{
    struct open_how how = {.flags = flags,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
    long fd;
    int races = 0;
    do /* EAGAIN: something on the way was renamed meanwhile, and the kernel could not vouch for a ".." */
        fd = syscall(SYS_openat2, root, *name ? name : ".", &how, sizeof how);
    while (fd < 0 && errno == EAGAIN && ++races < RACES_MOST);
    return (int)fd;
}

/* What the link leads to; 0 when `name` is none, and then it must be a folder if something is asked of it.
 * -1 and errno. */
static ssize_t read_link(int root, const char *name, bool as_folder, char *out, size_t room)
{
    struct stat st;
    int fd = open_plain(root, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    *out = '\0';
    if (fd < 0)
        return -1;
    ssize_t n = fstat(fd, &st);
    if (n == 0 && S_ISLNK(st.st_mode))
        n = readlinkat(fd, "", out, room);
    else if (n == 0 && as_folder && !S_ISDIR(st.st_mode))
        n = fail(ENOTDIR);
    int saved = errno;
    close(fd);
    errno = saved;
    if (n > 0 && out[0] == '/') /* leads out, as RESOLVE_BENEATH has it */
        return fail(EXDEV);
    return n < 0 || (size_t)n < room ? n : fail(ENAMETOOLONG);
}

/* A path while its links are read: what is settled, and what is still to be walked. */
struct trail {
    char *at; /* FILES_ROOM bytes, from the slash on */
    size_t len;
    char rest[FILES_ROOM];
    unsigned links;
};

static int go_up(struct trail *trail)
{
    if (trail->len == 0)
        return fail(EXDEV);
    while (trail->at[trail->len] != '/')
        trail->len--;
    trail->len -= trail->len > 0;
    trail->at[trail->len + 1] = '\0';
    return 0;
}

/* Goes into the component of `n` bytes at `p`, in trail->rest, and returns what is to be walked then. NULL
 * and errno. */
static const char *go_down(struct trail *trail, int root, const char *p, size_t n)
{
    char link[FILES_ROOM];
    const char *behind = p + n;
    size_t before = trail->len, left = strlen(behind);
    if (before + n + 3 > FILES_ROOM) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    char *end = trail->at + 1 + before;
    if (before > 0)
        *end++ = '/';
    memcpy(end, p, n);
    end[n] = '\0';
    trail->len = (size_t)(end + n - trail->at) - 1;
    ssize_t to = read_link(root, trail->at + 1, *behind == '/', link, sizeof link);
    if (to <= 0)
        return to == 0 ? behind : NULL;
    if (++trail->links > LINKS_MOST || (size_t)to + left >= sizeof trail->rest) {
        errno = trail->links > LINKS_MOST ? ELOOP : ENAMETOOLONG;
        return NULL;
    }
    memmove(trail->rest + to, behind, left + 1);
    memcpy(trail->rest, link, (size_t)to);
    trail->len = before;
    trail->at[before + 1] = '\0';
    return trail->rest;
}

/* The path without links that `name` leads to, by reading each of them: whoever is to know where a file lies
 * must not leave it to the kernel. -1 and errno. */
static int follow(int root, const char *name, char at[static FILES_ROOM])
{
    struct trail trail = {.at = at};
    if (!memccpy(trail.rest, name, '\0', sizeof trail.rest))
        return fail(ENAMETOOLONG);
    memcpy(at, "/", 2);
    for (const char *p = trail.rest; p && *p;) {
        size_t n = strcspn(p, "/");
        if (n == 0)
            p++;
        else if (n == 1 && *p == '.')
            p += n;
        else if (n == 2 && p[0] == '.' && p[1] == '.')
            p = go_up(&trail) == 0 ? p + n : NULL;
        else
            p = go_down(&trail, root, p, n);
        if (!p)
            return -1;
    }
    return 0;
}

/* What is opened is what `at` says, or nothing: a link that appears meanwhile is ELOOP. */
static int by_openat2(int root, const char *name, char at[static FILES_ROOM])
{
    int fd = open_plain(root, name, OPEN_FLAGS);
    at[0] = '/';
    if (fd >= 0 || errno != ELOOP)
        return memccpy(at + 1, name, '\0', FILES_ROOM - 1) ? fd : fail(ENAMETOOLONG);
    for (int races = 0; fd < 0 && errno == ELOOP && races < RACES_MOST; races++) {
        if (follow(root, name, at) != 0)
            return -1;
        fd = open_plain(root, at + 1, OPEN_FLAGS);
    }
    return fd;
}

static int by_walk(int root, const char *name)
{
    char part[NAME_MAX + 1];
    int dir = root, fd = -1;
    for (;;) {
        size_t n = strcspn(name, "/");
        if (n == 0 || n > NAME_MAX || (n <= 2 && strspn(name, ".") >= n)) {
            errno = ENOENT;
            break;
        }
        memcpy(part, name, n);
        part[n] = '\0';
        name += n + (name[n] == '/');
        bool final = *name == '\0';
        fd = openat(dir, part,
                    final ? OPEN_FLAGS | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || final)
            break;
        if (dir != root)
            close(dir);
        dir = fd;
        fd = -1;
    }
    if (dir != root) {
        int saved = errno;
        close(dir);
        errno = saved;
    }
    return fd;
}

static int code_of_errno(void)
{
    switch (errno) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return ERR_NOMEM;
    case EIO:
    case EAGAIN:
    case EINTR:
        return ERR_IO;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    default:
        return ERR_NOTFOUND;
    }
}

int files_open(int root, const char *name, struct files_found *out)
{
    int fd = -1;
    bool walk = atomic_load_explicit(&no_openat2, memory_order_relaxed);
    if (strlen(name) + 2 > FILES_ROOM) {
        errno = ENAMETOOLONG;
        return ERR_NOTFOUND;
    }
    if (!walk) {
        fd = by_openat2(root, name, out->at);
        /* A filter may answer EPERM, which openat2 itself gives for nothing that one may open. */
        walk = fd < 0 && (errno == ENOSYS || errno == EPERM);
        if (walk && errno == ENOSYS)
            files_without_openat2(true);
    }
    if (walk) {
        fd = by_walk(root, name);
        out->at[0] = '/';
        memccpy(out->at + 1, name, '\0', FILES_ROOM - 1);
    }
    if (fd < 0)
        return code_of_errno();
    if (fstat(fd, &out->st) != 0) {
        close(fd);
        return ERR_IO;
    }
    out->fd = fd;
    return 0;
}

int files_where(int root, const char *name, char at[static FILES_ROOM])
{
    char found[FILES_ROOM];
    if (root < 0 || follow(root, name, found) != 0)
        return ERR_NOTFOUND;
    memccpy(at, found, '\0', FILES_ROOM);
    return 0;
}
