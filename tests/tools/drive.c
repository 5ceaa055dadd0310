/* A TLS and HTTP client that is driven line by line, for tests which need several connections at once,
 * resumption, or a connection that stays open while the server changes. It takes commands on stdin and prints
 * one line for each; OPTIONS are cert=FILE, key=FILE, tls12, resume=NAME and sni=HOST:
 *
 * - open NAME PORT OPTIONS: "open NAME ok VERSION full|resumed" or "open NAME alert N ..."
 * - get NAME PATH [| HEADER: VALUE]: "get NAME STATUS BODY"; the body's line ends become spaces. Host is
 * localhost, unless it is the header
 * - head NAME PATH [| HEADER: VALUE]: "head NAME STATUS HEAD"; the same for the head of the response
 * - getall PATH: "getall STATUS:COUNT ..." over all open connections, "closed" for those that ended
 * - askall PATH: "askall COUNT"; only asks, and getall without a path only reads the answers
 * - ticket NAME: "ticket NAME yes|no"
 * - ended NAME: "ended NAME yes", once the server has ended it, "ended NAME no" when it says something or
 * nothing
 * - close NAME: "close NAME"
 * - tcp NAME PORT: "tcp NAME ok" or the reason; connects and says nothing
 * - tls NAME OPTIONS: as open, on the connection that tcp has made
 * - arrive NAME PATH OPTIONS: tls and get in one breath; "get NAME late", if it was held up in between
 * - load MS PATH PORT OPTIONS: "load REQUESTS ERRORS"; requests in a loop, a new connection every 10; some
 * dozens at least, however long they take
 * - steady MS PATH PORT OPTIONS: "steady REQUESTS ERRORS RETRIED CONNECTIONS"; the same, through restarts;
 * SIGTERM ends it before its time, when it has made some dozens
 * - several N PATH PORT OPTIONS: "several STATUS:COUNT ... cut:COUNT"; one after the other, on a new
 * connection where the last one ended
 * - knock PATH PORT OPTIONS: "knock ANSWERED LOST REASON"; a new connection for each request, until none
 *   comes about, for that reason
 *
 * The server's certificate is checked against the file in $DRIVE_CA for the name localhost. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "drive.h"

enum {
    WORDS = 12, /* of a line, more are left out */
    MOST_STATUS = 600,
    SOME = 50, /* requests that load and steady make, however slow the machine is */
    /* Half of what a server that drains gives a connection behind its handshake: whoever took longer between
     * the two says nothing about the server. */
    BREATH_MS = 500,
};

/* A command: its words, and what stands behind '|'. */
struct line {
    char *word[WORDS];
    size_t n;
    char *field; /* NULL: nothing */
};

static long now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void say_error(const char *what, const char *name, struct link *link, int rc)
{
    if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED || rc == GNUTLS_E_WARNING_ALERT_RECEIVED)
        printf("%s %s alert %d %s\n", what, name, (int)gnutls_alert_get(link->session),
               gnutls_alert_get_name(gnutls_alert_get(link->session)));
    else
        printf("%s %s error %s\n", what, name, rc == 0 ? "closed" : gnutls_strerror(rc));
}

static void say_opened(const char *name, struct link *link, int rc)
{
    if (rc < 0) {
        say_error("open", name, link, rc);
        link_shut(link);
        return;
    }
    printf("open %s ok %s %s\n", name, gnutls_protocol_get_name(gnutls_protocol_get_version(link->session)),
           gnutls_session_is_resumed(link->session) ? "resumed" : "full");
}

static void do_open(const struct line *line)
{
    struct link *link = link_add(line->word[1]);
    if (link)
        say_opened(line->word[1], link, link_open(link, line->word[2], line->word + 3, line->n - 3));
    else
        printf("open %s error too many\n", line->word[1]);
}

static void do_tcp(const struct line *line)
{
    struct link *link = link_add(line->word[1]);
    int rc = link ? link_connect(link, line->word[2]) : -ENFILE;
    if (rc < 0 && link)
        link_shut(link);
    printf("tcp %s %s\n", line->word[1], rc < 0 ? strerror(-rc) : "ok");
}

static void do_tls(const struct line *line)
{
    struct link *link = link_find(line->word[1]);
    if (link && link->open)
        say_opened(line->word[1], link, link_begin_tls(link, line->word + 2, line->n - 2));
    else
        printf("open %s error closed\n", line->word[1]);
}

