#include "server/conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "report/metrics.h"
#include "server/conn_impl.h"
#include "server/listener.h"
#include "tls/names.h"

enum {
    LINGER_MS = 2000,
    MOST_HANDSHAKE_MESSAGE = 128 * 1024,
    MOST_REJECTED_DETAIL = 4096, /* of a refused handshake's record: the peer chose how much it says */
};

bool conn_refused(const struct conn *conn)
{
    const struct peer *peer = conn->peer;
    switch (conn->listener->conf->client_auth) {
    case CLIENT_AUTH_OFF:
    case CLIENT_AUTH_REQUEST:
        return false;
    case CLIENT_AUTH_OPTIONAL: /* whom nobody asked has no certificate */
        return peer ? peer->verify == VERIFY_FAILED : conn->asked;
    case CLIENT_AUTH_REQUIRE:
        break;
    }
    return !peer || peer->verify != VERIFY_SUCCESS;
}

/* What the newest configuration says of heads from now on. How large a body may be is said as each request
 * begins (conn_request.c), and stays so while it is under way. */
static void take_limits(struct conn *conn)
{
    const struct conf *conf = conn->snapshot->conf;
    struct http1_limits *limits = &conn->request.limits;
    limits->max_target = (uint32_t)conf->max_uri;
    limits->max_head = (uint32_t)conf->max_header;
    limits->max_fields = (uint32_t)conf->max_header_fields;
}

/* GnuTLS acknowledges max_fragment_length (RFC 6066 section 4) and, in TLS 1.2, forgets it for what it sends
 * as soon as it has keys; what a program sets itself it keeps. */
static void keep_fragments_small(gnutls_session_t session)
{
    size_t most = gnutls_record_get_max_size(session);
    if (most < RECORD_PLAIN)
        (void)gnutls_record_set_max_size(session, most);
}

static void finish(struct conn *conn)
{
    gnutls_session_t session = conn->transport.session;
    keep_fragments_small(session);
    if (conn->lenient) /* from here on as everywhere */
        (void)gnutls_priority_set(session, conn->listener->priorities);
    conn->established = true;
    handshakes_leave(&conn->worker->live->handshakes, &conn->handshake);
    record_end(conn->record);
    tls_facts_read(session, record_hello(conn->record), proof_resumed(&conn->trail, session), &conn->facts);
}

/* Whether the newest snapshot would let the connection in that is there already: from where it comes. */
static void check_origin(struct conn *conn)
{
    struct sockaddr_storage from = {0};
    socklen_t len = sizeof from;
    conn->stray = conn->listener->conf->proxy_protocol != PROXY_PROTOCOL_OFF &&
                  (getpeername(conn->transport.fd, (struct sockaddr *)&from, &len) != 0 ||
                   !snapshot_trusts(conn->listener, (const struct sockaddr *)&from));
    if (conn->stray)
        limits_hit(conn->place.limits, LIMIT_proxy_untrusted, conn->remote, conn->listener_name);
}

const struct snapshot_listener *conn_listener(const struct conn *conn, const struct snapshot *snapshot)
{
    const char *name = conn->server_name ? conn->server_name : "";
    const struct snapshot_listener *listener = listener_in(conn->came_to, snapshot);
    if (listener)
        return snapshot_host(listener, name);
    /* Its address is gone. What the name has elsewhere holds, unless it lets in who was not let in here. */
    listener = snapshot_listener(snapshot, conn->listener_name);
    listener = listener ? snapshot_host(listener, name) : NULL;
    return listener && listener->conf->client_auth >= conn->listener->conf->client_auth ? listener : NULL;
}

bool conn_is_retired(const struct conn *conn)
{
    return atomic_load_explicit(&conn->came_to->retired, memory_order_relaxed);
}

static void take_newest(struct conn *conn)
{
    struct snapshot *newest = live_snapshot(conn->worker->live);
    const struct snapshot_listener *listener = conn_listener(conn, newest);
    if (!listener) {
        /* A reload closed this listener: what it was configured with holds until its last connection ends. */
        conn->orphan = true;
        snapshot_unref(newest);
        return;
    }
    snapshot_unref(conn->snapshot);
    conn->snapshot = newest;
    conn->listener = listener;
    take_limits(conn);
    check_origin(conn);
    /* A session cannot be asked any more: its client comes again, and is. */
    if (conn->stray || (listener->conf->mode == LISTENER_TCP) != conn->tcp ||
        listener->conf->tls != conn->tls || (!conn->asked && listener->conf->client_auth != CLIENT_AUTH_OFF))
        conn->orphan = true;
}

