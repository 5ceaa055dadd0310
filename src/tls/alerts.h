/* Which alert ends a connection over an error of GnuTLS: RFC 8446 section 6.2, RFC 5246 section 7.2.2. One
 * table; gnutls_error_to_alert is not asked, for it calls a peer's faults our own. Pure. */
#ifndef MTLSD_TLS_ALERTS_H
#define MTLSD_TLS_ALERTS_H

#include "base/base.h"

/* `last_in` is the handshake message that came last (gnutls_handshake_get_last_in). GNUTLS_A_INTERNAL_ERROR
 * only for what no peer can cause. */
int alert_for(int error, int last_in);

/* For tests: false for an error that has no row in the table, which is then our own. */
bool alert_known(int error);

#endif
