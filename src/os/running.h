/* Whether a server runs with a configuration: found by its pid_file, or among the processes by its command
 * line. */
#ifndef MTLSD_OS_RUNNING_H
#define MTLSD_OS_RUNNING_H

#include <stdbool.h>
#include <sys/types.h>

/* `pid_file` NULL: none. `preset` is the configuration of a command line that names none. Who cannot see the
 * processes of others (hidepid), or where a relative name leads to from their folder, gets false. */
bool running_with(const char *conf_file, const char *pid_file, const char *preset);
/* Whether this process is one. */
bool running_is(pid_t pid, const char *conf_file, const char *pid_file, const char *preset);

#endif
