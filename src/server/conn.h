/* One client connection: its session, its judgement, and the request under way. It belongs to one worker,
 * from conn_new to conn_free, and only that worker's thread touches it. */
#ifndef MTLSD_SERVER_CONN_H
#define MTLSD_SERVER_CONN_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#include "base/event.h"
#include "http/body.h"
#include "http/gate.h"
#include "http/head.h"
#include "http/identity.h"
#include "pki/verdict.h"
#include "server/account.h"
#include "server/kept.h"
#include "server/limits.h"
#include "server/snapshot.h"
#include "server/worker.h"
#include "tls/facts.h"
#include "tls/proof.h"
#include "tls/record.h"
#include "tls/transport.h"

struct listener;
struct reply;
struct request;
struct route;
struct proxied;
struct http2;
struct MHD_Connection;

enum { CONN_REMOTE = LIMITS_REMOTE };

/* What it is doing. The table in conn_phase.c says for each how long it may take, and what may end it. */
enum conn_phase {
    CONN_HANDSHAKE,
    CONN_FRESH, /* before its first request */
    CONN_IDLE,  /* between two requests */
    CONN_HEAD,
    CONN_BODY,
    CONN_ANSWER,
    CONN_RELAY, /* a backend answers */
    CONN_PHASES
};
/* So long a client that has just connected, or has just had an answer, is waited for when the server drains:
 * it may have sent its next request already, and need not expect that this connection ends without an answer.
 */
enum { CONN_FRESH_MS = 1000 };
/* Why its wait was ended. */
enum conn_end { CONN_GOES_ON, CONN_LATE, CONN_DISPLACED, CONN_DISMISSED };

/* The request under way. */
struct conn_request {
    struct http1_gate gate;
    struct http1_limits limits;
    struct http1_head head;
    struct http1_body body;    /* until it is answered */
    bool expects;              /* its head is whole, and the client may wait for a 100 before its body */
    unsigned wait;             /* seconds, after which it may come again; 0: it may be answered */
    const struct route *route; /* NULL: it came to none */
    uint64_t number;           /* of this one on its connection, from 1; 0: not counted yet */
    unsigned status;           /* of the response, 0: none yet */
    uint64_t reply_bytes;      /* of its body; of a tunnel, all that went to the client */
    uint64_t received_bytes;   /* of a tunnel where mode = tcp */
    bool heard;                /* its head came, and it was neither answered nor handed on */
    bool under_way;            /* its head came, its answer is not complete */
    bool rated;                /* it was counted against request_rate; with what came of it: */
    unsigned wait_s;           /* so long its client should wait, 0: it did not come too soon */
    uint64_t began_us;
    const char *refused_code; /* of a 403 that is the client's certificate's; NULL: it is none */
    char *refused_by;         /* the location that decided so, until it is told of; owned; NULL: none */
    struct peer *peer;        /* as whom its client was judged, where the connection's may be another
                               * when it is told of; a reference; NULL: as that */
    struct access_upstream upstream; /* while its line in the log is written; {0}: no backend had it */
};

/* How its plaintext comes and goes in HTTP/1.1 (http1.c). */
struct conn_http1 {
    struct exchange *made;       /* the answer that it is to give, NULL: none yet (exchange.h); owned */
    struct kept_bytes *finished; /* that go without it; a reference. NULL: none (http1_finished.c) */
    size_t finished_at, finished_len;
    bool last;     /* they are, on this connection */
    bool broken;   /* one of them could not be sent: nothing more is read */
    bool asked;    /* it has a request, whose answer is not over */
    bool cut;      /* the rest of a request's body is not read */
    char *waiting; /* plaintext behind the request that it is busy with; owned */
    size_t waiting_at, waiting_len;
    struct MHD_Connection *connection; /* NULL: libmicrohttpd does not have it */
    const char *words;                 /* that libmicrohttpd is to read when it has it, static; NULL: none */
    const char *behind;                /* while a proxied request begins: plaintext behind its head */
    size_t behind_len;
    bool reads_on; /* it is in one of the worker's lists of those that are to read */
    struct conn *next_reader;
    void *pool;               /* where its memory for this connection begins; NULL: not known yet */
    size_t emptiable;         /* bytes of it with nothing in them between two requests */
    struct wheel_timer empty; /* it has waited for long enough to give them back */
};

