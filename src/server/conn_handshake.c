/* A connection inside GnuTLS's callbacks: which certificate it is shown, what it may send, and the verdict.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "pki/readable.h"
#include "report/metrics.h"
#include "server/conn_impl.h"
#include "server/peer_cache.h"
#include "tls/certificate_message.h"
#include "tls/server_name.h"

/* A session ticket carries what came in the Certificate message, the OCSP responses too, and has a length of
 * 16 bits that GnuTLS does not check: of more than that it would make a broken one. */
enum { MOST_CERTIFICATE_MESSAGE = 48 * 1024, MOST_CAME = 64 };

/* Inside GnuTLS's callbacks transport_of hides the transport; the pointer that the push and pull functions
 * get does not. */
static struct conn *of_session(gnutls_session_t session)
{
    return conn_of_transport(gnutls_transport_get_ptr(session));
}

/* Judges a chain that is the client's: tls/proof.h says which one is. `unread`: of struct verdict_question.
 */
static int judge_chain(struct conn *conn, const gnutls_datum_t *chain, unsigned n, unsigned unread)
{
    struct verdict_question question = {
        .trust = conn->listener->trust,
        .chain = chain,
        .n_chain = n,
        .at = clock_now(),
        .purpose = PURPOSE_CLIENT,
        .unread = unread,
    };
    struct err err = {0};
    struct peer *peer;
    int rc = peer_cache_judge(conn->listener->peers, &question, &peer, &err);
    if (rc != 0) {
        log_error("%s: listener %s: cannot judge the client's certificate: %s", conn->remote,
                  conn->listener_name, err.text);
        return rc;
    }
    if (unread > 0 && peer->verify != VERIFY_FAILED) { /* it says so itself: this only makes sure */
        log_error("%s: listener %s: a certificate that GnuTLS cannot read was not refused", conn->remote,
                  conn->listener_name);
        peer_unref(peer);
        return ERR_DENIED;
    }
    peer_unref(conn->peer);
    conn->peer = peer;
    conn->peer_at = question.at;
    metrics_add(METRIC_judgements, peer->verify, 0, 1);
    for (size_t i = 0; i < peer->n_errors; i++)
        metrics_add(METRIC_errors, peer->errors[i].code, 0, 1);
    conn->judged_generation = conn->snapshot->generation;
    return 0;
}

int conn_judge(struct conn *conn)
{
    const gnutls_datum_t *chain;
    unsigned n;
    if (!proof_chain(&conn->trail, conn->transport.session, &chain, &n)) {
        log_error("%s: listener %s: the session holds a certificate that its client did not prove to be its "
                  "own",
                  conn->remote, conn->listener_name);
        return ERR_DENIED;
    }
    return judge_chain(conn, chain, n, conn->trail.stand_in ? conn->unread : 0);
}

static int refuse_for(struct conn *conn, gnutls_alert_description_t alert, const char *why)
{
    transport_refuse(&conn->transport, alert, why);
    return GNUTLS_E_CERTIFICATE_ERROR;
}

/* What a client sent, for the log, which escapes and cuts it. */
static int refuse_naming(struct conn *conn, gnutls_alert_description_t alert, const char *why,
                         struct wire came)
{
    free(conn->came);
    conn->came = text_escaped(came.p, came.n < MOST_CAME ? came.n : MOST_CAME);
    return refuse_for(conn, alert, why);
}

/* The peer that was judged; it is named in the log. */
static int refuse(struct conn *conn, gnutls_session_t session)
{
    bool tls13 = gnutls_protocol_get_version(session) == GNUTLS_TLS1_3;
    conn->names_refused = true;
    return refuse_for(conn, verdict_alert(conn->peer, tls13), "the client's certificate was refused");
}

void conn_blame_certificate(struct conn *conn)
{
    bool tls13 = gnutls_protocol_get_version(conn->transport.session) == GNUTLS_TLS1_3;
    gnutls_datum_t chain[CHAIN_MOST_READ];
    unsigned n, unread = 0;
    if (conn->trail.stand_in && !conn->trail.stand_in->shown) /* it could, and fails for another reason */
        return;
    const gnutls_datum_t *sent = &conn->trail.message;
    if (!sent->data || certificate_chain((struct wire){sent->data, sent->size}, tls13, chain,
                                         ARRAY_LEN(chain), &n) != CERTIFICATE_FINE)
        return;
    /* GnuTLS went up to the first that it cannot read; from the other end none is read twice but that one. */
    for (unsigned i = tls13 && n > 1 ? 1 : n; unread == 0 && i > 0; i--)
        unread = readable_der(&chain[i - 1]) ? 0 : i;
    if (unread == 0)
        return;
    conn->names_refused = judge_chain(conn, chain, n, unread) == 0;
    transport_refuse(&conn->transport, GNUTLS_A_BAD_CERTIFICATE,
                     "GnuTLS cannot read a certificate that the client sent");
}

