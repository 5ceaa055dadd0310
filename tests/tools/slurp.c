/* A client that reads in odd ways, for tests of how responses are sent: it pipelines the requests on its
 * stdin and prints a line for each response.
 *
 *   slurp PORT [chunk=N] [rcvbuf=N] [depth=N] [cut=N] [stop=N] [tls12] [bye] [wait]
 *
 * A request is a line METHOD PATH [HEADER: VALUE]..., the headers separated by "|". A response's line is its
 * status, the length of its body and the body's SHA-256. chunk: the most bytes in one read from the socket.
 * rcvbuf: the size of the socket's buffer. depth: the requests that may be under way at once. cut: resets the
 * connection after so many bytes of bodies. bye: says goodbye (close_notify) when all has been asked for.
 * wait: after the requests were sent prints "sent" and reads nothing until stdin ends. */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_REQUESTS = 4096, BUFFER = 65536, SECONDS = 60 };

static struct {
    int fd;
    size_t chunk;
    long long cut, stop; /* -1: never */
    gnutls_session_t session;
    char buffer[BUFFER];
    size_t at, len;
    long long bodies;
} link_;

static void die(const char *what, const char *why)
{
    printf("%s: %s\n", what, why);
    exit(1);
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t size)
{
    (void)ptr;
    ssize_t n = recv(link_.fd, data, size < link_.chunk ? size : link_.chunk, 0);
    if (n < 0)
        gnutls_transport_set_errno(link_.session, errno);
    return n;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *data, size_t size)
{
    (void)ptr;
    ssize_t n = send(link_.fd, data, size, MSG_NOSIGNAL);
    if (n < 0)
        gnutls_transport_set_errno(link_.session, errno);
    return n;
}

static void cut(void)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(link_.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(link_.fd);
    printf("cut\n");
    exit(0);
}

/* At least one more byte in the buffer. */
static void fill(void)
{
    if (link_.at == link_.len)
        link_.at = link_.len = 0;
    if (link_.len == BUFFER)
        die("response", "a head of over 64 KiB");
    for (;;) {
        ssize_t n = gnutls_record_recv(link_.session, link_.buffer + link_.len, BUFFER - link_.len);
        if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
            continue;
        if (n <= 0)
            die("closed", n == 0 ? "end of stream" : gnutls_strerror((int)n));
        link_.len += (size_t)n;
        return;
    }
}

static char *head_line(void)
{
    size_t seen = 0;
    for (;;) {
        char *from = link_.buffer + link_.at, *end = memchr(from + seen, '\n', link_.len - link_.at - seen);
        if (end) {
            *end = '\0';
            if (end > from && end[-1] == '\r')
                end[-1] = '\0';
            link_.at = (size_t)(end + 1 - link_.buffer);
            return from;
        }
        if (link_.at > 0) {
            memmove(link_.buffer, from, link_.len - link_.at);
            link_.len -= link_.at;
            link_.at = 0;
        }
        seen = link_.len;
        fill();
    }
}

static void response(bool head)
{
    unsigned status = 0;
    unsigned long long length = 0;
    char *line = head_line();
    if (sscanf(line, "HTTP/1.1 %u", &status) != 1)
        die("response", line);
    while (*(line = head_line())) {
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            length = strtoull(line + 15, NULL, 10);
    }
    if (head || status == 304 || status == 204)
        length = 0;
    gnutls_hash_hd_t hash;
    if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0)
        die("hash", "cannot begin");
    for (unsigned long long left = length; left > 0;) {
        if (link_.at == link_.len)
            fill();
        size_t n = link_.len - link_.at;
        if (n > left)
            n = (size_t)left;
        gnutls_hash(hash, link_.buffer + link_.at, n);
        link_.at += n;
        left -= n;
        link_.bodies += (long long)n;
        if (link_.cut >= 0 && link_.bodies >= link_.cut)
            cut();
        if (link_.stop >= 0 && link_.bodies >= link_.stop) {
            link_.stop = -1;
            raise(SIGSTOP);
        }
    }
    unsigned char sum[32];
    gnutls_hash_deinit(hash, sum);
    printf("%u %llu ", status, length);
    for (size_t i = 0; i < sizeof sum; i++)
        printf("%02x", sum[i]);
    printf("\n");
}

