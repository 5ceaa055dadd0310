/* Ranges of IP addresses as people write them: "10.0.0.0/8", "::1/128", "192.0.2.1". Pure. */
#ifndef MTLSD_BASE_CIDR_H
#define MTLSD_BASE_CIDR_H

#include <sys/socket.h>

#include "base/base.h"
#include "base/err.h"

/* An IPv4 range is kept as the range of IPv4-mapped addresses (RFC 4291 section 2.5.5.2). */
struct cidr {
    uint8_t address[16];
    uint8_t bits; /* that count, of 128 */
};

/* 0, or ERR_SYNTAX with the reason and the remedy. Bits beyond the prefix must be 0: who wrote them meant
 * something else. */
MUST_CHECK int cidr_parse(const char *text, struct cidr *out, struct err *err);
/* True for an address of either family within the range; false for other families. */
bool cidr_has(const struct cidr *cidr, const struct sockaddr *address);

#endif
