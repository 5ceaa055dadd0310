/* libmicrohttpd: it answers what nobody else does (http1.h). It runs in its documented external mode: one
 * daemon for each worker and all listeners, without a thread, a socket, a channel or timeouts of its own. It
 * is lent a connection when the first request comes that it is to answer, and keeps it to the end; without
 * the preemption (tls/library.h) each is its from the beginning.
 *
 * All of it on the worker's thread, but http1_daemon_start and, where no loop ever ran, http1_daemon_stop. */
#ifndef MTLSD_SERVER_HTTP1_DAEMON_H
#define MTLSD_SERVER_HTTP1_DAEMON_H

#include "server/conn.h"

/* 0 and worker->http1, or ERR_IO. */
MUST_CHECK int http1_daemon_start(struct worker *worker, const struct conf *conf, struct err *err);
/* Ends all connections that it has. */
void http1_daemon_stop(struct worker *worker);

/* Milliseconds until it wants to run though its set is not readable: 0, or -1: not at all. */
int http1_daemon_timeout(const struct worker *worker);
/* Each turn of the loop. */
void http1_daemon_run(struct worker *worker);

/* Without the preemption: a new connection. Takes the arrival's socket and place over. */
void http1_give(struct worker *worker, const struct arrival *arrival);
/* With it: one that its worker has driven, whose first request for libmicrohttpd is conn->http1.words.
 * Outside of a turn of its transport; it may be over behind that. */
void http1_lend(struct conn *conn);
/* libmicrohttpd reads: those words into `data`. How many bytes, or GNUTLS_E_MEMORY_ERROR where they do not
 * fit, which ends the connection. */
ssize_t http1_hear(struct conn *conn, void *data, size_t size);
/* It has read all that there is, into `data`: its memory for a connection that waits for a while is emptied.
 */
void http1_rest(struct conn *conn, const void *data, size_t size);

/* A connection is about to be freed, whoever drove it: nobody has a request of it any more. */
void http1_left(struct conn *conn);

/* What gnutls_init is to give, which libmicrohttpd calls while a connection is lent to it: the session that
 * the connection has, once; NULL: a new one. */
gnutls_session_t http1_lent_session(void);

#endif
