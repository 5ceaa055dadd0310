/* A problem as a page for people: the same object that programs get, as HTML. */
#ifndef MTLSD_HTTP_PROBLEM_PAGE_H
#define MTLSD_HTTP_PROBLEM_PAGE_H

#include <jansson.h>

#include "base/buf.h"

/* Appends the page to `out`. Plain elements without inline style or script; every text of the object is
 * escaped. 0 or ERR_NOMEM. */
MUST_CHECK int problem_page(const json_t *problem, struct buf *out);

#endif
