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

enum { OPEN_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, RACES_MOST = 8 };

/* Set once the kernel or its seccomp filter has said that there is no openat2, or by a test. */
static atomic_bool no_openat2;

void files_without_openat2(bool without)
{
    atomic_store(&no_openat2, without);
}

static int by_openat2(int root, const char *name)
{
    struct open_how how = {.flags = OPEN_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd;
    int races = 0;
    do /* EAGAIN: something on the way was renamed meanwhile, and the kernel could not vouch for a ".." */
        fd = syscall(SYS_openat2, root, name, &how, sizeof how);
    while (fd < 0 && errno == EAGAIN && ++races < RACES_MOST);
    return (int)fd;
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

int files_open(int root, const char *name, struct stat *st)
{
    int fd = -1;
    bool walk = atomic_load_explicit(&no_openat2, memory_order_relaxed);
    if (!walk) {
        fd = by_openat2(root, name);
        /* A filter may answer EPERM, which openat2 itself gives for nothing that one may open. */
        walk = fd < 0 && (errno == ENOSYS || errno == EPERM);
        if (walk && errno == ENOSYS)
            files_without_openat2(true);
    }
    if (walk)
        fd = by_walk(root, name);
    if (fd < 0) {
        switch (errno) {
        case EMFILE:
        case ENFILE:
        case ENOMEM:
            return ERR_NOMEM;
        case EIO:
        case EAGAIN:
        case EINTR:
            return ERR_IO;
        default:
            return ERR_NOTFOUND;
        }
    }
    if (fstat(fd, st) != 0) {
        close(fd);
        return ERR_IO;
    }
    return fd;
}
