/* reload = auto: notices that a file which the configuration names has changed, and waits until the changes
 * settle. It watches the folders, so that files which are replaced by renaming (and the links that containers
 * mount) are noticed too. Used by the main thread only. */
#ifndef MTLSD_SERVER_WATCH_H
#define MTLSD_SERVER_WATCH_H

#include "base/err.h"
#include "config/conf.h"

struct watch;

/* Watches what `conf` names. 0 and *out, or ERR_IO when the system has no more inotify watches. */
MUST_CHECK int watch_new(const struct conf *conf, struct watch **out, struct err *err);
void watch_free(struct watch *watch);

/* A descriptor that is readable when something happened. */
int watch_fd(const struct watch *watch);
/* Reads what happened; true when a named file is among it. */
bool watch_read(struct watch *watch);

#endif
