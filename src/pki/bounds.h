/* Bounds on what a stranger may put into a certificate, asked before anything is done with it: what a key, a
 * name or a list costs grows with its size, in some libraries with the square or the cube of it. Far above
 * what certificates have. Pure, no allocation, linear in the certificate's length. */
#ifndef MTLSD_PKI_BOUNDS_H
#define MTLSD_PKI_BOUNDS_H

#include "pki/cert.h"

struct bound {
    size_t most;
    const char *what; /* "bits in an RSA modulus" */
};

struct bound_excess {
    const struct bound *bound;
    size_t found; /* at least so many */
};

/* True when `cert`, which cert_parse has read, keeps all bounds. Otherwise *excess says which it does not. */
MUST_CHECK bool bounds_hold(const struct cert *cert, struct bound_excess *excess);

/* The table, for the manual. */
const struct bound *bounds_table(size_t *n);

#endif
