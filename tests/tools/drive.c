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
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST = 512,
    WORDS = 12,
    TIMEOUT_MS = 15000,
    BUFFER = 512 * 1024,
    MOST_STATUS = 600,
    SOME = 50,
    BREATH_MS = 500
};

struct link {
    char name[32];
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t creds;
    gnutls_datum_t ticket;
    bool open;
    bool closing; /* the last response said Connection: close */
};

static struct link *links[MOST];
static size_t n_links;

static const char *option(char **word, size_t n, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < n; i++) {
        if (strncmp(word[i], name, len) == 0 && word[i][len] == '=')
            return word[i] + len + 1;
    }
    return NULL;
}

static bool flag(char **word, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(word[i], name) == 0)
            return true;
    }
    return false;
}

static long now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static struct link *find(const char *name)
{
    for (size_t i = 0; i < n_links; i++) {
        if (strcmp(links[i]->name, name) == 0)
            return links[i];
    }
    return NULL;
}

static void shut(struct link *link)
{
    if (!link->open)
        return;
    link->open = false;
    if (link->session) {
        gnutls_bye(link->session, GNUTLS_SHUT_WR);
        gnutls_deinit(link->session);
        link->session = NULL;
    }
    if (link->creds)
        gnutls_certificate_free_credentials(link->creds);
    link->creds = NULL;
    close(link->fd);
}

/* The chain goes out exactly as it stands in the file: GnuTLS's own loading would sort it and drop what it
 * does not need. */
