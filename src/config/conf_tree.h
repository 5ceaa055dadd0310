/* The one place that calls libConfuse: a text becomes a list of settings in the order of the text, each a
 * text value with its option and line. Meaning and defaults are conf.c's. Private to src/config. */
#ifndef MTLSD_CONFIG_CONF_TREE_H
#define MTLSD_CONFIG_CONF_TREE_H

#include "config/conf_source.h"
#include "config/option.h"

struct conf_setting {
    size_t block; /* index in tree->block */
    const struct option *option;
    char *value; /* NULL: an empty list, which is told only where it replaces values given before */
    unsigned line;
    bool first; /* begins a statement; false: a further value of a list */
};

struct conf_block {
    enum option_section section;
    size_t parent; /* the block in which it stands: a host's listener, else 0 */
    char *title;   /* NULL for SECTION_GLOBAL, and where an error stopped the reading */
    unsigned line;
};

struct conf_tree {
    struct conf_block *block; /* the first is what stands outside the blocks */
    size_t n_blocks;
    struct conf_setting *setting; /* in the order of their lines */
    size_t n_settings;

    /* The error that ended it, when there was one: settings before it are there. */
    bool stopped;
    unsigned stop_line;
    char stop[512];
};

/* 0 also when the text has an error; ERR_NOMEM. conf_tree_done is due in any case. Any thread may call it:
 * libConfuse's lexer is one for the process, and a lock is held meanwhile. */
MUST_CHECK int conf_tree_init(struct conf_tree *tree, const struct conf_source *source);
void conf_tree_done(struct conf_tree *tree);

#endif
