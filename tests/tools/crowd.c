/* Many clients at once, for the tests of limits and attacks. All go to 127.0.0.1.
 *
 *   crowd hold PORT NUMBER SECONDS [FROM]
 *   crowd stall PORT NUMBER SECONDS [FROM]
 *   crowd count PORT NUMBER [FROM [SPREAD]]
 *   crowd speak PORT NUMBER [FROM [SPREAD]]
 *   crowd honest PORT RATE SECONDS [PATH [CONNECTIONS]]
 *
 * hold has NUMBER connections that begin a TLS handshake and never finish it, for SECONDS or until the input
 * ends; what the server closes is opened again. They send a part of a ClientHello; with stall all of it.
 * Prints "held NUMBER" when all are open for the first time, and at the end "closed NUMBER" with how many
 * the server closed. With FROM they come from the address 127.0.0.FROM.
 *
 * count opens NUMBER connections, waits until half a second passed in which the server closed none, and
 * prints "open NUMBER closed NUMBER"; and once more when the input ends. With SPREAD they come from so many
 * addresses from FROM on, in turn. With speak they send all of a ClientHello, and wait for what is said to
 * it. CROWD_CLOSED in the environment is how many the server should close, where it is known: count waits for
 * these, for 20 seconds at most; so does speak, behind the end of its input.
 *
 * honest asks for PATH (/livez) RATE times a second, by a clock that waits for nobody: three times of four on
 * a kept connection, else on a new one, of which there are as many as it takes; or on so many CONNECTIONS,
 * which are kept, and where the request waits for one. With SIGTERM it has asked for the last time. Prints
 * "requests N good N under100 P median MS p99 MS worst MS under50 P"; times count from the instant at which
 * the request was due. P is the share of all requests, in percent. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST = 20000,
    KEPT = 32,
    GIVE_UP_MS = 10000,
    GOOD_MS = 100,
    SOON_MS = 50,
    REOPEN_MS = 20,
    PATIENCE_MS = 20000,
    AT_ONCE = 50
};

static uint16_t port;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static long number(const char *text, long most)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno || *end || end == text || n < 0 || n > most) {
        fprintf(stderr, "crowd: %s is no number up to %ld\n", text, most);
        exit(2);
    }
    return n;
}

/* A connecting socket, from 127.0.0.FROM when that is not 0. -1: refused at once. */
static int begin(unsigned from)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        die("socket");
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in at = {.sin_family = AF_INET};
    if (from > 0) {
        at.sin_addr.s_addr = htonl(0x7f000000 | from);
        if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0)
            die("bind");
    }
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(port);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

/* --- connections that stay in their handshake --- */

static struct pollfd held[MOST + 1];
static bool greeted[MOST], answered[MOST];
static char greeting[4096] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"; /* a ClientHello's beginning */
static size_t greeting_len = 11;

static ssize_t keep_greeting(gnutls_transport_ptr_t ptr, const void *data, size_t size)
{
    (void)ptr;
    if (size > sizeof greeting)
        return -1;
    memcpy(greeting, data, size);
    greeting_len = size;
    return (ssize_t)size;
}

static ssize_t nothing_yet(gnutls_transport_ptr_t ptr, void *data, size_t size)
{
    (void)data, (void)size;
    gnutls_transport_set_errno((gnutls_session_t)ptr, EAGAIN);
    return -1;
}

/* From now on everybody says all of a ClientHello. */
static void greet_fully(void)
{
    gnutls_session_t session;
    gnutls_certificate_credentials_t none = NULL;
    if (gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK) < 0 ||
        gnutls_set_default_priority(session) < 0 || gnutls_certificate_allocate_credentials(&none) < 0 ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, none) < 0)
        die("gnutls");
    gnutls_transport_set_ptr(session, session);
    gnutls_transport_set_push_function(session, keep_greeting);
    gnutls_transport_set_pull_function(session, nothing_yet);
    if (gnutls_handshake(session) != GNUTLS_E_AGAIN)
        die("gnutls_handshake");
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(none);
}