static int load_pair(gnutls_certificate_credentials_t creds, const char *cert, const char *key)
{
    gnutls_datum_t data = {NULL, 0};
    gnutls_pcert_st pcert[32];
    unsigned n = 32;
    gnutls_privkey_t privkey = NULL;
    int rc = gnutls_load_file(cert, &data);
    if (rc == 0)
        rc = gnutls_pcert_list_import_x509_raw(pcert, &n, &data, GNUTLS_X509_FMT_PEM, 0);
    gnutls_free(data.data);
    data = (gnutls_datum_t){NULL, 0};
    if (rc >= 0)
        rc = gnutls_load_file(key, &data);
    if (rc >= 0)
        rc = gnutls_privkey_init(&privkey);
    if (rc >= 0)
        rc = gnutls_privkey_import_x509_raw(privkey, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (rc >= 0) /* takes both over */
        rc = gnutls_certificate_set_key(creds, NULL, 0, pcert, (int)n, privkey);
    gnutls_free(data.data);
    return rc;
}

/* 0, or an error of connect(2), negative. */
static int connect_tcp(struct link *link, const char *port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    link->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    link->open = true;
    return connect(link->fd, (struct sockaddr *)&to, sizeof to) == 0 ? 0 : -errno;
}

/* On a connection that is there. 0, or GnuTLS's error. */
static int begin_tls(struct link *link, char **word, size_t n)
{
    const char *cert = option(word, n, "cert"), *key = option(word, n, "key"),
               *from = option(word, n, "resume");
    const char *sni = option(word, n, "sni"), *ca = getenv("DRIVE_CA");
    gnutls_certificate_allocate_credentials(&link->creds);
    if (ca)
        gnutls_certificate_set_x509_trust_file(link->creds, ca, GNUTLS_X509_FMT_PEM);
    if (cert) {
        int rc = load_pair(link->creds, cert, key);
        if (rc < 0)
            return rc;
    }
    gnutls_init(&link->session, GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT);
    gnutls_priority_set_direct(link->session,
                               flag(word, n, "tls12")
                                   ? "NORMAL:-VERS-ALL:+VERS-TLS1.2:%DEBUG_ALLOW_KEY_USAGE_VIOLATIONS"
                                   : "NORMAL:%DEBUG_ALLOW_KEY_USAGE_VIOLATIONS",
                               NULL);
    gnutls_credentials_set(link->session, GNUTLS_CRD_CERTIFICATE, link->creds);
    gnutls_server_name_set(link->session, GNUTLS_NAME_DNS, sni ? sni : "localhost",
                           strlen(sni ? sni : "localhost"));
    if (ca)
        gnutls_session_set_verify_cert(link->session, "localhost", 0);
    gnutls_transport_set_int(link->session, link->fd);
    gnutls_handshake_set_timeout(link->session, TIMEOUT_MS);
    gnutls_record_set_timeout(link->session, TIMEOUT_MS);
    struct link *old = from ? find(from) : NULL;
    if (old && old->ticket.data)
        gnutls_session_set_data(link->session, old->ticket.data, old->ticket.size);
    int rc;
    do
        rc = gnutls_handshake(link->session);
    while (rc < 0 && !gnutls_error_is_fatal(rc));
    return rc;
}

static int connect_tls(struct link *link, const char *port, char **word, size_t n)
{
    return connect_tcp(link, port) == 0 ? begin_tls(link, word, n) : GNUTLS_E_PUSH_ERROR;
}

static void keep_ticket(struct link *link)
{
    if (gnutls_protocol_get_version(link->session) == GNUTLS_TLS1_3 &&
        !(gnutls_session_get_flags(link->session) & GNUTLS_SFLAGS_SESSION_TICKET))
        return;
    gnutls_datum_t data = {NULL, 0};
    if (gnutls_session_get_data2(link->session, &data) == 0 && data.size > 0) {
        gnutls_free(link->ticket.data);
        link->ticket = data;
    }
}

/* Sends a GET. 0, or GnuTLS's error. */
static int send_get(struct link *link, const char *path, const char *field)
{
    static char buffer[BUFFER];
    const bool named = field && strncmp(field, "Host:", 5) == 0;
    int n = snprintf(buffer, sizeof buffer, "GET %s HTTP/1.1\r\n%s%s%s\r\n", path,
                     named ? "" : "Host: localhost\r\n", field ? field : "", field ? "\r\n" : "");
    ssize_t rc;
    for (size_t sent = 0; sent < (size_t)n; sent += (size_t)rc) {
        rc = gnutls_record_send(link->session, buffer + sent, (size_t)n - sent);
        if (rc < 0)
            return (int)rc;
    }
    return 0;
}

/* Reads the whole response, of which `text` gets the head or the body. Returns its status, 0: the connection
 * ended, negative: GnuTLS's error. */
static int read_response(struct link *link, bool head, char *text, size_t room)
{
    static char buffer[BUFFER];
    ssize_t rc;
    size_t len = 0, want = 0;
    char *end = NULL;
    for (;;) {
        rc = gnutls_record_recv(link->session, buffer + len, sizeof buffer - 1 - len);
        if (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED)
            continue;
        if (rc < 0)
            return (int)rc;
        if (rc == 0)
            return 0;
        len += (size_t)rc;
        buffer[len] = '\0';
        if (!end && (end = strstr(buffer, "\r\n\r\n")) != NULL) {
            const char *length = strcasestr(buffer, "\r\nContent-Length:");
            want = (size_t)(end + 4 - buffer) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
        }
        if (end && len >= want)
            break;
    }
    keep_ticket(link);
    const char *close = strcasestr(buffer, "\r\nConnection: close\r\n");
    link->closing = close && close < end;
    size_t head_len = (size_t)(end - buffer);
    snprintf(text, room, "%.*s", head && head_len < room ? (int)head_len : (int)room - 1,
             head ? buffer : end + 4);
    for (char *p = text; *p; p++) {
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    }
    return atoi(buffer + 9);
}

/* Both; returns like read_response. */
static int get(struct link *link, const char *path, const char *field, char *body, size_t room)
{
    int rc = send_get(link, path, field);
    return rc < 0 ? rc : read_response(link, false, body, room);
}

static struct link *add(const char *name)
{
    struct link *link = find(name);
    if (link) {
        shut(link);
        return link;
    }
    if (n_links == MOST)
        return NULL;
    link = calloc(1, sizeof *link);
    if (!link)
        return NULL;
    snprintf(link->name, sizeof link->name, "%s", name);
    links[n_links++] = link;
    return link;
}

static void say_error(const char *what, const char *name, struct link *link, int rc)
{
    if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED || rc == GNUTLS_E_WARNING_ALERT_RECEIVED)
        printf("%s %s alert %d %s\n", what, name, (int)gnutls_alert_get(link->session),
               gnutls_alert_get_name(gnutls_alert_get(link->session)));
    else
        printf("%s %s error %s\n", what, name, rc == 0 ? "closed" : gnutls_strerror(rc));
}

static void say_opened(char **word, struct link *link, int rc)
{
    if (rc < 0) {
        say_error("open", word[1], link, rc);
        shut(link);
        return;
    }
    printf("open %s ok %s %s\n", word[1],
           gnutls_protocol_get_name(gnutls_protocol_get_version(link->session)),
           gnutls_session_is_resumed(link->session) ? "resumed" : "full");
}

static void do_open(char **word, size_t n)
{
    struct link *link = add(word[1]);
    if (link)
        say_opened(word, link, connect_tls(link, word[2], word + 3, n - 3));
    else
        printf("open %s error too many\n", word[1]);
}

static void do_tcp(char **word)
{
    struct link *link = add(word[1]);
    int rc = link ? connect_tcp(link, word[2]) : -ENFILE;
    if (rc < 0 && link)
        shut(link);
    printf("tcp %s %s\n", word[1], rc < 0 ? strerror(-rc) : "ok");
}

