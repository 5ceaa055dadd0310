/* The floor of the rows of proxied requests: the least that can stand in front of an application and speak
 * TLS. It looks at nothing that passes, each client has a connection to the application of its own, and
 * writes no log: a handshake, records, and for each request one recv and one send on either side.
 *
 *     relay PORT ORIGIN-PORT CERTIFICATE-AND-KEY
 *
 * listens on 127.0.0.1:PORT, with the libraries that mtlsd uses, one thread over epoll, until it is ended. */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS = 64,
    RECORD = 16 * 1024,
    PIECE = 64 * 1024,          /* what one recv takes */
    SEALED = PIECE + PIECE / 4, /* its records */
};

struct conn;

struct side {
    struct conn *conn;
    int fd;
    bool readable; /* there may be bytes of which no edge tells any more */
};

/* Bytes that a socket has not taken yet. */
struct held {
    size_t at, len;
    char bytes[SEALED];
};

struct conn {
    struct side client, server;
    gnutls_session_t session;
    bool shaken, dead;
    struct conn *next_dead;
    struct held in; /* ciphertext that GnuTLS has not taken */
    struct held up, down;
};

static gnutls_certificate_credentials_t credentials;
static struct sockaddr_in origin = {.sin_family = AF_INET};
static struct conn *dead;
static int epoll;

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

/* --- sockets -------------------------------------------------------------------------------------------- */

/* As recv; a short read has emptied the socket, and the next bytes are an edge of their own. */
static ssize_t take(struct side *side, void *data, size_t size)
{
    if (!side->readable) {
        errno = EAGAIN;
        return -1;
    }
    ssize_t n = recv(side->fd, data, size, 0);
    if (n != 0 && (size_t)n < size)
        side->readable = false;
    return n;
}

/* 1: all has gone; 0: there is no room; -1: the connection is over. */
static int give(struct side *side, struct held *held)
{
    while (held->at < held->len) {
        ssize_t n = send(side->fd, held->bytes + held->at, held->len - held->at, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        held->at += (size_t)n;
    }
    held->at = held->len = 0;
    return 1;
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t size)
{
    struct conn *conn = ptr;
    struct held *in = &conn->in;
    if (in->at == in->len) {
        ssize_t n = take(&conn->client, in->bytes, sizeof in->bytes);
        if (n <= 0) {
            gnutls_transport_set_errno(conn->session, errno);
            return n;
        }
        in->at = 0;
        in->len = (size_t)n;
    }
    size_t n = in->len - in->at < size ? in->len - in->at : size;
    memcpy(data, in->bytes + in->at, n);
    in->at += n;
    return (ssize_t)n;
}

/* Records are put together, and leave in one piece. */
static ssize_t push(gnutls_transport_ptr_t ptr, const void *data, size_t size)
{
    struct held *down = &((struct conn *)ptr)->down;
    if (size > sizeof down->bytes - down->len)
        return -1;
    memcpy(down->bytes + down->len, data, size);
    down->len += size;
    return (ssize_t)size;
}

/* --- one client ----------------------------------------------------------------------------------------- */

/* The directions return 1: one that has to wait; -1: the connection is over. */
static int go_up(struct conn *conn)
{
    for (;;) {
        int rc = give(&conn->server, &conn->up);
        if (rc <= 0)
            return rc < 0 ? -1 : 1;
        ssize_t n = gnutls_record_recv(conn->session, conn->up.bytes, RECORD);
        if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
            return 1;
        if (n <= 0)
            return -1;
        conn->up.len = (size_t)n;
    }
}

static int go_down(struct conn *conn)
{
    static char plain[PIECE];
    for (;;) {
        int rc = give(&conn->client, &conn->down);
        if (rc <= 0)
            return rc < 0 ? -1 : 1;
        ssize_t n = take(&conn->server, plain, sizeof plain);
        if (n <= 0)
            return n < 0 && errno == EAGAIN ? 1 : -1;
        for (ssize_t at = 0; at < n; at += RECORD) {
            size_t size = n - at < RECORD ? (size_t)(n - at) : RECORD;
            if (gnutls_record_send(conn->session, plain + at, size) != (ssize_t)size)
                return -1;
        }
    }
}

static int advance(struct conn *conn)
{
    if (!conn->shaken) {
        int rc = gnutls_handshake(conn->session);
        if (give(&conn->client, &conn->down) < 0 || (rc < 0 && gnutls_error_is_fatal(rc)))
            return -1;
        if (rc < 0)
            return 1;
        conn->shaken = true;
    }
    int rc = go_up(conn);
    return rc < 0 ? rc : go_down(conn);
}

static void end(struct conn *conn)
{
    close(conn->client.fd);
    close(conn->server.fd);
    gnutls_deinit(conn->session);
    conn->dead = true;
    conn->next_dead = dead; /* an event of it may be in the same batch */
    dead = conn;
}

static void watch(struct side *side, struct conn *conn, int fd)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    *side = (struct side){.conn = conn, .fd = fd};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = side};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
}

static void adopt(int listener)
{
    int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct conn *conn = calloc(1, sizeof *conn);
    if (client < 0 || server < 0 || !conn ||
        (connect(server, (struct sockaddr *)&origin, sizeof origin) != 0 && errno != EINPROGRESS) ||
        gnutls_init(&conn->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0 ||
        gnutls_set_default_priority(conn->session) < 0 ||
        gnutls_credentials_set(conn->session, GNUTLS_CRD_CERTIFICATE, credentials) < 0)
        die("a connection");
    gnutls_transport_set_ptr(conn->session, conn);
    gnutls_transport_set_pull_function(conn->session, pull);
    gnutls_transport_set_push_function(conn->session, push);
    watch(&conn->client, conn, client);
    watch(&conn->server, conn, server);
    /* The set has it, until end(). */
} // NOLINT(clang-analyzer-unix.Malloc)

static void on_event(struct side *side, uint32_t events)
{
    side->readable = side->readable || (events & ~(uint32_t)EPOLLOUT);
    if (!side->conn->dead && advance(side->conn) < 0)
        end(side->conn);
}

/* --- main ----------------------------------------------------------------------------------------------- */

static int listen_at(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1024) != 0)
        die("listen");
    return fd;
}

int main(int argc, char **argv)
{
    static char arrivals;
    if (argc != 4) {
        fputs("Usage: relay PORT ORIGIN-PORT CERTIFICATE-AND-KEY\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    origin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    origin.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 || gnutls_certificate_allocate_credentials(&credentials) < 0 ||
        gnutls_certificate_set_x509_key_file(credentials, argv[3], argv[3], GNUTLS_X509_FMT_PEM) < 0)
        die(argv[3]);
    int listener = listen_at(argv[1]);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &arrivals};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
        die("epoll_ctl");
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, -1);
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &arrivals)
                adopt(listener);
            else
                on_event(events[i].data.ptr, events[i].events);
        }
        while (dead) {
            struct conn *conn = dead;
            dead = conn->next_dead;
            free(conn);
        }
    }
}