static void request(char *line)
{
    char text[8192];
    char *method = strtok(line, " "), *path = strtok(NULL, " "), *fields = strtok(NULL, "");
    int n = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path ? path : "/");
    for (char *field = fields ? strtok(fields, "|") : NULL; field; field = strtok(NULL, "|"))
        n += snprintf(text + n, sizeof text - (size_t)n, "%s\r\n", field + strspn(field, " "));
    n += snprintf(text + n, sizeof text - (size_t)n, "\r\n");
    for (int at = 0; at < n;) {
        ssize_t sent = gnutls_record_send(link_.session, text + at, (size_t)(n - at));
        if (sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED)
            continue;
        if (sent < 0)
            die("closed", gnutls_strerror((int)sent));
        at += (int)sent;
    }
}

static long number(int argc, char **argv, const char *name, long otherwise)
{
    size_t len = strlen(name);
    for (int i = 2; i < argc; i++) {
        if (strncmp(argv[i], name, len) == 0 && argv[i][len] == '=')
            return strtol(argv[i] + len + 1, NULL, 10);
    }
    return otherwise;
}

static bool flag(int argc, char **argv, const char *name)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return true;
    }
    return false;
}

static void open_link(int argc, char **argv)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    link_.chunk = (size_t)number(argc, argv, "chunk", BUFFER);
    link_.cut = number(argc, argv, "cut", -1);
    link_.stop = number(argc, argv, "stop", -1);
    link_.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rcvbuf = (int)number(argc, argv, "rcvbuf", 0), on = 1;
    if (rcvbuf > 0)
        setsockopt(link_.fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
    setsockopt(link_.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(link_.fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect", strerror(errno));
    gnutls_certificate_credentials_t creds;
    gnutls_certificate_allocate_credentials(&creds);
    gnutls_init(&link_.session, GNUTLS_CLIENT);
    gnutls_set_default_priority(link_.session);
    if (flag(argc, argv, "tls12"))
        gnutls_priority_set_direct(link_.session, "NORMAL:-VERS-ALL:+VERS-TLS1.2", NULL);
    gnutls_credentials_set(link_.session, GNUTLS_CRD_CERTIFICATE, creds);
    gnutls_server_name_set(link_.session, GNUTLS_NAME_DNS, "localhost", 9);
    gnutls_transport_set_pull_function(link_.session, pull);
    gnutls_transport_set_push_function(link_.session, push);
    int rc;
    do
        rc = gnutls_handshake(link_.session);
    while (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED);
    if (rc < 0)
        die("handshake", gnutls_strerror(rc));
}

int main(int argc, char **argv)
{
    static char *line[MOST_REQUESTS];
    static bool head[MOST_REQUESTS];
    size_t n = 0, room = 0;
    if (argc < 2)
        return 2;
    alarm(SECONDS);
    signal(SIGPIPE, SIG_IGN);
    bool wait = flag(argc, argv, "wait");
    while (n < MOST_REQUESTS && (wait ? n == 0 : true) && getline(&line[n], &room, stdin) > 0) {
        line[n][strcspn(line[n], "\n")] = '\0';
        head[n] = strncmp(line[n], "HEAD ", 5) == 0;
        n++;
        room = 0;
    }
    open_link(argc, argv);
    size_t depth = (size_t)number(argc, argv, "depth", 1), sent = 0;
    if (wait) {
        request(line[0]);
        printf("sent\n");
        fflush(stdout);
        for (;;) /* until it is killed, or the alarm rings */
            pause();
    }
    for (size_t got = 0; got < n; got++) {
        while (sent < n && sent - got < depth)
            request(line[sent++]);
        if (got == 0 && flag(argc, argv, "bye"))
            gnutls_bye(link_.session, GNUTLS_SHUT_WR);
        response(head[got]);
    }
    gnutls_bye(link_.session, GNUTLS_SHUT_WR);
    return 0;
}
