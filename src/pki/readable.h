/* Whether GnuTLS can read a certificate. It does so in a handshake, before anybody is asked, and refuses what
 * is no reason to refuse anybody: an x400Address, say. No I/O; any thread. */
#ifndef MTLSD_PKI_READABLE_H
#define MTLSD_PKI_READABLE_H

#include "pki/cert.h"

/* Asking costs a twentieth of a handshake, and more with many names. In a chain so many certificates are
 * asked about before GnuTLS itself reads it, and none behind so many alternative names: what it cannot read
 * beyond that ends the handshake. */
enum { READABLE_ASKED = 4, READABLE_NAMES = 32 };

/* GnuTLS is asked. True also when memory was short: nobody is blamed
 * for that. */
bool readable_der(const gnutls_datum_t *der);

/* Our own reading finds nothing odd in a certificate that keeps the bounds (bounds.h). */
bool readable_surely(const struct cert *cert);
/* The same as of its DER, of which GnuTLS is only asked where that is in doubt. */
bool readable_cert(const struct cert *cert);

#endif
