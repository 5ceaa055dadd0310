#include "config/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/missing.h"
#include "base/text.h"
#include "config/conf_backend.h"
#include "config/conf_block.h"
#include "config/conf_check.h"
#include "config/conf_proxy.h"
#include "config/conf_source.h"
#include "config/conf_tcp.h"
#include "config/conf_tree.h"
#include "config/conf_value.h"

/* So many errors of values and names are enough for one reading. */
enum { ERRORS_MOST = 100 };

/* A configuration being made from a tree. */
struct build {
    struct conf *conf;
    const struct conf_source *source;
    const struct conf_tree *tree;
    struct diag *diag;
    void **target; /* [block]: the struct conf, conf_backend, conf_listener or conf_location that it fills */
    bool *faulty;  /* [block] */
};

/* What these name is open already: a log there is written to that descriptor, which no sandbox forbids and no
 * rotation opens again. */
static const char *standard_stream(const struct option *option, const char *value)
{
    static const char *const NAMES[][2] = {
        {"/dev/stdout", "stdout"}, {"/dev/stderr", "stderr"},     {"/dev/fd/1", "stdout"},
        {"/dev/fd/2", "stderr"},   {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"},
    };
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (strcmp(value, NAMES[i][0]) == 0 && option_also(option, NAMES[i][1]))
            return NAMES[i][1];
    }
    return value;
}

/* A value as it is kept: a file's name joined to the folder, but for URIs and the option's own words. */
static char *keep(const struct build *b, const struct option *option, const char *value)
{
    bool path = option->type == OPTION_PATH || option->type == OPTION_PATHS;
    value = standard_stream(option, value);
    if (!path || option_also(option, value) || strncasecmp(value, "pkcs11:", 7) == 0)
        return strdup(value);
    return conf_join(b->conf->dir, value);
}

/* Stores one value. A fault in it goes to *err. */
static int assign(struct build *b, const struct option *option, void *target, const char *value,
                  struct src src, struct err *err)
{
    void *at = conf_field(option, target);
    long long number;
    int rc = conf_value_text(option, value, err);
    if (rc != 0)
        return rc;
    const bool list = conf_field_is_list(option);
    if (list || conf_field_is_text(option)) {
        if (list && ((struct conf_list *)at)->n >= CONF_LIST_MOST)
            return err_set(err, ERR_RANGE, "%s may have %d values at most", option->name, CONF_LIST_MOST);
        struct conf_text text = {.text = keep(b, option, value), .src = src};
        if (!text.text || (list && conf_list_add(at, text) != 0)) {
            free(text.text);
            return err_nomem(err);
        }
        if (!list) {
            free(((struct conf_text *)at)->text);
            *(struct conf_text *)at = text;
        }
        return 0;
    }
    rc = conf_value(option, value, &number, err);
    if (rc != 0)
        return rc;
    if (option->type == OPTION_BOOL)
        *(bool *)at = number != 0;
    else if (option->type == OPTION_WORD)
        *(int *)at = (int)number;
    else if (option->type == OPTION_WORDS)
        *(unsigned *)at |= (unsigned)number;
    else
        *(long long *)at = number;
    return 0;
}

/* What one option says about others: fields that are derived, forms that a type does not tell. */
static int derive_listener(struct conf_listener *l, const struct option *option, const char *value,
                           struct src src, struct err *err)
{
    if (option->offset == offsetof(struct conf_listener, client_auth)) {
        l->client_auth_src = src;
    } else if (option->offset == offsetof(struct conf_listener, http2)) {
        l->http2_src = src;
    } else if (option->offset == offsetof(struct conf_listener, crl_stale)) {
        return conf_value_stale(option, value, &l->crl_stale_mode, &l->crl_grace, err);
    } else if (option->offset == offsetof(struct conf_listener, address)) {
        struct conf_address ignored;
        return conf_address(value, &ignored, err);
    } else if (option->offset == offsetof(struct conf_listener, alpn)) {
        return conf_tcp_alpn(value, err);
    } else if (option->offset == offsetof(struct conf_listener, redirect)) {
        return conf_proxy_redirect(&l->redirect_to, value, err);
    }
    return 0;
}

