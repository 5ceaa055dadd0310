#include "tls/transport_turn.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/clock.h"

/* Room for the longest flight of a server: a CA list of 64 KiB and a chain. */
enum { FLIGHT_BYTES = 192 * 1024 };
/* The longest handshake of a peer: two hellos with tickets, a chain, all in small records. Each record costs
 * by itself, however little it holds, and GnuTLS reads on as long as there are some. */
enum { MOST_SHAKEN = 256 * 1024, MOST_RECORDS = 256 };

/* Without the preemption nobody drives it: it stays at its first state. */
static bool shaking(const struct transport *t)
{
    return t->state == TRANSPORT_FIRST || t->state == TRANSPORT_HANDSHAKE;
}

/* Bytes that GnuTLS took or gave, in that order. */
static void watch(struct transport *t, enum record_side from, const void *data, size_t n)
{
    bool follows = shaking(t) || from == RECORD_CLIENT;
    if (follows && frames_feed(&t->frames[from], data, n) && shaking(t))
        record_change_cipher_spec(t->record, from, clock_mono_us());
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t size)
{
    struct transport *t = ptr;
    ssize_t n;
    if (t->flooded && shaking(t)) {
        /* No error, after which nothing could be said to the peer: drive_handshake ends it. */
        t->blocked = true;
        gnutls_transport_set_errno(t->session, EAGAIN);
        return -1;
    }
    if (t->turn) {
        n = inflow_read(&t->in, t->share, t->fd, data, size);
    } else {
        do
            n = recv(t->fd, data, size, 0);
        while (n < 0 && errno == EINTR);
    }
    if (n == 0 && t->expired && t->turn) {
        /* This end of input is transport_expire's own. Reported as such it would make GnuTLS give the session
         * up, and nothing could be said to the peer. */
        errno = EAGAIN;
        n = -1;
    }
    t->left = t->left || n == 0;
    if (n > 0)
        watch(t, RECORD_CLIENT, data, (size_t)n);
    /* Without the preemption there is no turn, and nobody tells when the handshake is over. */
    if (n > 0 && t->turn && shaking(t)) {
        t->n_shaken += (uint32_t)n;
        t->flooded = t->n_shaken > MOST_SHAKEN || t->frames[RECORD_CLIENT].n > MOST_RECORDS;
    }
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
            room = outflow_put(&t->out, t->share, vector[i].iov_base, vector[i].iov_len);
            n += (ssize_t)vector[i].iov_len;
        }
        if (!room) {
            errno = ENOBUFS;
            n = -1;
        }
    } else {
        n = push_now(t, vector, count);
    }
    size_t left = n > 0 && shaking(t) ? (size_t)n : 0;
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

void turn_attach(struct transport *t)
{
    gnutls_transport_set_ptr(t->session, t);
    gnutls_transport_set_pull_function(t->session, pull);
    gnutls_transport_set_vec_push_function(t->session, push_vector);
}

void transport_enter(struct transport *t)
{
    t->turn = true;
    t->in.emptied = false;
    outflow_begin(&t->out, t->share);
}

int turn_dispatch(struct transport *t)
{
    if (!t->out.collecting)
        return 0;
    bool whole;
    ssize_t n = outflow_end(&t->out, t->share, t->fd, &whole);
    if (n >= 0 && !whole && shaking(t) && !t->flight_grown) {
        /* Whoever drives it waits for the peer's next bytes during a handshake and would never come back to
         * finish a flight; the flight's size is the configuration's, so it gets the room. A peer that reads
         * nothing meets the deadline. */
        t->flight_grown = true;
        int room = FLIGHT_BYTES;
        if (setsockopt(t->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room) == 0)
            n = outflow_flush(&t->out, t->fd, &whole);
    }
    if (n < 0)
        return GNUTLS_E_PUSH_ERROR;
    if (whole)
        outflow_begin(&t->out, t->share);
    return 0;
}

int transport_leave(struct transport *t, bool more)
{
    int rc = 0;
    if (more && t->out.len <= RECORD_PLAIN)
        rc = outflow_hold(&t->out, t->share) == 0 ? 0 : GNUTLS_E_MEMORY_ERROR;
    else
        rc = turn_dispatch(t);
    t->out.collecting = false;
    if (inflow_settle(&t->in) != 0)
        shutdown(t->fd, SHUT_RDWR); /* without these bytes the stream makes no sense */
    t->turn = false;
    return rc;
}
