/* What conn.c, conn_handshake.c, conn_phase.c and conn_request.c share. */
#ifndef MTLSD_SERVER_CONN_IMPL_H
#define MTLSD_SERVER_CONN_IMPL_H

#include "server/conn.h"
#include "tls/wire.h"

/* Judges whom the session's certificates prove, see tls/proof.h. 0 and conn->peer, or negative: not judged,
 * never a pass. */
MUST_CHECK int conn_judge(struct conn *conn);

/* The handshake fails: when it is for a certificate that GnuTLS cannot read, says so and judges it, by what
 * can be read. */
void conn_blame_certificate(struct conn *conn);

/* GnuTLS's handshake hook (before each message) and verify function of a session that has a transport. */
int conn_message(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                 const gnutls_datum_t *message);
int conn_verify(gnutls_session_t session);

/* --- conn_host.c ---------------------------------------------------------------------------------------- */

/* Before the ClientHello: the session is the listener's own, but that where there are hosts nothing is said
 * yet that could not be taken back. 0, or an error of GnuTLS. */
MUST_CHECK int conn_host_begin(struct conn *conn, gnutls_session_t session);
/* The ClientHello, before GnuTLS reads it, asks for `name` (n = 0: none). 0, or the error with which the
 * handshake ends: a second one asked for another host. */
MUST_CHECK int conn_host_choose(struct conn *conn, gnutls_session_t session, struct wire name);

/* HTTP/2 is offered there. */
bool conn_host_has_http2(const struct conn *conn);

/* Within `established`, where mode = tcp: the client may come in. False, after transport_refuse. conn_door.c
 */
MUST_CHECK bool conn_door_opens(struct conn *conn);

/* Of its transport_ops, what concerns requests: conn_plain.c. */
bool conn_plain_http(struct transport *transport, const char *head, size_t len, bool over,
                     struct buf *answer);

/* Before it is freed: a request whose body did not come has its line in the log. */
void conn_left(struct conn *conn);

#endif