static int derive_location(struct conf_location *l, const struct option *option, const char *value,
                           struct src src, struct err *err)
{
    if (option->offset == offsetof(struct conf_location, set_header))
        return conf_proxy_field(l, value, src, err);
    if (option->offset == offsetof(struct conf_location, redirect))
        return conf_proxy_redirect(&l->redirect_to, value, err);
    if (option->offset == offsetof(struct conf_location, upgrade))
        return conf_proxy_upgrade(value, err);
    return 0;
}

static int derive(const struct build *b, void *target, const struct option *option, const char *value,
                  struct src src, struct err *err)
{
    if (option->section == SECTION_LISTEN) /* or a host in it */
        return derive_listener(target, option, value, src, err);
    if (option->section == SECTION_LOCATION)
        return derive_location(target, option, value, src, err);
    if (option->section == SECTION_BACKEND && option->offset == offsetof(struct conf_backend, server))
        return conf_backend_add(target, value, b->conf->dir, src, err);
    return 0;
}

static int set(struct build *b, const struct option *option, void *target, const char *value, struct src src,
               struct err *err)
{
    int rc = assign(b, option, target, value, src, err);
    return rc == 0 ? derive(b, target, option, value, src, err) : rc;
}

static void build_done(struct build *b)
{
    conf_free(b->conf);
    free(b->target);
    free(b->faulty);
}

/* Something was left out of the block. */
static bool is_cut(const struct build *b, size_t i)
{
    return b->tree->stopped || (i > 0 && (i > b->source->n_blocks || b->source->block[i - 1].faulty));
}

static int check_title(enum option_section section, const char *title, struct err *err)
{
    return section == SECTION_LOCATION ? conf_value_prefix(title, err)
           : section == SECTION_HOST   ? conf_value_server_name(title, err)
                                       : conf_value_name(option_section_name(section), title, err);
}

/* Which host is whose, wherever they stand by now: hosts stand in the order of their listeners. A target that
 * is NULL was left out. */
static void link_hosts(struct build *b)
{
    for (size_t i = 1; i < b->tree->n_blocks; i++) {
        if (b->tree->block[i].section == SECTION_LISTEN && b->target[i])
            ((struct conf_listener *)b->target[i])->n_hosts = 0;
    }
    for (size_t i = 1; i < b->tree->n_blocks; i++) {
        struct conf_listener *host = b->target[i];
        if (b->tree->block[i].section != SECTION_HOST || !host)
            continue;
        struct conf_listener *of = b->target[b->tree->block[i].parent];
        host->of = of;
        if (of->n_hosts++ == 0)
            of->host = host;
    }
}

/* Makes the structs that the blocks fill, with their titles. */
static int make_blocks(struct build *b)
{
    const struct conf_tree *tree = b->tree;
    size_t n[SECTION_COUNT] = {0};
    struct err err;
    for (size_t i = 0; i < tree->n_blocks; i++)
        n[tree->block[i].section]++;
    b->target = calloc(tree->n_blocks + 1, sizeof *b->target);
    b->faulty = calloc(tree->n_blocks + 1, sizeof *b->faulty);
    if (!b->target || !b->faulty)
        return ERR_NOMEM;
    for (enum option_section s = SECTION_GLOBAL + 1; s < SECTION_COUNT; s++) {
        if (!(*conf_block_array(b->conf, s) = calloc(n[s] + 1, conf_block_size(s))))
            return ERR_NOMEM;
    }
    b->target[0] = b->conf;
    for (size_t i = 1; i < tree->n_blocks; i++) {
        const struct conf_block *block = &tree->block[i];
        struct conf_titled *target =
            conf_block_at(b->conf, block->section, *conf_block_count(b->conf, block->section));
        target->src = conf_source_at(b->source, block->line);
        target->title = strdup(block->title ? block->title : "");
        if (!target->title)
            return ERR_NOMEM;
        const bool named = block->section == SECTION_LOCATION || block->section == SECTION_HOST;
        for (char *p = target->title; named && *p && *p != '/'; p++)
            *p = (char)text_lower((unsigned char)*p); /* hosts are compared so */
        ++*conf_block_count(b->conf, block->section);
        b->target[i] = target;
        if (block->section == SECTION_LISTEN)
            ((struct conf_listener *)(void *)target)->client_auth_src = target->src;
        if (check_title(block->section, target->title, &err) != 0) {
            b->faulty[i] = true;
            diag_error(b->diag, target->src, "%s", err.text);
        }
        b->faulty[i] = b->faulty[i] || is_cut(b, i);
    }
    link_hosts(b);
    return 0;
}

