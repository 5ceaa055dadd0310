/* Fields as HTTP/1.1 has them, in lines, as those of HTTP/2 (RFC 9113 section 8.2): names in small letters,
 * without those that are about connections. Only where nghttp2 is. */
#ifndef MTLSD_HTTP_H2_FIELDS_H
#define MTLSD_HTTP_H2_FIELDS_H

#include <nghttp2/nghttp2.h>

#include "base/base.h"
#include "base/err.h"

struct h2_fields {
    nghttp2_nv *nv; /* of names in `names`, of values where they lay */
    size_t n;
    char *names; /* one behind the other */
};

/* Stands before the others; borrowed. */
struct h2_pseudo {
    const char *name, *value;
    size_t len;
};

/* Each line has its end. 0 or ERR_NOMEM; h2_fields_done. */
MUST_CHECK int h2_fields_of(struct h2_fields *out, const struct h2_pseudo *pseudo, size_t n_pseudo,
                            const char *lines, size_t len);
void h2_fields_done(struct h2_fields *fields);

/* A name in small letters: RFC 9113 section 8.2.2. */
bool h2_fields_is_hop(const char *name, size_t len);

#endif
