/* A chain of certificates as bytes. */
#ifndef MTLSD_PKI_CHAIN_H
#define MTLSD_PKI_CHAIN_H

#include <gnutls/gnutls.h>
#include <stdbool.h>

enum { CHAIN_DIGEST = 32 };

/* SHA-256 of the certificates, each with its length: two chains have the same digest when they are the same.
 * False when it cannot be made. */
bool chain_digest(const gnutls_datum_t *chain, unsigned n, unsigned char out[static CHAIN_DIGEST]);

#endif
