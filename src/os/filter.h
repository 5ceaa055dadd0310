/* The filter of system calls: seccomp, by libseccomp. */
#ifndef MTLSD_OS_FILTER_H
#define MTLSD_OS_FILTER_H

#include "base/err.h"

/* False when the program was built without libseccomp. */
bool filter_built(void);

/* Leaves this thread and those that it will start the system calls that serving needs. `only_log`: the others
 * are allowed, and logged by the kernel. `tokens`: PKCS#11 modules are in use, which talk to daemons and make
 * code at run time. NO_NEW_PRIVS is set before. ERR_NOTFOUND: the kernel has no seccomp. */
MUST_CHECK int filter_load(bool only_log, bool tokens, struct err *err);

#endif
