/* Bounds on what a stranger may put into a certificate, asked before anything is done with it: what a key, a
 * name or a list costs grows with its size, in some libraries with the square or the cube of it. Far above
 * what certificates have. Pure, no allocation, linear in the certificate's length. */
#ifndef MTLSD_PKI_BOUNDS_H
#define MTLSD_PKI_BOUNDS_H

#include "pki/cert.h"

struct bound {
    size_t most;
    const char *what; /* "bits in the modulus of a key" */
    bool counted;     /* counting stops where there are too many; else the excess is known */
};

struct bound_excess {
    const struct bound *bound;
    size_t most, found;
};

/* Most alternative names of a chain in a handshake. */
enum { BOUND_ALT_NAMES = 256 };

/* What the certificates of a chain have together; begins as {.times = N, .alt_times = M}: one that does not
 * come from a stranger may have N times as much, and M times as many alternative names. */
struct bound_sum {
    size_t times, alt_times;
    size_t elements, alt_names, names;
};

/* True when `cert`, which cert_parse has read, keeps all bounds, and the chain with it: `sum` grows by it.
 * Otherwise *excess says which one it does not keep. */
MUST_CHECK bool bounds_hold(const struct cert *cert, struct bound_sum *sum, struct bound_excess *excess);

/* Whether the key alone keeps them: of a CA that somebody trusts the rest is his own affair. */
MUST_CHECK bool bounds_key_holds(const struct cert *cert, struct bound_excess *excess);

#endif
