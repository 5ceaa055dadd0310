/* The parts of the proxied speaker among themselves. */
#ifndef MTLSD_SERVER_PROXY_IMPL_H
#define MTLSD_SERVER_PROXY_IMPL_H

#include "base/event.h"
#include "http/host.h"
#include "http/path.h"
#include "server/health_checks.h"
#include "server/http2_stream.h"
#include "server/proxy.h"
#include "upstream/pool.h"
#include "upstream/response.h"

enum {
    /* What one read takes, and most of what is held of a direction. */
    RELAY_BYTES = 64 * 1024,
    /* More than is ever held of a request. Of a stream it is what the window lets come (h2_window.h), and
     * where that is chunked anew and comes byte by byte six times as much, of a window that has not grown.
     * What has gone is kept until the rest is no longer. */
    RELAY_MOST_UP = 2 * H2_WINDOW_MOST + 64 * RELAY_BYTES,
    /* So much of one exchange is done before another has its turn. */
    RELAY_TURN = 512 * 1024,
    /* RFC 9110 section 10.1.1: a client that waits for 100 is not left waiting by a backend that says
     * nothing.
     */
    CONTINUE_MS = 1000,
    /* Of a body that is not whole each body_timeout brings so many bytes, until its answer has begun: who
     * trickles holds a connection to a server, too. A silent one is too late in any case. */
    BODY_LEAST = 16 * 1024,
};

/* What the exchanges of a worker share. */
struct relays {
    struct upstreams upstreams;
    struct health_checks *checks; /* of the first worker; owned; NULL: another's */
    struct proxied *again, *last; /* they have more to do in the next turn */
    struct proxied *dead;         /* whose memory goes at the end of the turn */
    struct buf out;               /* towards a client, put together */
    char bytes[RELAY_BYTES];
};

struct proxied {
    struct link_user user;        /* told by the link */
    struct wheel_timer timer;     /* the backend's next word is due, or its turn */
    struct wheel_timer judgement; /* of its client is due: time has changed it */
    struct wheel_timer deadline;  /* the location's request_timeout is over */
    struct pool_waiter waiter;
    uint64_t queued_until_ms;
    struct conn *conn;
    struct conn_request *request; /* the connection's own, or the stream's */
    struct http2_stream *stream;  /* by which it came; NULL: by HTTP/1.1, or tcp */
    struct proxied *next_again;
    struct snapshot *snapshot; /* that it began with: owns what follows; a reference */
    const struct conf_location *location;
    struct backend *backend;
    struct pool *pool;
    struct link *link; /* NULL: none now */
    unsigned server;   /* whose it is, or was */
    bool counted;      /* at that server, as active */
    uint64_t tried;    /* a bit for each server that could not be reached */
    bool owes;         /* to the budget of retries: another server is to be asked, and was not yet */
    struct response response;

    struct buf up; /* the head, then the body as it is framed; the first `up_at` bytes have gone */
    size_t up_at, head_len;
    size_t last_chunk; /* of a stream's body: bytes of what was put last; 0: none */
    size_t brought;    /* of the body since its time began, in bytes of any kind */
    struct buf head;   /* of the response, until it is whole */
    struct buf down;   /* plaintext that the client's socket did not take; the first `down_at` bytes it did */
    size_t down_at;
    struct buf heads; /* of a stream's response, in lines; they go with what follows them */

