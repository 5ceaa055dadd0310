#include "tls/transport.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/mapping.h"
#include "tls/library.h"
#include "tls/names.h"

enum {
    /* A peer may send this many warning alerts and renegotiation requests in the life of a connection. */
    MOST_WARNINGS = 8,
    /* The head of a plain HTTP request that is looked at, and what is thrown away while lingering. */
    MOST_PLAIN = 8192,
    MOST_LINGER = 1024 * 1024,
    /* A response's head up to this length waits for its body. */
    MOST_HEAD = 8192,
    LONG_BODY_RECORDS = 3,
    /* Room for the longest flight of a server: a CA list of 64 KiB and a chain. */
    FLIGHT_BYTES = 192 * 1024,
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

static bool expired(struct transport *t)
{
    return atomic_load_explicit(&t->expired, memory_order_acquire);
}

/* Bytes that GnuTLS took or gave, in that order. */
static void watch(struct transport *t, enum record_side from, const void *data, size_t n)
{
    if (t->state == TRANSPORT_HANDSHAKE && frames_feed(&t->frames[from], data, n))
        record_change_cipher_spec(t->record, from, clock_mono_us());
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t size)
{
    struct transport *t = ptr;
    ssize_t n;
    if (t->worker) {
        n = inflow_read(&t->in, t->worker, t->fd, data, size);
    } else {
        do
            n = recv(t->fd, data, size, 0);
        while (n < 0 && errno == EINTR);
    }
    if (n == 0 && expired(t)) {
        /* This end of input is transport_expire's own. Reported as such it would make GnuTLS give the session
         * up, and nothing could be said to the peer. */
        errno = EAGAIN;
        n = -1;
    }
    t->left = t->left || n == 0;
    if (n > 0)
        watch(t, RECORD_CLIENT, data, (size_t)n);
    if (n < 0) {
        t->blocked = t->blocked || errno == EAGAIN || errno == EWOULDBLOCK;
        gnutls_transport_set_errno(t->session, errno);
    }
    return n;
}

/* For what does not go in a batch. */
static ssize_t push_now(struct transport *t, const giovec_t *vector, int count)
{
    bool whole;
    ssize_t n = outflow_flush(&t->out, t->fd, &whole);
    if (n < 0 || !whole) {
        errno = n < 0 ? (int)-n : EAGAIN;
        return -1;
    }
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)vector, .msg_iovlen = (size_t)count};
    do
        n = sendmsg(t->fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
}

static ssize_t push_vector(gnutls_transport_ptr_t ptr, const giovec_t *vector, int count)
{
    struct transport *t = ptr;
    ssize_t n = 0;
    if (t->out.collecting) {
        bool room = true;
        for (int i = 0; room && i < count; i++) {
            room = outflow_put(&t->out, t->worker, vector[i].iov_base, vector[i].iov_len);
            n += (ssize_t)vector[i].iov_len;
        }
        if (!room) {
            errno = ENOBUFS;
            n = -1;
        }
    } else {
        n = push_now(t, vector, count);
    }
    size_t left = n > 0 && t->state == TRANSPORT_HANDSHAKE ? (size_t)n : 0;
    for (int i = 0; left > 0; i++) {
        size_t part = vector[i].iov_len < left ? vector[i].iov_len : left;
        watch(t, RECORD_SERVER, vector[i].iov_base, part);
        left -= part;
    }
    if (n < 0) {
        t->blocked = t->blocked || errno == EAGAIN || errno == EWOULDBLOCK;
        gnutls_transport_set_errno(t->session, errno);
    }
    return n;
}

/* --- the worker's turn ------------------------------------------------------------------------------------
 */

/* From here to leave() the calling worker's buffers serve this connection, and the library's calls of its own
 * functions go straight to it. Records go in a batch, unless one waits for room already. False: memory is
 * short. */
static bool enter(struct transport *t)
{
    t->worker = worker_self();
    if (!t->worker)
        return false;
    t->inside = true;
    worker_rouse(&t->rest);
    outflow_begin(&t->out, t->worker);
    return true;
}

