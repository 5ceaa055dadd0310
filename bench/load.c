/* The benchmark's client: TLS handshakes, requests and idle connections from one thread over epoll, on
 * OpenSSL, so that the client's own cost is small and has nothing in common with the server's library.
 *
 *     load [OPTION]... requests|handshakes|idle|get ADDRESS:PORT
 *
 * It connects and warms up, writes a line "ready {...}" with what was negotiated, and waits for a line on its
 * standard input; then it does what was asked, writes one line "done {...}" with the counts, and keeps its
 * connections until its standard input ends. Whoever measures a server reads its clock at these two lines.
 * Everything is bounded: by count (-n), by time (-t), and as a whole by an alarm. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_CONNECTIONS = 60000,
    MOST_SECONDS = 300,
    HEAD_SIZE = 8192,      /* of a response, or of all of a small one */
    READ_SIZE = 64 * 1024, /* also OpenSSL's, so that a large body takes few system calls */
    EVENTS = 64,
    OPENING = 32, /* idle connections that are opened at a time */
    SOURCES =
        8, /* 127.0.0.2 and on: each has its own ports, of which closed connections keep some for a minute */
};

enum mode { REQUESTS, HANDSHAKES, IDLE, GET, N_MODES };
static const char *const MODES[N_MODES] = {"requests", "handshakes", "idle", "get"};

/* What a connection waits for. RESTING has nothing to do; GONE failed and is not used again. */
enum state { HANDSHAKING, SENDING, READING, RESTING, GONE };

struct conn {
    int fd;
    SSL *ssl;
    SSL_SESSION *session; /* the newest that the server gave, for --resume */
    enum state state;
    uint32_t events; /* what epoll watches for it */
    bool fresh;      /* its handshake has not been counted yet */
    bool head_read;
    size_t head_len;
    uint64_t body_left;
    char head[HEAD_SIZE];
};

static struct {
    enum mode mode;
    struct sockaddr_in address;
    const char *host, *path, *cert, *key, *ciphers, *groups;
    uint64_t count; /* 0: until the time is over */
    double seconds; /* of the measured part */
    unsigned rate;  /* requests a second; 0: as fast as they come back */
    size_t n_conns;
    bool tls12, resume, no_request;
    char request[1024];
    size_t request_len;
} opt = {.host = "localhost", .path = "/livez", .groups = "X25519:P-256", .seconds = 2, .n_conns = 16};

static struct {
    SSL_CTX *ctx;
    int epoll;
    struct conn *conns;
    uint64_t opened; /* connections, for the next one's source address */
    uint64_t started, done, failed, resumed, bytes;
    bool measuring;
    double end; /* of the measured part */
    char first_failure[256];
    char buffer[READ_SIZE];
} run;

static volatile sig_atomic_t expired;

static void on_alarm(int number)
{
    (void)number;
    expired = 1;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "load: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    ERR_print_errors_fp(stderr);
    exit(EXIT_FAILURE);
}

/* ---- one connection
 * ------------------------------------------------------------------------------------------------ */

static void disconnect(struct conn *conn)
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

static void fail(struct conn *conn, const char *what)
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

static void begin(struct conn *conn)
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
    SSL_set_connect_state(conn->ssl);
    if (opt.resume && conn->session)
        SSL_set_session(conn->ssl, conn->session);
    conn->state = HANDSHAKING;
}

static void begin_request(struct conn *conn)
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
    if (have > body)
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

