/* HTTP/2's engine (RFC 9113): a server's side of one connection, by nghttp2. Bytes in, bytes out, and what
 * comes of them told to its owner; no sockets and no clock. It counts what costs a client nothing and us
 * something, and ends the connection where that is too much.
 *
 * Where the program was built without nghttp2 there is none: h2_is_built is false, h2_new gives NULL. */
#ifndef MTLSD_HTTP_H2_H
#define MTLSD_HTTP_H2_H

#include <sys/types.h>

#include "base/base.h"
#include "base/err.h"
#include "http/h2_window.h"

struct h2;

/* What a connection may have: at once, in a row, or within a second. Above, it ends (GOAWAY
 * ENHANCE_YOUR_CALM), but for a stream too many, which is refused. */
enum h2_limit {
    H2_STREAMS,
    H2_RESETS, /* by the client, or by us over what it sent */
    H2_CONTINUATIONS,
    H2_HEADER_LIST, /* bytes of a head, as SETTINGS_MAX_HEADER_LIST_SIZE counts them */
    H2_SETTINGS,
    H2_PINGS,
    H2_EMPTY_FRAMES, /* of DATA, without an end */
    H2_FRAMES,       /* of PRIORITY, and of types that nobody knows */
    H2_LIMITS
};

struct h2_limits {
    uint32_t most[H2_LIMITS];
    uint32_t header_list; /* that the client is told */
    uint32_t window;      /* bytes of all bodies together that may be on their way: of each, h2_window.h */
    uint32_t held;        /* bytes of all that wait for who takes them; above, no more are asked for */
};
/* The fixed ones filled in. */
void h2_limits_init(struct h2_limits *limits);

/* RFC 9113 section 7 */
enum h2_code {
    H2_NO_ERROR = 0,
    H2_PROTOCOL_ERROR = 1,
    H2_INTERNAL_ERROR = 2,
    H2_STREAM_CLOSED = 5,
    H2_REFUSED_STREAM = 7,
    H2_CANCEL = 8,
    H2_ENHANCE_YOUR_CALM = 11
};

/* Embedded in the owner's record of a stream. */
struct h2_stream {
    int32_t id;
    struct h2_window window;
    uint32_t held;  /* bytes of its body that h2_consumed was not told of */
    bool ended;     /* no more of it comes */
    bool awaits;    /* it has an answer, whose body has to come */
    bool trailers;  /* they follow it */
    bool malformed; /* its owner was told so */
    bool blamed;    /* it is reset over what its client sent, which was counted */
};

/* What the owner does. All within h2_take and h2_give, where the functions below may be called but for these
 * two. */
struct h2_ops {
    /* A request begins. NULL: memory is short. */
    struct h2_stream *(*opened)(void *cls, int32_t id);
    void (*field)(void *cls, struct h2_stream *stream, const char *name, size_t name_len, const char *value,
                  size_t len);
    /* Its head is whole; `ended`: so is the request. */
    void (*head)(void *cls, struct h2_stream *stream, bool ended);
    void (*data)(void *cls, struct h2_stream *stream, const char *bytes, size_t len);
    /* May so many bytes more of a body be on their way, which may all have to be held? They are given back
     * when the stream is closed, whose window is then so much larger than H2_WINDOW_FIRST. */
    bool (*grow)(void *cls, struct h2_stream *stream, uint32_t more);
    /* The request has ended, behind its body. */
    void (*ended)(void *cls, struct h2_stream *stream);
    /* The engine resets it, over fields that are no request's. */
    void (*malformed)(void *cls, struct h2_stream *stream, const char *why);
    /* Up to `most` bytes of the answer's body. 0: none now, h2_more says when; *last: none behind these, but
     * for trailers that were given. Negative: the stream is reset. */
    ssize_t (*body)(void *cls, struct h2_stream *stream, char *out, size_t most, bool *last);
    /* All of the answer was given out. */
    void (*sent)(void *cls, struct h2_stream *stream);
    /* It is over, and its record the owner's to free. */
    void (*closed)(void *cls, struct h2_stream *stream, uint32_t code);
    void (*hit)(void *cls, enum h2_limit limit);
};

bool h2_is_built(void);
/* "1.52.0"; "": it is not built. */
const char *h2_version(void);

/* NULL when memory is short. */
struct h2 *h2_new(const struct h2_limits *limits, const struct h2_ops *ops, void *cls);
/* Its streams are not closed by it. */
void h2_free(struct h2 *h2);

/* Bytes that came. */
void h2_take(struct h2 *h2, const char *bytes, size_t len, uint64_t now_ms);
/* The next bytes to send, until the next call; 0: none now. */
size_t h2_give(struct h2 *h2, const char **bytes);
/* So much waits for a client that does not read that no more should be taken of it. */
bool h2_is_full(const struct h2 *h2);
/* Neither side has more to say: when all is sent, the connection ends. */
bool h2_is_over(const struct h2 *h2);

/* The head of an answer, or an interim one (1xx). `lines`: fields as HTTP/1.1 has them, each line with its
 * end; those about connections are left out. `bodied`: a body follows, by `body`. 0 or ERR_NOMEM. */
MUST_CHECK int h2_answer(struct h2 *h2, struct h2_stream *stream, unsigned status, const char *lines,
                         size_t len, bool bodied);
/* Fields behind the body, before *last was said; `lines` as above. 0 or ERR_NOMEM. */
MUST_CHECK int h2_trailers(struct h2 *h2, struct h2_stream *stream, const char *lines, size_t len);
/* `body` has some again. */
void h2_more(struct h2 *h2, struct h2_stream *stream);
void h2_reset(struct h2 *h2, struct h2_stream *stream, enum h2_code code);
/* So many bytes of bodies wait that the client is asked for no more until they are taken: one that begins now
 * might not come. */
bool h2_is_held_up(const struct h2 *h2);
/* So much of the request's body is held no more: as much may come. */
void h2_consumed(struct h2 *h2, struct h2_stream *stream, size_t len);

/* The connection will end: the client is asked for no more requests, but those on their way are taken. */
void h2_part(struct h2 *h2);
/* No more streams are taken; those that are there go on. */
void h2_part_now(struct h2 *h2);
/* It ends with what h2_give gives now. */
void h2_end(struct h2 *h2, enum h2_code code);

#endif
