/* What became of a request: its line in the access log, and its share of the metrics. On the worker's thread.
 */
#ifndef MTLSD_SERVER_ACCOUNT_H
#define MTLSD_SERVER_ACCOUNT_H

#include "http/head.h"
#include "http/route.h"
#include "pki/verdict.h"
#include "report/access.h"
#include "tls/facts.h"

/* What is the same for all requests of a connection. Borrowed. */
struct account_client {
    const char *remote, *listener;
    const struct tls_facts *facts;
    const struct peer *peer; /* NULL: not judged */
    uint32_t run;            /* of the process */
    uint64_t connection_id;
};

struct account_request {
    const struct http1_head *head;
    const struct access_upstream *upstream;
    const struct route *route; /* NULL: it came to none */
    unsigned status;           /* 0: it ended without an answer, and counts as 499 */
    uint64_t reply_bytes;      /* of the response's body */
    uint64_t took_us;
    uint64_t number;          /* of the connection's */
    const char *refused_code; /* NULL: the client's certificate was no reason */
    const char *refused_by;   /* the location; NULL: none */
};

/* A connection of a listener with mode = tcp. */
struct account_tcp {
    const struct access_upstream *upstream;
    unsigned status;         /* 200: it was relayed; else what an HTTP client would have got */
    uint64_t sent, received; /* to the client, of the client */
    uint64_t took_us;
    enum tcp_end end;
};
void account_tcp_ended(const struct account_client *client, const struct account_tcp *what);

/* The request ended. */
void account_answered(const struct account_client *client, const struct account_request *request);

/* The last request of a connection was refused before it was whole: it is malformed, over a limit or too
 * late. Its line has no method and no target. Parameters: status of the answer, bytes of its body. */
void account_refused(const struct account_client *client, unsigned status, uint64_t bytes);

#endif
