/* What `check` does, for other commands too. */
#ifndef MTLSD_CMD_CHECK_H
#define MTLSD_CMD_CHECK_H

#include "base/base.h"

struct snapshot;

/* Prints each finding about the configuration and its files to the standard output, and without any that it
 * is good, unless `news_only`. `as_user` may be NULL: see `mtlsd check --help`. True when there was no error;
 * then `out`, if it is not NULL, is what was read, the caller's. */
bool check_configuration(const char *conf_file, const char *as_user, bool news_only, struct snapshot **out);

#endif
