#include "server/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "http/path.h"
#include "http/problem.h"
#include "http/route.h"
#include "report/access.h"
#include "server/conn.h"
#include "server/server.h"

static struct conn *conn_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void *exchange_target(void *cls, const char *uri, struct MHD_Connection *connection)
{
    (void)cls;
    struct conn *conn = conn_of(connection);
    if (!conn)
        return NULL;
    transport_rest(&conn->transport, false, 0);
    conn->has_target = false;
    conn->under_way = false;
    conn->status = 0;
    conn->reply_bytes = 0;
    conn->began_us = clock_mono_us();
    size_t len = strlen(uri);
    if (len + 1 > conn->target_room) {
        char *target = realloc(conn->target, len + 1); /* the gate bounded it */
        if (!target)
            return conn;
        conn->target = target;
        conn->target_room = len + 1;
    }
    memcpy(conn->target, uri, len + 1);
    conn->has_target = true;
    return conn;
}

static const char *header_of(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value((struct MHD_Connection *)(uintptr_t)request->header_cls,
                                       MHD_HEADER_KIND, name);
}

static enum http_method method_of(const char *method)
{
    return strcmp(method, "GET") == 0       ? METHOD_GET
           : strcmp(method, "HEAD") == 0    ? METHOD_HEAD
           : strcmp(method, "OPTIONS") == 0 ? METHOD_OPTIONS
                                            : METHOD_OTHER;
}

/* Takes over the reply's body or file. NULL when memory is short. */
static struct MHD_Response *response_of(struct reply *reply)
{
    struct MHD_Response *response;
    if (reply->fd >= 0) {
        response = MHD_create_response_from_fd_at_offset64(reply->length, reply->fd, reply->offset);
        if (!response)
            return NULL;
        reply->fd = -1;
    } else {
        size_t len = 0;
        char *body = buf_take(&reply->body, &len);
        if (!body)
            return NULL;
        response = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
        if (!response) {
            free(body);
            return NULL;
        }
    }
    bool good = !reply->content_type || MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                                                reply->content_type) == MHD_YES;
    for (size_t i = 0; good && i < reply->n_headers; i++)
        good = MHD_add_response_header(response, reply->header[i].name, reply->header[i].value) == MHD_YES;
    if (good && reply->close)
        good = MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES;
    if (!good) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}

static enum MHD_Result queue(struct MHD_Connection *connection, struct reply *reply)
{
    struct MHD_Response *response = response_of(reply);
    if (!response)
        return MHD_NO;
    enum MHD_Result rc = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    return rc;
}

/* The log has all of it, whatever error_detail lets the client know. */
static void log_refusal(struct conn *conn, const struct request *request)
{
    const struct peer *peer = conn->peer;
    const struct certinfo *leaf = peer && peer->n_chain > 0 ? peer->chain[0] : NULL;
    struct buf text;
    buf_init(&text, 4096);
    text_escape(&text, request->path, strlen(request->path));
    for (size_t i = 0; peer && i < peer->n_errors; i++)
        buf_printf(&text, "%s%s", i ? ", " : ": ", VERDICT_ROWS[peer->errors[i].code].code);
    if (leaf)
        buf_printf(&text, ": subject \"%s\", issuer \"%s\", serial %s, sha256 %s", leaf->subject.text,
                   leaf->issuer.text, leaf->serial, leaf->fingerprint_sha256);
    log_warning("%s: listener %s: 403 for %s", conn->remote, conn->listener_name,
                text.data ? text.data : "?");
    buf_done(&text);
    conn_rejected(conn, false, -1, 403, "a request was answered with 403");
}

/* What a request points to while it is answered. */
struct scratch {
    char path[PATH_MOST + 1];
    struct health health;
};

static void answer(struct conn *conn, struct request *request, struct scratch *scratch, struct reply *reply)
{
    scratch->path[0] = '\0';
    request->path = scratch->path;
    bool judged = conn->has_target && conn_refresh(conn) == 0;
    const struct snapshot *snapshot = conn->snapshot; /* conn_refresh may have moved it */
    request->conf = snapshot->conf;
    if (!judged) {
        problem_reply(request, 500, NULL, reply);
        return;
    }
    request->peer = conn->peer;
    request->refused = conn_refused(conn);
    request->document_root = snapshot->document_root;
    request->advertised = trust_advertised(conn->listener->trust, &request->n_advertised);
    if (conn->client_auth == CLIENT_AUTH_OFF || conn->listener->conf->advertise_ca == ADVERTISE_CA_NONE)
        request->n_advertised = 0;
    if (path_normalise(conn->target, scratch->path, &request->query) != 0) {
        scratch->path[0] = '\0';
        problem_reply(request, 400,
                      "The path cannot be used: it has a bad escape, a control byte or leaves the root.",
                      reply);
        return;
    }
    bool exempt = route_match(request->path)->exempt;
    unsigned wait =
        exempt || snapshot->conf->request_rate == 0 ? 0 : limits_request(&conn->place, conn->remote);
    if (wait > 0) {
        problem_reply(request, 429, NULL, reply);
        if (reply_header(reply, "Retry-After", "%u", wait) != 0)
            log_debug("%s: no room for Retry-After", conn->remote);
        return;
    }
    if (exempt) {
        server_health(conn->server, snapshot, &scratch->health);
        request->health = &scratch->health;
    }
    struct rejection *rejections = NULL;
    if (strcmp(request->path, "/api/rejections") == 0)
        request->rejections = rejections =
            rejections_copy(server_rejections(conn->server), &request->n_rejections);
    route_dispatch(snapshot->policy, request, reply);
    rejections_copy_free(rejections, request->n_rejections);
    if (reply->status == 403)
        log_refusal(conn, request);
}

