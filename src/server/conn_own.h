/* A connection that its worker drives itself: session and socket are its own, and its worker's set watches
 * it. All begin so; one of HTTP/1.1 is libmicrohttpd's from the first request on that it is to answer
 * (http1_daemon.h). At its end, whose it is by then, the socket is closed at once, the memory goes at the end
 * of the turn: an event of it may be on its way. On the worker's thread, outside of a turn of its transport.
 */
#ifndef MTLSD_SERVER_CONN_OWN_H
#define MTLSD_SERVER_CONN_OWN_H

#include "server/conn.h"

/* A new one; takes the arrival's socket and place over. `ready` is told of `events` (EPOLLIN and so on; the
 * end of the client's side always), and of each byte. NULL: memory was short, and the client is turned away.
 */
struct conn *conn_own_new(struct worker *worker, const struct arrival *arrival, uint32_t events,
                          void (*ready)(struct conn *conn, uint32_t events));
/* It is told of all that there is now once more. False: memory is short, and nothing has changed. */
MUST_CHECK bool conn_own_tell_again(struct conn *conn);

/* Its transport has said all: the end. */
void conn_own_over(struct conn *conn);
/* Both sides have said all. What the client still sends is read and dropped for a while. `reset`: the server
 * has, and takes no more: when the client has all of it, it is told so. */
void conn_own_close(struct conn *conn, bool reset);
/* The client sees that something is missing: a reset. */
void conn_own_cut(struct conn *conn);
/* The transport has said its last word (transport_abort): it ends when that has been read. */
void conn_own_leave(struct conn *conn);
/* Somebody else closes its socket, and with `session` frees its session. */
void conn_own_lost(struct conn *conn, bool session);

/* The end of a turn: frees the worker's connections that were closed in it. */
void conn_own_settle(struct worker *worker);

#endif
