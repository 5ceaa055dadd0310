/* The body of a request whose route takes one, from its first byte to the answer. It may hold somebody's
 * secret: wherever these functions put its bytes is wiped. The buffers of GnuTLS and libmicrohttpd, through
 * which they came, are not. It grows with what has come, never with what was announced. Pure.
 *
 * Embedded; {0} keeps nothing. */
#ifndef MTLSD_HTTP_BODY_H
#define MTLSD_HTTP_BODY_H

#include "base/base.h"
#include "base/err.h"

struct http1_body {
    char *bytes; /* owned */
    size_t len, room;
    size_t most; /* that are kept, 0: none are, and none come here */
    bool over;   /* there were more: nothing is kept of them */
};

/* Keeps up to `most` bytes from now on. */
void http1_body_begin(struct http1_body *body, size_t most);
/* It has more than it may have, or memory is short: what came is forgotten, what comes is not kept. */
void http1_body_drop(struct http1_body *body);
/* Bytes of content as they come. 0 or ERR_NOMEM. */
MUST_CHECK int http1_body_put(struct http1_body *body, const char *bytes, size_t len);
void http1_body_done(struct http1_body *body);

#endif
