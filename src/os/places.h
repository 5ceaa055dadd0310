/* What stands in the way of the files that the server writes, and who else can read those that are secret:
 * looked at, without opening or making anything. For a single thread or any other. */
#ifndef MTLSD_OS_PLACES_H
#define MTLSD_OS_PLACES_H

#include "base/diag.h"
#include "config/conf.h"

/* Says, as an error with the remedy, why a log could not be opened: a folder in its place, no folder to make
 * it in, missing rights. `rights`: those of this process are the ones that count. */
void places_check_log(const char *option, const struct conf_text *path, bool rights, struct diag *diag);
/* The same for each log of the configuration. */
void places_check_logs(const struct conf *conf, bool rights, struct diag *diag);

/* Warns of paths that the sandbox is to open and that are not there, and of secrets that others can read, or
 * that lie in the document root. */
void places_lint(const struct conf *conf, struct diag *diag);

#endif
