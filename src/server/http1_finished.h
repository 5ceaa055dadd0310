/* Requests of HTTP/1.1 whose answers are in memory, in one piece: libmicrohttpd hears nothing of them. Byte
 * for byte they are what it would have made of the same answer. On the worker's thread. */
#ifndef MTLSD_SERVER_HTTP1_FINISHED_H
#define MTLSD_SERVER_HTTP1_FINISHED_H

#include "server/conn.h"

/* In a turn of the transport; the request is whole, and what came behind it is held. Its answer's Connection
 * field is `connection` (http/plain.h). 1: libmicrohttpd is to be told of it; 0: it was answered, and the
 * next may be read unless http1_finished_last; GNUTLS_E_AGAIN: nothing is to be read now;
 * GNUTLS_E_INTERRUPTED: it was answered, others first; or an error, the connection ends. */
ssize_t http1_finished_answer(struct conn *conn, const char *connection);
/* An answer is on its way. */
static inline bool http1_finished_going(const struct conn *conn)
{
    return conn->http1.finished != NULL;
}
/* The last one has gone: the connection is to end. */
static inline bool http1_finished_last(const struct conn *conn)
{
    return conn->http1.last && !conn->http1.finished;
}
/* The connection is about to be freed. */
void http1_finished_left(struct conn *conn);

#endif
