/* As which host a connection is served: chosen by the server name of its ClientHello, before GnuTLS reads on,
 * and again from each newer snapshot. A request for another host, of which more is asked, is misdirected. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "http/host.h"
#include "policy/policy.h"
#include "server/conn_impl.h"
#include "tls/library.h"

bool conn_host_has_http2(const struct conn *conn)
{
    /* Without the preemption libmicrohttpd has the plaintext, which speaks no other. */
    return conn->listener->conf->http2 && tls_library_hidden();
}

/* RFC 7301: a client that names only other protocols is refused, not served by guess. Without `alpn` it may
 * speak whatever the backend understands. */
static int agree_on_protocols(const struct conn *conn, gnutls_session_t session)
{
    static const gnutls_datum_t HTTP[] = {{(unsigned char *)(uintptr_t) "h2", 2},
                                          {(unsigned char *)(uintptr_t) "http/1.1", 8},
                                          {(unsigned char *)(uintptr_t) "http/1.0", 8}};
    const struct conf_listener *conf = conn->listener->conf;
    const unsigned flags = GNUTLS_ALPN_MANDATORY | GNUTLS_ALPN_SERVER_PRECEDENCE;
    gnutls_datum_t spoken[CONF_ALPNS_MOST];
    unsigned n = 0;
    if (conf->mode == LISTENER_HTTP) {
        const bool without = !conn_host_has_http2(conn);
        return gnutls_alpn_set_protocols(session, HTTP + without, ARRAY_LEN(HTTP) - without, flags);
    }
    for (; n < conf->alpn.n && n < ARRAY_LEN(spoken); n++) {
        const char *name = conf->alpn.item[n].text;
        spoken[n] = (gnutls_datum_t){(unsigned char *)(uintptr_t)name, (unsigned)strlen(name)};
    }
    /* A host may have none where its listener, as which the session began, has some. */
    return gnutls_alpn_set_protocols(session, spoken, n, n > 0 ? flags : 0);
}

/* What the session does for such a listener or host. Its tickets can be said once. */
static int serve_as(struct conn *conn, gnutls_session_t session, bool tickets)
{
    const struct snapshot_listener *listener = conn->listener;
    int rc = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, creds_gnutls(conn->creds));
    if (rc >= 0 && tickets)
        rc = gnutls_priority_set(session, listener->priorities);
    if (rc >= 0 && tickets && listener->ticket_key.data) {
        gnutls_db_set_cache_expiration(session, (int)listener->conf->ticket_lifetime);
        rc = gnutls_session_ticket_enable_server(session, &listener->ticket_key);
    }
    if (rc >= 0)
        rc = agree_on_protocols(conn, session);
    if (conn->asked) {
        /* Never GNUTLS_CERT_REQUIRE: it would refuse an absent certificate before the verify function is
         * asked. */
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
        gnutls_session_set_verify_function(session, conn_verify);
        gnutls_certificate_send_x509_rdn_sequence(session, listener->conf->advertise_ca == ADVERTISE_CA_NONE);
    } else {
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_IGNORE);
    }
    return rc;
}

int conn_host_begin(struct conn *conn, gnutls_session_t session)
{
    const struct snapshot_listener *listener = conn->listener;
    const bool chosen = listener->n_hosts == 0;
    int rc = chosen ? 0 : gnutls_priority_set(session, listener->open_priorities);
    return rc >= 0 ? serve_as(conn, session, chosen) : rc;
}

/* Of a server name as it stands in a ClientHello. NULL: memory is short. */
static char *as_compared(struct wire name)
{
    char sent[HTTP1_AUTHORITY] = "", compared[HTTP1_AUTHORITY];
    memcpy(sent, name.p, name.n < sizeof sent ? name.n : sizeof sent - 1);
    return strdup(http1_host_name(sent, compared));
}

int conn_host_choose(struct conn *conn, gnutls_session_t session, struct wire name)
{
    const struct snapshot_listener *listener = conn->listener->of, *host;
    char *asked_for = name.n > 0 ? as_compared(name) : NULL;
    if (name.n > 0 && !asked_for)
        return GNUTLS_E_MEMORY_ERROR;
    host = snapshot_host(listener, asked_for ? asked_for : "");
    if (conn->hello_seen) { /* RFC 8446 section 4.1.2: it says what the one before it said */
        free(asked_for);
        return host == conn->listener ? 0 : GNUTLS_E_ILLEGAL_PARAMETER;
    }
    conn->hello_seen = true;
    conn->server_name = asked_for;
    if (listener->n_hosts == 0)
        return 0;
    struct creds *before = conn->creds;
    conn->listener = host;
    conn->creds = creds_ref(host->creds);
    conn->asked = host->conf->client_auth != CLIENT_AUTH_OFF;
    conn->trail.asks = conn->asked;
    record_for(conn->record, conn->asked);
    int rc = serve_as(conn, session, true);
    creds_unref(before);
    return rc;
}

const char *conn_host(const struct conn *conn)
{
    return conn->listener->of != conn->listener ? conn->listener->conf->name : NULL;
}

bool conn_misdirected(const struct conn *conn, const char *host, const char *path)
{
    const struct snapshot_listener *own = conn->listener, *other;
    if (own->of->n_hosts == 0)
        return false;
    other = snapshot_host(own->of, host);
    if (other->judged_as == own->judged_as)
        return false;
    if (other != own->of)
        return true;
    /* A name without a block, or an address. It is the listener's own where that refuses clients whom the
     * host may have let in: a backend could take the name for a guarded one. Else where a location rules it
     * by that name; any other is what the connection is for. */
    const enum client_auth guard = other->conf->client_auth;
    if (guard >= CLIENT_AUTH_OPTIONAL && guard >= own->conf->client_auth)
        return true;
    const struct conf_location *location = policy_location(conn->snapshot->policy, host, path);
    return location && conf_location_host(location) > 0;
}

void conn_tell_misdirected(const struct conn *conn, const char *authority, const char *host)
{
    const struct snapshot_listener *other = snapshot_host(conn->listener->of, host);
    char *asked = text_escaped(authority, strlen(authority));
    char *sni = conn->server_name ? text_escaped(conn->server_name, strlen(conn->server_name)) : NULL;
    log_warning("%s: listener %s: 421: a request for \"%s\" (%s), on a connection for %s%s%s (%s), where "
                "certificates are judged otherwise",
                conn->remote, conn->listener_name, asked ? asked : "?", other->label, sni ? "\"" : "",
                sni ? sni : "no name", sni ? "\"" : "", conn->listener->label);
    free(asked);
    free(sni);
}
