/* The end of a connection that its worker drives itself (tcp.c): its socket is closed at once, its memory
 * goes at the end of the turn. On the worker's thread, outside of a turn of its transport. */
#ifndef MTLSD_SERVER_TCP_CONN_H
#define MTLSD_SERVER_TCP_CONN_H

#include "server/conn.h"

/* Both sides have said all. What the client still sends is read and dropped for a while. `reset`: the server
 * has, and takes no more: when the client has all of it, it is told so. */
void tcp_conn_close(struct conn *conn, bool reset);
/* The client sees that something is missing: a reset. */
void tcp_conn_cut(struct conn *conn);
/* The transport has said its last word (transport_abort): it ends when that has been read. */
void tcp_conn_leave(struct conn *conn);

/* The end of a turn: frees those that were closed in it. */
void tcp_conn_settle(struct worker *worker);

#endif