    bool again;  /* it is on the list */
    bool bodied; /* the request has a body */
    bool up_chunked, down_chunked;
    bool up_broken;    /* the server takes no more of it */
    bool request_done; /* all of it came */
    bool response_done;
    bool fresh;         /* the link was made for this request */
    bool head_sent;     /* the final head is on its way to the client */
    bool waits_for_100; /* the client does, for its body */
    bool tunnel, client_ended, server_ended;
    bool tcp;                         /* it was a tunnel from its first byte: conn->tcp */
    gnutls_alert_description_t alert; /* that tells the client why it is ended by us */
    bool abrupt;                      /* the server is to see that something is missing */
    enum tcp_end ended, first_end;    /* how, for the log; the side that ended first, properly */
    struct conf_text negotiated;      /* by the client: what `alpn` has where there was something */
    struct conf_list alpn;            /* for tls servers */
    bool server_told, client_told;    /* that the other has ended its side */
    bool close;                       /* the connection ends with the response */
    bool waited;                      /* for its turn */
    bool wants_fresh;                 /* a kept link has failed it */
    bool dropped;                     /* of what went up not all is held any more */
    unsigned refusals;                /* by servers that had not looked at it */
    bool timed_out, untrusted;        /* why the last server could not be reached */
    bool unanswered;                  /* one could, and closed without a word */
    bool dialogue;                    /* both sides may speak, or be silent, at any time: gRPC */
    bool upgrades;                    /* it asks for another protocol, which the location lets pass */
    bool bound;                       /* the link is not for others: see binds */
    unsigned retries;
    unsigned forged; /* fields in our name that the client had sent */
    uint64_t connect_us, first_byte_us;
    const char *cut_for; /* a word for the access log; NULL: it was not */
};

struct relays *relays_of(const struct proxied *p);

/* What a request is for, when its connection is up to the newest snapshot. */
struct proxy_aim {
    char path[PATH_MOST + 1], host[HTTP1_AUTHORITY];
    char split[PATH_MOST + 1];     /* the path with its encoded slashes as slashes, "": it has none */
    const char *query, *authority; /* in the head, or `room` */
    char room[HTTP1_AUTHORITY];
};

/* proxy.c */
void proxy_run(struct proxied *p);
/* Later in this turn, or in the next. */
void proxy_again(struct proxied *p);
/* The exchange is over. */
void proxy_over(struct proxied *p);
/* Sets the deadline of the backend's next word. */
void proxy_expect(struct proxied *p);

/* NULL when memory is short. `location`: NULL where mode = tcp. */
struct proxied *proxied_new(struct conn *conn, struct conn_request *request,
                            const struct conf_location *location, const struct conf_backend *to);

/* The exchange begins: the head towards the backend is made. 0, or `p` is gone and the client waits for 503.
 */
struct proxy_start {
    bool whole;   /* the request has no body */
    bool chunked; /* it has one, of no length that is known */
    bool expects; /* the client waits for a 100 */
};
MUST_CHECK int proxy_open(struct proxied *p, const struct proxy_aim *aim, const struct proxy_start *start);
/* The location whose backend has the request `from`; NULL: it is answered here, with a refusal where it is
 * one. */
const struct conf_location *proxy_location(struct conn *conn, struct conn_request *from,
                                           struct proxy_aim *aim);
/* Whether it may go there at all: 0, or a status; with 0xx: see forward_status. */
unsigned proxy_status(struct conn *conn, const struct conn_request *request,
                      const struct conf_location *location);

/* proxy_end.c */
/* The exchange failed: the client gets this status, or its connection is cut where an answer has begun. `why`
 * is for the log where the server is to blame, and for the client (ORIGIN_LEFT; may be NULL) where it is. */
void proxy_fail(struct proxied *p, unsigned status, enum origin_result result, const char *why);
/* The response is complete, and the client has all of it. */
void proxy_done(struct proxied *p);
/* Nothing of the answer, or not all of it, reaches the client, who is not to take it for whole. */
void proxy_cut(struct proxied *p);
/* Its line in the log. */
void proxy_account(struct proxied *p);

/* proxy_stream.c: the client's side where it is a stream of HTTP/2. */
/* Puts what waits in p->heads, and content, on its way; behind the last of the response its end. False: the
 * stream is over. */
bool proxy_stream_write(struct proxied *p, const char *bytes, size_t len);
/* 100 Continue. */
bool proxy_stream_continue(struct proxied *p);
/* Of the request's body as much is held as waits for the backend: more may come. */
void proxy_stream_consume(struct proxied *p);
/* Nothing of the answer, or not all of it, reaches the client. */
void proxy_stream_cut(struct proxied *p);
void proxy_stream_problem(struct proxied *p, unsigned status, const char *detail);
/* Bytes for the client that it has not taken. */
static inline size_t proxy_waiting(const struct proxied *p)
{
    return p->stream ? http2_stream_waiting(p->stream) : p->down.len - p->down_at;
}
/* A client's phase: its body is waited for; or the backend is, and perhaps the client for what waits. */
void proxy_client_awaits(struct proxied *p);
void proxy_client_relays(struct proxied *p, bool stalled);

