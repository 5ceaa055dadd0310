/* The forms of values: text -> number, word, address. Pure. Each failure says what was given, what is allowed
 * and what to write. Private to src/config. */
#ifndef MTLSD_CONFIG_CONF_VALUE_H
#define MTLSD_CONFIG_CONF_VALUE_H

#include "base/err.h"
#include "config/conf.h"
#include "config/option.h"

enum { CONF_VALUE_MOST = 4096, CONF_LIST_MOST = 65536, CONF_NAME_MOST = 64 };

/* The value of a BOOL, NUMBER, SIZE, DURATION or WORD. ERR_SYNTAX, ERR_RANGE. */
MUST_CHECK int conf_value(const struct option *option, const char *text, long long *out, struct err *err);

/* What every value has to be: not longer than CONF_VALUE_MOST, without control characters. ERR_SYNTAX,
 * ERR_RANGE. */
MUST_CHECK int conf_value_text(const struct option *option, const char *text, struct err *err);

/* "refuse", "accept" or "grace:DURATION"; *grace is 0 without one. ERR_SYNTAX, ERR_RANGE. */
MUST_CHECK int conf_value_stale(const struct option *option, const char *text, enum crl_stale *mode,
                                long long *grace, struct err *err);

/* A value as a message shows it: escaped, and cut when it is long. Returns out. */
enum { CONF_VALUE_SHOWN = 240 };
const char *conf_value_shown(const char *text, char out[static CONF_VALUE_SHOWN]);

/* Whether it is an IPv6 address (`ipv6`: it stood in brackets), else an IPv4 address or the name of a host.
 */
bool conf_value_host(const char *host, bool ipv6);

/* The NAME of a listen or backend block (`block`), which stands in logs, metrics and file names. ERR_SYNTAX.
 */
MUST_CHECK int conf_value_name(const char *block, const char *name, struct err *err);
/* The NAME of a host block: what clients ask for (SNI), or "*.NAME". ERR_SYNTAX. */
MUST_CHECK int conf_value_server_name(const char *name, struct err *err);
/* The PATH or HOST/PATH of a location. ERR_SYNTAX. */
MUST_CHECK int conf_value_prefix(const char *prefix, struct err *err);

#endif
