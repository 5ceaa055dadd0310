/* What the client of a connection has proved: the one place that says whether the certificates in a session
 * are those of its client.
 *
 * What gnutls_certificate_get_peers returns is what the session holds; a ticket may have brought it, which
 * anybody can have seen: TLS 1.2 sends tickets in the clear, and so does a resuming client of TLS 1.3. Nor is
 * gnutls_session_is_resumed a proof. What GnuTLS does keep to: it calls the verify function in every
 * handshake in which no ticket's secret was proved, and finishes none whose CertificateVerify does not fit
 * its Certificate. So, where clients are asked,
 *  - a chain is SIGNED only when it is byte for byte that of the Certificate message of this very handshake,
 * and a CertificateVerify came after it;
 *  - it is RESUMED only when GnuTLS says resumed, the verify function was not called, and no message of a
 * full handshake went by;
 *  - whatever else lies in the session is nobody's, and ends the handshake before a ticket is made of it; so
 * does a full handshake in which the verify function was not asked.
 * A client whose chain GnuTLS cannot read may be served by a stand-in (stand_in.h). Then SIGNED asks in its
 * place that the session has held exactly the stand-in until the client's Finished, and nothing behind it.
 * When the client is asked for its certificate, and again when it comes, what a ticket left in the session is
 * swept out (proof_message): for honest clients whose ticket was not good any more. Nothing depends on that.
 *
 * A trail belongs to its connection's thread. */
#ifndef MTLSD_TLS_PROOF_H
#define MTLSD_TLS_PROOF_H

#include <gnutls/gnutls.h>

#include "base/base.h"
#include "tls/stand_in.h"

enum proof { PROOF_NONE, PROOF_SIGNED, PROOF_RESUMED };

/* All zero at the start but for `asks`; fields are private to proof.c but for `asks` and `proof`. */
struct proof_trail {
    enum proof proof; /* NONE until proof_settle */
    bool asks;        /* the client is asked for a certificate; otherwise there is nothing to prove */
    bool judged;      /* GnuTLS called the verify function */
    bool full;        /* a message went by, or that call came, which a resumed handshake has not */
    bool presented;   /* the Certificate message had certificates: `message` is its body */
    bool verified;    /* a CertificateVerify came after it */
    bool shown;       /* and had been found good when the verify function was called */
    bool settled;
    bool vouched;              /* the stand-in has verified CertificateVerify, and has gone */
    gnutls_datum_t message;    /* owned, until proof_settle or proof_forget; {NULL, 0}: none */
    struct stand_in *stand_in; /* NULL: GnuTLS reads what the client sent */
};
void proof_done(struct proof_trail *trail);
/* The handshake has failed: no chain is the client's from now on. */
void proof_forget(struct proof_trail *trail);

/* GnuTLS's handshake hook, before it reads or writes a message of `type`. 0, or the error with which the
 * handshake shall end. */
MUST_CHECK int proof_message(struct proof_trail *trail, gnutls_session_t session, bool incoming,
                             unsigned type, const gnutls_datum_t *body);

/* GnuTLS cannot read the chain of the Certificate message that proof_message was just told of; its first
 * certificate has the key `spki`. False: there is no stand-in for it, and nothing has changed. After true the
 * hook is called with GNUTLS_HOOK_POST, too, where proof_message_read belongs. */
MUST_CHECK bool proof_stand_in(struct proof_trail *trail, gnutls_session_t session,
                               const gnutls_datum_t *body, struct der spki);
/* GnuTLS is about to parse a Certificate message that came. As for proof_message. */
MUST_CHECK int proof_message_read(struct proof_trail *trail, const gnutls_datum_t *body);

/* GnuTLS called the verify function. */
static inline void proof_judged(struct proof_trail *trail)
{
    trail->judged = trail->full = true;
    trail->shown = trail->verified;
}

/* The chain that may be judged as the client's, borrowed from the session until its next call, or from the
 * trail: during the handshake what it presented (in TLS 1.2 its proof is still to come), afterwards what it
 * proved. *n = 0: none. False: the session holds a chain that is not this client's. */
MUST_CHECK bool proof_chain(const struct proof_trail *trail, gnutls_session_t session,
                            const gnutls_datum_t **chain, unsigned *n);

/* Whether that chain is proved by now: a refusal may come before. */
bool proof_shown(const struct proof_trail *trail);

/* The handshake is complete: sets trail->proof, once. False: as for proof_chain, the connection must end. */
MUST_CHECK bool proof_settle(struct proof_trail *trail, gnutls_session_t session);

/* Whether the handshake was an abbreviated one. GnuTLS's own word for it is not enough. */
bool proof_resumed(const struct proof_trail *trail, gnutls_session_t session);

#endif
