/* Proxied HTTP/1.1 as a speaker: requests whose location has a backend go there, and what it answers comes
 * back, piece by piece, while nothing else is read of it (http1.c). Both sides are driven from
 * here: the client's plaintext is read and written through its transport, the backend's link by its events.
 * Of each direction no more is held than a few pieces: who does not read stops who sends.
 *
 * Only the worker's thread. */
#ifndef MTLSD_SERVER_PROXY_H
#define MTLSD_SERVER_PROXY_H

#include "server/conn.h"

enum proxy_claim {
    PROXY_LOCAL,   /* it is answered here, also where it is refused */
    PROXY_STARTED, /* it goes to a backend; conn->proxied */
    PROXY_REFUSED, /* the word's answer says why, and is the last of the connection */
};

/* The head of a request is whole: whose is it? `whole`: it has no body. Of the bytes behind the head nothing
 * was taken. */
enum proxy_claim proxy_claim(struct conn *conn, bool whole, struct conn_word *word);

/* Outside of a turn of the transport. Directly after PROXY_STARTED, with the plaintext behind the head. */
void proxy_begin(struct conn *conn, const char *bytes, size_t len);

/* The same of a stream of HTTP/2, whose answer has begun where it is refused. Outside of the others. */
struct http2_stream;
enum proxy_claim proxy_claim_stream(struct http2_stream *stream);
/* A piece of its body; its end; that did not come in time. */
void proxy_stream_data(struct http2_stream *stream, const char *bytes, size_t len);
void proxy_stream_ended(struct http2_stream *stream);
void proxy_stream_late(struct http2_stream *stream);
/* Its answer has all gone, or it was reset. */
void proxy_stream_closed(struct http2_stream *stream);

/* Outside of a turn, on a connection of tcp.c whose handshake is over: from here on its bytes are a
 * backend's, and what that sends is the client's, until both have ended; or it is not let in, and ends.
 * `bytes` came behind the handshake; `ended`: and then the client's end. */
void proxy_tunnel(struct conn *conn, const char *bytes, size_t len, bool ended);
/* Its socket has something to say: may be read, or written again; has ended its side; was reset. */
void proxy_client_event(struct conn *conn, bool readable, bool ended);
void proxy_client_reset(struct conn *conn);

/* Outside of a turn: the client's socket may have bytes, or has ended. What its reader is told:
 * GNUTLS_E_AGAIN, or 0 when the connection is over. */
ssize_t proxy_client_ready(struct conn *conn);
/* The connection is about to be freed. */
void proxy_left(struct conn *conn);
/* Something has changed: may it go on? Else it is cut, or refused with 403 where no answer has begun. */
void proxy_reconsider(struct proxied *p);

/* Each turn of the loop: those that have more to do. */
void proxy_turn(struct worker *worker);
bool proxy_waits_for_turn(const struct worker *worker);
/* The worker begins and ends. */
MUST_CHECK int proxy_start(struct worker *worker);
void proxy_stop(struct worker *worker);

/* How many troubles with servers were not told in the minute before. Any thread, once a second or so. */
void proxy_tell(uint64_t now_ms);

#endif
