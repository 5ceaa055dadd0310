#include "upstream/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/conf_backend.h"
#include "tls/library.h"
#include "tls/names.h"

/* What the server says of itself is worth more than that it said something. */
static void why_tls(const struct link *link, int error, char why[static LINK_WHY])
{
    const char *alert = NULL;
    if (error == GNUTLS_E_FATAL_ALERT_RECEIVED)
        alert = tls_alert_name((uint8_t)gnutls_alert_get(link->session));
    snprintf(why, LINK_WHY, "TLS: %s%s", alert ? "it sent the alert " : "",
             alert ? alert : gnutls_strerror(error));
}

/* --- life ----------------------------------------------------------------------------------------------- */

void links_init(struct links *links, int epoll, struct wheel *wheel)
{
    *links = (struct links){.epoll = epoll, .wheel = wheel};
}

void links_settle(struct links *links)
{
    while (links->dead) {
        struct link *link = links->dead;
        links->dead = link->next;
        free(link);
    }
}

static void unshelve(struct link *link)
{
    struct link_shelf *shelf = link->shelf;
    *(link->prev ? &link->prev->next : &shelf->first) = link->next;
    *(link->next ? &link->next->prev : &shelf->last) = link->prev;
    link->next = link->prev = NULL;
    shelf->n--;
}

static bool is_shelved(const struct link *link)
{
    return link->shelf->first == link || link->prev;
}

/* What the next connection may resume. Tickets of TLS 1.3 come behind the handshake, so this is asked late.
 */
static void keep_session(struct link *link)
{
    gnutls_datum_t data;
    if (!link->session || !link->up || link->resumed ||
        !(gnutls_session_get_flags(link->session) & GNUTLS_SFLAGS_SESSION_TICKET) ||
        gnutls_session_get_data2(link->session, &data) < 0)
        return;
    gnutls_free(link->shelf->session.data);
    link->shelf->session = data;
    link->resumed = true; /* asked once */
}

/* Also one that has no socket yet. */
static void discard(struct link *link)
{
    keep_session(link);
    if (is_shelved(link))
        unshelve(link);
    link->shelf->n_all--;
    wheel_stop(&link->timer);
    if (link->session) {
        if (link->up && !link->parted)
            (void)tls_library()->bye(link->session, GNUTLS_SHUT_WR);
        gnutls_deinit(link->session);
        link->session = NULL;
    }
    free(link->first);
    link->first = NULL;
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
    link->user = NULL;
    backend_unref(link->backend);
    link->backend = NULL;
    link->next = link->links->dead;
    link->links->dead = link;
}

void link_close(struct link *link)
{
    if (link && link->ops)
        link->ops->close(link);
    else if (link && link->fd >= 0)
        discard(link);
}

void link_cut(struct link *link)
{
    static const struct linger NONE = {.l_onoff = 1, .l_linger = 0};
    if (link && !link->ops && link->fd >= 0) {
        (void)setsockopt(link->fd, SOL_SOCKET, SO_LINGER, &NONE, sizeof NONE);
        link->parted = true;
    }
    link_close(link);
}

bool link_blame(struct link *link)
{
    return !link->ops || link->ops->blame(link);
}

void link_shelf_done(struct link_shelf *shelf)
{
    while (shelf->first)
        link_close(shelf->first);
    if (shelf->n_all == 0) {
        gnutls_free(shelf->session.data);
        shelf->session = (gnutls_datum_t){0};
    }
}

/* --- becoming one --------------------------------------------------------------------------------------- */

static void fail(struct link *link, const char *why)
{
    struct link_user *user = link->user;
    link->untrusted = link->session != NULL;
    snprintf(link->why, sizeof link->why, "%s", why);
    if (user)
        user->event(user, LINK_FAILED); /* which closes it */
    else
        link_close(link);
}

static void come_up(struct link *link)
{
    link->up = true;
    link->alpn = NULL;
    link->up_us = clock_mono_us();
    wheel_set(link->links->wheel, &link->timer, 0);
    link->user->event(link->user, LINK_UP);
}

static void why_untrusted(struct link *link, char why[static LINK_WHY])
{
    unsigned status = gnutls_session_get_verify_cert_status(link->session);
    gnutls_datum_t text = {0};
    if (status != 0 && gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) == 0)
        snprintf(why, LINK_WHY, "its certificate is not accepted for %s: %s",
                 link->backend->server[link->server].sni, (const char *)text.data);
    gnutls_free(text.data);
}

