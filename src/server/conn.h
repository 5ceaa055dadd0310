/* One client connection: made when MHD accepts it, freed at MHD's CLOSED notification. It belongs to one MHD
 * worker thread; only the registry (registry.c) touches its transport's deadline from elsewhere, under the
 * registry's lock. */
#ifndef MTLSD_SERVER_CONN_H
#define MTLSD_SERVER_CONN_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>

#include "http/gate.h"
#include "http/head.h"
#include "pki/verdict.h"
#include "server/kept.h"
#include "server/limits.h"
#include "server/snapshot.h"
#include "tls/facts.h"
#include "tls/proof.h"
#include "tls/record.h"
#include "tls/transport.h"

struct MHD_Connection;
struct request;
struct server;
struct listener;
struct route;

enum { CONN_REMOTE = LIMITS_REMOTE };

/* What it is doing, for whoever ends its wait from another thread. */
enum conn_phase {
    CONN_HANDSHAKE,
    CONN_FRESH /* before its first request */,
    CONN_IDLE,
    CONN_HEAD,
    CONN_BODY,
    CONN_ANSWER
};
/* So long a client that has just connected, or has just had an answer, is waited for when the server drains:
 * it may have sent its next request already, and need not expect that this connection ends without an answer.
 */
enum { CONN_FRESH_MS = 1000 };
/* Where it is among the handshakes in flight: nothing came yet, or its ClientHello did. */
enum conn_handshaking { CONN_NO_HANDSHAKE, CONN_SILENT, CONN_TALKING };
enum conn_end { CONN_GOES_ON, CONN_LATE, CONN_DISPLACED };

struct conn {
    struct transport transport;
    struct conn *next, *prev;          /* registry of the server, under its lock */
    struct conn *older, *newer;        /* handshakes in flight, under the same lock */
    enum conn_handshaking handshaking; /* which of the lists it is on */
    _Atomic uint8_t ended;             /* enum conn_end: why its wait was ended from elsewhere */
    struct limits_place place;
    struct server *server;
    const char *listener_name; /* lives as long as the listener, which outlives its connections */
    uint64_t id;
    char remote[CONN_REMOTE];                 /* "192.0.2.1:54321", "[2001:db8::1]:443" */
    struct snapshot *snapshot;                /* the newest that it was judged by; a reference */
    const struct snapshot_listener *listener; /* in `snapshot` */
    struct creds *creds; /* of the snapshot that it was born with: the session uses them; a reference */
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
    uint8_t kinds[2];      /* of keys that it can use, in TLS 1.2 and 1.3: creds_kinds */
    uint8_t *sent;         /* the body of the Certificate message, until the handshake is over; NULL: none */
    uint32_t n_sent;
    bool lenient;             /* GnuTLS was told to let a key usage pass */
    unsigned hello_items;     /* what its ClientHellos have listed so far */
    struct proof_trail trail; /* whose the certificates in the session are */
    struct peer *peer;        /* NULL until judged, and unless `asked`; a reference */
    uint64_t judged_generation;
    size_t pool_size; /* see transport_rest */
    struct MHD_Connection *mhd;
    unsigned idle_timeout; /* MHD's for it, in seconds */
    bool unhurried;        /* MHD's is off: a deadline of ours holds */
    struct http1_gate gate;
    struct http1_limits limits;

    /* The finished reply of a route with KEEP_CONNECTION, which holds for a second, as its Date does; a
     * reference. */
    struct kept kept;
    const struct route *kept_route;
    time_t kept_at;
    uint64_t kept_generation;

    /* The request under way. */
    uint64_t n_requests;
    struct http1_head head;
    const struct route *route; /* of the request, NULL: it came to none */
    unsigned status;           /* of the response, 0: none yet */
    uint64_t reply_bytes;      /* of its body */
    bool under_way;            /* its head came, its answer is not complete */
    uint64_t began_us;
    bool orphan;                /* a reload closed its listener: it ends with the next response */
    const atomic_bool *retired; /* that listener's word for it */
    _Atomic uint8_t
        phase; /* enum conn_phase: read by the server when it drains, and when a deadline passes */
    _Atomic uint64_t idle_ms; /* clock_mono_ms() when it became idle; read by the server when it drains */
};

/* Sets the session up from the newest snapshot that has the listener and takes over its transport. `address`
 * is the client's. NULL when memory is short or the listener is gone: the session then has no certificate and
 * its handshake fails. *retired becomes true when a reload closes the listener; it outlives the connection.
 */
struct conn *conn_new(struct server *server, const char *listener_name, const atomic_bool *retired,
                      gnutls_session_t session, int fd, const struct sockaddr *address);
void conn_free(struct conn *conn);

/* GnuTLS's certificate function for a listener's credentials: chooses among several by what this client
 * offered. */
gnutls_certificate_retrieve_function3 conn_certificate;

/* Before each request: brings the judgement up to the newest snapshot and the clock. One comparison where
 * nothing moved. 0, or negative when it could not be judged (answer 500; never a pass). */
MUST_CHECK int conn_refresh(struct conn *conn);

/* Says that the connection waits for its next request; while the server drains, that ends it. */
void conn_idle(struct conn *conn);
/* Says that the answer to a request is about to be sent: from now on request_timeout holds. */
void conn_answering(struct conn *conn);
/* Says that a request is under way which is not whole: its head, when the gate is not further. */
void conn_arriving(struct conn *conn);
/* Under the registry's lock: ends its wait, because its deadline passed or to make room. */
void conn_expire(struct conn *conn, enum conn_end why);

/* True when the client_auth that the listener has by now refuses the peer as it is judged now. */
bool conn_refused(const struct conn *conn);

/* The `header` of a struct request whose header_cls is a struct http1_head. */
const char *conn_header(const struct request *request, const char *name);

/* Puts a refusal of this connection's peer on the list that /api/rejections shows. */
void conn_rejected(struct conn *conn, bool handshake, int alert, unsigned status, const char *why);

#endif
