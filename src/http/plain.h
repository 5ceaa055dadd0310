/* Complete HTTP/1.1 responses as bytes, for the two places where the HTTP library is not in the way: what the
 * gate refuses, and plain HTTP spoken to the HTTPS port. Pure. */
#ifndef MTLSD_HTTP_PLAIN_H
#define MTLSD_HTTP_PLAIN_H

#include "http/message.h"

/* The reply, whose body is in memory. `headers_only`: it answers a HEAD; `last`: the connection ends with it.
 */
void plain_reply(const struct reply *reply, time_t now, bool headers_only, bool last, struct buf *out);

/* The answer to a plain HTTP request on the HTTPS port: 308 to the https URL for a GET or HEAD with a usable
 * Host, else a 400 that says what happened. `head` need not be whole. */
void plain_http_answer(const char *head, size_t head_len, time_t now, struct buf *out);

#endif
