/* TLS over a socket that is never waited for: it does the handshake, gives plaintext, takes plaintext, in
 * batches, and ends properly. It knows nothing of what is spoken in it, nor of who speaks. What it buys
 * against a library's own way:
 *  - a handshake that waits for the client costs nothing, and one that fails sends its alert, and its reason
 *    is known;
 *  - one read takes what is there, and one system call sends a response's head and body, or a batch of
 *    records;
 *  - a connection that is refused lingers until the peer has read the answer, instead of being reset.
 *
 *     FIRST ──────────► HANDSHAKE ──────────► OPEN         moved by transport_read
 *       │ plain HTTP        │ it fails          │ transport_last_word, transport_close,
 *       ▼                   │                   │ or the peer breaks the protocol
 *     PLAIN ────────────►   ▼                   ▼
 *            answered     LINGER ─────────► OVER            moved by transport_read, until the peer closes,
 *                                                           the deadline passes, or the worker's lingerers
 *                                                           have a descriptor of their own
 *
 * In each state the owner may set a deadline (transport_deadline); LINGER sets its own. When it passes,
 * `late` is asked, and transport_expire ends the wait: the next transport_read says so.
 *
 * Threads: a transport belongs to the worker that owns its connection. Where libmicrohttpd's calls do not
 * come here (see library.h) the pull and push functions of transport_turn.c still work. */
#ifndef MTLSD_TLS_TRANSPORT_H
#define MTLSD_TLS_TRANSPORT_H

#include <gnutls/gnutls.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/wheel.h"
#include "tls/frames.h"
#include "tls/inflow.h"
#include "tls/outflow.h"
#include "tls/proxy_header.h"
#include "tls/record.h"

struct tls_share;
struct transport;

enum { TRANSPORT_WHY = 200, TRANSPORT_PLAIN_MOST = 8192 };

/* What the owner of a connection decides; all are called on the worker's thread. None may be NULL,
 * but where it says so. */
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
    /* NULL where HTTP is not spoken. The peer speaks something that begins like plain HTTP, or must, by
     * transport_speak_plain. `head` is all that came so far, of at most TRANSPORT_PLAIN_MOST bytes, and has a
     * NUL behind it. False: more of it is awaited, unless it is `over`; else the answer is filled, the last
     * word, which may be none. */
    bool (*plain)(struct transport *transport, const char *head, size_t len, bool over, struct buf *answer);
    /* The proxy said whose connection it is; NULL: what came is no header that is allowed, and `why` says so.
     * False: the connection shall end. */
    bool (*proxied)(struct transport *transport, const struct proxy_header *header, const char *why);
    /* The deadline passed. */
    void (*late)(struct transport *transport);
};

enum transport_state {
    TRANSPORT_FIRST,     /* a PROXY header is awaited, or the first bytes, which say what is spoken */
    TRANSPORT_HANDSHAKE, /* TLS's */
    TRANSPORT_PLAIN,     /* plain HTTP: collecting its head */
    TRANSPORT_OPEN,      /* application data */
    TRANSPORT_LINGER,    /* the last word was sent: incoming bytes are thrown away until the peer closes */
    TRANSPORT_OVER,      /* the same, and the worker's lingerers do so */
};

/* Embedded in the connection record; fields are private to transport*.c but for `session` and `fd`, which are
 * borrowed and must be valid until transport_done, `state`, and `record`. */
struct transport {
    gnutls_session_t session;
    int fd;
    const struct transport_ops *ops;
    struct record
        *record; /* gets what GnuTLS's hook does not see, NULL: none; the owner sets it, and owns it */
    struct frames frames[2]; /* from the client; to it until the handshake is over */
    struct tls_share *share; /* whose buffers serve this connection in a turn */
    struct wheel_timer deadline;
    struct inflow in;
    struct outflow out;
    uint8_t *head; /* of a response, held back until its body comes; owned */
    size_t head_len;
    bool whole_records; /* the peer takes the longest, as one has shown */
    bool rekeys;        /* GnuTLS may change its key before the next data that it sends */
    bool long_body;     /* the response's body is more than one batch */
    bool body_lost;     /* its end was gone when it was to be sent, and the connection ends */
    enum transport_state state;
    bool speaks_plain;        /* no TLS is spoken, whatever comes */
    bool turn;                /* between transport_enter and transport_leave */
    uint8_t proxy;            /* versions of the PROXY header that must come first; 0: none, or it came */
    bool head_next;           /* the next bytes to send are a response's head */
    bool expired;             /* the wait is ended */
    bool left;                /* the peer closed its side */
    bool parting;             /* close_notify was made */
    bool blocked;             /* the socket had no bytes or no room during the library's last call */
    bool flooded;             /* the peer's side of the handshake is longer than any is */
    bool flight_grown;        /* the send buffer was enlarged for a long flight */
    uint32_t n_shaken;        /* bytes of the handshake that came */
    bool hello_waits;         /* GnuTLS has a hello that was refused, and says so once more */
    uint32_t n_frames;        /* from the client, when it last sent data */
    uint8_t n_warnings;       /* warning alerts and renegotiation requests so far */
    int alert;                /* the alert that transport_refuse was given, -1: none */
    uint64_t linger_until_ms; /* incoming bytes are thrown away until then, as long as some come */
    const char *why;          /* static or NULL: reason set by transport_refuse for `failed` */
    uint32_t linger_ms;
};

/* Takes over `session` (NULL: there is no TLS, and FIRST becomes OPEN) on the connected non-blocking socket
 * `fd`; the transport must not move afterwards. The
 * handshake must end within `handshake_ms`. */