/* Sends what was collected, and begins anew. 0 or GNUTLS_E_PUSH_ERROR. */
static int dispatch(struct transport *t)
{
    if (!t->out.collecting)
        return 0;
    bool whole;
    ssize_t n = outflow_end(&t->out, t->worker, t->fd, &whole);
    if (n >= 0 && !whole && t->state == TRANSPORT_HANDSHAKE && !t->flight_grown) {
        /* MHD waits for the peer's next bytes during a handshake and would never come back to finish a
         * flight; the flight's size is the configuration's, so it gets the room. A peer that reads nothing
         * meets the deadline. */
        t->flight_grown = true;
        int room = FLIGHT_BYTES;
        if (setsockopt(t->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room) == 0)
            n = outflow_flush(&t->out, t->fd, &whole);
    }
    if (n < 0)
        return GNUTLS_E_PUSH_ERROR;
    if (whole)
        outflow_begin(&t->out, t->worker);
    return 0;
}

static void leave(struct transport *t)
{
    if (inflow_settle(&t->in) != 0)
        shutdown(t->fd, SHUT_RDWR); /* without these bytes the stream makes no sense */
    t->worker = NULL;
    t->inside = false;
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
    t->linger_left = MOST_LINGER;
    t->linger_ms = linger_ms;
    transport_deadline(t, clock_mono_ms() + handshake_ms);
    gnutls_db_set_ptr(session, t);
    gnutls_transport_set_ptr(session, t);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_vec_push_function(session, push_vector);
}

void transport_done(struct transport *t)
{
    worker_rouse(&t->rest);
    inflow_done(&t->in);
    outflow_done(&t->out);
    free(t->head);
    free(t->answer);
    t->head = NULL;
    t->answer = NULL;
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
    (void)dispatch(t);
    shutdown(t->fd, SHUT_WR);
    linger(t);
}

