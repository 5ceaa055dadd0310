/* Files whose ends wait for clients of HTTP/2: one descriptor for each, however many streams of a worker's
 * connections read it. On the worker's thread. */
#ifndef MTLSD_SERVER_HTTP2_FILE_H
#define MTLSD_SERVER_HTTP2_FILE_H

#include <sys/types.h>

#include "base/base.h"

struct http2_file {
    struct http2_file *next;
    dev_t dev;
    ino_t ino;
    int fd;
    size_t refs;
};

/* Takes `fd` over. NULL when memory is short, or the system says nothing of the file. */
struct http2_file *http2_file_share(struct http2_file **all, int fd);
/* `file` may be NULL. */
void http2_file_drop(struct http2_file **all, struct http2_file *file);

#endif
