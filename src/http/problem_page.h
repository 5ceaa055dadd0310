/* A problem as a page for people: the same object that programs get, as HTML. */
#ifndef MTLSD_HTTP_PROBLEM_PAGE_H
#define MTLSD_HTTP_PROBLEM_PAGE_H

#include <jansson.h>

#include "base/buf.h"
#include "http/words.h"

/* Appends the page to `out`; `start`: with a link to "/". Plain elements with a style of its own and without
 * script; every text of the object is escaped. 0 or ERR_NOMEM. */
MUST_CHECK int problem_page(const json_t *problem, enum language language, bool start, struct buf *out);

/* The Content-Security-Policy under which the page has its style, by its hash, and nothing else. Returns out.
 */
enum { PROBLEM_PAGE_POLICY = 256 };
const char *problem_page_policy(char out[static PROBLEM_PAGE_POLICY]);

#endif