static void do_get(const struct line *line)
{
    static char text[BUFFER];
    struct link *link = link_find(line->word[1]);
    if (!link || !link->open) {
        printf("%s %s error closed\n", line->word[0], line->word[1]);
        return;
    }
    int status = link_ask(link, line->word[2], line->field);
    if (status == 0)
        status = link_answer(link, strcmp(line->word[0], "head") == 0, text, sizeof text);
    if (status <= 0) {
        say_error(line->word[0], line->word[1], link, status);
        link_shut(link);
    } else {
        printf("%s %s %d %s\n", line->word[0], line->word[1], status, text);
    }
}

/* Who is connected to a server that drains has a second behind its handshake. */
static void do_arrive(const struct line *line)
{
    struct link *link = link_find(line->word[1]);
    int rc = link && link->open ? link_begin_tls(link, line->word + 3, line->n - 3) : GNUTLS_E_PULL_ERROR;
    if (rc < 0) {
        printf("get %s error %s\n", line->word[1], gnutls_strerror(rc));
        return;
    }
    const long since = now_ms();
    static char text[BUFFER];
    int status = link_ask(link, line->word[2], NULL);
    const bool late = now_ms() - since > BREATH_MS;
    if (status == 0)
        status = link_answer(link, false, text, sizeof text);
    if (status > 0)
        printf("get %s %d %s\n", line->word[1], status, text);
    else if (late)
        printf("get %s late\n", line->word[1]);
    else
        say_error("get", line->word[1], link, status);
    if (status <= 0)
        link_shut(link);
}

/* The server ends it: asks nothing, which would be answered by a server that has not come to it yet. */
static void do_ended(const struct line *line)
{
    struct link *link = link_find(line->word[1]);
    ssize_t got = 0;
    char byte;
    if (link && link->open) {
        do
            got = gnutls_record_recv(link->session, &byte, sizeof byte);
        while (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED);
    }
    printf("ended %s %s\n", line->word[1], got == 0 || got == GNUTLS_E_PREMATURE_TERMINATION ? "yes" : "no");
}

static void do_askall(const struct line *line)
{
    unsigned asked = 0;
    struct link *link;
    for (size_t i = 0; (link = link_at(i)) != NULL; i++)
        asked += link->open && link_ask(link, line->word[1], NULL) == 0;
    printf("askall %u\n", asked);
}

static void say_counts(const char *what, const unsigned count[static MOST_STATUS], const char *rest,
                       unsigned others)
{
    printf("%s", what);
    for (unsigned i = 0; i < MOST_STATUS; i++) {
        if (count[i])
            printf(" %u:%u", i, count[i]);
    }
    if (others)
        printf(" %s:%u", rest, others);
    putchar('\n');
}

/* Without a path only reads what askall has asked for. */
static void do_getall(const struct line *line)
{
    static char body[BUFFER];
    const char *path = line->n >= 2 ? line->word[1] : NULL;
    unsigned count[MOST_STATUS] = {0}, closed = 0;
    struct link *link;
    for (size_t i = 0; (link = link_at(i)) != NULL; i++) {
        if (!link->open)
            continue;
        int status = path ? link_get(link, path, NULL, body, sizeof body)
                          : link_answer(link, false, body, sizeof body);
        if (status > 0 && status < MOST_STATUS) {
            count[status]++;
        } else {
            closed++;
            link_shut(link);
        }
    }
    say_counts("getall", count, "closed", closed);
}

static volatile sig_atomic_t told;

static void on_term(int number)
{
    (void)number;
    told = 1;
}

static void do_load(const struct line *line)
{
    static char body[BUFFER];
    unsigned long requests = 0, errors = 0;
    long until = now_ms() + atol(line->word[1]);
    struct link link = {.open = false};
    for (unsigned long i = 0; now_ms() < until || (i < SOME && now_ms() < until + 2 * TIMEOUT_MS); i++) {
        if (!link.open || i % 10 == 0) {
            link_shut(&link);
            int rc = link_open(&link, line->word[3], line->word + 4, line->n - 4);
            if (rc < 0) {
                fprintf(stderr, "drive: load: %s\n", gnutls_strerror(rc));
                errors++;
                link_shut(&link);
                continue;
            }
        }
        int status = link_get(&link, line->word[2], NULL, body, sizeof body);
        requests++;
        if (status != 200) {
            fprintf(stderr, "drive: load: status %d\n", status);
            errors++;
            link_shut(&link);
        }
    }
    link_shut(&link);
    gnutls_free(link.ticket.data);
    printf("load %lu %lu\n", requests, errors);
}

/* As a well-behaved client through restarts: it keeps connections, closes when told to, and asks once more,
 * on a new connection, when a kept one ended under its request (RFC 9112 section 9.3.1 allows that for GET).
 * Everything else that goes wrong is an error. */
