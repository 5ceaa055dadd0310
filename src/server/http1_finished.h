/* Requests of HTTP/1.1 whose answers are in memory, in one piece, and leave the connection open:
 * libmicrohttpd hears nothing of them. Byte for byte they are what it would have made of the same answer. On
 * the worker's thread. */
#ifndef MTLSD_SERVER_HTTP1_FINISHED_H
#define MTLSD_SERVER_HTTP1_FINISHED_H

#include "server/conn.h"

/* In a turn of the transport; the request is whole, its connection stays open behind it, and what came behind
 * it is held. 1: libmicrohttpd is to be told of it; 0: it was answered, the next may be read; GNUTLS_E_AGAIN:
 * nothing is to be read now; GNUTLS_E_INTERRUPTED: it was answered, others first; or an error, the connection
 * ends. */
ssize_t http1_finished_answer(struct conn *conn);
/* An answer is on its way. */
static inline bool http1_finished_going(const struct conn *conn)
{
    return conn->http1.finished != NULL;
}
/* The connection is about to be freed. */
void http1_finished_left(struct conn *conn);

#endif
