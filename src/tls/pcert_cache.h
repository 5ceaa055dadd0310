/* Certificates that GnuTLS has read on this worker before. It parses the client's own in each full handshake,
 * for the key in it: a tenth of what a mutual handshake costs beside its cryptography. What comes of that is
 * a function of the certificate's bytes, so for the very same bytes the key is copied from the last time.
 * Nothing is decided here: the signature is verified with that key in each handshake, and GnuTLS itself has
 * read every certificate that is copied. ECDSA keys; what is seen for the first time leaves a mark only.
 *
 * GnuTLS's functions are told of no worker, hence a thread's own. preempt.c asks. */
#ifndef MTLSD_TLS_PCERT_CACHE_H
#define MTLSD_TLS_PCERT_CACHE_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

enum {
    PCERT_CACHE_MOST = 128,        /* certificates */
    PCERT_CACHE_MOST_BYTES = 4096, /* of one */
};

/* A worker's; embedded there, {0} is empty. */
struct pcert_cache {
    struct pcert_cache_one {
        uint64_t mark;      /* of the last one that came to this place */
        gnutls_datum_t der; /* owned; {NULL, 0}: only the mark */
        gnutls_ecc_curve_t curve;
        gnutls_datum_t x, y; /* owned */
        unsigned usage;
        unsigned flags; /* that GnuTLS was given */
        bool whole;     /* it put the certificate beside the key */
    } one[PCERT_CACHE_MOST];
};

/* From here to pcert_cache_leave, this thread remembers in it. */
void pcert_cache_enter(struct pcert_cache *cache);
void pcert_cache_leave(void);

/* What gnutls_pcert_import_x509_raw would make of the certificate. False: it has to be asked. */
MUST_CHECK bool pcert_cache_import(gnutls_pcert_st *out, const gnutls_datum_t *der, unsigned flags);
/* It made that. */
void pcert_cache_add(const gnutls_pcert_st *made, const gnutls_datum_t *der, unsigned flags);

#endif
