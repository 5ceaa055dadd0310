/* How a function below `server` reports a failure: it returns a negative enum err_code and, where the caller
 * passed one, fills a caller-owned struct err. Outputs stay untouched on failure. These layers never log. */
#ifndef MTLSD_BASE_ERR_H
#define MTLSD_BASE_ERR_H

#include "base/base.h"

enum err_code {
    ERR_NOMEM = -1,    /* out of memory or file descriptors */
    ERR_IO = -2,       /* a system call on a file or socket failed */
    ERR_SYNTAX = -3,   /* text or DER that cannot be parsed */
    ERR_RANGE = -4,    /* a value outside its bounds, or too much of something */
    ERR_NOTFOUND = -5, /* a file, a name or an object that is not there */
    ERR_DENIED = -6,   /* permission refused by the system */
    ERR_CRYPTO = -7,   /* GnuTLS refused; the text holds its words */
    ERR_MISMATCH = -8, /* two things that should belong together do not (key and certificate) */
    ERR_EXISTS = -9,   /* would overwrite */
};

struct err {
    int code; /* enum err_code, 0 while nothing failed */
    char text[512];
};

/* Fills *err (NULL is allowed) from a format and gives `code`, so that `return err_set(...)` is the idiom. A
 * macro, so that the compiler and the analysers see that the result is that code and not 0. */
#define err_set(err, code, ...) (err_put((err), (code), __VA_ARGS__), err_code_of(code))
void err_put(struct err *err, int code, const char *fmt, ...) PRINTF(3, 4);
static inline int err_code_of(int code)
{
    return code;
}

/* Puts "formatted: " before the text that is already there; returns err->code. `err` may be NULL (returns
 * ERR_IO). */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF(2, 3);

/* err_set(ERR_NOMEM) with the usual words. */
static inline int err_nomem(struct err *err)
{
    return err_set(err, ERR_NOMEM, "out of memory");
}

#endif
