/* Backends as they serve: what the configuration says, with addresses, credentials, health and counters.
 *
 * A struct origin is shared by all workers and, as long as a backend of the same name has it, by one
 * configuration after another: a reload forgets no failure and no load. A struct backend is a snapshot's,
 * immutable. Both are refcounted; any thread. */
#ifndef MTLSD_UPSTREAM_BACKEND_H
#define MTLSD_UPSTREAM_BACKEND_H

#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/un.h>

#include "base/diag.h"
#include "config/conf.h"
#include "upstream/balance.h"

enum { ORIGIN_MOST_ADDRESSES = 16 };

struct origin_address {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } to;
    socklen_t len;
};

/* What became of the requests that it was sent. */
enum origin_result {
    ORIGIN_ANSWERED_1XX, /* 101 */
    ORIGIN_ANSWERED_2XX,
    ORIGIN_ANSWERED_3XX,
    ORIGIN_ANSWERED_4XX,
    ORIGIN_ANSWERED_5XX,
    ORIGIN_UNREACHABLE, /* no connection, or no TLS */
    ORIGIN_SILENT,      /* no answer in time */
    ORIGIN_BROKEN,      /* an answer that is none, or is cut short */
    ORIGIN_LEFT,        /* the client did not wait for it */
    ORIGIN_CONNECTED,   /* a connection of a listener with mode = tcp */
    ORIGIN_RESULTS
};

/* A kind of trouble with a server, of which the log has a line, and then each minute how many more there
 * were. */
struct origin_trouble {
    _Atomic uint64_t hits, told, told_ms; /* 0: the next one is told */
};

struct origin {
    atomic_uint refs;
    atomic_uint muxes; /* connections of HTTP/2 to which requests come, or that are being made */
    atomic_uint h2_open, h2_streams; /* those that are up; the requests on them */
    struct origin *next;             /* of all; under the lock of all, as `refs` when it becomes 0 */
    char *backend, *name;
    char *host; /* NULL: its address does not change */
    unsigned short port;
    struct server_state state;
    _Atomic uint64_t results[ORIGIN_RESULTS], connections, connect_us, first_byte_us, retries;
    struct origin_trouble trouble[ORIGIN_RESULTS]; /* of the results that are one */
    _Atomic uint64_t checks[2];                    /* that found it well, and not */

    pthread_mutex_t lock; /* of what follows */
    struct origin_address address[ORIGIN_MOST_ADDRESSES];
    unsigned n_addresses, turn;
};

struct backend_server {
    const struct conf_server *conf;
    struct origin *origin; /* a reference */
    const char *sni;       /* the name that is verified, and asked for where it is none of an address */
    bool sni_is_address;
};

struct backend {
    atomic_uint refs;
    atomic_bool retired;             /* its snapshot is gone, and `conf` with it: no new exchange uses it */
    const struct conf_backend *conf; /* of the snapshot that has it */
    struct balance_rules rules;
    struct backend_server *server;
    unsigned n;
    gnutls_certificate_credentials_t credentials; /* NULL: none of its servers speaks TLS */
    gnutls_priority_t priorities;
};

/* Resolves names once, so that it may take some seconds; one that cannot be resolved now is a warning.
 * Findings go to `diag`. 0 and *out with one reference, or negative. */
MUST_CHECK int backend_new(const struct conf_backend *conf, struct diag *diag, struct backend **out);
/* The snapshot that had it is about to be freed; takes its reference. */
void backend_retire(struct backend *backend);
struct backend *backend_ref(struct backend *backend);
void backend_unref(struct backend *backend);

/* An address to connect to. Whoever begins (nth 0) is given his *turn, so that all of them are used, one
 * after the other; with 1, 2, ... and that, the next of them where one cannot be reached. False: there are no
 * more, or its name was never resolved. */
bool origin_address(struct origin *server, unsigned nth, unsigned *turn, struct origin_address *out);

/* Calls `each` for all servers there are, in the order of their names. */
void origin_each(void (*each)(struct origin *server, void *cls), void *cls);
/* Asks for the addresses of all names again; those of a name that cannot be resolved stay. For a thread that
 * may wait. */
void origin_resolve_all(void);

/* A trouble of this kind came: is it to be told? */
bool origin_tells(struct origin *server, enum origin_result kind, uint64_t now_ms);
/* How many came that were not told, a minute after one was told; 0: none, or it is too early. */
uint64_t origin_untold(struct origin *server, enum origin_result kind, uint64_t now_ms);

static inline void origin_count(struct origin *server, enum origin_result result)
{
    atomic_fetch_add_explicit(&server->results[result], 1, memory_order_relaxed);
}

#endif
