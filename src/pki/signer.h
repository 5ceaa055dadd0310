/* Private keys that sign with OpenSSL's libcrypto. GnuTLS speaks TLS all the same, and asks a key of this
 * kind for each signature (gnutls_privkey_import_ext4). Its own library, nettle, needs twice as long for one
 * of ECDSA with P-256, and several times as long for RSA: the largest part of what a handshake costs a
 * server. */
#ifndef MTLSD_PKI_SIGNER_H
#define MTLSD_PKI_SIGNER_H

#include <gnutls/abstract.h>
#include <stdbool.h>

/* A key with the same secret, of which libcrypto has a copy that is wiped with it; the caller's to
 * gnutls_privkey_deinit. Any thread may sign with it. NULL: `key` has to sign by itself, because its secret
 * is in a token, it is of another kind than ECDSA (P-256, P-384, P-521) and RSA, or the program was built
 * without libcrypto. *sound: its public half was computed from the secret, and is that of `key`; false says
 * nothing. */
gnutls_privkey_t signer_new(gnutls_privkey_t key, bool *sound);

/* The version of that libcrypto, static; NULL: built without it. */
const char *signer_library(void);

#endif
