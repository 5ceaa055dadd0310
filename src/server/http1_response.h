/* What a reply becomes in HTTP/1.1: bytes in one piece, or a response of libmicrohttpd. On the thread of the
 * worker. */
#ifndef MTLSD_SERVER_HTTP1_RESPONSE_H
#define MTLSD_SERVER_HTTP1_RESPONSE_H

#include "http/message.h"
#include "server/kept.h"

enum { HTTP1_SMALL_FILE = 256 * 1024 }; /* up to this length one is read into memory */

/* Whether a response would serve several connections, and of what it is made then. */
struct http1_sharing {
    bool shared;
    bool again;                    /* it may be given again */
    const struct mapping *mapping; /* NULL: memory */
    struct kept_bytes *bytes;      /* that memory, with the head; NULL: it has none */
};

/* What its Content-Length says: of a 304 the length that the 200 would have. */
uint64_t http1_response_length(const struct reply *reply);
/* It has no body, whatever was asked. */
bool http1_response_is_bodiless(const struct reply *reply);
/* Its body is in memory, or may be. */
bool http1_response_is_small(const struct reply *reply);

/* Head and body of a small one, with that Connection field (http/plain.h); the caller owns them. NULL when
 * memory is short, or the file was cut short since it was looked at. */
struct kept_bytes *http1_response_bytes(const struct reply *reply, const char *date, const char *connection);
/* A copy of such, without the field, that has it. NULL when memory is short. */
struct kept_bytes *http1_response_saying(const struct kept_bytes *bytes, const char *connection);
/* Takes over the reply's body or file, and says in *sharing what it is made of; `shared` becomes false when
 * it cannot be. NULL when memory is short, or the file. */
struct MHD_Response *http1_response_new(struct reply *reply, const char *date, struct http1_sharing *sharing);

#endif
