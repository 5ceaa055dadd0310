#include "tls/transport.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "tls/alerts.h"
#include "tls/library.h"
#include "tls/names.h"
#include "tls/server_name.h"
#include "tls/transport_turn.h"

enum {
    /* A peer may send this many warning alerts and renegotiation requests in the life of a connection. */
    MOST_WARNINGS = 8,
    /* So many records in a row without data, as OpenSSL and BoringSSL have it: empty ones, parts of messages,
     * key updates. GnuTLS reads the next one at once, so these are also what one turn takes. */
    MOST_EMPTY = 32,
    /* After an answer of our own, as nginx's lingering_timeout and lingering_time: who still sends a large
     * body must be able to finish, or sees a reset in the place of the answer. */
    LINGER_SILENT_MS = 5000,
    LINGER_MOST_MS = 30000,
    /* What a connection may take of a worker's turn to be thrown away. */
    TURN_DRAIN = 1024 * 1024,
};

/* The session's database pointer is ours to use: there is no session database, resumption goes by tickets.
 * libmicrohttpd uses the session pointer, and the transport pointer of a foreign session may be a descriptor
 * in disguise. */
struct transport *transport_of(gnutls_session_t session)
{
    struct transport *transport = gnutls_db_get_ptr(session);
    return transport && !transport->turn ? transport : NULL;
}

static void on_deadline(struct wheel_timer *timer)
{
    struct transport *t = (struct transport *)((char *)timer - offsetof(struct transport, deadline));
    t->ops->late(t);
}

void transport_init(struct transport *t, struct tls_share *share, gnutls_session_t session, int fd,
                    const struct transport_ops *ops, uint32_t handshake_ms, uint32_t linger_ms)
{
    memset(t, 0, sizeof *t);
    t->session = session;
    t->fd = fd;
    t->ops = ops;
    t->share = share;
    t->deadline.fire = on_deadline;
    t->state = TRANSPORT_FIRST;
    t->alert = -1;
    t->linger_ms = linger_ms;
    transport_deadline(t, clock_mono_ms() + handshake_ms);
    if (!session)
        return;
    gnutls_db_set_ptr(session, t);
    turn_attach(t);
}

void transport_regain(struct transport *t)
{
    turn_attach(t);
}

void transport_deadline(struct transport *t, uint64_t at_ms)
{
    wheel_set(t->share->wheel, &t->deadline, at_ms);
}

void transport_done(struct transport *t)
{
    wheel_stop(&t->deadline);
    seal_forget(t->share->sealer, t->session);
    inflow_done(&t->in);
    outflow_done(&t->out);
    free(t->head);
    t->head = NULL;
}

void transport_refuse(struct transport *t, gnutls_alert_description_t alert, const char *why)
{
    t->alert = (int)alert;
    t->why = why;
}

void transport_expire(struct transport *t)
{
    t->expired = true;
    /* An end of input, which wakes whoever waits for some. Nothing is closed here: the descriptor is
     * borrowed. */
    shutdown(t->fd, SHUT_RD);
}

/* The last word was said: what still comes in is read and dropped, because closing a socket with unread input
 * resets the connection and may take the alert or the answer with it. */
static void linger(struct transport *t)
{
    t->state = TRANSPORT_LINGER;
    transport_deadline(t, clock_mono_ms() + t->linger_ms);
}

/* The same, and the peer is told that nothing more comes: it need not wait for the end of our patience. What
 * the socket does not take now is lost: this peer stopped reading before. */
static void linger_closed(struct transport *t)
{
    (void)turn_dispatch(t);
    shutdown(t->fd, SHUT_WR);
    linger(t);
}

/* After an alert. */
static void linger_later_closed(struct transport *t)
{
    linger(t);
    (void)turn_dispatch(t);
    if (linger_later(&t->share->linger, t->fd, t->linger_ms))
        t->state = TRANSPORT_OVER;
}

/* It was a client that is told something, and may be in the middle of a body. */
static void linger_long(struct transport *t)
{
    uint64_t now_ms = clock_mono_ms();
    t->linger_until_ms = now_ms + LINGER_MOST_MS;
    transport_deadline(t, now_ms + LINGER_SILENT_MS);
}

