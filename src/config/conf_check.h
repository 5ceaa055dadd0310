/* The rules that bind several options together. Private to src/config. */
#ifndef MTLSD_CONFIG_CONF_CHECK_H
#define MTLSD_CONFIG_CONF_CHECK_H

#include "config/conf.h"

/* Blocks with errors of their own, which are not judged further: what was written there is not what stands in
 * `conf`. */
struct conf_faults {
    bool *backend, *listener, *host, *location;
    bool *twice; /* of locations, written by conf_check: another covers the same paths */
};

/* Reports each rule that `conf` breaks. `whole` is false when something was left out that may have been
 * anything. 0 or ERR_NOMEM. */
MUST_CHECK int conf_check(const struct conf *conf, struct conf_faults *faults, bool whole, struct diag *diag);

#endif
