#include "http/handlers.h"

#include <string.h>

#include "http/problem.h"
#include "http/route.h"
#include "http/view.h"
#include "http/view_impl.h"

/* Takes over `value`, which may be NULL. */
static int json_reply(json_t *value, unsigned status, const char *type, struct reply *reply)
{
    int r = value ? view_write(value, &reply->body) : ERR_NOMEM;
    json_decref(value);
    reply->status = status;
    reply->content_type = type;
    return r;
}

static int text_reply(const char *text, unsigned status, struct reply *reply)
{
    buf_puts(&reply->body, text);
    reply->status = status;
    reply->content_type = "text/plain; charset=utf-8";
    return buf_failed(&reply->body) ? ERR_NOMEM : 0;
}

static json_t *route_object(const struct route *route)
{
    json_t *object = json_object();
    bool good = view_put(object, "path", view_text(route->path)) &&
                view_put(object, "type", view_text(route->type)) &&
                view_put(object, "help", view_text(route->help));
    return view_finish(object, good);
}

int handle_api(const struct request *request, struct reply *reply)
{
    (void)request;
    json_t *routes = json_array(), *object = json_object();
    bool good = true;
    for (size_t i = 0; good && i < ROUTE_COUNT; i++)
        good = view_append(routes, route_object(&ROUTES[i]));
    good = view_put(object, "routes", view_finish(routes, good));
    return json_reply(view_finish(object, good), 200, "application/json", reply);
}

int handle_tls(const struct request *request, struct reply *reply)
{
    return json_reply(view_tls(request->tls), 200, "application/json", reply);
}

int handle_peer(const struct request *request, struct reply *reply)
{
    return json_reply(view_request_peer(request), 200, "application/json", reply);
}

int handle_handshake(const struct request *request, struct reply *reply)
{
    if (!request->record) {
        problem_reply(request, 404, "This server keeps no record of handshakes: handshake_record is off.",
                      reply);
        return 0;
    }
    return json_reply(view_handshake(request->record, request->peer), 200, "application/json", reply);
}

int handle_connection(const struct request *request, struct reply *reply)
{
    return json_reply(view_connection(request), 200, "application/json", reply);
}

int handle_rejections(const struct request *request, struct reply *reply)
{
    return json_reply(view_rejections(request->rejections, request->n_rejections), 200, "application/json",
                      reply);
}

int handle_metrics(const struct request *request, struct reply *reply)
{
    if (!request->metrics)
        return ERR_NOMEM;
    int rc = text_reply(request->metrics, 200, reply);
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    return rc;
}

int handle_health(const struct request *request, struct reply *reply)
{
    if (!request->health)
        return ERR_NOTFOUND;
    const char *status;
    json_t *value = view_health(request->health, &status);
    return json_reply(value, strcmp(status, "fail") == 0 ? 503 : 200, "application/health+json", reply);
}

/* The process answers: that is all. It must not end for something that a restart does not cure. */
int handle_livez(const struct request *request, struct reply *reply)
{
    (void)request;
    return text_reply("ok\n", 200, reply);
}

int handle_readyz(const struct request *request, struct reply *reply)
{
    if (!request->health)
        return ERR_NOTFOUND;
    if (request->health->draining)
        return text_reply("draining\n", 503, reply);
    return text_reply("ok\n", 200, reply);
}
