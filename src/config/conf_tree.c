#include "config/conf_tree.h"

#include <confuse.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* libConfuse ends at the first name that it does not know. To find them all, each is declared and the text
 * parsed again, at most so many times. */
enum { UNKNOWN_MOST = 20 };

struct unknown {
    enum option_section section;
    char *name;
    unsigned line;
};

struct parse {
    struct conf_tree *tree;
    const struct conf_source *source;
    bool inside;               /* a block is being read: the last of tree->block */
    cfg_t *block;              /* libConfuse's idea of it; NULL while none of its values came */
    bool seen[2][OPTION_MOST]; /* [inside][row of OPTIONS]: has a value in the present block */
    struct unknown unknown[UNKNOWN_MOST];
    size_t n_unknown;
    bool again; /* a name was found that the next pass must declare */
    bool nomem;
};

/* libConfuse's lexer has one state for the process, and its callbacks have no argument of the caller's: both
 * are guarded by the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct parse *active;

static enum option_section section_of(const cfg_t *cfg)
{
    enum option_section section = SECTION_GLOBAL;
    for (enum option_section s = SECTION_LISTEN; s < SECTION_COUNT; s++) {
        if (cfg->title && strcmp(cfg->name, option_section_name(s)) == 0)
            section = s;
    }
    return section;
}

static bool grow(void **array, size_t n, size_t size)
{
    if (n & (n - 1))
        return true;
    void *larger = realloc(*array, (n ? 2 * n : 1) * size);
    if (larger)
        *array = larger;
    return larger != NULL;
}

static int fail_nomem(struct parse *parse)
{
    parse->nomem = true;
    return -1;
}

static int add_block(struct parse *parse, enum option_section section, const char *title, unsigned line)
{
    struct conf_tree *tree = parse->tree;
    void *array = tree->block;
    char *copy = title ? strdup(title) : NULL;
    if ((title && !copy) || !grow(&array, tree->n_blocks, sizeof *tree->block)) {
        free(copy);
        return fail_nomem(parse);
    }
    tree->block = array;
    tree->block[tree->n_blocks++] = (struct conf_block){section, copy, line};
    return 0;
}

/* Takes ownership of name and value, also when it fails. */
static int add_setting(struct parse *parse, struct conf_setting setting)
{
    struct conf_tree *tree = parse->tree;
    void *array = tree->setting;
    if (!grow(&array, tree->n_settings, sizeof *tree->setting)) {
        free(setting.name);
        free(setting.value);
        return fail_nomem(parse);
    }
    tree->setting = array;
    setting.block = parse->inside ? tree->n_blocks - 1 : 0;
    tree->setting[tree->n_settings++] = setting;
    return 0;
}

/* The first value in a block, or its end, tells that it began. */
static int enter_block(struct parse *parse, cfg_t *cfg)
{
    size_t n = parse->tree->n_blocks;
    unsigned line = n <= parse->source->n_blocks ? parse->source->block[n - 1] : (unsigned)cfg->line;
    parse->inside = true;
    parse->block = cfg;
    memset(parse->seen[1], 0, sizeof parse->seen[1]);
    return add_block(parse, section_of(cfg), cfg->title, line);
}

/* After a value was read. A list is told of each of its values and once more of its closing brace: the value
 * is taken out of libConfuse's tree, so that the last call finds none. */
static int on_value(cfg_t *cfg, cfg_opt_t *opt)
{
    struct parse *parse = active;
    if (opt->nvalues == 0 || !opt->values[opt->nvalues - 1]->string)
        return 0;
    const enum option_section section = section_of(cfg);
    const struct option *option = NULL;
    /* "listen|address" is libConfuse's way into a block from outside it: not one of ours. */
    bool direct = opt >= cfg->opts && opt < cfg->opts + cfg_num(cfg);
    if (direct)
        option = option_find(section, opt->name);
    if (section != SECTION_GLOBAL && !parse->inside && enter_block(parse, cfg) != 0)
        return -1;

    char *name = NULL;
    if (!option && !(name = strdup(opt->name)))
        return fail_nomem(parse);
    char *value = opt->values[opt->nvalues - 1]->string;
    opt->values[opt->nvalues - 1]->string = NULL;
    if (option)
        parse->seen[parse->inside][option - OPTIONS] = true;
    return add_setting(parse, (struct conf_setting){.option = option,
                                                    .name = name,
                                                    .value = value,
                                                    .line = (unsigned)cfg->line,
                                                    .first = opt->nvalues == 1});
}

