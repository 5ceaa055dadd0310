/* The sandbox: after the start the process keeps what serving needs and nothing else. Of the files those
 * beneath the configured ones' folders (openings.h, fence.h), of the system calls a list (filter.h), no
 * capabilities. */
#ifndef MTLSD_OS_SANDBOX_H
#define MTLSD_OS_SANDBOX_H

#include "base/diag.h"
#include "base/err.h"
#include "config/conf.h"

struct sandbox;

/* Enters it, as conf->sandbox says, for good; before any thread is started, after the listeners are bound and
 * the tokens opened. What this system cannot do is logged. 0 and *out (also for sandbox = off); negative: the
 * process must not go on. */
MUST_CHECK int sandbox_enter(const struct conf *conf, struct sandbox **out, struct err *err);
void sandbox_free(struct sandbox *sandbox);

/* True when files outside of the sandbox are out of reach. */
bool sandbox_is_fenced(const struct sandbox *sandbox);

/* Calls with each range of ports that no connection can go to; port 0 stands for UNIX sockets. */
void sandbox_closed_ports(const struct sandbox *sandbox, void (*each)(int cls, unsigned first, unsigned n),
                          int cls);

/* For `check`: says of a log whose folder, which stays writable, is one of keys, certificates or the
 * configuration, and of a folder such as /etc or a home, which the sandbox would open as a whole. */
void sandbox_lint(const struct conf *conf, struct diag *diag);

/* Before a new configuration is taken: the folders that it serves from are opened file by file, when somebody
 * asks for one; that they lie in the sandbox is looked at here. 0, or ERR_DENIED with what is wrong in
 * `diag`. */
MUST_CHECK int sandbox_admit(const struct sandbox *sandbox, const struct conf *conf, struct diag *diag);

/* After a reload that failed: says which paths of the new configuration lie outside of the sandbox. */
void sandbox_explain(const struct sandbox *sandbox, const struct conf *conf, struct diag *diag);
/* The same of the configuration itself, which could not be read. */
void sandbox_explain_file(const struct sandbox *sandbox, const char *conf_file, struct diag *diag);

#endif
