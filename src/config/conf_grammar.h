/* The statements of a configuration, before libConfuse reads them, because it ends at the first error: what
 * is none is told of and blanked out, with a guess where the next one begins, so that all others are judged.
 * Pure. Private to src/config. */
#ifndef MTLSD_CONFIG_CONF_GRAMMAR_H
#define MTLSD_CONFIG_CONF_GRAMMAR_H

#include "config/conf_source.h"

/* Leaves only sound statements in source->text, in the place of the others blanks, and fills source->block
 * with those that are left. 0 also when there was a fault; ERR_NOMEM. */
MUST_CHECK int conf_grammar(struct conf_source *source);

#endif
