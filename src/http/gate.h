/* RFC 9112, strictly, before anybody else reads a byte (smuggling is an authorization bypass for whoever
 * stands behind a proxy). An incremental, pure state machine over the plaintext of one connection: it walks
 * each byte once, keeps no copy of the data and allocates nothing. It follows request heads, bodies
 * (Content-Length and chunked) and pipelined requests. */
#ifndef MTLSD_HTTP_GATE_H
#define MTLSD_HTTP_GATE_H

#include "base/base.h"
#include "http/host.h"

struct http1_limits {
    uint32_t max_target; /* bytes of the request-target; above: 414 */
    uint32_t max_head;   /* bytes of request line and fields together; above: 431 */
    uint32_t max_fields; /* number of field lines, trailers too; above: 431 */
    uint64_t max_body;   /* bytes of a body, decoded; above: 413 */
};

/* Opaque to callers; the size is fixed and small (it lives in every connection). */
struct http1_gate {
    uint8_t state;
    uint8_t method;  /* what was recognised: needed for the rules about `*` and CONNECT */
    uint8_t matched; /* progress in a word or number that is being read */
    uint8_t token;   /* which field name is being or was compared */
    uint8_t form;    /* of the target */
    uint16_t flags;
    uint16_t status; /* set when refused: 400, 405, 413, 414, 417, 431, 501, 505 */
    uint32_t used;   /* bytes of this head, its trailers and chunk extensions so far */
    uint32_t fields;
    uint32_t target;        /* bytes of the target so far */
    struct http1_host host; /* Host, or the authority of an absolute target */
    uint64_t length;        /* body or chunk bytes still to come; while it is being read, the number */
    uint64_t total;         /* body bytes of this request so far */
    const char *why;        /* static text, set when refused */
};

/* What happened inside the bytes fed, for deadlines and logs; several bits may be set. */
enum http1_event {
    HTTP1_HEAD_BEGUN = 1,   /* the first byte of a request was seen */
    HTTP1_HEAD_DONE = 2,    /* a head ended */
    HTTP1_REQUEST_DONE = 4, /* head and body ended; the next byte begins a new request */
};

void http1_gate_init(struct http1_gate *gate);

/* Walks up to `len` bytes, but not beyond the end of a head or of a request. Returns how many of them are
 * good. When gate->status is set, the byte after those makes the request unacceptable: gate->status and
 * gate->why say how, and nothing more must be fed. `events` collects http1_event bits. */
size_t http1_gate_feed(struct http1_gate *gate, const struct http1_limits *limits, const char *data,
                       size_t len, unsigned *events);

/* True while no request is under way: the connection is idle between requests. */
bool http1_gate_idle(const struct http1_gate *gate);
/* True while a request's line or fields are arriving; false between requests and while its body does. */
bool http1_gate_in_head(const struct http1_gate *gate);
/* Bytes of content that come next: of a body with a length what is left of it, of a chunked one what is left
 * of the chunk. 0: what comes next frames, or there is no body. */
uint64_t http1_gate_content(const struct http1_gate *gate);
/* True after a head whose client waits for a 100 Continue, or a final answer, before it sends its body. */
bool http1_gate_expects(const struct http1_gate *gate);

#endif
