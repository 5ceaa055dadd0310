#include "http/handlers.h"

#include <stdlib.h>
#include <string.h>

#include "http/problem.h"
#include "http/route.h"
#include "http/view.h"
#include "http/view_impl.h"
#include "http/words.h"
#include "pki/pasted.h"

/* What follows NAME, in the query, in one of the words that `&` joins; NULL: none begins so. */
static const char *query_word(const struct request *request, const char *name)
{
    const size_t len = strlen(name);
    for (const char *p = request->query; p; p = strchr(p, '&')) {
        p += *p == '&';
        if (strncmp(p, name, len) == 0)
            return p + len;
    }
    return NULL;
}

static bool asks_for(const struct request *request, const char *name)
{
    const char *rest = query_word(request, name);
    return rest && (*rest == '\0' || *rest == '&');
}

/* Takes over `value`, which may be NULL. */
static int json_reply_as(json_t *value, unsigned status, const char *type, bool compact, struct reply *reply)
{
    int r = value ? view_write_as(value, compact, &reply->body) : ERR_NOMEM;
    json_decref(value);
    reply->status = status;
    reply->content_type = type;
    return r;
}

static int json_reply(json_t *value, unsigned status, const char *type, struct reply *reply)
{
    return json_reply_as(value, status, type, false, reply);
}

static int text_reply(const char *text, unsigned status, struct reply *reply)
{
    buf_puts(&reply->body, text);
    reply->status = status;
    reply->content_type = "text/plain; charset=utf-8";
    return buf_failed(&reply->body) ? ERR_NOMEM : 0;
}

/* The same of a value whose texts are for people. */
static int said_reply(const struct request *request, json_t *value, bool compact, struct reply *reply)
{
    const enum language language = words_of(request);
    int rc = json_reply_as(words_view(language, value), 200, "application/json", compact, reply);
    if (rc == 0) /* else a problem says in which language it is */
        words_headers(language, reply);
    return rc;
}

static json_t *route_object(const struct route *route)
{
    json_t *object = json_object();
    bool good = view_put(object, "path", view_text(route->path)) &&
                view_put(object, "methods", view_text(route_methods(route))) &&
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
    return said_reply(request, view_request_peer(request), false, reply);
}

bool verify_exists(const struct request *request)
{
    return request->conf->verify_route && request->client_auth != CLIENT_AUTH_OFF && request->trust;
}

/* The question that a handshake asks, of a chain that nobody has proved to be his. */
static int judge_pasted(const struct request *request, const struct pasted *pasted, struct peer **out)
{
    struct verdict_question question = {
        .trust = request->trust,
        .chain = pasted->cert,
        .n_chain = pasted->n,
        .at = request->now,
        .purpose = PURPOSE_CLIENT,
    };
    struct err err;
    /* Behind the first, GnuTLS reads those of a TLS 1.2 handshake. */
    if (!verdict_bounded(request->trust, pasted->cert, pasted->n, &question.unread))
        question.unread = 0;
    return verdict_judge(&question, out, &err);
}

/* It has no effect, knows nothing that the client may not have, and who asks stays who he was: a page of
 * another origin that has a browser send this learns nothing (no CORS field lets it read the answer) and
 * spends of its visitor's rate. So neither a token nor a look at Origin is needed. */
int handle_verify(const struct request *request, struct reply *reply)
{
    struct pasted pasted;
    struct peer *peer = NULL;
    struct err err;
    int rc = pasted_read(request->body, request->body_len, &pasted, &err);
    if (rc == ERR_NOMEM)
        return rc;
    if (rc != 0) {
        problem_reply(request, 400, err.text, reply);
        return 0;
    }
    rc = judge_pasted(request, &pasted, &peer);
    pasted_done(&pasted);
    if (rc != 0)
        return rc;
    const struct view_peer_input input = {
        .peer = peer,
        .client_auth = conf_client_auth_word(request->client_auth),
        .requested = request->cert_requested,
        .advertised = request->advertised,
        .n_advertised = request->n_advertised,
        .now = request->now,
        .detail = request->conf->error_detail,
    };
    rc = said_reply(request, view_peer(&input), false, reply);
    peer_unref(peer);
    return rc;
}

int handle_handshake(const struct request *request, struct reply *reply)
{
    if (!request->record) {
        problem_reply(request, 404, "This server keeps no record of handshakes: handshake_record is off.",
                      reply);
        return 0;
    }
    return json_reply(view_handshake(request->record, request->peer, request->peer_at), 200,
                      "application/json", reply);
}

/* A browser has several connections, and not all had a whole handshake: its page finds one that had with few
 * bytes, and gets what it shows once. */
static bool is_meant(const struct request *request)
{
    const char *id = query_word(request, "id=");
    if (id && strtoull(id, NULL, 10) != request->connection_id)
        return false;
    return !request->tls->resumed || !asks_for(request, "full");
}

int handle_connection(const struct request *request, struct reply *reply)
{
    if (!is_meant(request))
        return json_reply_as(view_connection_brief(request), 200, "application/json", true, reply);
    return said_reply(request, view_connection(request), asks_for(request, "compact"), reply);
}

/* A page takes a worker some milliseconds, however much there is. */
enum { PAGE = 100, PAGE_MOST = 1000, PAGE_BYTES = 512 * 1024 };

/* "NAME=NUMBER" at the start of *query, up to `&` or the end: takes it off. */
static bool take_number(const char **query, const char *name, uint64_t most, uint64_t *out)
{
    const size_t len = strlen(name);
    const char *p = *query + len;
    uint64_t value = 0;
    if (strncmp(*query, name, len) != 0 || *p++ != '=' || *p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (value > most / 10)
            return false;
        value = 10 * value + (uint64_t)(*p - '0');
    }
    if ((*p != '\0' && *p != '&') || value < 1 || value > most)
        return false;
    *query = *p == '&' ? p + 1 : p;
    *out = value;
    return true;
}

int handle_rejections(const struct request *request, struct reply *reply)
{
    uint64_t limit = PAGE, before = 0;
    for (const char *query = request->query; query && *query;) {
        if (take_number(&query, "limit", PAGE_MOST, &limit) ||
            take_number(&query, "before", UINT64_MAX / 16, &before))
            continue;
        problem_reply(request, 400,
                      "The query is limit=NUMBER, from 1 to 1000, and before=NUMBER, that of a rejection, "
                      "joined with &.",
                      reply);
        return 0;
    }
    size_t n = 0;
    struct rejection *page =
        request->rejections ? request->rejections(request, before, (size_t)limit + 1, &n) : NULL;
    int rc = view_rejections(page, n, (size_t)limit, PAGE_BYTES, &reply->body);
    if (page)
        request->rejections_done(page, n);
    reply->status = 200;
    reply->content_type = "application/json";
    return rc;
}

int handle_metrics(const struct request *request, struct reply *reply)
{
    int rc = request->metrics ? request->metrics(request, &reply->body) : ERR_NOTFOUND;
    reply->status = 200;
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    return rc;
}

int handle_health(const struct request *request, struct reply *reply)
{
    if (!request->look)
        return ERR_NOTFOUND;
    struct health health;
    request->look(request, &health);
    const char *status;
    json_t *value = view_health(&health, &status);
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
    if (!request->look)
        return ERR_NOTFOUND;
    struct health health;
    request->look(request, &health);
    if (health.draining)
        return text_reply("draining\n", 503, reply);
    return text_reply("ok\n", 200, reply);
}
