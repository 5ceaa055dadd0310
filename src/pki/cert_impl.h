/* What the parts of cert*.c share. */
#ifndef MTLSD_PKI_CERT_IMPL_H
#define MTLSD_PKI_CERT_IMPL_H

#include "pki/cert.h"

/* Notes a breach of form; beyond CERT_MAX_PROBLEMS nothing more is noted. `value` may be NULL. */
void cert_add_problem(struct cert *cert, const char *reason, const char *expected, const struct der *value,
                      bool serial);
/* The outline of a Name: RDNs that are sets of {OID, value}. */
bool cert_name_valid(const struct der *whole);

/* cert_ext.c: sorts the extensions of a list into cert->ext and decodes them. False when the list is
 * malformed. */
bool cert_parse_extensions(struct cert *cert, struct der list);
/* cert_key.c: kind, size and curve of the body of a SubjectPublicKeyInfo. */
void cert_parse_key(struct cert *cert, struct der spki);

#endif