/* `allow = {}` after `allow = { "a" }` calls nobody: the tree shows it. */
static int find_emptied(struct parse *parse, cfg_t *cfg)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &OPTIONS[i];
        if (option->section != section_of(cfg) || !parse->seen[parse->inside][i])
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
    cfg_t *block = NULL;
    /* Without a value it was not seen yet. It need not be the last: libConfuse puts it in the place of an
     * older one of the same title. It is the one that ended on this line. */
    for (unsigned i = cfg_opt_size(opt); i > 0 && !block && !parse->inside; i--) {
        cfg_t *b = cfg_opt_getnsec(opt, i - 1);
        block = b && b->line == cfg->line ? b : NULL;
    }
    if (block && enter_block(parse, block) != 0)
        return -1;
    if (find_emptied(parse, parse->block) != 0)
        return -1;
    parse->inside = false;
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

static void unexpected(struct conf_tree *tree, const cfg_t *cfg, const char *found)
{
    static const struct {
        const char *found, *hint;
    } HINTS[] = {
        {"{", "only lists and blocks stand in braces; an option with one value is written NAME = VALUE"},
        {"}", "a value is missing before it"},
        {",", "commas separate the values of a list in braces, nothing else"},
        {"=", "an option is written NAME = VALUE"},
        {"+=", "an option is written NAME = VALUE"},
    };
    const char *hint = "is a comma or a closing brace missing before it?";
    for (size_t i = 0; i < ARRAY_LEN(HINTS); i++) {
        if (strcmp(found, HINTS[i].found) == 0)
            hint = HINTS[i].hint;
    }
    char *shown = text_escaped(found, strnlen(found, 64)), text[400];
    snprintf(text, sizeof text, "unexpected '%s': %s", shown ? shown : "", hint);
    free(shown);
    stop(tree, cfg, text);
}

static bool is_unknown(const struct parse *parse, enum option_section section, const char *name)
{
    bool found = false;
    for (size_t i = 0; i < parse->n_unknown && !found; i++)
        found = parse->unknown[i].section == section && strcmp(parse->unknown[i].name, name) == 0;
    return found;
}

static void add_unknown(struct parse *parse, const cfg_t *cfg, const char *name)
{
    struct conf_tree *tree = parse->tree;
    if (parse->n_unknown == UNKNOWN_MOST) {
        stop(tree, cfg, "too many unknown options: what follows was not read");
        return;
    }
    char *copy = strdup(name);
    if (!copy) {
        parse->nomem = true;
        return;
    }
    parse->unknown[parse->n_unknown++] = (struct unknown){section_of(cfg), copy, (unsigned)cfg->line};
    parse->again = true;
}

/* libConfuse's messages in better words; one that is not in the table is passed on. */
static void on_error(cfg_t *cfg, const char *fmt, va_list ap) PRINTF(2, 0);
static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
    static const struct {
        const char *theirs, *ours; /* both with at most one %s, the same */
    } WORDS[] = {
        {"premature end of file", "the file ends in the middle of a statement"},
        {"missing equal sign after option '%s'", "a '=' is missing after '%s': write %s = VALUE"},
        {"attempt to append to non-list option '%s'", "'%s' takes one value: write = instead of +="},
        {"missing title for section '%s'", "a name is missing after '%s': write %s \"NAME\" {"},
        {"missing opening brace for section '%s'", "a '{' is missing after the name: write %s \"NAME\" {"},
        {"no sub-section title/index for '%s'",
         "an option of '%s' is written inside its block: %s \"NAME\" { ... }"},
        {"no sub-section '%s' in '%s'", "'%s' is not an option: write it inside its block"},
        {"invalid octal number '%s'",
         "'%s' is more than a byte: write \\\\ for a backslash, or use single quotes"},
        {"bad escape sequence '%s'",
         "'%s' means nothing here: write \\\\ for a backslash, or use single quotes"},
    };
    struct parse *parse = active;
    char text[400];
    if (strcmp(fmt, "no such option '%s'") == 0) {
        add_unknown(parse, cfg, va_arg(ap, const char *));
        return;
    }
    if (strcmp(fmt, "unexpected token '%s'") == 0) {
        unexpected(parse->tree, cfg, va_arg(ap, const char *));
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        if (strcmp(fmt, WORDS[i].theirs) != 0)
            continue;
        const char *name = strchr(fmt, '%') ? va_arg(ap, const char *) : "";
        if (is_unknown(parse, section_of(cfg), name)) {
            stop(parse->tree, cfg, ""); /* an unknown block, perhaps: one message is enough */
            return;
        }
        char *shown = text_escaped(name, strnlen(name, 64));
        struct buf out;
        buf_init(&out, 0);
        for (const char *p = WORDS[i].ours; *p; p++) {
            if (p[0] == '%' && p[1] == 's') {
                buf_puts(&out, shown ? shown : "");
                p++;
            } else {
                buf_putc(&out, *p);
            }
        }
        stop(parse->tree, cfg, buf_failed(&out) ? "out of memory" : out.data);
        buf_done(&out);
        free(shown);
        return;
    }
    vsnprintf(text, sizeof text, fmt, ap);
    stop(parse->tree, cfg, text);
}

/* What libConfuse is to know of a section: each option as a text or a list of texts, then the names that are
 * none of ours but stand in this text. */