static void do_steady(const struct line *line)
{
    static char body[BUFFER];
    unsigned long requests = 0, errors = 0, retried = 0, connections = 0;
    long until = now_ms() + atol(line->word[1]);
    struct link link = {.open = false};
    signal(SIGTERM, on_term);
    while ((!told || requests < SOME) && now_ms() < until) {
        bool kept = link.open;
        int rc = 0;
        if (!kept) {
            rc = link_open(&link, line->word[3], line->word + 4, line->n - 4);
            connections++;
        }
        int status = rc < 0 ? rc : link_get(&link, line->word[2], NULL, body, sizeof body);
        if (kept && status <= 0) {
            link_shut(&link);
            retried++;
            continue;
        }
        requests++;
        if (status != 200) {
            fprintf(stderr, "drive: steady: %s %d\n", rc < 0 ? gnutls_strerror(rc) : "status", status);
            errors++;
        }
        if (status != 200 || link.closing || requests % 10 == 0)
            link_shut(&link);
    }
    link_shut(&link);
    gnutls_free(link.ticket.data);
    printf("steady %lu %lu %lu %lu\n", requests, errors, retried, connections);
}

static void do_several(const struct line *line)
{
    static char body[BUFFER];
    unsigned count[MOST_STATUS] = {0}, cut = 0;
    struct link link = {.open = false};
    for (long i = atol(line->word[1]); i > 0; i--) {
        int status = link.open ? 0 : link_open(&link, line->word[3], line->word + 4, line->n - 4);
        if (status >= 0)
            status = link_get(&link, line->word[2], NULL, body, sizeof body);
        if (status > 0 && status < MOST_STATUS)
            count[status]++;
        else
            cut++;
        if (status <= 0 || link.closing)
            link_shut(&link);
    }
    link_shut(&link);
    gnutls_free(link.ticket.data);
    say_counts("several", count, "cut", cut);
}

/* Comes again and again, each time on a new connection, until nobody takes it. Who is taken in is to be
 * answered. */
static void do_knock(const struct line *line)
{
    static char body[BUFFER];
    unsigned long answered = 0, lost = 0;
    struct link link = {.open = false};
    int rc;
    while ((rc = link_connect(&link, line->word[2])) == 0) {
        rc = link_begin_tls(&link, line->word + 3, line->n - 3);
        if (rc == 0)
            rc = link_get(&link, line->word[1], "Connection: close", body, sizeof body);
        if (rc == 200) {
            answered++;
        } else {
            fprintf(stderr, "drive: knock: %s\n", rc < 0 ? gnutls_strerror(rc) : "no answer");
            lost++;
        }
        link_shut(&link);
    }
    link_shut(&link);
    gnutls_free(link.ticket.data);
    printf("knock %lu %lu %s\n", answered, lost, strerror(-rc));
}

static void do_ticket(const struct line *line)
{
    const struct link *link = link_find(line->word[1]);
    printf("ticket %s %s\n", line->word[1], link && link->ticket.data ? "yes" : "no");
}

static void do_close(const struct line *line)
{
    struct link *link = link_find(line->word[1]);
    if (link)
        link_shut(link);
    printf("close %s\n", line->word[1]);
}

static const struct {
    const char *name;
    size_t least; /* words, with the name */
    void (*run)(const struct line *line);
} COMMANDS[] = {
    {"open", 3, do_open},     {"get", 3, do_get},         {"head", 3, do_get},      {"askall", 2, do_askall},
    {"getall", 1, do_getall}, {"ticket", 2, do_ticket},   {"ended", 2, do_ended},   {"close", 2, do_close},
    {"tcp", 3, do_tcp},       {"tls", 2, do_tls},         {"arrive", 3, do_arrive}, {"load", 4, do_load},
    {"steady", 4, do_steady}, {"several", 4, do_several}, {"knock", 3, do_knock},
};

static void split(char *text, struct line *line)
{
    char *save = NULL;
    *line = (struct line){.field = strchr(text, '|')};
    text[strcspn(text, "\n")] = '\0';
    if (line->field)
        *line->field++ = '\0';
    while (line->field && *line->field == ' ')
        line->field++;
    for (char *w = strtok_r(text, " ", &save); w && line->n < WORDS; w = strtok_r(NULL, " ", &save))
        line->word[line->n++] = w;
}

static void run(const struct line *line)
{
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
        if (line->n >= COMMANDS[i].least && strcmp(line->word[0], COMMANDS[i].name) == 0) {
            COMMANDS[i].run(line);
            return;
        }
    }
    printf("what? %s\n", line->n > 0 ? line->word[0] : "");
}

int main(void)
{
    char text[4096];
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (fgets(text, sizeof text, stdin)) {
        struct line line;
        split(text, &line);
        run(&line);
    }
    links_done();
    return 0;
}
