/* What a location says about requests to its backend: fields to set, a redirect, protocols. Private to
 * src/config. */
#ifndef MTLSD_CONFIG_CONF_PROXY_H
#define MTLSD_CONFIG_CONF_PROXY_H

#include "config/conf.h"

/* Appends "NAME: VALUE" of set_header to the location's fields; takes its redirect apart; checks a protocol
 * of upgrade. 0, ERR_SYNTAX or ERR_EXISTS with what to write, ERR_NOMEM. */
MUST_CHECK int conf_proxy_field(struct conf_location *location, const char *text, struct src src,
                                struct err *err);
MUST_CHECK int conf_proxy_redirect(struct template *redirect_to, const char *text, struct err *err);
MUST_CHECK int conf_proxy_upgrade(const char *text, struct err *err);
/* Frees what these made. */
void conf_proxy_done(struct conf_location *location);

/* Finds the backends of all locations. When no block moves any more. */
void conf_proxy_resolve(struct conf *conf);

/* Options of one location against each other, and against the backends; `asks`: a listener asks for
 * certificates. */
void conf_proxy_check(const struct conf *conf, const struct conf_location *location, bool asks,
                      struct diag *diag);
/* Backends that no location names; `faulty[i]`: not judged. */
void conf_proxy_check_unused(const struct conf *conf, const bool *faulty, struct diag *diag);

#endif
