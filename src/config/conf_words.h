/* What is said of a word that is none of ours at its place: the nearest that is, or, when it is one of nginx,
 * Apache, Caddy or HAProxy, what stands for it here. Pure. Private to src/config. */
#ifndef MTLSD_CONFIG_CONF_WORDS_H
#define MTLSD_CONFIG_CONF_WORDS_H

#include "config/option.h"

enum { CONF_WORDS_TEXT = 400 };

/* The remedy for a word of another server; NULL when it is none. */
const char *conf_words_foreign(const char *name);

/* The word that is meant by one of another server as the value of this option; NULL when it is none. */
const char *conf_words_value(const char *option, const char *word);

/* The whole message about the option or block `name` in a block of this section. */
void conf_words_unknown(enum option_section section, const char *name, char out[static CONF_WORDS_TEXT]);

#endif