/* Time may go back, too: a verdict about a moment to come says nothing. */
static bool is_over(const struct peer *peer, time_t now)
{
    return now >= peer->judge_again || now < peer->judged_at;
}

int conn_refresh(struct conn *conn)
{
    /* Without the preemption nobody tells when the handshake is over: the first request does. */
    if (!conn->established) {
        conn->unproved = !proof_settle(&conn->trail, conn->transport.session);
        finish(conn);
    }
    if (conn->unproved) {
        peer_unref(conn->peer);
        conn->peer = NULL;
        return ERR_DENIED;
    }
    if (conn_is_retired(conn))
        conn->orphan = true;
    if (live_generation(conn->worker->live) != conn->snapshot->generation)
        take_newest(conn);
    if (!conn->asked)
        return 0;
    /* A resumed session skipped the verify function: its certificates came with the ticket and are judged
     * here. */
    if (!conn->peer || conn->judged_generation != conn->snapshot->generation ||
        is_over(conn->peer, clock_now()))
        return conn_judge(conn);
    return 0;
}

/* --- what the transport asks ---------------------------------------------------------------------------- */

static bool on_established(struct transport *transport)
{
    struct conn *conn = conn_of_transport(transport);
    gnutls_session_t session = transport->session;
    if (!session) {
        conn->established = true;
        handshakes_leave(&conn->worker->live->handshakes, &conn->handshake);
        return true;
    }
    if (!proof_settle(&conn->trail, session)) {
        transport_refuse(transport, GNUTLS_A_HANDSHAKE_FAILURE,
                         "the session holds a certificate that its client did not prove to be its own");
        return false;
    }
    if (conn->listener->conf->mode == LISTENER_TCP && !conn_door_opens(conn))
        return false;
    /* A full handshake's client may want several connections; a resumed one used up one ticket. By a ticket
     * that names nobody, as behind a stand-in, a client would come back as somebody else. */
    if (conn->listener->ticket_key.data && !conn->trail.stand_in &&
        gnutls_protocol_get_version(session) == GNUTLS_TLS1_3)
        transport_tickets(transport, proof_resumed(&conn->trail, session) ? 1 : 2);
    finish(conn);
    metrics_add(METRIC_handshakes, HANDSHAKE_OK, 0, 1);
    metrics_add(METRIC_handshake_versions, conn->facts.tls13, conn->facts.resumed, 1);
    metrics_observe(METRIC_handshake_seconds, conn->facts.resumed, clock_mono_us() - conn->born_us);
    conn_idle(conn);
    log_debug("%s: listener %s: %s %s%s", conn->remote, conn->listener_name, conn->facts.version,
              conn->facts.cipher_suite ? conn->facts.cipher_suite : "?",
              conn->facts.resumed ? ", resumed" : "");
    return true;
}

/* "expired depth=0, revoked depth=1" */
static void codes_text(const struct peer *peer, struct buf *out)
{
    for (size_t i = 0; i < peer->n_errors; i++)
        buf_printf(out, "%s%s depth=%d", i ? ", " : "", VERDICT_ROWS[peer->errors[i].code].code,
                   peer->errors[i].depth);
}

static void forget_record(struct conn *conn)
{
    record_unref(conn->record);
    conn->record = conn->transport.record = NULL;
}

/* True when it was not refused, but waited for too long or for more memory than there was. Silent clients
 * come by the thousands: they get no line of the log each. */
static bool ended_early(struct conn *conn, int error)
{
    enum limit over;
    size_t result;
    if (conn->ended == CONN_LATE) {
        over = LIMIT_handshake_time;
        result = HANDSHAKE_TIMEOUT;
    } else if (conn->ended == CONN_DISPLACED) {
        over = LIMIT_handshakes;
        result = HANDSHAKE_DISPLACED;
    } else if (error == GNUTLS_E_MEMORY_ERROR) {
        over = LIMIT_memory;
        result = HANDSHAKE_MEMORY;
    } else {
        return false;
    }
    metrics_add(METRIC_handshakes, result, 0, 1);
    limits_hit(conn->place.limits, over, conn->remote, conn->listener_name);
    log_debug("%s: listener %s: its handshake was ended", conn->remote, conn->listener_name);
    forget_record(conn);
    return true;
}

