/* How much of a stream's body may be on its way (RFC 9113 section 5.2): little at first, and more as far as
 * the way to the client is what limits it. In one round trip, from a PING to its answer, no more than a
 * window can come; where a good part of it does, and was taken, the next is twice as large. Pure. */
#ifndef MTLSD_HTTP_H2_WINDOW_H
#define MTLSD_HTTP_H2_WINDOW_H

#include "base/base.h"

enum {
    H2_WINDOW_FIRST = 256 * 1024,
    H2_WINDOW_MOST = 8 * 1024 * 1024, /* 100 MiB a second at 50 ms need 5, and what is told of late */
    H2_WINDOW_ALL = 64 * 1024 * 1024, /* of a worker's, over the first of each */
};

/* Embedded in a stream. */
struct h2_window {
    uint32_t size;
    uint32_t untold; /* bytes that were taken, and the client was not told of */
    uint32_t pause;  /* so many bytes come before another round trip is measured */
    uint64_t came;   /* bytes, in all */
    uint64_t from;   /* where the round trip began that is measured; where the next may */
};

void h2_window_init(struct h2_window *window);
/* Bytes came. True: it is time to measure a round trip, if no other is measured. */
bool h2_window_came(struct h2_window *window, size_t len);
/* A PING goes now. */
void h2_window_asks(struct h2_window *window);
/* Its answer came, when of all that came `held` bytes wait for who takes them. True: twice the size would be
 * used. */
bool h2_window_answered(struct h2_window *window, size_t held);
/* Bytes were taken. So much the client is told of now; 0: nothing yet. */
uint32_t h2_window_taken(struct h2_window *window, size_t len);
/* May a window become so much larger, where those of its connection have `of_connection` bytes over the
 * first, and those of all that one worker has `of_worker`? Nobody gets more than a part of what is left: who
 * comes late has some, too. */
bool h2_window_may_grow(size_t more, size_t of_connection, size_t of_worker);
/* It has twice the size now. So much the client is told of. */
uint32_t h2_window_doubled(struct h2_window *window);

#endif
