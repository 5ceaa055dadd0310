/* A certificate chain that a stranger sends to be judged, out of whatever a certificate is copied from: PEM
 * with text around it, DER, PKCS#7, and base64 of these. Never a private key, which is refused before
 * anything reads it; no passwords, no PKCS#12. Of the libraries none is asked, so that what it costs is
 * linear in its length: what the certificates hold is for verdict_judge, within its bounds. Pure. */
#ifndef MTLSD_PKI_PASTED_H
#define MTLSD_PKI_PASTED_H

#include <gnutls/gnutls.h>

#include "base/err.h"
#include "pki/verdict.h"

struct pasted {
    gnutls_datum_t cert[CHAIN_MOST_READ]; /* DER, in their order; in `bytes` */
    unsigned n;
    unsigned char *bytes; /* owned */
    size_t len;
};

/* 0 and *out with at least one certificate (pasted_done), or ERR_DENIED (there is a private key in it, or
 * what is made to hold one), ERR_SYNTAX (what it is instead, with the remedy), ERR_RANGE (too many),
 * ERR_NOMEM. The text is a whole sentence and holds nothing of what came. */
MUST_CHECK int pasted_read(const void *data, size_t len, struct pasted *out, struct err *err);
/* Wipes it, too. */
void pasted_done(struct pasted *pasted);

#endif
