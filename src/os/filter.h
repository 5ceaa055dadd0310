/* The filter of system calls: seccomp, by libseccomp. */
#ifndef MTLSD_OS_FILTER_H
#define MTLSD_OS_FILTER_H

#include "base/err.h"

/* False when the program was built without libseccomp. */
bool filter_built(void);

/* Who else needs some. */
enum {
    FILTER_TOKENS = 1,   /* PKCS#11 modules, which talk to daemons and make code at run time */
    FILTER_BACKENDS = 2, /* connections that go out, and names that are resolved */
};

/* Leaves this thread and those that it will start the system calls that serving needs, and those of `others`.
 * `only_log`: the rest is allowed, and logged by the kernel. NO_NEW_PRIVS is set before. ERR_NOTFOUND: the
 * kernel has no seccomp. */
MUST_CHECK int filter_load(bool only_log, unsigned others, struct err *err);

#endif
