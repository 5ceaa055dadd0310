#include "drive.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/abstract.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 512 };

static struct link *links[MOST];
static size_t n_links;

static const char *option(char *const *word, size_t n, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < n; i++) {
        if (strncmp(word[i], name, len) == 0 && word[i][len] == '=')
            return word[i] + len + 1;
    }
    return NULL;
}

static bool flag(char *const *word, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(word[i], name) == 0)
            return true;
    }
    return false;
}

void link_shut(struct link *link)
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

struct link *link_find(const char *name)
{
    for (size_t i = 0; i < n_links; i++) {
        if (strcmp(links[i]->name, name) == 0)
            return links[i];
    }
    return NULL;
}

struct link *link_add(const char *name)
{
    struct link *link = link_find(name);
    if (link) {
        link_shut(link);
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

struct link *link_at(size_t i)
{
    return i < n_links ? links[i] : NULL;
}

void links_done(void)
{
    for (size_t i = 0; i < n_links; i++) {
        link_shut(links[i]);
        gnutls_free(links[i]->ticket.data);
        free(links[i]);
    }
    n_links = 0;
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

int link_connect(struct link *link, const char *port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    link->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    link->open = true;
    return connect(link->fd, (struct sockaddr *)&to, sizeof to) == 0 ? 0 : -errno;
}

int link_begin_tls(struct link *link, char *const *word, size_t n)
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
    struct link *old = from ? link_find(from) : NULL;
    if (old && old->ticket.data)
        gnutls_session_set_data(link->session, old->ticket.data, old->ticket.size);
    int rc;
    do
        rc = gnutls_handshake(link->session);
    while (rc < 0 && !gnutls_error_is_fatal(rc));
    return rc;
}

int link_open(struct link *link, const char *port, char *const *word, size_t n)
{
    return link_connect(link, port) == 0 ? link_begin_tls(link, word, n) : GNUTLS_E_PUSH_ERROR;
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

int link_ask(struct link *link, const char *path, const char *field)
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

int link_answer(struct link *link, bool head, char *text, size_t room)
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

int link_get(struct link *link, const char *path, const char *field, char *body, size_t room)
{
    int rc = link_ask(link, path, field);
    return rc < 0 ? rc : link_answer(link, false, body, room);
}
