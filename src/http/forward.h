/* What a backend gets to read of a request, and a client of a response: RFC 9110 section 7.6 for an
 * intermediary, and what nobody may say in our name taken out. Pure; both sides' heads have passed their
 * gates (http/gate.h, upstream/response.h).
 *
 * Whoever reads fields as CGI and WSGI do takes X_User, and X.User, for X-User: names that are ours are taken
 * out in each of these spellings. */
#ifndef MTLSD_HTTP_FORWARD_H
#define MTLSD_HTTP_FORWARD_H

#include "config/conf.h"
#include "http/head.h"
#include "http/identity.h"
#include "http/variables.h"

enum forward_body { FORWARD_NO_BODY, FORWARD_LENGTH, FORWARD_CHUNKED };

struct forward {
    const struct conf_location *location;
    const struct http1_head *head;
    const char *path; /* the decoded, normalised one that was decided on */
    const struct client_view *client;
    const struct request_view *request; /* by forward_view */
    const struct buf *identity;         /* by identity_of */
    bool trusted;                       /* the peer is a proxy whose word on its client counts */
    unsigned port;                      /* that the client came to */
    uint32_t instance;                  /* tells this process from others in Via */
    enum forward_body body;
    uint64_t length;
};

struct forward_made {
    bool upgrades;   /* it asks for one of the location's protocols */
    unsigned forged; /* fields in our name that were taken out */
};

/* Fills *out from the head: `path` gets the encoded form of the normalised one; `authority` is
 * http1_authority's. Number and time are the caller's. */
void forward_view(struct request_view *out, const struct http1_head *head, const char *normalised,
                  const char *query, const char *authority, struct buf *path);

/* Appends a decoded path as a backend gets it: encoded where it has to be, and ';', behind which some see
 * parameters that no rule has seen. */
void forward_put_path(struct buf *out, const char *path);

/* The status with which a request is answered here although its location has a backend: 405 for TRACE, which
 * would show the client what it must not know, and CONNECT; 508 for one that has been here; 204 for OPTIONS
 * that goes no further (Max-Forwards: 0). 0: it goes on. */
unsigned forward_status(const struct http1_head *head, uint32_t instance);

/* Appends the head of the request to the backend, with the empty line. 0 or ERR_NOMEM. */
MUST_CHECK int forward_request(const struct forward *forward, struct buf *out, struct forward_made *made);

/* Of whose request it is the answer: what leads to its backend leads the client here. */
struct forward_home {
    const struct conf_location *location; /* with a backend */
    const struct http1_head *request;
    const char *server_name; /* of the client's TLS, for http1_authority */
};

struct forward_answer {
    const struct conf *conf;
    const struct forward_home *home; /* NULL: Location goes on as it came */
    const char *date; /* now, where the response has none (RFC 9110 section 6.6.1); NULL: none is added */
    bool upgrade;     /* 101: Upgrade goes on, and Connection with it */
    bool interim;     /* 1xx: what is said of the answer is said in the answer */
};
/* Appends the fields of a response, `head` from its status line on to the empty line: without that line, and
 * without Content-Length, Transfer-Encoding and Connection, which are for the caller to say. */
void forward_response(const struct forward_answer *answer, const char *head, size_t len, struct buf *out);

/* Appends a URL that a backend gave, as the client is to follow it (proxy_redirect). */
void forward_put_url(const struct forward_home *home, const char *url, size_t len, struct buf *out);

/* Whether a response that says 101 changes to what its request had asked for, and the location lists: each
 * protocol in its Upgrade, of which there is one at least (RFC 9110 section 15.2.2). */
bool forward_switches(const struct conf_location *location, const struct http1_head *request,
                      const char *head, size_t len);

/* Whether a field of a response may be a trailer (RFC 9110 section 6.5.1). */
bool forward_is_trailer(const char *name, size_t len);

#endif
