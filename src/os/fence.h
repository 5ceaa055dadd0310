/* The fence around the files: Landlock, which lets an ordinary process give up the rest of the file system,
 * new TCP ports and outgoing TCP connections for good. Kernels before 5.13 have none, and some are started
 * without it. */
#ifndef MTLSD_OS_FENCE_H
#define MTLSD_OS_FENCE_H

#include "base/err.h"

enum fence_use {
    FENCE_READ, /* a folder, or a file: read */
    FENCE_LOG,  /* a folder: files are created in it and appended to */
    FENCE_ALL   /* a folder or file: everything but execution */
};

struct fence;

/* 0 when the kernel has no Landlock, otherwise the version of its interface. */
int fence_version(void);

/* A fence that lets nothing through yet. `version` is fence_version's, not 0. */
MUST_CHECK int fence_new(int version, struct fence **out, struct err *err);
/* Lets `path` through, and everything below it. What is not there is passed over: it cannot be let in. */
MUST_CHECK int fence_open(struct fence *fence, const char *path, enum fence_use use, struct err *err);
/* Closes it around this thread and those that it will start. NO_NEW_PRIVS is set before. */
MUST_CHECK int fence_close(const struct fence *fence, struct err *err);
void fence_free(struct fence *fence);

#endif
