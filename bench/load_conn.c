/* One connection of the benchmark's client: from connect() over the handshake and requests to its end. */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* 127.0.0.2 and on: each has its own ports, of which closed connections keep some for a minute. */
enum { SOURCES = 8 };

/* Client certificates that take turns. */
static struct client {
    X509 *crt, *issuer;
    EVP_PKEY *key;
} * clients;

void disconnect(struct conn *conn)
{
    if (conn->ssl) {
        if (conn->state != GONE)
            SSL_shutdown(conn->ssl); /* says goodbye; the answer is not waited for, as other clients do */
        SSL_free(conn->ssl);
        conn->ssl = NULL;
    }
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
}

void fail(struct conn *conn, const char *what)
{
    if (!run.first_failure[0]) {
        char why[160] = "";
        unsigned long code = ERR_peek_error();
        if (code)
            ERR_error_string_n(code, why, sizeof why);
        snprintf(run.first_failure, sizeof run.first_failure, "%s%s%s", what, why[0] ? ": " : "", why);
    }
    ERR_clear_error();
    run.failed++;
    conn->state = GONE;
    disconnect(conn);
}

static void watch(struct conn *conn, uint32_t events)
{
    if (conn->events == events)
        return;
    struct epoll_event event = {.events = events, .data.ptr = conn};
    if (epoll_ctl(run.epoll, conn->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, conn->fd, &event) != 0)
        die("epoll_ctl");
    conn->events = events;
}

/* OpenSSL hands its reference over when this returns 1. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct conn *conn = SSL_get_app_data(ssl);
    SSL_SESSION_free(conn->session);
    conn->session = session;
    return 1;
}

/* On loopback connect() does not wait, so it may block; it is bounded by the socket's timeout. */
static bool dial(struct conn *conn)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0)
        die("socket");
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(run.opened++ % SOURCES));
    struct timeval patience = {.tv_sec = 5};
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    conn->fd = fd;
    return bind(fd, (struct sockaddr *)&source, sizeof source) == 0 &&
           connect(fd, (struct sockaddr *)&opt.address, sizeof opt.address) == 0 &&
           fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

static void use_client(SSL *ssl, const struct client *client)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    if (!chain || !sk_X509_push(chain, client->issuer) ||
        !SSL_use_cert_and_key(ssl, client->crt, client->key, chain, 1))
        die("a client certificate");
    sk_X509_free(chain);
}

void begin(struct conn *conn)
{
    conn->events = 0;
    conn->fresh = true;
    if (!dial(conn)) {
        fail(conn, strerror(errno));
        return;
    }
    conn->ssl = SSL_new(run.ctx);
    if (!conn->ssl || !SSL_set_fd(conn->ssl, conn->fd) || !SSL_set_tlsext_host_name(conn->ssl, opt.host))
        die("SSL_new");
    SSL_set_app_data(conn->ssl, conn);
    if (opt.n_clients > 0)
        use_client(conn->ssl, &clients[(opt.first_client + run.opened) % opt.n_clients]);
    SSL_set_connect_state(conn->ssl);
    if (opt.resume && conn->session)
        SSL_set_session(conn->ssl, conn->session);
    conn->state = HANDSHAKING;
}

void begin_request(struct conn *conn)
{
    conn->state = SENDING;
    conn->head_read = false;
    conn->head_len = 0;
}

/* The head is whole when its empty line is in; what follows that in the buffer is the body's beginning. */
static bool read_head(struct conn *conn)
{
    conn->head[conn->head_len] = '\0';
    char *end = strstr(conn->head, "\r\n\r\n");
    if (!end)
        return conn->head_len < HEAD_SIZE - 1;
    *end = '\0';
    const char *length = strcasestr(conn->head, "\r\nContent-Length:");
    if (strncmp(conn->head, "HTTP/1.1 200", 12) != 0 || !length)
        return false;
    uint64_t body = strtoull(length + strlen("\r\nContent-Length:"), NULL, 10);
    uint64_t have = conn->head_len - (size_t)(end + 4 - conn->head);
    if (have > body || (opt.has_length && body != opt.length))
        return false;
    conn->head_read = true;
    conn->body_left = body - have;
    if (opt.mode == GET) {
        printf("%s\r\n\r\n", conn->head);
        fwrite(end + 4, 1, have, stdout);
    }
    return true;
}

/* Takes what is there; 1 when the response is whole, 0 when more must come, -1 for what is none. */
static int read_response(struct conn *conn)
{
    for (;;) {
        bool body = conn->head_read;
        char *into = body ? run.buffer : conn->head + conn->head_len;
        size_t room = body ? sizeof run.buffer : HEAD_SIZE - 1 - conn->head_len, n = 0;
        if (!SSL_read_ex(conn->ssl, into, room, &n))
            return SSL_get_error(conn->ssl, 0) == SSL_ERROR_WANT_READ ? 0 : -1;
        run.bytes += n;
        if (!body) {
            conn->head_len += n;
            if (!read_head(conn))
                return -1;
        } else if (n > conn->body_left) {
            return -1;
        } else {
            conn->body_left -= n;
            if (opt.mode == GET)
                fwrite(into, 1, n, stdout);
        }
        if (conn->head_read && conn->body_left == 0)
            return 1;
    }
}

