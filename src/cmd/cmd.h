/* The commands of the program, one file each; src/main.c is their table. Each gets its own argv (argv[0] is
 * "mtlsd COMMAND") and returns the exit status. */
#ifndef MTLSD_CMD_CMD_H
#define MTLSD_CMD_CMD_H

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include <stdio.h>

#include "base/base.h"

/* The exit status for a command line that cannot be understood. */
enum { CMD_USAGE = 2 };

#ifndef MTLSD_CONF
#define MTLSD_CONF "/etc/mtlsd/mtlsd.conf"
#endif

/* CMD_USAGE, behind what is wrong with a command line of `command` ("mtlsd check"): the standard error is
 * told where its words are. They themselves would push the reason off the screen. */
int cmd_see_help(const char *command);

/* The configuration of a command line that may have no argument but that: `given` by -c, else one that stands
 * alone, else MTLSD_CONF. NULL when more stands there, of which the standard error was told. */
const char *cmd_conf_file(int argc, char **argv, const char *given);

/* Words at most up to column `width`, each further line with `prefix` before it. The first continues at
 * `column`. */
void cmd_wrap(FILE *out, const char *text, const char *prefix, size_t column, size_t width);

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
