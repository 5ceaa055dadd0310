/* The application behind the servers in the rows of proxied requests: HTTP/1.1 without TLS, one thread over
 * epoll, answers that are ready before they are asked for. What it costs counts for nobody.
 *
 *     origin
 *
 * writes its port to the standard output and serves until its standard input ends. The last number of the
 * path is the length of the answer's body: /app/100. /app/events is an answer that does not end, of which one
 * event of 1,000 bytes comes, /app/socket becomes a WebSocket, which says as much. It answers when the
 * request's body is in. What is not as the row means it gets 400, which the client counts as a failure: below
 * /identity/ the head has to name the client, by its certificate and by its subject; a POST has to have a
 * body with a length. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS = 64,
    HEAD_SIZE = 16 * 1024,
    MOST_ANSWERS = 8,
    MOST_LENGTH = 128 * 1024 * 1024,
    LEAST_CERTIFICATE = 200, /* octets of its encoded form */
};

/* What goes out, head and body in one. */
struct answer {
    size_t length; /* of the body, by which it is found */
    char *bytes;
    size_t n;
};

struct conn {
    int fd;
    size_t have;               /* of the head */
    uint64_t body_left;        /* of the request */
    const struct answer *next; /* what it gets; NULL: its head is not whole */
    size_t sent;               /* of that */
    char head[HEAD_SIZE];
};

static struct answer answers[MOST_ANSWERS], refusal, stream, tunnel;
static int epoll;

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "origin: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

/* `head`, so many bytes, `end`. */
static void put_together(struct answer *out, const char *head, size_t length, const char *end)
{
    size_t before = strlen(head), behind = strlen(end);
    out->length = length;
    out->n = before + length + behind;
    out->bytes = malloc(out->n + 1);
    if (!out->bytes)
        die("no memory");
    memcpy(out->bytes, head, before);
    memset(out->bytes + before, 'x', length);
    memcpy(out->bytes + before + length, end, behind + 1);
}

#define OWN "Server: origin\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"

static void make_answer(struct answer *out, const char *status, size_t length)
{
    char head[256];
    snprintf(head, sizeof head,
             "HTTP/1.1 %s\r\n" OWN "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", status, length);
    put_together(out, head, length, "");
}

static void make_endless(void)
{
    put_together(&stream,
                 "HTTP/1.1 200 OK\r\n" OWN
                 "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\ndata: ",
                 992, "\n\n\r\n");
    put_together(&tunnel,
                 "HTTP/1.1 101 Switching Protocols\r\n" OWN
                 "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                 1000, "");
}

static const struct answer *answer_of(size_t length)
{
    for (size_t i = 0; i < MOST_ANSWERS && length <= MOST_LENGTH; i++) {
        if (!answers[i].bytes)
            make_answer(&answers[i], "200 OK", length);
        if (answers[i].length == length)
            return &answers[i];
    }
    return &refusal;
}

/* Behind "\nNAME: ", wherever in a name that may be; NULL: there is no such field. */
static const char *value_of(const char *head, const char *name)
{
    const char *at = strcasestr(head, name);
    return at ? at + strlen(name) : NULL;
}

static bool names_client(const char *head)
{
    const char *certificate = value_of(head, "Client-Cert: "), *subject = value_of(head, "Client-S-DN: ");
    return certificate && strcspn(certificate, "\r") >= LEAST_CERTIFICATE && subject && *subject != '\r';
}

/* The head is whole and ends with a NUL. */
static void judge(struct conn *conn)
{
    const char *path = strchr(conn->head, ' '), *end = path ? strchr(path + 1, ' ') : NULL;
    const char *length = value_of(conn->head, "\r\nContent-Length: ");
    bool post = strncmp(conn->head, "POST ", 5) == 0;
    conn->sent = 0;
    conn->body_left = length ? strtoull(length, NULL, 10) : 0;
    conn->next = &refusal;
    if (!end || post != (conn->body_left > 0) || strcasestr(conn->head, "\r\nTransfer-Encoding:") ||
        (strncmp(path, " /identity/", 11) == 0 && !names_client(conn->head)))
        return;
    while (end > path && end[-1] != '/')
        end--;
    if (strncmp(end, "events ", 7) == 0)
        conn->next = &stream;
    else if (strncmp(end, "socket ", 7) == 0)
        conn->next = value_of(conn->head, "\r\nUpgrade: websocket") ? &tunnel : &refusal;
    else
        conn->next = answer_of(strtoul(end, NULL, 10));
}

static void close_conn(struct conn *conn)
{
    close(conn->fd);
    free(conn);
}

/* What is in the buffer, up to `have`. False: it makes no sense. */
static bool take(struct conn *conn)
{
    conn->head[conn->have] = '\0';
    char *end = strstr(conn->head, "\r\n\r\n");
    if (!end)
        return conn->have < HEAD_SIZE - 1;
    size_t body = conn->have - (size_t)(end + 4 - conn->head);
    end[2] = '\0';
    judge(conn);
    conn->have = 0;
    if (body > conn->body_left)
        return false;
    conn->body_left -= body;
    return true;
}

/* 1: a whole request came; 0: more must come; -1: the connection is over. */
static int read_request(struct conn *conn)
{
    static char dropped[64 * 1024];
    do {
        ssize_t n = conn->next ? recv(conn->fd, dropped, sizeof dropped, 0)
                               : recv(conn->fd, conn->head + conn->have, HEAD_SIZE - 1 - conn->have, 0);
        if (n <= 0)
            return n < 0 && errno == EAGAIN ? 0 : -1;
        if (!conn->next) {
            conn->have += (size_t)n;
            if (!take(conn))
                return -1;
        } else if ((uint64_t)n > conn->body_left) {
            return -1;
        } else {
            conn->body_left -= (uint64_t)n;
        }
    } while (!conn->next || conn->body_left > 0);
    return 1;
}

/* 1: all has gone; 0: the socket has no room; -1: the connection is over. */
static int send_answer(struct conn *conn)
{
    while (conn->sent < conn->next->n) {
        ssize_t n = send(conn->fd, conn->next->bytes + conn->sent, conn->next->n - conn->sent, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        conn->sent += (size_t)n;
    }
    conn->next = NULL;
    return 1;
}

/* Edges: it goes on until one of the directions has no more. */
static void run(struct conn *conn)
{
    int rc = 1;
    while (rc > 0) {
        bool answering = conn->next && conn->body_left == 0;
        rc = answering ? send_answer(conn) : read_request(conn);
        if (rc > 0 && answering)
            return; /* the next request comes when this answer is there, and is an edge of its own */
    }
    if (rc < 0)
        close_conn(conn);
}

static void adopt(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
    struct conn *conn = fd >= 0 ? calloc(1, sizeof *conn) : NULL;
    if (!conn)
        die("a connection");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    conn->fd = fd;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = conn};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
    /* The set has it, until close_conn. */
} // NOLINT(clang-analyzer-unix.Malloc)

static int listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        die("listen");
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void watch(int fd, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
}

int main(void)
{
    static char arrivals, end;
    make_answer(&refusal, "400 Bad Request", 0);
    make_endless();
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        die("epoll");
    int listener = listen_somewhere();
    watch(listener, &arrivals);
    watch(STDIN_FILENO, &end);
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, -1);
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &end)
                return EXIT_SUCCESS;
            if (events[i].data.ptr == &arrivals)
                adopt(listener);
            else
                run(events[i].data.ptr);
        }
    }
}
