/* A worker: one thread that serves connections of all listeners in one loop (loop.h), and what is its own.
 * Its members are touched by its thread alone, but for those that say otherwise. */
#ifndef MTLSD_SERVER_WORKER_H
#define MTLSD_SERVER_WORKER_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/wheel.h"
#include "report/access.h"
#include "report/metrics.h"
#include "server/kept.h"
#include "server/limits.h"
#include "server/live.h"
#include "tls/blocks.h"
#include "tls/pcert_cache.h"
#include "tls/share.h"

struct MHD_Daemon;
struct relays;
struct conn;
struct exchange;
struct listener;
struct spares;
struct worker;

/* All of them: fixed while one runs. {0} has none. */
struct workers {
    struct worker **item;
    unsigned n;
    struct spares *spares; /* owned */
};

/* A socket that was accepted and admitted, on its way to the worker that will have it. */
struct arrival {
    int fd;                          /* owned */
    const struct listener *listener; /* lives as long as it has a place there */
    enum listener_mode mode;         /* that listener's, as it was let in */
    bool tls;
    struct limits_place place;
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } from;
    socklen_t from_len;
};

/* What a worker is told; each word is a bit. */
enum {
    WORKER_STOP = 1,      /* ends every connection, and then itself */
    WORKER_SWEEP = 2,     /* something has changed: each connection looks whether it goes on */
    WORKER_DISPLACED = 4, /* handshakes_displaced has some for it */
    WORKER_ARRIVED = 8,   /* worker_take has some for it */
};

enum { WORKER_ARRIVALS = 64 };

/* Connections that are to read, the first one next (http1_wait.c). */
struct conn_readers {
    struct conn *first, *last;
    unsigned n;
};

struct worker {
    unsigned number;
    const struct workers *all;
    struct live *live;
    uint64_t now_ms; /* clock_mono_ms() when the turn began */
    struct wheel wheel;
    struct tls_share share;
    struct pcert_cache pcerts;
    struct blocks blocks;
    struct kept_store *kept; /* owned */
    struct exchange *made; /* memory for an answer (exchange.h); owned; NULL: none, or a connection has it */
    struct metrics_shard metrics;
    struct access_lines lines;
    struct handshake_owner handshakes;

    struct relays *relays;           /* see proxy.h; owned */
    struct http2 *http2;             /* those that have to be looked at, see http2.h */
    struct buf http2_out;            /* towards a client of these, put together */
    struct http2_shelf *http2_shelf; /* their finished answers; owned; NULL: none yet */
    struct http2_file *http2_files;  /* that wait for clients */
    size_t http2_bodies;             /* bytes of their requests that wait for backends */
    size_t http2_grown;              /* bytes of their streams' windows over the first */
    struct conn_readers readers; /* connections of its own that have more to read than they were told of */
    struct MHD_Daemon *http1;    /* see http1_daemon.h */
    int http1_epoll;             /* becomes readable when it has something to do */
    unsigned n_lent;             /* connections that it has */
    int kick;                    /* always readable: whose turn it is to read is told by it (http1_wait.c) */
    struct conn_readers kicked;
    const struct arrival *arriving; /* while it is handed to http1: without the preemption, */
    struct conn *lending;           /* or with it */
    size_t http1_pool;              /* bytes of its memory for a connection; 0: its use of it is not known */

    struct conn *conns; /* all of this worker's */
    struct conn *over;  /* those of conn_own.h that are to be freed */
    struct conn *sweep; /* the next that looks whether it goes on, NULL: none does */
    time_t date_at;
    char date[CLOCK_TEXT]; /* the Date field of that second */

    int epoll; /* what it waits at: its own eventfd, the listening sockets, http1's set */

    /* Any thread. */
    pthread_t thread;
    bool running;                    /* the main thread's, as the next */
    uint64_t settled_at, watched_at; /* numbers of turns: workers_settle, workers_turn */
    int wake;                        /* eventfd */
    atomic_uint told;
    _Atomic uint64_t turns;
    atomic_uint n_conns;  /* written by its thread, and by who hands one over */
    pthread_mutex_t lock; /* of the arrivals */
    struct arrival arrival[WORKER_ARRIVALS];
    unsigned first_arrival, n_arrivals;
};

/* Any thread: tells it something (0: nothing but to do a turn). */
void worker_tell(struct worker *worker, unsigned words);
/* Any thread: hands it a connection. False: too many wait there, it is still the caller's. */
bool worker_hand(struct worker *worker, const struct arrival *arrival);
/* The next that was handed over; false: none. */
bool worker_take(struct worker *worker, struct arrival *out);

/* The Date field of now, made once a second. */
const char *worker_date(struct worker *worker, time_t now);

#endif
