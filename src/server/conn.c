#include "server/conn.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/plain.h"
#include "report/metrics.h"
#include "server/account.h"
#include "server/peer_cache.h"
#include "server/server.h"
#include "tls/certificate_message.h"
#include "tls/names.h"

enum {
    LINGER_MS = 2000,
    MOST_HANDSHAKE_MESSAGE = 128 * 1024,
    /* A session ticket carries what came in the Certificate message, the OCSP responses too, and has a length
     * of 16 bits that GnuTLS does not check: of more than that it would make a broken one. */
    MOST_CERTIFICATE_MESSAGE = 48 * 1024,
    MOST_REJECTED_DETAIL = 4096, /* of a refused handshake's record: the peer chose how much it says */
};

static struct conn *of_transport(struct transport *transport)
{
    return (struct conn *)((char *)transport - offsetof(struct conn, transport));
}

/* Inside GnuTLS's callbacks transport_of hides the transport; the pointer that the push and pull functions
 * get does not. */
static struct conn *of_session(gnutls_session_t session)
{
    return of_transport(gnutls_transport_get_ptr(session));
}

/* --- judging
 * ------------------------------------------------------------------------------------------------------- */

/* Judges a chain that is the client's: tls/proof.h says which one is. */
static int judge_chain(struct conn *conn, const gnutls_datum_t *chain, unsigned n)
{
    struct verdict_question question = {
        .trust = conn->listener->trust,
        .chain = chain,
        .n_chain = n,
        .at = clock_now(),
        .purpose = PURPOSE_CLIENT,
    };
    struct err err = {0};
    struct peer *peer;
    int rc = peer_cache_judge(conn->listener->peers, &question, &peer, &err);
    if (rc != 0) {
        log_error("%s: listener %s: cannot judge the client's certificate: %s", conn->remote,
                  conn->listener_name, err.text);
        return rc;
    }
    peer_unref(conn->peer);
    conn->peer = peer;
    metrics_add(METRIC_judgements, peer->verify, 0, 1);
    for (size_t i = 0; i < peer->n_errors; i++)
        metrics_add(METRIC_errors, peer->errors[i].code, 0, 1);
    conn->judged_generation = conn->snapshot->generation;
    return 0;
}

static int judge(struct conn *conn)
{
    const gnutls_datum_t *chain;
    unsigned n;
    if (!proof_chain(&conn->trail, conn->transport.session, &chain, &n)) {
        log_error("%s: listener %s: the session holds a certificate that its client did not prove to be its "
                  "own",
                  conn->remote, conn->listener_name);
        return ERR_DENIED;
    }
    return judge_chain(conn, chain, n);
}

bool conn_refused(const struct conn *conn)
{
    switch (conn->client_auth) {
    case CLIENT_AUTH_OFF:
    case CLIENT_AUTH_REQUEST:
        return false;
    case CLIENT_AUTH_OPTIONAL:
        return !conn->peer || conn->peer->verify == VERIFY_FAILED;
    case CLIENT_AUTH_REQUIRE:
        break;
    }
    return !conn->peer || conn->peer->verify != VERIFY_SUCCESS;
}

static void set_phase(struct conn *conn, enum conn_phase phase, uint64_t deadline_ms)
{
    atomic_store_explicit(&conn->phase, (uint8_t)phase, memory_order_relaxed);
    transport_deadline(&conn->transport, deadline_ms);
}

static enum conn_phase phase(const struct conn *conn)
{
    return atomic_load_explicit(&conn->phase, memory_order_relaxed);
}

/* What the newest configuration says of requests that begin from now on. */
static void take_limits(struct conn *conn)
{
    const struct conf *conf = conn->snapshot->conf;
    conn->limits = (struct http1_limits){
        .max_target = (uint32_t)conf->max_uri,
        .max_head = (uint32_t)conf->max_header,
        .max_fields = (uint32_t)conf->max_header_fields,
        .max_body = (uint64_t)conf->max_body,
    };
}

