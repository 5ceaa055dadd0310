#include "server/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mapping.h"
#include "base/text.h"
#include "http/plain.h"
#include "http/problem.h"
#include "http/route.h"
#include "server/answer.h"
#include "server/conn.h"
#include "server/http1_response.h"
#include "server/http1_wait.h"
#include "server/kept.h"
#include "server/troubles.h"

static struct conn *conn_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void begin(struct conn_request *request)
{
    request->under_way = false;
    request->status = 0;
    request->reply_bytes = 0;
    request->route = NULL;
}

void *exchange_target(void *cls, const char *uri, struct MHD_Connection *connection)
{
    (void)cls;
    struct conn *conn = conn_of(connection);
    if (!conn)
        return NULL;
    if (conn->http1.made)
        return conn;
    begin(&conn->request);
    if (conn->request.head.whole)
        return conn;
    conn_request_begins(&conn->request);
    /* Without the preemption nobody kept a head: this one begins with what MHD drops soon. */
    if (http1_head_put(&conn->request.head, "GET ", 4) != 0 ||
        http1_head_put(&conn->request.head, uri, strlen(uri)) != 0)
        log_debug("%s: no memory for a target", conn->remote);
    return conn;
}

static enum MHD_Result put_field(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    struct http1_head *head = cls;
    const char *const part[] = {"\r\n", name, ": ", value ? value : ""};
    for (size_t i = 0; i < ARRAY_LEN(part); i++) {
        if (http1_head_put(head, part[i], strlen(part[i])) != 0)
            return MHD_NO;
    }
    return MHD_YES;
}

/* The same head as with the preemption, from what MHD has parsed. */
static int head_of_mhd(struct conn *conn, struct MHD_Connection *connection, const char *method,
                       const char *version)
{
    struct http1_head *head = &conn->request.head;
    int rc = http1_head_put(head, " ", 1);
    if (rc == 0)
        rc = http1_head_put(head, version, strlen(version));
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, put_field, head);
    if (rc == 0)
        rc = http1_head_put(head, "\r\n", 2);
    if (rc == 0)
        rc = http1_head_finish(head);
    head->method = method; /* MHD's, as long as the request */
    return rc;
}

/* Where the answer to a request may come from, or go to, besides the handlers. */
struct shelf {
    struct conn *conn;
    const struct route *route; /* whose reply may be kept; NULL: this one may not */
    struct kept_key key;       /* for KEEP_SECOND */
    uint64_t now_ms;
    time_t now;
    struct kept_bytes *bytes;    /* of the finished one that was found there; NULL: it has none */
    struct kept_response *found; /* that one, until it is given: a reference; NULL: none */
};

/* A request and its answer. */
struct exchange {
    struct answer answer;
    struct shelf shelf;
    struct kept_bytes *finished; /* a reference; NULL: those of `shelf`, or libmicrohttpd gives it */
};

static bool from_shelf(const struct request *request, const struct route *route, struct reply *reply)
{
    struct shelf *shelf = request->kept_cls;
    struct conn *conn = shelf->conn;
    if (conn->orphan || !route_keeps(route, request)) /* a finished one does not say that it is the last */
        return false;
    struct kept found = {0};
    shelf->route = route;
    if (route->keep == KEEP_CONNECTION) {
        if (conn->kept_route == route && conn->kept_at == shelf->now &&
            conn->kept_generation == conn->snapshot->generation)
            found = conn->kept;
    } else {
        shelf->key = answer_key(conn, request);
        (void)kept_find(conn->worker->kept, &shelf->key, shelf->now_ms, &found);
    }
    /* A mapped file that was written since is not what its length and ETag say. */
    if (!found.response || (found.mapping && !mapping_is_current(found.mapping)))
        return false;
    shelf->bytes = found.bytes;
    /* It may leave the store before libmicrohttpd asks for it, which does where memory is short, too. */
    shelf->found = kept_response_ref(found.response);
    reply->ready = found.response->made;
    reply->length = found.length;
    reply->status = 200;
    return true;
}

