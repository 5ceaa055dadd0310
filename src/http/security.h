/* The headers that every reply has, whatever it is. */
#ifndef MTLSD_HTTP_SECURITY_H
#define MTLSD_HTTP_SECURITY_H

#include "http/message.h"

/* Adds them unless they are there. `conf` may be NULL: then without Strict-Transport-Security. */
void security_headers(const struct conf *conf, struct reply *reply);

/* True when the reply has a header of this name. */
bool security_has_header(const struct reply *reply, const char *name);

#endif
