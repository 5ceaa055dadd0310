/* Content negotiation (RFC 9110 section 12.5.1), as far as problem pages need it. Pure. */
#ifndef MTLSD_HTTP_ACCEPT_H
#define MTLSD_HTTP_ACCEPT_H

#include "base/base.h"

/* The quality, in thousandths, that the field gives to `type` ("text/html"): that of the most specific range
 * which covers it, 0 when none does. NULL and an empty field accept everything. A malformed element is passed
 * over. */
unsigned accept_quality(const char *field, const char *type);

/* True for browsers: text/html is wanted more than JSON. "*" of any kind, or no field at all, means a
 * program. */
bool accept_prefers_html(const char *field);

/* Whether Accept-Language (NULL: none) weighs Chinese of any kind more than English, or the same and names it
 * first. What is malformed, and other languages, do not count. */
bool accept_chinese(const char *field);

#endif