/* Takes over the reference, or gives it back. */
static void to_shelf(const struct shelf *shelf, struct MHD_Response *made,
                     const struct http1_sharing *sharing, uint64_t length)
{
    struct conn *conn = shelf->conn;
    struct kept_response *response = kept_response_new(made);
    if (!response) {
        MHD_destroy_response(made);
        return;
    }
    const size_t all = sharing->bytes ? sharing->bytes->len : (size_t)length;
    const struct kept kept = {
        .response = response,
        .length = length,
        .memory =
            length > HTTP1_SMALL_FILE ? 0 : all, /* what is not in memory of its own costs the store none */
        .mapping = sharing->mapping,
        .bytes = sharing->bytes,
    };
    if (shelf->route->keep == KEEP_CONNECTION) {
        kept_drop(&conn->kept);
        conn->kept = kept;
        conn->kept_route = shelf->route;
        conn->kept_at = shelf->now;
        conn->kept_generation = conn->snapshot->generation;
    } else if (!kept_add(conn->worker->kept, &shelf->key, shelf->now_ms,
                         (size_t)conn->snapshot->conf->file_cache, &kept)) {
        kept_response_unref(response);
    }
}

/* What the log says of the answer. */
static void note(struct conn *conn, const struct request *request, const struct reply *reply)
{
    uint64_t length = reply->ready || reply->fd >= 0 ? reply->length : reply->body.len;
    conn->request.status = reply->status;
    conn->request.reply_bytes =
        request->method == METHOD_HEAD || http1_response_is_bodiless(reply) ? 0 : length;
}

/* Whether it may be given again. Without a body there is nothing worth keeping. */
static bool is_worth_keeping(const struct shelf *shelf, const struct reply *reply)
{
    return shelf->route && reply->status == 200 && !reply->unkept && shelf->conn->request.reply_bytes > 0;
}

static void make(struct conn *conn, struct exchange *exchange)
{
    struct answer *answer = &exchange->answer;
    struct shelf *shelf = &exchange->shelf;
    answer_begin(conn, answer);
    *shelf = (struct shelf){.conn = conn, .now_ms = clock_mono_ms(), .now = answer->now};
    if (!answer->close) { /* the finished ones do not say so */
        answer->kept = from_shelf;
        answer->kept_cls = shelf;
    }
    answer_make(conn, &conn->request, answer);
    note(conn, &answer->request, &answer->reply);
    if (answer->reply.close)
        shelf->route = NULL;
}

/* Puts it on the shelf as well; the caller owns a reference. NULL when memory is short. */
static struct kept_bytes *keep(const struct shelf *shelf, struct reply *reply, const char *date)
{
    struct http1_sharing sharing = {.shared = true, .again = true};
    const uint64_t length = http1_response_length(reply);
    struct MHD_Response *response = http1_response_new(reply, date, &sharing);
    if (!response)
        return NULL;
    sharing.bytes->refs++;
    to_shelf(shelf, response, &sharing, length);
    return sharing.bytes;
}

/* NULL: it is too long to be in memory, or that is short, and libmicrohttpd gives the answer. */
static struct kept_bytes *finish(struct exchange *exchange, const char *connection)
{
    const struct shelf *shelf = &exchange->shelf;
    struct reply *reply = &exchange->answer.reply;
    const char *date = worker_date(shelf->conn->worker, shelf->now);
    if (reply->ready ? !shelf->bytes : !http1_response_is_small(reply))
        return NULL;
    if (!reply->ready && !is_worth_keeping(shelf, reply)) {
        exchange->finished = http1_response_bytes(reply, date, connection);
        return exchange->finished;
    }
    if (!reply->ready)
        exchange->finished = keep(shelf, reply, date);
    struct kept_bytes *bytes = reply->ready ? shelf->bytes : exchange->finished;
    if (!bytes || !connection)
        return bytes;
    struct kept_bytes *said = http1_response_saying(bytes, connection);
    kept_bytes_unref(exchange->finished);
    exchange->finished = said;
    return said;
}

struct kept_bytes *exchange_make(struct conn *conn, const char *connection, bool *last)
{
    struct worker *worker = conn->worker;
    struct exchange *made = worker->made ? worker->made : malloc(sizeof *made);
    worker->made = NULL;
    if (!made)
        return NULL;
    begin(&conn->request);
    conn_request_counts(conn, &conn->request);
    make(conn, made);
    made->finished = NULL;
    conn->http1.made = made;
    if (made->answer.close || made->answer.reply.close)
        connection = PLAIN_CLOSE;
    *last = connection && strcmp(connection, PLAIN_CLOSE) == 0;
    return finish(made, connection);
}

static void done(struct exchange *exchange)
{
    kept_response_unref(exchange->shelf.found);
    answer_done(&exchange->answer);
}

void exchange_forget(struct conn *conn)
{
    struct worker *worker = conn->worker;
    struct exchange *made = conn->http1.made;
    if (!made)
        return;
    conn->http1.made = NULL;
    kept_bytes_unref(made->finished);
    done(made);
    free(worker->made);
    worker->made = made;
}

