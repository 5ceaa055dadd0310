#include "server/answer.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "http/problem.h"
#include "http/route.h"
#include "report/metrics.h"
#include "server/beside.h"
#include "server/troubles.h"

/* "policy_denied: location /secure/, deny rule subject:CN=alice": what the verdict knows nothing of. */
static void put_decision(const struct policy_decision *decision, const struct peer *peer, struct buf *out)
{
    const char *before = peer && peer->n_errors > 0 ? ", " : ": ";
    if (decision->outcome == POLICY_DENIED || decision->outcome == POLICY_OTHER_CA)
        buf_printf(out, "%s%s", before, VERDICT_ROWS[VERDICT_POLICY_DENIED].code);
    else if (decision->outcome == POLICY_NO_CERTIFICATE && (!peer || peer->n_errors == 0))
        buf_printf(out, "%s%s", before, VERDICT_ROWS[VERDICT_NO_CERTIFICATE].code);
    if (decision->location)
        buf_printf(out, ": location %s", decision->location->prefix);
    if (decision->rule)
        buf_printf(out, ", deny rule %s", decision->rule);
    else if (decision->outcome == POLICY_DENIED)
        buf_puts(out, ", no allow rule matches");
    else if (decision->outcome == POLICY_OTHER_CA)
        buf_printf(out, ", its path ends at %s, not at client_ca",
                   peer && peer->anchor ? peer->anchor->subject : "?");
}

enum { MOST_SHOWN = 1024 };

/* For the access log. */
static void keep_refusal(struct conn_request *from, const struct policy_decision *decision,
                         const struct peer *peer)
{
    const bool denied = decision->outcome == POLICY_DENIED || decision->outcome == POLICY_OTHER_CA;
    const enum verdict_code code = denied                       ? VERDICT_POLICY_DENIED
                                   : peer && peer->n_errors > 0 ? peer->errors[0].code
                                                                : VERDICT_NO_CERTIFICATE;
    conn_decision_done(from);
    from->refused_code = VERDICT_ROWS[code].code;
    if (decision->location)
        from->refused_by = strdup(decision->location->prefix); /* the line may come after a reload */
}

/* The log has all of it, whatever error_detail lets the client know. */
static void log_refusal(struct conn *conn, const struct request *request)
{
    const struct peer *peer = conn->peer;
    const struct certinfo *leaf = peer && peer->n_chain > 0 ? peer->chain[0] : NULL;
    struct buf text, why;
    buf_init(&why, 1024);
    for (size_t i = 0; peer && i < peer->n_errors; i++)
        buf_printf(&why, "%s%s", i ? ", " : ": ", VERDICT_ROWS[peer->errors[i].code].code);
    if (request->decision)
        put_decision(request->decision, peer, &why);
    if (request->decision &&
        (request->decision->outcome == POLICY_DENIED || request->decision->outcome == POLICY_OTHER_CA))
        metrics_add(METRIC_errors, VERDICT_POLICY_DENIED, 0, 1);
    /* A long path must not push out who asked for it. */
    size_t len = strlen(request->path), shown = len < MOST_SHOWN ? len : MOST_SHOWN;
    buf_init(&text, 8192);
    text_escape(&text, request->path, shown);
    buf_puts(&text, shown < len ? "..." : "");
    buf_puts(&text, why.data ? why.data : "");
    if (leaf)
        buf_printf(&text, ": subject \"%s\", issuer \"%s\", serial %s, sha256 %s", leaf->subject.text,
                   leaf->issuer.text, leaf->serial, leaf->fingerprint_sha256);
    log_warning("%s: listener %s: 403 for %s", conn->remote, conn->listener_name,
                text.data ? text.data : "?");
    buf_done(&text);
    buf_init(&text, 1024);
    buf_printf(&text, "a request was answered with 403%s", why.data ? why.data : "");
    conn_rejected(conn, false, -1, 403, text.data ? text.data : "");
    buf_done(&text);
    buf_done(&why);
}

static struct rejection *rejections_of(const struct request *request, uint64_t before, size_t most, size_t *n)
{
    const struct conn *conn = request->server;
    return rejections_page(conn->worker->live->rejections, before, most, n);
}

static int metrics_of(const struct request *request, struct buf *out)
{
    const struct conn *conn = request->server;
    live_metrics(conn->worker->live, conn->snapshot, out);
    return buf_failed(out) || out->len == 0 ? ERR_NOMEM : 0;
}

static void look(const struct request *request, struct health *out)
{
    const struct conn *conn = request->server;
    live_health(conn->worker->live, conn->snapshot, out);
}

static size_t listeners_beside(const struct request *request, struct beside out[static BESIDE_MOST])
{
    const struct conn *conn = request->server;
    return beside_of(conn->snapshot, conn->listener->of, route_match(request->path), request->host,
                     request->authority, out);
}

static void refuse_path(const struct request *request, int why, struct reply *reply)
{
    char text[80], path[PATH_MOST + 1], split[PATH_MOST + 1];
    const char *query;
    snprintf(text, sizeof text, "The path is longer than %d bytes.", PATH_MOST);
    if (why == PATH_LONG)
        problem_reply(request, 414, text, reply);
    else if (path_normalise_slashes(request->target, path, split, &query) == 0)
        problem_reply(request, 400,
                      "The path has an encoded slash (%2F): only a location with a backend and "
                      "encoded_slashes = on lets it through, and only where it decides nothing.",
                      reply);
    else
        problem_reply(request, 400,
                      "The path cannot be used: it has a bad escape, a control byte or leaves the root.",
                      reply);
}

