/* What libmicrohttpd is to read, and when: plaintext that came too early for it, and how it is told to read
 * where its own set of sockets has nothing to say. On the worker's thread. */
#ifndef MTLSD_SERVER_HTTP1_WAIT_H
#define MTLSD_SERVER_HTTP1_WAIT_H

#include "server/conn.h"

/* Keeps what the next read shall see first, instead of anything that waited; `bytes` may be the end of that.
 * 0, or -1 when memory is short. */
MUST_CHECK int http1_hold(struct conn *conn, const char *bytes, size_t len);

/* A request is over, and the connection stays: its next one has begun with what waits, or it is idle. */
void http1_over(struct conn *conn);
/* A proxied exchange is over, and the connection stays: what the client has sent meanwhile, or sends now, is
 * its next request. */
void http1_next(struct conn *conn);
/* Bytes lie there of which it has been told before: it reads them. */
void http1_read_on(struct conn *conn);
/* It reads, or is freed: no need to tell it any more. */
void http1_heard(struct conn *conn);

#endif
