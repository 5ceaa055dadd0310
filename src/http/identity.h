/* The fields in which a backend is told who the client is, one table of formats: Client-Cert (RFC 9440),
 * X-Forwarded-Client-Cert (Envoy), X-SSL-*. Pure.
 *
 * A certificate that was not verified is never in a field that names it, for a backend reads presence as
 * success. Only X-SSL-Client-Verify is always there, as nginx's $ssl_client_verify: SUCCESS, NONE, or FAILED
 * and why; where it is missing the request did not come this way. */
#ifndef MTLSD_HTTP_IDENTITY_H
#define MTLSD_HTTP_IDENTITY_H

#include "config/conf.h"
#include "http/variables.h"

/* Whether a field of this name, in whichever spelling that an application may take for it (case, and any
 * character but letters and digits for "-"), belongs to one of the formats, configured or not. */
bool identity_owns(const char *name, size_t len);

/* Whether the names are one to an application, in this sense. */
bool identity_same_name(const char *a, size_t a_len, const char *b, size_t b_len);

/* A list of names, asked for each field of each message. Its texts are in small letters; one that ends on '-'
 * is all that begin so. */
struct identity_name {
    const char *text;
    size_t len;
};
#define IDENTITY_NAME(text)                                                                                  \
    {                                                                                                        \
        text, sizeof(text) - 1                                                                               \
    }
#define IDENTITY_AMONG(list, name, len) identity_is_among(list, ARRAY_LEN(list), name, len)
bool identity_is_among(const struct identity_name list[], size_t n, const char *name, size_t len);

/* The fields of a connection's client, made once for as long as the verdict stands. {0} is empty. */
struct identity_made {
    struct buf fields;
    const struct peer *peer; /* for whom; a reference */
    unsigned formats;
    bool made;
};
/* The fields, NULL when memory is short. Valid until the next call. */
const struct buf *identity_of(struct identity_made *made, unsigned formats, const struct client_view *client);
void identity_made_done(struct identity_made *made);

#endif
