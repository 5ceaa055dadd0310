/* Which server of a backend has the next request. Pure: time is a parameter, in milliseconds, and so is what
 * the request is told by.
 *
 * What is known of a server's health and load is shared by all workers (struct server_state: atomics, each
 * word by itself; two workers that count a failure at the same moment may be off by one). Whose turn it is
 * each worker keeps for itself. */
#ifndef MTLSD_UPSTREAM_BALANCE_H
#define MTLSD_UPSTREAM_BALANCE_H

#include <stdatomic.h>

#include "config/conf.h"

enum {
    BALANCE_MOST_SERVERS = 64,     /* bits of a set */
    BALANCE_SLOW_START_MS = 10000, /* a server that came back has its whole share after so long */
};

struct server_state {
    atomic_uint active; /* requests under way */
    atomic_uint fails;  /* since `fails_since_ms` */
    _Atomic uint64_t fails_since_ms;
    _Atomic uint64_t out_until_ms; /* it has no requests until then; then one to try; 0: it is in */
    atomic_bool trying;            /* that one is under way */
    _Atomic uint64_t back_at_ms;   /* it came back, 0: it was never out */
    atomic_bool check_failed;      /* the active check says that it is down */
};

/* What the configuration says. */
struct balance_rules {
    enum balance kind;
    unsigned max_fails; /* 0: never out */
    uint64_t fail_timeout_ms;
    unsigned max_connections; /* of each server, 0: as many as come */
};

struct balance_server {
    struct server_state *state;
    unsigned weight; /* 1 to 1000 */
    int64_t current; /* smooth weighted round-robin's */
    uint32_t name; /* a hash of what it is called: who is sent to it by a key stays when others come and go */
};

struct balancer {
    struct balance_rules rules;
    struct balance_server *server;
    unsigned n;
};

enum { BALANCE_NONE = -1, BALANCE_FULL = -2 };

/* The server for a request whose client has this hash, but none of the set `tried`. Counts the request as
 * active there; balance_done takes it back. BALANCE_NONE: all were tried; BALANCE_FULL: those that may be
 * asked have max_connections each. Where none is up, those that are out are asked: the last is never taken
 * out. */
int balance_choose(struct balancer *balancer, uint32_t client, uint64_t tried, uint64_t now_ms);
/* The request is over, or was never sent. */
void balance_done(struct balance_server *server);
/* What came of it: the server failed, in a way that is its own fault; or it answered. */
void balance_failed(const struct balance_rules *rules, struct balance_server *server, uint64_t now_ms);
void balance_answered(struct balance_server *server, uint64_t now_ms);
/* What the active check found. */
void balance_checked(struct server_state *state, bool good, uint64_t now_ms);
bool balance_is_up(const struct server_state *state, uint64_t now_ms);

/* A hash of bytes, the same in each process. */
uint32_t balance_hash(const void *data, size_t len);

/* Retries that a worker may make: a share of its requests, and some more, so that a single one is retried
 * also where there are few. {0} is empty. */
struct retry_budget {
    uint32_t tokens; /* in hundredths of a retry */
    bool begun;
};
enum { RETRY_SHARE = 20, RETRY_RESERVE = 10 };
void retry_earn(struct retry_budget *budget); /* with each request */
bool retry_spend(struct retry_budget *budget);

#endif