/* Sends the greeting once connected. False: the connection is gone. */
static bool greet_or_drain(size_t i)
{
    char scrap[4096];
    if (held[i].revents & POLLOUT && !greeted[i]) {
        greeted[i] = true;
        held[i].events = POLLIN;
        return send(held[i].fd, greeting, greeting_len, MSG_NOSIGNAL) > 0;
    }
    ssize_t n = recv(held[i].fd, scrap, sizeof scrap, 0);
    answered[i] = answered[i] || n > 0;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void open_one(size_t i, unsigned from)
{
    held[i] = (struct pollfd){.fd = begin(from), .events = POLLIN | POLLOUT};
    greeted[i] = false;
}

/* One look at all of them. Returns how many ended; sets *open to how many are greeted and open. */
static size_t look(size_t n, int wait_ms, size_t *open)
{
    size_t ended = 0;
    int ready = poll(held, n + 1, wait_ms);
    if (ready < 0 && errno != EINTR)
        die("poll");
    *open = 0;
    for (size_t i = 0; i < n; i++) {
        if (held[i].fd >= 0 && ready > 0 && held[i].revents && !greet_or_drain(i)) {
            close(held[i].fd);
            held[i].fd = -1;
            ended++;
        }
        *open += held[i].fd >= 0 && greeted[i];
    }
    return ended;
}

static int hold(size_t n, long seconds, unsigned from)
{
    double end = now_ms() + (double)seconds * 1000;
    size_t closed = 0, open = 0, opened = 0;
    bool told = false;
    double next = 0;
    for (size_t i = 0; i < n; i++)
        held[i].fd = -1;
    held[n] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    while (now_ms() < end) {
        size_t begun = 0;
        for (size_t i = 0; now_ms() >= next && i < n && begun < AT_ONCE; i++) {
            if (held[i].fd < 0) {
                open_one(i, from);
                begun++;
                opened++;
            }
        }
        if (begun > 0)
            next = now_ms() + REOPEN_MS;
        closed += look(n, REOPEN_MS, &open);
        if (!told && (open == n || opened > n)) {
            told = true;
            printf("held %zu\n", n);
            fflush(stdout);
        }
        char c;
        if (held[n].revents && read(STDIN_FILENO, &c, 1) <= 0)
            break;
    }
    printf("closed %zu\n", closed);
    return 0;
}

/* Of those that are open, how many the server has said nothing to. */
static size_t unanswered(size_t n)
{
    size_t waiting = 0;
    for (size_t i = 0; i < n; i++)
        waiting += held[i].fd >= 0 && !answered[i];
    return waiting;
}

static int count(size_t n, unsigned from, unsigned spread, bool speaks)
{
    const char *wanted = getenv("CROWD_CLOSED");
    size_t closed = 0, open = 0, least = wanted ? (size_t)number(wanted, MOST) : 0;
    held[n].fd = -1;
    for (size_t i = 0; i < n; i++) {
        open_one(i, from + (unsigned)i % (spread > 0 ? spread : 1));
        held[n].fd = -1;
        if (i % 100 == 99)
            closed += look(i + 1, 20, &open);
    }
    const double begun = now_ms();
    for (double quiet = begun; now_ms() < quiet + 500;) {
        size_t ended = look(n, 50, &open);
        closed += ended;
        bool waits = speaks ? unanswered(n) > 0 : closed < least;
        if (ended > 0 || (waits && now_ms() < begun + PATIENCE_MS))
            quiet = now_ms();
    }
    printf("open %zu closed %zu\n", open, closed);
    fflush(stdout);
    char c; /* they stay until somebody has looked at the server */
    while (read(STDIN_FILENO, &c, 1) > 0)
        continue;
    const double left = now_ms();
    do
        closed += look(n, speaks && closed < least ? 50 : 0, &open);
    while (speaks && closed < least && now_ms() < left + PATIENCE_MS);
    printf("open %zu closed %zu\n", open, closed);
    return 0;
}

/* --- honest clients --- */

enum state { FREE, HANDSHAKE, IDLE, ASKING, READING };

struct client {
    enum state state;
    int fd;
    gnutls_session_t session;
    bool keep;
    double due;
    size_t sent, got;
    char text[2048];
};

static gnutls_certificate_credentials_t anyone;
static struct client clients[MOST];
static size_t n_clients; /* those behind have never been used */
static const char *path = "/livez";
static size_t most_clients; /* 0: as many as it takes */
static volatile sig_atomic_t told_to_end;
static double took[1000000];
static size_t n_took, n_bad;

static void end_client(struct client *c)
{
    if (c->session)
        gnutls_deinit(c->session);
    if (c->fd >= 0)
        close(c->fd);
    *c = (struct client){.state = FREE, .fd = -1};
}

static bool start_client(struct client *c, bool keep)
{
    c->fd = begin(0);
    if (c->fd < 0 || gnutls_init(&c->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) != 0 ||
        gnutls_set_default_priority(c->session) != 0 ||
        gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, anyone) != 0) {
        end_client(c);
        return false;
    }
    gnutls_transport_set_int(c->session, c->fd);
    c->state = HANDSHAKE;
    c->keep = keep;
    return true;
}

