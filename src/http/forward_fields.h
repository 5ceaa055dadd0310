/* Which fields go on. Private to http/forward. */
#ifndef MTLSD_HTTP_FORWARD_FIELDS_H
#define MTLSD_HTTP_FORWARD_FIELDS_H

#include "base/base.h"

/* About one connection, or how a message is framed (RFC 9110 sections 7.6.1, 11.7; RFC 9112 section 6): they
 * are never copied. */
bool forward_is_hop(const char *name, size_t len);
/* Does Connection's list name it, and may it? What is meant for the last recipient stays, whatever a client
 * says: it would have us take the proof of who it is out of its own request, or the body's length. */
bool forward_is_named(const char *connection, const char *name, size_t len);
/* Addresses, schemes, hosts and paths that a proxy would speak of: X-Forwarded-*, Forwarded, X-Real-IP and
 * what applications take for the path in place of the path. */
bool forward_is_claim(const char *name, size_t len);
/* Of these, what is believed of nobody. */
bool forward_is_lie(const char *name, size_t len);

#endif
