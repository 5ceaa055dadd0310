/* The running server: its listeners, the live snapshot, the registry of connections and the deadlines. */
#ifndef MTLSD_SERVER_SERVER_H
#define MTLSD_SERVER_SERVER_H

#include "base/diag.h"
#include "report/rejections.h"
#include "server/conn.h"
#include "server/limits.h"
#include "server/snapshot.h"

/* Makes a server for a configuration file: reads it (findings go to `diag`), binds nothing yet. 0 and *out.
 */
MUST_CHECK int server_new(const char *conf_file, struct diag *diag, struct server **out);
/* Binds every listener. Findings (port in use, no right to bind) go to `diag` with file and line.
 * `inherited`, when not NULL, has a listening socket (taken over) or -1 for each listener of the
 * configuration. */
MUST_CHECK int server_bind(struct server *server, const int *inherited, struct diag *diag);
/* Starts the threads and accepts. Before it the process has only the thread that called server_new. */
MUST_CHECK int server_start(struct server *server, struct diag *diag);
/* For a watchdog, from the thread that started the server: true when every worker has done a turn since
 * the call before, and the thread of deadlines one within seconds; asks them for another turn. */
bool server_turns(struct server *server);
/* Stops what still runs and frees all. */
void server_free(struct server *server);

/* Whether a configuration that was read may be taken: what the server itself cannot know. */
typedef int server_admit_fn(void *cls, const struct conf *conf, struct diag *diag);

/* Builds a new snapshot from the same file and, when `admit` has nothing against it, swaps it in; listeners
 * are opened and closed as it says. On any failure the old one keeps serving and `diag` says why. */
MUST_CHECK int server_reload(struct server *server, server_admit_fn *admit, void *cls, struct diag *diag);

/* Stops accepting and lets connections end: those at once that have been idle for a second, others after
 * their next response. Returns when none is left or after the configuration's drain_timeout. */
void server_drain(struct server *server);

/* One line per listener, "NAME URL", with the real port. */
void server_describe(struct server *server, struct buf *out);

/* For connections, any thread. */
struct snapshot *server_snapshot(struct server *server); /* a reference of the caller's */
/* The same for a new connection of that listener: when the last reload closed the listener, the one before.
 */
struct snapshot *server_snapshot_of(struct server *server, const char *listener_name);
/* A number that this start has and hardly another: with a connection's number it is one of a kind. */
uint32_t server_run(const struct server *server);
uint64_t server_generation(const struct server *server);
/* Gives it its id. Its handshake is in flight from now on; when there are too many, the one that was silent
 * for the longest ends, or of those that have spoken the oldest. */
void server_register(struct server *server, struct conn *conn);
void server_unregister(struct server *server, struct conn *conn); /* after it no other thread touches it */
/* The connection's ClientHello came: others make room before it. */
void server_handshake_talks(struct server *server, struct conn *conn);
/* The connection's handshake ended, well or badly: it is no longer in flight. */
void server_handshake_over(struct server *server, struct conn *conn);
struct limits *server_limits(struct server *server);
bool server_draining(const struct server *server);
struct rejections *server_rejections(struct server *server);
/* Writes what /metrics tells. */
void server_metrics(struct server *server, const struct snapshot *snapshot, struct buf *out);
void server_health(struct server *server, const struct snapshot *snapshot, struct health *out);

#endif
