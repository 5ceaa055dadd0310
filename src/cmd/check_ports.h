/* What `check` says of the addresses of listeners as this machine has them at the moment. */
#ifndef MTLSD_CMD_CHECK_PORTS_H
#define MTLSD_CMD_CHECK_PORTS_H

#include "base/diag.h"
#include "config/conf.h"

/* Warnings alone: of a start that would fail now, as an address is another program's, or no interface's; and
 * where a server runs with this file, of a reload that would. Addresses are bound for a moment. */
void check_ports(const struct conf *conf, const char *conf_file, struct diag *diag);

#endif