static uint64_t in_seconds(long long seconds)
{
    return (uint64_t)seconds * 1000;
}

void conn_answering(struct conn *conn)
{
    set_phase(conn, CONN_ANSWER, conn->began_us / 1000 + in_seconds(conn->snapshot->conf->request_timeout));
}

void conn_pipelined(struct conn *conn)
{
    bool head = http1_gate_in_head(&conn->gate);
    const struct conf *conf = conn->snapshot->conf;
    set_phase(conn, head ? CONN_HEAD : CONN_BODY,
              clock_mono_ms() + in_seconds(head ? conf->header_timeout : conf->body_timeout));
}

void conn_expire(struct conn *conn, enum conn_end why)
{
    transport_deadline(&conn->transport, 0);
    atomic_store_explicit(&conn->ended, (uint8_t)why, memory_order_relaxed);
    if (phase(conn) != CONN_ANSWER) {
        transport_expire(&conn->transport);
        return;
    }
    /* The client does not take its answer: what the kernel still holds for it goes too. */
    limits_hit(conn->place.limits, LIMIT_request_time, conn->remote, conn->listener_name);
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    setsockopt(conn->transport.fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    shutdown(conn->transport.fd, SHUT_RDWR);
}

void conn_idle(struct conn *conn)
{
    bool fresh = conn->n_requests == 0, ends = server_draining(conn->server) || conn->orphan;
    uint64_t now_ms = clock_mono_ms();
    atomic_store_explicit(&conn->idle_ms, now_ms, memory_order_relaxed);
    set_phase(conn, fresh ? CONN_FRESH : CONN_IDLE, fresh && ends ? now_ms + CONN_FRESH_MS : 0);
    transport_rest(&conn->transport, true, conn->pool_size);
    if (ends && !fresh)
        transport_expire(&conn->transport);
}

static void finish(struct conn *conn)
{
    gnutls_session_t session = conn->transport.session;
    conn->established = true;
    server_handshake_over(conn->server, conn);
    record_end(conn->record);
    tls_facts_read(session, record_hello(conn->record), proof_resumed(&conn->trail, session), &conn->facts);
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
    if (atomic_load_explicit(conn->retired, memory_order_relaxed))
        conn->orphan = true;
    uint64_t generation = server_generation(conn->server);
    bool moved = generation != conn->snapshot->generation;
    if (moved) {
        struct snapshot *newest = server_snapshot(conn->server);
        const struct snapshot_listener *listener = snapshot_listener(newest, conn->listener_name);
        if (listener) {
            snapshot_unref(conn->snapshot);
            conn->snapshot = newest;
            conn->listener = listener;
            take_limits(conn);
        } else {
            /* A reload closed this listener, and none has its name: what it was configured with holds until
             * its last connection ends. */
            conn->orphan = true;
            snapshot_unref(newest);
        }
    }
    if (conn->client_auth == CLIENT_AUTH_OFF)
        return 0;
    /* A resumed session skipped the verify function: its certificates came with the ticket and are judged
     * here. */
    if (!conn->peer || conn->judged_generation != conn->snapshot->generation ||
        clock_now() >= conn->peer->judge_again)
        return judge(conn);
    return 0;
}

static int refuse_for(struct conn *conn, gnutls_alert_description_t alert, const char *why)
{
    transport_refuse(&conn->transport, alert, why);
    return GNUTLS_E_CERTIFICATE_ERROR;
}

/* The peer that was judged; it is named in the log. */
static int refuse(struct conn *conn, gnutls_session_t session)
{
    bool tls13 = gnutls_protocol_get_version(session) == GNUTLS_TLS1_3;
    conn->names_refused = true;
    return refuse_for(conn, verdict_alert(conn->peer, tls13), "the client's certificate was refused");
}

/* Before GnuTLS reads a Certificate message, which it does before anybody is asked, and computes with the key
 * in it: in TLS 1.3 it reads the client's own certificate, in TLS 1.2 all of them. */
static int check_certificate_message(struct conn *conn, gnutls_session_t session,
                                     const gnutls_datum_t *message)
{
    bool tls13 = gnutls_protocol_get_version(session) == GNUTLS_TLS1_3;
    gnutls_datum_t chain[CHAIN_MOST_READ];
    unsigned n;
    switch (
        certificate_chain((struct wire){message->data, message->size}, tls13, chain, ARRAY_LEN(chain), &n)) {
    case CERTIFICATE_FINE:
        break;
    case CERTIFICATE_MALFORMED:
        return refuse_for(conn, GNUTLS_A_DECODE_ERROR, "the client's Certificate message is malformed");
    case CERTIFICATE_MANY:
        return refuse_for(conn, GNUTLS_A_BAD_CERTIFICATE, "the client sent more than 32 certificates");
    case CERTIFICATE_EXTENSION:
        return refuse_for(conn, GNUTLS_A_UNSUPPORTED_EXTENSION,
                          "the client's Certificate message has extensions that were not asked for");
    }
    if (message->size > MOST_CERTIFICATE_MESSAGE)
        return refuse_for(conn, GNUTLS_A_BAD_CERTIFICATE,
                          "the client's Certificate message is larger than 48 KiB");
    if (n == 0 || verdict_bounded(conn->listener->trust, chain, tls13 ? 1 : n))
        return 0;
    if (judge_chain(conn, chain, n) != 0 || conn->peer->verify != VERIFY_FAILED)
        return refuse_for(conn, GNUTLS_A_BAD_CERTIFICATE,
                          "a certificate that the client sent cannot be read");
    return refuse(conn, session);
}

/* GnuTLS's verify function: in TLS 1.3 the client's key has signed before; in TLS 1.2 it does so afterwards,
 * and proof_settle sees to it. */
static int verify(gnutls_session_t session)
{
    struct conn *conn = of_session(session);
    proof_judged(&conn->trail);
    if (judge(conn) != 0)
        return refuse_for(conn, GNUTLS_A_INTERNAL_ERROR, "the certificate could not be judged");
    return conn_refused(conn) ? refuse(conn, session) : 0;
}

static int on_handshake_message(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                                const gnutls_datum_t *message)
{
    (void)when;
    struct conn *conn = of_session(session);
    if (incoming && type == GNUTLS_HANDSHAKE_CLIENT_HELLO) {
        server_handshake_talks(conn->server, conn);
        if (!client_hello_affordable(message->data, message->size, &conn->hello_items))
            return refuse_for(conn, GNUTLS_A_HANDSHAKE_FAILURE, "the ClientHello lists more than is read");
    }
    record_message(conn->record, incoming ? RECORD_CLIENT : RECORD_SERVER, type, message->data, message->size,
                   clock_mono_us());
    int rc = 0;
    if (incoming && type == GNUTLS_HANDSHAKE_CERTIFICATE_PKT && !conn->established)
        rc = check_certificate_message(conn, session, message);
    return rc < 0 ? rc : proof_message(&conn->trail, session, incoming, type, message);
}

/* What the client offered first also holds after a HelloRetryRequest (RFC 8446 section 4.1.2). */
int conn_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                     gnutls_pcert_st **pcert, unsigned *n, gnutls_ocsp_data_st **staple, unsigned *n_staples,
                     gnutls_privkey_t *key, unsigned *flags)
{
    (void)info;
    const struct conn *conn = of_session(session);
    const struct hello_pack *pack = record_hello(conn->record);
    struct client_hello hello;
    struct creds_offer offer = {.server_name = ""};
    struct creds_choice choice;
    if (pack && creds_several(conn->creds)) {
        hello_pack_read(pack, &hello);
        offer = (struct creds_offer){
            .server_name = hello.server_name,
            .tls13 = gnutls_protocol_get_version(session) == GNUTLS_TLS1_3,
            .signature_algorithms = hello.signature_algorithms.v,
            .n_signature_algorithms = hello.signature_algorithms.n,
            .cipher_suites = hello.cipher_suites.v,
            .n_cipher_suites = hello.cipher_suites.n,
        };
    }
    creds_choose(conn->creds, &offer, &choice);
    *pcert = choice.pcert;
    *n = choice.n;
    *staple = choice.staple;
    *n_staples = choice.n_staples;
    *key = choice.key;
    *flags = 0; /* all of it stays the credentials' */
    return 0;
}