/* Its socket in its worker's set (conn_client.c). */
struct conn_client {
    struct event_source source;
    uint32_t events; /* that it is in the set for, 0: it is not there */
    bool ended;      /* the client has ended its side: behind all bytes there is an end to read */
    bool urgent;     /* it has sent urgent data, at which each read stops, whatever is behind it */
    void (*ready)(struct conn *conn, uint32_t events); /* where it is owned: of whose it is, for all */
    void (*told)(struct conn *conn); /* of who answered last: it looks what there is to do */
};

struct conn {
    struct transport transport;
    struct worker *worker;
    struct conn *next, *prev; /* of the worker's */
    struct handshake handshake;
    enum conn_phase phase;
    enum conn_end ended;
    uint64_t idle_ms; /* clock_mono_ms() when it became idle */
    struct limits_place place;
    const struct listener *came_to; /* where it was accepted; outlives its connections */
    const char *listener_name;      /* that listener's */
    bool orphan;                    /* so it ends with the next response */
    uint64_t id;
    char remote[CONN_REMOTE];                 /* "192.0.2.1:54321", "[2001:db8::1]:443" */
    struct snapshot *snapshot;                /* the newest that it was judged by; a reference */
    const struct snapshot_listener *listener; /* in `snapshot`: the listener, or the host that it asked for */
    char *server_name; /* that it asked for, as names are compared; owned; NULL: none, or not yet */
    bool hello_seen;
    struct creds *creds; /* of the snapshot that it was born with: the session uses them; a reference */
    bool tls;            /* it came for TLS */
    bool asked; /* the session asks for a certificate: fixed for its life, as the listener was then */
    bool stray; /* since a reload it comes from where no proxy is trusted: nothing is answered */
    struct record *record; /* of the handshake; NULL: memory was short */
    bool established;
    uint64_t born_us; /* clock_mono_us() when it was accepted */
    struct tls_facts facts;
    bool unproved;         /* it has no proof of what its session holds: nothing is answered but 500 */
    bool names_refused;    /* its handshake is refused because of `peer` */
    unsigned unread;       /* of its chain, see struct verdict_question; 0 but where bad ones are served */
    bool hello_compresses; /* its last ClientHello offers more than no compression */
    char *came;            /* for the log: what its handshake is refused for, escaped; NULL: none */
    unsigned n_shown;
    const struct certinfo *const
        *shown;               /* what the server showed, leaf first; of `creds`. NULL: nothing, it resumed */
    uint8_t kinds[2];         /* of keys that it can use, in TLS 1.2 and 1.3: creds_kinds */
    bool lenient;             /* GnuTLS was told to let a key usage pass */
    unsigned hello_items;     /* what its ClientHellos have listed so far */
    struct proof_trail trail; /* whose the certificates in the session are */
    struct peer *peer;        /* NULL until judged, and unless `asked`; a reference */
    time_t peer_at;           /* when it was: the verdict may be one of before, see peer_cache.h */
    uint64_t judged_generation;

    uint64_t n_requests;
    struct conn_request request;
    struct conn_http1 http1;
    bool tcp;   /* bytes are handed on (mode = tcp) */
    bool owned; /* session and socket are its own, and not libmicrohttpd's: conn_own.h */
    bool over;  /* closed; its memory goes at the end of the turn */
    struct conn *next_over;
    struct conn_client client;
    bool bytes_wait;               /* the socket may hold bytes that nobody is told of again */
    struct identity_made identity; /* for backends */
    unsigned port;                 /* that the client came to, 0: nobody has asked yet */
    struct proxied *proxied;       /* a backend has its request, see proxy.h; NULL: none */
    struct http2 *http2;           /* see http2.h; NULL: it speaks HTTP/1.1 */

