/* IANA's names for the numbers in TLS. Static tables (names.def); every function returns NULL for an unknown
 * number. */
#ifndef MTLSD_TLS_NAMES_H
#define MTLSD_TLS_NAMES_H

#include "base/base.h"

const char *tls_cipher_suite_name(uint16_t v);
const char *tls_group_name(uint16_t v);
const char *tls_signature_name(uint16_t v); /* SignatureScheme of RFC 8446, SHA/hash pairs of RFC 5246 */
const char *tls_extension_name(uint16_t v);
const char *tls_version_name(uint16_t v); /* "TLSv1.3" */
const char *tls_alert_name(uint8_t v);    /* "certificate_required" */
const char *tls_message_name(uint8_t v);  /* "ClientHello" */

/* The name, "GREASE", or "0x1234"; written to `out` where it is not static. */
enum { TLS_NAME_TEXT = 24 };
const char *tls_name_or_hex(const char *(*name)(uint16_t), uint16_t v, char out[static TLS_NAME_TEXT]);

#endif