/* The protocols that a client offered when it offered none that is spoken here. */
static void name_protocols(struct conn *conn)
{
    const struct hello_pack *pack = record_hello(conn->record);
    struct client_hello hello;
    struct buf text;
    if (!pack)
        return;
    hello_pack_read(pack, &hello);
    buf_init(&text, 512);
    for (size_t i = 0; i < hello.n_alpn; i++) {
        size_t len = hello.alpn_len[i] < HELLO_ALPN_TEXT ? hello.alpn_len[i] : HELLO_ALPN_TEXT - 1;
        if (i > 0)
            buf_puts(&text, ", ");
        text_escape(&text, hello.alpn[i], len);
    }
    free(conn->came);
    conn->came = text.data && !buf_failed(&text) ? strdup(text.data) : NULL;
    buf_done(&text);
}

static const char *no_protocol(const struct conn *conn, char out[static 256])
{
    const struct conf_list *alpn = &conn->listener->conf->alpn;
    if (conn->listener->conf->mode == LISTENER_HTTP)
        return conn_host_has_http2(conn)
                   ? "the client speaks no protocol (ALPN) that is spoken here, h2, http/1.1, but"
                   : "the client speaks no protocol (ALPN) that is spoken here, http/1.1, but";
    size_t at = (size_t)snprintf(out, 256, "the client speaks no protocol (ALPN) that is spoken here");
    for (size_t i = 0; i < alpn->n && at + 64 < 256; i++)
        at += (size_t)snprintf(out + at, 256 - at, ", %s", alpn->item[i].text);
    snprintf(out + at, 256 - at, ", but");
    return out;
}

static void on_failing(struct transport *transport, int error)
{
    if (error != GNUTLS_E_MEMORY_ERROR)
        conn_blame_certificate(conn_of_transport(transport));
}

/* Leaves conn->peer only where the handshake was refused because of it. */
static void settle_peer(struct conn *conn, int error)
{
    /* GnuTLS refuses a key usage without digitalSignature by itself, in TLS 1.3 before the verify function is
     * asked. */
    if (error == GNUTLS_E_KEY_USAGE_VIOLATION) {
        conn->names_refused = conn->peer || conn_judge(conn) == 0;
        if (!conn->names_refused)
            log_debug("%s: the refused certificate could not be judged", conn->remote);
    }
    proof_forget(&conn->trail);
    /* Who failed otherwise, after a certificate was judged, may not be whom it names. */
    if (!conn->names_refused) {
        peer_unref(conn->peer);
        conn->peer = NULL;
    }
}

/* For the log: the alert, and the certificate with all that is wrong with it. */
static void put_refused(const struct conn *conn, int sent, struct buf *line)
{
    const struct peer *peer = conn->peer;
    if (sent >= 0)
        buf_printf(line, ", alert %s", tls_alert_name((uint8_t)sent) ? tls_alert_name((uint8_t)sent) : "?");
    if (peer && peer->n_errors > 0) {
        buf_puts(line, ": ");
        codes_text(peer, line);
    }
    if (peer && peer->n_chain > 0) {
        const struct certinfo *leaf = peer->chain[0];
        buf_printf(line, ": subject \"%s\", issuer \"%s\", serial %s, sha256 %s%s", leaf->subject.text,
                   leaf->issuer.text, leaf->serial, leaf->fingerprint_sha256,
                   proof_shown(&conn->trail) ? "" : ", not proved");
    }
    for (size_t i = 0; peer && i < peer->n_errors; i++)
        buf_printf(line, "; %s", peer->errors[i].reason ? peer->errors[i].reason : "");
}

/* `left`: by the client. */
static void log_failed(struct conn *conn, bool left, int sent, const char *why)
{
    struct buf line;
    buf_init(&line, 4096);
    put_refused(conn, sent, &line);
    /* One that said nothing at all was a balancer's check of the port, a scan, or one of thousands in an
     * attack. */
    enum log_level level = !left                        ? LOG_LEVEL_WARNING
                           : record_hello(conn->record) ? LOG_LEVEL_INFO
                                                        : LOG_LEVEL_DEBUG;
    log_line(level, "%s: listener %s%s%s: handshake %s: %s%s", conn->remote, conn->listener_name,
             conn_host(conn) ? ", host " : "", conn_host(conn) ? conn_host(conn) : "",
             left ? "ended" : "refused", why, line.data ? line.data : "");
    buf_done(&line);

    record_end(conn->record);
    if (conn->transport.record && log_enabled(LOG_LEVEL_DEBUG)) {
        buf_init(&line, 8192);
        record_text(conn->record, &line);
        log_debug("%s: listener %s: the refused handshake: %s", conn->remote, conn->listener_name,
                  line.data ? line.data : "no message");
        buf_done(&line);
    }
}

