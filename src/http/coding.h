/* Which content coding a client prefers, RFC 9110 section 12.5.3. Pure. */
#ifndef MTLSD_HTTP_CODING_H
#define MTLSD_HTTP_CODING_H

#include "base/base.h"

/* In the order of preference among equals. */
enum coding { CODING_BR, CODING_GZIP, CODING_IDENTITY, CODINGS };

/* Fills `order` with the codings that Accept-Encoding (NULL: absent) allows, best first, and returns their
 * number. Identity is always among them, last when it is refused: a file that is there as it is gets served.
 */
size_t coding_order(const char *accept_encoding, enum coding order[static CODINGS]);

#endif
