/* The head of a request of HTTP/2 (RFC 9113 section 8), field by field, until it is the head that everybody
 * reads: put into HTTP/1.1's form and led through the gate, so that nothing passes here that would not pass
 * there. What has no such form is malformed. Pure.
 *
 * Embedded; {0} is empty. */
#ifndef MTLSD_HTTP_H2_HEAD_H
#define MTLSD_HTTP_H2_HEAD_H

#include "base/buf.h"
#include "http/gate.h"
#include "http/head.h"

struct h2_head {
    struct buf method, path, authority, scheme; /* pseudo-header fields */
    struct buf fields;                          /* lines */
    struct buf cookie;                          /* of all its fields (RFC 9113 section 8.2.3) */
    uint32_t n_fields;
    bool has_host;         /* a Host field came, equal to :authority or in its place */
    bool over;             /* it is larger than it may be: what follows is not kept */
    const char *malformed; /* static; NULL: it is not */
};

void h2_head_done(struct h2_head *head);

/* A field as it came, in their order; `limits` bound what is kept. */
void h2_head_put(struct h2_head *head, const struct http1_limits *limits, const char *name, size_t name_len,
                 const char *value, size_t len);

/* No more fields come; `ended`: and no body. 0: `out` is whole, and `gate` knows the length of the body,
 * where the head says one. ERR_SYNTAX: it is malformed, head->malformed says why, and nobody answers it.
 * ERR_RANGE: gate->status and gate->why say with what it is answered; `out` has what can be read of it.
 * ERR_NOMEM. */
MUST_CHECK int h2_head_finish(struct h2_head *head, const struct http1_limits *limits, bool ended,
                              struct http1_gate *gate, struct http1_head *out);

#endif
