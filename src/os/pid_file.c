#include "os/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MODE = 0644 };

static int failed(const char *path, struct err *err)
{
    return err_set(err, errno == EACCES || errno == EROFS || errno == EPERM ? ERR_DENIED : ERR_IO, "%s: %s",
                   path, strerror(errno));
}

int pid_file_open(const char *path, struct err *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
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
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

void pid_file_close(int fd)
{
    if (fd < 0)
        return;
    /* The folder may be closed by now, so that the file itself stays: empty, and without a lock. */
    (void)!ftruncate(fd, 0);
    close(fd);
}

pid_t pid_file_owner(const char *path, struct err *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
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
