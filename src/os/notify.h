/* What is said to the service manager: datagrams to $NOTIFY_SOCKET (sd_notify(3) describes them). Without
 * that variable all of this does nothing. */
#ifndef MTLSD_OS_NOTIFY_H
#define MTLSD_OS_NOTIFY_H

#include "base/base.h"

/* Connects, and forgets the variables, so that nothing that is started later speaks in this process's name.
 * Before the process changes its user and closes its sandbox. */
void notify_open(void);
void notify_close(void);

/* "READY=1\nSTATUS=..." */
void notify_send(const char *fmt, ...) PRINTF(1, 2);

/* Milliseconds within which the manager wants to hear WATCHDOG=1 again; 0: it does not watch. */
uint64_t notify_watchdog_ms(void);

#endif
