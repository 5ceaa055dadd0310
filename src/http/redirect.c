#include "http/redirect.h"

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
    template_put(&location, to, &client, &view);
    reply->status = 308;
    if (buf_failed(&location) || buf_failed(&path) ||
        reply_header(reply, "Location", "%s", location.data) != 0)
        problem_reply(request, 500, NULL, reply);
    else
        (void)reply_header(reply, "Cache-Control", "%s", guard_cache_control(request));
    buf_done(&path);
    buf_done(&location);
}
