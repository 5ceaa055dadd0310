/* The TLS I/O under libmicrohttpd (MHD).
 *
 * MHD drives GnuTLS through four functions: gnutls_handshake, gnutls_record_recv, gnutls_record_send,
 * gnutls_bye. The executable defines those symbols itself (preempt.c), so MHD's calls arrive here for every
 * session that has a transport, and go straight to the library for every other. What that buys:
 *  - a handshake that waits for the client costs nothing: MHD is told at once that it is done, and the first
 * *read* drives it, so MHD sees an ordinary would-block and sleeps (its own way spins while a handshake
 * waits);
 *  - a handshake that fails sends its alert, and its reason is known;
 *  - plaintext is inspected, and MHD gets a request in words of our own for each that is whole: it parses
 *    nothing that came from outside;
 *  - one read takes what is there, and one system call sends a response's head and body, or a batch of
 * records;
 *  - a connection that is refused lingers until the peer has read the answer, instead of being reset.
 * Where the preemption is not in force the pull and push functions of transport_turn.c still work, with MHD's
 * behaviour.
 *
 * Threads: a transport belongs to the MHD worker that owns its connection. Only transport_expire may be
 * called from another thread, while the owner of the transport is held alive by the caller. */
#ifndef MTLSD_TLS_TRANSPORT_H
#define MTLSD_TLS_TRANSPORT_H

#include <gnutls/gnutls.h>
#include <stdatomic.h>

#include "base/base.h"
#include "base/buf.h"
#include "tls/frames.h"
#include "tls/inflow.h"
#include "tls/outflow.h"
#include "tls/proxy_header.h"
#include "tls/record.h"

struct transport;

enum { TRANSPORT_WHY = 200 };

/* What becomes of plaintext that was inspected. */
struct transport_word {
    size_t used; /* bytes that were taken; the others come again, when MHD reads for its next request */
    const char *request; /* static, for MHD; NULL: there is none yet */
    bool cut;            /* and the rest of it will not be read: its response ends the connection */
    struct buf answer;   /* not empty: it is sent, and the connection ends; the transport frees it */
};

/* What the owner of a connection decides; all are called on the worker's thread. None may be NULL. */
struct transport_ops {
    /* The handshake ended well: facts can be read from the session. False, after transport_refuse: it shall
     * not count, and `failed` is called. */
    bool (*established)(struct transport *transport);
    /* It is about to end over this error: what the peer sent may have a better reason (transport_refuse). */
    void (*failing)(struct transport *transport, int error);
    /* It ended badly, before `established`. `error` is GnuTLS's, `sent` the alert that was sent (-1: none),
     * `why` a sentence. */
    void (*failed)(struct transport *transport, int error, int sent, const char *why);
    /* The open connection ends over what the peer sent: as for `failed`. */
    void (*broken)(struct transport *transport, int sent, const char *why);
    /* Plaintext was decrypted, `len` > 0 bytes of it. MHD gets none of it, but what this says. */
    struct transport_word (*inspect)(struct transport *transport, const char *data, size_t len);
    /* The peer spoke something that begins like plain HTTP: fills the answer. `head` is what came so far (it
     * may be cut short). */
    void (*plain)(struct transport *transport, const char *head, size_t len, struct buf *answer);
    /* The proxy said whose connection it is; NULL: what came is no header that is allowed, and `why` says so.
     * False: the connection shall end. */
    bool (*proxied)(struct transport *transport, const struct proxy_header *header, const char *why);
    /* A deadline passed while a request was arriving: fills the answer (408). */
    void (*late)(struct transport *transport, struct buf *answer);
};

/* The releases of MHD whose pool transport_rest knows, for release_is_tried. */
#define TRANSPORT_KNOWN_MHD "0.9.75, 1.0.1"

enum transport_state {
    TRANSPORT_HANDSHAKE,
    TRANSPORT_PLAIN,  /* plain HTTP: collecting its head */
    TRANSPORT_OPEN,   /* application data */
    TRANSPORT_LINGER, /* the last word was sent: incoming bytes are thrown away until the peer closes */
    TRANSPORT_OVER,   /* the same, and the worker does so */
};

/* Embedded in the connection record; fields are private to transport*.c but for `session` and `fd`, which are
 * borrowed from MHD and valid until its CLOSED notification, `record`, and `deadline_ms`, which any thread
 * may read. */
