/* Complete HTTP/1.1 responses as bytes, for the two places where the HTTP library is not in the way: what the
 * gate refuses, and plain HTTP spoken to the HTTPS port. Pure. */
#ifndef MTLSD_HTTP_PLAIN_H
#define MTLSD_HTTP_PLAIN_H

#include "base/base.h"

/* A short text/plain refusal that closes the connection. *len is the room of `out` before and the length
 * after. Returns the bytes of its body. */
size_t plain_refusal(unsigned status, const char *why, char *out, size_t *len);

/* The answer to a plain HTTP request on the HTTPS port: 308 to the https URL for a GET or HEAD with a usable
 * Host, else a 400 that says what happened. `head` need not be whole. */
void plain_http_answer(const char *head, size_t head_len, char *out, size_t *len);

#endif
