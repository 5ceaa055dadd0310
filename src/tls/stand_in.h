/* A certificate that stands in for those of a client that GnuTLS cannot read, so that its handshake can go on
 * where a bad certificate is served and reported (client_auth = request). GnuTLS gets a Certificate message
 * of the same length with one certificate of our making that holds the client's public key and nothing else
 * of it: all that it does with it is to verify the client's CertificateVerify. What must hold, and why it
 * does:
 *
 *  - The client is what it sent. GnuTLS puts a message into the transcript before it shows it to the hook for
 * the second time (GNUTLS_HOOK_POST), and only then is it replaced: what the client signs, and what Finished
 * covers, are its own bytes. Of these, and of nothing else, everything is judged, named and remembered.
 *  - The key is the one in those bytes, octet for octet: a slice that cert_parse found, which judges too.
 *  - Nobody is let in by it. The judgement has an error for what GnuTLS cannot read (unreadable_for_tls), and
 * who judges insists on a failure. It says nobody's name, was not valid for a second, and bears no signature.
 *  - It does not outlive the handshake: it is taken out of the session when the client's Finished comes. So
 * neither a ticket nor gnutls_certificate_get_peers ever has it; such a ticket resumes as nobody.
 *  - Should GnuTLS do any of it in another way, the handshake fails: when it parses first, or
 * a copy, because it cannot read; when it hashes later, because the signature does not fit; when it cannot be
 * swept, because proof.c looks.
 *
 * Owned by a proof_trail. */
#ifndef MTLSD_TLS_STAND_IN_H
#define MTLSD_TLS_STAND_IN_H

#include <gnutls/gnutls.h>

#include "base/base.h"
#include "pki/chain.h"
#include "pki/der.h"

struct stand_in {
    gnutls_datum_t *chain; /* what the client sent, in `message` */
    unsigned n;
    unsigned char digest[CHAIN_DIGEST]; /* of the chain that GnuTLS is shown */
    size_t size;
    unsigned char *message; /* body of the Certificate message that came */
    unsigned char *shown;   /* of the one that GnuTLS will be shown, as long; NULL: it was */
};

/* For a client's Certificate message, which certificate_chain can read, of a client with the key `spki`. NULL
 * when there is none: the message is too short, GnuTLS does not know the key, or memory is. */
struct stand_in *stand_in_new(const gnutls_datum_t *message, bool tls13, struct der spki);
void stand_in_free(struct stand_in *one);

/* Puts it in the place of the message, which must be the one that it was made for. */
MUST_CHECK bool stand_in_show(struct stand_in *one, const gnutls_datum_t *message);

/* Writes a certificate with this key of exactly `n` octets: version 1, by nobody for nobody, whose signature
 * is zeros that fill it up. False when none has that length. Pure. */
MUST_CHECK bool stand_in_certificate(struct der spki, unsigned char *out, size_t n);

#endif
