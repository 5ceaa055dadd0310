/* The line and the fields of one request, from the first byte to the answer: what the gate let pass is put
 * here, and everybody asks here. Its memory is bounded by what the gate lets pass, and nothing is kept for
 * arguments of a query or cookies. Pure.
 *
 * Embedded; {0} is empty. The strings are valid until http1_head_done. */
#ifndef MTLSD_HTTP_HEAD_H
#define MTLSD_HTTP_HEAD_H

#include "base/base.h"
#include "base/err.h"

struct http1_field {
    const char *name, *value; /* the value without the white space around it; the name without an end */
    size_t name_len;
};

/* Fields that are lists: several of a name are one (RFC 9110 section 5.3), and are given joined. */
enum { HTTP1_LISTS = 5 };

struct http1_head {
    char *bytes; /* owned */
    size_t len, room;
    struct http1_field
        *field; /* owned; in their order, a list once, with all its values, where it came first */
    size_t n_fields, field_room;
    char *joined[HTTP1_LISTS];             /* owned */
    const char *method, *target, *version; /* "" where the line ended before them */
    bool whole;                            /* http1_head_finish was here */
};

void http1_head_done(struct http1_head *head);
/* Empties it for the next request of the connection, and keeps its memory where that is little. */
void http1_head_clear(struct http1_head *head);

/* Appends bytes of the head as they arrive; the caller bounds them. 0, ERR_NOMEM, or ERR_RANGE when it is
 * whole: its strings are in use. */
MUST_CHECK int http1_head_put(struct http1_head *head, const char *bytes, size_t len);

/* No more comes: method, target, version and fields can be asked for. A head that was refused on its way has
 * those whose line was complete. 0 or ERR_NOMEM. */
MUST_CHECK int http1_head_finish(struct http1_head *head);

/* HTTP/1.0; every other version that the gate lets pass is read as 1.1. */
bool http1_head_is_old(const struct http1_head *head);
/* "HTTP/1.0", "HTTP/1.1", "HTTP/2.0" (h2_head.h): as which it is read. Static. */
const char *http1_head_protocol(const struct http1_head *head);

/* The value of a field without the white space around it: all of them for a list, else the first. NULL: there
 * is none. */
const char *http1_head_value(const struct http1_head *head, const char *name);

/* Is `token` among those of the fields of that name, in any case (RFC 9110 section 5.6.1)? */
bool http1_head_has(const struct http1_head *head, const char *name, const char *token);

#endif