static ssize_t drain(struct transport *t)
{
    inflow_done(&t->in);
    for (size_t drained = 0; drained < TURN_DRAIN;) {
        if (t->expired || t->state == TRANSPORT_OVER)
            return 0;
        ssize_t n = recv(t->fd, t->share->input, sizeof t->share->input, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            return 0;
        if (drained > 0 && t->linger_until_ms > 0) {
            uint64_t until_ms = clock_mono_ms() + LINGER_SILENT_MS;
            transport_deadline(t, until_ms < t->linger_until_ms ? until_ms : t->linger_until_ms);
        }
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? GNUTLS_E_AGAIN : GNUTLS_E_PULL_ERROR;
        drained += (size_t)n;
    }
    return GNUTLS_E_INTERRUPTED; /* others first */
}

static void note_alert(struct transport *t, enum record_side from, int level, int description)
{
    bool visible = t->state == TRANSPORT_HANDSHAKE && t->frames[from].type == FRAME_ALERT;
    record_alert(t->record, from, level, description, visible, clock_mono_us());
}

/* Sends a fatal alert; best effort, the peer may be gone. */
static void send_alert(struct transport *t, int alert)
{
    int rc;
    do
        rc = gnutls_alert_send(t->session, GNUTLS_AL_FATAL, (gnutls_alert_description_t)alert);
    while (rc == GNUTLS_E_INTERRUPTED);
    note_alert(t, RECORD_SERVER, GNUTLS_AL_FATAL, alert);
}

/* Errors after which an alert cannot be sent or would be noise. */
static bool peer_is_gone(int error)
{
    return error == GNUTLS_E_FATAL_ALERT_RECEIVED || error == GNUTLS_E_PREMATURE_TERMINATION ||
           error == GNUTLS_E_PULL_ERROR || error == GNUTLS_E_PUSH_ERROR || error == GNUTLS_E_SESSION_EOF;
}

static int alert_now(const struct transport *t, int error)
{
    return alert_for(error, (int)gnutls_handshake_get_last_in(t->session));
}

static void fail(struct transport *t, int error)
{
    char why[TRANSPORT_WHY];
    int sent = -1, received = -1;
    if (error == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        received = (int)gnutls_alert_get(t->session);
    } else if (error == GNUTLS_E_DECRYPTION_FAILED && frames_alert(&t->frames[RECORD_CLIENT]) >= 0) {
        /* A TLS 1.3 client that has not sent anything under keys yet may refuse in the clear, as OpenSSL
         * does. GnuTLS takes that for a broken record. */
        received = frames_alert(&t->frames[RECORD_CLIENT]);
        error = GNUTLS_E_FATAL_ALERT_RECEIVED;
    } else if (t->left) {
        /* In the middle of a record, too, which GnuTLS calls a broken one. */
        error = GNUTLS_E_PREMATURE_TERMINATION;
    }
    if (!t->expired && !peer_is_gone(error) && t->alert < 0)
        t->ops->failing(t, error);
    if (t->expired)
        snprintf(why, sizeof why, "the time for the handshake ran out");
    else if (t->why)
        snprintf(why, sizeof why, "%s", t->why);
    else if (error == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        const char *name = tls_alert_name((uint8_t)received);
        snprintf(why, sizeof why, "the client refused: alert %s", name ? name : "unknown");
    } else if (error == GNUTLS_E_PREMATURE_TERMINATION || error == GNUTLS_E_PULL_ERROR)
        snprintf(why, sizeof why, "the client closed the connection");
    else
        snprintf(why, sizeof why, "%s", gnutls_strerror(error));

    if (received >= 0)
        note_alert(t, RECORD_CLIENT, GNUTLS_AL_FATAL, received);
    if (!t->expired && !peer_is_gone(error)) {
        sent = t->alert >= 0 ? t->alert : alert_now(t, error);
        send_alert(t, sent);
    }
    t->ops->failed(t, error, sent, why);
    if (sent >= 0)
        linger_later_closed(t);
    else
        linger_closed(t);
}

/* 0: done and the state moved on; GNUTLS_E_AGAIN: waits for the peer. */
static int drive_handshake(struct transport *t)
{
    for (;;) {
        t->blocked = false;
        int rc = tls_library()->handshake(t->session);
        server_name_forget();
        if (rc == GNUTLS_E_AGAIN && turn_dispatch(t) != 0)
            rc = GNUTLS_E_PUSH_ERROR;
        if (rc == GNUTLS_E_SUCCESS) {
            t->state = TRANSPORT_OPEN;
            transport_deadline(t, 0);
            t->n_frames = t->frames[RECORD_CLIENT].n;
            if (t->ops->established(t))
                return 0;
            t->state = TRANSPORT_HANDSHAKE;
            fail(t, GNUTLS_E_CERTIFICATE_ERROR);
            return 0;
        }
        /* GnuTLS also says "again" between the records of a long message. Only when the socket has no more
         * may it wait: epoll tells of new bytes, not of those that still lie there. */
        if (rc == GNUTLS_E_AGAIN && t->flooded) {
            transport_refuse(t, GNUTLS_A_UNEXPECTED_MESSAGE,
                             "the client's handshake has too many records or bytes");
            fail(t, GNUTLS_E_UNEXPECTED_PACKET);
            return 0;
        }
        if (rc == GNUTLS_E_AGAIN && !t->expired) {
            if (t->blocked)
                return GNUTLS_E_AGAIN;
            continue;
        }
        if (rc == GNUTLS_E_INTERRUPTED && !t->expired)
            continue;
        if (rc == GNUTLS_E_WARNING_ALERT_RECEIVED) {
            note_alert(t, RECORD_CLIENT, GNUTLS_AL_WARNING, (int)gnutls_alert_get(t->session));
            if (++t->n_warnings <= MOST_WARNINGS)
                continue;
            transport_refuse(t, GNUTLS_A_UNEXPECTED_MESSAGE, "the client sent too many warnings");
            rc = GNUTLS_E_UNEXPECTED_PACKET;
        }
        fail(t, rc);
        return 0;
    }
}

/* The PROXY header, before everything else. 0: go on with the state as it is now; GNUTLS_E_AGAIN; or an
 * error. */
static int read_proxy(struct transport *t)
{
    struct proxy_header header;
    const char *why = "no PROXY header came";
    int used = -1;
    while (t->proxy) {
        ssize_t n = t->in.len < PROXY_MOST ? inflow_more(&t->in, t->fd, PROXY_MOST) : 0;
        bool waits = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        if (waits && !t->expired)
            return GNUTLS_E_AGAIN;
        used = n > 0 ? proxy_header_parse(t->in.bytes, t->in.len, t->proxy, &header, &why) : -1;
        if (used != 0)
            t->proxy = 0;
    }
    if (used > 0)
        inflow_skip(&t->in, (size_t)used);
    if (!t->ops->proxied(t, used > 0 ? &header : NULL, why)) {
        inflow_done(&t->in);
        linger_closed(t);
    }
    return 0;
}

/* It fails by what came; but GnuTLS has no word for who has not begun. PostgreSQL's SSLRequest and its
 * GSSENCRequest are a length and a number that no version of its protocol has. */
static void expect_tls(struct transport *t)
{
    static const unsigned char POSTGRESQL[] = {0, 0, 0, 8, 0x04, 0xd2, 0x16};
    const unsigned char first = (unsigned char)t->in.bytes[0];
    if ((first >= 20 && first <= 24) || first == 0x80)
        return;
    const bool asks =
        t->in.len > sizeof POSTGRESQL && memcmp(t->in.bytes, POSTGRESQL, sizeof POSTGRESQL) == 0;
    transport_refuse(
        t, GNUTLS_A_UNEXPECTED_MESSAGE,
        asks ? "the client asks in the clear whether TLS is spoken, as PostgreSQL's do; here it is "
               "at once: sslnegotiation=direct, or a tunnel"
             : "the client does not begin with TLS");
}

/* Looks at what a peer says first. 0: go on with the state as it is now; GNUTLS_E_AGAIN. */
static int begin(struct transport *t)
{
    if (!t->session && !t->speaks_plain) {
        t->state = TRANSPORT_OPEN;
        transport_deadline(t, 0);
        (void)t->ops->established(t);
        return 0;
    }
    ssize_t n = inflow_waiting(&t->in) > 0 ? 1 : inflow_more(&t->in, t->fd, TRANSPORT_PLAIN_MOST);
    while (n > 0 && proxy_header_begins(t->in.bytes, t->in.len) == 0)
        n = inflow_more(&t->in, t->fd, TRANSPORT_PLAIN_MOST);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return GNUTLS_E_AGAIN;
    t->state = t->speaks_plain ? TRANSPORT_PLAIN : TRANSPORT_HANDSHAKE;
    if (t->speaks_plain)
        return 0;
    if (n > 0 && proxy_header_begins(t->in.bytes, t->in.len) > 0) {
        t->ops->failed(t, GNUTLS_E_UNEXPECTED_PACKET, -1,
                       "it begins with a PROXY header, which is not expected here: set proxy_protocol and "
                       "trusted_proxies for this listener, or let the proxy send none");
        inflow_done(&t->in);
        linger_closed(t);
        return 0;
    }
    /* Every TLS record begins with its type, 20 to 24; SSLv2 with 0x80. A capital letter begins an HTTP
     * method. */
    if (n > 0 && t->ops->plain && t->in.bytes[0] >= 'A' && t->in.bytes[0] <= 'Z')
        t->state = TRANSPORT_PLAIN;
    else if (n > 0 && !t->ops->plain)
        expect_tls(t);
    return 0;
}

static ssize_t answer_plain(struct transport *t)
{
    ssize_t n = 1;
    char head[TRANSPORT_PLAIN_MOST + 1];
    struct buf answer = {0};
    for (;;) {
        if (t->in.len > 0)
            memcpy(head, t->in.bytes, t->in.len);
        head[t->in.len] = '\0';
        if (t->ops->plain(t, head, t->in.len, n == 0 || t->in.len == TRANSPORT_PLAIN_MOST || t->expired,
                          &answer))
            break;
        n = inflow_more(&t->in, t->fd, TRANSPORT_PLAIN_MOST);
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? GNUTLS_E_AGAIN : GNUTLS_E_PULL_ERROR;
    }
    inflow_done(&t->in);
    ssize_t ignored UNUSED = answer.len > 0 ? send(t->fd, answer.data, answer.len, MSG_NOSIGNAL) : 0;
    buf_done(&answer);
    if (!t->speaks_plain)
        t->ops->failed(t, GNUTLS_E_UNEXPECTED_PACKET, -1, "the client spoke plain HTTP to the HTTPS port");
    linger_closed(t);
    linger_long(t);
    return drain(t);
}

void transport_last_word(struct transport *t, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = tls_library()->record_send(t->session, text + at, len - at);
        if (n == GNUTLS_E_INTERRUPTED)
            continue;
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    tls_library()->bye(t->session, GNUTLS_SHUT_WR);
    linger_closed(t);
    linger_long(t);
}

static const char *why_broken(int error)
{
    switch (error) {
    case GNUTLS_E_TOO_MANY_EMPTY_PACKETS:
        return "the client sent too many records in a row without data";
    case GNUTLS_E_TOO_MANY_HANDSHAKE_PACKETS:
        return "the client changed its keys too often";
    default:
        return gnutls_strerror(error);
    }
}

/* A read failed. RFC 8446 section 6: what ends the connection for our reasons sends its alert first. */
static ssize_t broken(struct transport *t, int error, const char *why)
{
    if (!peer_is_gone(error) && gnutls_error_is_fatal(error)) {
        int alert = alert_now(t, error);
        send_alert(t, alert);
        t->ops->broken(t, alert, why);
        linger_later_closed(t);
        return drain(t);
    }
    return error;
}

/* A warning, or a request to renegotiate. 0: go on. */
static ssize_t overlook(struct transport *t, ssize_t error)
{
    if (error == GNUTLS_E_WARNING_ALERT_RECEIVED)
        note_alert(t, RECORD_CLIENT, GNUTLS_AL_WARNING, (int)gnutls_alert_get(t->session));
    if (++t->n_warnings > MOST_WARNINGS)
        return broken(t, GNUTLS_E_UNEXPECTED_PACKET,
                      "the client sent too many warnings or requests to renegotiate");
    /* RFC 5246 section 7.2.2: a server that will not renegotiate says so and goes on. */
    if (error == GNUTLS_E_REHANDSHAKE) {
        t->hello_waits = true;
        gnutls_alert_send(t->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
        note_alert(t, RECORD_SERVER, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
    }
    return 0;
}

static ssize_t read_open(struct transport *t, void *data, size_t size)
{
    for (;;) {
        t->blocked = false;
        ssize_t n = tls_library()->record_recv(t->session, data, size);
        if (n > 0) {
            t->n_frames = t->frames[RECORD_CLIENT].n;
            return n;
        }
        if (n == GNUTLS_E_UNEXPECTED_PACKET && t->hello_waits) {
            /* It drops the hello that it gave GNUTLS_E_REHANDSHAKE for, and says that it did. */
            t->hello_waits = false;
            continue;
        }
        if (n == GNUTLS_E_AGAIN && t->frames[RECORD_CLIENT].n - t->n_frames > MOST_EMPTY)
            return broken(t, GNUTLS_E_TOO_MANY_EMPTY_PACKETS, why_broken(GNUTLS_E_TOO_MANY_EMPTY_PACKETS));
        if (n == GNUTLS_E_INTERRUPTED || (n == GNUTLS_E_AGAIN && !t->blocked && !t->expired))
            continue;
        if ((n == 0 || n == GNUTLS_E_AGAIN || n == GNUTLS_E_PREMATURE_TERMINATION) && t->expired)
            return GNUTLS_E_TIMEDOUT;
        if (n == GNUTLS_E_AGAIN || n == 0)
            return n;
        if (n != GNUTLS_E_REHANDSHAKE && n != GNUTLS_E_WARNING_ALERT_RECEIVED)
            return broken(t, (int)n, why_broken((int)n));
        n = overlook(t, n);
        if (n != 0 || t->state != TRANSPORT_OPEN)
            return n;
    }
}

/* Without TLS. */
static ssize_t read_bare(struct transport *t, void *data, size_t size)
{
    ssize_t n;
    if (inflow_waiting(&t->in) > 0)
        return inflow_read(&t->in, t->share, t->fd, data, size);
    do
        n = recv(t->fd, data, size, 0);
    while (n < 0 && errno == EINTR);
    t->in.emptied = n > 0 && (size_t)n < size;
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
        return GNUTLS_E_PULL_ERROR;
    if (n <= 0 && t->expired)
        return GNUTLS_E_TIMEDOUT;
    return n < 0 ? GNUTLS_E_AGAIN : n;
}

ssize_t transport_read(struct transport *t, void *data, size_t size)
{
    int rc = 0;
    if (t->proxy)
        rc = read_proxy(t);
    if (rc == 0 && t->state == TRANSPORT_FIRST)
        rc = begin(t);
    if (rc == 0 && t->state == TRANSPORT_HANDSHAKE)
        rc = drive_handshake(t);
    if (rc != 0)
        return rc;
    switch (t->state) {
    case TRANSPORT_PLAIN:
        return answer_plain(t);
    case TRANSPORT_OPEN:
        return t->session ? read_open(t, data, size) : read_bare(t, data, size);
    case TRANSPORT_FIRST:
    case TRANSPORT_HANDSHAKE:
    case TRANSPORT_LINGER:
    case TRANSPORT_OVER:
        break;
    }
    return drain(t);
}

bool transport_emptied(const struct transport *t)
{
    return t->in.emptied && inflow_waiting(&t->in) == 0 &&
           (!t->session || gnutls_record_check_pending(t->session) == 0);
}

void transport_tickets(struct transport *t, unsigned n)
{
    if (t->turn)
        (void)gnutls_session_ticket_send(t->session, n, 0);
}

int transport_close(struct transport *t, gnutls_close_request_t how, bool unread)
{
    /* Before the handshake there is nothing to close, and a lingering connection said its last word. */
    if (t->state != TRANSPORT_OPEN)
        return GNUTLS_E_SUCCESS;
    bool lingers = unread || inflow_waiting(&t->in) > 0 || linger_needed(t->fd);
    /* A body that could not be made: its head was held back. */
    if (t->head)
        (void)tls_library()->record_send(t->session, t->head, t->head_len);
    int rc = tls_library()->bye(t->session, how);
    if (turn_dispatch(t) != 0 && rc == 0)
        rc = GNUTLS_E_PUSH_ERROR;
    if (lingers)
        linger_close(&t->share->linger, t->fd);
    return rc;
}

bool transport_cut(struct transport *t)
{
    if (t->state != TRANSPORT_OPEN) {
        shutdown(t->fd, SHUT_RDWR);
        return false;
    }
    /* Nobody says goodbye. A reset would also take what the peer has not read yet of answers before. */
    shutdown(t->fd, SHUT_WR);
    linger(t);
    ssize_t n = drain(t);
    if (n == 0 || n == GNUTLS_E_PULL_ERROR)
        shutdown(t->fd, SHUT_RD); /* it has left: nothing to wait for */
    return n == GNUTLS_E_INTERRUPTED;
}

void transport_abort(struct transport *t, gnutls_alert_description_t alert)
{
    if (t->state != TRANSPORT_OPEN)
        return;
    transport_enter(t);
    if (t->session)
        send_alert(t, (int)alert);
    linger_later_closed(t);
    (void)transport_leave(t, false);
}

bool transport_end(struct transport *t)
{
    bool whole;
    if (t->state != TRANSPORT_OPEN)
        return true;
    if (!t->parting && t->session) {
        transport_enter(t);
        (void)tls_library()->bye(t->session, GNUTLS_SHUT_WR);
        (void)transport_leave(t, false);
    }
    t->parting = true;
    if (outflow_flush(&t->out, t->fd, &whole) >= 0 && !whole)
        return false;
    shutdown(t->fd, SHUT_WR);
    return true;
}

void transport_linger(struct transport *t, bool reset)
{
    (reset ? linger_reset : linger_close)(&t->share->linger, t->fd);
}
