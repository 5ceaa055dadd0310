/* The request-target: from what was sent to the one path that routes, policy and files all use. Pure. */
#ifndef MTLSD_HTTP_PATH_H
#define MTLSD_HTTP_PATH_H

#include "base/base.h"
#include "base/buf.h"

enum { PATH_MOST = 4096 };
enum { PATH_LONG = -2 };
/* Stands for a slash that is encoded where one is let through: no other path has this byte. */
enum { PATH_SLASH = 0x1f };

/* Takes origin-form or absolute-form (scheme and authority are dropped) or "*" (which stays "*"), splits off
 * the query, decodes %XX once, and removes dot segments (RFC 3986 section 5.2.4). Refuses (returns -1): a
 * slash, backslash or NUL that is encoded, a backslash, `#` or control byte at all, a `..` that would leave
 * the root, a bad %-escape, invalid UTF-8. Returns PATH_LONG for a path longer than PATH_MOST. Repeated
 * slashes are merged as in nginx, before dot segments are removed. `path` has PATH_MOST + 1 bytes; *query
 * points into `target` or is NULL. */
MUST_CHECK int path_normalise(const char *target, char path[static PATH_MOST + 1], const char **query);

/* For those behind us, some of whom take a slash that is encoded for a slash, and some for none: the same,
 * but such slashes are PATH_SLASH in `path` and slashes in `split`, and a path that has a dot segment in
 * `split`, which it need not have in `path`, is refused. What is decided of the one must be decided of the
 * other. Returns like path_normalise. */
MUST_CHECK int path_normalise_slashes(const char *target, char path[static PATH_MOST + 1],
                                      char split[static PATH_MOST + 1], const char **query);

/* Appends `path` with everything percent-encoded that is not unreserved or a slash (RFC 3986 section 2.3):
 * path_normalise gives back the same path. */
void path_encode(struct buf *out, const char *path);

#endif
