/* HTTP/2 as a speaker: a connection whose client agreed on h2 (ALPN), which http1.c gives it. Its streams are
 * requests like all others: answered here (answer.h) or by a backend (proxy.h). Its certificate is judged per
 * connection, the policy asked for each stream.
 *
 * Only the worker's thread, outside of a turn of the transport. */
#ifndef MTLSD_SERVER_HTTP2_H
#define MTLSD_SERVER_HTTP2_H

#include "server/conn.h"

/* The handshake is over: shall it speak HTTP/2? */
bool http2_is_agreed(const struct conn *conn);
/* It does from now on; `bytes` came already, which the caller wipes. False: memory is short. */
MUST_CHECK bool http2_begin(struct conn *conn, const char *bytes, size_t len);
/* Its socket has bytes, or has ended. False: it is over, and the transport has said its last word. */
bool http2_client_ready(struct conn *conn);
/* It speaks, and is not over. */
bool http2_speaks(const struct conn *conn);
/* The connection is about to be freed. */
void http2_left(struct conn *conn);
/* Something has changed: may each stream, and the connection, go on? */
void http2_reconsider(struct conn *conn);

/* Each turn of the loop: those that have something to send, or more to read. */
void http2_turn(struct worker *worker);
bool http2_waits_for_turn(const struct worker *worker);

#endif
