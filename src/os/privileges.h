/* Who the process is: the options `user` and `group`, and what that user may do with the configured files. */
#ifndef MTLSD_OS_PRIVILEGES_H
#define MTLSD_OS_PRIVILEGES_H

#include <sys/types.h>

#include "base/diag.h"
#include "base/err.h"
#include "config/conf.h"

enum { PRIVILEGES_GROUPS = 128 };

struct privileges {
    bool change;     /* false: the process stays who it is, and the rest is empty */
    bool from_start; /* it is that user already when it reads its files, as under a unit with User= */
    char name[256];  /* of the user, for messages */
    uid_t uid;
    gid_t gid;
    gid_t group[PRIVILEGES_GROUPS]; /* all that the user is in, gid among them */
    int n_groups;
};

/* Looks up whom `conf` wants the process to become. A user or group that is not there, and one that the
 * process cannot become because it is not root, are errors. Opens files of the system (passwd and its like).
 */
MUST_CHECK int privileges_find(const struct conf *conf, bool now, struct diag *diag, struct privileges *out);

/* The user of a unit or a command line, who is there from the start; `group` may be without a text. The same
 * errors for what is not there. */
MUST_CHECK int privileges_named(const struct conf_text *user, const struct conf_text *group,
                                struct diag *diag, struct privileges *out);

/* Becomes that user, for good: all three ids, all groups; then reads them again and tries to go back, which
 * must fail. Before any thread is started. ERR_DENIED: the process must not go on. */
MUST_CHECK int privileges_drop(const struct privileges *privileges, struct err *err);

/* Forgets every capability, when the process is not root. ERR_DENIED: the process must not go on; the same
 * below. */
MUST_CHECK int privileges_drop_capabilities(struct err *err);

/* No core dump, no tracer but root: keys are in the memory. No program that this one starts gains rights. */
MUST_CHECK int privileges_harden(struct err *err);

/* Says of each configured file and folder that this user could not read (or, a log, write) it, so that a
 * reload or the reopening of logs would fail (a warning), or with `from_start` the start (an error), and how
 * to mend that; of a file, or a folder that is in the way, once, whoever names it. For a single thread that
 * is root, or that is the user. */
MUST_CHECK int privileges_check(const struct privileges *privileges, const struct conf *conf,
                                struct diag *diag);

#endif