static void on_failed(struct transport *transport, int error, int sent, const char *reason)
{
    struct conn *conn = conn_of_transport(transport);
    char why[512], spoken[256];
    handshakes_leave(&conn->worker->live->handshakes, &conn->handshake);
    if (ended_early(conn, error)) {
        proof_forget(&conn->trail);
        return;
    }
    if (error == GNUTLS_E_NO_APPLICATION_PROTOCOL && !conn->came) {
        reason = no_protocol(conn, spoken);
        name_protocols(conn);
    }
    if (conn->came)
        snprintf(why, sizeof why, "%s \"%s\"", reason, conn->came);
    else
        snprintf(why, sizeof why, "%s", reason);
    settle_peer(conn, error);
    /* A client that leaves before its handshake is done, as browsers do before they ask their user, was not
     * refused. */
    bool left = sent < 0 && (error == GNUTLS_E_PREMATURE_TERMINATION || error == GNUTLS_E_PULL_ERROR);
    metrics_add(METRIC_handshakes, left ? HANDSHAKE_LEFT : HANDSHAKE_REFUSED, 0, 1);
    log_failed(conn, left, sent, why);
    record_trim(conn->record, MOST_REJECTED_DETAIL);
    if (!left)
        conn_rejected(conn, true, sent, 0, why);
    /* From now on others may read it. */
    forget_record(conn);
}

static void on_broken(struct transport *transport, int sent, const char *why)
{
    struct conn *conn = conn_of_transport(transport);
    const char *alert = tls_alert_name((uint8_t)sent);
    metrics_add(METRIC_broken, 0, 0, 1);
    log_info("%s: listener %s: connection ended: %s, alert %s", conn->remote, conn->listener_name, why,
             alert ? alert : "?");
}

void conn_rejected(struct conn *conn, bool handshake, int alert, unsigned status, const char *why)
{
    struct rejection rejection = {.at = clock_now(),
                                  .handshake = handshake,
                                  .alert = alert,
                                  .status = status,
                                  .peer = conn->peer,
                                  .proved = proof_shown(&conn->trail)};
    if (handshake && record_count(conn->transport.record) > 0)
        rejection.record = conn->transport.record;
    snprintf(rejection.remote, sizeof rejection.remote, "%s", conn->remote);
    snprintf(rejection.listener, sizeof rejection.listener, "%s", conn->listener_name);
    snprintf(rejection.why, sizeof rejection.why, "%s", why);
    rejections_add(conn->worker->live->rejections, &rejection);
}

/* From here on the connection is the client's whom the proxy named, for the log, the limits and the rules. */
static bool on_proxied(struct transport *transport, const struct proxy_header *header, const char *why)
{
    struct conn *conn = conn_of_transport(transport);
    if (!header) {
        limits_hit(conn->place.limits, LIMIT_proxy_header, conn->remote, conn->listener_name);
        log_debug("%s: listener %s: %s", conn->remote, conn->listener_name, why);
        return false;
    }
    if (!header->has_source)
        return true;
    limits_remote(&header->source.any, conn->remote);
    return limits_readmit(&conn->place, &header->source.any);
}

static void on_late(struct transport *transport)
{
    conn_late(conn_of_transport(transport));
}

/* Where bytes are handed on a capital letter is no HTTP to be answered. */
static const struct transport_ops TCP_OPS = {
    .proxied = on_proxied,
    .established = on_established,
    .failing = on_failing,
    .failed = on_failed,
    .broken = on_broken,
    .late = on_late,
};

static const struct transport_ops TRANSPORT_OPS = {
    .proxied = on_proxied,
    .established = on_established,
    .failing = on_failing,
    .failed = on_failed,
    .broken = on_broken,
    .plain = conn_plain_http,
    .late = on_late,
};

/* --- life ----------------------------------------------------------------------------------------------- */

static int set_up(struct conn *conn, gnutls_session_t session)
{
    int rc = conn_host_begin(conn, session);
    if (rc < 0) {
        log_error("%s: listener %s: cannot set up the session: %s", conn->remote, conn->listener_name,
                  gnutls_strerror(rc));
        return rc;
    }
    gnutls_handshake_set_max_packet_length(session, MOST_HANDSHAKE_MESSAGE);
    /* Whatever handshake_record says: the proof hangs on these messages. */
    gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_PRE, conn_message);
    return 0;
}

