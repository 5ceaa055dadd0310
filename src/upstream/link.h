/* One connection to a server of a backend, over TCP, a UNIX socket, or TLS. It never waits: whoever has it is
 * told when it is up, when it is not to be, and when bytes may be read or written. An idle one has nobody,
 * and closes by itself when its time is over, when bytes come that nobody asked for, or the server closes.
 *
 * A link belongs to a worker's struct links; only that worker's thread touches it. */
#ifndef MTLSD_UPSTREAM_LINK_H
#define MTLSD_UPSTREAM_LINK_H

#include <gnutls/gnutls.h>
#include <sys/uio.h>

#include "base/event.h"
#include "base/wheel.h"
#include "upstream/backend.h"

struct link;

enum link_event {
    LINK_UP,     /* it may be read and written */
    LINK_FAILED, /* it could not be made: `why`; its user closes it */
    LINK_READY,  /* something may be read, or written again */
    LINK_AGAIN,  /* it has no room after all, through nobody's fault: its user closes it and takes another */
};

/* What a link does that is no socket's own, but shares one with others (upstream/mux.h). */
struct link_ops {
    ssize_t (*read)(struct link *link, void *data, size_t size);
    ssize_t (*write)(struct link *link, const void *data, size_t size);
    void (*close)(struct link *link);
    bool (*blame)(struct link *link);
};

struct link_user {
    void (*event)(struct link_user *user, enum link_event event);
};

enum { LINK_WHY = 200 };

/* What the links of a worker share. Embedded there; `epoll` and `wheel` are the worker's. */
struct links {
    int epoll;
    struct wheel *wheel;
    struct link *dead; /* whose memory goes at the end of the turn: an event of it may be on its way */
    struct mux *busy, *worked, *gone; /* upstream/mux.h: they have something to do; their memory goes, too */
    size_t h2_grown;                  /* upstream/h2_client.h */
    bool lacks; /* the last upstream_open failed for want of descriptors or memory here: no server's fault */
};

/* Where a link waits while it is idle, the one that was used last first. {0} is empty. */
struct link_shelf {
    struct link *first, *last;
    unsigned n, n_all;      /* of all links that were made for it, idle or not */
    gnutls_datum_t session; /* to resume, of TLS; owned */
    struct mux *muxes;      /* connections that several share, made for it */
    unsigned n_muxes;
};

struct link {
    struct event_source source;
    const struct link_ops *ops; /* NULL: it is a socket's */
    struct links *links;
    struct link_shelf *shelf;
    struct link *next, *prev; /* on the shelf, or dead */
    struct wheel_timer timer;
    struct link_user *user;       /* NULL: it is idle, or dead */
    struct backend *backend;      /* a reference */
    unsigned server;              /* its number there */
    int fd;                       /* -1: dead */
    unsigned turn, nth;           /* of origin_address: where the next try goes */
    gnutls_session_t session;     /* NULL: no TLS */
    const struct conf_list *alpn; /* borrowed until it is up; NULL: nothing is offered */
    char *first; /* of what goes before all else, what has not gone yet; owned; NULL: nothing */
    size_t first_at, first_len;
    bool up, resumed;
    bool readable, writable,
        ended;    /* as the last event said: may be read, may be written, the server closed */
    bool blocked; /* the socket had no bytes, or no room, during GnuTLS's last call */
    bool parted;  /* link_end was called; with TLS, its last word has gone */
    bool timed_out;
    bool untrusted; /* it could not be made because of what TLS, or who is there, says */
    bool refused;   /* the server has done nothing of what was asked: it may be asked again */
    bool answered;  /* what it has answered is not given, but it has done what was asked */
    bool reset;     /* it was only this that the server ended */
    int broken;     /* -errno, when a write has met the reset that a read would have told of; 0: none has */
    uint64_t born_us, up_us;
    char why[LINK_WHY];
};

void links_init(struct links *links, int epoll, struct wheel *wheel);
/* Ends what was closed in this turn; the owner's last act in each. */
void links_settle(struct links *links);

/* What a server gets before all else, also before TLS: it is about one client, so that the link is nobody
 * else's afterwards. */
struct link_first {
    const void *data;             /* copied */
    size_t len;                   /* 0: nothing */
    const struct conf_list *alpn; /* what a tls server is offered; NULL: nothing; must live until it is up */
};

/* Where a connection goes to, and whose it is. */
struct link_target {
    struct links *links;      /* the worker's */
    struct link_shelf *shelf; /* of its connections to that server */
    struct backend *backend;  /* a new connection takes a reference of its own */
    unsigned server;          /* which of the backend's */
};

/* Its sentence in `why`, and that it is no server's fault. */
void links_no_memory(struct links *links, char why[static LINK_WHY]);

/* A connection to that server, at the first of its addresses that takes one; `user` will be told. NULL, with
 * `why` filled: it failed at once. */
struct link *link_open(const struct link_target *target, struct link_user *user,
                       const struct link_first *first, char why[static LINK_WHY]);
/* The idle one that was used last and has said nothing since; NULL: there is none. */
struct link *link_take(struct link_shelf *shelf, struct link_user *user);
/* It has nothing more to say: keeps it for `keep_ms`, when there is room for `most` of them. */
void link_release(struct link *link, unsigned most, uint64_t keep_ms);
void link_close(struct link *link);
/* Closes it so that the server sees that something is missing: without a goodbye, by a reset. */
void link_cut(struct link *link);
/* Whether what came of it counts as a failure of the server's: the end of a connection that several share
 * does for the first that asks. */
bool link_blame(struct link *link);
/* Closes all idle ones. */
void link_shelf_done(struct link_shelf *shelf);

/* As recv and send: bytes; 0: the server closed its side; -EAGAIN: LINK_READY will come; or another errno,
 * -EPROTO for one of TLS. */
ssize_t link_read(struct link *link, void *data, size_t size);
/* Whether the server has reset it behind its end, which reading does not tell: the kernel gives the end
 * again. */
bool link_is_reset(const struct link *link);
ssize_t link_write(struct link *link, const void *data, size_t size);
/* Nothing more will be written: the server is told, as far as the protocol can. False: not yet, the socket
 * has no room; call it again when it may be written. */
bool link_end(struct link *link);

#endif
