/* The parts of HTTP/2 as a speaker among themselves. */
#ifndef MTLSD_SERVER_HTTP2_IMPL_H
#define MTLSD_SERVER_HTTP2_IMPL_H

#include "server/http2.h"
#include "server/http2_stream.h"

/* http2_request.c */
/* What the engine of a connection says, by its struct http2. */
extern const struct h2_ops HTTP2_OPS;

/* Answers what waits until the client has taken more. */
void http2_request_asked(struct http2 *http2);
/* It is over, and its record is freed. */
void http2_stream_over(struct http2_stream *stream);

/* http2.c */
/* The client is asked for no more requests; a moment later, when what was on its way has come, none is taken.
 */
void http2_leave(struct http2 *http2);

#endif
