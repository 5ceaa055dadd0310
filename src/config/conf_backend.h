/* Backends: their servers' URLs taken apart, and the rules that bind their options. Private to src/config. */
#ifndef MTLSD_CONFIG_CONF_BACKEND_H
#define MTLSD_CONFIG_CONF_BACKEND_H

#include "config/conf.h"

enum { CONF_SERVERS_MOST = 256, CONF_WEIGHT_MOST = 100 };

/* Appends what "http://HOST:PORT weight=2" says to the backend's servers, a socket's path joined to `dir`. 0,
 * ERR_SYNTAX, ERR_RANGE or ERR_EXISTS with what to write, ERR_NOMEM. */
MUST_CHECK int conf_backend_add(struct conf_backend *backend, const char *text, const char *dir,
                                struct src src, struct err *err);
/* Frees the servers. */
void conf_backend_done(struct conf_backend *backend);
bool conf_server_is_tls(const struct conf_server *server);
bool conf_server_is_h2(const struct conf_server *server);
/* So are all its servers, or none is. */
bool conf_backend_is_h2(const struct conf_backend *backend);
/* One of its servers is spoken to over TLS. */
bool conf_backend_has_tls(const struct conf_backend *backend);
/* Its first server that HTTP, or (false) anything else, is spoken to by its URL; NULL: none. */
const struct conf_server *conf_backend_first(const struct conf_backend *backend, bool http);

/* The one of that name, or NULL. */
const struct conf_backend *conf_backend_find(const struct conf *conf, const char *name);

/* Says of a name that no backend has what to write; `tcp`: where bytes are handed on. */
void conf_backend_missing(const struct conf_text *name, bool tcp, struct diag *diag);

/* Options of one backend against each other; names that two have. `faulty[i]`: not judged further. */
void conf_backend_check(const struct conf *conf, const bool *faulty, struct diag *diag);

#endif
