/* Finished answers that HTTP/2 can give again, as kept.h has them for HTTP/1.1: a store for each worker,
 * which nobody else touches, of small ones, a second old at most. */
#ifndef MTLSD_SERVER_HTTP2_KEPT_H
#define MTLSD_SERVER_HTTP2_KEPT_H

#include "base/wheel.h"
#include "server/kept.h"

enum {
    HTTP2_KEPT = 64,                    /* of a worker */
    HTTP2_KEPT_MOST = 16 * 1024,        /* bytes of one's body */
    HTTP2_KEPT_MOST_OF_ALL = 512 * 1024 /* with what else belongs to them */
};

struct http2_kept {
    uint64_t generation, at_ms;
    const void *listener;
    size_t bytes; /* of all of this */
    const char *path, *variant, *host, *lines, *body;
    size_t lines_len, length;
};

struct http2_shelf {
    struct wheel *wheel;
    struct wheel_timer tidy;
    struct http2_kept *kept[HTTP2_KEPT]; /* by what is asked for; NULL: none */
    size_t bytes;
};

/* NULL when memory is short. */
struct http2_shelf *http2_shelf_new(struct wheel *wheel);
void http2_shelf_free(struct http2_shelf *shelf);

/* `shelf` may be NULL. The shelf's, until something is put there; NULL: none. */
const struct http2_kept *http2_shelf_find(const struct http2_shelf *shelf, const struct kept_key *key,
                                          uint64_t now_ms);
/* Copies; where it cannot, or it would be too much, it is not kept. `room`: the most bytes of all. */
void http2_shelf_put(struct http2_shelf *shelf, const struct kept_key *key, uint64_t now_ms, size_t room,
                     const struct http2_kept *what);

#endif