static void do_tls(char **word, size_t n)
{
    struct link *link = find(word[1]);
    if (link && link->open)
        say_opened(word, link, begin_tls(link, word + 2, n - 2));
    else
        printf("open %s error closed\n", word[1]);
}

static void do_get(char **word, char *field)
{
    static char text[BUFFER];
    struct link *link = find(word[1]);
    if (!link || !link->open) {
        printf("%s %s error closed\n", word[0], word[1]);
        return;
    }
    int status = send_get(link, word[2], field);
    if (status == 0)
        status = read_response(link, strcmp(word[0], "head") == 0, text, sizeof text);
    if (status <= 0) {
        say_error(word[0], word[1], link, status);
        shut(link);
    } else {
        printf("%s %s %d %s\n", word[0], word[1], status, text);
    }
}

/* Who is connected to a server that drains has a second behind its handshake. */
static void do_arrive(char **word, size_t n)
{
    struct link *link = find(word[1]);
    int rc = link && link->open ? begin_tls(link, word + 3, n - 3) : GNUTLS_E_PULL_ERROR;
    if (rc < 0) {
        printf("get %s error %s\n", word[1], gnutls_strerror(rc));
        return;
    }
    const long since = now_ms();
    static char text[BUFFER];
    int status = send_get(link, word[2], NULL);
    const bool late = now_ms() - since > BREATH_MS;
    if (status == 0)
        status = read_response(link, false, text, sizeof text);
    if (status > 0)
        printf("get %s %d %s\n", word[1], status, text);
    else if (late)
        printf("get %s late\n", word[1]);
    else
        say_error("get", word[1], link, status);
    if (status <= 0)
        shut(link);
}

/* The server ends it: asks nothing, which would be answered by a server that has not come to it yet. */
static void do_ended(const char *name)
{
    struct link *link = find(name);
    ssize_t got = 0;
    char byte;
    if (link && link->open) {
        do
            got = gnutls_record_recv(link->session, &byte, sizeof byte);
        while (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED);
    }
    printf("ended %s %s\n", name, got == 0 || got == GNUTLS_E_PREMATURE_TERMINATION ? "yes" : "no");
}