/* GnuTLS also says "again" where it has read a record that holds nothing for its caller, such as a session
 * ticket: then the socket may have more, of which epoll does not tell again. */
static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t size)
{
    struct link *link = ptr;
    ssize_t n;
    do
        n = recv(link->fd, data, size, 0);
    while (n < 0 && errno == EINTR);
    link->blocked = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (n < 0)
        gnutls_transport_set_errno(link->session, errno);
    return n;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const giovec_t *vector, int count)
{
    struct link *link = ptr;
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)vector, .msg_iovlen = (size_t)count};
    ssize_t n;
    do
        n = sendmsg(link->fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    link->blocked = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (n < 0)
        gnutls_transport_set_errno(link->session, errno);
    return n;
}

/* The call is to be made once more, at once. */
static bool goes_on(const struct link *link, ssize_t n)
{
    return n == GNUTLS_E_INTERRUPTED || (n == GNUTLS_E_AGAIN && !link->blocked);
}

/* HTTP/2 over TLS is spoken where the server says so (RFC 9113 section 3.2). */
static bool agrees(const struct link *link)
{
    gnutls_datum_t chosen = {0};
    if (link->backend->server[link->server].conf->scheme != CONF_SCHEME_H2)
        return true;
    return gnutls_alpn_get_selected_protocol(link->session, &chosen) == 0 && chosen.size == 2 &&
           memcmp(chosen.data, "h2", 2) == 0;
}

static void shake(struct link *link)
{
    int rc;
    do {
        link->blocked = false;
        rc = tls_library()->handshake(link->session);
    } while (goes_on(link, rc) || rc == GNUTLS_E_WARNING_ALERT_RECEIVED);
    if (rc == GNUTLS_E_AGAIN)
        return;
    if (rc == GNUTLS_E_SUCCESS && !agrees(link)) {
        fail(link, "it does not agree to HTTP/2 (ALPN h2)");
        return;
    }
    if (rc == GNUTLS_E_SUCCESS) {
        link->resumed = gnutls_session_is_resumed(link->session);
        come_up(link);
        return;
    }
    char why[LINK_WHY];
    why_tls(link, rc, why);
    if (rc == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR)
        why_untrusted(link, why);
    (void)gnutls_alert_send_appropriate(link->session, rc);
    fail(link, why);
}

static int offer_protocols(struct link *link)
{
    static const gnutls_datum_t HTTP = {(unsigned char *)(uintptr_t) "http/1.1", 8},
                                H2 = {(unsigned char *)(uintptr_t) "h2", 2};
    const enum conf_scheme scheme = link->backend->server[link->server].conf->scheme;
    gnutls_datum_t offered[CONF_ALPNS_MOST];
    unsigned n = 0;
    if (scheme == CONF_SCHEME_HTTPS || scheme == CONF_SCHEME_H2)
        return gnutls_alpn_set_protocols(link->session, scheme == CONF_SCHEME_H2 ? &H2 : &HTTP, 1, 0);
    for (; link->alpn && n < link->alpn->n && n < ARRAY_LEN(offered); n++) {
        const char *name = link->alpn->item[n].text;
        offered[n] = (gnutls_datum_t){(unsigned char *)(uintptr_t)name, (unsigned)strlen(name)};
    }
    return n > 0 ? gnutls_alpn_set_protocols(link->session, offered, n, 0) : 0;
}

