/* Plaintext of a connection, up to a request that is whole: the gate judges it, its head is kept, its body is
 * dropped, unless a backend has it (proxy_up.c) or its route is one of the few that take one. What is refused
 * gets its answer here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/path.h"
#include "http/plain.h"
#include "http/problem.h"
#include "http/route.h"
#include "server/conn_impl.h"

struct account_client conn_account_client(const struct conn *conn)
{
    return (struct account_client){
        .remote = conn->remote,
        .listener = conn->listener_name,
        .facts = &conn->facts,
        .peer = conn->peer,
        .run = conn->worker->live->run,
        .connection_id = conn->id,
    };
}

void conn_decision_done(struct conn_request *request)
{
    free(request->refused_by);
    request->refused_by = NULL;
    request->refused_code = NULL;
    peer_unref(request->peer);
    request->peer = NULL;
}

void conn_answered(struct conn *conn, struct conn_request *request)
{
    struct account_client client = conn_account_client(conn);
    if (request->peer)
        client.peer = request->peer;
    struct account_request what = {
        .head = &request->head,
        .upstream = &request->upstream,
        .route = request->route,
        .status = request->status,
        .reply_bytes = request->reply_bytes,
        .took_us = clock_mono_us() - request->began_us,
        .number = request->number,
        .refused_code = request->status == 403 ? request->refused_code : NULL,
        .refused_by = request->refused_by,
    };
    account_answered(&client, &what);
    conn_decision_done(request);
}

/* What the gate refuses is malformed, or over a limit. */
static enum limit limit_of(const struct conn_request *request)
{
    switch (request->gate.status) {
    case 413:
        return LIMIT_body;
    case 414:
        return LIMIT_uri;
    case 431:
        return request->gate.used < request->limits.max_head ? LIMIT_header_fields : LIMIT_header_bytes;
    default:
        return LIMIT_COUNT;
    }
}

const char *conn_header(const struct request *request, const char *name)
{
    return http1_head_value(request->header_cls, name);
}

/* What came so far says in which form. */
void conn_problem_reply(struct conn *conn, struct conn_request *cause, unsigned status, const char *detail,
                        struct reply *reply)
{
    struct http1_head *head = &cause->head;
    if (!head->whole && http1_head_finish(head) != 0)
        log_debug("%s: no memory for the head of a refused request", conn->remote);
    struct request request = {
        .target = head->target,
        .header = conn_header,
        .header_cls = head,
        .conf = conn->snapshot->conf,
    };
    if (status == 405 && reply_header(reply, "Allow", "GET, HEAD, OPTIONS") != 0)
        log_debug("%s: no room for Allow", conn->remote);
    problem_reply(&request, status, detail, reply);
    const unsigned wait = status == 503 ? 1 : status == 429 ? cause->wait_s : 0;
    if (wait > 0 && reply_header(reply, "Retry-After", "%u", wait) != 0)
        log_debug("%s: no room for Retry-After", conn->remote);
    if (!conn->listener->conf->tls) /* RFC 6797 section 7.2: over TLS only */
        reply_drop_header(reply, "Strict-Transport-Security");
}

uint64_t conn_problem(struct conn *conn, unsigned status, const char *detail, bool last, struct buf *answer)
{
    struct reply reply;
    reply_init(&reply);
    conn_problem_reply(conn, &conn->request, status, detail, &reply);
    bool headers_only = strcmp(conn->request.head.method, "HEAD") == 0;
    plain_reply(&reply, clock_now(), headers_only, last, answer);
    uint64_t bytes = headers_only ? 0 : reply.body.len;
    reply_done(&reply);
    return bytes;
}

void conn_refuse(struct conn *conn, unsigned status, const char *detail, struct buf *answer)
{
    bool understood = conn->request.head.whole;
    uint64_t bytes = conn_problem(conn, status, detail, true, answer);
    if (understood) {
        conn_request_counts(conn, &conn->request);
        conn->request.status = status;
        conn->request.reply_bytes = bytes;
        conn->request.route = NULL;
        conn_answered(conn, &conn->request);
    } else {
        struct account_client client = conn_account_client(conn);
        account_refused(&client, status, bytes);
    }
    http1_head_done(&conn->request.head);
    conn_body_done(&conn->request);
    conn->request.heard = false;
}

unsigned conn_rate(struct conn *conn, struct conn_request *request)
{
    if (!request->rated && conn->snapshot->conf->request_rate > 0)
        request->wait_s = limits_request(&conn->place, conn->remote);
    request->rated = true;
    return request->wait_s;
}

