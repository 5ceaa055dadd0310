/* What the rows of the route table call. Each fills `reply` and returns 0, or a negative err_code: then the
 * reply is not used. */
#ifndef MTLSD_HTTP_HANDLERS_H
#define MTLSD_HTTP_HANDLERS_H

#include "http/message.h"

int handle_api(const struct request *request, struct reply *reply);
int handle_tls(const struct request *request, struct reply *reply);
int handle_peer(const struct request *request, struct reply *reply);
/* The body of a POST to /api/verify: a chain of sixteen certificates of usual size, in PEM. */
enum { VERIFY_BODY = 32 * 1024 };
int handle_verify(const struct request *request, struct reply *reply);
/* Not where nobody is judged. */
bool verify_exists(const struct request *request);
int handle_handshake(const struct request *request, struct reply *reply);
int handle_connection(const struct request *request, struct reply *reply);
int handle_metrics(const struct request *request, struct reply *reply);
int handle_rejections(const struct request *request, struct reply *reply);
int handle_health(const struct request *request, struct reply *reply);
int handle_livez(const struct request *request, struct reply *reply);
int handle_readyz(const struct request *request, struct reply *reply);

#endif
