/* The five functions by which libmicrohttpd drives GnuTLS. The executable's own hide the library's from it
 * (tls/library.h says how): its calls arrive here, for every session of a connection, and go to the
 * transport; all others go straight on. What that buys, besides what transport.h says:
 *  - a connection can be lent to it in the middle of its life (http1_daemon.h): it is given the session that
 *    there is, and told that the handshake is done;
 *  - plaintext is inspected, and it gets a request in words of our own for each that is whole: it parses
 *    nothing that came from outside.
 * Without it (tests/mtlsd-plain) the server still works, with libmicrohttpd's behaviour. */
#include "server/http1.h"
#include "server/http1_daemon.h"
#include "tls/library.h"

static struct conn *conn_of(gnutls_session_t session)
{
    struct transport *transport = transport_of(session);
    return transport ? conn_of_transport(transport) : NULL;
}

/* A connection that is lent to libmicrohttpd has a session already. The server sends its tickets itself
 * (transport_tickets): two by default are more than a resumed session needs. */
int gnutls_init(gnutls_session_t *session, unsigned flags)
{
    gnutls_session_t lent = http1_lent_session();
    if (lent) {
        *session = lent;
        return GNUTLS_E_SUCCESS;
    }
    return tls_library()->init(session, flags & GNUTLS_SERVER ? flags | GNUTLS_NO_AUTO_SEND_TICKET : flags);
}

int gnutls_handshake(gnutls_session_t session)
{
    return conn_of(session) ? GNUTLS_E_SUCCESS : tls_library()->handshake(session);
}

ssize_t gnutls_record_recv(gnutls_session_t session, void *data, size_t size)
{
    struct conn *conn = conn_of(session);
    return conn ? http1_recv(conn, data, size) : tls_library()->record_recv(session, data, size);
}

ssize_t gnutls_record_send(gnutls_session_t session, const void *data, size_t size)
{
    struct conn *conn = conn_of(session);
    return conn ? http1_send(conn, data, size) : tls_library()->record_send(session, data, size);
}

int gnutls_bye(gnutls_session_t session, gnutls_close_request_t how)
{
    struct conn *conn = conn_of(session);
    return conn ? http1_bye(conn, how) : tls_library()->bye(session, how);
}
