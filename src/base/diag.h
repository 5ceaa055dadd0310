/* Findings about a configuration and the files it names: `check` prints all of them, `serve` stops at errors.
 * A diag is a sink with two counters; whoever makes it decides where the lines go. Single-threaded. */
#ifndef MTLSD_BASE_DIAG_H
#define MTLSD_BASE_DIAG_H

#include <stddef.h>

#include "base/base.h"

/* Where in a text something stands. `file` is borrowed (it lives as long as the struct conf). */
struct src {
    const char *file; /* NULL: no place, e.g. an option on the command line */
    unsigned line;
};

enum diag_severity { DIAG_ERROR, DIAG_WARNING };

struct diag {
    /* One complete finding, without a newline. `src` may have file == NULL. */
    void (*emit)(void *cls, enum diag_severity severity, struct src src, const char *text);
    void *cls;
    unsigned errors, warnings;
};

void diag_error(struct diag *diag, struct src src, const char *fmt, ...) PRINTF(3, 4);
void diag_warning(struct diag *diag, struct src src, const char *fmt, ...) PRINTF(3, 4);
void diag_pass(struct diag *diag, enum diag_severity severity, struct src src, const char *text);

/* Findings kept until all are there, then handed on by file, line and the order in which they came, each
 * once. Write to `diag`; it counts as one goes. */
struct diag_order {
    struct diag diag;
    struct diag *to;
    struct diag_finding *finding;
    size_t n;
};

/* `to` gets them from diag_order_flush, which frees them and is due at the end; more may come after it. */
void diag_order_init(struct diag_order *order, struct diag *to);
void diag_order_flush(struct diag_order *order);

/* An emit function that prints "FILE:LINE: error: text" to the FILE* in `cls`. */
void diag_print(void *cls, enum diag_severity severity, struct src src, const char *text);

#endif