/* What stands nowhere in the block `i`: the preset, or in a host what its listener says. */
static int fill(struct build *b, size_t i, const struct option *option)
{
    const struct conf_block *block = &b->tree->block[i];
    struct err err;
    if (block->section == SECTION_HOST)
        return conf_block_inherit(option, b->target[block->parent], b->target[i]);
    int rc = option->preset ? set(b, option, b->target[i], option->preset, (struct src){NULL, 0}, &err) : 0;
    /* It may be among what was left out. */
    /* Without TLS, which stands before it in the table, there is none to show. */
    const bool shown = option->section != SECTION_LISTEN ||
                       option->offset != offsetof(struct conf_listener, certificate) ||
                       ((const struct conf_listener *)b->target[i])->tls;
    if (option->flags & OPTION_REQUIRED && shown && !is_cut(b, i)) {
        diag_error(b->diag, conf_source_at(b->source, block->line), "this %s block has no %s: write %s = %s",
                   option_section_name(block->section), option->name, option->name, option->example);
        b->faulty[i] = true;
    }
    return rc;
}

/* One statement, where *first is the one that gave the same option of the same block first; NULL: none has.
 */
static int apply_setting(struct build *b, const struct conf_setting *s, const struct conf_setting **first)
{
    const struct src src = conf_source_at(b->source, s->line);
    const unsigned errors = b->diag->errors;
    struct err err;
    if (!*first) {
        *first = s;
    } else if (s->first) {
        const struct src older = conf_source_at(b->source, (*first)->line);
        diag_error(b->diag, src, "%s is set twice, first on line %u of %s: leave one of them out%s",
                   s->option->name, older.line, older.file,
                   option_is_list(s->option) ? ", or write += to add to the list" : "");
    }
    if (s->value && b->diag->errors == errors) {
        const int rc = set(b, s->option, b->target[s->block], s->value, src, &err);
        if (rc == ERR_NOMEM)
            return rc;
        if (rc != 0) {
            diag_error(b->diag, src, "%s", err.text);
            /* The preset stands in for it. */
            *first = s->option->preset && !option_is_list(s->option) ? NULL : s;
        }
    }
    if (b->diag->errors != errors)
        b->faulty[s->block] = true;
    return 0;
}

/* The options of a block that nothing gave; `given` has OPTION_COUNT. */
static int fill_block(struct build *b, size_t block, const struct conf_setting **given)
{
    /* A host has every field of a listener. */
    const enum option_section section = b->tree->block[block].section;
    const enum option_section of = section == SECTION_HOST ? SECTION_LISTEN : section;
    int rc = 0;
    for (size_t i = 0; i < OPTION_COUNT && rc == 0; i++) {
        if (OPTIONS[i].section == of && !given[i])
            rc = fill(b, block, &OPTIONS[i]);
    }
    return rc;
}

static int apply_settings(struct build *b)
{
    const struct conf_tree *tree = b->tree;
    /* [block * OPTION_COUNT + row]: the statement that gave it first */
    const struct conf_setting **given = calloc(tree->n_blocks * OPTION_COUNT, sizeof *given);
    const unsigned before = b->diag->errors;
    int rc = given ? 0 : ERR_NOMEM;
    for (size_t i = 0; i < tree->n_settings && rc == 0; i++) {
        const struct conf_setting *s = &tree->setting[i];
        rc = apply_setting(b, s, &given[s->block * OPTION_COUNT + (size_t)(s->option - OPTIONS)]);
        if (rc == 0 && b->diag->errors - before >= ERRORS_MOST) {
            diag_error(b->diag, conf_source_at(b->source, s->line),
                       "too many errors: what follows was not judged");
            break;
        }
    }
    for (size_t i = 0; i < tree->n_blocks && rc == 0; i++)
        rc = fill_block(b, i, &given[i * OPTION_COUNT]);
    free(given);
    return rc;
}

/* What is no statement. True when something was left out for it. */
static bool report_faults(struct build *b)
{
    const struct conf_tree *tree = b->tree;
    for (size_t i = 0; i < b->source->n_faults; i++)
        diag_error(b->diag, b->source->fault[i].src, "%s", b->source->fault[i].text);
    if (tree->stopped)
        diag_error(b->diag, conf_source_at(b->source, tree->stop_line), "%s", tree->stop);
    return b->source->n_faults > 0 || tree->stopped;
}

