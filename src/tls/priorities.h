/* What every session is allowed to negotiate, as GnuTLS's priority strings: TLS 1.2 and 1.3, forward secrecy,
 * AEAD only. Where GnuTLS has groups that join ML-KEM (FIPS 203) to an elliptic curve, these come first: what
 * they protect stays secret as long as one of the two holds. Any thread may call. */
#ifndef MTLSD_TLS_PRIORITIES_H
#define MTLSD_TLS_PRIORITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PRIORITIES_BYTES = 1024 };

/* Built at the first call; `only13`: session tickets in TLS 1.3 alone. */
const char *tls_priorities(bool only13);

/* Those of the hybrid groups that GnuTLS has, by the names of TLS: "X25519MLKEM768, SecP256r1MLKEM768"; "":
 * none. */
const char *tls_hybrids(void);

/* The number in TLS of a group of GnuTLS's name, 0 for one that is no hybrid of ML-KEM. */
uint16_t tls_hybrid_number(const char *group);

/* For a library that `knows` some of GnuTLS's names for groups ("X25519-MLKEM768"). The pure part of the
 * above. */
void priorities_build(bool (*knows)(const char *group), bool only13, char out[static PRIORITIES_BYTES]);

#endif
