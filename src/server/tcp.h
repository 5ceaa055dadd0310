/* Bytes as a speaker: where mode = tcp a connection is a tunnel from its first byte (proxy.h). Its worker
 * drives the handshake (conn_own.h), and asks for no more than that before the backend is connected: servers
 * may speak first. On the worker's thread. */
#ifndef MTLSD_SERVER_TCP_H
#define MTLSD_SERVER_TCP_H

#include "server/worker.h"

/* A new connection; takes the arrival's socket and place over. */
void tcp_adopt(struct worker *worker, const struct arrival *arrival);
/* The worker ends: all of them do. */
void tcp_stop(struct worker *worker);

#endif
