#include "http/redirect.h"

#include <ctype.h>
#include <string.h>

#include "http/forward.h"
#include "http/guard.h"
#include "http/problem.h"
#include "http/variables.h"

static bool needs_host(const struct template *to)
{
    for (size_t i = 0; i < to->n; i++) {
        if (to->part[i].variable == VARIABLE_HOST || to->part[i].variable == VARIABLE_HOSTNAME)
            return true;
    }
    return false;
}

/* What a certificate says is a part of the URL, and no more: "a&b=c" is a name. */
static void put_component(struct buf *out, enum variable variable, const struct client_view *client,
                          const struct request_view *view)
{
    struct buf text;
    buf_init(&text, 0);
    variable_put(&text, variable, client, view);
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        if (isalnum(c) || strchr("-._~", c))
            buf_putc(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
    out->failed = out->failed || buf_failed(&text);
    buf_done(&text);
}

static void put_target(struct buf *out, const struct template *to, const struct client_view *client,
                       const struct request_view *view)
{
    for (size_t i = 0; i < to->n; i++) {
        const struct template_part *part = &to->part[i];
        if (part->variable == VARIABLE_COUNT)
            buf_put(out, part->text, part->len);
        else if (VARIABLES[part->variable].identity)
            put_component(out, part->variable, client, view);
        else
            variable_put(out, part->variable, client, view);
    }
}

/* 308 keeps the method (RFC 9110 section 15.4.9). */
void redirect_reply(const struct request *request, const struct template *to, struct reply *reply)
{
    struct buf path, location;
    const struct client_view client = {.peer = request->peer,
                                       .tls = request->tls,
                                       .remote = request->remote,
                                       .listener = request->listener,
                                       .connection = request->connection_id};
    if (needs_host(to) && !*request->authority) {
        problem_reply(request, 400, "The request does not say which host it is for (Host).", reply);
        return;
    }
    buf_init(&path, 0);
    buf_init(&location, 0);
    forward_put_path(&path, request->path);
    const struct request_view view = {.method = request->method_text,
                                      .host = request->authority,
                                      .path = path.data ? path.data : "/",
                                      .query = request->query,
                                      .number = request->number,
                                      .now = request->now};
    put_target(&location, to, &client, &view);
    reply->status = 308;
    if (buf_failed(&location) || buf_failed(&path) ||
        reply_header(reply, "Location", "%s", location.data) != 0)
        problem_reply(request, 500, NULL, reply);
    else
        (void)reply_header(reply, "Cache-Control", "%s", guard_cache_control(request));
    buf_done(&path);
    buf_done(&location);
}
