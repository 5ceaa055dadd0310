/* A request as handlers see it and a reply as they fill it: plain values, no library's types, whatever
 * the version of HTTP is. `server` makes requests of what came, and bytes of replies. */
#ifndef MTLSD_HTTP_MESSAGE_H
#define MTLSD_HTTP_MESSAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "config/conf.h"
#include "pki/certinfo.h"
#include "pki/verdict.h"
#include "policy/policy.h"
#include "tls/facts.h"
#include "tls/record.h"

/* One own certificate or CRL set for /health. */
struct health_listener {
    const char *name;
    time_t certificate_not_after;  /* 0: none */
    time_t certificate_soon_from;  /* from then on it, or another, ends soon */
    const struct trust_note *note; /* of its CAs and CRLs; borrowed from its trust */
    size_t n_notes;
    time_t crl_next_update;  /* 0: no CRL */
    time_t crl_refuses_from; /* from then on the stale CRL refuses every client: nextUpdate and the grace. 0:
                                never */
    time_t ticket_key_made;  /* 0: no tickets */
};

/* A backend for /health. */
struct health_backend {
    const char *name;
    unsigned n, up; /* its servers, and those that get requests */
};

struct route;
struct reply;
struct guard;

struct health {
    time_t now;
    uint64_t uptime; /* seconds */
    bool draining;
    uint64_t refused_reloads; /* since the start */
    bool reload_failed;       /* the last reload was refused: the old configuration serves */
    uint64_t generation;      /* number of the snapshot, 1 at start */
    const struct health_listener *listener;
    size_t n_listeners;
    size_t n_backends;
    void (*backend)(const void *cls, size_t i, struct health_backend *out); /* as it is now */
    const void *backend_cls;
};

/* One refusal that /api/rejections tells about. */
struct rejection {
    uint64_t number; /* they are counted, from 1 */
    time_t at;
    char remote[64];
    char listener[64];
    bool handshake;        /* refused in the handshake, else by the answer to a request */
    int alert;             /* that was sent, -1: none */
    unsigned status;       /* of the answer, 0: none */
    char why[200];         /* a sentence */
    struct peer *peer;     /* a reference, NULL: no certificate was judged */
    bool proved;           /* its key had signed by then; before that anybody may have sent it */
    struct record *record; /* a reference to an ended one, NULL: none was kept, or no handshake was refused */
};

/* A listener that whoever came to this one reaches as well, or this one itself. */
enum { BESIDE_MOST = 16 };
struct beside {
    const char *name;
    unsigned short port;
    enum client_auth client_auth;
    bool here;
};

enum http_method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_OPTIONS,
    METHOD_POST,
    METHOD_OTHER,  /* known, and not taken anywhere: 405 */
    METHOD_UNKNOWN /* 501 (RFC 9110 section 9.1) */
};

/* Everything is borrowed and valid until the handler returns. */
struct request {
    enum http_method method;
    const char *method_text; /* as sent */
    const char *target;      /* as sent */
    const char *path;        /* decoded once, normalised, begins with '/' */
    const char *query;       /* after '?', as sent, or NULL */
    const char *host;        /* what it is for, by http1_host_name; "": it does not say */
    const char *authority;   /* the same as it was sent, with its port */
    /* The value of a field, or NULL: see http1_head_value. */
    const char *(*header)(const struct request *request, const char *name);
    const void *header_cls;

    time_t now;             /* when the request came; 0: unknown, then the time of the verdict counts */
    uint64_t connection_id; /* counts connections of the process */
    uint64_t number;        /* of this request on its connection, from 1 */
    const char *body;       /* of a route that takes one; may hold a secret */
    size_t body_len;
    bool body_over;        /* it had more than the route takes, and was not kept */
    const char *remote;    /* "192.0.2.1:54321", "[2001:db8::1]:443" */
    const char *listener;  /* its name */
    const char *served_as; /* the host block of it whose client this is; NULL: none */
    enum client_auth client_auth;
    bool cert_requested;         /* a CertificateRequest was sent (or would have been but for resumption) */
    const struct tls_facts *tls; /* never NULL */
    const struct certinfo *const
        *shown; /* the server's own certificates in the handshake, leaf first; none on resumption */
    size_t n_shown;
    const struct record *record; /* of the handshake, NULL: none is kept */
    const struct peer *peer;     /* NULL: client_auth = off */
    time_t peer_at; /* when its verdict was asked for, which may be one of before; 0: when that was made */
    const struct trust *trust; /* of the listener, or the host of it; NULL: nobody is judged */
    bool refused; /* the listener's client_auth refuses the peer as judged now (revoked since, or resumed):
                     403 but for exempt routes */
    const struct certname *advertised; /* CA names that were advertised */
    size_t n_advertised;
    const struct conf *conf;
    struct guard *guard; /* what is decided on as its names turn up; NULL: nothing is refused */
    const struct policy_decision *decision; /* why it was refused with 403, else NULL: `refusal` */
    struct policy_decision refusal;
    /* What only some handlers want to know, and costs a lock or time: they ask, after the policy has let the
     * request pass. Each may be NULL: then there is none. */
    const void *server; /* for these */
    void (*look)(const struct request *request, struct health *out);
    size_t (*beside)(const struct request *request, struct beside out[static BESIDE_MOST]);
    /* As metrics_write; 0 or ERR_NOMEM. */
    int (*metrics)(const struct request *request, struct buf *out);
    /* Asks for refusals as rejections_page does. What came goes back. */
    struct rejection *(*rejections)(const struct request *request, uint64_t before, size_t most, size_t *n);
    void (*rejections_done)(struct rejection *page, size_t n);
    int document_root; /* descriptor of the folder, -1: none */
    /* Looks for a finished reply, after the policy allowed one; true: `reply` has it. NULL: there are none.
     */
    bool (*kept)(const struct request *request, const struct route *route, struct reply *reply);
    void *kept_cls;
};

enum { REPLY_MOST_HEADERS = 16 };

struct reply {
    unsigned status;
    const char *content_type; /* static, NULL: none */
    struct {
        const char *name; /* static */
        char *value;      /* owned */
    } header[REPLY_MOST_HEADERS];
    size_t n_headers;
    bool close;      /* end the connection after it */
    bool unkept;     /* not to be given again for its path: more than that decided whether it may be had */
    char *trouble;   /* what the log should say of a file, NULL: nothing; owned */
    void *ready;     /* a finished reply of the store's, borrowed, with a body of `length` bytes: the rest is
                        unused */
    struct buf body; /* used when fd < 0 */
    int fd;          /* >= 0: the body is `length` bytes of this file from `offset`; the reply owns it */
    uint64_t offset, length; /* of a 304 the length that the 200 would have */
};

void reply_init(struct reply *reply);
void reply_done(struct reply *reply);
/* Adds a header; `value` is a format. Headers above REPLY_MOST_HEADERS and values with control bytes are left
 * out and -1 returned. */
int reply_header(struct reply *reply, const char *name, const char *fmt, ...) PRINTF(3, 4);
void reply_drop_header(struct reply *reply, const char *name);

#endif
