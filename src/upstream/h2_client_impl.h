/* The parts of HTTP/2's engine towards servers among themselves. Only where nghttp2 is. */
#ifndef MTLSD_UPSTREAM_H2_CLIENT_IMPL_H
#define MTLSD_UPSTREAM_H2_CLIENT_IMPL_H

#include <nghttp2/nghttp2.h>

#include "base/buf.h"
#include "http/h2_frames.h"
#include "upstream/h2_client.h"
#include "upstream/response.h"

enum {
    MOST_REQUEST = 256 * 1024, /* of its head */
    MOST_UP = 64 * 1024,       /* of its body, that waits for the server */
    MOST_LINES = RESPONSE_MOST_HEAD + 1024,
    MOST_TEXT = 2 * MOST_LINES, /* with interim heads that nobody reads */
};

struct h2_client {
    nghttp2_session *session;
    struct h2_limits limits;
    struct h2_frames frames;
    struct h2_call *calls, *noted, *last_noted;
    unsigned n_calls;
    uint64_t given, sent;   /* bytes, in all */
    struct h2_call *giving; /* whose head has its end in what is given now */
    size_t *grown;          /* bytes of windows over the first, of all that share it */
    char begins[8];         /* what came first, to tell what it is that is no HTTP/2 */
    unsigned n_begins;
    unsigned pings;              /* sent since anything came of a response */
    char why[H2_CALL_WHY];       /* "": nothing is wrong */
    char parts_why[H2_CALL_WHY]; /* what it said of its end; "": nothing */
    bool settled, parting, ending;
};

/* How far the request was written. */
enum up {
    UP_HEAD,
    UP_LENGTH,
    UP_SIZE, /* of a chunk */
    UP_CHUNK,
    UP_CHUNK_END,
    UP_LAST, /* behind the last chunk */
    UP_DONE,
};

struct h2_call {
    struct h2_client *client;
    struct h2_call *next, *prev, *next_noted;
    void *owner;
    const char *scheme;
    uint64_t given_by; /* so many bytes of all were given when the last of its head was; 0: it was not */
    int32_t id;        /* 0: its head is not whole */
    bool noted, closed, refused, reset;
    bool answered;   /* HEADERS or DATA came */
    bool came_reset; /* the server has reset it: it was not us */

    enum up state;
    unsigned skip; /* bytes of a line's end */
    uint64_t left; /* of the body by its length, or of a chunk */
    struct buf head, up;
    size_t up_at;
    bool awaits;  /* nghttp2 has asked for more of the body */
    bool blocked; /* it was written, and did not fit */
    bool to_head; /* the request is a HEAD */

    unsigned status;  /* of the head that is coming */
    struct buf lines; /* its fields; then the trailers */
    struct buf text;  /* heads, and what frames; the first text_at bytes were read */
    struct buf held;  /* the final head of a response without a body, until that has ended */
    struct buf data;  /* content; the first data_at bytes were read */
    size_t text_at, data_at;
    uint32_t window; /* so much content may be on its way, and held; */
    uint32_t read;   /* so much was read since it grew */
    size_t chunk;    /* bytes of content that the chunk still has which was begun */
    uint64_t declared, came;
    bool final, bare, chunked, has_length, ended, end_given, announced;
    char why[H2_CALL_WHY];
};

/* h2_client.c */
/* Its owner is told of it. */
void h2_call_note(struct h2_call *call);
/* It is broken, where it has not ended: and noted. */
void h2_call_blame(struct h2_call *call, const char *why);
/* What came of it is no response. */
void h2_call_reject(struct h2_call *call, const char *why);
void h2_client_too_much(struct h2_client *client, enum h2_limit limit);

/* h2_response.c: what comes */
void h2_response_callbacks(nghttp2_session_callbacks *callbacks);

static inline struct h2_call *h2_call_of(nghttp2_session *session, int32_t id)
{
    return id > 0 ? nghttp2_session_get_stream_user_data(session, id) : NULL;
}

static inline size_t h2_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What was read is not held: nor is its memory, where it was much. */
static inline void h2_drop_read(struct buf *buf, size_t *at)
{
    enum { LEAST = 4096 };
    if (*at < buf->len)
        return;
    if (buf->room > LEAST) {
        const size_t limit = buf->limit;
        buf_done(buf);
        buf_init(buf, limit);
    }
    buf->len = *at = 0;
}

#endif
