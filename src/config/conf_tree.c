#include "config/conf_tree.h"

#include <confuse.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

struct parse {
    struct conf_tree *tree;
    const struct conf_source *source;
    unsigned depth; /* blocks that are being read: none, one, or a host in its listener */
    struct {
        size_t index;           /* in tree->block */
        cfg_t *cfg;             /* libConfuse's idea of it; NULL: only a host in it was seen yet */
        bool seen[OPTION_MOST]; /* [row of OPTIONS]: it has a value here */
    } open[3];                  /* [depth] */
    bool nomem;
};

/* libConfuse's lexer has one state for the process, and its callbacks have no argument of the caller's: both
 * are guarded by the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct parse *active;

static enum option_section section_named(const char *name)
{
    enum option_section section = SECTION_GLOBAL;
    for (enum option_section s = SECTION_GLOBAL + 1; s < SECTION_COUNT; s++) {
        if (strcmp(name, option_section_name(s)) == 0)
            section = s;
    }
    return section;
}

static enum option_section section_of(const cfg_t *cfg)
{
    return cfg->title ? section_named(cfg->name) : SECTION_GLOBAL;
}

static int fail_nomem(struct parse *parse)
{
    parse->nomem = true;
    return -1;
}

static int add_block(struct parse *parse, enum option_section section, unsigned line)
{
    struct conf_tree *tree = parse->tree;
    struct conf_block *more = array_more(tree->block, tree->n_blocks, sizeof *more);
    if (!more)
        return fail_nomem(parse);
    tree->block = more;
    parse->open[parse->depth].index = tree->n_blocks;
    parse->open[parse->depth].cfg = NULL;
    memset(parse->open[parse->depth].seen, 0, sizeof parse->open[0].seen);
    tree->block[tree->n_blocks++] =
        (struct conf_block){.section = section,
                            .parent = parse->depth > 0 ? parse->open[parse->depth - 1].index : 0,
                            .line = line};
    return 0;
}

/* Takes ownership of the value, also when it fails. */
static int add_setting(struct parse *parse, struct conf_setting setting)
{
    struct conf_tree *tree = parse->tree;
    struct conf_setting *more = array_more(tree->setting, tree->n_settings, sizeof *more);
    if (!more) {
        free(setting.value);
        return fail_nomem(parse);
    }
    tree->setting = more;
    setting.block = parse->open[parse->depth].index;
    tree->setting[tree->n_settings++] = setting;
    return 0;
}

static int open_block(struct parse *parse, enum option_section section, const cfg_t *cfg)
{
    size_t n = parse->tree->n_blocks;
    unsigned line = n <= parse->source->n_blocks ? parse->source->block[n - 1].first : (unsigned)cfg->line;
    parse->depth++;
    return add_block(parse, section, line);
}

/* The first value in a block, or its end, tells that it began; that of a host also tells that its listener
 * did, whose title comes with the listener's own first value or end. */
static int enter_block(struct parse *parse, enum option_section section, cfg_t *cfg)
{
    const unsigned depth = section == SECTION_HOST ? 2 : 1;
    if (parse->depth + 1 < depth && open_block(parse, SECTION_LISTEN, cfg) != 0)
        return -1;
    if (parse->depth < depth && open_block(parse, section, cfg) != 0)
        return -1;
    if (parse->open[depth].cfg)
        return 0;
    struct conf_block *block = &parse->tree->block[parse->open[depth].index];
    parse->open[depth].cfg = cfg;
    block->title = strdup(cfg->title);
    return block->title ? 0 : fail_nomem(parse);
}

/* After a value was read. A list is told of each of its values and once more of its closing brace: the value
 * is taken out of libConfuse's tree, so that the last call finds none. */
static int on_value(cfg_t *cfg, cfg_opt_t *opt)
{
    struct parse *parse = active;
    if (opt->nvalues == 0 || !opt->values[opt->nvalues - 1]->string)
        return 0;
    const enum option_section section = section_of(cfg);
    const struct option *option = option_find(section, opt->name);
    if (!option)
        return 0;
    if (section != SECTION_GLOBAL && enter_block(parse, section, cfg) != 0)
        return -1;

    char *value = opt->values[opt->nvalues - 1]->string;
    opt->values[opt->nvalues - 1]->string = NULL;
    parse->open[parse->depth].seen[option - OPTIONS] = true;
    return add_setting(parse, (struct conf_setting){.option = option,
                                                    .value = value,
                                                    .line = (unsigned)cfg->line,
                                                    .first = opt->nvalues == 1});
}

/* `crl = {}` in a host stands in the place of its listener's; elsewhere it says what nothing says, too. */
static bool is_emptied(const struct parse *parse, cfg_t *cfg, size_t row)
{
    const cfg_opt_t *opt = section_of(cfg) == SECTION_HOST ? cfg_getopt(cfg, OPTIONS[row].name) : NULL;
    return parse->open[parse->depth].seen[row] ||
           (opt && option_is_list(&OPTIONS[row]) && (opt->flags & CFGF_MODIFIED));
}

