#include "http/body.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 4096 };

void http1_body_begin(struct http1_body *body, size_t most)
{
    http1_body_done(body);
    body->most = most;
}

static void forget(struct http1_body *body)
{
    if (body->bytes)
        explicit_bzero(body->bytes, body->len);
    free(body->bytes);
    body->bytes = NULL;
    body->len = body->room = 0;
}

void http1_body_drop(struct http1_body *body)
{
    forget(body);
    body->over = true;
}

/* realloc would leave a copy behind. */
static int widen(struct http1_body *body, size_t want)
{
    size_t room = body->room > 0 ? body->room : FIRST_ROOM;
    while (room < want)
        room *= 2;
    char *wider = malloc(room);
    if (!wider)
        return ERR_NOMEM;
    const size_t len = body->len;
    if (len > 0)
        memcpy(wider, body->bytes, len);
    forget(body);
    body->bytes = wider;
    body->len = len;
    body->room = room;
    return 0;
}

int http1_body_put(struct http1_body *body, const char *bytes, size_t len)
{
    if (body->over || len == 0)
        return 0;
    if (len > body->most - body->len) {
        http1_body_drop(body);
        return 0;
    }
    if (len > body->room - body->len && widen(body, body->len + len) != 0) {
        http1_body_drop(body);
        return ERR_NOMEM;
    }
    memcpy(body->bytes + body->len, bytes, len);
    body->len += len;
    return 0;
}

void http1_body_done(struct http1_body *body)
{
    forget(body);
    *body = (struct http1_body){0};
}