    /* The finished reply of a route with KEEP_CONNECTION, which holds for a second, as its Date does; a
     * reference. */
    struct kept kept;
    const struct route *kept_route;
    time_t kept_at;
    uint64_t kept_generation;
};

static inline struct conn *conn_of_transport(struct transport *transport)
{
    return (struct conn *)((char *)transport - offsetof(struct conn, transport));
}

/* Sets the session up from the newest snapshot that has the listener and takes over its transport, and the
 * arrival's place in the limits. NULL when memory is short, which is told, or the listener is gone: then the
 * place is given back, the session has no certificate and its handshake fails. */
struct conn *conn_new(struct worker *worker, const struct arrival *arrival, gnutls_session_t session, int fd);
void conn_free(struct conn *conn);

/* GnuTLS's certificate function for a listener's credentials: chooses among several by what this client
 * offered. */
gnutls_certificate_retrieve_function3 conn_certificate;

/* The host in its listener that it asked for; NULL: it is the listener's own. */
const char *conn_host(const struct conn *conn);
/* A request on it is for a host (http1_host_name) whose clients are asked for something else, or judged
 * otherwise, than those of the host that the handshake was for: it was judged for the wrong one (421). After
 * conn_refresh. */
bool conn_misdirected(const struct conn *conn, const char *host, const char *path);
void conn_tell_misdirected(const struct conn *conn, const char *authority, const char *host);

/* What the snapshot says of it (listener_in, and the host in it), NULL: nothing. */
const struct snapshot_listener *conn_listener(const struct conn *conn, const struct snapshot *snapshot);
/* A reload has closed the listener that it came to. */
bool conn_is_retired(const struct conn *conn);
/* Before each request: brings the judgement up to the newest snapshot and the clock. One comparison where
 * nothing moved. 0, or negative when it could not be judged (answer 500; never a pass). */
MUST_CHECK int conn_refresh(struct conn *conn);
/* True when the client_auth that the listener has by now refuses the peer as it is judged now. */
bool conn_refused(const struct conn *conn);
/* Where mode = tcp: true when the newest snapshot lets the client in, by all that it asks: client_auth and
 * the rules of the listener, or of the host. Else *out says what it is told. */
struct conn_refusal {
    gnutls_alert_description_t alert;
    const char *why;  /* static */
    const char *rule; /* that it is refused by, or NULL. Borrowed from conn->snapshot */
};
MUST_CHECK bool conn_let_in(struct conn *conn, struct conn_refusal *out);
/* Puts a refusal of this connection's peer on the list that /api/rejections shows. */
void conn_rejected(struct conn *conn, bool handshake, int alert, unsigned status, const char *why);

/* --- phases: conn_phase.c ------------------------------------------------------------------------------- */

/* The connection waits for its next request; while the server drains, that ends it. */
void conn_idle(struct conn *conn);
/* A request is under way which is not whole: its head, when the gate is not further. */
void conn_arriving(struct conn *conn);
/* It is whole; the answer to it is made, and then sent. */
void conn_answering(struct conn *conn);
/* A backend answers it. `stalled`: the client does not take what there is. */
void conn_relaying(struct conn *conn, bool stalled);
/* The rest of its body is on its way to a backend; its time begins anew. */
void conn_awaits_body(struct conn *conn);
/* The client took some of the answer. */
void conn_moved(struct conn *conn);
/* Its deadline passed. */
void conn_late(struct conn *conn);
/* Others need its place among the handshakes. */
void conn_displace(struct conn *conn);
/* Something has changed, a reload or the server's end: an idle one may have to end. */
void conn_reconsider(struct conn *conn);
/* The same of one that is not between two requests: it shall have no further ones. */
bool conn_is_unwanted(const struct conn *conn);

/* --- its socket in its worker's set: conn_client.c ------------------------------------------------------ */

