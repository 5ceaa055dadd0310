/* The diagnostics log (not the access log): one line per event to stderr, a file or syslog. Thread-safe: a
 * line is one write(2). Only `server`, `os` and `cmd` log; layers below fill a struct err. errno survives
 * every call. Bytes that a client chose are passed through %s only after text_escape. */
#ifndef MTLSD_BASE_LOG_H
#define MTLSD_BASE_LOG_H

#include "base/base.h"
#include "base/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* `target`: "stderr", "stdout", "syslog" or a file's path (appended to, created 0640). Replaces what was
 * open; on failure the old target stays. ERR_IO, ERR_DENIED. */
MUST_CHECK int log_open(const char *target, enum log_level level, struct err *err);
/* Opens the same path again, for log rotation; nothing where it is no file. 0, or as log_open_file: the old
 * one stays. */
MUST_CHECK int log_reopen(struct err *err);
void log_close(void);
/* A file to append lines to, of this log or another, which `what` names; it never waits for a reader. A
 * descriptor, ERR_IO or ERR_DENIED. */
MUST_CHECK int log_open_file(const char *path, const char *what, struct err *err);
/* Lines that were lost since the start, because the target did not take them. */
uint64_t log_dropped(void);
bool log_enabled(enum log_level level);

void log_line(enum log_level level, const char *fmt, ...) PRINTF(2, 3);
#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
