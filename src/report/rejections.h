/* The last refusals, for whoever asks "who was turned away, and why?". A ring of fixed size; thread-safe. */
#ifndef MTLSD_REPORT_REJECTIONS_H
#define MTLSD_REPORT_REJECTIONS_H

#include "http/message.h"

struct rejections;

/* Remembers the last `most`, which may be 0. NULL when memory is short. */
struct rejections *rejections_new(size_t most);
void rejections_free(struct rejections *rejections);

/* Copies *rejection and takes references of its peer and its record. */
void rejections_add(struct rejections *rejections, const struct rejection *rejection);

/* A copy, newest first; *n of them. NULL when there is none or memory is short. Free with
 * rejections_copy_free. */
struct rejection *rejections_copy(struct rejections *rejections, size_t *n);
void rejections_copy_free(struct rejection *copy, size_t n);

#endif
