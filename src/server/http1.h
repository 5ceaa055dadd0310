/* libmicrohttpd as a speaker: it answers what is answered here, in HTTP/1.1, on connections of a worker. It
 * runs in its documented external mode: one daemon for each worker and all listeners, without a thread, a
 * socket, a channel or timeouts of its own. It parses no byte that came from outside: it is given a request
 * in words of our own for each that is whole (conn_request.c), and asks for the answer (exchange.c).
 *
 * Where another speaker shall have a connection, that is decided in http1_recv, once the handshake is over: a
 * connection that is not libmicrohttpd's looks to it like one on which nothing comes.
 *
 * All of it on the worker's thread, but http1_start and, where no loop ever ran, http1_stop. */
#ifndef MTLSD_SERVER_HTTP1_H
#define MTLSD_SERVER_HTTP1_H

#include "server/conn.h"
#include "server/worker.h"

/* 0 and worker->http1, or ERR_IO. */
MUST_CHECK int http1_start(struct worker *worker, const struct conf *conf, struct err *err);
/* Ends all of its connections. */
void http1_stop(struct worker *worker);

/* Milliseconds until it wants to run though that is not readable: 0, or -1: not at all. */
int http1_timeout(const struct worker *worker);
/* Each turn of the loop. */
void http1_run(struct worker *worker);

/* A new connection; takes the arrival's socket and place over. */
void http1_adopt(struct worker *worker, const struct arrival *arrival);

/* libmicrohttpd reads, writes and ends its connection: what gnutls_record_recv, gnutls_record_send and
 * gnutls_bye would do, with their results (http1_gnutls.c). */
ssize_t http1_recv(struct conn *conn, void *data, size_t size);
ssize_t http1_send(struct conn *conn, const void *data, size_t size);
int http1_bye(struct conn *conn, gnutls_close_request_t how);

#endif
