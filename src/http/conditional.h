/* Conditional and range requests, RFC 9110 sections 13 and 14, over the text of the fields. Pure. */
#ifndef MTLSD_HTTP_CONDITIONAL_H
#define MTLSD_HTTP_CONDITIONAL_H

#include <time.h>

#include "base/base.h"

/* Values of the fields, NULL where there is none. */
struct conditions {
    const char *if_match;
    const char *if_none_match;
    const char *if_modified_since;
    const char *if_unmodified_since;
    const char *if_range;
    const char *range;
};

/* What is selected. */
struct validators {
    const char *etag; /* strong, with its quotes */
    time_t modified;  /* as Last-Modified says it */
    time_t now;
};

/* Section 13.2.2 for GET and HEAD: 0 (perform the request), 304 or 412. */
unsigned conditional_status(const struct conditions *conditions, const struct validators *validators);

enum range_kind {
    RANGE_WHOLE,         /* no Range, one that is not understood, several ranges, or If-Range failed: 200 */
    RANGE_PART,          /* *first and *last (inclusive) are set: 206 */
    RANGE_UNSATISFIABLE, /* 416 */
};

/* Section 14.2 for GET, after the conditions: which part of `size` bytes is wanted. */
enum range_kind conditional_range(const struct conditions *conditions, const struct validators *validators,
                                  uint64_t size, uint64_t *first, uint64_t *last);

#endif
