/* RFC 9112 from the other side: what a backend answers, as strictly as the gate takes requests (http/gate.h).
 * What two readers could frame in two ways is refused, and the connection with it: whose answer its next
 * bytes are, nobody could say. An incremental, pure state machine that walks each byte once, keeps no copy
 * and allocates nothing. */
#ifndef MTLSD_UPSTREAM_RESPONSE_H
#define MTLSD_UPSTREAM_RESPONSE_H

#include "base/base.h"

enum {
    RESPONSE_MOST_HEAD = 64 * 1024,      /* bytes of status line and fields */
    RESPONSE_MOST_FIELDS = 256,          /* lines, trailers too */
    RESPONSE_MOST_INTERIM = 16,          /* 1xx before the final one */
    RESPONSE_MOST_INTERIM_BYTES = 65536, /* of all of them */
    RESPONSE_WORD = 24,
};

enum response_framing {
    RESPONSE_EMPTY,   /* no body, whatever the fields say: HEAD, 204, 304, or a length of 0 */
    RESPONSE_LENGTH,  /* so many bytes */
    RESPONSE_CHUNKED, /* until the last chunk */
    RESPONSE_CLOSE,   /* until the backend closes */
    RESPONSE_TUNNEL,  /* 101: no longer HTTP */
};

struct response {
    uint8_t state, field;
    uint8_t word_len;
    bool to_head, upgrades;   /* the request was a HEAD; it asked for another protocol */
    char word[RESPONSE_WORD]; /* a name or token as it arrives, in lower case */
    uint16_t flags;
    uint16_t status; /* of the head that came last, 0: none */
    uint8_t framing; /* enum response_framing, once the final head is whole */
    uint8_t digits;
    uint8_t interim; /* 1xx so far */
    uint32_t interim_bytes;
    uint32_t used; /* bytes of this head, or of chunk extensions and trailers */
    uint32_t fields;
    uint64_t length;   /* of the body, by Content-Length; then what is still to come, also of a chunk */
    uint64_t declared; /* by Content-Length */
    const char *why;   /* static; not NULL: it is refused */
};

enum {
    RESPONSE_INTERIM = 1, /* a 1xx head ended, which is not the answer yet */
    RESPONSE_HEAD = 2,    /* the final head ended */
    RESPONSE_END = 4,     /* the response did; bytes behind it belong to nobody */
};

struct response_piece {
    size_t used; /* bytes that were walked */
    /* Those of them that are content, or trailer lines with their line ends; one or none of the two. */
    const char *body, *trailer;
    size_t body_len, trailer_len;
    unsigned events;
};

/* Before each response. */
void response_init(struct response *response, bool to_head, bool upgrades);

/* Walks up to `len` bytes, not beyond the end of a head, of a piece of content, or of the response. When
 * response->why is set then, nothing more must be fed, and nothing more of it be believed. */
struct response_piece response_feed(struct response *response, const char *data, size_t len);

/* The backend closed. True: that is how this response ends; false: it is cut short. */
bool response_eof(struct response *response);

/* True while nothing of a response came. */
bool response_is_fresh(const struct response *response);
/* The final head came. */
bool response_has_head(const struct response *response);
/* After RESPONSE_HEAD: the backend said how long it is. */
bool response_has_length(const struct response *response);
/* After RESPONSE_END: the connection may serve another request. */
bool response_keeps(const struct response *response);

#endif
