/* Whether two distinguished names are the same (RFC 5280 section 7.1): letters of either case, runs of white
 * space and the types of strings do not count. What is left out of RFC 4518: composed and decomposed letters
 * stay different. Pure, no allocation; the time is linear in the names. */
#ifndef MTLSD_PKI_NAME_MATCH_H
#define MTLSD_PKI_NAME_MATCH_H

#include <stdint.h>

#include "pki/der.h"

/* Both are whole Names. */
bool name_equal(const struct der *a, const struct der *b);
/* Equal names have equal hashes. It is no secret: whoever takes equal hashes for equal names asks name_equal.
 */
uint64_t name_hash(const struct der *name);
/* The RDNs of `base` are the first ones of `name`. Both are whole Names. */
bool name_within(const struct der *name, const struct der *base);

#endif
