/* The name that a client asks for (RFC 6066 section 3), where it is not for GnuTLS to refuse it.
 *
 * GnuTLS ends a handshake over every name with other characters than letters, digits, hyphens and dots: names
 * with an underscore, as containers have, with a port, or in UTF-8. Other servers answer them with the
 * certificate that they have. The extension cannot be taken over (gnutls_session_ext_register refuses that),
 * and what the handshake hook sees is yet to be hashed: the transcript must be what the client sent. Behind
 * that, and before it reads the extensions, GnuTLS asks for the time, by a function that a program may set
 * (gnutls_global_set_time_function). There the name's type, one byte, becomes one that GnuTLS passes over; it
 * becomes what it was before the binders of PSKs are reckoned over the hello. Should a GnuTLS ask for the
 * time elsewhere, it refuses such names as before.
 *
 * Only where the transport drives the handshake: it forgets a hello that came to nothing. Per thread. */
#ifndef MTLSD_TLS_SERVER_NAME_H
#define MTLSD_TLS_SERVER_NAME_H

#include "tls/wire.h"

enum server_name {
    SERVER_NAME_NONE,    /* or a malformed hello, which others refuse */
    SERVER_NAME_PLAIN,   /* GnuTLS takes it */
    SERVER_NAME_ODD,     /* it would not */
    SERVER_NAME_SEVERAL, /* names of one type, which RFC 6066 forbids; *name is the second */
    SERVER_NAME_LONG,    /* longer than any name in the DNS (RFC 1035 section 3.1) */
};
enum { SERVER_NAME_MOST = 255 };

/* Of a ClientHello without its header; *name lies in it. */
enum server_name server_name_find(const uint8_t *hello, size_t len, struct wire *name);

/* Once, before there are other threads. */
void server_name_prepare(void);
/* In the handshake hook: GnuTLS shall not read this name, in the memory that it gave the hook. */
void server_name_hide(const struct wire *name);
/* The hello is again as it was. */
void server_name_show(void);
/* GnuTLS has done with the hello, and may have freed it. */
void server_name_forget(void);

#endif