bool conn_is_last(const struct conn *conn)
{
    const struct http1_head *head = &conn->request.head;
    bool close = http1_head_has(head, "Connection", "close") ||
                 (http1_head_is_old(head) && !http1_head_has(head, "Connection", "keep-alive"));
    return close || conn->orphan || live_draining(conn->worker->live) ||
           conn->n_requests >= (uint64_t)conn->snapshot->conf->keepalive_requests;
}

unsigned conn_gate_refused(struct conn *conn, struct conn_request *request, char detail[static CONN_DETAIL])
{
    static const char *const WORDS[LIMIT_COUNT][2] = {
        [LIMIT_body] = {"The body is larger than", "bytes (max_body)"},
        [LIMIT_uri] = {"The request-target is longer than", "bytes (max_uri)"},
        [LIMIT_header_bytes] = {"The request line and the header fields are longer than",
                                "bytes (max_header)"},
        [LIMIT_header_fields] = {"There are more than", "header fields (max_header_fields)"},
    };
    enum limit over = limit_of(request);
    unsigned status = request->gate.status;
    if (over == LIMIT_COUNT) {
        log_info("%s: listener %s: request refused with %u: %s", conn->remote, conn->listener_name, status,
                 request->gate.why);
        snprintf(detail, CONN_DETAIL, "The request cannot be taken: %s.", request->gate.why);
    } else {
        const struct http1_limits *limits = &request->limits;
        uint32_t target = limits->max_target < limits->max_head ? limits->max_target : limits->max_head;
        unsigned long long most = over == LIMIT_body           ? limits->max_body
                                  : over == LIMIT_uri          ? target
                                  : over == LIMIT_header_bytes ? limits->max_head
                                                               : limits->max_fields;
        limits_hit(conn->place.limits, over, conn->remote, conn->listener_name);
        snprintf(detail, CONN_DETAIL, "%s %llu %s.", WORDS[over][0], most, WORDS[over][1]);
    }
    return status;
}

static void refused_by_gate(struct conn *conn, struct buf *answer)
{
    char detail[CONN_DETAIL];
    unsigned status = conn_gate_refused(conn, &conn->request, detail);
    conn_refuse(conn, status, detail, answer);
}

int conn_limit_body(struct conn *conn, uint64_t most, struct conn_word *word)
{
    struct http1_gate *gate = &conn->request.gate;
    conn->request.limits.max_body = most;
    if (http1_gate_content(gate) <= most)
        return 0;
    gate->status = 413;
    gate->why = "the body is too large";
    refused_by_gate(conn, &word->answer);
    word->last = true;
    return ERR_RANGE;
}

/* How large a body may be is known when its head came, where a location may say so. */
static void begin_limits(struct conn *conn)
{
    const struct conf *conf = conn->snapshot->conf;
    if (http1_gate_idle(&conn->request.gate))
        conn->request.limits.max_body = conf->n_backends > 0 ? UINT64_MAX : (uint64_t)conf->max_body;
}

/* --- a body that is needed ------------------------------------------------------------------------------ */

size_t conn_body_most(const struct conn *conn, const struct conn_request *request)
{
    const struct http1_head *head = &request->head;
    char path[PATH_MOST + 1];
    const char *query;
    /* Where the path is a backend's, or the client may not have it, what is kept is thrown away with the
     * answer: that is asked once, behind the body. */
    if (route_method(head->method) != METHOD_POST || !conn->snapshot->conf->verify_route ||
        path_normalise(head->target, path, &query) != 0)
        return 0;
    return route_body(route_match(path), METHOD_POST);
}

int conn_body_begin(struct conn *conn, struct conn_request *request)
{
    if (http1_head_finish(&request->head) != 0)
        return ERR_NOMEM;
    const size_t most = conn_body_most(conn, request);
    if (most == 0)
        return 0;
    request->wait = limits_verify(&conn->place, conn->remote);
    if (request->wait > 0)
        return 0;
    http1_body_begin(&request->body, most);
    if (http1_gate_content(&request->gate) > most)
        http1_body_drop(&request->body);
    return 0;
}

void conn_body_put(struct conn *conn, struct conn_request *request, const char *bytes, size_t len)
{
    if (request->body.most == 0 || http1_body_put(&request->body, bytes, len) == 0)
        return;
    limits_hit(conn->place.limits, LIMIT_memory, conn->remote, conn->listener_name);
    http1_body_done(&request->body);
    request->wait = 1;
}

void conn_body_done(struct conn_request *request)
{
    http1_body_done(&request->body);
    request->expects = false;
    request->wait = 0;
}