static void join(struct worker *worker, struct conn *conn)
{
    conn->next = worker->conns;
    if (conn->next)
        conn->next->prev = conn;
    worker->conns = conn;
    atomic_fetch_add_explicit(&worker->n_conns, 1, memory_order_relaxed);
}

static void part(struct worker *worker, struct conn *conn)
{
    if (worker->sweep == conn)
        worker->sweep = conn->next;
    *(conn->prev ? &conn->prev->next : &worker->conns) = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    atomic_fetch_sub_explicit(&worker->n_conns, 1, memory_order_relaxed);
}

struct conn *conn_new(struct worker *worker, const struct arrival *arrival, gnutls_session_t session, int fd)
{
    struct live *live = worker->live;
    struct snapshot *snapshot = live_snapshot_of(live, arrival->listener);
    const struct snapshot_listener *listener = listener_in(arrival->listener, snapshot);
    /* A reload may have come between the door and here. */
    const bool same =
        listener && listener->conf->mode == arrival->mode && listener->conf->tls == arrival->tls;
    struct conn *conn = same ? calloc(1, sizeof *conn) : NULL;
    if (!conn) {
        if (same)
            limits_hit(live->limits, LIMIT_memory, NULL, NULL);
        else
            log_debug("a connection closed: a reload came before it began");
        snapshot_unref(snapshot);
        struct limits_place place = arrival->place;
        limits_release(&place);
        return NULL;
    }
    conn->born_us = clock_mono_us();
    conn->worker = worker;
    conn->came_to = arrival->listener;
    conn->listener_name = arrival->listener->name;
    conn->place = arrival->place;
    conn->snapshot = snapshot;
    conn->listener = listener;
    const struct conf *conf = snapshot->conf;
    conn->creds = listener->creds ? creds_ref(listener->creds) : NULL; /* without TLS there are none */
    conn->tls = arrival->tls;
    conn->tcp = listener->conf->mode == LISTENER_TCP;
    conn->asked = listener->conf->client_auth != CLIENT_AUTH_OFF;
    conn->trail.asks = conn->asked;
    take_limits(conn);
    limits_remote(&arrival->from.any, conn->remote);
    http1_gate_init(&conn->request.gate);
    const bool tls = listener->conf->tls;
    transport_init(&conn->transport, &worker->share, session, fd, conn->tcp ? &TCP_OPS : &TRANSPORT_OPS,
                   (uint32_t)(tls ? conf->handshake_timeout : conf->header_timeout) * 1000, LINGER_MS);
    if (!tls && !conn->tcp)
        transport_speak_plain(&conn->transport);
    transport_expect_proxy(&conn->transport, (unsigned)listener->conf->proxy_protocol);
    conn->record = record_new(clock_mono_us(), conn->asked, conf->handshake_record);
    if (conf->handshake_record)
        conn->transport.record = conn->record;
    if (listener->conf->tls && set_up(conn, session) < 0)
        transport_deadline(&conn->transport, clock_mono_ms());
    conn->id = live_opened(live);
    join(worker, conn);
    handshakes_enter(&live->handshakes, &conn->handshake, &worker->handshakes,
                     limits_max_handshakes(live->limits));
    return conn;
}

void conn_free(struct conn *conn)
{
    if (!conn)
        return;
    struct live *live = conn->worker->live;
    conn_left(conn);
    handshakes_leave(&live->handshakes, &conn->handshake);
    part(conn->worker, conn);
    limits_release(&conn->place);
    transport_done(&conn->transport);
    wheel_stop(&conn->http1.empty);
    if (conn->http1.waiting)
        explicit_bzero(conn->http1.waiting, conn->http1.waiting_len);
    free(conn->http1.waiting);
    kept_drop(&conn->kept);
    peer_unref(conn->peer);
    creds_unref(conn->creds);
    snapshot_unref(conn->snapshot);
    record_unref(conn->record);
    http1_head_done(&conn->request.head);
    conn_body_done(&conn->request);
    conn_decision_done(&conn->request);
    identity_made_done(&conn->identity);
    free(conn->came);
    free(conn->server_name);
    proof_done(&conn->trail);
    free(conn);
    live_closed(live);
}
