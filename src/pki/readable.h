/* Whether GnuTLS can read a certificate. It does so in a handshake, before anybody is asked, and refuses what
 * is no reason to refuse anybody: an x400Address, say. No I/O; any thread. */
#ifndef MTLSD_PKI_READABLE_H
#define MTLSD_PKI_READABLE_H

#include "pki/cert.h"

/* GnuTLS is asked, which costs a twentieth of a handshake. True also when memory was short: nobody is blamed
 * for that. */
bool readable_der(const gnutls_datum_t *der);

/* The same of a certificate that keeps the bounds (bounds.h). What our own reading finds nothing odd in is
 * not tried. */
bool readable_cert(const struct cert *cert);

#endif
