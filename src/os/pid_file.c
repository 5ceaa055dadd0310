#include "os/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0644 };

static int failed(const char *path, struct err *err)
{
    return err_set(err, errno == EACCES || errno == EROFS || errno == EPERM ? ERR_DENIED : ERR_IO, "%s: %s",
                   path, strerror(errno));
}

/* The file at `path` is still the one that is open. */
static bool is_at(int fd, const char *path)
{
    struct stat own, there;
    return fstat(fd, &own) == 0 && lstat(path, &there) == 0 && own.st_dev == there.st_dev &&
           own.st_ino == there.st_ino;
}

void pid_file_close(int fd, const char *path)
{
    if (fd < 0)
        return;
    /* The folder may be closed by now, so that the file itself stays: empty, and without a lock. A server
     * that started meanwhile has found the lock, and ended: nobody else's file is removed. */
    (void)!ftruncate(fd, 0);
    if (path && is_at(fd, path))
        (void)!unlink(path);
    close(fd);
}

/* Where in the file the locks of each kind begin; one of a port is in PORTS, one of a reload behind
 * RELOADS. */
enum { KNOWS_PORTS = 1 << 20, PORTS = 1 << 21, RELOADS = 1 << 22, STATES = 4, RELOADS_MOST = 1 << 27 };

static void mark(int fd, int type, off_t start, off_t n)
{
    struct flock lock = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = n};
    if (fd >= 0)
        (void)fcntl(fd, F_SETLK, &lock);
}

void pid_file_tell_ports(int fd, unsigned first, unsigned n)
{
    mark(fd, F_WRLCK, PORTS + (off_t)first, (off_t)n);
}

void pid_file_tell_ports_end(int fd)
{
    mark(fd, F_WRLCK, KNOWS_PORTS, 1);
}

void pid_file_tell_reload(int fd, unsigned number, enum pid_file_reload state)
{
    /* The new one is set before the old ones go: who asks meanwhile gets the old, or none. */
    const off_t at = RELOADS + (off_t)(number % RELOADS_MOST) * STATES + state;
    mark(fd, F_WRLCK, at, 1);
    if (at > RELOADS)
        mark(fd, F_UNLCK, RELOADS, at - RELOADS);
    mark(fd, F_UNLCK, at + 1, 0);
}

int pid_file_open(const char *path, struct err *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    char text[32];
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, FILE_MODE);
    if (fd < 0)
        return failed(path, err);
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid()), rc = 0;
    if (fcntl(fd, F_SETLK, &lock) != 0) {
        rc = errno != EAGAIN && errno != EACCES
                 ? failed(path, err)
                 : err_set(err, ERR_EXISTS,
                           "%s is that of a server that runs: stop it, or give each a pid_file of its own",
                           path);
    } else if (ftruncate(fd, 0) != 0 || write(fd, text, (size_t)n) != n) {
        rc = failed(path, err);
    }
    if (rc == 0) {
        pid_file_tell_reload(fd, 0, PID_FILE_DONE);
        return fd;
    }
    close(fd);
    return rc;
}

/* The first byte from `start` on, of `n` (0: all), that another process has a lock on; negative: none. */
static off_t marked(const char *path, off_t start, off_t n)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = n};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int rc = fd < 0 ? -1 : fcntl(fd, F_GETLK, &lock);
    if (fd >= 0)
        close(fd);
    return rc != 0 || lock.l_type == F_UNLCK ? -1 : lock.l_start > start ? lock.l_start : start;
}

bool pid_file_connects(const char *path, unsigned port)
{
    return marked(path, KNOWS_PORTS, 1) < 0 || marked(path, PORTS + (off_t)port, 1) >= 0;
}

bool pid_file_reload(const char *path, unsigned *number, enum pid_file_reload *state)
{
    const off_t at = marked(path, RELOADS, 0);
    if (at < 0)
        return false;
    *number = (unsigned)((at - RELOADS) / STATES);
    *state = (enum pid_file_reload)((at - RELOADS) % STATES);
    return *state <= PID_FILE_REFUSED;
}

pid_t pid_file_owner(const char *path, struct err *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno != ENOENT)
        return failed(path, err);
    int rc = fd < 0 ? 0 : fcntl(fd, F_GETLK, &lock);
    if (rc != 0)
        rc = failed(path, err);
    else if (fd < 0 || lock.l_type == F_UNLCK || lock.l_pid <= 0)
        rc = err_set(err, ERR_NOTFOUND, "no server runs with this pid_file: %s", path);
    if (fd >= 0)
        close(fd);
    return rc != 0 ? rc : lock.l_pid;
}