/* 1: the answer is whole, 0: not yet, -1: it is none. */
static int whole(const struct client *c)
{
    const char *end = memmem(c->text, c->got, "\r\n\r\n", 4);
    if (!end)
        return c->got < sizeof c->text ? 0 : -1;
    if (strncmp(c->text, "HTTP/1.1 200 ", 13) != 0)
        return -1;
    const char *field = memmem(c->text, c->got, "\r\nContent-Length: ", 18);
    if (!field || field > end)
        return -1;
    size_t body = (size_t)strtoul(field + 18, NULL, 10);
    return c->got >= (size_t)(end - c->text) + 4 + body;
}

/* As far as it goes without waiting. False: it failed. */
static bool advance(struct client *c)
{
    ssize_t n = 0;
    if (c->state == HANDSHAKE) {
        int rc = gnutls_handshake(c->session);
        if (rc < 0)
            return !gnutls_error_is_fatal(rc);
        c->state = ASKING;
    }
    if (c->state == ASKING) {
        char request[1024];
        int len = snprintf(request, sizeof request,
                           "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n", path);
        n = gnutls_record_send(c->session, request, (size_t)len);
        if (n < 0)
            return !gnutls_error_is_fatal((int)n);
        c->state = READING;
        c->got = 0;
    }
    while (c->state == READING) {
        n = gnutls_record_recv(c->session, c->text + c->got, sizeof c->text - c->got);
        if (n <= 0)
            return n < 0 && !gnutls_error_is_fatal((int)n);
        c->got += (size_t)n;
        int done = whole(c);
        if (done < 0)
            return false;
        if (done == 0)
            continue;
        took[n_took++] = now_ms() - c->due;
        if (c->keep)
            c->state = IDLE;
        else
            end_client(c);
    }
    return true;
}

static void fail_client(struct client *c)
{
    if (c->state != IDLE)
        n_bad++;
    end_client(c);
}

