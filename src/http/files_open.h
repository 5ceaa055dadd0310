/* Opening below a folder and nowhere else. */
#ifndef MTLSD_HTTP_FILES_OPEN_H
#define MTLSD_HTTP_FILES_OPEN_H

#include <sys/stat.h>

#include "base/err.h"
#include "http/path.h"

/* Room for a path of any length that path_normalise lets through, and what is put behind it. */
enum { FILES_ROOM = PATH_MOST + 32 };

struct files_found {
    int fd;
    struct stat st;
    char at[FILES_ROOM]; /* where it lies: its path from the root on, with the slash, no link on the way */
};

/* Opens `name` (relative, no empty component) below the folder `root` for reading, without ever waiting for a
 * FIFO or a device. A symbolic link is followed only where the kernel has openat2, which keeps it beneath the
 * root; the walk component by component, for kernels and sandboxes without it, refuses every link. 0 and
 * *out, whose descriptor is the caller's; ERR_DENIED when the rights are missing, ERR_NOTFOUND for all else
 * that a client should not tell apart (absent, outside), both with the reason in errno; ERR_NOMEM when
 * descriptors or memory are short, ERR_IO when the system is at fault otherwise. */
MUST_CHECK int files_open(int root, const char *name, struct files_found *out);

/* Where `name` leads, as `at` above; the last component need not be one that can be read. ERR_NOTFOUND, also
 * where there is no openat2. */
MUST_CHECK int files_where(int root, const char *name, char at[static FILES_ROOM]);

#endif