/* --- what the transport asks
 * --------------------------------------------------------------------------------------- */

static bool on_established(struct transport *transport)
{
    struct conn *conn = of_transport(transport);
    gnutls_session_t session = transport->session;
    if (!proof_settle(&conn->trail, session)) {
        transport_refuse(transport, GNUTLS_A_HANDSHAKE_FAILURE,
                         "the session holds a certificate that its client did not prove to be its own");
        return false;
    }
    /* A full handshake's client may want several connections; a resumed one used up one ticket. */
    if (conn->listener->ticket_key.data && gnutls_protocol_get_version(session) == GNUTLS_TLS1_3)
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
    uint8_t end = atomic_load_explicit(&conn->ended, memory_order_relaxed);
    enum limit over;
    size_t result;
    if (end == CONN_LATE) {
        over = LIMIT_handshake_time;
        result = HANDSHAKE_TIMEOUT;
    } else if (end == CONN_DISPLACED) {
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

static void on_failed(struct transport *transport, int error, int sent, const char *why)
{
    struct conn *conn = of_transport(transport);
    server_handshake_over(conn->server, conn);
    if (ended_early(conn, error))
        return;
    /* GnuTLS refuses a key usage without digitalSignature by itself, in TLS 1.3 before the verify function is
     * asked. */
    if (error == GNUTLS_E_KEY_USAGE_VIOLATION) {
        conn->names_refused = conn->peer || judge(conn) == 0;
        if (!conn->names_refused)
            log_debug("%s: the refused certificate could not be judged", conn->remote);
    }
    /* Who failed otherwise, after a certificate was judged, may not be whom it names. */
    if (!conn->names_refused) {
        peer_unref(conn->peer);
        conn->peer = NULL;
    }
    struct buf line;
    buf_init(&line, 4096);
    if (sent >= 0)
        buf_printf(&line, ", alert %s", tls_alert_name((uint8_t)sent) ? tls_alert_name((uint8_t)sent) : "?");
    const struct peer *peer = conn->peer;
    if (peer && peer->n_errors > 0) {
        buf_puts(&line, ": ");
        codes_text(peer, &line);
    }
    if (peer && peer->n_chain > 0) {
        const struct certinfo *leaf = peer->chain[0];
        buf_printf(&line, ": subject \"%s\", issuer \"%s\", serial %s, sha256 %s%s", leaf->subject.text,
                   leaf->issuer.text, leaf->serial, leaf->fingerprint_sha256,
                   proof_shown(&conn->trail) ? "" : ", not proved");
    }
    for (size_t i = 0; peer && i < peer->n_errors; i++)
        buf_printf(&line, "; %s", peer->errors[i].reason ? peer->errors[i].reason : "");
    /* A client that leaves before its handshake is done, as browsers do before they ask their user, was not
     * refused. */
    bool left = sent < 0 && (error == GNUTLS_E_PREMATURE_TERMINATION || error == GNUTLS_E_PULL_ERROR);
    metrics_add(METRIC_handshakes, left ? HANDSHAKE_LEFT : HANDSHAKE_REFUSED, 0, 1);
    /* One that said nothing at all was a balancer's check of the port, a scan, or one of thousands in an
     * attack. */
    enum log_level level = !left                        ? LOG_LEVEL_WARNING
                           : record_hello(conn->record) ? LOG_LEVEL_INFO
                                                        : LOG_LEVEL_DEBUG;
    log_line(level, "%s: listener %s: handshake refused: %s%s", conn->remote, conn->listener_name, why,
             line.data ? line.data : "");
    buf_done(&line);

    record_end(conn->record);
    if (conn->transport.record && log_enabled(LOG_LEVEL_DEBUG)) {
        buf_init(&line, 8192);
        record_text(conn->record, &line);
        log_debug("%s: listener %s: the refused handshake: %s", conn->remote, conn->listener_name,
                  line.data ? line.data : "no message");
        buf_done(&line);
    }
    record_trim(conn->record, MOST_REJECTED_DETAIL);
    if (!left)
        conn_rejected(conn, true, sent, 0, why);
    /* From now on others may read it. */
    forget_record(conn);
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
    rejections_add(server_rejections(conn->server), &rejection);
}

/* What the gate refuses is malformed, or over a limit. */
static enum limit limit_of(const struct conn *conn)
{
    switch (conn->gate.status) {
    case 413:
        return LIMIT_body;
    case 414:
        return LIMIT_uri;
    case 431:
        return conn->gate.used < conn->limits.max_head ? LIMIT_header_fields : LIMIT_header_bytes;
    default:
        return LIMIT_COUNT;
    }
}

static size_t on_plaintext(struct transport *transport, const char *data, size_t len, char *answer,
                           size_t *answer_len)
{
    struct conn *conn = of_transport(transport);
    unsigned events = 0;
    size_t good = http1_gate_feed(&conn->gate, &conn->limits, data, len, &events);
    if (good == len) {
        if (http1_gate_idle(&conn->gate))
            set_phase(conn, CONN_ANSWER, 0); /* it is whole; conn_answering sets what holds then */
        else if (events & (HTTP1_HEAD_BEGUN | HTTP1_HEAD_DONE))
            conn_pipelined(conn);
        return len;
    }
    enum limit over = limit_of(conn);
    if (over != LIMIT_COUNT)
        limits_hit(conn->place.limits, over, conn->remote, conn->listener_name);
    else
        log_info("%s: listener %s: request refused with %u: %s", conn->remote, conn->listener_name,
                 conn->gate.status, conn->gate.why);
    account_refused(conn, conn->gate.status,
                    plain_refusal(conn->gate.status, conn->gate.why, answer, answer_len));
    return good;
}

static void on_plain(struct transport *transport, const char *head, size_t len, char *answer,
                     size_t *answer_len)
{
    (void)transport;
    plain_http_answer(head, len, answer, answer_len);
}

static void on_late(struct transport *transport, char *answer, size_t *answer_len)
{
    struct conn *conn = of_transport(transport);
    if (http1_gate_idle(&conn->gate)) {
        *answer_len = 0; /* the server is closing idle connections */
        return;
    }
    limits_hit(conn->place.limits, http1_gate_in_head(&conn->gate) ? LIMIT_header_time : LIMIT_body_time,
               conn->remote, conn->listener_name);
    account_refused(conn, 408, plain_refusal(408, "the request did not arrive in time", answer, answer_len));
}

/* From here on the connection is the client's whom the proxy named, for the log, the limits and the rules. */
static bool on_proxied(struct transport *transport, const struct proxy_header *header, const char *why)
{
    struct conn *conn = of_transport(transport);
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

static const struct transport_ops TRANSPORT_OPS = {
    .proxied = on_proxied,
    .established = on_established,
    .failed = on_failed,
    .inspect = on_plaintext,
    .plain = on_plain,
    .late = on_late,
};

/* --- life
 * ----------------------------------------------------------------------------------------------------------
 */

static int set_up(struct conn *conn, gnutls_session_t session)
{
    static const gnutls_datum_t PROTOCOLS[] = {{(unsigned char *)(uintptr_t) "http/1.1", 8},
                                               {(unsigned char *)(uintptr_t) "http/1.0", 8}};
    const struct snapshot_listener *listener = conn->listener;
    int rc = gnutls_priority_set(session, listener->priorities);
    if (rc >= 0)
        rc = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, creds_gnutls(conn->creds));
    if (rc >= 0) /* RFC 7301: a client that names only other protocols is refused, not served by guess */
        rc = gnutls_alpn_set_protocols(session, PROTOCOLS, ARRAY_LEN(PROTOCOLS),
                                       GNUTLS_ALPN_MANDATORY | GNUTLS_ALPN_SERVER_PRECEDENCE);
    if (rc >= 0 && listener->ticket_key.data) {
        gnutls_db_set_cache_expiration(session, (int)listener->conf->ticket_lifetime);
        rc = gnutls_session_ticket_enable_server(session, &listener->ticket_key);
    }
    if (rc < 0) {
        log_error("%s: listener %s: cannot set up the session: %s", conn->remote, conn->listener_name,
                  gnutls_strerror(rc));
        return rc;
    }
    gnutls_handshake_set_max_packet_length(session, MOST_HANDSHAKE_MESSAGE);
    /* Whatever handshake_record says: the proof hangs on these messages. */
    gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_PRE, on_handshake_message);
    if (conn->client_auth != CLIENT_AUTH_OFF) {
        /* Never GNUTLS_CERT_REQUIRE: it would refuse an absent certificate before the verify function is
         * asked. */
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
        gnutls_session_set_verify_function(session, verify);
        if (listener->conf->advertise_ca == ADVERTISE_CA_NONE)
            gnutls_certificate_send_x509_rdn_sequence(session, 1);
    } else {
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_IGNORE);
    }
    return 0;
}

