/* The system's log: RFC 3164 datagrams to /dev/log, as syslog(3) sends them, but addressed one by one, so
 * that it needs no connect(2), which the sandbox forbids, and finds a system's log that was started anew; and
 * waiting no longer than patience.h says, so that one that does not read stops nobody. Any thread. */
#ifndef MTLSD_BASE_SYSLOG_H
#define MTLSD_BASE_SYSLOG_H

#include "base/base.h"
#include "base/err.h"

/* Makes the socket, which then stays. Nobody need be there yet. ERR_IO. */
MUST_CHECK int syslog_open(struct err *err);
/* One line. `priority` as in syslog(3), the facility with it. 0, or the errno of what kept it from being
 * sent: EAGAIN when the system's log does not read. */
int syslog_send(int priority, const char *text, size_t len);

/* For tests: another address than /dev/log. */
void syslog_to(const char *path);

#endif
