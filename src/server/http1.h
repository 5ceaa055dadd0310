/* HTTP/1.1 as a speaker, on connections of a worker, which drives them (conn_own.h): TLS, requests that are
 * whole, and who answers them. Finished answers go at once (http1_finished.h), a backend's come from proxy.h,
 * HTTP/2 has a connection to itself where ALPN says so. All other requests libmicrohttpd answers: from the
 * first of them on the connection is its (http1_daemon.h). It parses no byte that came from outside: it is
 * given a request in words of our own for each that is whole (conn_request.c), and asks for the answer
 * (exchange.c).
 *
 * Where another speaker shall have a connection, that is decided in http1_recv, once the handshake is over;
 * where it is libmicrohttpd's already, it looks to that like one on which nothing comes.
 *
 * All of it on the worker's thread, but http1_stop where no loop ever ran. */
#ifndef MTLSD_SERVER_HTTP1_H
#define MTLSD_SERVER_HTTP1_H

#include "server/conn.h"
#include "server/worker.h"

/* A new connection; takes the arrival's socket and place over. */
void http1_adopt(struct worker *worker, const struct arrival *arrival);
/* Each turn of the loop, before its events: those of the last one that have more to read than they are told
 * of.
 */
void http1_turn(struct worker *worker);
/* Ends all connections, and the worker's daemon. */
void http1_stop(struct worker *worker);

/* Reads a connection, drives it, writes and ends it: what gnutls_record_recv, gnutls_record_send and
 * gnutls_bye would do, with their results, for its worker and for libmicrohttpd (http1_gnutls.c). For its
 * worker, whose connection has to be owned, http1_recv > 0 says that libmicrohttpd is to have it, and `data`
 * is scratch. */
ssize_t http1_recv(struct conn *conn, void *data, size_t size);
ssize_t http1_send(struct conn *conn, const void *data, size_t size);
int http1_bye(struct conn *conn, gnutls_close_request_t how);

#endif