static bool more_wanted(void)
{
    return !expired && (!opt.count || run.started < opt.count) && now() < run.end;
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
static void advance(struct conn *conn)
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

/* ---- all of them
 * --------------------------------------------------------------------------------------------------- */

static size_t count_in(enum state state)
{
    size_t n = 0;
    for (size_t i = 0; i < opt.n_conns; i++)
        n += run.conns[i].state == state;
    return n;
}

/* Handles what is ready. */
static void turn(int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(run.epoll, events, EVENTS, timeout_ms);
    if (n < 0 && errno != EINTR)
        die("epoll_wait");
    for (int i = 0; i < n; i++) {
        struct conn *conn = events[i].data.ptr;
        if (conn->state == RESTING) {
            /* Only its end can come now, or a ticket that was late. */
            char byte;
            if (SSL_peek(conn->ssl, &byte, 1) <= 0 && SSL_get_error(conn->ssl, 0) != SSL_ERROR_WANT_READ)
                fail(conn, "closed by the server while idle");
        } else {
            advance(conn);
        }
    }
}

static bool any_busy(void)
{
    return count_in(RESTING) + count_in(GONE) < opt.n_conns;
}

/* Opens every connection, a few at a time, and makes one request on each, so that whatever a server sets up
 * late is there. */
static void set_up(void)
{
    for (size_t i = 0; i < opt.n_conns; i++)
        run.conns[i] = (struct conn){.fd = -1, .state = RESTING};
    size_t opened = 0, busy = 0;
    while (!expired && run.failed == 0 && (opened < opt.n_conns || busy > 0)) {
        for (; opened < opt.n_conns && busy < OPENING; opened++, busy++) {
            begin(&run.conns[opened]);
            advance(&run.conns[opened]);
        }
        turn(100);
        busy = 0;
        for (size_t i = opened > 2 * OPENING ? opened - 2 * OPENING : 0; i < opened; i++)
            busy += run.conns[i].state < RESTING;
    }
    while (!expired && run.failed == 0 && any_busy())
        turn(100);
    if (expired || run.failed)
        fprintf(stderr, "load: not set up: %s\n", run.failed ? run.first_failure : "it takes too long");
    if (expired || run.failed)
        exit(EXIT_FAILURE);
}

/* Requests at a steady rate: as many as are due, each on a connection that rests. */
static void start_due(double since)
{
    static size_t next;
    uint64_t due = (uint64_t)((now() - since) * opt.rate);
    for (size_t tries = 0; run.started < due && tries < opt.n_conns && more_wanted(); tries++) {
        struct conn *conn = &run.conns[next++ % opt.n_conns];
        if (conn->state != RESTING)
            continue;
        run.started++;
        begin_request(conn);
        advance(conn);
    }
}

static void start_all(void)
{
    for (size_t i = 0; i < opt.n_conns && more_wanted(); i++) {
        struct conn *conn = &run.conns[i];
        run.started++;
        if (opt.mode == REQUESTS) {
            begin_request(conn);
        } else {
            disconnect(conn);
            begin(conn);
        }
        advance(conn);
    }
}

static void measure(double since)
{
    if (!opt.rate)
        start_all();
    while (!expired && (opt.rate ? more_wanted() : any_busy())) {
        if (opt.rate)
            start_due(since);
        turn(opt.rate ? 1 : 100);
    }
    while (!expired && any_busy())
        turn(100);
}

static const char *name_of(int nid)
{
    return nid == NID_undef ? "-" : OBJ_nid2sn(nid);
}

static void say_ready(void)
{
    SSL *ssl = run.conns[0].ssl;
    int signature = NID_undef;
    SSL_get_peer_signature_type_nid(ssl, &signature);
    const char *group = SSL_session_reused(ssl) && SSL_version(ssl) < TLS1_3_VERSION
                            ? "-"
                            : SSL_group_to_name(ssl, (int)SSL_get_negotiated_group(ssl));
    printf("ready {\"version\": \"%s\", \"cipher\": \"%s\", \"group\": \"%s\", \"signature\": \"%s\"}\n",
           SSL_get_version(ssl), SSL_get_cipher_name(ssl), group ? group : "-", name_of(signature));
    fflush(stdout);
}

static void say_done(double seconds)
{
    printf("done {\"done\": %llu, \"failed\": %llu, \"resumed\": %llu, \"open\": %zu, \"bytes\": %llu, "
           "\"seconds\": %.6f}\n",
           (unsigned long long)run.done, (unsigned long long)run.failed, (unsigned long long)run.resumed,
           count_in(RESTING), (unsigned long long)run.bytes, seconds);
    fflush(stdout);
    if (run.failed)
        fprintf(stderr, "load: %llu failed, first: %s\n", (unsigned long long)run.failed, run.first_failure);
}

/* A line of the standard input, or its end. */
static void wait_for_word(void)
{
    for (int c = 0; c != EOF && c != '\n' && !expired;)
        c = getchar();
}

static int drive(void)
{
    set_up();
    if (opt.mode == GET)
        return EXIT_SUCCESS;
    say_ready();
    wait_for_word();
    run.measuring = true;
    run.started = run.done = run.bytes = 0;
    double since = now();
    run.end = since + opt.seconds;
    if (opt.mode == IDLE)
        turn(0);
    else
        measure(since);
    say_done(now() - since);
    wait_for_word();
    for (size_t i = 0; i < opt.n_conns; i++) {
        disconnect(&run.conns[i]);
        SSL_SESSION_free(run.conns[i].session);
    }
    return expired || run.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- set-up
 * -------------------------------------------------------------------------------------------------------- */

static void make_context(void)
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
    run.ctx = ctx;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < opt.n_conns + 16) {
        fprintf(stderr, "load: %zu connections need more open files than the limit, %llu (ulimit -n)\n",
                opt.n_conns, (unsigned long long)limit.rlim_cur);
        exit(EXIT_FAILURE);
    }
}

