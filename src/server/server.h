/* The running server, as the main thread sees it: its start, reloads and end. */
#ifndef MTLSD_SERVER_SERVER_H
#define MTLSD_SERVER_SERVER_H

#include "base/buf.h"
#include "base/diag.h"
#include "server/snapshot.h"

struct server;

/* Makes a server for a configuration file: reads it (findings go to `diag`), binds nothing yet. 0 and *out.
 */
MUST_CHECK int server_new(const char *conf_file, struct diag *diag, struct server **out);
/* Binds every listener. Findings (port in use, no right to bind) go to `diag` with file and line.
 * `inherited`, when not NULL, has a listening socket (taken over) or -1 for each listener of the
 * configuration. */
MUST_CHECK int server_bind(struct server *server, const int *inherited, struct diag *diag);
/* UNIX sockets that were made go to that user and group. */
MUST_CHECK int server_give(const struct server *server, uid_t uid, gid_t gid, struct err *err);
/* Starts the threads and accepts. Before it the process has only the thread that called server_new. */
MUST_CHECK int server_start(struct server *server, struct diag *diag);
/* For a watchdog: true when every worker has done a turn since the call before, and the keeper one within
 * seconds; asks them for another turn. */
bool server_turns(struct server *server);
/* Stops what still runs and frees all. */
void server_free(struct server *server);

/* Whether a configuration that was read may be taken: what the server itself cannot know. */
typedef int server_admit_fn(void *cls, const struct conf *conf, struct diag *diag);

/* Builds a new snapshot from the same file and, when `admit` has nothing against it, swaps it in; listeners
 * are opened and closed as it says. On any failure the old one keeps serving, nothing has changed, and `diag`
 * says why. */
MUST_CHECK int server_reload(struct server *server, server_admit_fn *admit, void *cls, struct diag *diag);

/* Stops accepting and lets connections end: those at once that have been idle for a second, others after
 * their next response. Returns when none is left or after the configuration's drain_timeout. */
void server_drain(struct server *server);

/* One line per listener, "NAME URL", with the real port. */
void server_describe(struct server *server, struct buf *out);

struct snapshot *server_snapshot(struct server *server); /* a reference of the caller's */
uint64_t server_generation(const struct server *server);

#endif
