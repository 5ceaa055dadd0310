/* Opening below a folder and nowhere else. */
#ifndef MTLSD_HTTP_FILES_OPEN_H
#define MTLSD_HTTP_FILES_OPEN_H

#include <sys/stat.h>

#include "base/err.h"

/* Opens `name` (relative, no empty component) below the folder `root` for reading, without ever waiting for a
 * FIFO or a device. A symbolic link is followed only where the kernel has openat2, which keeps it beneath the
 * root; the walk component by component, for kernels and sandboxes without it, refuses every link. Returns a
 * descriptor; ERR_NOTFOUND for all that a client should not tell apart (absent, unreadable, outside);
 * ERR_NOMEM when descriptors or memory are short, ERR_IO when the system is at fault otherwise. */
MUST_CHECK int files_open(int root, const char *name, struct stat *st);

#endif
