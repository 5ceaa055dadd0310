/* What a listener says of connections that are no HTTP: mode = tcp. Private to src/config. */
#ifndef MTLSD_CONFIG_CONF_TCP_H
#define MTLSD_CONFIG_CONF_TCP_H

#include "config/conf.h"

enum { CONF_ALPN_MOST = 32 }; /* bytes of a protocol's name */

/* The name of one protocol in `alpn`. 0, or ERR_SYNTAX with what to write. */
MUST_CHECK int conf_tcp_alpn(const char *text, struct err *err);

/* Finds the backends of all listeners and hosts, and leaves HTTP/2 out where it cannot be spoken. When no
 * block moves any more. */
void conf_tcp_resolve(struct conf *conf);

/* Options of one listener, or of a host in one, against each other and against the backends. */
void conf_tcp_check(const struct conf *conf, const struct conf_listener *listener, struct diag *diag);
/* Whether a listener or a host names that backend. */
bool conf_tcp_uses(const struct conf *conf, const struct conf_backend *backend);
/* Says what is spoken by nobody: locations, when no listener speaks HTTP. */
void conf_tcp_check_unused(const struct conf *conf, struct diag *diag);

#endif
