/* The one table of routes (route.c). `/api`, `mtlsd routes`, OPTIONS and 405 are loops over it. To add a
 * route: a handler and a row. */
#ifndef MTLSD_HTTP_ROUTE_H
#define MTLSD_HTTP_ROUTE_H

#include "base/buf.h"
#include "http/message.h"

/* How long the reply to a GET without conditions is the same. */
enum keep {
    KEEP_NOT,
    KEEP_CONNECTION, /* on the connection for a second, as long as the snapshot is the same */
    KEEP_SECOND,     /* for everybody who may see it: it cannot change, or may be a second old */
};

struct route {
    const char *path;
    int (*handler)(const struct request *request, struct reply *reply); /* 0, or negative: 500 */
    bool exempt; /* never asks the policy, never names an identity: /health and its like */
    enum keep keep;
    size_t body; /* most bytes of the body of a POST, which it takes and no GET; 0: none */
    /* Whether it exists where the request came; NULL: always. */
    bool (*exists)(const struct request *request);
    const char *missing; /* what is said where it does not */
    bool needs_rule; /* exists only where a location with allow rules or client_cert = verified covers it */
    const char *shows[3]; /* other paths whose answer is in its own: who may not have one may not have this */
    const char *type;     /* what it answers with, for people */
    const char *help;     /* one line */
};

/* Which method a request line names: case matters (RFC 9110 section 9.1). */
enum http_method route_method(const char *text);

enum { ROUTE_MOST = 30 }; /* the metrics have a counter for each */
extern const struct route ROUTES[];
extern const size_t ROUTE_COUNT;

/* The row for a normalised path; never NULL: the last row is the files under the document root. */
const struct route *route_match(const char *path);

/* The row for a request: as route_match, but where `routes` or a location's backend or redirect takes the
 * path from a route of ours, the last row. A backend shall not lose /api to us without a word, and its health
 * checker shall find /health, which no application behind a proxy is asked for from outside. */
const struct route *route_for(const struct policy *policy, enum routes routes, const char *host,
                              const char *path);
/* What `check` says of the routes where a backend takes some of them, once for all listeners that it holds
 * for: the first of them. NULL: all routes are there. */
const struct conf_listener *route_note(const struct conf *conf, struct buf *out);

/* The location whose backend gets the request. NULL: route_dispatch answers it, with a refusal, say. */
const struct conf_location *route_upstream(const struct route *route, const struct policy *policy,
                                           const struct request *request);

/* It says nothing about what is there: nobody is asked who its client is. */
bool route_is_open(const struct request *request);

/* How many bytes of a request's body are needed to answer it, 0: none. */
size_t route_body(const struct route *route, enum http_method method);

/* "GET, HEAD, OPTIONS": what Allow says of it. Static. */
const char *route_methods(const struct route *route);

/* True when what is asked for does not depend on conditions or ranges, and its reply may be given again as
 * the route says. */
bool route_keeps(const struct route *route, const struct request *request);

/* Warns of locations that can do nothing because their path is that of an exempt route. */
void route_lint(const struct conf *conf, struct diag *diag);

/* `route` is the match of the request's path. Applies the policy, answers OPTIONS, 405, 404 and the rest;
 * always fills `reply` (500 when all else fails). It also adds the headers that every reply has: security
 * headers, Cache-Control for the API. */
void route_dispatch(const struct route *route, const struct policy *policy, struct request *request,
                    struct reply *reply);

#endif
