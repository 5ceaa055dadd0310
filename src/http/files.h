/* Static files below the document root. */
#ifndef MTLSD_HTTP_FILES_H
#define MTLSD_HTTP_FILES_H

#include "http/message.h"

/* Answers GET and HEAD for request->path from request->document_root: index.html for a folder (308 to the
 * path with a slash without one), no dot files, nothing outside the root (openat2 with RESOLVE_BENEATH, or a
 * walk with O_NOFOLLOW), only regular files, ETag and Last-Modified with their conditions (RFC 9110 section
 * 13), one byte range and If-Range (section 14), `.br` and `.gz` neighbours by Accept-Encoding, a type by
 * extension. 0, also of a problem that the reply tells; negative: the reply is not to be used. */
int files_handler(const struct request *request, struct reply *reply);

/* For tests: leave openat2 alone and take the walk. */
void files_without_openat2(bool without);

/* The media type by the extension of the path, application/octet-stream for others; static. */
const char *files_type(const char *path);

#endif