enum MHD_Result exchange_handle(void *cls, struct MHD_Connection *connection, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *upload_size, void **request_cls)
{
    (void)cls, (void)url, (void)upload;
    struct conn *conn = *request_cls;
    if (!conn)
        return MHD_NO;
    /* MHD calls once with the head, then for each part of a body, then once more with nothing. A response to
     * the first call would make MHD close the connection. A body is never needed: it is read and dropped; the
     * gate bounds it. */
    if (!conn->under_way) {
        conn->under_way = true;
        conn->n_requests++;
        snprintf(conn->method, sizeof conn->method, "%s", method);
        conn->protocol = strcmp(version, MHD_HTTP_VERSION_1_0) == 0 ? "HTTP/1.0" : "HTTP/1.1";
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }

    struct request request = {
        .method = method_of(method),
        .method_text = method,
        .target = conn->has_target ? conn->target : "",
        .header = header_of,
        .header_cls = connection,
        .connection_id = conn->id,
        .number = conn->n_requests,
        .now = clock_now(),
        .remote = conn->remote,
        .listener = conn->listener_name,
        .client_auth = conn->client_auth,
        .cert_requested = conn->client_auth != CLIENT_AUTH_OFF,
        .tls = &conn->facts,
        .record = conn->transport.record,
        .document_root = -1,
    };
    struct scratch scratch;
    struct reply reply;
    reply_init(&reply);
    answer(conn, &request, &scratch, &reply);
    if (server_draining(conn->server) || conn->orphan)
        reply.close = true;
    if (conn->n_requests >= (uint64_t)conn->snapshot->conf->keepalive_requests) {
        limits_hit(conn->place.limits, LIMIT_keepalive_requests, conn->remote, conn->listener_name);
        reply.close = true;
    }
    conn->status = reply.status;
    bool bodiless = request.method == METHOD_HEAD || reply.status == 304 || reply.status == 204;
    conn->reply_bytes = bodiless ? 0 : reply.fd >= 0 ? reply.length : reply.body.len;
    if (conn->reply_bytes > 0)
        transport_body_follows(&conn->transport);
    conn_answering(conn);
    enum MHD_Result rc = queue(connection, &reply);
    if (rc != MHD_YES)
        log_error("%s: listener %s: a response could not be queued", conn->remote, conn->listener_name);
    reply_done(&reply);
    return rc;
}

static void log_access(const struct conn *conn, struct MHD_Connection *connection)
{
    static const char *const VERIFY[] = {"NONE", "SUCCESS", "FAILED"};
    const struct certinfo *leaf = conn->peer && conn->peer->n_chain > 0 ? conn->peer->chain[0] : NULL;
    struct access_record record = {
        .at = clock_now(),
        .remote = conn->remote,
        .method = conn->method,
        .target = conn->has_target ? conn->target : "-",
        .protocol = conn->protocol,
        .status = conn->status,
        .bytes = conn->reply_bytes,
        .duration_us = clock_mono_us() - conn->began_us,
        .referer = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_REFERER),
        .user_agent = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_USER_AGENT),
        .listener = conn->listener_name,
        .tls_version = conn->facts.version,
        .cipher_suite = conn->facts.cipher_suite,
        .resumed = conn->facts.resumed,
        .client_verify = conn->peer ? VERIFY[conn->peer->verify] : "NONE",
        .client_subject = leaf ? leaf->subject.text : NULL,
        .client_serial = leaf ? leaf->serial : NULL,
        .client_fingerprint_sha256 = leaf ? leaf->fingerprint_sha256 : NULL,
        .connection_id = conn->id,
        .request_number = conn->n_requests,
    };
    access_write(&record);
}

void exchange_completed(void *cls, struct MHD_Connection *connection, void **request_cls,
                        enum MHD_RequestTerminationCode why)
{
    (void)cls, (void)why;
    struct conn *conn = *request_cls;
    if (conn) {
        if (access_enabled() && conn->under_way)
            log_access(conn, connection);
        conn->under_way = false;
        if (http1_gate_idle(&conn->gate))
            conn_idle(conn);
        else
            conn_pipelined(conn);
    }
    *request_cls = NULL;
}
