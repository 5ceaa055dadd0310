/* The transport's inside: what its files share. GnuTLS reads and writes by the functions that turn_attach
 * gives it; a turn is what one call of MHD's does to a connection, on the thread of its worker. */
#ifndef MTLSD_TLS_TRANSPORT_TURN_H
#define MTLSD_TLS_TRANSPORT_TURN_H

#include "tls/transport.h"
#include "tls/worker.h"

/* The session's bytes come and go through the transport from now on. */
void turn_attach(struct transport *transport);

/* From here to turn_leave() the calling worker's buffers serve this connection, and the library's calls of
 * its own functions go straight to it. Records go in a batch, unless one waits for room already. False:
 * memory is short. */
bool turn_enter(struct transport *transport);
void turn_leave(struct transport *transport);

/* Sends what was collected, and begins anew. 0 or GNUTLS_E_PUSH_ERROR. */
int turn_dispatch(struct transport *transport);

/* True when transport_expire ended the wait. */
static inline bool turn_expired(struct transport *transport)
{
    return atomic_load_explicit(&transport->expired, memory_order_acquire);
}

#endif