/* proxy_tcp.c */
/* Where it is tcp: how it ends, for the log. */
void proxy_ended(struct proxied *p, enum tcp_end end);
/* Its line in the log. */
void proxy_account_tcp(struct proxied *p);
/* It ends for our reasons (0: for others'), of which the client is told by an alert. */
void proxy_abort_tcp(struct proxied *p, unsigned status);

/* proxy_judge.c */
struct request proxy_question(const struct conn *conn, const struct conn_request *from, const char *host,
                              const char *path);
/* False: it is for nobody behind us. */
MUST_CHECK bool proxy_aim(struct conn *conn, const struct conn_request *request, struct proxy_aim *out);
/* Looks at its client again when time changes what is thought of its certificate. */
void proxy_watch_client(struct proxied *p);
void proxy_judge_again(struct wheel_timer *timer);

/* proxy_server.c */
struct backend_server *proxy_server(const struct proxied *p);
/* HTTP/2 is spoken to it: one connection has many requests, and both sides of each go on at once. */
bool proxy_is_h2(const struct proxied *p);
/* A link to a server, which may not be up yet; none while it waits for its turn. False: `p` is gone. */
bool proxy_find_link(struct proxied *p);
void proxy_leave_server(struct proxied *p);
/* The server could not be reached, or closed without a word: this request does not come to it again. */
void proxy_strike(struct proxied *p, enum origin_result result, const char *why);
/* The link ended without a byte of an answer. A request that may be repeated goes to the same or another
 * server over a new one, or, when this was one, to another server. False: nobody is asked any more, `p` is
 * gone. */
bool proxy_retry(struct proxied *p, enum origin_result result, const char *why);
void proxy_room(struct pool_waiter *waiter);

/* proxy_up.c: from the client to the backend. False: `p` is gone. */
bool proxy_up(struct proxied *p, size_t *budget);
/* Takes plaintext that came; how much of it belongs to this request. -1: `p` is gone. */
ssize_t proxy_take(struct proxied *p, const char *bytes, size_t len);
/* The rest of the request's body does not come: 408. */
void proxy_body_late(struct proxied *p);
/* Both sides speak at once, as in gRPC: a client that has nothing to say now is not late. What limits their
 * silence is response_timeout. */
bool proxy_is_dialogue(const struct proxied *p);

/* proxy_down.c: from the backend to the client. False: `p` is gone. */
bool proxy_down(struct proxied *p, size_t *budget);
/* Writes plaintext, behind what waits. False: the connection is over. */
bool proxy_write(struct proxied *p, const char *bytes, size_t len);

/* Before a chunk's content. */
static inline void proxy_put_size(struct buf *out, size_t len)
{
    buf_put_hex(out, len, 1);
    buf_puts(out, "\r\n");
}
/* Of the request's body, as it is framed for the backend. */
static inline void proxy_put_content(struct proxied *p, const char *bytes, size_t len)
{
    if (p->up_chunked)
        proxy_put_size(&p->up, len);
    buf_put(&p->up, bytes, len);
    if (p->up_chunked)
        buf_puts(&p->up, "\r\n");
}

/* proxy_head.c */
MUST_CHECK int proxy_request_head(struct proxied *p, const struct proxy_aim *aim, struct buf *out);
/* What a link for this client begins with; nothing where send_proxy is off. */
void proxy_opening(const struct proxied *p, struct buf *out);
/* `bytes`: the response's head, whole. */
MUST_CHECK int proxy_response_head(struct proxied *p, const char *bytes, size_t len, struct buf *out);
/* Those that the client has asked for; `bytes` are lines. */
void proxy_trailers(struct proxied *p, const char *bytes, size_t len, struct buf *out);

#endif
