/* The parts of response.c among themselves: the states of the machine, and its steps by file. */
#ifndef MTLSD_UPSTREAM_RESPONSE_WALK_H
#define MTLSD_UPSTREAM_RESPONSE_WALK_H

#include "upstream/response.h"

enum response_state {
    AT_VERSION, /* the order matters: all up to AT_LAST_LF count against RESPONSE_MOST_HEAD */
    AT_STATUS,
    AT_AFTER_STATUS,
    AT_REASON,
    AT_LINE_LF,
    AT_FIELD,
    AT_NAME,
    AT_VALUE,
    AT_NUMBER_SPACE,
    AT_NUMBER,
    AT_NUMBER_END,
    AT_LIST,
    AT_LIST_TOKEN,
    AT_LIST_NEXT,
    AT_EXTENSION,
    AT_LAST_LF,
    AT_BODY,
    AT_CHUNK_SIZE,
    AT_CHUNK_SIZE_LF,
    AT_CHUNK_DATA,
    AT_CHUNK_CR,
    AT_CHUNK_LF,
    AT_TUNNEL,
    AT_END,
    AT_REFUSED,
};

enum response_flag {
    BEGUN = 1,
    OLD = 2, /* HTTP/1.0 */
    HAS_LENGTH = 4,
    HAS_CODING = 8,
    IS_CHUNKED = 16,
    SAYS_CLOSE = 32,
    SAYS_KEEP = 64,
    IN_TRAILERS = 128,
    FINAL = 256,    /* the final head is whole */
    IN_PIECE = 512, /* a Content-Length that has at least a digit, a list with at least a token */
};

/* One call of response_feed. The steps take bytes from `p` on, never beyond `end`, and change the state; they
 * stop when they need another byte or have refused one, with `p` at it. */
struct response_walk {
    struct response *r;
    const unsigned char *p, *end;
    const unsigned char *head; /* where the bytes that `used` does not count yet begin */
    unsigned events;
};

static inline void response_refuse(struct response_walk *w, const char *why)
{
    w->r->state = AT_REFUSED;
    w->r->why = why;
}

static inline void response_refuse_byte(struct response_walk *w, const char *why)
{
    unsigned c = *w->p;
    response_refuse(w, c == '\n'                                           ? "a line ends with a bare LF"
                       : c == '\0'                                         ? "a NUL byte"
                       : c != '\r' && c != '\t' && (c < 0x20 || c == 0x7f) ? "a control byte"
                                                                           : why);
}

static inline void response_take(struct response_walk *w, unsigned char c, enum response_state next,
                                 const char *why)
{
    if (*w->p != c) {
        response_refuse_byte(w, why);
        return;
    }
    w->p++;
    w->r->state = (uint8_t)next;
}

/* The steps, by file. */
void response_version(struct response_walk *w);
void response_status(struct response_walk *w);
void response_after_status(struct response_walk *w);
void response_line_lf(struct response_walk *w);

void response_field(struct response_walk *w);
void response_name(struct response_walk *w);
void response_text(struct response_walk *w);
void response_number_space(struct response_walk *w);
void response_number(struct response_walk *w);
void response_number_end(struct response_walk *w);
void response_list(struct response_walk *w);
void response_list_token(struct response_walk *w);
void response_list_next(struct response_walk *w);

#endif