/* Whoever goes on after errors shall have no listener from which a file may have been left out, no location
 * of which nobody knows what it covers, or that covers what another does, and no half of a backend. */
static bool is_left_out(const struct build *b, size_t i, const bool *twice_location)
{
    struct conf_titled *target = b->target[i];
    if (b->tree->block[i].section == SECTION_LISTEN)
        return is_cut(b, i);
    if (b->tree->block[i].section == SECTION_HOST)
        return is_cut(b, i) || is_cut(b, b->tree->block[i].parent) ||
               conf_value_server_name(target->title, NULL) != 0;
    if (b->tree->block[i].section == SECTION_BACKEND)
        return is_cut(b, i) || b->faulty[i];
    return twice_location[conf_block_index(b->conf, SECTION_LOCATION, target)] ||
           conf_value_prefix(target->title, NULL) != 0;
}

static void leave_out(struct build *b, const bool *twice_location)
{
    size_t n[SECTION_COUNT] = {0};
    for (size_t i = 1; i < b->tree->n_blocks; i++) {
        const enum option_section section = b->tree->block[i].section;
        if (!b->target[i]) /* never, which clang's analyzer does not see */
            continue;
        if (is_left_out(b, i, twice_location)) {
            conf_block_done(section, b->target[i]);
            b->target[i] = NULL;
        } else {
            void *place = conf_block_at(b->conf, section, n[section]++);
            b->target[i] = memmove(place, b->target[i], conf_block_size(section));
        }
    }
    link_hosts(b);
    for (enum option_section s = SECTION_GLOBAL + 1; s < SECTION_COUNT; s++)
        *conf_block_count(b->conf, s) = n[s];
    conf_proxy_resolve(b->conf);
    conf_tcp_resolve(b->conf);
}

static int check(struct build *b, bool whole)
{
    struct conf *conf = b->conf;
    struct conf_faults faults = {.backend = calloc(conf->n_backends + 1, sizeof(bool)),
                                 .listener = calloc(conf->n_listeners + 1, sizeof(bool)),
                                 .host = calloc(conf->n_hosts + 1, sizeof(bool)),
                                 .location = calloc(conf->n_locations + 1, sizeof(bool)),
                                 .twice = calloc(conf->n_locations + 1, sizeof(bool))};
    bool *const of[SECTION_COUNT] = {[SECTION_BACKEND] = faults.backend,
                                     [SECTION_LISTEN] = faults.listener,
                                     [SECTION_HOST] = faults.host,
                                     [SECTION_LOCATION] = faults.location};
    int rc = ERR_NOMEM;
    if (faults.backend && faults.listener && faults.host && faults.location && faults.twice) {
        for (size_t i = 1; i < b->tree->n_blocks; i++) {
            const enum option_section section = b->tree->block[i].section;
            of[section][conf_block_index(conf, section, b->target[i])] = b->faulty[i];
        }
        rc = conf_check(conf, &faults, whole, b->diag);
        if (rc == 0)
            leave_out(b, faults.twice);
    }
    free(faults.backend);
    free(faults.listener);
    free(faults.host);
    free(faults.location);
    free(faults.twice);
    return rc;
}

/* The names of the files become the configuration's: its places point to them. */
static int take_names(struct conf *conf, struct conf_source *source)
{
    conf->names = calloc(source->n_names, sizeof *conf->names);
    if (!conf->names)
        return ERR_NOMEM;
    for (; conf->n_names < source->n_names; conf->n_names++) {
        conf->names[conf->n_names].text = source->name[conf->n_names];
        conf->names[conf->n_names].src = (struct src){source->name[conf->n_names], 0};
    }
    source->n_names = 0;
    return 0;
}

