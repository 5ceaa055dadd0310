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
    /* The head of a plain HTTP request that is looked at. */
    MOST_PLAIN = 8192,
    /* After an answer of our own, as nginx's lingering_timeout and lingering_time: who still sends a large
     * body must be able to finish, or sees a reset in the place of the answer. */
    LINGER_SILENT_MS = 5000,
    LINGER_MOST_MS = 30000,
    /* What a connection may take of a worker's turn: thrown away, or read without a request that is whole. */
    TURN_DRAIN = 1024 * 1024,
    TURN_RECORDS = 8,
};

bool transport_preempted(void)
{
    return tls_library_hidden();
}

/* The session's database pointer is ours to use: there is no session database, resumption goes by tickets.
 * MHD uses the session pointer, and the transport pointer of a foreign session may be a descriptor in
 * disguise. */
struct transport *transport_of(gnutls_session_t session)
{
    struct transport *transport = gnutls_db_get_ptr(session);
    return transport && !transport->inside ? transport : NULL;
}

void transport_init(struct transport *t, gnutls_session_t session, int fd, const struct transport_ops *ops,
                    uint32_t handshake_ms, uint32_t linger_ms)
{
    memset(t, 0, sizeof *t);
    t->session = session;
    t->fd = fd;
    t->ops = ops;
    t->state = TRANSPORT_HANDSHAKE;
    t->alert = -1;
    t->linger_ms = linger_ms;
    transport_deadline(t, clock_mono_ms() + handshake_ms);
    gnutls_db_set_ptr(session, t);
    turn_attach(t);
}

void transport_done(struct transport *t)
{
    worker_rouse(&t->rest);
    inflow_done(&t->in);
    outflow_done(&t->out);
    free(t->head);
    free(t->waiting);
    t->head = NULL;
    t->waiting = NULL;
}

void transport_refuse(struct transport *t, gnutls_alert_description_t alert, const char *why)
{
    t->alert = (int)alert;
    t->why = why;
}

