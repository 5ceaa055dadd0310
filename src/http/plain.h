/* HTTP/1.1 responses as bytes: answers that are in memory, what the gate refuses, and plain HTTP spoken to
 * the HTTPS port. Pure. */
#ifndef MTLSD_HTTP_PLAIN_H
#define MTLSD_HTTP_PLAIN_H

#include "http/message.h"

/* What the Connection field of a response says, NULL: nothing, the connection goes on as usual. */
#define PLAIN_CLOSE      "close"
#define PLAIN_KEEP_ALIVE "Keep-Alive" /* for HTTP/1.0, where it does not */

/* The head of the reply, with a body of `length` bytes: byte for byte what libmicrohttpd makes of it. */
void plain_head(const struct reply *reply, const char *date, uint64_t length, const char *connection,
                struct buf *out);
/* The Connection field, which comes behind the first line. */
void plain_connection(const char *connection, struct buf *out);

/* The reply, whose body is in memory. `headers_only`: it answers a HEAD; `last`: the connection ends with it.
 */
void plain_reply(const struct reply *reply, time_t now, bool headers_only, bool last, struct buf *out);

/* The answer to a plain HTTP request on the HTTPS port: 308 to the https URL for a GET or HEAD with a usable
 * Host, else a 400 that says what happened. `head` need not be whole. */
void plain_http_answer(const char *head, size_t head_len, time_t now, struct buf *out);

#endif
