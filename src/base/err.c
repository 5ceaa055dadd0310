#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void err_put(struct err *err, int code, const char *fmt, ...)
{
    if (!err)
        return;
    va_list ap;
    va_start(ap, fmt);
    err->code = code;
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
}

/* Appends at *at, as much as there is room for: a text for people may be cut. */
static void append_cut(char *text, size_t room, size_t *at, const char *more)
{
    if (*at > room - 1)
        *at = room - 1;
    size_t len = strnlen(more, room - 1 - *at);
    memcpy(text + *at, more, len);
    *at += len;
    text[*at] = '\0';
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    if (!err)
        return ERR_IO;
    char old[sizeof err->text];
    memcpy(old, err->text, sizeof old);

    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    size_t at = n < 0 ? 0 : (size_t)n;
    append_cut(err->text, sizeof err->text, &at, ": ");
    append_cut(err->text, sizeof err->text, &at, old);
    return err->code;
}
