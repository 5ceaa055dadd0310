/* What the parts of cert*.c share. */
#ifndef MTLSD_PKI_CERT_IMPL_H
#define MTLSD_PKI_CERT_IMPL_H

#include "pki/cert.h"

/* Notes a breach of form; of what may be a warning nothing more is noted beyond
 * CERT_MAX_PROBLEMS. `value` may be NULL, `about` is of enum cert_about. */
void cert_add_problem(struct cert *cert, enum verdict_code code, const char *reason, const char *expected,
                      const struct der *value, unsigned about);
/* The outline of a Name: RDNs that are sets of {OID, value}. */
bool cert_name_valid(const struct der *whole);

/* cert_ext.c: sorts the extensions of a list into cert->ext and decodes them. False when the list is
 * malformed. */
bool cert_parse_extensions(struct cert *cert, struct der list);
/* cert_key.c: kind, size and curve of the body of a SubjectPublicKeyInfo. */
void cert_parse_key(struct cert *cert, struct der spki);

#endif
