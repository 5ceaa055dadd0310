/* Certificate policies of a path (RFC 5280 section 6.1 as RFC 9618 amends it): the policies under which it is
 * valid, and whether a CA asks for one. The initial set is any-policy. Pure, bounded: in the place of a tree,
 * whose size is exponential in its depth (CVE-2023-0464), and of the edges of a graph, each node keeps the
 * policies of the trusted CA's domain that it descends from. */
#ifndef MTLSD_PKI_POLICIES_H
#define MTLSD_PKI_POLICIES_H

#include "base/err.h"
#include "pki/cert.h"

/* Most policies, and most mappings, that are read in a certificate; of paths with more none is valid. */
enum { POLICIES_MOST = 128 };

enum policies_result {
    POLICIES_GOOD,
    POLICIES_NONE,   /* one is required, and none is valid */
    POLICIES_MAPPED, /* anyPolicy is mapped, which is forbidden (section 4.2.1.5) */
};

/* In the words of the trusted CA: those before any mapping. */
struct policies {
    struct der oid[POLICIES_MOST];
    size_t n;
    bool any; /* anyPolicy: valid for each */
};

/* `path` is without the trusted CA, the one below it first. *result and *out, and with a result other than
 * POLICIES_GOOD *where is the place in `path` of the certificate that it is about. ERR_NOMEM. */
MUST_CHECK int policies_process(const struct cert *const *path, unsigned n, enum policies_result *result,
                                struct policies *out, unsigned *where, struct err *err);

/* Whether the value of a policyMappings extension is well-formed. */
bool policies_mappings_valid(struct der value);

#endif