/* What it has of the connection, as that was judged last. */
static void describe_client(struct conn *conn, struct request *request)
{
    const struct snapshot_listener *listener = conn->listener;
    request->peer = conn->peer;
    request->peer_at = conn->peer_at;
    request->trust = listener->trust;
    request->shown = conn->shown;
    request->n_shown = conn->n_shown;
    request->refused = conn_refused(conn);
    request->document_root = conn->snapshot->document_root;
    request->advertised = trust_advertised(listener->trust, &request->n_advertised);
    if (!conn->asked || listener->conf->advertise_ca == ADVERTISE_CA_NONE)
        request->n_advertised = 0;
}

/* Its path and its host. False: they cannot be used here, and the reply says so. */
static bool find_place(struct conn *conn, const struct http1_head *head, struct answer *answer)
{
    struct request *request = &answer->request;
    struct reply *reply = &answer->reply;
    int rc = path_normalise(head->target, answer->path, &request->query);
    if (rc != 0) {
        answer->path[0] = '\0';
        refuse_path(request, rc, reply);
        return false;
    }
    request->authority = http1_authority(head, conn->facts.server_name, answer->names[0]);
    request->host = http1_host_name(request->authority, answer->names[1]);
    if (!conn_misdirected(conn, request->host, request->path))
        return true;
    conn_tell_misdirected(conn, request->authority, request->host);
    problem_reply(request, 421,
                  "This connection is for another host, whose clients are judged otherwise: the request "
                  "needs a connection of its own.",
                  reply);
    return false;
}

/* It comes too soon, by its client's rate or as conn_body_begin has found: says when it may come again. */
static bool is_too_soon(struct conn *conn, struct conn_request *from, struct answer *answer)
{
    unsigned wait = from->route->exempt ? 0 : conn_rate(conn, from);
    if (wait < from->wait)
        wait = from->wait;
    if (wait == 0)
        return false;
    problem_reply(&answer->request, 429, NULL, &answer->reply);
    if (reply_header(&answer->reply, "Retry-After", "%u", wait) != 0)
        log_debug("%s: no room for Retry-After", conn->remote);
    return true;
}

static void fill(struct conn *conn, struct conn_request *from, struct answer *answer)
{
    struct request *request = &answer->request;
    struct reply *reply = &answer->reply;
    answer->path[0] = '\0';
    request->path = answer->path;
    bool judged = conn_refresh(conn) == 0;
    const struct snapshot *snapshot = conn->snapshot; /* conn_refresh may have moved it */
    request->conf = snapshot->conf;
    if (!judged) {
        problem_reply(request, 500, NULL, reply);
        return;
    }
    request->client_auth = conn->listener->conf->client_auth;
    request->served_as = conn_host(conn);
    if (conn->stray) {
        problem_reply(request, 403, "This address is not one of the listener's trusted proxies.", reply);
        return;
    }
    describe_client(conn, request);
    if (!find_place(conn, &from->head, answer))
        return;
    from->route = route_for(snapshot->policy, conn->listener->conf->routes, request->host, request->path);
    if (is_too_soon(conn, from, answer))
        return;
    route_dispatch(from->route, snapshot->policy, request, reply);
    if (reply->status == 403 && request->decision) {
        log_refusal(conn, request);
        keep_refusal(from, request->decision, conn->peer);
    }
}

void answer_make(struct conn *conn, struct conn_request *from, struct answer *answer)
{
    const struct request request = {
        .method = route_method(from->head.method),
        .method_text = from->head.method,
        .target = from->head.target,
        .host = "",
        .authority = "",
        .header = conn_header,
        .header_cls = &from->head,
        .body = from->body.bytes,
        .body_len = from->body.len,
        .body_over = from->body.over,
        .connection_id = conn->id,
        .number = from->number,
        .now = answer->now,
        .remote = conn->remote,
        .listener = conn->listener_name,
        .cert_requested = conn->asked,
        .tls = &conn->facts,
        .record = conn->transport.record,
        .rejections = rejections_of,
        .rejections_done = rejections_page_free,
        .metrics = metrics_of,
        .look = look,
        .beside = listeners_beside,
        .server = conn,
        .document_root = -1,
        .kept = answer->kept,
        .kept_cls = answer->kept_cls,
    };
    answer->request = request;
    reply_init(&answer->reply);
    fill(conn, from, answer);
    conn_body_done(from);
    if (answer->enough)
        limits_hit(conn->place.limits, LIMIT_keepalive_requests, conn->remote, conn->listener_name);
    answer->reply.close = answer->reply.close || answer->close || conn->orphan;
}

void answer_begin(const struct conn *conn, struct answer *answer)
{
    answer->now = clock_now();
    answer->kept = NULL;
    answer->kept_cls = NULL;
    answer->enough = conn->n_requests >= (uint64_t)conn->snapshot->conf->keepalive_requests;
    answer->close = answer->enough || conn->orphan || live_draining(conn->worker->live);
}

struct kept_key answer_key(const struct conn *conn, const struct request *request)
{
    const bool hosts = policy_tells_hosts(conn->snapshot->policy);
    return (struct kept_key){conn->snapshot->generation, conn->listener, request->path,
                             request->header(request, "Accept-Encoding"), hosts ? request->host : NULL};
}

void answer_done(struct answer *answer)
{
    if (answer->reply.trouble)
        troubles_tell(answer->reply.trouble, clock_mono_ms());
    reply_done(&answer->reply);
}
