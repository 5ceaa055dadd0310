#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>

static void emit(struct diag *diag, enum diag_severity severity, struct src src, const char *fmt, va_list ap)
    PRINTF(4, 0);
static void emit(struct diag *diag, enum diag_severity severity, struct src src, const char *fmt, va_list ap)
{
    char text[1024];
    vsnprintf(text, sizeof text, fmt, ap);
    if (severity == DIAG_ERROR)
        diag->errors++;
    else
        diag->warnings++;
    if (diag->emit)
        diag->emit(diag->cls, severity, src, text);
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
