#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/message.h"

void reply_init(struct reply *reply)
{
    memset(reply, 0, sizeof *reply);
    reply->fd = -1;
}

void reply_done(struct reply *reply)
{
    if (!reply)
        return;
    for (size_t i = 0; i < reply->n_headers; i++)
        free(reply->header[i].value);
    if (reply->fd >= 0)
        close(reply->fd);
    buf_done(&reply->body);
    free(reply->trouble);
    reply_init(reply);
}

/* A control byte other than HTAB would end the line and begin another. */
static bool is_field_value(const char *s)
{
    for (; *s; s++)
        if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
            return false;
    return true;
}

int reply_header(struct reply *reply, const char *name, const char *fmt, ...)
{
    if (reply->n_headers == REPLY_MOST_HEADERS)
        return -1;
    char *value;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&value, fmt, ap);
    va_end(ap);
    if (n < 0)
        return -1;
    if (!is_field_value(value)) {
        free(value);
        return -1;
    }
    reply->header[reply->n_headers].name = name;
    reply->header[reply->n_headers].value = value;
    reply->n_headers++;
    return 0;
}

void reply_drop_header(struct reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->n_headers; i++) {
        if (strcmp(reply->header[i].name, name) != 0)
            continue;
        free(reply->header[i].value);
        reply->header[i] = reply->header[--reply->n_headers];
        return;
    }
}