static void do_askall(const char *path)
{
    unsigned asked = 0;
    for (size_t i = 0; i < n_links; i++)
        asked += links[i]->open && send_get(links[i], path, NULL) == 0;
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
static void do_getall(const char *path)
{
    static char body[BUFFER];
    unsigned count[MOST_STATUS] = {0}, closed = 0;
    for (size_t i = 0; i < n_links; i++) {
        if (!links[i]->open)
            continue;
        int status = path ? get(links[i], path, NULL, body, sizeof body)
                          : read_response(links[i], false, body, sizeof body);
        if (status > 0 && status < MOST_STATUS) {
            count[status]++;
        } else {
            closed++;
            shut(links[i]);
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

static void do_load(char **word, size_t n)
{
    static char body[BUFFER];
    unsigned long requests = 0, errors = 0;
    long until = now_ms() + atol(word[1]);
    struct link link = {.open = false};
    for (unsigned long i = 0; now_ms() < until || (i < SOME && now_ms() < until + 2 * TIMEOUT_MS); i++) {
        if (!link.open || i % 10 == 0) {
            shut(&link);
            int rc = connect_tls(&link, word[3], word + 4, n - 4);
            if (rc < 0) {
                fprintf(stderr, "drive: load: %s\n", gnutls_strerror(rc));
                errors++;
                shut(&link);
                continue;
            }
        }
        int status = get(&link, word[2], NULL, body, sizeof body);
        requests++;
        if (status != 200) {
            fprintf(stderr, "drive: load: status %d\n", status);
            errors++;
            shut(&link);
        }
    }
    shut(&link);
    gnutls_free(link.ticket.data);
    printf("load %lu %lu\n", requests, errors);
}

/* As a well-behaved client through restarts: it keeps connections, closes when told to, and asks once more,
 * on a new connection, when a kept one ended under its request (RFC 9112 section 9.3.1 allows that for GET).
 * Everything else that goes wrong is an error. */
static void do_steady(char **word, size_t n)
{
    static char body[BUFFER];
    unsigned long requests = 0, errors = 0, retried = 0, connections = 0;
    long until = now_ms() + atol(word[1]);
    struct link link = {.open = false};
    signal(SIGTERM, on_term);
    while ((!told || requests < SOME) && now_ms() < until) {
        bool kept = link.open;
        int rc = 0;
        if (!kept) {
            rc = connect_tls(&link, word[3], word + 4, n - 4);
            connections++;
        }
        int status = rc < 0 ? rc : get(&link, word[2], NULL, body, sizeof body);
        if (kept && status <= 0) {
            shut(&link);
            retried++;
            continue;
        }
        requests++;
        if (status != 200) {
            fprintf(stderr, "drive: steady: %s %d\n", rc < 0 ? gnutls_strerror(rc) : "status", status);
            errors++;
        }
        if (status != 200 || link.closing || requests % 10 == 0)
            shut(&link);
    }
    shut(&link);
    gnutls_free(link.ticket.data);
    printf("steady %lu %lu %lu %lu\n", requests, errors, retried, connections);
}

static void do_several(char **word, size_t n)
{
    static char body[BUFFER];
    unsigned count[MOST_STATUS] = {0}, cut = 0;
    struct link link = {.open = false};
    for (long i = atol(word[1]); i > 0; i--) {
        int status = link.open ? 0 : connect_tls(&link, word[3], word + 4, n - 4);
        if (status >= 0)
            status = get(&link, word[2], NULL, body, sizeof body);
        if (status > 0 && status < MOST_STATUS)
            count[status]++;
        else
            cut++;
        if (status <= 0 || link.closing)
            shut(&link);
    }
    shut(&link);
    gnutls_free(link.ticket.data);
    say_counts("several", count, "cut", cut);
}

/* Comes again and again, each time on a new connection, until nobody takes it. Who is taken in is to be
 * answered. */
static void do_knock(char **word, size_t n)
{
    static char body[BUFFER];
    unsigned long answered = 0, lost = 0;
    struct link link = {.open = false};
    int rc;
    while ((rc = connect_tcp(&link, word[2])) == 0) {
        rc = begin_tls(&link, word + 3, n - 3);
        if (rc == 0)
            rc = get(&link, word[1], "Connection: close", body, sizeof body);
        if (rc == 200) {
            answered++;
        } else {
            fprintf(stderr, "drive: knock: %s\n", rc < 0 ? gnutls_strerror(rc) : "no answer");
            lost++;
        }
        shut(&link);
    }
    shut(&link);
    gnutls_free(link.ticket.data);
    printf("knock %lu %lu %s\n", answered, lost, strerror(-rc));
}

int main(void)
{
    char line[4096];
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (fgets(line, sizeof line, stdin)) {
        char *word[WORDS] = {0}, *field = strchr(line, '|'), *save = NULL;
        size_t n = 0;
        line[strcspn(line, "\n")] = '\0';
        if (field) /* "get NAME PATH | Header: value" */
            *field++ = '\0';
        while (field && *field == ' ')
            field++;
        for (char *w = strtok_r(line, " ", &save); w && n < WORDS; w = strtok_r(NULL, " ", &save))
            word[n++] = w;
        if (n >= 3 && strcmp(word[0], "open") == 0)
            do_open(word, n);
        else if (n >= 3 && (strcmp(word[0], "get") == 0 || strcmp(word[0], "head") == 0))
            do_get(word, field);
        else if (n >= 2 && strcmp(word[0], "askall") == 0)
            do_askall(word[1]);
        else if (n >= 1 && strcmp(word[0], "getall") == 0)
            do_getall(n >= 2 ? word[1] : NULL);
        else if (n >= 4 && strcmp(word[0], "load") == 0)
            do_load(word, n);
        else if (n >= 4 && strcmp(word[0], "steady") == 0)
            do_steady(word, n);
        else if (n >= 4 && strcmp(word[0], "several") == 0)
            do_several(word, n);
        else if (n >= 3 && strcmp(word[0], "tcp") == 0)
            do_tcp(word);
        else if (n >= 2 && strcmp(word[0], "tls") == 0)
            do_tls(word, n);
        else if (n >= 3 && strcmp(word[0], "arrive") == 0)
            do_arrive(word, n);
        else if (n >= 3 && strcmp(word[0], "knock") == 0)
            do_knock(word, n);
        else if (n >= 2 && strcmp(word[0], "ticket") == 0)
            printf("ticket %s %s\n", word[1], find(word[1]) && find(word[1])->ticket.data ? "yes" : "no");
        else if (n >= 2 && strcmp(word[0], "ended") == 0)
            do_ended(word[1]);
        else if (n >= 2 && strcmp(word[0], "close") == 0) {
            if (find(word[1]))
                shut(find(word[1]));
            printf("close %s\n", word[1]);
        } else
            printf("what? %s\n", word[0] ? word[0] : "");
    }
    for (size_t i = 0; i < n_links; i++) {
        shut(links[i]);
        gnutls_free(links[i]->ticket.data);
        free(links[i]);
    }
    return 0;
}
