/* Certificates that GnuTLS has read on this worker before. It parses the client's own in each full handshake,
 * for the key in it: a tenth of what a mutual handshake costs beside its cryptography. What comes of that is
 * a function of the certificate's bytes, so for the very same bytes the key is copied from the last time.
 * Nothing is decided here: the signature is verified with that key in each handshake, and GnuTLS itself has
 * read every certificate that is copied. ECDSA keys; what is seen for the first time leaves a mark only.
 *
 * GnuTLS's functions are told of no worker, hence a thread's own. preempt.c asks. */
#ifndef MTLSD_TLS_KNOWN_H
#define MTLSD_TLS_KNOWN_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

enum {
    KNOWN_MOST = 128,        /* certificates */
    KNOWN_MOST_BYTES = 4096, /* of one */
};

/* A worker's; embedded there, {0} is empty. */
struct known {
    struct known_one {
        uint64_t mark;      /* of the last one that came to this place */
        gnutls_datum_t der; /* owned; {NULL, 0}: only the mark */
        gnutls_ecc_curve_t curve;
        gnutls_datum_t x, y; /* owned */
        unsigned usage;
        unsigned flags; /* that GnuTLS was given */
        bool whole;     /* it put the certificate beside the key */
    } one[KNOWN_MOST];
};

/* From here to known_leave, this thread remembers in it. */
void known_enter(struct known *known);
void known_leave(void);

/* What gnutls_pcert_import_x509_raw would make of the certificate. False: it has to be asked. */
MUST_CHECK bool known_import(gnutls_pcert_st *out, const gnutls_datum_t *der, unsigned flags);
/* It made that. */
void known_add(const gnutls_pcert_st *made, const gnutls_datum_t *der, unsigned flags);

#endif
