/* The benchmark's client: TLS handshakes, requests and idle connections from one thread over epoll, on
 * OpenSSL, so that the client's own cost is small and has nothing in common with the server's library.
 *
 *     load [OPTION]... requests|handshakes|idle|get ADDRESS:PORT
 *
 * It connects and warms up, writes a line "ready {...}" with what was negotiated, and waits for a line on its
 * standard input; then it does what was asked, writes one line "done {...}" with the counts, and keeps its
 * connections until its standard input ends. Whoever measures a server reads its clock at these two lines.
 * Everything is bounded: by count (-n), by time (-t), and as a whole by an alarm. */
#include "load.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS = 64,
    OPENING = 32, /* connections that are opened at a time */
};

struct run run;

static void on_alarm(int number)
{
    (void)number;
    run.expired = 1;
}

double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void die(const char *what)
{
    fprintf(stderr, "load: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    ERR_print_errors_fp(stderr);
    exit(EXIT_FAILURE);
}

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
    while (!run.expired && run.failed == 0 && (opened < opt.n_conns || busy > 0)) {
        for (; opened < opt.n_conns && busy < OPENING; opened++, busy++) {
            begin(&run.conns[opened]);
            advance(&run.conns[opened]);
        }
        turn(100);
        busy = 0;
        for (size_t i = opened > 2 * OPENING ? opened - 2 * OPENING : 0; i < opened; i++)
            busy += run.conns[i].state < RESTING;
    }
    while (!run.expired && run.failed == 0 && any_busy())
        turn(100);
    if (run.expired || run.failed)
        fprintf(stderr, "load: not set up: %s\n", run.failed ? run.first_failure : "it takes too long");
    if (run.expired || run.failed)
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
    while (!run.expired && (opt.rate ? more_wanted() : any_busy())) {
        if (opt.rate)
            start_due(since);
        turn(opt.rate ? 1 : 100);
    }
    while (!run.expired && any_busy())
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
    for (int c = 0; c != EOF && c != '\n' && !run.expired;)
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
    return run.expired || run.failed ? EXIT_FAILURE : EXIT_SUCCESS;
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
    free(opt.request);
    free_context();
    close(run.epoll);
    return status;
}
