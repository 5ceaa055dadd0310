#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void diag_pass(struct diag *diag, enum diag_severity severity, struct src src, const char *text)
{
    if (severity == DIAG_ERROR)
        diag->errors++;
    else
        diag->warnings++;
    if (diag->emit)
        diag->emit(diag->cls, severity, src, text);
}

static void emit(struct diag *diag, enum diag_severity severity, struct src src, const char *fmt, va_list ap)
    PRINTF(4, 0);
static void emit(struct diag *diag, enum diag_severity severity, struct src src, const char *fmt, va_list ap)
{
    char text[1024];
    vsnprintf(text, sizeof text, fmt, ap);
    diag_pass(diag, severity, src, text);
}

void diag_error(struct diag *diag, struct src src, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    emit(diag, DIAG_ERROR, src, fmt, ap);
    va_end(ap);
}

void diag_warning(struct diag *diag, struct src src, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    emit(diag, DIAG_WARNING, src, fmt, ap);
    va_end(ap);
}

void diag_print(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    FILE *out = cls;
    const char *word = severity == DIAG_ERROR ? "error" : "warning";
    if (src.file && src.line > 0)
        fprintf(out, "%s:%u: %s: %s\n", src.file, src.line, word, text);
    else if (src.file)
        fprintf(out, "%s: %s: %s\n", src.file, word, text);
    else
        fprintf(out, "mtlsd: %s: %s\n", word, text);
}

struct diag_finding {
    enum diag_severity severity;
    char *file; /* a copy: what it is borrowed from may be freed meanwhile; NULL: no place */
    unsigned line;
    char *text;
    size_t number;
};

static bool same(const struct diag_finding *a, const struct diag_finding *b)
{
    return a->severity == b->severity && a->line == b->line && strcmp(a->text, b->text) == 0 &&
           (a->file && b->file ? strcmp(a->file, b->file) == 0 : a->file == b->file);
}

/* When memory is short a finding is handed on at once. */
static void keep(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    struct diag_order *order = cls;
    struct diag_finding *more = array_more(order->finding, order->n, sizeof *more);
    if (more)
        order->finding = more;
    struct diag_finding f = {severity, src.file ? strdup(src.file) : NULL, src.line, strdup(text), order->n};
    if (!more || !f.text || (src.file && !f.file)) {
        free(f.file);
        free(f.text);
        diag_pass(order->to, severity, src, text);
        return;
    }
    order->finding[order->n++] = f;
}

static int by_place(const void *a, const void *b)
{
    const struct diag_finding *x = a, *y = b;
    if (!x->file != !y->file)
        return x->file ? -1 : 1;
    int files = x->file ? strcmp(x->file, y->file) : 0;
    if (files != 0)
        return files;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* One line's findings stand together: a repetition is among the few before it. */
static bool is_repeated(const struct diag_order *order, size_t i)
{
    for (size_t j = i; j-- > 0 && order->finding[j].line == order->finding[i].line && i - j <= 64;) {
        if (same(&order->finding[j], &order->finding[i]))
            return true;
    }
    return false;
}

void diag_order_init(struct diag_order *order, struct diag *to)
{
    *order = (struct diag_order){.to = to};
    order->diag = (struct diag){.emit = keep, .cls = order};
}

void diag_order_flush(struct diag_order *order)
{
    if (order->n > 0)
        qsort(order->finding, order->n, sizeof *order->finding, by_place);
    for (size_t i = 0; i < order->n; i++) {
        const struct diag_finding *f = &order->finding[i];
        if (!is_repeated(order, i))
            diag_pass(order->to, f->severity, (struct src){f->file, f->line}, f->text);
    }
    for (size_t i = 0; i < order->n; i++) {
        free(order->finding[i].file);
        free(order->finding[i].text);
    }
    free(order->finding);
    order->finding = NULL;
    order->n = 0;
}
