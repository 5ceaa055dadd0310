/* The fence around the files: Landlock, which lets an ordinary process give up the rest of the file system,
 * new TCP ports and outgoing TCP connections for good. Kernels before 5.13 have none, and some are started
 * without it. */
#ifndef MTLSD_OS_FENCE_H
#define MTLSD_OS_FENCE_H

#include "base/err.h"

enum fence_use {
    FENCE_READ, /* a folder, or a file: read */
    FENCE_LOG,  /* a folder: files are created in it and appended to */
    FENCE_GONE, /* a folder: files are taken out of it */
    FENCE_ALL   /* a folder or file: everything but execution */
};

enum fence_around {
    FENCE_EVERYTHING,
    FENCE_NETWORK, /* what goes out of the process, files aside */
};

struct fence;

/* 0 when the kernel has no Landlock, otherwise the version of its interface. */
int fence_version(void);

/* True when that version can forbid TCP. */
bool fence_has_network(int version);

/* A fence that lets nothing through yet: with FENCE_NETWORK no TCP and no signals, but every file.
 * `version` is fence_version's, and not 0 (for FENCE_NETWORK alone: it has network). */
MUST_CHECK int fence_new(int version, enum fence_around around, struct fence **out, struct err *err);
/* Lets `path` through, and everything below it. What is not there, or cannot be reached, is passed over: 0.
 * ERR_IO. */
MUST_CHECK int fence_open(struct fence *fence, const char *path, enum fence_use use, struct err *err);
/* Lets connections to this TCP port through. ERR_NOTFOUND: this version cannot tell. */
MUST_CHECK int fence_connect(struct fence *fence, unsigned short port, struct err *err);
/* Closes it around this thread and those that it will start. NO_NEW_PRIVS is set before. ERR_DENIED: there is
 * none. */
MUST_CHECK int fence_close(const struct fence *fence, struct err *err);
void fence_free(struct fence *fence);

#endif