/* A chain that is not given to GnuTLS to read: it is out of bounds, or one is `unread`. */
static int refuse_unread(struct conn *conn, gnutls_session_t session, const gnutls_datum_t *chain, unsigned n,
                         unsigned unread)
{
    if (judge_chain(conn, chain, n, unread) != 0 || conn->peer->verify != VERIFY_FAILED)
        return refuse_for(conn, GNUTLS_A_BAD_CERTIFICATE,
                          "a certificate that the client sent cannot be read");
    return refuse(conn, session);
}

/* Before GnuTLS reads a Certificate message, which it does before anybody is asked, and computes with the key
 * in it: in TLS 1.3 it reads the client's own certificate, in TLS 1.2 all of them. Where a bad one is served
 * something stands in for what GnuTLS cannot read. */
static int check_certificate_message(struct conn *conn, gnutls_session_t session,
                                     const gnutls_datum_t *message)
{
    bool tls13 = gnutls_protocol_get_version(session) == GNUTLS_TLS1_3;
    bool serves_bad = conn->listener->conf->client_auth == CLIENT_AUTH_REQUEST;
    gnutls_datum_t chain[CHAIN_MOST_READ];
    struct cert cert;
    const char *why;
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
    if (n == 0)
        return proof_message(&conn->trail, session, true, GNUTLS_HANDSHAKE_CERTIFICATE_PKT, message);
    if (!verdict_bounded(conn->listener->trust, chain, tls13 ? 1 : n, serves_bad ? &conn->unread : NULL))
        return refuse_unread(conn, session, chain, n, 0);
    int rc = proof_message(&conn->trail, session, true, GNUTLS_HANDSHAKE_CERTIFICATE_PKT, message);
    if (rc < 0 || conn->unread == 0)
        return rc;
    if (!cert_parse(&chain[0], &cert, &why) || !proof_stand_in(&conn->trail, session, message, cert.spki))
        return refuse_unread(conn, session, chain, n, conn->unread);
    gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_BOTH, conn_message);
    return 0;
}

/* GnuTLS's verify function: in TLS 1.3 the client's key has signed before; in TLS 1.2 it does so afterwards,
 * and proof_settle sees to it. */
int conn_verify(gnutls_session_t session)
{
    struct conn *conn = of_session(session);
    proof_judged(&conn->trail);
    if (conn_judge(conn) != 0)
        return refuse_for(conn, GNUTLS_A_INTERNAL_ERROR, "the certificate could not be judged");
    return conn_refused(conn) ? refuse(conn, session) : 0;
}

/* GnuTLS has read the extensions that it reads first, and the version is agreed. */
static int after_hello(gnutls_session_t session)
{
    struct conn *conn = of_session(session);
    server_name_show();
    if (conn->hello_compresses && gnutls_protocol_get_version(session) == GNUTLS_TLS1_3)
        return refuse_for(conn, GNUTLS_A_ILLEGAL_PARAMETER,
                          "a ClientHello of TLS 1.3 offers compression (RFC 8446 section 4.1.2)");
    return 0;
}

/* Which of several certificates will do. */
static void note_kinds(struct conn *conn, const gnutls_datum_t *message)
{
    struct hello_numbers numbers;
    if (!client_hello_numbers(message->data, message->size, &numbers))
        return;
    struct creds_hello hello = {
        .cipher_suites = {numbers.cipher_suites.p, numbers.cipher_suites.n},
        .signature_algorithms = {numbers.signature_algorithms.p, numbers.signature_algorithms.n},
        .groups = {numbers.groups.p, numbers.groups.n},
        .has_groups = numbers.has_groups,
    };
    conn->kinds[false] = (uint8_t)creds_kinds(&hello, false);
    conn->kinds[true] = (uint8_t)creds_kinds(&hello, true);
}

