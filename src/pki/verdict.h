/* The judgement of a certificate chain: every failing check at once. One table of codes (verdict.def). The
 * same code judges for the live server, `mtlsd verify` and `mtlsd probe`. Pure apart from memory: time is a
 * parameter. */
#ifndef MTLSD_PKI_VERDICT_H
#define MTLSD_PKI_VERDICT_H

#include <gnutls/gnutls.h>
#include <time.h>

#include "pki/certinfo.h"
#include "pki/trust.h"
#include "pki/verdict_code.h"

/* Bounds on what a peer may send, checked before anything is copied. */
enum { CHAIN_MAX_CERTS = 16, CHAIN_MAX_BYTES = 32768 };
/* Of more certificates than so many no handshake reads any: GnuTLS would, in TLS 1.2, all of them. */
enum { CHAIN_MOST_READ = 2 * CHAIN_MAX_CERTS };

/* One failing check. Strings may be NULL where there is nothing to say; they are visible UTF-8. */
struct verdict_finding {
    enum verdict_code code;
    int depth; /* in the path: 0 leaf, 1 its issuer, ...; of one that is not in the path, its place among
                * those sent; -1: about no single certificate */
    char *reason, *hint, *value, *expected;
    char *command; /* of the hint, to be copied; NULL: it has none */
};

/* judge_again of a verdict that time does not change. */
#define PEER_NEVER ((time_t)INT64_MAX)

#define POLICY_ANY "2.5.29.32.0"

enum verify_state { VERIFY_NONE, VERIFY_SUCCESS, VERIFY_FAILED };
/* "NONE", "SUCCESS", "FAILED": nginx's words, for reports. Static. */
const char *verify_word(enum verify_state state);

/* Where a path ends, and the policies under which it is valid. */
struct peer_end {
    struct anchor_id *anchor; /* a reference */
    char **policies;
    size_t n_policies;
};

/* How far the judgement of a chain came: nobody is to say that a check passed which was not made. */
enum revocation {
    REVOCATION_NO_PATH,  /* it leads to no trusted CA: no list is there to be asked */
    REVOCATION_UNPROVEN, /* a signature above it does not hold: nobody knows whose list to ask */
    REVOCATION_OFF,      /* crl_check = off */
    REVOCATION_NO_CRL,   /* none is configured */
    REVOCATION_PINNED,   /* it is itself trusted: its operator's word counts */
    REVOCATION_ASKED
};
struct peer_asked {
    bool path; /* a path to a trusted CA was looked at, with its signatures */
    enum revocation revocation;
    time_t crl_this_update,
        crl_next_update; /* of the list that the leaf was looked up in; 0: none could be */
};

/* A peer that was judged: facts of its chain and the verdict. Immutable, refcounted, shared between
 * connections. */
struct peer {
    unsigned refs; /* atomic; use peer_ref, peer_unref */
    enum verify_state verify;
    struct certinfo **chain; /* leaf first, as sent; those that could be parsed */
    size_t n_chain;
    struct verdict_finding *errors, *warnings;
    size_t n_errors, n_warnings;
    /* Of a peer that was verified, the policies under which its path is valid (RFC 5280 section 6.1.6, with
     * the initial set any-policy), as dotted decimals in the words of the trusted CA. POLICY_ANY among them:
     * it is valid under each. */
    char **policies;
    size_t n_policies;
    /* Of a peer that was verified: where that path ends. A reference. */
    struct anchor_id *anchor;
    struct peer_asked asked;
    /* Where the path ends that was judged, whatever came of it. A reference; NULL: it ends nowhere. */
    struct anchor_id *through;
    /* Where its other paths that hold end; there when the trust asks for every end. */
    struct peer_end *other;
    size_t n_others;
    time_t judged_at;
    time_t judge_again; /* from this second on the verdict may differ (expiry, start, CRL update), or
                           PEER_NEVER */
};

enum verdict_purpose { PURPOSE_CLIENT, PURPOSE_SERVER };

struct verdict_question {
    const struct trust *trust;
    const gnutls_datum_t *chain; /* DER, leaf first, as sent */
    unsigned n_chain;            /* 0: no certificate came: state NONE with the error no_certificate */
    time_t at;
    enum verdict_purpose purpose;
    const char *hostname; /* PURPOSE_SERVER: name to match, or NULL to leave it out */
    /* 1 and the place of a certificate of which it is known that GnuTLS cannot read it; 0: the first is asked
     * about, which it reads in every handshake. */
    unsigned unread;
    bool from_file; /* no stranger's: more alternative names are read than in a handshake, with a warning */
};

/* 0 and *out with one reference, or ERR_NOMEM / ERR_CRYPTO when it could not be judged (never a pass). */
MUST_CHECK int verdict_judge(const struct verdict_question *question, struct peer **out, struct err *err);

/* Whether a TLS library may read the first `n` certificates of a chain and compute with the key of the first:
 * each keeps the bounds (bounds.h) or is trusted, and that key is one. When not, and n is all of the chain,
 * verdict_judge says why. *unread, unless it is NULL, for struct verdict_question: one of them that GnuTLS
 * cannot read, 0: none was found (readable.h bounds the search); whoever asks lets certificates behind the
 * first pass that are none. */
bool verdict_bounded(const struct trust *trust, const gnutls_datum_t *chain, unsigned n, unsigned *unread);

/* The alert for a refused handshake, `tls13` chooses between certificate_required and handshake_failure. */
gnutls_alert_description_t verdict_alert(const struct peer *peer, bool tls13);

/* The memory that it takes, about: a stranger chooses how long names and reasons are. */
size_t peer_bytes(const struct peer *peer);

/* When the verdict was applied: `at`, or, where that is 0, when it was made. 0: there is none. */
static inline time_t peer_applied_at(const struct peer *peer, time_t at)
{
    return at == 0 && peer ? peer->judged_at : at;
}

struct peer *peer_ref(struct peer *peer);
void peer_unref(struct peer *peer);

#endif
