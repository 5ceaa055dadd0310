/* Who, besides root and the server, may change what it believes: its configuration, certificates, keys, CAs,
 * CRLs and ticket keys. Looked at without opening anything. */
#ifndef MTLSD_OS_WRITERS_H
#define MTLSD_OS_WRITERS_H

#include <sys/types.h>

#include "base/diag.h"
#include "config/conf.h"

/* Warns of each such file, and of each folder on the way to one in which it could be replaced, that belongs
 * to somebody else than root, this process's user or `user`, or that a group or everybody may write. */
void writers_lint(const struct conf *conf, uid_t user, struct diag *diag);

#endif