static int begin_tls(struct link *link)
{
    const struct backend *backend = link->backend;
    const struct backend_server *server = &backend->server[link->server];
    int rc = tls_library()->init(&link->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
    if (rc >= 0)
        rc = gnutls_priority_set(link->session, backend->priorities);
    if (rc >= 0)
        rc = gnutls_credentials_set(link->session, GNUTLS_CRD_CERTIFICATE, backend->credentials);
    if (rc >= 0 && !server->sni_is_address)
        rc = gnutls_server_name_set(link->session, GNUTLS_NAME_DNS, server->sni, strlen(server->sni));
    if (rc >= 0)
        rc = offer_protocols(link);
    if (rc < 0)
        return rc;
    gnutls_session_set_verify_cert(link->session, server->sni, 0);
    if (link->shelf->session.data)
        (void)gnutls_session_set_data(link->session, link->shelf->session.data, link->shelf->session.size);
    gnutls_transport_set_ptr(link->session, link);
    gnutls_transport_set_pull_function(link->session, pull);
    gnutls_transport_set_vec_push_function(link->session, push);
    return 0;
}

/* 1: all of it has gone; 0: the socket has no room; -1: it failed. */
static int send_first(struct link *link)
{
    while (link->first) {
        ssize_t n =
            send(link->fd, link->first + link->first_at, link->first_len - link->first_at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
        link->first_at += (size_t)n;
        if (link->first_at < link->first_len)
            continue;
        free(link->first);
        link->first = NULL;
    }
    return 1;
}

/* A socket that is connecting, or -1. */
static int dial(const struct origin_address *address)
{
    int fd = socket(address->to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int one = 1;
    if (address->to.any.sa_family != AF_UNIX) {
        (void)tls_library_set_nodelay(fd);
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    }
    if (connect(fd, &address->to.any, address->len) != 0 && errno != EINPROGRESS) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* Connects to the next address, in place of the one before. False, with errno: none takes it. */
static bool dial_next(struct link *link)
{
    struct origin *origin = link->backend->server[link->server].origin;
    struct origin_address address;
    int fd = -1;
    while (fd < 0 && origin_address(origin, link->nth, &link->turn, &address)) {
        link->nth++;
        fd = dial(&address);
    }
    if (fd < 0)
        return false;
    if (link->fd >= 0)
        close(link->fd);
    link->fd = fd;
    link->readable = link->writable = link->ended = false;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = event_mark(&link->source)};
    return epoll_ctl(link->links->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int socket_error(const struct link *link)
{
    int error = 0;
    socklen_t len = sizeof error;
    return getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

static void connected(struct link *link)
{
    const int error = socket_error(link);
    if (error != 0) {
        if (!dial_next(link))
            fail(link, strerror(error));
        return;
    }
    int sent = send_first(link);
    if (sent < 0)
        fail(link, strerror(errno));
    if (sent <= 0)
        return;
    if (!conf_server_is_tls(link->backend->server[link->server].conf)) {
        come_up(link);
        return;
    }
    int rc = begin_tls(link);
    if (rc < 0)
        fail(link, gnutls_strerror(rc));
    else
        shake(link);
}

/* Between two requests: something would be taken for the next response. Session tickets of TLS may come late;
 * anything else, the end too, is nobody's. */
static bool says_more(struct link *link)
{
    char byte;
    return link->readable && link_read(link, &byte, 1) != -EAGAIN;
}

static void on_ready(struct event_source *source, uint32_t events)
{
    struct link *link = (struct link *)(void *)source;
    if (link->fd < 0)
        return;
    link->readable = link->readable || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR));
    link->writable = link->writable || (events & (EPOLLOUT | EPOLLHUP | EPOLLERR));
    link->ended = link->ended || (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
    if (!link->user) {
        if (says_more(link))
            link_close(link);
    } else if (link->up) {
        link->user->event(link->user, LINK_READY);
    } else if (link->session) {
        shake(link);
    } else if (link->writable) {
        connected(link);
    }
}

static void on_time(struct wheel_timer *timer)
{
    struct link *link = (struct link *)(void *)((char *)timer - offsetof(struct link, timer));
    if (link->user) {
        link->timed_out = true;
        fail(link, link->session ? "its TLS handshake took longer than connect_timeout"
                                 : "it did not answer within connect_timeout");
    } else {
        link_close(link);
    }
}

/* Before it has come to the server. */
static bool is_own_lack(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

void links_no_memory(struct links *links, char why[static LINK_WHY])
{
    links->lacks = true;
    snprintf(why, LINK_WHY, "out of memory");
}

struct link *link_open(const struct link_target *target, struct link_user *user,
                       const struct link_first *first, char why[static LINK_WHY])
{
    struct link *link = calloc(1, sizeof *link);
    if (link && first->len > 0)
        link->first = malloc(first->len);
    if (!link || (first->len > 0 && !link->first)) {
        free(link);
        links_no_memory(target->links, why);
        return NULL;
    }
    if (first->len > 0)
        memcpy(link->first, first->data, first->len);
    link->first_len = first->len;
    link->alpn = first->alpn;
    link->source.ready = on_ready;
    link->timer.fire = on_time;
    link->links = target->links;
    link->shelf = target->shelf;
    link->user = user;
    link->backend = backend_ref(target->backend);
    link->server = target->server;
    link->fd = -1;
    link->born_us = clock_mono_us();
    link->shelf->n_all++;
    errno = 0;
    if (!dial_next(link)) {
        target->links->lacks = is_own_lack(errno);
        snprintf(why, LINK_WHY, "%s", errno != 0 ? strerror(errno) : "its name could not be resolved");
        discard(link);
        return NULL;
    }
    wheel_set(link->links->wheel, &link->timer,
              clock_mono_ms() + (uint64_t)link->backend->conf->connect_timeout * 1000);
    return link;
}

/* --- between requests ----------------------------------------------------------------------------------- */

/* An event that tells of bytes or the end may be in the same turn, behind the request that wants the link:
 * the socket itself is asked. */
struct link *link_take(struct link_shelf *shelf, struct link_user *user)
{
    struct link *link;
    while ((link = shelf->first) != NULL) {
        unshelve(link);
        wheel_set(link->links->wheel, &link->timer, 0);
        link->user = user;
        link->readable = true;
        if (!link->ended && !says_more(link))
            return link;
        link_close(link);
    }
    return NULL;
}

void link_release(struct link *link, unsigned most, uint64_t keep_ms)
{
    struct link_shelf *shelf = link->shelf;
    if (link->ops || link->ended || most == 0 || keep_ms == 0 || says_more(link)) {
        link_close(link);
        return;
    }
    keep_session(link);
    if (shelf->n >= most)
        link_close(shelf->last);
    link->user = NULL;
    link->prev = NULL;
    link->next = shelf->first;
    *(shelf->first ? &shelf->first->prev : &shelf->last) = link;
    shelf->first = link;
    shelf->n++;
    wheel_set(link->links->wheel, &link->timer, clock_mono_ms() + keep_ms);
}

/* --- bytes ---------------------------------------------------------------------------------------------- */

static ssize_t tls_result(struct link *link, ssize_t n)
{
    if (n >= 0)
        return n;
    if (n == GNUTLS_E_AGAIN)
        return -EAGAIN;
    if (n == GNUTLS_E_PREMATURE_TERMINATION || n == GNUTLS_E_PULL_ERROR || n == GNUTLS_E_PUSH_ERROR)
        return -ECONNRESET;
    why_tls(link, (int)n, link->why);
    return -EPROTO;
}

ssize_t link_read(struct link *link, void *data, size_t size)
{
    ssize_t n;
    if (link->ops)
        return link->ops->read(link, data, size);
    if (link->session) {
        do {
            link->blocked = false;
            n = tls_library()->record_recv(link->session, data, size);
        } while (goes_on(link, n));
        n = tls_result(link, n);
    } else {
        if (!link->readable)
            return -EAGAIN;
        do
            n = recv(link->fd, data, size, 0);
        while (n < 0 && errno == EINTR);
        n = n < 0 ? -errno : n;
        if (n == -EWOULDBLOCK)
            n = -EAGAIN;
        /* A short read has emptied it, and the next bytes, or the end, raise an edge of their own. */
        if (n > 0 && (size_t)n < size && !link->ended)
            link->readable = false;
    }
    if (n == -EAGAIN)
        link->readable = false;
    if (n == 0)
        link->ended = true;
    return n == 0 && link->broken ? link->broken : n;
}

bool link_is_reset(const struct link *link)
{
    return socket_error(link) != 0;
}

ssize_t link_write(struct link *link, const void *data, size_t size)
{
    ssize_t n;
    if (link->ops)
        return link->ops->write(link, data, size);
    if (link->session) {
        do
            n = tls_library()->record_send(link->session, data, size);
        while (n == GNUTLS_E_INTERRUPTED);
        n = tls_result(link, n);
    } else {
        do
            n = send(link->fd, data, size, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        n = n < 0 ? -errno : n;
    }
    if (n == -EWOULDBLOCK)
        n = -EAGAIN;
    link->writable = n != -EAGAIN;
    /* The socket says it once, and then that its peer has ended: -EPIPE, and an end to whoever reads. Where
     * that ends a body, it would pass for whole. */
    if (n < 0 && n != -EAGAIN && n != -EPIPE)
        link->broken = (int)n;
    return n;
}

bool link_end(struct link *link)
{
    if (link->ops || link->parted)
        return true;
    int rc = GNUTLS_E_INTERRUPTED;
    while (link->session && rc == GNUTLS_E_INTERRUPTED)
        rc = tls_library()->bye(link->session, GNUTLS_SHUT_WR);
    if (link->session && rc == GNUTLS_E_AGAIN)
        return false;
    link->parted = true;
    /* Behind close_notify, too: who reads plain TCP below it sees that nothing more comes. */
    (void)shutdown(link->fd, SHUT_WR);
    return true;
}