struct conn *conn_new(struct server *server, const char *listener_name, const atomic_bool *retired,
                      gnutls_session_t session, int fd, const struct sockaddr *address)
{
    struct conn *conn = calloc(1, sizeof *conn);
    if (!conn)
        return NULL;
    conn->born_us = clock_mono_us();
    conn->server = server;
    conn->listener_name = listener_name;
    conn->retired = retired;
    limits_claim(&conn->place);
    conn->snapshot = server_snapshot_of(server, listener_name);
    conn->listener = snapshot_listener(conn->snapshot, listener_name);
    if (!conn->listener) {
        limits_release(&conn->place);
        snapshot_unref(conn->snapshot);
        free(conn);
        return NULL;
    }
    const struct conf *conf = conn->snapshot->conf;
    conn->creds = creds_ref(conn->listener->creds);
    conn->client_auth = conn->listener->conf->client_auth;
    conn->trail.asks = conn->client_auth != CLIENT_AUTH_OFF;
    take_limits(conn);
    limits_remote(address, conn->remote);
    http1_gate_init(&conn->gate);
    transport_init(&conn->transport, session, fd, &TRANSPORT_OPS, (uint32_t)conf->handshake_timeout * 1000,
                   LINGER_MS);
    transport_expect_proxy(&conn->transport, (unsigned)conn->listener->conf->proxy_protocol);
    conn->record = record_new(clock_mono_us(), conn->client_auth != CLIENT_AUTH_OFF, conf->handshake_record);
    if (conf->handshake_record)
        conn->transport.record = conn->record;
    if (set_up(conn, session) < 0)
        transport_deadline(&conn->transport, clock_mono_ms());
    server_register(server, conn);
    return conn;
}

void conn_free(struct conn *conn)
{
    if (!conn)
        return;
    server_unregister(conn->server, conn);
    limits_release(&conn->place);
    transport_done(&conn->transport);
    if (conn->kept.response)
        MHD_destroy_response(conn->kept.response);
    peer_unref(conn->peer);
    creds_unref(conn->creds);
    snapshot_unref(conn->snapshot);
    record_unref(conn->record);
    free(conn->target);
    free(conn);
}
