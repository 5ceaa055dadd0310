/* The answer that sends a client elsewhere: of a location, and of a listener without TLS. Pure. */
#ifndef MTLSD_HTTP_REDIRECT_H
#define MTLSD_HTTP_REDIRECT_H

#include "config/variable.h"
#include "http/message.h"

/* Fills the reply: 308 to what the template makes of the request; 400 when it needs a host and the request
 * names none. */
void redirect_reply(const struct request *request, const struct template *to, struct reply *reply);

#endif
