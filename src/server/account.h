/* What became of a request: its line in the access log, and its share of the metrics. On the worker's thread.
 */
#ifndef MTLSD_SERVER_ACCOUNT_H
#define MTLSD_SERVER_ACCOUNT_H

#include "server/conn.h"

/* The request under way ended: with conn->status, or without an answer where that is 0: it
 * counts as 499. */
void account_answered(const struct conn *conn);

/* The last request of the connection was refused before libmicrohttpd saw it: it is malformed, over a limit
 * or too late. Its line has no method and no target. Parameters: status of the answer, bytes of its body. */
void account_refused(const struct conn *conn, unsigned status, uint64_t bytes);

#endif
