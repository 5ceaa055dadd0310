/* One request of HTTP/2 and its answer: what is held of both, how long each may take, and the way of the
 * answer into the engine. Whoever answers it, a handler or a backend, comes here. On the worker's thread. */
#ifndef MTLSD_SERVER_HTTP2_STREAM_H
#define MTLSD_SERVER_HTTP2_STREAM_H

#include "http/h2.h"
#include "http/h2_head.h"
#include "server/conn.h"
#include "server/http2_kept.h"

struct http2_stream;

/* What HTTP/2 has of a connection. */
struct http2 {
    struct conn *conn;
    struct h2 *engine; /* owned; NULL: it is over, and the transport says its last word */
    struct http2_stream *streams;
    unsigned n_streams;
    size_t held; /* bytes of all answers that wait for the client */
    unsigned n_asking;
    size_t grown;   /* bytes of all windows over the first */
    struct buf out; /* that the socket did not take; the first `out_at` bytes it did */
    size_t out_at;
    struct wheel_timer parting; /* a moment after the client was asked for no more */
    bool parts;                 /* it was */
    bool parted;                /* and takes no more */
    bool late;                  /* its wait was ended */
    bool secret;                /* what came has a body in it that is nobody's to see */
    bool busy, stalled;         /* which phase the connection is in */
    bool listed;                /* its worker has to look at it in this turn, or the next */
    struct http2 *next;
};

enum http2_phase {
    HTTP2_HEAD,   /* its head is coming */
    HTTP2_BODY,   /* its body is, and is waited for */
    HTTP2_ANSWER, /* its answer is going */
    HTTP2_RELAY,  /* a backend answers: it is waited for the client only where that takes nothing */
    HTTP2_RESTS,  /* it was answered before its body came: that is dropped for a moment */
};

struct http2_stream {
    struct h2_stream engine; /* first */
    struct http2 *http2;
    struct http2_stream *next, *prev;
    struct conn_request request;
    struct h2_head head; /* until it is whole */
    enum http2_phase phase;
    struct wheel_timer timer;
    uint64_t received; /* bytes of its body */
    size_t waits;      /* bytes of it that are held for a backend */
    bool ended;        /* the request is whole */
    bool asking;       /* its answer is made when the client has taken more of others */
    bool answered;     /* the head of its answer was given to the engine */
    bool sent;         /* and all of it has gone */
    bool refused;      /* it will be reset */
    bool secret;       /* its body is nobody's to see, also where it was refused */
    struct proxied *proxied;
    /* More of the answer may be put, or all has gone; NULL: nobody waits for that. */
    void (*room)(struct http2_stream *stream);

    /* The body of the answer: bytes, then of a file. */
    struct buf down;
    size_t down_at;
    struct http2_file *file; /* NULL: none; a reference */
    uint64_t offset, left;
    bool last; /* there is no more than that */
    struct buf trailers;
};

static inline struct http2_stream *http2_stream_of(struct h2_stream *engine)
{
    return (struct http2_stream *)(void *)engine;
}

/* NULL when memory is short. */
struct http2_stream *http2_stream_new(struct http2 *http2);
/* It is over. Nobody answers it any more. */
void http2_stream_free(struct http2_stream *stream);

/* The worker looks at the connection before it waits again. */
void http2_wake(struct http2 *http2);

/* Its time begins anew. */
void http2_stream_enters(struct http2_stream *stream, enum http2_phase phase);
/* Nobody waits for it but the client, for what is on its way; or all has gone. */
void http2_stream_released(struct http2_stream *stream);

/* `lines`: fields, each with its end. 1xx: more follows. 0, or ERR_NOMEM. */
MUST_CHECK int http2_stream_answer(struct http2_stream *stream, unsigned status, const char *lines,
                                   size_t len, bool bodied);
/* Of the body; `last` behind it all. 0, or ERR_NOMEM. */
MUST_CHECK int http2_stream_put(struct http2_stream *stream, const char *bytes, size_t len);
void http2_stream_last(struct http2_stream *stream);
/* Bytes of the body that were put, and have not gone. */
static inline size_t http2_stream_waiting(const struct http2_stream *stream)
{
    return stream->down.len - stream->down_at;
}
/* So many bytes more may be put now, for as many a backend is asked; 0: `room` says when. Clients that take
 * nothing of many answers do not make a connection large. */
size_t http2_stream_room(const struct http2_stream *stream);
/* So many bytes of the request are held for a backend now. */
void http2_stream_waits(struct http2_stream *stream, size_t len);
/* All of those that a worker holds are as many as may be. */
bool http2_stream_is_too_much(const struct http2_stream *stream);
/* A body that begins now would not come soon, or not be held. */
bool http2_stream_is_held_up(const struct http2_stream *stream);
void http2_stream_reset(struct http2_stream *stream, enum h2_code code);

/* A reply of our own; takes its body, or file, over. `reply->ready`: a struct http2_kept. */
void http2_stream_reply(struct http2_stream *stream, struct reply *reply);
/* The same, and it may be given again to who asks so; NULL: it may not. */
void http2_stream_reply_kept(struct http2_stream *stream, struct reply *reply, const struct kept_key *key);
/* An answer may be made now, however long it is. Else `asks` says that its request waits for that. */
bool http2_stream_may_answer(const struct http2_stream *stream);
void http2_stream_asks(struct http2_stream *stream, bool asks);
/* Is there room in memory for so much of an answer? */
bool http2_stream_holds(const struct http2_stream *stream, size_t len);
/* The problem `status` instead of an answer. */
void http2_stream_problem(struct http2_stream *stream, unsigned status, const char *detail);

/* `body` of struct h2_ops. */
ssize_t http2_stream_body(struct http2_stream *stream, char *out, size_t most, bool *last);

#endif
