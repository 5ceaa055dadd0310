#include "os/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "os/mask.h"

enum { FILE_MODE = 0644, TRIES = 10 };

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
    /* The folder may be closed by now, so that the file itself stays: empty, and without a lock. */
    (void)!ftruncate(fd, 0);
    if (path && is_at(fd, path))
        (void)!unlink(path);
    close(fd);
}

/* Where in the file the locks of each kind begin; one of a port is in PORTS, that of a reload behind
 * RELOADS. */
enum { KNOWS_PORTS = 1 << 20, PORTS = 1 << 21, RELOADS = 1 << 22, STATES = 4 };

/* --- the holder ----------------------------------------------------------------------------------------- */

/* Who may only read the file can lock it for reading, and then nobody can for writing. So the holder locks
 * all of it before anybody else can, and speaks by what it gives up; and who asks believes none but locks for
 * writing. */
static int mark(int fd, int type, off_t start, off_t n)
{
    struct flock lock = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = n};
    return fcntl(fd, F_SETLK, &lock);
}

static void give_up(int fd, off_t start, off_t n)
{
    if (fd >= 0 && mark(fd, F_UNLCK, start, n) != 0)
        log_warning("pid_file: what is told by its locks is not true any more: %s", strerror(errno));
}

void pid_file_tell_closed_ports(int fd, unsigned first, unsigned n)
{
    give_up(fd, PORTS + (off_t)first, (off_t)n);
}

void pid_file_tell_reload(int fd, unsigned number, enum pid_file_reload state)
{
    const off_t at = RELOADS + (off_t)number * STATES + state;
    if (at > RELOADS)
        give_up(fd, RELOADS, at - RELOADS);
}

/* A lock that somebody holds for writing, on the first byte from `start` on, of `n` (0: all). */
static int find_lock(int fd, off_t start, off_t n, struct flock *lock)
{
    *lock = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = n};
    return fcntl(fd, F_GETLK, lock);
}

/* Its descriptor, or -1, with errno. One that is `made` is nobody else's to read, until it is locked. */
static int open_or_make(const char *path, bool *made)
{
    const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int fd = -1;
    for (unsigned i = 0; i < TRIES && fd < 0; i++) {
        fd = open(path, flags | O_CREAT | O_EXCL, FILE_MODE & 0600);
        *made = fd >= 0;
        if (fd >= 0 || errno != EEXIST)
            return fd;
        fd = open(path, flags);
        if (fd < 0 && errno != ENOENT) /* else it has just gone */
            return fd;
    }
    return fd;
}

static bool is_file(int fd)
{
    struct stat is;
    return fstat(fd, &is) == 0 && S_ISREG(is.st_mode);
}

enum held { HELD_ALL, HELD_AGAIN, HELD_BY_SERVER, HELD_BY_READER, HELD_NOT };

/* All of the file, unless it has gone meanwhile, as that of a server that was about to end. */
static enum held hold(int fd, const char *path)
{
    struct flock lock;
    if (mark(fd, F_WRLCK, 0, 0) == 0)
        return is_at(fd, path) ? HELD_ALL : HELD_AGAIN;
    if ((errno != EAGAIN && errno != EACCES) || find_lock(fd, 0, 0, &lock) != 0)
        return HELD_NOT;
    if (lock.l_type != F_UNLCK)
        return HELD_BY_SERVER;
    /* Locks for reading alone: the file is left to whoever has them, and another made. */
    if (!is_at(fd, path))
        return HELD_AGAIN;
    return is_file(fd) && unlink(path) == 0 ? HELD_AGAIN : HELD_BY_READER;
}

static bool fill(int fd, bool made)
{
    char text[32];
    const int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    return ftruncate(fd, 0) == 0 && write(fd, text, (size_t)n) == n &&
           (!made || fchmod(fd, FILE_MODE & ~mask_read()) == 0);
}

int pid_file_open(const char *path, struct err *err)
{
    enum held held = HELD_AGAIN;
    bool made = false;
    int fd = -1, rc;
    for (unsigned i = 0; i < TRIES && held == HELD_AGAIN; i++) {
        if (fd >= 0)
            close(fd);
        fd = open_or_make(path, &made);
        if (fd < 0)
            return failed(path, err);
        held = hold(fd, path);
    }
    if (held == HELD_ALL && fill(fd, made)) {
        pid_file_tell_reload(fd, 0, PID_FILE_DONE);
        return fd;
    }
    if (held == HELD_BY_SERVER)
        rc = err_set(err, ERR_EXISTS,
                     "%s is that of a server that runs: stop it, or give each a pid_file of its own", path);
    else if (held == HELD_BY_READER)
        rc = err_set(err, ERR_DENIED,
                     "%s: a process that is no server has locked it, and it cannot be removed", path);
    else if (held == HELD_AGAIN)
        rc = err_set(err, ERR_IO, "%s: it is removed again and again", path);
    else
        rc = failed(path, err);
    close(fd);
    return rc;
}

/* --- who asks ------------------------------------------------------------------------------------------- */

/* The first byte from `start` on, of `n` (0: all), that the holder has locked; negative: none. */
static off_t marked(const char *path, off_t start, off_t n)
{
    struct flock lock;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int rc = fd < 0 ? -1 : find_lock(fd, start, n, &lock);
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
    struct flock lock = {.l_type = F_UNLCK};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno != ENOENT)
        return failed(path, err);
    int rc = fd < 0 ? 0 : find_lock(fd, 0, 1, &lock);
    if (rc != 0)
        rc = failed(path, err);
    else if (fd < 0 || lock.l_type == F_UNLCK || lock.l_pid <= 0)
        rc = err_set(err, ERR_NOTFOUND, "no server runs with this pid_file: %s", path);
    if (fd >= 0)
        close(fd);
    return rc != 0 ? rc : lock.l_pid;
}
