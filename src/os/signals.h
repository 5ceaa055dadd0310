/* Every signal that somebody may send: one table says what becomes of each. They are blocked before the first
 * thread, and read from a descriptor by the main one. */
#ifndef MTLSD_OS_SIGNALS_H
#define MTLSD_OS_SIGNALS_H

#include "base/err.h"

enum signal_act {
    SIGNAL_RELOAD,
    SIGNAL_REOPEN,
    SIGNAL_DRAIN,
    SIGNAL_OVERLOOK, /* taken, and told of once */
    SIGNAL_IGNORE,   /* not even delivered */
    SIGNAL_LEAVE,    /* what the system does: faults, and what stops and continues at a terminal */
};

/* Takes all of them, for the whole process; before any thread is started. As process 1 of a container it also
 * has the kernel bury the orphans that become its children. A descriptor, or ERR_IO. */
MUST_CHECK int signals_open(struct err *err);
/* The number of the next one, or 0. */
int signals_read(int fd);
enum signal_act signals_act(int number);

#endif
