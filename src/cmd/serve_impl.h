/* What the files of `mtlsd serve` share: the start (serve_start.c), what a reload does, and the logs
 * (serve_reload.c). The main thread's alone. */
#ifndef MTLSD_CMD_SERVE_IMPL_H
#define MTLSD_CMD_SERVE_IMPL_H

#include "base/diag.h"
#include "os/privileges.h"
#include "os/sandbox.h"
#include "server/server.h"
#include "server/watch.h"

/* The main thread's things. */
struct life {
    const char *conf_file, *ready_file;
    int ready_fd; /* of the ready file until the start has succeeded, or -1 */
    int signal_fd;
    uint64_t overlooked; /* a bit for each signal that was told of */
    int pid_fd;          /* of the pid_file, or -1 */
    char *pid_file;      /* its path at the start; owned */
    unsigned reloads;    /* how many began */
    int timer_fd;        /* the service manager's watchdog is to be fed; -1: there is none */
    struct server *server;
    struct sandbox *sandbox;
    struct watch *watch;
    struct privileges privileges; /* whom it became */
    struct diag_order early;      /* warnings from before the error log was open */
    struct diag early_to;
    bool has_log; /* the error log has been open: what is said before goes to the standard error */
};

/* The order is the point: everything that needs rights, then fewer rights, then the first thread. Says what
 * is wrong to whoever started it, and to the error log once that is open. */
int serve_start(struct life *life);

/* The log's form of a finding. */
void serve_log_finding(void *cls, enum diag_severity severity, struct src src, const char *text);
/* What `check` says of files that load: here never a reason to refuse. */
void serve_lint(const struct life *life);
/* Each log by itself: one that cannot be opened must not keep the other where it was. 0, or the first one's
 * error, and a finding for each. */
int serve_open_logs(struct life *life, struct diag *diag);
/* After a rotation: both, whatever becomes of the other. */
void serve_reopen_logs(struct life *life);

/* Before the files are read: what changes from then on is noticed. A configuration that cannot be parsed
 * names none, so those of before are watched on. */
void serve_watch_anew(struct life *life);
/* What is live says whether anybody watches, also after a reload that failed. */
void serve_watch_if_wanted(struct life *life);

/* What needs this server's own transport under libmicrohttpd, where calls do not come to it (tls/preempt.c).
 * 0, or ERR_MISMATCH, and a finding for each option that does. */
int serve_check_transport(const struct conf *conf, struct diag *diag);
/* 0, or the error: the old configuration keeps serving then. */
int serve_reload(struct life *life);
void serve_say_ready(const struct life *life, const char *status);

#endif
