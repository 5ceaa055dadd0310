/* The heads of a proxied exchange: what http/forward.h has to know of the connection, and how the body that
 * follows is framed. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/forward.h"
#include "http/host.h"
#include "http/path.h"
#include "server/proxy_impl.h"
#include "tls/proxy_header_write.h"

/* --- towards the backend -------------------------------------------------------------------------------- */

union socket_name {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/* Where the client came to. */
static bool own_address(const struct conn *conn, union socket_name *out)
{
    socklen_t len = sizeof *out;
    *out = (union socket_name){.any.sa_family = AF_UNSPEC};
    return getsockname(conn->transport.fd, &out->any, &len) == 0;
}

static unsigned own_port(struct conn *conn)
{
    union socket_name own;
    if (conn->port == 0 && own_address(conn, &own))
        conn->port = ntohs(own.any.sa_family == AF_INET6 ? own.in6.sin6_port : own.in.sin_port);
    return conn->port;
}

/* A proxy in front that says in fields for whom it asks. One that says so by a PROXY header has stepped
 * aside: its client is the peer then. */
static bool is_trusted(const struct conn *conn)
{
    const struct conf_listener *conf = conn->listener->conf;
    struct sockaddr_storage from = {0};
    socklen_t len = sizeof from;
    if (conf->proxy_protocol != PROXY_PROTOCOL_OFF || conf->trusted_proxies.n == 0 ||
        getpeername(conn->transport.fd, (struct sockaddr *)&from, &len) != 0)
        return false;
    for (size_t i = 0; i < conf->trusted_proxies.n; i++) {
        if (cidr_has(&conn->listener->proxies[i], (const struct sockaddr *)&from))
            return true;
    }
    return false;
}

/* False: the session has a chain that is not its client's. */
static bool look_at_client(struct conn *conn, struct client_view *out)
{
    *out = (struct client_view){
        .peer = conn->peer,
        .tls = &conn->facts,
        .remote = conn->remote,
        .listener = conn->listener_name,
        .connection = conn->id,
    };
    return !conn->asked || proof_chain(&conn->trail, conn->transport.session, &out->chain, &out->n_chain);
}

int proxy_request_head(struct proxied *p, const struct proxy_aim *aim, struct buf *out)
{
    enum { OURS = 512 }; /* our own fields, nearly always, but for the client's identity */
    struct conn *conn = p->conn;
    const struct http1_head *head = &p->request->head;
    struct client_view client;
    struct request_view request;
    struct buf encoded = {0};
    if (!look_at_client(conn, &client))
        return ERR_DENIED;
    forward_view(&request, p->location, head, aim->path, aim->query, aim->authority, &encoded);
    request.number = p->request->number;
    request.now = clock_now();
    struct forward forward = {
        .location = p->location,
        .head = head,
        .path = aim->path,
        .client = &client,
        .request = &request,
        .identity = identity_of(&conn->identity, p->location->identity, &client),
        .trusted = is_trusted(conn),
        .port = own_port(conn),
        .instance = conn->worker->live->run,
        .body = !p->bodied      ? FORWARD_NO_BODY
                : p->up_chunked ? FORWARD_CHUNKED
                                : FORWARD_LENGTH,
        .length = http1_gate_content(&p->request->gate),
    };
    struct forward_made made = {0};
    if (forward.identity)
        buf_expect(out, head->len + forward.identity->len + OURS);
    int rc = forward.identity && !buf_failed(&encoded) ? forward_request(&forward, out, &made) : ERR_NOMEM;
    p->upgrades = made.upgrades;
    p->forged = made.forged;
    buf_done(&encoded);
    return rc;
}

/* The only common name of a certificate: of several nobody can say which one is meant. */
static const struct certname_attr *common_name(const struct certinfo *leaf)
{
    const struct certname_attr *only = NULL;
    for (size_t i = 0; i < leaf->subject.n; i++) {
        const struct certname_attr *attr = &leaf->subject.attr[i];
        if (strcmp(attr->label, "CN") != 0)
            continue;
        if (only || attr->is_der)
            return NULL;
        only = attr;
    }
    return only;
}

void proxy_opening(const struct proxied *p, struct buf *out)
{
    static const unsigned VERSIONS[] = {[SEND_PROXY_OFF] = 0,
                                        [SEND_PROXY_V1] = PROXY_V1,
                                        [SEND_PROXY_V2] = PROXY_V2,
                                        [SEND_PROXY_V2_CERT] = PROXY_V2};
    const enum send_proxy send = p->backend->conf->send_proxy;
    const unsigned version = VERSIONS[send];
    const struct conn *conn = p->conn;
    const struct peer *peer = conn->peer;
    char target[LIMITS_REMOTE], key[40] = "";
    union socket_name own;
    if (version == 0)
        return;
    struct proxy_said said = {
        .source = conn->remote,
        .target = own_address(conn, &own) ? limits_remote(&own.any, target) : NULL,
        .tls = conn->transport.session != NULL,
        .server_name = conn->facts.server_name,
        .alpn = conn->facts.alpn,
        .version = conn->facts.version,
        .cipher = conn->facts.cipher_suite,
        .certificate = peer && peer->n_chain > 0,
        .resumed = conn->facts.resumed,
        .verified = peer && peer->verify == VERIFY_SUCCESS,
    };
    if (conn->n_shown > 0) {
        const struct certinfo *shown = conn->shown[0];
        bool curve = strncmp(shown->key_algorithm, "EC", 2) == 0;
        snprintf(key, sizeof key, "%s%u", curve ? "EC" : shown->key_algorithm, shown->key_bits);
        said.key = key;
        said.signature = shown->signature_algorithm;
    }
    const struct certname_attr *name = said.certificate && said.verified ? common_name(peer->chain[0]) : NULL;
    if (name) {
        said.common_name = name->value;
        said.common_name_len = name->len;
    }
    const gnutls_datum_t *chain = NULL;
    unsigned n = 0;
    if (send == SEND_PROXY_V2_CERT && said.verified &&
        proof_chain(&conn->trail, conn->transport.session, &chain, &n) && n > 0)
        said.der = chain[0];
    proxy_write_header(version, &said, out);
}

/* --- towards the client --------------------------------------------------------------------------------- */

static void put_framing(const struct proxied *p, struct buf *out)
{
    const struct response *response = &p->response;
    bool may_have = response->status >= 200 && response->status != 204;
    if (p->down_chunked) {
        buf_puts(out, "Transfer-Encoding: chunked\r\n");
    } else if (may_have && response_has_length(response)) {
        buf_puts(out, "Content-Length: ");
        buf_put_uint(out, response->declared);
        buf_puts(out, "\r\n");
    }
    if (p->tunnel || p->stream || response->status < 200)
        return;
    if (p->close)
        buf_puts(out, "Connection: close\r\n");
    else if (http1_head_is_old(&p->request->head))
        buf_puts(out, "Connection: keep-alive\r\n");
}

int proxy_response_head(struct proxied *p, const char *bytes, size_t len, struct buf *out)
{
    enum { VERSION = 8 }; /* "HTTP/1.0", which is the backend's */
    const char *end = memchr(bytes, '\n', len);
    if (!end)
        return ERR_SYNTAX;
    buf_puts(out, "HTTP/1.1");
    buf_put(out, bytes + VERSION, (size_t)(end + 1 - bytes) - VERSION);
    const struct forward_home home = {
        .location = p->location,
        .request = &p->request->head,
        .server_name = p->conn->facts.server_name,
    };
    const struct forward_answer answer = {
        .conf = p->snapshot->conf,
        .home = &home,
        .date = worker_date(p->conn->worker, clock_now()),
        .upgrade = p->tunnel,
        .interim = p->response.status < 200,
    };
    forward_response(&answer, bytes, len, out);
    put_framing(p, out);
    buf_puts(out, "\r\n");
    return buf_failed(out) ? ERR_NOMEM : 0;
}

void proxy_trailers(struct proxied *p, const char *bytes, size_t len, struct buf *out)
{
    if (!http1_head_has(&p->request->head, "TE", "trailers"))
        return;
    for (const char *line = bytes, *end = bytes + len, *next; line < end; line = next) {
        next = memchr(line, '\n', (size_t)(end - line));
        if (!next)
            return;
        next++;
        const char *colon = memchr(line, ':', (size_t)(next - line));
        if (colon && forward_is_trailer(line, (size_t)(colon - line)))
            buf_put(out, line, (size_t)(next - line));
    }
}
