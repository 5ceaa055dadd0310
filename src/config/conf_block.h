/* The blocks in struct conf and their fields, by the table of options: where they stand, and what they own.
 * Private to src/config. */
#ifndef MTLSD_CONFIG_CONF_BLOCK_H
#define MTLSD_CONFIG_CONF_BLOCK_H

#include "config/conf.h"
#include "config/option.h"

/* How every block but the outermost begins. */
struct conf_titled {
    char *title;
    struct src src;
};

size_t *conf_block_count(struct conf *conf, enum option_section section);
void **conf_block_array(struct conf *conf, enum option_section section);
size_t conf_block_size(enum option_section section);
void *conf_block_at(struct conf *conf, enum option_section section, size_t i);
size_t conf_block_index(struct conf *conf, enum option_section section, const void *block);

/* Frees all that a block has, not itself. */
void conf_block_done(enum option_section section, void *block);

void *conf_field(const struct option *option, void *block);
/* Kept in a struct conf_list, in a struct conf_text. */
bool conf_field_is_list(const struct option *option);
bool conf_field_is_text(const struct option *option);

/* Appends; the text is the list's then. 0 or ERR_NOMEM. */
MUST_CHECK int conf_list_add(struct conf_list *list, struct conf_text text);

/* What a host does not say of an option is what its listener says: a copy, with what is derived from it. The
 * host has no value of it yet. 0 or ERR_NOMEM. */
MUST_CHECK int conf_block_inherit(const struct option *option, const struct conf_listener *from,
                                  struct conf_listener *host);

#endif