void transport_expire(struct transport *t)
{
    atomic_store_explicit(&t->expired, true, memory_order_release);
    /* Wakes the worker's epoll with an end of input. Nothing is closed here: the descriptor stays MHD's. */
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
    if (linger_later(&t->worker->linger, t->fd, t->linger_ms))
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
        if (turn_expired(t) || t->state == TRANSPORT_OVER)
            return 0;
        ssize_t n = recv(t->fd, t->worker->input, sizeof t->worker->input, 0);
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
    if (!turn_expired(t) && !peer_is_gone(error) && t->alert < 0)
        t->ops->failing(t, error);
    if (turn_expired(t))
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
    if (!turn_expired(t) && !peer_is_gone(error)) {
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
         * may MHD sleep: its epoll tells of new bytes, not of those that still lie there. */
        if (rc == GNUTLS_E_AGAIN && t->flooded) {
            transport_refuse(t, GNUTLS_A_UNEXPECTED_MESSAGE,
                             "the client's handshake has too many records or bytes");
            fail(t, GNUTLS_E_UNEXPECTED_PACKET);
            return 0;
        }
        if (rc == GNUTLS_E_AGAIN && !turn_expired(t)) {
            if (t->blocked)
                return GNUTLS_E_AGAIN;
            continue;
        }
        if (rc == GNUTLS_E_INTERRUPTED && !turn_expired(t))
            continue;
        if (rc == GNUTLS_E_WARNING_ALERT_RECEIVED) {
            note_alert(t, RECORD_CLIENT, GNUTLS_AL_WARNING, (int)gnutls_alert_get(t->session));
            if (++t->n_warnings <= MOST_WARNINGS)
                continue;
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
        if (waits && !turn_expired(t))
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

/* Looks at what a peer says first. 0: go on with the state as it is now; GNUTLS_E_AGAIN; or an error. */
static int begin(struct transport *t)
{
    ssize_t n = inflow_waiting(&t->in) > 0 ? 1 : inflow_more(&t->in, t->fd, MOST_PLAIN);
    while (n > 0 && proxy_header_begins(t->in.bytes, t->in.len) == 0)
        n = inflow_more(&t->in, t->fd, MOST_PLAIN);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return GNUTLS_E_AGAIN;
    t->begun = true;
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
    if (n > 0 && t->in.bytes[0] >= 'A' && t->in.bytes[0] <= 'Z')
        t->state = TRANSPORT_PLAIN;
    return 0;
}

static ssize_t answer_plain(struct transport *t)
{
    ssize_t n = 1;
    char head[MOST_PLAIN + 1];
    for (;;) {
        memcpy(head, t->in.bytes, t->in.len);
        head[t->in.len] = '\0';
        if (n == 0 || t->in.len == MOST_PLAIN || turn_expired(t) || strstr(head, "\r\n\r\n") ||
            strstr(head, "\n\n"))
            break;
        n = inflow_more(&t->in, t->fd, MOST_PLAIN);
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? GNUTLS_E_AGAIN : GNUTLS_E_PULL_ERROR;
    }
    struct buf answer = {0};
    t->ops->plain(t, head, t->in.len, &answer);
    inflow_done(&t->in);
    ssize_t ignored UNUSED = send(t->fd, answer.data ? answer.data : "", answer.len, MSG_NOSIGNAL);
    buf_done(&answer);
    t->ops->failed(t, GNUTLS_E_UNEXPECTED_PACKET, -1, "the client spoke plain HTTP to the HTTPS port");
    linger_closed(t);
    linger_long(t);
    return drain(t);
}

/* Sends an answer of our own in place of MHD's, which it frees, then close_notify. */
static void last_word(struct transport *t, struct buf *answer)
{
    for (size_t at = 0; at < answer->len;) {
        ssize_t n = tls_library()->record_send(t->session, answer->data + at, answer->len - at);
        if (n == GNUTLS_E_INTERRUPTED)
            continue;
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    buf_done(answer);
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

/* Plaintext that waited, or that a record brings into `data`. */
static ssize_t next_plain(struct transport *t, void *data, size_t size, const char **bytes)
{
    if (t->waiting) {
        *bytes = t->waiting + t->waiting_at;
        return (ssize_t)(t->waiting_len - t->waiting_at);
    }
    *bytes = data;
    return tls_library()->record_recv(t->session, data, size);
}

/* Keeps what MHD's next read shall see first. 0, or -1 when memory is short. */
static int keep_waiting(struct transport *t, const char *bytes, size_t len)
{
    if (t->waiting && len > 0) {
        t->waiting_at = t->waiting_len - len;
        return 0;
    }
    free(t->waiting);
    t->waiting = NULL;
    if (len == 0)
        return 0;
    t->waiting = malloc(len);
    if (!t->waiting)
        return -1;
    memcpy(t->waiting, bytes, len);
    t->waiting_at = 0;
    t->waiting_len = len;
    return 0;
}

/* Plaintext, up to the end of a request. 0: it is not there yet; else what MHD shall be told, with the
 * request in `data`. */
static ssize_t take(struct transport *t, const char *bytes, size_t len, void *data, size_t size)
{
    struct transport_word word = t->ops->inspect(t, bytes, len);
    if (word.answer.len > 0) {
        last_word(t, &word.answer);
        return drain(t);
    }
    size_t request_len = word.request ? strlen(word.request) : 0;
    /* MHD begins each request with an empty buffer: its request fits. */
    if (request_len > size || keep_waiting(t, bytes + word.used, len - word.used) != 0)
        return GNUTLS_E_MEMORY_ERROR;
    t->cut = word.cut;
    t->asked = request_len > 0;
    if (request_len > 0)
        memcpy(data, word.request, request_len);
    return (ssize_t)request_len;
}

static ssize_t read_open(struct transport *t, void *data, size_t size)
{
    /* MHD reads in the middle of an answer when the connection breaks. What a pipelining client has sent is
     * the next request, and that of now is still in use. */
    if (t->asked)
        return GNUTLS_E_AGAIN;
    for (unsigned records = 0;;) {
        const char *bytes;
        t->blocked = false;
        ssize_t n = next_plain(t, data, size, &bytes);
        if (n == GNUTLS_E_UNEXPECTED_PACKET && t->hello_waits) {
            /* It drops the hello that it gave GNUTLS_E_REHANDSHAKE for, and says that it did. */
            t->hello_waits = false;
            continue;
        }
        if (n > 0) {
            t->n_frames = t->frames[RECORD_CLIENT].n;
            n = take(t, bytes, (size_t)n, data, size);
            if (n != 0 || t->state != TRANSPORT_OPEN)
                return n;
            if (++records == TURN_RECORDS)
                return GNUTLS_E_INTERRUPTED; /* others first */
            continue;
        }
        if (n == GNUTLS_E_AGAIN && t->frames[RECORD_CLIENT].n - t->n_frames > MOST_EMPTY)
            return broken(t, GNUTLS_E_TOO_MANY_EMPTY_PACKETS, why_broken(GNUTLS_E_TOO_MANY_EMPTY_PACKETS));
        if (n == GNUTLS_E_INTERRUPTED || (n == GNUTLS_E_AGAIN && !t->blocked && !turn_expired(t)))
            continue;
        if ((n == 0 || n == GNUTLS_E_AGAIN || n == GNUTLS_E_PREMATURE_TERMINATION) && turn_expired(t)) {
            struct buf answer = {0};
            t->ops->late(t, &answer);
            bool says = answer.len > 0;
            last_word(t, &answer);
            if (says)
                linger_close(&t->worker->linger, t->fd);
            return 0;
        }
        if (n == GNUTLS_E_AGAIN || n == 0)
            return n;
        if (n == GNUTLS_E_REHANDSHAKE || n == GNUTLS_E_WARNING_ALERT_RECEIVED) {
            if (n == GNUTLS_E_WARNING_ALERT_RECEIVED)
                note_alert(t, RECORD_CLIENT, GNUTLS_AL_WARNING, (int)gnutls_alert_get(t->session));
            if (++t->n_warnings > MOST_WARNINGS)
                return broken(t, GNUTLS_E_UNEXPECTED_PACKET,
                              "the client sent too many warnings or requests to renegotiate");
            /* RFC 5246 section 7.2.2: a server that will not renegotiate says so and goes on. */
            if (n == GNUTLS_E_REHANDSHAKE) {
                t->hello_waits = true;
                gnutls_alert_send(t->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
                note_alert(t, RECORD_SERVER, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
            }
            continue;
        }
        return broken(t, (int)n, why_broken((int)n));
    }
}

int transport_handshake(struct transport *t)
{
    (void)t;
    return GNUTLS_E_SUCCESS;
}

static ssize_t receive(struct transport *t, void *data, size_t size)
{
    if (t->proxy) {
        int rc = read_proxy(t);
        if (rc != 0)
            return rc;
    }
    if (!t->begun && t->state == TRANSPORT_HANDSHAKE) {
        int rc = begin(t);
        if (rc != 0)
            return rc;
    }
    if (t->state == TRANSPORT_HANDSHAKE) {
        int rc = drive_handshake(t);
        if (rc != 0)
            return rc;
    }
    switch (t->state) {
    case TRANSPORT_PLAIN:
        return answer_plain(t);
    case TRANSPORT_OPEN:
        return read_open(t, data, size);
    case TRANSPORT_LINGER:
    case TRANSPORT_OVER:
    case TRANSPORT_HANDSHAKE:
        break;
    }
    return drain(t);
}

ssize_t transport_recv(struct transport *t, void *data, size_t size)
{
    if (!turn_enter(t))
        return GNUTLS_E_MEMORY_ERROR;
    if (!t->pool)
        t->pool = data;
    ssize_t n = receive(t, data, size);
    if (n == GNUTLS_E_AGAIN && t->resting && data == t->pool)
        worker_rest(t->worker, &t->rest, data, t->pool_size > size ? t->pool_size : size);
    /* What GnuTLS said by itself, such as session tickets, goes with the response that MHD is about to give;
     * or now, when the peer is waited for. */
    if (n > 0 && t->out.len <= RECORD_PLAIN)
        n = outflow_hold(&t->out, t->worker) == 0 ? n : GNUTLS_E_MEMORY_ERROR;
    else if (turn_dispatch(t) != 0 && n == GNUTLS_E_AGAIN)
        n = GNUTLS_E_PUSH_ERROR;
    turn_leave(t);
    return n;
}

void transport_tickets(struct transport *t, unsigned n)
{
    if (t->worker)
        (void)gnutls_session_ticket_send(t->session, n, 0);
}

int transport_bye(struct transport *t, gnutls_close_request_t how)
{
    /* Before the handshake there is nothing to close, and a lingering connection said its last word. */
    if (t->state != TRANSPORT_OPEN)
        return GNUTLS_E_SUCCESS;
    if (!turn_enter(t))
        return GNUTLS_E_MEMORY_ERROR;
    bool lingers = t->cut || t->waiting || inflow_waiting(&t->in) > 0 || linger_needed(t->fd);
    /* A body that could not be made: its head was held back. */
    if (t->head)
        (void)tls_library()->record_send(t->session, t->head, t->head_len);
    int rc = tls_library()->bye(t->session, how);
    if (turn_dispatch(t) != 0 && rc == 0)
        rc = GNUTLS_E_PUSH_ERROR;
    if (lingers)
        linger_close(&t->worker->linger, t->fd);
    turn_leave(t);
    return rc;
}
