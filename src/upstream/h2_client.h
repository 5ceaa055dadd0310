/* HTTP/2's engine from the other side (RFC 9113): a client's side of one connection, by nghttp2. Each call on
 * it is one request, which is written as HTTP/1.1, and its response, which reads as HTTP/1.1: so that whoever
 * speaks that to a server can speak to this one, and judges its answers by the same reader. Bytes in, bytes
 * out; no sockets and no clock. What costs a server nothing and us something is counted, and ends the
 * connection where it is too much.
 * Only where nghttp2 is. */
#ifndef MTLSD_UPSTREAM_H2_CLIENT_H
#define MTLSD_UPSTREAM_H2_CLIENT_H

#include <sys/types.h>

#include "base/base.h"
#include "base/err.h"
#include "http/h2.h"

enum {
    H2_CLIENT_STREAMS = 100,
    /* Bytes of a response that may be on their way, and be held: at first, and where they are read. */
    H2_CALL_WINDOW = 64 * 1024,
    H2_CALL_WINDOW_MOST = 256 * 1024,
    H2_CALLS_GROWN = 64 * 1024 * 1024, /* over the first windows, of all calls that share a count */
    H2_CALL_WHY = 120,
};

struct h2_client;
struct h2_call;

/* The fixed bounds of a server's. */
void h2_client_limits(struct h2_limits *limits);

/* `grown`: bytes of all windows over the first, counted with others; must outlive it. NULL when memory is
 * short. */
struct h2_client *h2_client_new(const struct h2_limits *limits, size_t *grown);
/* Frees its calls, too. */
void h2_client_free(struct h2_client *client);

/* Bytes that came. */
void h2_client_take(struct h2_client *client, const char *bytes, size_t len, uint64_t now_ms);
/* The next bytes to send, until the next call; 0: none now. */
size_t h2_client_give(struct h2_client *client, const char **bytes);
/* So many of all that it gave, in their order, may have come to the server by now. */
void h2_client_sent(struct h2_client *client, size_t len);
/* So much waits for a server that does not read that no more should be taken of it. */
bool h2_client_is_full(const struct h2_client *client);
/* Nothing more comes of it. */
bool h2_client_is_over(const struct h2_client *client);
/* Why it is over, where the server has not said so. */
const char *h2_client_why(const struct h2_client *client);
/* Its SETTINGS came, which say how many calls there may be. */
bool h2_client_is_settled(const struct h2_client *client);
/* Those that it has are its last. */
bool h2_client_is_parting(const struct h2_client *client);
/* So many calls more may be made now. */
unsigned h2_client_room(const struct h2_client *client);
/* A call that may be read, or written again, since this was asked last; NULL: none. */
struct h2_call *h2_client_next(struct h2_client *client);
/* Asks it whether it is there. False: it was asked twice since it sent anything of a response; servers of
 * gRPC end connections on which they are asked more often. */
bool h2_client_ping(struct h2_client *client);
/* The connection broke: what has not ended is cut short. */
void h2_client_fail(struct h2_client *client, const char *why);
/* Nothing more is asked: the server is told with what h2_client_give gives then. */
void h2_client_part(struct h2_client *client);

/* Nothing of it is sent before its head is written. `scheme`: static. NULL when memory is short. */
struct h2_call *h2_call_new(struct h2_client *client, const char *scheme, void *owner);
/* The server is told where it is not over. */
void h2_call_free(struct h2_call *call);
void *h2_call_owner(const struct h2_call *call);
/* Why it is broken; "": it is not. */
const char *h2_call_why(const struct h2_call *call);
/* The server has done nothing of it: it may be asked again, whatever it is. */
bool h2_call_is_refused(const struct h2_call *call);
/* The server has begun to answer, be it with what is no response: it has done what was asked. */
bool h2_call_is_answered(const struct h2_call *call);
/* It was this call alone that it ended. */
bool h2_call_is_reset(const struct h2_call *call);

/* It was sent, and its response is not whole: when it is freed it is reset. */
bool h2_call_is_open(const struct h2_call *call);

/* As send and recv: bytes; -EAGAIN: h2_client_next tells when; -EPIPE: no more of the request is taken;
 * -EPROTO: the response is none, or is cut short (h2_call_why); 0: nothing is behind it. */
ssize_t h2_call_write(struct h2_call *call, const char *bytes, size_t len);
ssize_t h2_call_read(struct h2_call *call, char *out, size_t size);

#endif