/* Before GnuTLS reads a ClientHello. */
static int check_hello(struct conn *conn, gnutls_session_t session, const gnutls_datum_t *message)
{
    struct wire name;
    server_name_forget(); /* of a hello before a HelloRetryRequest: its memory is gone */
    if (!client_hello_affordable(message->data, message->size, &conn->hello_items))
        return refuse_for(conn, GNUTLS_A_HANDSHAKE_FAILURE, "the ClientHello lists more than is read");
    conn->hello_compresses = client_hello_compresses(message->data, message->size);
    enum server_name kind = server_name_find(message->data, message->size, &name);
    switch (kind) {
    case SERVER_NAME_NONE:
    case SERVER_NAME_PLAIN:
    case SERVER_NAME_ODD:
        break;
    case SERVER_NAME_SEVERAL:
        return refuse_naming(conn, GNUTLS_A_ILLEGAL_PARAMETER,
                             "the ClientHello names two servers (RFC 6066 section 3), the second is", name);
    case SERVER_NAME_LONG:
        return refuse_naming(conn, GNUTLS_A_UNRECOGNIZED_NAME,
                             "the ClientHello names a server with more than 255 bytes, which begin", name);
    }
    int rc = conn_host_choose(conn, session, kind == SERVER_NAME_NONE ? (struct wire){NULL, 0} : name);
    if (rc == GNUTLS_E_ILLEGAL_PARAMETER)
        return refuse_for(conn, GNUTLS_A_ILLEGAL_PARAMETER,
                          "the second ClientHello asks for another host (RFC 8446 section 4.1.2)");
    if (rc < 0)
        return rc;
    if (creds_several(conn->creds))
        note_kinds(conn, message);
    bool hide = kind == SERVER_NAME_ODD && conn->transport.turn;
    if (hide)
        server_name_hide(&name);
    if (hide || conn->hello_compresses)
        gnutls_handshake_set_post_client_hello_function(session, after_hello);
    return 0;
}

int conn_message(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                 const gnutls_datum_t *message)
{
    struct conn *conn = of_session(session);
    if (when == GNUTLS_HOOK_POST)
        return incoming && type == GNUTLS_HANDSHAKE_CERTIFICATE_PKT
                   ? proof_message_read(&conn->trail, message)
                   : 0;
    if (incoming && type == GNUTLS_HANDSHAKE_KEY_UPDATE)
        transport_rekeyed(&conn->transport);
    if (incoming && type == GNUTLS_HANDSHAKE_CLIENT_HELLO)
        handshakes_talk(&conn->worker->live->handshakes, &conn->handshake);
    record_message(conn->record, incoming ? RECORD_CLIENT : RECORD_SERVER, type, message->data, message->size,
                   clock_mono_us());
    bool dear = type == GNUTLS_HANDSHAKE_CLIENT_HELLO || type == GNUTLS_HANDSHAKE_CERTIFICATE_PKT;
    if (incoming && dear && !memory_spare(MEMORY_FOR_HANDSHAKE))
        return GNUTLS_E_MEMORY_ERROR; /* the libraries would not get over it */
    int rc = 0;
    if (incoming && type == GNUTLS_HANDSHAKE_CLIENT_HELLO && !conn->established)
        rc = check_hello(conn, session, message);
    else if (incoming && type == GNUTLS_HANDSHAKE_CERTIFICATE_PKT && !conn->established)
        return check_certificate_message(conn, session, message);
    if (incoming && type == GNUTLS_HANDSHAKE_CERTIFICATE_VERIFY && !conn->established &&
        conn->listener->conf->client_auth == CLIENT_AUTH_REQUEST && !conn->lenient) {
        /* A key usage without digitalSignature is for the verdict to tell. Other things that compatibility
         * means are over by now, or undone when the handshake is. */
        conn->lenient = true;
        gnutls_session_enable_compatibility_mode(session);
    }
    return rc < 0 ? rc : proof_message(&conn->trail, session, incoming, type, message);
}

int conn_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                     gnutls_pcert_st **pcert, unsigned *n, gnutls_ocsp_data_st **staple, unsigned *n_staples,
                     gnutls_privkey_t *key, unsigned *flags)
{
    (void)info;
    struct conn *conn = of_session(session);
    const struct hello_pack *pack = record_hello(conn->record);
    struct client_hello hello;
    struct creds_offer offer = {.server_name = ""};
    struct creds_choice choice;
    if (creds_several(conn->creds)) {
        offer.kinds = conn->kinds[gnutls_protocol_get_version(session) == GNUTLS_TLS1_3];
        if (pack) {
            hello_pack_read(pack, &hello);
            offer.server_name = hello.server_name;
        }
    }
    creds_choose(conn->creds, &offer, &choice);
    conn->shown = choice.chain;
    conn->n_shown = choice.n;
    *pcert = choice.pcert;
    *n = choice.n;
    *staple = choice.staple;
    *n_staples = choice.n_staples;
    *key = choice.key;
    *flags = 0; /* all of it stays the credentials' */
    return 0;
}
