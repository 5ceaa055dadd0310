/* What is to be read next on a connection of HTTP/1.1, and when: plaintext that came too early, and who reads
 * on where no set of sockets has anything to say. On the worker's thread. */
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
/* Bytes lie there of which nobody is told again: whose the connection is reads them, its worker in the next
 * turn (http1_turn), or libmicrohttpd. */
void http1_read_on(struct conn *conn);
/* It is read, or freed: no need to tell any more. */
void http1_heard(struct conn *conn);

#endif
