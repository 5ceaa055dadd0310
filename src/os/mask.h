/* Which rights the process gives to no file that it makes. */
#ifndef MTLSD_OS_MASK_H
#define MTLSD_OS_MASK_H

#include <sys/types.h>

/* It is set for a moment, there is no other way to read it: only while there is one thread. */
mode_t mask_read(void);

#endif
