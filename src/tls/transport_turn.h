/* The transport's inside: what its files share. GnuTLS reads and writes by the functions that turn_attach
 * gives it. */
#ifndef MTLSD_TLS_TRANSPORT_TURN_H
#define MTLSD_TLS_TRANSPORT_TURN_H

#include "tls/share.h"
#include "tls/transport.h"

/* The session's bytes come and go through the transport from now on. */
void turn_attach(struct transport *transport);

/* Sends what was collected, and begins anew. 0 or GNUTLS_E_PUSH_ERROR. */
int turn_dispatch(struct transport *transport);

#endif