/* Memory is short, or a file was cut short since it was looked at: the next moment may be better. */
static struct MHD_Response *sorry(const struct shelf *shelf, const struct request *request,
                                  struct reply *reply)
{
    struct http1_sharing alone = {0};
    bool close = reply->close;
    reply_done(reply);
    reply_init(reply);
    reply->close = close;
    (void)reply_header(reply, "Retry-After", "1");
    problem_reply(request, 503, NULL, reply);
    note(shelf->conn, request, reply);
    return http1_response_new(reply, worker_date(shelf->conn->worker, shelf->now), &alone);
}

static enum MHD_Result give(struct conn *conn, struct MHD_Connection *connection, unsigned status,
                            struct MHD_Response *response)
{
    if (conn->request.reply_bytes > 0)
        transport_body_follows(&conn->transport, conn->request.reply_bytes);
    return MHD_queue_response(connection, status, response);
}

static enum MHD_Result queue(struct MHD_Connection *connection, const struct shelf *shelf,
                             const struct request *request, struct reply *reply)
{
    struct conn *conn = shelf->conn;
    if (reply->ready)
        return give(conn, connection, reply->status, reply->ready);
    struct http1_sharing sharing = {.shared = conn->request.reply_bytes > 0,
                                    .again = is_worth_keeping(shelf, reply)};
    uint64_t length = http1_response_length(reply);
    struct MHD_Response *response =
        http1_response_new(reply, worker_date(conn->worker, shelf->now), &sharing);
    if (!response) {
        response = sorry(shelf, request, reply);
        sharing.shared = false;
    }
    if (!response)
        return MHD_NO;
    enum MHD_Result rc = give(conn, connection, reply->status, response);
    if (sharing.shared && sharing.again)
        to_shelf(shelf, response, &sharing, length);
    else
        MHD_destroy_response(response);
    return rc;
}

enum MHD_Result exchange_handle(void *cls, struct MHD_Connection *connection, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *upload_size, void **request_cls)
{
    (void)cls, (void)url;
    struct conn *conn = *request_cls;
    if (!conn)
        return MHD_NO;
    /* MHD calls once with the head, then for each part of a body, then once more with nothing. A response to
     * the first call would make MHD close the connection. What comes here of a body is needed only without
     * the preemption: with it MHD is told of none, and conn_plaintext has kept or dropped it. */
    if (!conn->request.under_way) {
        conn->request.under_way = true;
        if (conn->http1.made)
            return MHD_YES;
        conn_request_counts(conn, &conn->request);
        if (conn->request.head.whole)
            return MHD_YES;
        return head_of_mhd(conn, connection, method, version) == 0 &&
                       conn_body_begin(conn, &conn->request) == 0
                   ? MHD_YES
                   : MHD_NO;
    }
    if (*upload_size > 0) {
        conn_body_put(conn, &conn->request, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }

    struct exchange now, *exchange = conn->http1.made;
    if (!exchange) {
        exchange = &now;
        make(conn, exchange);
    }
    conn_answering(conn);
    enum MHD_Result rc =
        queue(connection, &exchange->shelf, &exchange->answer.request, &exchange->answer.reply);
    if (rc != MHD_YES)
        log_error("%s: listener %s: a response could not be queued", conn->remote, conn->listener_name);
    if (exchange == &now)
        done(exchange);
    else
        exchange_forget(conn);
    return rc;
}

/* The client sees only that its connection ends. */
static void tell_of_lost(const struct conn *conn)
{
    struct buf line;
    buf_init(&line, 4096);
    buf_puts(&line, "a file was cut short while it was sent, its client's connection ends: ");
    const char *target = conn->request.head.target ? conn->request.head.target : "";
    text_escape(&line, target, strcspn(target, "?"));
    if (!buf_failed(&line))
        troubles_tell(line.data, clock_mono_ms());
    buf_done(&line);
}

void exchange_completed(void *cls, struct MHD_Connection *connection, void **request_cls,
                        enum MHD_RequestTerminationCode why)
{
    (void)cls, (void)why, (void)connection;
    struct conn *conn = *request_cls;
    if (conn) {
        if (conn->transport.body_lost)
            tell_of_lost(conn);
        if (conn->request.under_way)
            conn_answered(conn, &conn->request);
        conn->request.under_way = false;
        http1_head_clear(&conn->request.head);
        exchange_forget(conn);
        conn->http1.asked = false;
        http1_over(conn);
    }
    *request_cls = NULL;
}