/* With `partial`, what could be understood is handed out also after errors. */
static int parse(const struct conf_input *input, bool partial, struct diag *to, struct conf **out)
{
    struct conf_source source;
    struct conf_tree tree = {0};
    struct diag_order order;
    diag_order_init(&order, to);
    struct diag *diag = &order.diag;
    struct build b = {.source = &source, .tree = &tree, .diag = diag, .conf = calloc(1, sizeof *b.conf)};
    int rc = conf_source_init(&source, input);
    if (rc != 0 || !b.conf) {
        rc = ERR_NOMEM;
        goto out;
    }
    b.conf->file = strdup(input->file);
    b.conf->dir = strdup(input->dir ? input->dir : "");
    rc = b.conf->file && b.conf->dir ? conf_tree_init(&tree, &source) : ERR_NOMEM;
    if (rc == 0)
        rc = make_blocks(&b);
    if (rc == 0)
        rc = apply_settings(&b);
    if (rc == 0)
        rc = check(&b, !report_faults(&b));
    if (rc == 0)
        rc = take_names(b.conf, &source);
    if (rc == 0 && (diag->errors == 0 || partial)) {
        *out = b.conf;
        b.conf = NULL;
    }
    if (rc == 0 && diag->errors > 0)
        rc = ERR_SYNTAX;
out:
    if (rc == ERR_NOMEM)
        diag_error(diag, (struct src){input->file, 0}, "out of memory");
    diag_order_flush(&order);
    conf_tree_done(&tree);
    conf_source_done(&source);
    build_done(&b);
    return rc;
}

int conf_parse(const char *text, const char *file, const char *dir, struct diag *diag, struct conf **out)
{
    const struct conf_input input = {text, strlen(text), file, dir, NULL};
    return parse(&input, false, diag, out);
}

static int read_file(const char *path, struct buf *out, struct err *err)
{
    char block[16384];
    ssize_t n = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0) {
        while (!buf_failed(out) && (n = read(fd, block, sizeof block)) != 0) {
            if (n > 0)
                buf_put(out, block, (size_t)n);
            else if (errno != EINTR)
                break;
        }
    }
    int rc = 0;
    if (buf_failed(out))
        rc = err_set(err, ERR_RANGE, "%s is larger than " CONF_SOURCE_MOST_TEXT ", or memory is short", path);
    else if (n < 0)
        rc = err_set(err,
                     errno == ENOENT   ? ERR_NOTFOUND
                     : errno == EACCES ? ERR_DENIED
                                       : ERR_IO,
                     "cannot read %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

static int read_included(const char *path, struct buf *out, struct err *err)
{
    char hint[MISSING_HINT];
    const int rc = read_file(path, out, err);
    return rc == ERR_NOTFOUND ? err_set(err, rc, "cannot read %s: No such file or directory%s", path,
                                        missing_hint(path, hint))
                              : rc;
}

static int load(const char *file, bool partial, struct diag *diag, struct conf **out)
{
    struct buf text;
    struct err err;
    buf_init(&text, CONF_SOURCE_MOST);
    char *dir = NULL, hint[MISSING_HINT] = "";
    int rc = read_file(file, &text, &err);
    if (rc != 0) {
        const bool near = rc == ERR_NOTFOUND && strstr(missing_hint(file, hint), "did you mean");
        diag_error(diag, (struct src){file, 0}, "%s%s", err.text,
                   near ? hint
                   : rc == ERR_NOTFOUND
                       ? "; `mtlsd setup` makes one with your certificates, or with some for practice"
                   : rc == ERR_DENIED ? "; run it as root, or as whom the file belongs to"
                                      : "");
        goto out;
    }
    const char *slash = strrchr(file, '/');
    dir = !slash ? strdup(".") : strndup(file, slash == file ? 1 : (size_t)(slash - file));
    const struct conf_input input = {text.data ? text.data : "", text.len, file, dir, read_included};
    rc = dir ? parse(&input, partial, diag, out) : ERR_NOMEM;
out:
    buf_done(&text);
    free(dir);
    return rc;
}

int conf_load(const char *file, struct diag *diag, struct conf **out)
{
    return load(file, false, diag, out);
}

int conf_load_partial(const char *file, struct diag *diag, struct conf **out)
{
    return load(file, true, diag, out);
}

const char *conf_location_path(const struct conf_location *location)
{
    return location->prefix + conf_location_host(location);
}

size_t conf_location_host(const struct conf_location *location)
{
    return strcspn(location->prefix, "/");
}

const char *conf_client_auth_word(enum client_auth v)
{
    const struct option *option = option_find(SECTION_LISTEN, "client_auth");
    const char *word = option ? option_word(option, (int)v) : NULL;
    return word ? word : "?";
}