static size_t declare(const struct parse *parse, enum option_section section, cfg_opt_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *row = &OPTIONS[i];
        if (row->section != section)
            continue;
        bool list = row->type == OPTION_PATHS || row->type == OPTION_TEXTS;
        out[n++] = (cfg_opt_t){.name = row->name,
                               .type = CFGT_STR,
                               .flags = CFGF_NODEFAULT | (list ? CFGF_LIST : CFGF_NONE),
                               .validcb = on_value};
    }
    for (size_t i = 0; i < parse->n_unknown; i++) {
        if (parse->unknown[i].section == section)
            out[n++] = (cfg_opt_t){.name = parse->unknown[i].name,
                                   .type = CFGT_STR,
                                   .flags = CFGF_NODEFAULT | CFGF_LIST,
                                   .validcb = on_value};
    }
    return n;
}

static void clear(struct conf_tree *tree)
{
    for (size_t i = 0; i < tree->n_blocks; i++)
        free(tree->block[i].title);
    for (size_t i = 0; i < tree->n_settings; i++) {
        free(tree->setting[i].name);
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
    const size_t most = OPTION_COUNT + UNKNOWN_MOST + SECTION_COUNT;
    cfg_opt_t *opts = calloc(most * SECTION_COUNT, sizeof *opts);
    cfg_t *cfg = NULL;
    int rc = ERR_NOMEM;

    parse->inside = parse->again = false;
    memset(parse->seen, 0, sizeof parse->seen);
    if (!opts || add_block(parse, SECTION_GLOBAL, NULL, 1) != 0)
        goto out;
    size_t n = declare(parse, SECTION_GLOBAL, opts);
    for (enum option_section s = SECTION_LISTEN; s < SECTION_COUNT; s++) {
        cfg_opt_t *sub = opts + most * s;
        declare(parse, s, sub);
        opts[n++] = (cfg_opt_t){.name = option_section_name(s),
                                .type = CFGT_SEC,
                                .flags = CFGF_MULTI | CFGF_TITLE,
                                .subopts = sub,
                                .validcb = on_block_end};
    }
    cfg = cfg_init(opts, CFGF_NONE);
    if (!cfg)
        goto out;
    cfg_set_error_function(cfg, on_error);
    int result = cfg_parse_buf(cfg, parse->source->text.data);
    parse->inside = false;
    if (result != CFG_SUCCESS && !parse->again)
        stop(parse->tree, cfg, "an option's name is expected here"); /* it has words for all errors but "" */
    if (result == CFG_SUCCESS)
        find_emptied(parse, cfg);
    rc = parse->nomem ? ERR_NOMEM : 0;
out:
    cfg_free(cfg);
    free(opts);
    return rc;
}

/* A name that is none of ours and has no value (`colour = {}`) is no setting yet. */
static int add_valueless(struct parse *parse)
{
    struct conf_tree *tree = parse->tree;
    for (size_t i = 0; i < parse->n_unknown; i++) {
        struct unknown *u = &parse->unknown[i];
        bool there = false;
        for (size_t j = 0; j < tree->n_settings && !there; j++)
            there = tree->setting[j].name && strcmp(tree->setting[j].name, u->name) == 0 &&
                    tree->block[tree->setting[j].block].section == u->section;
        if (there)
            continue;
        size_t block = 0;
        for (size_t j = 1; j < tree->n_blocks && u->section != SECTION_GLOBAL; j++)
            block = tree->block[j].section == u->section && tree->block[j].line <= u->line ? j : block;
        if (add_setting(parse, (struct conf_setting){.name = u->name, .line = u->line, .first = true}) != 0)
            return ERR_NOMEM;
        u->name = NULL;
        struct conf_setting last = tree->setting[tree->n_settings - 1];
        last.block = block;
        size_t at = tree->n_settings - 1;
        for (; at > 0 && tree->setting[at - 1].line > last.line; at--)
            tree->setting[at] = tree->setting[at - 1];
        tree->setting[at] = last;
    }
    return 0;
}

int conf_tree_init(struct conf_tree *tree, const struct conf_source *source)
{
    struct parse parse = {.tree = tree, .source = source};
    int rc;

    memset(tree, 0, sizeof *tree);
    pthread_mutex_lock(&lock);
    active = &parse;
    do {
        clear(tree);
        rc = pass(&parse);
    } while (rc == 0 && parse.again && !tree->stopped);
    active = NULL;
    pthread_mutex_unlock(&lock);

    if (rc == 0)
        rc = add_valueless(&parse);
    for (size_t i = 0; i < parse.n_unknown; i++)
        free(parse.unknown[i].name); // NOLINT(clang-analyzer-unix.Malloc): each is a strdup of its own
    return rc;
}

void conf_tree_done(struct conf_tree *tree)
{
    if (tree)
        clear(tree);
}