/* `allow = {}` after `allow = { "a" }` calls nobody: the tree shows it. */
static int find_emptied(struct parse *parse, cfg_t *cfg)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &OPTIONS[i];
        if (!option_in(option, section_of(cfg)) || !is_emptied(parse, cfg, i))
            continue;
        if (cfg_size(cfg, option->name) == 0 &&
            add_setting(parse, (struct conf_setting){
                                   .option = option, .line = (unsigned)cfg->line, .first = true}) != 0)
            return -1;
    }
    return 0;
}

static int on_block_end(cfg_t *cfg, cfg_opt_t *opt)
{
    struct parse *parse = active;
    const enum option_section section = section_named(opt->name);
    const unsigned depth = section == SECTION_HOST ? 2 : 1;
    cfg_t *block = parse->depth >= depth ? parse->open[depth].cfg : NULL;
    /* Without a value it was not seen yet. It need not be the last: libConfuse puts it in the place of an
     * older one of the same title. It is the one that ended on this line. */
    for (unsigned i = cfg_opt_size(opt); i > 0 && !block; i--) {
        cfg_t *b = cfg_opt_getnsec(opt, i - 1);
        block = b && b->line == cfg->line ? b : NULL;
    }
    if (!block || enter_block(parse, section, block) != 0 || find_emptied(parse, block) != 0)
        return -1;
    parse->depth = depth - 1;
    return 0;
}

static void stop(struct conf_tree *tree, const cfg_t *cfg, const char *text)
{
    if (tree->stopped)
        return;
    tree->stopped = true;
    tree->stop_line = (unsigned)cfg->line;
    snprintf(tree->stop, sizeof tree->stop, "%s", text);
}

/* Only where conf_grammar let something pass: its words are better, and it goes on behind a fault. */
static void on_error(cfg_t *cfg, const char *fmt, va_list ap) PRINTF(2, 0);
static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
    char text[400];
    vsnprintf(text, sizeof text, fmt, ap);
    char *shown = text_escaped(text, strlen(text));
    stop(active->tree, cfg, shown ? shown : "");
    free(shown);
}

/* What libConfuse is to know of a section: each option as a text or a list of texts. */
static size_t declare(enum option_section section, cfg_opt_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *row = &OPTIONS[i];
        if (!option_in(row, section))
            continue;
        out[n++] = (cfg_opt_t){.name = row->name,
                               .type = CFGT_STR,
                               .flags = CFGF_NODEFAULT | (option_is_list(row) ? CFGF_LIST : CFGF_NONE),
                               .validcb = on_value};
    }
    return n;
}

static void clear(struct conf_tree *tree)
{
    for (size_t i = 0; i < tree->n_blocks; i++)
        free(tree->block[i].title);
    for (size_t i = 0; i < tree->n_settings; i++) {
        free(tree->setting[i].value);
    }
    tree->n_blocks = tree->n_settings = 0;
    free(tree->block);
    free(tree->setting);
    memset(tree, 0, sizeof *tree);
}

/* One parse of the whole text into an empty tree. */
static int pass(struct parse *parse)
{
    const size_t most = OPTION_COUNT + SECTION_COUNT;
    cfg_opt_t *opts = calloc(most * SECTION_COUNT, sizeof *opts);
    cfg_t *cfg = NULL;
    int rc = ERR_NOMEM;

    parse->depth = 0;
    if (!opts || add_block(parse, SECTION_GLOBAL, 1) != 0)
        goto out;
    size_t n[SECTION_COUNT];
    for (enum option_section s = SECTION_GLOBAL; s < SECTION_COUNT; s++)
        n[s] = declare(s, opts + most * s);
    for (enum option_section s = SECTION_GLOBAL + 1; s < SECTION_COUNT; s++) {
        const enum option_section outer = s == SECTION_HOST ? SECTION_LISTEN : SECTION_GLOBAL;
        opts[most * outer + n[outer]++] = (cfg_opt_t){.name = option_section_name(s),
                                                      .type = CFGT_SEC,
                                                      .flags = CFGF_MULTI | CFGF_TITLE,
                                                      .subopts = opts + most * s,
                                                      .validcb = on_block_end};
    }
    cfg = cfg_init(opts, CFGF_NONE);
    if (!cfg)
        goto out;
    cfg_set_error_function(cfg, on_error);
    int result = cfg_parse_buf(cfg, parse->source->text.data);
    parse->depth = 0;
    if (result != CFG_SUCCESS)
        stop(parse->tree, cfg, "this is no statement"); /* when it had no words of its own */
    if (result == CFG_SUCCESS)
        find_emptied(parse, cfg);
    rc = parse->nomem ? ERR_NOMEM : 0;
out:
    cfg_free(cfg);
    free(opts);
    return rc;
}

int conf_tree_init(struct conf_tree *tree, const struct conf_source *source)
{
    struct parse parse = {.tree = tree, .source = source};
    int rc;

    memset(tree, 0, sizeof *tree);
    pthread_mutex_lock(&lock);
    active = &parse;
    rc = pass(&parse);
    active = NULL;
    pthread_mutex_unlock(&lock);

    return rc;
}

void conf_tree_done(struct conf_tree *tree)
{
    if (tree)
        clear(tree);
}
