/* What the parts of the judgement share. One struct judge lives for one question. */
#ifndef MTLSD_PKI_VERDICT_IMPL_H
#define MTLSD_PKI_VERDICT_IMPL_H

#include "pki/bounds.h"
#include "pki/cert.h"
#include "pki/policies.h"
#include "pki/trust_impl.h"
#include "pki/verdict.h"

/* How certificates hang together: positions in the chain as sent, the leaf first, and the trusted CA on top.
 */
struct path {
    unsigned sent[CHAIN_MAX_CERTS];
    unsigned n;
    const struct anchor *anchor; /* NULL: the path is not complete */
    bool pinned;                 /* the leaf itself is `anchor` */
};

struct findings {
    struct verdict_finding *error, *warning;
    size_t n_errors, n_warnings;
    char **policies; /* of struct peer */
    size_t n_policies;
    const struct anchor *anchor; /* of a path that holds, or that has the fewest faults */
    struct peer_asked asked;
};

/* A signature that was checked: that of the certificate sent at `below` by the key of `above`. */
struct edge {
    unsigned below;
    const struct cert *above;
    bool holds;
};
/* A chain in which so many signatures do not hold is nobody's honest one: each costs what a key costs, and a
 * stranger can send as many as there are certificates. Of those by trusted CAs of one name only the first
 * counts. */
enum { EDGES_MAX = 64, BAD_MAX = 2 };
/* Most paths of a chain that are looked at. */
enum { PATHS_MAX = 16 };

/* A name that occurs as a subject or an issuer, and the trusted CAs that bear it: places in by_subject. */
struct named {
    struct der name;
    uint64_t hash;
    size_t first, n;
};

struct judge {
    const struct verdict_question *question;
    const struct trust *trust;
    time_t at;
    struct cert cert[CHAIN_MAX_CERTS];
    gnutls_x509_crt_t crt[CHAIN_MAX_CERTS];  /* path_crt fills it */
    const char *unreadable[CHAIN_MAX_CERTS]; /* why, NULL: cert is filled */
    /* Of one that is unreadable because it is too large; .bound NULL: it is not. */
    struct bound_excess excess[CHAIN_MAX_CERTS];
    struct bound_sum sum; /* of those that were read */
    unsigned n;
    struct named name[2 * CHAIN_MAX_CERTS]; /* each name once, see verdict_find.c */
    unsigned n_names;
    unsigned subject[CHAIN_MAX_CERTS], issuer[CHAIN_MAX_CERTS]; /* their places in `name` */
    struct edge edge[EDGES_MAX];                                /* signatures that were checked */
    unsigned n_edges, n_bad;
    size_t n_comparisons; /* of names with constraints, in all paths: see verdict_names.c */
    struct der written;   /* the name that was written last; the findings about a chain repeat few */
    char *written_text;   /* owned; NULL: none was */
    struct peer_end other[PATHS_MAX]; /* ends of paths that hold, but for the first */
    size_t n_others;
    struct findings *found;       /* where findings go now */
    struct verdict_finding *last; /* the one that was added last, NULL when there was no memory for it */
    bool nomem;
    time_t again;
};

enum cert_role { ROLE_LEAF, ROLE_INTERMEDIATE, ROLE_ANCHOR };

/* The certificate at a depth of a path: 0 the leaf, path->n the trusted CA. */
const struct cert *path_cert(const struct judge *judge, const struct path *path, unsigned depth);
/* The same for GnuTLS, which takes its time to read one: only what is computed with. NULL when it cannot. */
gnutls_x509_crt_t path_crt(struct judge *judge, const struct path *path, unsigned depth);
/* How many certificates path_cert can be asked for. */
static inline unsigned path_length(const struct path *path)
{
    return path->n + (path->anchor != NULL && !path->pinned ? 1 : 0);
}

/* verdict_text.c: findings. `value` is a string that the finding takes over, or NULL; the hint comes from the
 * table of hints. */
