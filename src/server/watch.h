/* reload = auto: notices that a file which the configuration names is another one than before, and waits
 * until the changes settle. It looks at each path once a second, through whatever links lead there: so it
 * notices what is written in place, replaced by renaming, or swapped by turning a link or a folder above it.
 * (What inotify reports about folders misses the last two.) Time is a parameter; used by the main thread
 * only. */
#ifndef MTLSD_SERVER_WATCH_H
#define MTLSD_SERVER_WATCH_H

#include "base/err.h"
#include "config/conf.h"

struct watch;

/* Watches what `conf` names, as it is now: to be called before the files are read. Of folders it notices only
 * that another one has taken their place. 0 and *out, or ERR_NOMEM. */
MUST_CHECK int watch_new(const struct conf *conf, struct watch **out, struct err *err);
void watch_free(struct watch *watch);

/* When watch_turn wants to be called next. */
uint64_t watch_due_ms(const struct watch *watch);
/* Looks. True: something has changed since watch_new or the last time that this was true, and has been the
 * same for half a second, or has been changing for five. */
bool watch_turn(struct watch *watch, uint64_t now_ms);
/* The path that had changed, of several the first. */
const char *watch_what(const struct watch *watch);

#endif
