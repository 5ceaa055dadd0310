/* The rules that bind several options together. Private to src/config. */
#ifndef MTLSD_CONFIG_CONF_CHECK_H
#define MTLSD_CONFIG_CONF_CHECK_H

#include "config/conf.h"

/* Reports each rule that `conf` breaks. `faulty_listener[i]` and `faulty_location[i]` mark blocks with errors
 * of their own, which are not judged further: what was written there is not what stands in `conf`. `whole`
 * is false when something was left out that may have been anything. twice_location[i] becomes true where
 * another covers the same paths. 0 or ERR_NOMEM. */
MUST_CHECK int conf_check(const struct conf *conf, const bool *faulty_listener, const bool *faulty_location,
                          bool whole, bool *twice_location, struct diag *diag);

#endif
