/* Patterns over distinguished names: RFC 4514 text with wildcards, matched on parsed attributes. What they
 * mean is said in policy.h. Private to policy. */
#ifndef MTLSD_POLICY_DN_H
#define MTLSD_POLICY_DN_H

#include "pki/certinfo.h"
#include "policy/glob.h"

/* A name with more attributes is past judging: no pattern read narrowly matches it, every one read widely
 * does. A pattern may not have more either. */
enum { DN_MOST_ATTRS = 64 };

/* One attribute that must be there. */
struct dn_attr {
    char *oid;
    struct glob glob; /* for values that are strings */
    bool der_only;    /* the pattern was the DER of something that is no string: `glob` is empty and unused */
    unsigned char *der; /* of a #hex value, else NULL */
    size_t der_len;
};

/* One RDN that must be there: `n` attributes of the pattern from `first` on. */
struct dn_rdn {
    size_t first, n;
    bool more; /* "+*": it may have others besides */
};

struct dn_pattern {
    struct dn_attr *attr;
    size_t n_attrs;
    struct dn_rdn *rdn;
    size_t n_rdns;
    bool more; /* ",*": the name may have other RDNs */
};

/* 0 and *out (dn_pattern_done), ERR_SYNTAX with the remedy, ERR_NOMEM. */
MUST_CHECK int dn_pattern_init(struct dn_pattern *out, const char *text, struct err *err);
void dn_pattern_done(struct dn_pattern *pattern);

/* Dotted decimals without leading zeros, at least two, within the bounds of X.660 for the first two. */
bool dn_is_oid(const char *s);

bool dn_match(const struct dn_pattern *pattern, const struct certname *name, enum reading reading);
/* What alone keeps the name from matching narrowly: the type of which it has one more than the pattern, by
 * its label. NULL: it matches, or something else does. */
const char *dn_rival(const struct dn_pattern *pattern, const struct certname *name);
/* Whether it would match narrowly with ",*" at its end, and does not without. */
bool dn_lacks_rest(const struct dn_pattern *pattern, const struct certname *name);

#endif