void transport_init(struct transport *transport, struct tls_share *share, gnutls_session_t session, int fd,
                    const struct transport_ops *ops, uint32_t handshake_ms, uint32_t linger_ms);
/* Directly after that: each connection begins with a PROXY header of these versions (PROXY_V1 | PROXY_V2). */
static inline void transport_expect_proxy(struct transport *transport, unsigned versions)
{
    transport->proxy = (uint8_t)versions;
}
/* Directly after transport_init: what comes is plain HTTP, and nothing else is spoken. */
static inline void transport_speak_plain(struct transport *transport)
{
    transport->speaks_plain = true;
}
/* Whether the owner is told of each byte that comes, and of the end: then a read that took all that was there
 * is not followed by one that says so. At first it is not. */
static inline void transport_is_told(struct transport *transport, bool told)
{
    transport->in.told = told;
}
/* Another library has set the session up anew: its bytes come and go through the transport again. */
void transport_regain(struct transport *transport);
/* Frees what the transport owns; the session and the socket are not. */
void transport_done(struct transport *transport);

/* The transport of a session, NULL when it has none, and within the library's functions that a turn calls. */
struct transport *transport_of(gnutls_session_t session);

/* Within the hook: the peer has changed its key (RFC 8446 section 4.6.3), and may want that of the transport
 * to be. */
static inline void transport_rekeyed(struct transport *transport)
{
    transport->rekeys = true;
}

/* Within the verify function, the handshake hook or `established`: the alert to send and a static reason, for
 * the refusal that it is about to return. */
void transport_refuse(struct transport *transport, gnutls_alert_description_t alert, const char *why);

/* Sets the instant by which the peer must have got further, clock_mono_ms(), 0: none. */
void transport_deadline(struct transport *transport, uint64_t at_ms);
/* Ends the wait of a connection whose deadline passed, or that shall close while idle: its socket becomes
 * readable, and transport_read says that it is over. */
void transport_expire(struct transport *transport);

/* --- a turn: what is done to one connection before the worker turns to another -------------------------- */

/* From here to transport_leave the worker's buffers serve this connection, and what is to be sent is
 * collected. */
void transport_enter(struct transport *transport);
/* Sends it; with `more` a little is held back, to go with what is written in the next turn, which comes
 * soon. 0, GNUTLS_E_PUSH_ERROR, GNUTLS_E_MEMORY_ERROR. */
int transport_leave(struct transport *transport, bool more);

/* In a turn: drives the handshake when it is not over, then reads plaintext. The number of bytes; 0: the
 * stream is over; GNUTLS_E_AGAIN: the socket has no more, it will be readable; GNUTLS_E_INTERRUPTED: it has,
 * but others first; GNUTLS_E_TIMEDOUT: transport_expire ended the wait, and transport_last_word is next; or
 * an error that ends the connection. */
ssize_t transport_read(struct transport *transport, void *data, size_t size);

/* Until the next turn: the last read in this one took all that was there. Whoever is told of each byte that
 * comes, and of the end, which no read tells of that has taken bytes, need not read on to hear
 * GNUTLS_E_AGAIN.
 */
bool transport_emptied(const struct transport *transport);

/* In a turn: writes plaintext. How much of it the socket has taken as records; GNUTLS_E_AGAIN: nothing, it
 * will be writable; or an error. What was not taken is encrypted already: the same bytes must come again. */
ssize_t transport_write(struct transport *transport, const void *data, size_t size);
/* A turn of its own that writes until all is gone, or the socket takes no more. How much of it went; -1: the
 * connection is over. The same bytes must come again, as above. */
ssize_t transport_write_turn(struct transport *transport, const char *data, size_t size);
/* Before a response with a body, of `length` > 0 bytes: what is written next is its head, which is to wait
 * for the body, to share a record with it. */
static inline void transport_body_follows(struct transport *transport, uint64_t length)
{
    transport->head_next = true;
    transport->long_body = length > BATCH_PLAIN;
}
/* Before a response that is written head and body together, `length` bytes. */
static inline void transport_whole_follows(struct transport *transport, uint64_t length)
{
    transport->head_next = false;
    transport->long_body = length > BATCH_PLAIN;
}
/* Outside of a turn, before each transport_write: true when this was such a head, and is kept. */
bool transport_hold(struct transport *transport, const void *data, size_t size);

/* In a turn: sends what is said last, and close_notify. The connection lingers until the peer has read it. */
void transport_last_word(struct transport *transport, const char *text, size_t len);
/* In a turn: close_notify (gnutls_bye). `unread`: the peer sends what nobody will read. */
int transport_close(struct transport *transport, gnutls_close_request_t how, bool unread);

/* Outside of a turn: ends the connection so that its peer sees that something is missing, without a goodbye.
 * True: more lies there than was read of it, which is to be read on, or the end would be a reset, which takes
 * what the peer has not read yet. */
bool transport_cut(struct transport *transport);
/* Outside of a turn: ends an open connection over what its peer is, or what could not be had for it, with an
 * alert, so that nobody takes it for whole. It lingers then. */
void transport_abort(struct transport *transport, gnutls_alert_description_t alert);
/* Outside of a turn: nothing more will be written; reading goes on. False: the socket has no room for the
 * goodbye yet; call it again when it may be written. */
bool transport_end(struct transport *transport);

/* Instead of lingering by itself, of which the caller's end of the connection would be the end: the worker's
 * lingerers do so. `reset`: they reset it when all has arrived. */
void transport_linger(struct transport *transport, bool reset);

/* Within `established`: sends `n` session tickets, when that is for the server to do; errors show at the next
 * call. */
void transport_tickets(struct transport *transport, unsigned n);

#endif
