/* Plain HTTP: spoken to a listener with TLS by mistake, or to one without, which sends everybody to https,
 * once a connection. The request passes the gate that all pass; no route, location or file is asked for but
 * the answers of an ACME client. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/files_open.h"
#include "http/host.h"
#include "http/plain.h"
#include "http/redirect.h"
#include "server/conn_impl.h"

/* RFC 8555 section 8.3: a token of base64url, and as many bytes again of a key's thumbprint behind a dot. */
static const char CHALLENGES[] = "/.well-known/acme-challenge/",
                  TOKEN[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

enum { MOST_CHALLENGE = 4096 };

/* False: it is none, or there is no such file, and the request is as any other. */
static bool challenge_reply(const struct conn *conn, const struct request *request, struct reply *reply)
{
    const char *webroot = conn->listener->conf->acme_webroot.text;
    const size_t n = sizeof CHALLENGES - 1;
    if (!webroot || request->method > METHOD_HEAD || strncmp(request->path, CHALLENGES, n) != 0 ||
        !request->path[n] || request->path[n + strspn(request->path + n, TOKEN)])
        return false;
    struct files_found found = {.fd = -1};
    char text[MOST_CHALLENGE];
    int root = open(webroot, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int rc = root >= 0 ? files_open(root, request->path + 1, &found) : ERR_NOTFOUND;
    ssize_t len = rc == 0 && S_ISREG(found.st.st_mode) ? read(found.fd, text, sizeof text) : -1;
    if (rc == 0)
        close(found.fd);
    if (root >= 0)
        close(root);
    if (len < 0)
        return false;
    reply->status = 200;
    reply->content_type = "application/octet-stream";
    buf_put(&reply->body, text, (size_t)len);
    return true;
}

static void answer_request(struct conn *conn, struct buf *answer)
{
    const struct http1_head *head = &conn->request.head;
    char path[PATH_MOST + 1] = "", authority[HTTP1_AUTHORITY];
    struct request request = {
        .method = route_method(head->method),
        .method_text = head->method,
        .target = head->target,
        .path = path,
        .authority = http1_authority(head, "", authority),
        .host = "",
        .header = conn_header,
        .header_cls = head,
        .connection_id = conn->id,
        .number = 1,
        .now = clock_now(),
        .remote = conn->remote,
        .listener = conn->listener_name,
        .tls = &conn->facts,
        .conf = conn->snapshot->conf,
        .document_root = -1,
    };
    if (path_normalise(head->target, path, &request.query) != 0) {
        conn_refuse(conn, 400, "The path cannot be used.", answer);
        return;
    }
    struct reply reply;
    reply_init(&reply);
    if (!challenge_reply(conn, &request, &reply))
        redirect_reply(&request, &conn->listener->conf->redirect_to, &reply);
    reply_drop_header(&reply, "Strict-Transport-Security"); /* RFC 6797 section 7.2: over TLS only */
    const bool headers_only = request.method == METHOD_HEAD;
    plain_reply(&reply, request.now, headers_only, true, answer);
    conn_request_counts(conn, &conn->request);
    conn->request.status = reply.status;
    conn->request.reply_bytes = headers_only ? 0 : reply.body.len;
    conn->request.route = NULL;
    conn_answered(conn, &conn->request);
    reply_done(&reply);
}

/* No more comes of a head that is not whole. */
static void refuse_part(struct conn *conn, size_t len, struct buf *answer)
{
    if (len == 0) /* a check of the port, or a client that changed its mind */
        return;
    if (len >= TRANSPORT_PLAIN_MOST) {
        conn_refuse(conn, 431, "The head of the request is larger than a listener without TLS takes.",
                    answer);
        return;
    }
    const bool late = conn->ended == CONN_LATE;
    if (late)
        limits_hit(conn->place.limits, LIMIT_header_time, conn->remote, conn->listener_name);
    conn_refuse(conn, late ? 408 : 400,
                late ? "The head of the request did not arrive in time (header_timeout)."
                     : "The head of the request is not whole.",
                answer);
}

static bool redirect(struct conn *conn, const char *head, size_t len, bool over, struct buf *answer)
{
    struct conn_request *request = &conn->request;
    const size_t fed = request->head.len;
    char detail[CONN_DETAIL];
    unsigned events = 0;
    if (fed == 0 && len > 0)
        conn_request_begins(&conn->request);
    request->limits.max_body = UINT64_MAX; /* nobody reads it */
    const size_t n = http1_gate_feed(&request->gate, &request->limits, head + fed, len - fed, &events);
    if (http1_head_put(&request->head, head + fed, n) != 0)
        conn_refuse(conn, 503, NULL, answer);
    else if (request->gate.status != 0) {
        unsigned status = conn_gate_refused(conn, &conn->request, detail);
        conn_refuse(conn, status, detail, answer);
    } else if (!(events & HTTP1_HEAD_DONE)) {
        if (!over)
            return false;
        refuse_part(conn, len, answer);
    } else if (http1_head_finish(&request->head) != 0)
        conn_refuse(conn, 503, NULL, answer);
    else if (conn_rate(conn, &conn->request) > 0)
        conn_refuse(conn, 429, NULL, answer);
    else
        answer_request(conn, answer);
    handshakes_leave(&conn->worker->live->handshakes, &conn->handshake);
    return true;
}

bool conn_plain_http(struct transport *transport, const char *head, size_t len, bool over, struct buf *answer)
{
    struct conn *conn = conn_of_transport(transport);
    if (!conn->listener->conf->tls)
        return redirect(conn, head, len, over, answer);
    if (!over && !strstr(head, "\r\n\r\n") && !strstr(head, "\n\n"))
        return false;
    plain_http_answer(head, len, clock_now(), answer);
    return true;
}