static ssize_t drain(struct transport *t)
{
    char scrap[4096];
    if (expired(t))
        return 0;
    for (;;) {
        ssize_t n = recv(t->fd, scrap, sizeof scrap, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? GNUTLS_E_AGAIN : GNUTLS_E_PULL_ERROR;
        if (n == 0 || (uint32_t)n > t->linger_left)
            return 0;
        t->linger_left -= (uint32_t)n;
    }
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

/* Where GnuTLS's own choice (gnutls_error_to_alert) differs from RFC 8446 section 6.2 and RFC 5246
 * section 7.2.2. */
static int alert_for(int error)
{
    switch (error) {
    case GNUTLS_E_NO_CERTIFICATE_FOUND:
        return GNUTLS_A_HANDSHAKE_FAILURE;
    case GNUTLS_E_UNEXPECTED_PACKET_LENGTH:
    case GNUTLS_E_UNEXPECTED_EXTENSIONS_LENGTH:
    case GNUTLS_E_ASN1_DER_ERROR:
    case GNUTLS_E_ASN1_TAG_ERROR:
        return GNUTLS_A_DECODE_ERROR;
    case GNUTLS_E_KEY_USAGE_VIOLATION:
        return GNUTLS_A_UNSUPPORTED_CERTIFICATE;
    case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
        return GNUTLS_A_PROTOCOL_VERSION;
    default: {
        int level;
        return gnutls_error_to_alert(error, &level);
    }
    }
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
    if (expired(t))
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
    if (!expired(t) && !peer_is_gone(error)) {
        sent = t->alert >= 0 ? t->alert : alert_for(error);
        send_alert(t, sent);
    }
    t->ops->failed(t, error, sent, why);
    /* A browser that sees the end of the stream together with the alert reports the end and hides the alert.
     */
    if (sent >= 0)
        linger(t);
    else
        linger_closed(t);
}

/* 0: done and the state moved on; GNUTLS_E_AGAIN: waits for the peer. */
static int drive_handshake(struct transport *t)
{
    for (;;) {
        t->blocked = false;
        int rc = tls_library()->handshake(t->session);
        if (rc == GNUTLS_E_AGAIN && dispatch(t) != 0)
            rc = GNUTLS_E_PUSH_ERROR;
        if (rc == GNUTLS_E_SUCCESS) {
            t->state = TRANSPORT_OPEN;
            transport_deadline(t, 0);
            t->ops->established(t);
            return 0;
        }
        /* GnuTLS also says "again" between the records of a long message. Only when the socket has no more
         * may MHD sleep: its epoll tells of new bytes, not of those that still lie there. */
        if (rc == GNUTLS_E_AGAIN && !expired(t)) {
            if (t->blocked)
                return GNUTLS_E_AGAIN;
            continue;
        }
        if (rc == GNUTLS_E_INTERRUPTED && !expired(t))
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
        if (waits && !expired(t))
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
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return GNUTLS_E_AGAIN;
    t->begun = true;
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
        if (n == 0 || t->in.len == MOST_PLAIN || expired(t) || strstr(head, "\r\n\r\n") ||
            strstr(head, "\n\n"))
            break;
        n = inflow_more(&t->in, t->fd, MOST_PLAIN);
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? GNUTLS_E_AGAIN : GNUTLS_E_PULL_ERROR;
    }
    char answer[TRANSPORT_ANSWER];
    size_t answer_len = sizeof answer;
    t->ops->plain(t, head, t->in.len, answer, &answer_len);
    inflow_done(&t->in);
    ssize_t ignored UNUSED = send(t->fd, answer, answer_len, MSG_NOSIGNAL);
    t->ops->failed(t, GNUTLS_E_UNEXPECTED_PACKET, -1, "the client spoke plain HTTP to the HTTPS port");
    linger_closed(t);
    return drain(t);
}

/* Sends an answer of our own in place of MHD's, then close_notify. */
static void last_word(struct transport *t, const char *answer, size_t len)
{
    while (len > 0) {
        ssize_t n = tls_library()->record_send(t->session, answer, len);
        if (n == GNUTLS_E_INTERRUPTED)
            continue;
        if (n <= 0)
            break;
        answer += n;
        len -= (size_t)n;
    }
    tls_library()->bye(t->session, GNUTLS_SHUT_WR);
    linger_closed(t);
}

/* A read failed. RFC 8446 section 6: what ends the connection for our reasons sends its alert first. */
static ssize_t broken(struct transport *t, int error)
{
    if (!peer_is_gone(error) && gnutls_error_is_fatal(error)) {
        send_alert(t, alert_for(error));
        linger(t);
        return drain(t);
    }
    return error;
}

static ssize_t read_open(struct transport *t, void *data, size_t size)
{
    for (;;) {
        t->blocked = false;
        ssize_t n = tls_library()->record_recv(t->session, data, size);
        if (n > 0) {
            char answer[TRANSPORT_ANSWER];
            size_t answer_len = sizeof answer;
            size_t good = t->ops->inspect(t, data, (size_t)n, answer, &answer_len);
            if (good == (size_t)n)
                return n;
            if (good == 0) {
                last_word(t, answer, answer_len);
                return drain(t);
            }
            /* MHD answers the good requests first and reads again when it is through with them. */
            t->answer = malloc(answer_len);
            if (!t->answer)
                return GNUTLS_E_MEMORY_ERROR;
            memcpy(t->answer, answer, answer_len);
            t->answer_len = answer_len;
            t->state = TRANSPORT_POISON;
            return (ssize_t)good;
        }
        if (n == GNUTLS_E_INTERRUPTED || (n == GNUTLS_E_AGAIN && !t->blocked && !expired(t)))
            continue;
        if ((n == 0 || n == GNUTLS_E_AGAIN || n == GNUTLS_E_PREMATURE_TERMINATION) && expired(t)) {
            char answer[TRANSPORT_ANSWER];
            size_t answer_len = sizeof answer;
            t->ops->late(t, answer, &answer_len);
            last_word(t, answer, answer_len);
            return 0;
        }
        if (n == GNUTLS_E_AGAIN || n == 0)
            return n;
        if (n == GNUTLS_E_REHANDSHAKE || n == GNUTLS_E_WARNING_ALERT_RECEIVED) {
            if (n == GNUTLS_E_WARNING_ALERT_RECEIVED)
                note_alert(t, RECORD_CLIENT, GNUTLS_AL_WARNING, (int)gnutls_alert_get(t->session));
            if (++t->n_warnings > MOST_WARNINGS)
                return broken(t, GNUTLS_E_UNEXPECTED_PACKET);
            /* RFC 5246 section 7.2.2: a server that will not renegotiate says so and goes on. */
            if (n == GNUTLS_E_REHANDSHAKE) {
                gnutls_alert_send(t->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
                note_alert(t, RECORD_SERVER, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
            }
            continue;
        }
        return broken(t, (int)n);
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
    case TRANSPORT_POISON:
        last_word(t, t->answer, t->answer_len);
        return drain(t);
    case TRANSPORT_LINGER:
    case TRANSPORT_HANDSHAKE:
        break;
    }
    return drain(t);
}

ssize_t transport_recv(struct transport *t, void *data, size_t size)
{
    if (!enter(t))
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
    else if (dispatch(t) != 0 && n == GNUTLS_E_AGAIN)
        n = GNUTLS_E_PUSH_ERROR;
    leave(t);
    return n;
}

/* Encrypts the head that was held back and as much of `data` as `most` records take. 0, or GnuTLS's error. */
static int collect(struct transport *t, const uint8_t *data, size_t size, unsigned most)
{
    size_t lead = t->head_len; /* of the head, not yet encrypted */
    for (unsigned i = 0; size > 0 && i < most && outflow_fits(&t->out); i++) {
        const uint8_t *from = data;
        size_t len = size < RECORD_PLAIN ? size : RECORD_PLAIN;
        if (lead > 0) {
            from = t->head + t->head_len - lead;
            len = lead;
            if (lead + size <= RECORD_PLAIN) {
                memcpy(t->worker->joined, from, lead);
                memcpy(t->worker->joined + lead, data, size);
                from = t->worker->joined;
                len = lead + size;
            }
        }
        ssize_t n = tls_library()->record_send(t->session, from, len);
        if (n < 0)
            return (int)n;
        size_t of_head = lead < (size_t)n ? lead : (size_t)n;
        size_t plain = (size_t)n - of_head;
        outflow_mark(&t->out, (uint32_t)plain);
        lead -= of_head;
        data += plain;
        size -= plain;
    }
    if (lead > 0) { /* the client takes small records only */
        memmove(t->head, t->head + t->head_len - lead, lead);
    } else {
        free(t->head);
        t->head = NULL;
    }
    t->head_len = lead;
    return 0;
}

/* A body that fits goes out whole. Of a longer one a call takes as much, in smaller sends: under the pacing
 * of some congestion controls (BBR) a send of 128 KiB costs a third more processor time than three of 48 KiB,
 * and under the others (CUBIC) a twentieth less. */
static ssize_t send_batch(struct transport *t, const uint8_t *data, size_t size)
{
    bool whole;
    ssize_t n = outflow_flush(&t->out, t->fd, &whole);
    if (n < 0)
        return GNUTLS_E_PUSH_ERROR;
    if (n > 0)
        return n;
    if (!whole)
        return GNUTLS_E_AGAIN;
    unsigned records = size <= BATCH_PLAIN && !t->long_body ? BATCH_RECORDS + 1 : LONG_BODY_RECORDS;
    size_t sent = 0, most = size < BATCH_PLAIN ? size : BATCH_PLAIN;
    while (whole && sent < most) {
        outflow_begin(&t->out, t->worker);
        int rc = collect(t, data + sent, size - sent, records);
        size_t taken = size - sent < records * RECORD_PLAIN ? size - sent : records * RECORD_PLAIN;
        if (rc == 0 && t->long_body && mapping_is_broken(data + sent, taken)) {
            /* The end of the file is gone, what was encrypted is not it: the stream ends here, without a
             * goodbye that would call it whole. */
            t->state = TRANSPORT_LINGER;
            rc = GNUTLS_E_PUSH_ERROR;
        }
        if (rc < 0) {
            outflow_drop(&t->out);
            return rc;
        }
        n = outflow_end(&t->out, t->worker, t->fd, &whole);
        if (n < 0)
            return sent > 0 ? (ssize_t)sent : GNUTLS_E_PUSH_ERROR;
        sent += (size_t)n;
    }
    return sent > 0 ? (ssize_t)sent : GNUTLS_E_AGAIN;
}

ssize_t transport_send(struct transport *t, const void *data, size_t size)
{
    if (t->state != TRANSPORT_OPEN && t->state != TRANSPORT_POISON)
        return GNUTLS_E_INVALID_SESSION;
    if (t->head_next) {
        t->head_next = false;
        if (size <= MOST_HEAD && (t->head = malloc(size)) != NULL) {
            memcpy(t->head, data, size);
            t->head_len = size;
            return (ssize_t)size;
        }
    }
    if (!enter(t))
        return GNUTLS_E_MEMORY_ERROR;
    ssize_t n = send_batch(t, data, size);
    leave(t);
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
    if (t->state != TRANSPORT_OPEN && t->state != TRANSPORT_POISON)
        return GNUTLS_E_SUCCESS;
    if (!enter(t))
        return GNUTLS_E_MEMORY_ERROR;
    bool lingers = linger_needed(t->fd);
    /* A body that could not be made: its head was held back. */
    if (t->head)
        (void)tls_library()->record_send(t->session, t->head, t->head_len);
    int rc = tls_library()->bye(t->session, how);
    if (dispatch(t) != 0 && rc == 0)
        rc = GNUTLS_E_PUSH_ERROR;
    if (lingers)
        linger_close(&t->worker->linger, t->fd);
    leave(t);
    return rc;
}
