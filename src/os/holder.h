/* Who listens on this machine, as the kernel lists it: for whoever is told that an address is in use. */
#ifndef MTLSD_OS_HOLDER_H
#define MTLSD_OS_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { HOLDER_NAME = 32 };

struct holder {
    pid_t pid;
    char name[HOLDER_NAME]; /* of its program, without what a terminal would take for a command */
};

/* Whether anybody listens at this TCP port, or UNIX socket, whichever address it is at. */
bool holder_of_port(unsigned port);
bool holder_of_path(const char *path);

/* Those of the processes that have a listening socket at the port, or, where `path` is none, at that UNIX
 * socket; at most `most`, and none whose descriptors this user may not see. */
size_t holder_find(unsigned port, const char *path, struct holder *out, size_t most);

#endif