/* For these events, and no others. False: memory is short, and nothing has changed. */
MUST_CHECK bool conn_watch(struct conn *conn, uint32_t events);
/* conn->client.told is called, too, when the socket, which was full, takes bytes again. */
void conn_watch_room(struct conn *conn);
/* And, where libmicrohttpd has the connection, when the client has ended its side. */
void conn_watch_end(struct conn *conn);
void conn_unwatch(struct conn *conn);
/* What was read last was all, and what comes, also the end, will be told. */
bool conn_has_read_all(const struct conn *conn);

/* --- plaintext: conn_request.c -------------------------------------------------------------------------- */

/* What becomes of plaintext that came. */
struct conn_word {
    size_t used;       /* bytes that were taken; the others come again, for the next request */
    bool head;         /* its head is, and may be a backend's: nothing behind it was looked at */
    bool whole;        /* the request is: it is to be answered */
    bool cut;          /* and the rest of it will not be read: its response ends the connection */
    bool proceed;      /* 100 Continue is sent: its body is needed */
    bool last;         /* `answer` is sent, which is empty when memory is short, and the connection ends */
    struct buf answer; /* the caller's to free */
};
struct conn_word conn_plaintext(struct conn *conn, const char *data, size_t len);
/* The head is whole (http1_head_finish), and the request is answered here: how much of its body that needs,
 * be it refused or not; 0: it is dropped. */
size_t conn_body_most(const struct conn *conn, const struct conn_request *request);
/* The head is whole, the request is answered here, and a body comes: keeps it where its route needs it. Once
 * a request. 0, or ERR_NOMEM. */
MUST_CHECK int conn_body_begin(struct conn *conn, struct conn_request *request);
/* A piece of that. */
void conn_body_put(struct conn *conn, struct conn_request *request, const char *bytes, size_t len);
/* The request was answered, or will not be. */
void conn_body_done(struct conn_request *request);
/* The body of the request may have so many bytes. 0, or ERR_RANGE and the word's answer: it has more. */
MUST_CHECK int conn_limit_body(struct conn *conn, uint64_t most, struct conn_word *word);
/* The problem `status` instead of an answer: the last of the connection, or (conn_problem) not. The bytes of
 * its body. A request that is refused and whose head was understood is logged like any other. `detail` NULL:
 * the usual words. */
void conn_refuse(struct conn *conn, unsigned status, const char *detail, struct buf *answer);
uint64_t conn_problem(struct conn *conn, unsigned status, const char *detail, bool last, struct buf *answer);
/* The same as a reply, which the caller initialised, to any request of the connection. */
void conn_problem_reply(struct conn *conn, struct conn_request *cause, unsigned status, const char *detail,
                        struct reply *reply);
enum { CONN_DETAIL = 200 };
/* The gate refused the request under way: the log and the limits are told, its status and words for the
 * client come back. */
unsigned conn_gate_refused(struct conn *conn, struct conn_request *request, char detail[static CONN_DETAIL]);
/* The seconds that the client should wait, where the request under way is more than its request_rate; 0: it
 * is not. It counts once, whoever asks first. */
unsigned conn_rate(struct conn *conn, struct conn_request *request);
/* The answer to this request is to be the last. */
bool conn_is_last(const struct conn *conn);
/* The wait was ended while the connection was open: fills the answer (408), nothing when it was idle. */
void conn_timed_out(struct conn *conn, struct buf *answer);
/* The `header` of a struct request whose header_cls is a struct http1_head. */
const char *conn_header(const struct request *request, const char *name);

/* The first byte of a request came. */
void conn_request_begins(struct conn_request *request);
/* Its head is whole: it counts. */
void conn_request_counts(struct conn *conn, struct conn_request *request);
/* What the log knows of the client; borrows from the connection. */
struct account_client conn_account_client(const struct conn *conn);
/* Drops what is kept of how it was decided. */
void conn_decision_done(struct conn_request *request);
/* The request under way ended, with its status, or without an answer. */
void conn_answered(struct conn *conn, struct conn_request *request);

#endif
