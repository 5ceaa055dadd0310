/* Where two configurations differ, and what of that a reload cannot apply. Pure. */
#ifndef MTLSD_CONFIG_CONF_DIFF_H
#define MTLSD_CONFIG_CONF_DIFF_H

#include "config/conf.h"

/* One warning for each global option that differs between the two and, by the table of options, wants a
 * restart. */
void conf_warn_restart(const struct conf *running, const struct conf *wanted, struct diag *diag);

/* True when a host says nothing else than its listener. */
bool conf_same_host(const struct conf_listener *host);

/* The same texts in the same order. */
bool conf_same_list(const struct conf_list *a, const struct conf_list *b);

#endif
