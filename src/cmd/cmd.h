/* The commands of the program, one file each; src/main.c is their table. Each gets its own argv (argv[0] is
 * "mtlsd COMMAND") and returns the exit status. */
#ifndef MTLSD_CMD_CMD_H
#define MTLSD_CMD_CMD_H

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "base/base.h"

/* The exit status for a command line that cannot be understood. */
enum { CMD_USAGE = 2 };

#ifndef MTLSD_CONF
#define MTLSD_CONF "/etc/mtlsd/mtlsd.conf"
#endif

int cmd_serve(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_setup(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_lab(int argc, char **argv);
int cmd_routes(int argc, char **argv);
int cmd_variables(int argc, char **argv);
int cmd_options(int argc, char **argv);

#endif