static const char USAGE[] =
    "Usage: load [OPTION]... requests|handshakes|idle|get ADDRESS:PORT\n"
    "\n"
    "  -n N          so many operations, at most (default: until the time is over)\n"
    "  -t SECONDS    so long, at most (default 2)\n"
    "  -c N          connections (default 16), or handshakes at a time\n"
    "  -r N          requests a second (default: each as soon as the last one was answered)\n"
    "  -p PATH       what is asked for (default /livez)\n"
    "  -H NAME       server name and Host (default localhost)\n"
    "  -C FILE       client certificate chain, PEM\n"
    "  -K FILE       its key\n"
    "  -R            resume the session of the handshake before\n"
    "  -N            handshakes without a request\n"
    "  -2            TLS 1.2 instead of 1.3\n"
    "  -S CIPHERS    cipher suites (default AES-128-GCM with SHA-256)\n"
    "  -G GROUPS     key exchange groups (default X25519:P-256)\n";

static void usage(void)
{
    fputs(USAGE, stderr);
    exit(2);
}

static double number(const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= least && value <= most))
        usage();
    return value;
}

static void read_address(char *text)
{
    char *colon = strrchr(text, ':');
    if (!colon)
        usage();
    *colon = '\0';
    opt.address.sin_family = AF_INET;
    opt.address.sin_port = htons((uint16_t)number(colon + 1, 1, 65535));
    if (inet_pton(AF_INET, text, &opt.address.sin_addr) != 1)
        usage();
}

static void read_options(int argc, char **argv)
{
    for (int c; (c = getopt(argc, argv, "n:t:c:r:p:H:C:K:RN2S:G:")) != -1;) {
        switch (c) {
        case 'n':
            opt.count = (uint64_t)number(optarg, 1, 1e9);
            break;
        case 't':
            opt.seconds = number(optarg, 0.01, MOST_SECONDS);
            break;
        case 'c':
            opt.n_conns = (size_t)number(optarg, 1, MOST_CONNECTIONS);
            break;
        case 'r':
            opt.rate = (unsigned)number(optarg, 1, 1e6);
            break;
        case 'p':
            opt.path = optarg;
            break;
        case 'H':
            opt.host = optarg;
            break;
        case 'C':
            opt.cert = optarg;
            break;
        case 'K':
            opt.key = optarg;
            break;
        case 'R':
            opt.resume = true;
            break;
        case 'N':
            opt.no_request = true;
            break;
        case '2':
            opt.tls12 = true;
            break;
        case 'S':
            opt.ciphers = optarg;
            break;
        case 'G':
            opt.groups = optarg;
            break;
        default:
            usage();
        }
    }
    if (argc - optind != 2)
        usage();
    while (opt.mode < N_MODES && strcmp(argv[optind], MODES[opt.mode]) != 0)
        opt.mode++;
    if (opt.mode == N_MODES)
        usage();
    if (opt.mode == GET)
        opt.n_conns = 1;
    read_address(argv[optind + 1]);
    int n =
        snprintf(opt.request, sizeof opt.request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", opt.path, opt.host);
    if (n < 0 || (size_t)n >= sizeof opt.request)
        usage();
    opt.request_len = (size_t)n;
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);
    struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART: waits end, too */
    sigaction(SIGALRM, &action, NULL);
    alarm(MOST_SECONDS);
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    run.conns = calloc(opt.n_conns, sizeof *run.conns);
    if (run.epoll < 0 || !run.conns)
        die("no memory");
    make_context();
    int status = drive();
    free(run.conns);
    SSL_CTX_free(run.ctx);
    close(run.epoll);
    return status;
}
