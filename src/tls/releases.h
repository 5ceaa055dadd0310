/* The releases of libmicrohttpd and GnuTLS that the tests have run with. */
#ifndef MTLSD_TLS_RELEASES_H
#define MTLSD_TLS_RELEASES_H

#include <stdbool.h>
#include <stddef.h>

enum { RELEASES_BYTES = 256 };

/* What is in use and was not tried: "libmicrohttpd 1.0.10 (tried: 0.9.75, 1.0.1)"; "" when both were. */
void releases_untried(char out[static RELEASES_BYTES]);

/* `release` is one of `tried`, which is a list with ", " between. */
bool release_is_tried(const char *release, const char *tried);

#endif