struct transport {
    gnutls_session_t session;
    int fd;
    const struct transport_ops *ops;
    struct record
        *record; /* gets what GnuTLS's hook does not see, NULL: none; the owner sets it, and owns it */
    struct frames frames[2]; /* from the client; to it until the handshake is over */
    struct worker *worker;   /* whose buffers serve this connection now; NULL outside its turn */
    struct worker_rest rest;
    bool resting;     /* between two requests */
    const void *pool; /* where MHD's memory for this connection begins; NULL: not known yet */
    size_t pool_size;
    struct inflow in;
    struct outflow out;
    uint8_t *head; /* of a response, held back until its body comes; owned */
    size_t head_len;
    bool long_body; /* the response's body is more than one batch */
    bool body_lost; /* its end was gone when it was to be sent, and the connection ends */
    enum transport_state state;
    bool inside;        /* the library's function is on the stack: its own calls go straight to it */
    uint8_t proxy;      /* versions of the PROXY header that must come first; 0: none, or it came */
    bool begun;         /* the first bytes were looked at */
    bool head_next;     /* the next bytes to send are a response's head */
    bool asked;         /* MHD has a request, whose answer is not over */
    bool left;          /* the peer closed its side */
    bool blocked;       /* the socket had no bytes or no room during the library's last call */
    bool flooded;       /* the peer's side of the handshake is longer than any is */
    bool flight_grown;  /* the send buffer was enlarged for a long flight */
    uint32_t n_shaken;  /* bytes of the handshake that came */
    bool hello_waits;   /* GnuTLS has a hello that was refused, and says so once more */
    uint32_t n_frames;  /* from the client, when it last sent data */
    uint8_t n_warnings; /* warning alerts and renegotiation requests so far */
    int alert;          /* the alert that transport_refuse was given, -1: none */
    char *waiting;      /* plaintext behind the request that MHD is busy with; owned */
    size_t waiting_at, waiting_len;
    bool cut;                     /* the rest of a request's body is not read */
    uint64_t linger_until_ms;     /* incoming bytes are thrown away until then, as long as some come */
    const char *why;              /* static or NULL: reason set by transport_refuse for `failed` */
    _Atomic uint64_t deadline_ms; /* clock_mono_ms(), 0: none */
    _Atomic bool expired;         /* the deadline passed and the socket was woken */
    uint32_t linger_ms;
};

/* True when MHD's calls arrive here. */
bool transport_preempted(void);

/* Takes over `session` on the connected non-blocking socket `fd`; the transport must not move afterwards. The
 * handshake must end within `handshake_ms`. */
void transport_init(struct transport *transport, gnutls_session_t session, int fd,
                    const struct transport_ops *ops, uint32_t handshake_ms, uint32_t linger_ms);
/* Directly after that: each connection begins with a PROXY header of these versions (PROXY_V1 | PROXY_V2). */
static inline void transport_expect_proxy(struct transport *transport, unsigned versions)
{
    transport->proxy = (uint8_t)versions;
}
/* Frees what the transport owns; the session and the socket are MHD's. */
void transport_done(struct transport *transport);

/* The transport of a session, NULL when it has none. */
struct transport *transport_of(gnutls_session_t session);

/* Within the verify function, the handshake hook or `established`: the alert to send and a static reason, for
 * the refusal that it is about to return. */
void transport_refuse(struct transport *transport, gnutls_alert_description_t alert, const char *why);

/* Sets the instant by which the peer must have got further, 0: none. */
static inline void transport_deadline(struct transport *transport, uint64_t at_ms)
{
    atomic_store_explicit(&transport->deadline_ms, at_ms, memory_order_relaxed);
}

/* Before a response with a body, of `length` > 0 bytes, is given to MHD: its head waits for the body, to
 * share a record with it. */
static inline void transport_body_follows(struct transport *transport, uint64_t length)
{
    transport->head_next = true;
    transport->long_body = length > BATCH_PLAIN;
}

/* The answer to the request that MHD was given is over: it may have the next one. */
static inline void transport_answered(struct transport *transport)
{
    transport->asked = false;
}

/* Has bytes of the next request come already? */
static inline bool transport_has_more(const struct transport *transport)
{
    return transport->waiting != NULL;
}

/* Says whether the connection is between two requests. MHD's pool of `pool_size` bytes is then empty but for
 * its read buffer, with which it begins, and is given back to the system when that lasts. 0: an MHD that is
 * not known to be so.
 */
static inline void transport_rest(struct transport *transport, bool resting, size_t pool_size)
{
    transport->resting = resting;
    transport->pool_size = pool_size;
}

/* Any thread: ends the wait of a connection whose deadline passed, or that shall close while idle. The worker
 * wakes and decides. */
void transport_expire(struct transport *transport);

/* Within `established`: sends `n` session tickets, when that is for the server to do; errors show at the next
 * call. */
void transport_tickets(struct transport *transport, unsigned n);

/* What preempt.c calls; see gnutls_handshake, gnutls_record_recv, gnutls_record_send, gnutls_bye for the
 * results. */
int transport_handshake(struct transport *transport);
ssize_t transport_recv(struct transport *transport, void *data, size_t size);
ssize_t transport_send(struct transport *transport, const void *data, size_t size);
int transport_bye(struct transport *transport, gnutls_close_request_t how);

#endif
