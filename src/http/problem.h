/* Errors: application/problem+json (RFC 9457) for programs, a short page for browsers, chosen by Accept. */
#ifndef MTLSD_HTTP_PROBLEM_H
#define MTLSD_HTTP_PROBLEM_H

#include "http/message.h"

/* Fills `reply` for `status`: body, type and the headers that every reply has; headers that are there already
 * (Allow) stay. `detail` says what to do, NULL: the usual words. For 403 the request's decision and peer give
 * the reasons, as far as conf->error_detail allows. Everything that came from a certificate or a client is
 * escaped. */
void problem_reply(const struct request *request, unsigned status, const char *detail, struct reply *reply);

#endif
