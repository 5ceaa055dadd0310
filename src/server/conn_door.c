/* Who may come in where mode = tcp: there is no request that could be refused, so the handshake is, by
 * client_auth as everywhere, and then by the rules of the listener or of the host in it. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/metrics.h"
#include "server/conn_impl.h"

static bool is_tls13(const struct conn *conn)
{
    return conn->transport.session && gnutls_protocol_get_version(conn->transport.session) == GNUTLS_TLS1_3;
}

/* What the rules say of the peer as it is judged now. */
static bool rules_allow(const struct conn *conn, struct conn_refusal *out)
{
    const struct snapshot_listener *listener = conn->listener;
    const struct policy_decision decision =
        policy_decide_in(listener->door_policy, &listener->door, conn->peer);
    *out = (struct conn_refusal){.alert = GNUTLS_A_ACCESS_DENIED, .rule = decision.rule};
    switch (decision.outcome) {
    case POLICY_ALLOW:
        return true;
    case POLICY_NO_CERTIFICATE:
        out->why = "the rules of the listener want a certificate, and none came";
        break;
    case POLICY_NOT_VERIFIED:
        out->why = "the rules of the listener want a certificate that is verified";
        if (conn->peer)
            out->alert = verdict_alert(conn->peer, is_tls13(conn));
        break;
    case POLICY_OTHER_CA:
    case POLICY_DENIED:
        out->why = decision.rule ? "the client's certificate is refused by the rule"
                                 : "no rule in allow lets the client's certificate in";
        metrics_add(METRIC_errors, VERDICT_POLICY_DENIED, 0, 1);
        break;
    }
    return false;
}

static bool is_let_in(const struct conn *conn, struct conn_refusal *out)
{
    if (conn_refused(conn)) {
        *out = (struct conn_refusal){.alert = conn->peer ? verdict_alert(conn->peer, is_tls13(conn))
                                                         : GNUTLS_A_ACCESS_DENIED,
                                     .why = "the client's certificate was refused"};
        return false;
    }
    return rules_allow(conn, out);
}

bool conn_door_opens(struct conn *conn)
{
    struct conn_refusal refusal;
    if (conn->asked && !conn->peer &&
        conn_judge(conn) != 0) { /* a resumed session skips the verify function */
        transport_refuse(&conn->transport, GNUTLS_A_INTERNAL_ERROR, "the certificate could not be judged");
        return false;
    }
    if (is_let_in(conn, &refusal))
        return true;
    conn->names_refused = conn->peer != NULL;
    free(conn->came);
    conn->came = refusal.rule ? text_escaped(refusal.rule, strlen(refusal.rule)) : NULL;
    transport_refuse(&conn->transport, refusal.alert, refusal.why);
    return false;
}

bool conn_let_in(struct conn *conn, struct conn_refusal *out)
{
    *out = (struct conn_refusal){.alert = GNUTLS_A_INTERNAL_ERROR, .why = "the client cannot be judged"};
    if (conn_refresh(conn) != 0)
        return false;
    *out =
        (struct conn_refusal){.alert = GNUTLS_A_ACCESS_DENIED, .why = "another mode is spoken here by now"};
    if (conn->stray || conn->listener->conf->mode != LISTENER_TCP || conn->listener->conf->tls != conn->tls ||
        !conn->listener->door_policy)
        return false;
    return is_let_in(conn, out);
}