/* How much is fed at once: of a body that is kept, content alone, and what frames it byte by byte. */
static size_t piece(const struct conn *conn, size_t len, bool *content)
{
    uint64_t next = http1_gate_content(&conn->request.gate);
    *content = conn->request.body.most > 0 && next > 0;
    if (conn->request.body.most == 0)
        return len;
    return next == 0 ? 1 : next < len ? (size_t)next : len;
}

static bool needs_body(const struct conn *conn)
{
    return conn->request.body.most > 0 && !conn->request.body.over;
}

static void out_of_memory(struct conn *conn, struct conn_word *word)
{
    limits_hit(conn->place.limits, LIMIT_memory, conn->remote, conn->listener_name);
    conn_refuse(conn, 503, NULL, &word->answer);
    word->last = true;
}

void conn_request_begins(struct conn_request *request)
{
    request->began_us = clock_mono_us();
    request->rated = false;
    request->wait_s = 0;
}

void conn_request_counts(struct conn *conn, struct conn_request *request)
{
    request->number = ++conn->n_requests;
}

/* The request is whole, or shall be answered as if it were. */
static void pass(struct conn *conn, bool cut, struct conn_word *word)
{
    if (http1_head_finish(&conn->request.head) != 0) {
        out_of_memory(conn, word);
        return;
    }
    conn->request.heard = false;
    word->whole = true;
    word->cut = cut;
}

struct conn_word conn_plaintext(struct conn *conn, const char *data, size_t len)
{
    struct http1_gate *gate = &conn->request.gate;
    struct conn_word word = {0};
    unsigned seen = 0, events = 0;
    begin_limits(conn);
    while (word.used < len) {
        events = 0;
        bool head = http1_gate_idle(gate) || http1_gate_in_head(gate), content;
        size_t most = piece(conn, len - word.used, &content);
        size_t n = http1_gate_feed(gate, &conn->request.limits, data + word.used, most, &events);
        if (head && http1_head_put(&conn->request.head, data + word.used, n) != 0) {
            out_of_memory(conn, &word);
            return word;
        }
        if (content)
            conn_body_put(conn, &conn->request, data + word.used, n);
        if (!head)
            conn->request.expects = false; /* it did not wait */
        word.used += n;
        seen |= events;
        if (events & HTTP1_HEAD_BEGUN)
            conn_request_begins(&conn->request);
        if (gate->status != 0) {
            refused_by_gate(conn, &word.answer);
            word.last = true;
            return word;
        }
        word.head = (events & HTTP1_HEAD_DONE) && conn->snapshot->conf->n_backends > 0;
        if (events & HTTP1_HEAD_DONE)
            conn->request.heard = true;
        if (events & HTTP1_REQUEST_DONE)
            pass(conn, false, &word);
        else if ((events & HTTP1_HEAD_DONE) && (word.head ? http1_head_finish(&conn->request.head)
                                                          : conn_body_begin(conn, &conn->request)) != 0)
            out_of_memory(conn, &word);
        if (word.head || word.last || (events & HTTP1_REQUEST_DONE))
            return word;
        conn->request.expects =
            conn->request.expects || ((events & HTTP1_HEAD_DONE) && http1_gate_expects(gate));
    }
    /* RFC 9110 section 10.1.1: the final answer instead of 100 where the body is not needed, so that it is
     * known. A client that did not wait gets it behind its body. */
    const bool expects = conn->request.expects;
    conn->request.expects = false;
    if (expects && !needs_body(conn)) {
        pass(conn, true, &word);
        return word;
    }
    word.proceed = expects;
    if (!http1_gate_idle(gate) && (seen & (HTTP1_HEAD_BEGUN | HTTP1_HEAD_DONE))) {
        conn_arriving(conn);
    }
    return word;
}

void conn_left(struct conn *conn)
{
    /* It sent a head, which counts as a request, and not the body that this announced. */
    if (!conn->request.heard || http1_head_finish(&conn->request.head) != 0)
        return;
    conn_request_counts(conn, &conn->request);
    conn->request.status = 0;
    conn->request.reply_bytes = 0;
    conn->request.route = NULL;
    conn_answered(conn, &conn->request);
}

void conn_timed_out(struct conn *conn, struct buf *answer)
{
    if (http1_gate_idle(&conn->request.gate))
        return;
    bool head = http1_gate_in_head(&conn->request.gate);
    limits_hit(conn->place.limits, head ? LIMIT_header_time : LIMIT_body_time, conn->remote,
               conn->listener_name);
    conn_refuse(conn, 408,
                head ? "The head of the request did not arrive in time (header_timeout)."
                     : "The body of the request did not arrive in time (body_timeout).",
                answer);
}