void finding_add(struct judge *judge, enum verdict_code code, int depth, char *value, const char *expected,
                 const char *fmt, ...) PRINTF(6, 7);
/* Replaces the hint of the finding that was added last. */
void finding_hint(struct judge *judge, const char *fmt, ...) PRINTF(2, 3);
void findings_done(struct findings *found);
/* Makes a string, noting when memory is short. */
char *judge_text(struct judge *judge, const char *fmt, ...) PRINTF(2, 3);
char *judge_name(struct judge *judge, const struct der *name);
char *judge_escaped(struct judge *judge, const struct der *bytes);
char *judge_hex(struct judge *judge, const struct der *bytes);
char *judge_date(struct judge *judge, time_t t);
char *judge_fingerprint(struct judge *judge, const gnutls_datum_t *der);

/* The verdict may differ from `t` on. */
static inline void judge_again_at(struct judge *judge, time_t t)
{
    if (t > judge->at && t < judge->again)
        judge->again = t;
}

/* verdict_cert.c: one certificate by itself. */
void check_certificate(struct judge *judge, const struct cert *cert, int depth, enum cert_role role,
                       bool pinned);
/* verdict.c: what check_certificate says of a trusted CA, whoever it issued to (findings_done). 0 or
 * ERR_NOMEM. */
MUST_CHECK int judge_anchor(const struct trust *trust, const struct anchor *anchor, time_t at,
                            struct findings *out);
/* verdict_names.c: the name constraints of a path. Only a CA whose own signature holds may constrain anybody:
 * those at depth `proven` and above. */
void check_name_constraints(struct judge *judge, const struct path *path, unsigned proven);
/* Why the name constraints extension of a CA is malformed; NULL when it is not. `form_only`: it is clear what
 * they mean all the same. */
const char *name_constraints_problem(const struct cert *cert, bool *form_only);
/* Whether they constrain a kind of name that GnuTLS does not know. */
bool name_constraints_uncommon(const struct cert *cert);
/* verdict_policy.c: the certificate policies of a path whose signatures hold. */
void check_policies(struct judge *judge, const struct path *path);
/* verdict_host.c: the host name that a server's certificate must bear. */
void check_host(struct judge *judge, const struct cert *leaf, gnutls_x509_crt_t crt);
/* verdict_crl.c: revocation of the certificates of a path whose issuers stand at depth `proven` or above. */
void check_revocation(struct judge *judge, const struct path *path, unsigned proven);
/* verdict_find.c */

/* The ways from the leaf to a trusted CA through what was sent, best first; when there is none, *partial goes
 * as far up as names and key identifiers lead. */
size_t find_paths(struct judge *judge, struct path paths[static PATHS_MAX], struct path *partial);
/* verdict_gnutls.c: GnuTLS's own word on the path; the result is that of check_signatures. */
unsigned ask_gnutls(struct judge *judge, const struct path *path);
bool gnutls_may_be_asked(const struct judge *judge, const struct path *path);
/* verdict_path.c */
/* The signatures from the trusted CA downwards, as far as they hold: nothing is ever computed with a key that
 * no CA vouches for. The result is the depth from which on upwards they do: 0, all of them. */
unsigned check_signatures(struct judge *judge, const struct path *path);
/* Everything about a path, in the order of what it costs: each certificate by itself; then, where it reaches
 * a trusted CA, the signatures from there downwards; then what only a CA that is known to be one may ask for
 * or say: name constraints, revocation. `lone`: no other path was looked at before. */
void check_path(struct judge *judge, const struct path *path, bool lone);
/* Whether a signature of the path is known not to hold, or may not be looked at any more. */
bool path_hopeless(struct judge *judge, const struct path *path);
/* verdict_issuer.c: why nothing trusted stands above the last certificate of a partial path. */
void explain_missing_issuer(struct judge *judge, const struct path *partial);

#endif
