#include "tls/proof.h"

#include <stdlib.h>
#include <string.h>

#include "pki/verdict.h"
#include "tls/certificate_message.h"

/* Out of what lies in the session nothing is this client's. gnutls_session_set_data begins with clearing
 * what the session has, and a single byte is no session: nothing else comes of the call. That is GnuTLS's
 * inside: when it does not do so any more, honest clients whose ticket is not good are refused, and nobody is
 * let in. What gnutls_certificate_get_peers says is no reason to leave it out: it says nothing at this point
 * of a session that GnuTLS wrongly calls resumed. Not to be called later than where it is: GnuTLS keeps
 * pointers to the chain while it reads a CertificateVerify. */
static void sweep(gnutls_session_t session)
{
    (void)gnutls_session_set_data(session, "\1", 1);
}

static bool is_tls13(gnutls_session_t session)
{
    return gnutls_protocol_get_version(session) == GNUTLS_TLS1_3;
}

void proof_forget(struct proof_trail *trail)
{
    free(trail->message.data);
    trail->message = (gnutls_datum_t){NULL, 0};
}

void proof_done(struct proof_trail *trail)
{
    proof_forget(trail);
    stand_in_free(trail->stand_in);
    trail->stand_in = NULL;
}

static int on_certificate(struct proof_trail *trail, gnutls_session_t session, const gnutls_datum_t *body)
{
    gnutls_datum_t chain[CHAIN_MOST_READ];
    unsigned n;
    trail->presented = trail->verified = trail->vouched = false;
    proof_done(trail);
    if (certificate_chain((struct wire){body->data, body->size}, is_tls13(session), chain, ARRAY_LEN(chain),
                          &n) != CERTIFICATE_FINE)
        return GNUTLS_E_UNEXPECTED_PACKET_LENGTH;
    if (n == 0)
        return 0;
    trail->message.data = malloc(body->size);
    if (!trail->message.data)
        return GNUTLS_E_MEMORY_ERROR;
    memcpy(trail->message.data, body->data, body->size);
    trail->message.size = body->size;
    trail->presented = true;
    return 0;
}

bool proof_stand_in(struct proof_trail *trail, gnutls_session_t session, const gnutls_datum_t *body,
                    struct der spki)
{
    if (trail->settled || !trail->presented)
        return false;
    trail->stand_in = stand_in_new(body, is_tls13(session), spki);
    return trail->stand_in != NULL;
}

int proof_message_read(struct proof_trail *trail, const gnutls_datum_t *body)
{
    if (trail->settled || !trail->stand_in)
        return 0;
    return stand_in_show(trail->stand_in, body) ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

static bool is_stand_in(const struct stand_in *stand_in, const gnutls_datum_t *chain, unsigned n)
{
    unsigned char digest[CHAIN_DIGEST];
    return chain_digest(chain, n, digest) && memcmp(digest, stand_in->digest, sizeof digest) == 0;
}

/* True when the session's chain is the one of this handshake's Certificate message, or what stands in for it.
 */
static bool is_presented(const struct proof_trail *trail, gnutls_session_t session,
                         const gnutls_datum_t *chain, unsigned n)
{
    gnutls_datum_t came[CHAIN_MOST_READ];
    unsigned n_came;
    if (!trail->presented || !trail->message.data)
        return false;
    if (trail->stand_in)
        return is_stand_in(trail->stand_in, chain, n);
    if (certificate_chain((struct wire){trail->message.data, trail->message.size}, is_tls13(session), came,
                          ARRAY_LEN(came), &n_came) != CERTIFICATE_FINE ||
        n_came != n)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (came[i].size != chain[i].size || memcmp(came[i].data, chain[i].data, came[i].size) != 0)
            return false;
    return n > 0;
}

bool proof_resumed(const struct proof_trail *trail, gnutls_session_t session)
{
    return gnutls_session_is_resumed(session) && !trail->full;
}

/* What the session's chain is worth as far as the handshake has come. The pointer tells whether there is one:
 * GnuTLS may count certificates that it could not read. */
static enum proof weigh(const struct proof_trail *trail, gnutls_session_t session, bool *empty)
{
    unsigned n = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);
    *empty = !chain || n == 0;
    if (*empty || !trail->asks)
        return PROOF_NONE;
    if (trail->verified && is_presented(trail, session, chain, n))
        return PROOF_SIGNED;
    return proof_resumed(trail, session) ? PROOF_RESUMED : PROOF_NONE;
}

