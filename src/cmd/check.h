/* What `check` does, for other commands too. */
#ifndef MTLSD_CMD_CHECK_H
#define MTLSD_CMD_CHECK_H

#include "base/base.h"

/* Prints each finding about the configuration and its files to the standard output, and without any that it
 * is good, unless `news_only`. `as_user` may be NULL: see `mtlsd check --help`. True when there was no error.
 */
bool check_configuration(const char *conf_file, const char *as_user, bool news_only);

#endif
