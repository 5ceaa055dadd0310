/* The last refusals, for whoever asks "who was turned away, and why?". A ring, bounded in number and in
 * bytes; thread-safe. */
#ifndef MTLSD_REPORT_REJECTIONS_H
#define MTLSD_REPORT_REJECTIONS_H

#include "http/message.h"

struct rejections;

/* Strangers choose how long names and reasons are: what does not fit pushes out the oldest, not memory. */
enum { REJECTIONS_MOST_BYTES = 64 * 1024 * 1024 };

/* Remembers the last `most`, which may be 0, but no more than take `most_bytes` (and always the last). NULL
 * when memory is short. */
struct rejections *rejections_new(size_t most, size_t most_bytes);
void rejections_free(struct rejections *rejections);

/* Copies *rejection, gives it the next number, and takes references of its peer and its record. */
void rejections_add(struct rejections *rejections, const struct rejection *rejection);

/* A copy of those that are older than number `before` (0: of all), newest first, at most `most`; *n of them.
 * NULL when there is none or memory is short. Free with rejections_page_free. */
struct rejection *rejections_page(struct rejections *rejections, uint64_t before, size_t most, size_t *n);
void rejections_page_free(struct rejection *page, size_t n);

#endif