/* A ticket carries the session's chain, and whoever knows its secret is that client from then on. TLS 1.2
 * writes it before the handshake is complete. (In TLS 1.3 whoever sends one asks proof_settle before.)
 */
static int before_ticket(const struct proof_trail *trail, gnutls_session_t session)
{
    bool empty;
    enum proof proof = weigh(trail, session, &empty);
    return empty || proof != PROOF_NONE ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

/* The client's Finished came: GnuTLS is through with its CertificateVerify. */
static int dismiss_stand_in(struct proof_trail *trail, gnutls_session_t session)
{
    bool empty;
    if (!trail->stand_in || trail->vouched)
        return 0;
    trail->vouched = weigh(trail, session, &empty) == PROOF_SIGNED;
    sweep(session);
    (void)weigh(trail, session, &empty);
    return trail->vouched && empty ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

/* The errors are chosen so that GnuTLS ends the handshake over them: it goes on after some others. */
int proof_message(struct proof_trail *trail, gnutls_session_t session, bool incoming, unsigned type,
                  const gnutls_datum_t *body)
{
    if (trail->settled)
        return 0;
    switch (type) {
    case GNUTLS_HANDSHAKE_NEW_SESSION_TICKET:
        return incoming || is_tls13(session) ? 0 : before_ticket(trail, session);
    case GNUTLS_HANDSHAKE_CLIENT_HELLO_V2: /* GnuTLS does not call the verify function after it */
        return GNUTLS_E_UNSUPPORTED_VERSION_PACKET;
    case GNUTLS_HANDSHAKE_CERTIFICATE_REQUEST:
        trail->full = true;
        sweep(session);
        return 0;
    case GNUTLS_HANDSHAKE_CERTIFICATE_PKT:
        trail->full = true;
        if (!incoming)
            return 0;
        sweep(session);
        return on_certificate(trail, session, body);
    case GNUTLS_HANDSHAKE_COMPRESSED_CERTIFICATE_PKT: /* nobody was offered to send one (RFC 8879) */
        return incoming ? GNUTLS_E_UNEXPECTED_PACKET : 0;
    case GNUTLS_HANDSHAKE_CERTIFICATE_VERIFY:
        trail->full = true;
        if (incoming)
            trail->verified = trail->presented;
        return 0;
    case GNUTLS_HANDSHAKE_FINISHED:
        return incoming ? dismiss_stand_in(trail, session) : 0;
    default:
        return 0;
    }
}

bool proof_chain(const struct proof_trail *trail, gnutls_session_t session, const gnutls_datum_t **chain,
                 unsigned *n)
{
    *n = 0;
    *chain = gnutls_certificate_get_peers(session, n);
    bool empty = !*chain || *n == 0;
    if (empty && !trail->stand_in) {
        *n = 0;
        return true;
    }
    bool whose;
    if (trail->settled)
        whose = trail->proof != PROOF_NONE;
    else if (empty)
        whose = trail->vouched;
    else
        whose = is_presented(trail, session, *chain, *n) && (trail->verified || !is_tls13(session));
    if (whose && trail->stand_in) {
        *chain = trail->stand_in->chain;
        *n = trail->stand_in->n;
    }
    if (!whose) {
        *chain = NULL;
        *n = 0;
    }
    return whose;
}

bool proof_shown(const struct proof_trail *trail)
{
    return trail->settled ? trail->proof != PROOF_NONE : trail->shown;
}

bool proof_settle(struct proof_trail *trail, gnutls_session_t session)
{
    bool empty, resumed = proof_resumed(trail, session);
    enum proof proof = weigh(trail, session, &empty);
    trail->settled = true;
    proof_forget(trail);
    if (trail->asks && !resumed && !trail->judged)
        return false;
    if (trail->stand_in) {
        trail->proof = trail->vouched && empty ? PROOF_SIGNED : PROOF_NONE;
        return trail->proof != PROOF_NONE;
    }
    if (empty)
        return !trail->presented;
    trail->proof = proof;
    return proof != PROOF_NONE;
}