bool more_wanted(void)
{
    return !run.expired && (!opt.count || run.started < opt.count) && now() < run.end;
}

/* After a response, or after a handshake that no request follows. */
static void finish(struct conn *conn)
{
    if (run.measuring)
        run.done++;
    conn->state = RESTING;
    if (!run.measuring || opt.rate || !more_wanted())
        return;
    run.started++;
    if (opt.mode == REQUESTS) {
        begin_request(conn);
    } else {
        disconnect(conn);
        begin(conn);
    }
}

static void after_handshake(struct conn *conn)
{
    if (conn->fresh && run.measuring && opt.mode == HANDSHAKES) {
        bool resumed = SSL_session_reused(conn->ssl) == 1;
        run.resumed += resumed;
        if (resumed != opt.resume) {
            fail(conn, resumed ? "resumed, though it should not be" : "not resumed");
            return;
        }
    }
    conn->fresh = false;
    if (opt.no_request && run.measuring)
        finish(conn);
    else
        begin_request(conn);
}

/* Drives the connection until it must wait. */
void advance(struct conn *conn)
{
    for (;;) {
        size_t n;
        int rc;
        switch (conn->state) {
        case HANDSHAKING:
            rc = SSL_do_handshake(conn->ssl);
            if (rc == 1) {
                after_handshake(conn);
                break;
            }
            rc = SSL_get_error(conn->ssl, rc);
            if (rc != SSL_ERROR_WANT_READ && rc != SSL_ERROR_WANT_WRITE) {
                fail(conn, "handshake");
                return;
            }
            watch(conn, rc == SSL_ERROR_WANT_WRITE ? EPOLLOUT : EPOLLIN);
            return;
        case SENDING:
            if (SSL_write_ex(conn->ssl, opt.request, opt.request_len, &n)) {
                conn->state = READING;
                watch(conn, EPOLLIN);
                return; /* nothing can have come yet */
            }
            if (SSL_get_error(conn->ssl, 0) != SSL_ERROR_WANT_WRITE) {
                fail(conn, "request");
                return;
            }
            watch(conn, EPOLLOUT);
            return;
        case READING:
            rc = read_response(conn);
            if (rc < 0)
                fail(conn, conn->head_read ? "body" : conn->head_len ? conn->head : "no response");
            else if (rc > 0)
                finish(conn);
            if (rc <= 0)
                return;
            break;
        default:
            return;
        }
    }
}

/* ---- the context
 * --------------------------------------------------------------------------------------------------- */

static void load_clients(void)
{
    clients = calloc(opt.n_clients, sizeof *clients);
    if (!clients)
        die("no memory");
    for (size_t i = 0; i < opt.n_clients; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%zu.pem", opt.folder, i + 1);
        FILE *file = fopen(path, "re");
        if (!file)
            die(path);
        clients[i].key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
        clients[i].crt = PEM_read_X509(file, NULL, NULL, NULL);
        clients[i].issuer = PEM_read_X509(file, NULL, NULL, NULL);
        fclose(file);
        if (!clients[i].key || !clients[i].crt || !clients[i].issuer)
            die(path);
    }
}

void make_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx)
        die("SSL_CTX_new");
    int version = opt.tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
    const char *ciphers = opt.ciphers ? opt.ciphers
                          : opt.tls12 ? "ECDHE-ECDSA-AES128-GCM-SHA256"
                                      : "TLS_AES_128_GCM_SHA256";
    /* One version, one cipher, one group: every server does the same work. The server's chain is not
     * validated: what it proves of itself, its signature, is checked anyway, and the rest would be the
     * client's time. */
    if (!SSL_CTX_set_min_proto_version(ctx, version) || !SSL_CTX_set_max_proto_version(ctx, version) ||
        !(opt.tls12 ? SSL_CTX_set_cipher_list(ctx, ciphers) : SSL_CTX_set_ciphersuites(ctx, ciphers)) ||
        !SSL_CTX_set1_groups_list(ctx, opt.groups))
        die("the cipher or the group");
    if (opt.cert && (SSL_CTX_use_certificate_chain_file(ctx, opt.cert) != 1 ||
                     SSL_CTX_use_PrivateKey_file(ctx, opt.key ? opt.key : opt.cert, SSL_FILETYPE_PEM) != 1))
        die("the client certificate");
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    if (opt.mode == IDLE) {
        SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    } else {
        SSL_CTX_set_read_ahead(ctx, 1);
        SSL_CTX_set_default_read_buffer_len(ctx, READ_SIZE);
    }
    if (opt.n_clients > 0)
        load_clients();
    run.ctx = ctx;
}

void free_context(void)
{
    for (size_t i = 0; i < opt.n_clients; i++) {
        EVP_PKEY_free(clients[i].key);
        X509_free(clients[i].crt);
        X509_free(clients[i].issuer);
    }
    free(clients);
    SSL_CTX_free(run.ctx);
}
