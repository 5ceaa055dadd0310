/* Finished responses that can be given again: a store for each worker, which nobody else touches. What
 * is in it may be a second old at most, so that a file that was replaced is seen by then, and what is older
 * is let go. Responses are counted, so one may still be sent, or wait for that, while its place goes to
 * another. */
#ifndef MTLSD_SERVER_KEPT_H
#define MTLSD_SERVER_KEPT_H

#include "base/wheel.h"

struct MHD_Response;
struct kept_store;
struct mapping;

enum { KEPT_MOST_VARIANT = 160 }; /* bytes of an Accept-Encoding that is told from others */

/* What was asked for. */
struct kept_key {
    uint64_t generation;  /* of the snapshot */
    const void *listener; /* the answer may depend on it: its address in the snapshot */
    const char *path;
    const char *variant; /* Accept-Encoding, NULL: none */
    const char *host;    /* that it is for, where the answer may depend on it; NULL: it does not */
};
/* A variant, or a host, as it is compared. */
static inline const char *kept_text(const char *text)
{
    return text ? text : "";
}
/* Of the path, the variant and the host. `seed`: secret where nobody outside is to know which are alike. */
uint64_t kept_hash(uint64_t seed, const struct kept_key *key);

/* A response as it goes in HTTP/1.1, head and body in one piece. Shared on one worker: by libmicrohttpd's
 * response of the same body, and by connections that send it. */
struct kept_bytes {
    size_t refs, head_len, len;
    char bytes[]; /* `len` */
};
/* The head, and room for the body; one reference. NULL when memory is short. */
struct kept_bytes *kept_bytes_new(const char *head, size_t head_len, size_t body_len);
void kept_bytes_unref(struct kept_bytes *bytes);

/* A response of libmicrohttpd, which counts only where it sends one: this is for those who have yet to give
 * it one. Shared on one worker. */
struct kept_response {
    size_t refs;
    struct MHD_Response *made;
};
/* Takes over the caller's reference to `made`; one reference. NULL when memory is short: then it is the
 * caller's still. */
struct kept_response *kept_response_new(struct MHD_Response *made);
struct kept_response *kept_response_ref(struct kept_response *response);
void kept_response_unref(struct kept_response *response);

/* A response and what the log wants to know of it. */
struct kept {
    struct kept_response *response; /* a reference */
    uint64_t length;                /* of its body */
    size_t memory;                  /* that the body takes; 0: it is a mapped file */
    const struct mapping *mapping;  /* that one, the response's; NULL: it is none */
    struct kept_bytes *bytes;       /* the response's; NULL: it has none */
};

/* Gives the reference back, when it has one. */
void kept_drop(struct kept *kept);

/* Tidied up by the wheel. NULL when memory is short. */
struct kept_store *kept_new(struct wheel *wheel);
void kept_free(struct kept_store *store);

/* The store's response for `key`, not older than a second at `now_ms` (clock_mono_ms()). False:
 * none. The response stays the store's, until something is added or the wheel turns. */
bool kept_find(struct kept_store *store, const struct kept_key *key, uint64_t now_ms, struct kept *out);

/* Puts a response into the store, which takes the caller's reference over. The bodies there take `room` bytes
 * at most; 0: nothing is kept. False: it was not, and the reference is still the caller's. */
bool kept_add(struct kept_store *store, const struct kept_key *key, uint64_t now_ms, size_t room,
              const struct kept *what);

#endif
