/* Replays the rows of tests/data/gate.tsv over TLS connections: `gateclient NAME PORT`. For each row a
 * connection of its own: the bytes are sent, and the status codes that come back compared with the row's
 * answers. After a refusal the server must end the connection by itself. One line "ok NAME" or "not ok NAME:
 * ..." for each; status 1 when one differs. */
#include <arpa/inet.h>
#include <check.h>
#include <ctype.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "table.h"

enum { TIMEOUT_MS = 10000, ROOM = 1 << 20 };

struct link {
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t creds;
};

static bool open_link(struct link *link, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    link->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(link->fd, (struct sockaddr *)&to, sizeof to) != 0)
        return false;
    gnutls_certificate_allocate_credentials(&link->creds);
    gnutls_init(&link->session, GNUTLS_CLIENT);
    gnutls_set_default_priority(link->session);
    gnutls_credentials_set(link->session, GNUTLS_CRD_CERTIFICATE, link->creds);
    gnutls_transport_set_int(link->session, link->fd);
    gnutls_handshake_set_timeout(link->session, TIMEOUT_MS);
    gnutls_record_set_timeout(link->session, TIMEOUT_MS);
    int rc;
    do
        rc = gnutls_handshake(link->session);
    while (rc < 0 && !gnutls_error_is_fatal(rc));
    return rc == 0;
}

static void close_link(struct link *link)
{
    gnutls_deinit(link->session);
    gnutls_certificate_free_credentials(link->creds);
    close(link->fd);
}

/* The status codes in what came, as "200,400"; "-" for none. */
static unsigned statuses(const char *data, size_t len, char *out, size_t room)
{
    unsigned n = 0;
    size_t at = 0;
    for (size_t i = 0; i + 12 < len; i++) {
        if ((i > 0 && data[i - 1] != '\n') || strncmp(data + i, "HTTP/1.", 7) != 0)
            continue;
        at += (size_t)snprintf(out + at, room - at, "%s%.3s", n ? "," : "", data + i + 9);
        n++;
    }
    if (n == 0)
        snprintf(out, room, "-");
    return n;
}

/* "2xx" in the wanted list stands for any success. */
static bool same(const char *got, const char *want)
{
    for (; *got && *want; got++, want++) {
        if (*got != *want && !(*want == 'x' && isdigit((unsigned char)*got)))
            return false;
    }
    return *got == *want;
}

static bool run(const char *name, const char *bytes, size_t len, const char *verdict, const char *want,
                uint16_t port)
{
    static char data[ROOM];
    char got[256];
    struct link link;
    size_t have = 0, sent = 0;
    bool refused = isdigit((unsigned char)verdict[0]);
    unsigned wanted = strcmp(want, "-") == 0 ? 0 : 1;
    for (const char *p = want; *p; p++)
        wanted += *p == ',';
    if (!open_link(&link, port)) {
        printf("not ok %s: no connection\n", name);
        return false;
    }
    while (sent < len) {
        ssize_t n = gnutls_record_send(link.session, bytes + sent, len - sent);
        if (n <= 0)
            break; /* the server refused early and closed: what it said is still to be read */
        sent += (size_t)n;
    }
    /* A good connection stays open until its client leaves; a refused one must be ended by the server. */
    bool left = false;
    const char *how = "ended";
    for (;;) {
        if (!refused && !left && statuses(data, have, got, sizeof got) >= wanted) {
            gnutls_bye(link.session, GNUTLS_SHUT_WR);
            shutdown(link.fd, SHUT_WR);
            left = true;
        }
        ssize_t n = gnutls_record_recv(link.session, data + have, sizeof data - 1 - have);
        if (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_AGAIN)
            continue;
        if (n <= 0) {
            if (n == GNUTLS_E_TIMEDOUT)
                how = "stays open";
            else if (n < 0 && n != GNUTLS_E_PREMATURE_TERMINATION && !left)
                how = gnutls_strerror((int)n);
            break; /* who left first may be reset: the other end need not read its farewell */
        }
        have += (size_t)n;
        data[have] = '\0';
    }
    close_link(&link);
    statuses(data, have, got, sizeof got);
    if (same(got, want) && strcmp(how, "ended") == 0) {
        printf("ok %s: %s\n", name, got);
        return true;
    }
    printf("not ok %s: got %s, want %s; the connection %s\n", name, got, want, how);
    return false;
}

static const char *table_name;
static uint16_t table_port;

START_TEST(rows)
{
    struct table table;
    unsigned bad = 0, n = 0;
    table_open(&table, table_name);
    while (table_next(&table)) {
        if (strcmp(table.column[1], "any") != 0)
            continue;
        struct buf bytes = {0};
        table_unescape(&bytes, table.column[2]);
        n++;
        if (!run(table.column[0], bytes.data ? bytes.data : "", bytes.len, table.column[3], table.column[4],
                 table_port))
            bad++;
        buf_done(&bytes);
    }
    table_close(&table);
    printf("# %u rows, %u bad\n", n, bad);
    ck_assert_uint_gt(n, 0);
    ck_assert_uint_eq(bad, 0);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: gateclient NAME PORT (a table in tests/data)\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    table_name = argv[1];
    table_port = (uint16_t)atoi(argv[2]);
    /* A Check test, because the table's reader asserts as one. */
    Suite *suite = suite_create("gateclient");
    TCase *tc = tcase_create("rows");
    tcase_add_test(tc, rows);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