/* Gives a request that is due to a kept connection, or to a new one. False: there is none for it now. */
static bool ask(double due, bool kept)
{
    struct client *free_one = NULL, *idle = NULL;
    for (size_t i = 0; i < n_clients && !(kept ? idle : free_one); i++) {
        if (clients[i].state == IDLE)
            idle = &clients[i];
        else if (clients[i].state == FREE && !free_one)
            free_one = &clients[i];
    }
    if (!(kept && idle) && !free_one && n_clients < (most_clients ? most_clients : MOST))
        free_one = &clients[n_clients++];
    struct client *c = kept && idle ? idle : free_one;
    if (!c && most_clients)
        return false;
    if (!c || (c->state == FREE && !start_client(c, kept))) {
        n_bad++;
        return true;
    }
    c->due = due;
    if (c->state == IDLE)
        c->state = ASKING;
    if (!advance(c))
        fail_client(c);
    return true;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void on_end(int number)
{
    (void)number;
    told_to_end = 1;
}

static int honest(long rate, long seconds)
{
    static struct pollfd set[MOST];
    static struct client *of[MOST];
    size_t all = (size_t)(rate * seconds), asked = 0;
    if (all == 0 || all > sizeof took / sizeof took[0])
        return 2;
    gnutls_certificate_allocate_credentials(&anyone);
    for (size_t i = 0; i < MOST; i++)
        clients[i].fd = -1;
    signal(SIGTERM, on_end);
    double start = now_ms() + 50;
    while (n_took + n_bad < all && now_ms() < start + (double)seconds * 1000 + GIVE_UP_MS) {
        if (told_to_end && asked < all) {
            all = asked;
            seconds = (long)(now_ms() - start) / 1000 + 1;
        }
        for (double due; asked < all && (due = start + (double)asked * 1000 / (double)rate) <= now_ms();
             asked++) {
            if (!ask(due, most_clients > 0 || asked % 4 != 0))
                break;
        }
        size_t n = 0;
        for (size_t i = 0; i < n_clients; i++) {
            if (clients[i].state == FREE)
                continue;
            bool out = clients[i].state == HANDSHAKE && gnutls_record_get_direction(clients[i].session);
            set[n].fd = clients[i].fd;
            set[n].events = out ? POLLOUT : POLLIN;
            of[n++] = &clients[i];
        }
        if (poll(set, n, 1) < 0 && errno != EINTR)
            die("poll");
        for (size_t i = 0; i < n; i++) {
            if (!set[i].revents)
                continue;
            /* The server may close a kept connection that is idle. */
            if (of[i]->state == IDLE || !advance(of[i]))
                fail_client(of[i]);
        }
    }
    size_t under = 0, soon = 0;
    qsort(took, n_took, sizeof took[0], by_size);
    while (under < n_took && took[under] < GOOD_MS)
        under++;
    while (soon < under && took[soon] < SOON_MS)
        soon++;
    printf("requests %zu good %zu under%d %.2f median %.2f p99 %.2f worst %.2f under%d %.2f\n", all, n_took,
           GOOD_MS, 100.0 * (double)under / (double)all, n_took ? took[n_took / 2] : 0,
           n_took ? took[n_took * 99 / 100] : 0, n_took ? took[n_took - 1] : 0, SOON_MS,
           100.0 * (double)soon / (double)all);
    return 0;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc >= 4) {
        port = (uint16_t)number(argv[2], 65535);
        size_t n = (size_t)number(argv[3], MOST - 1);
        bool stall = strcmp(argv[1], "stall") == 0;
        if (stall)
            greet_fully();
        if ((stall || strcmp(argv[1], "hold") == 0) && (argc == 5 || argc == 6))
            return hold(n, number(argv[4], 1800), argc == 6 ? (unsigned)number(argv[5], 65535) : 0);
        bool speak = strcmp(argv[1], "speak") == 0;
        if (speak)
            greet_fully();
        if ((speak || strcmp(argv[1], "count") == 0) && argc <= 6)
            return count(n, argc >= 5 ? (unsigned)number(argv[4], 65535) : 0,
                         argc == 6 ? (unsigned)number(argv[5], 65535) : 0, speak);
        if (strcmp(argv[1], "honest") == 0 && argc >= 5 && argc <= 7) {
            path = argc >= 6 ? argv[5] : path;
            most_clients = argc == 7 ? (size_t)number(argv[6], MOST) : 0;
            return strlen(path) < 900 ? honest((long)n, number(argv[4], 1800)) : 2;
        }
    }
    fputs("usage: crowd hold|stall PORT NUMBER SECONDS [FROM] | count|speak PORT NUMBER [FROM [SPREAD]] | "
          "honest PORT RATE SECONDS [PATH [CONNECTIONS]]\n",
          stderr);
    return 2;
}
