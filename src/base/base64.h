/* Base64 (RFC 4648 section 4), of any size, with white space between. Pure. */
#ifndef MTLSD_BASE_BASE64_H
#define MTLSD_BASE_BASE64_H

#include <sys/types.h>

#include "base/base.h"
#include "base/buf.h"

/* Decodes `len` characters into `out`, which may be where they stand, and must have room for three quarters
 * as many octets. -1 when they are not base64 or the padding is missing; `out` is then overwritten too. */
MUST_CHECK ssize_t base64_decode(const char *text, size_t len, unsigned char *out);

/* Appends it with padding and without line ends. */
void base64_encode(struct buf *out, const void *data, size_t len);

#endif
