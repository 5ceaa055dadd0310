#include "config/conf_grammar.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "config/conf_token.h"
#include "config/conf_words.h"
#include "config/option.h"

enum { NESTING_MOST = 8 };

/* A block that is none of ours: its statements are only looked at for words of other servers. */
static const enum option_section SECTION_FOREIGN = SECTION_COUNT;

struct grammar {
    struct conf_source *source;
    struct conf_place place;
    unsigned depth;                /* of included files */
    unsigned opened[NESTING_MOST]; /* at which depth each brace that is open was opened */
    unsigned n_open;
    size_t n_marks; /* faults of the scanner that were passed */
    size_t guessed; /* braces that were closed where none stands: one may come late */
    size_t dropped; /* blocks that are read but not kept, the present one and those around it */
    bool nomem;
    /* The list that ended last on a brace which stands further left than the list's name: it may be the
     * block's. 0: none. */
    unsigned suspect;
};

static void fault(struct grammar *g, unsigned line, const char *fmt, ...) PRINTF(3, 4);
static void fault(struct grammar *g, unsigned line, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (conf_source_fault(g->source, conf_source_at(g->source, line), line, text) == ERR_NOMEM)
        g->nomem = true;
}

static bool is_over(const struct grammar *g)
{
    return g->nomem || g->source->full;
}

/* ---- tokens -------------------------------------------------------------------------------------------- */

static struct token peek(struct grammar *g)
{
    for (;;) {
        struct conf_place ahead = g->place;
        struct token token = conf_token_next(&ahead);
        for (char *p = g->place.p; p < token.at; p++)
            g->depth += *p == CONF_MARK_BEGIN;
        for (char *p = g->place.p; p < token.at; p++)
            *p = *p == CONF_MARK_BEGIN ? ' ' : *p;
        const bool own = g->n_open > 0 && g->opened[g->n_open - 1] == g->depth;
        if (token.kind == KIND_FILE_END && !own && g->depth > 0) {
            g->depth--; /* what is open was opened outside of this file */
        } else if (token.kind == KIND_CLOSE && !own) {
            if (g->guessed > 0)
                g->guessed--;
            else
                fault(g, token.line, "unexpected '}': no brace is open here");
        } else {
            return token;
        }
        *token.at = ' ';
    }
}

static struct token take(struct grammar *g)
{
    struct token token = peek(g);
    if (token.kind != KIND_END && token.kind != KIND_FILE_END)
        (void)conf_token_next(&g->place);
    g->n_marks += token.kind == KIND_FAULT;
    return token;
}

/* The token behind the next one. */
static enum kind kind_after(const struct grammar *g, unsigned n)
{
    struct conf_place ahead = g->place;
    struct token token = conf_token_next(&ahead);
    while (n-- > 0)
        token = conf_token_next(&ahead);
    return token.kind;
}

static enum option_section block_of(struct token token)
{
    char name[CONF_TOKEN_TEXT];
    conf_token_text(token, name);
    for (enum option_section s = SECTION_GLOBAL + 1; s < SECTION_COUNT; s++) {
        if (strcmp(name, option_section_name(s)) == 0)
            return s;
    }
    return SECTION_GLOBAL;
}

/* listen "NAME" { */
static bool begins_block(const struct grammar *g, struct token token)
{
    return conf_token_is_bare(token) && block_of(token) != SECTION_GLOBAL && kind_after(g, 1) == KIND_WORD &&
           kind_after(g, 2) == KIND_OPEN;
}

static bool open_brace(struct grammar *g)
{
    struct token token = take(g);
    if (g->n_open == NESTING_MOST) {
        fault(g, token.line, "braces are nested too deeply");
        g->source->full = true;
        return false;
    }
    g->opened[g->n_open++] = g->depth;
    return true;
}

static void close_brace(struct grammar *g)
{
    take(g);
    g->n_open--;
}

/* ---- getting over faults ------------------------------------------------------------------------------- */

static void skip_braces(struct grammar *g)
{
    const unsigned outer = g->n_open;
    if (!open_brace(g))
        return;
    while (g->n_open > outer && !is_over(g)) {
        struct token token = peek(g);
        if (conf_token_is_end(token))
            g->n_open = outer;
        else if (token.kind == KIND_CLOSE)
            close_brace(g);
        else if (token.kind != KIND_OPEN)
            take(g);
        else if (!open_brace(g))
            return;
    }
}

/* To a word that begins a line, or to the end of the block. */
static void skip_statement(struct grammar *g, unsigned line)
{
    enum kind last = KIND_WORD;
    for (;;) {
        struct token token = peek(g);
        const bool goes_on = last == KIND_COMMA || last == KIND_ASSIGN;
        if (conf_token_is_end(token) || token.kind == KIND_CLOSE || is_over(g) ||
            (token.line > line && token.kind == KIND_WORD && !goes_on))
            return;
        line = token.line;
        last = token.kind;
        if (token.kind == KIND_OPEN)
            skip_braces(g);
        else
            take(g);
    }
}

static void unexpected(struct grammar *g, struct token token)
{
    static const char *const HINTS[] = {
        [KIND_OPEN] =
            "only lists and blocks stand in braces; an option with one value is written NAME = VALUE",
        [KIND_CLOSE] = "a value is missing before it",
        [KIND_COMMA] = "commas separate the values of a list in braces, nothing else",
        [KIND_ASSIGN] = "an option is written NAME = VALUE",
        [KIND_WORD] = "is a comma or a closing brace missing before it?",
    };
    char text[CONF_TOKEN_TEXT];
    conf_token_text(token, text);
    char *shown = text_escaped(text, strlen(text));
    fault(g, token.line, "unexpected '%s': %s", shown ? shown : "", HINTS[token.kind]);
    free(shown);
}

/* ---- values -------------------------------------------------------------------------------------------- */

static void skip_line(struct grammar *g, unsigned line)
{
    for (struct token token = peek(g); !conf_token_is_end(token) && token.line == line; token = peek(g))
        take(g);
}

/* What stands in brackets, up to the one that closes them, or to what cannot be in them. */
static void skip_brackets(struct grammar *g)
{
    for (struct token token = peek(g); token.kind == KIND_WORD || token.kind == KIND_COMMA; token = peek(g)) {
        take(g);
        if (conf_token_is_bare(token) && token.end[-1] == ']')
            return;
    }
}

static const char SEMICOLON[] = "';' ends no statement here as it does in nginx: leave it out";

/* nginx's end of a statement: told of and taken away. */
static bool drop_semicolon(struct grammar *g, struct token token)
{
    if (!conf_token_is_bare(token) || token.end[-1] != ';')
        return false;
    char *p = token.end;
    while (p > token.at && p[-1] == ';')
        *--p = ' ';
    fault(g, token.line, "%s", SEMICOLON);
    return true;
}

static const char UNCLOSED_LIST[] =
    "the '{' of the list that begins here is never closed: write '}' at its end";

/* In a list, the next statement: its brace is missing. Unquoted rules hold `=`, too, but a ':' before it. */
static bool is_behind_list(const struct grammar *g, struct token brace, struct token token)
{
    if (!conf_token_is_bare(token) || token.line == brace.line)
        return false;
    return begins_block(g, token) ||
           (kind_after(g, 1) == KIND_ASSIGN && !memchr(token.at, ':', (size_t)(token.end - token.at)));
}

/* From the brace on. `name` is the list's option. False when it was faulty. */
static bool list(struct grammar *g, struct token name)
{
    const struct token brace = peek(g);
    const size_t marks = g->n_marks;
    const unsigned outer = g->n_open;
    bool told = false;
    enum kind last = KIND_COMMA; /* as if: a value may follow */
    if (!open_brace(g))
        return false;
    for (bool first = true;; first = false) {
        const struct token token = peek(g);
        if (is_over(g) || conf_token_is_end(token) || is_behind_list(g, brace, token)) {
            if (g->n_marks == marks && !told)
                fault(g, brace.line, "%s", UNCLOSED_LIST);
            g->n_open = outer;
            return false;
        }
        if (token.kind == KIND_CLOSE) {
            close_brace(g);
            if (token.leads && token.line > brace.line && token.column < name.column)
                g->suspect = brace.line;
            return !told && g->n_marks == marks;
        }
        if (drop_semicolon(g, token)) {
            told = true;
            continue;
        }
        const bool after_fault = last == KIND_FAULT || token.kind == KIND_FAULT;
        const bool sound = token.kind == KIND_WORD    ? last == KIND_COMMA
                           : token.kind == KIND_COMMA ? last == KIND_WORD && !first
                                                      : false;
        if (!sound && !after_fault && !told) {
            told = true;
            if (token.kind == KIND_ASSIGN)
                fault(g, token.line, "unexpected '=': put the text in which it stands in double quotes");
            else
                unexpected(g, token);
        }
        last = token.kind;
        if (token.kind == KIND_OPEN)
            skip_braces(g);
        else
            take(g);
    }
}

/* What stands behind `=`. False when it was faulty: told of and passed. `option` is NULL for a name that is
 * none. */
static bool value(struct grammar *g, struct token name, const struct option *option)
{
    struct token token = peek(g);
    char text[CONF_TOKEN_TEXT];
    if (token.kind == KIND_OPEN) {
        if (!option || option_is_list(option))
            return list(g, name);
        unexpected(g, token);
        skip_braces(g);
        return false;
    }
    if (conf_token_is_end(token)) {
        fault(g, name.line, "the file ends in the middle of a statement");
        return false;
    }
    if (token.kind == KIND_CLOSE) {
        unexpected(g, token);
        return false;
    }
    const bool next = conf_token_is_bare(token) && token.line > name.line && kind_after(g, 1) == KIND_ASSIGN;
    if (next || begins_block(g, token)) {
        fault(g, name.line, "a value is missing here: write %s = VALUE", conf_token_text(name, text));
        return false;
    }
    if (token.kind != KIND_WORD) {
        if (token.kind != KIND_FAULT)
            unexpected(g, token);
        skip_statement(g, name.line);
        return false;
    }
    const struct token word = take(g);
    if (conf_token_is_bare(word) && strcmp(conf_token_text(word, text), "[") == 0) {
        fault(g, word.line, "a list stands in braces: write { \"...\", \"...\" }");
        skip_brackets(g);
        return false;
    }
    if (drop_semicolon(g, word))
        return true;
    token = peek(g);
    const bool cut = token.kind == KIND_FAULT && token.line == g->place.line;
    if (cut || token.kind == KIND_COMMA || token.kind == KIND_ASSIGN) {
        if (strchr(conf_token_text(word, text), ';'))
            fault(g, word.line, "%s", SEMICOLON);
        else if (!cut)
            unexpected(g, token);
        skip_statement(g, token.line);
        return false;
    }
    return true;
}

/* ---- statements and blocks ----------------------------------------------------------------------------- */

static void statements(struct grammar *g, enum option_section section);

/* Does the brace that is open now get closed, counting on from the block that begins here? Then a block was
 * written inside a block; otherwise the brace is the one that is missing. */
static bool is_closed_later(const struct grammar *g)
{
    struct conf_place ahead = g->place;
    long depth = 0;
    for (;;) {
        struct token token = conf_token_next(&ahead);
        depth += (token.kind == KIND_OPEN) - (token.kind == KIND_CLOSE);
        if (depth < 0 || conf_token_is_end(token))
            return depth < 0;
    }
}

static void end_block(struct grammar *g, struct token brace, size_t marks, bool kept)
{
    struct token token = peek(g);
    if (token.kind == KIND_CLOSE) {
        close_brace(g);
        return;
    }
    if (!is_over(g) && g->n_marks == marks) {
        if (g->suspect)
            fault(g, g->suspect, "%s", UNCLOSED_LIST);
        else if (conf_token_is_end(token))
            fault(g, brace.line, "the '{' here is never closed: write '}' at its end");
        else
            fault(g, brace.line, "the '{' here is not closed before the block on line %u: write '}' there",
                  conf_source_at(g->source, token.line).line);
    }
    if (kept)
        token.at[-1] = '}'; /* the scanner left room for it */
    g->guessed++;
    g->place = (struct conf_place){token.at, token.at - token.column, token.line, token.leads};
    g->n_open--;
}

/* A block that begins: blocks are numbered by that, and a host ends before its listener. Whatever stops the
 * reading, it counts as faulty until it has ended. */
static size_t reserve_block(struct grammar *g, unsigned line)
{
    struct conf_source *source = g->source;
    struct conf_range *more = array_more(source->block, source->n_blocks, sizeof *more);
    if (!more) {
        g->nomem = true;
        return 0;
    }
    source->block = more;
    source->block[source->n_blocks] = (struct conf_range){line, line, true};
    return source->n_blocks++;
}

/* From the opening brace on; `opened`: it is missing, and was told of. */
static void block(struct grammar *g, enum option_section section, struct token name, bool kept, bool opened)
{
    struct conf_source *source = g->source;
    const struct token brace = peek(g);
    const size_t faults = source->n_faults, marks = g->n_marks - opened;
    if (kept && source->n_blocks == CONF_BLOCKS_MOST) {
        fault(g, name.line, "there may be %d blocks at most", CONF_BLOCKS_MOST);
        source->full = true;
        return;
    }
    if (opened && g->n_open < NESTING_MOST)
        g->opened[g->n_open++] = g->depth;
    else if (!open_brace(g))
        return;
    const size_t number = kept ? reserve_block(g, name.line) : 0;
    g->dropped += !kept;
    g->suspect = 0;
    statements(g, section);
    end_block(g, brace, marks, kept);
    g->dropped -= !kept;
    if (kept && !g->nomem)
        source->block[number] =
            (struct conf_range){name.line, g->place.line, source->n_faults != faults || g->n_marks != marks};
}

/* What is wrong with a word behind which neither a value nor a block of ours follows. */
static void tell_stray(struct grammar *g, enum option_section section, struct token name)
{
    char text[CONF_TOKEN_TEXT], message[CONF_WORDS_TEXT];
    const enum option_section of = block_of(name), known = section < SECTION_COUNT ? section : SECTION_GLOBAL;
    const struct token next = peek(g);
    conf_token_text(name, text);
    text[strcspn(text, ";")] = '\0';
    if (!*text) {
        fault(g, name.line, "an option's name is expected here");
    } else if (of != SECTION_GLOBAL && next.kind == KIND_OPEN) {
        fault(g, name.line, "a name is missing after '%s': write %s \"NAME\" {", text, text);
    } else if (of != SECTION_GLOBAL && next.kind == KIND_WORD && !conf_token_is_bare(next)) {
        fault(g, name.line, "a '{' is missing after the name: write %s \"NAME\" {", text);
    } else if (of == SECTION_LISTEN) {
        fault(g, name.line,
              "'listen' begins a block, in which the address stands: write listen \"NAME\" { address = "
              "\"[::]:443\" ... }");
    } else if (of == SECTION_LOCATION) {
        fault(g, name.line,
              "a location covers its path and all below, there are no patterns: write location \"/PATH/\" {");
    } else if (option_find(known, text) && section == known) {
        fault(g, name.line, "a '=' is missing after '%s': write %s = VALUE", text, text);
    } else if (next.kind == KIND_OPEN && section == known && !conf_words_foreign(text)) {
        fault(
            g, name.line,
            "'%s' begins no block: there are backend \"NAME\" { ... }, listen \"NAME\" { ... } and location "
            "\"/PATH/\" { ... }",
            text);
    } else if (section == known || conf_words_foreign(text)) {
        conf_words_unknown(known, text, message);
        fault(g, name.line, "%s", message);
    }
}

/* A line that begins so is a comment elsewhere. */
static bool is_comment(struct grammar *g, struct token name)
{
    const struct token next = peek(g);
    return conf_token_is_bare(name) && name.leads && *name.at == ';' && next.kind == KIND_WORD &&
           next.line == name.line;
}

/* Such a word, with all that belongs to it: when that is a block, it is looked through all the same. */
static void stray(struct grammar *g, enum option_section section, struct token name)
{
    const enum option_section of = block_of(name);
    const struct token next = peek(g);
    const bool titled = of != SECTION_GLOBAL && next.kind == KIND_WORD && !conf_token_is_bare(next);
    const bool cut = of != SECTION_GLOBAL && next.kind == KIND_FAULT;
    if (next.kind != KIND_FAULT)
        tell_stray(g, section, name);
    for (unsigned n = 0;; n++) {
        struct token token = peek(g);
        if (token.kind == KIND_OPEN || ((titled || cut) && n == 1)) {
            block(g, of != SECTION_GLOBAL && section != SECTION_FOREIGN ? of : SECTION_FOREIGN, name, false,
                  token.kind != KIND_OPEN);
            break;
        }
        if (token.kind < KIND_FAULT || token.kind > KIND_ASSIGN || token.line > name.line) {
            skip_statement(g, name.line);
            break;
        }
        take(g);
    }
    conf_token_blank(name.at, g->place.p);
}

static void setting(struct grammar *g, enum option_section section, struct token name)
{
    char text[CONF_TOKEN_TEXT], message[CONF_WORDS_TEXT];
    const struct option *option =
        section < SECTION_COUNT ? option_find(section, conf_token_text(name, text)) : NULL;
    const struct token sign = take(g);
    bool sound = option != NULL;
    if (section == SECTION_FOREIGN) {
        skip_statement(g, name.line);
    } else if (!*text) {
        fault(g, name.line, "an option's name is expected here");
        skip_statement(g, name.line);
    } else {
        if (!option) {
            conf_words_unknown(section, text, message);
            fault(g, name.line, "%s", message);
        } else if (*sign.at == '+' && !option_is_list(option)) {
            fault(g, name.line, "'%s' takes one value: write = instead of +=", text);
            sound = false;
        }
        sound = value(g, name, option) && sound;
    }
    if (!sound)
        conf_token_blank(name.at, g->place.p);
}

/* `backend` begins a block outside of them, and in a location it is an option. */
static bool is_setting(enum option_section section, struct token name)
{
    char text[CONF_TOKEN_TEXT];
    return block_of(name) == SECTION_GLOBAL ||
           (section < SECTION_COUNT && option_find(section, conf_token_text(name, text)));
}

static void statement(struct grammar *g, enum option_section section)
{
    struct token name = peek(g);
    if (begins_block(g, name)) {
        const enum option_section of = block_of(name);
        const bool nested = of == SECTION_HOST;
        const bool kept = section == (nested ? SECTION_LISTEN : SECTION_GLOBAL) && g->dropped == 0;
        if (nested && section != SECTION_LISTEN && section != SECTION_FOREIGN)
            fault(g, name.line,
                  "a host block stands in a listen block, whose certificate and client_auth it changes for "
                  "one name: write listen \"NAME\" { ... host \"api.example.org\" { ... } }");
        else if (!nested && section != SECTION_GLOBAL && section != SECTION_FOREIGN)
            fault(g, name.line, "a %s block cannot stand inside a block: write it outside, behind the '}'",
                  option_section_name(of));
        take(g);
        take(g);
        block(g, section == SECTION_FOREIGN ? SECTION_FOREIGN : of, name, kept, false);
        if (!kept)
            conf_token_blank(name.at, g->place.p);
        return;
    }
    take(g);
    if (is_comment(g, name)) {
        if (section != SECTION_FOREIGN)
            fault(g, name.line, "a comment begins with '#', not with ';'");
        skip_line(g, name.line);
        conf_token_blank(name.at, g->place.p);
        return;
    }
    if (conf_token_is_bare(name) && *name.at == ';' && name.at + strspn(name.at, ";") == name.end) {
        if (section != SECTION_FOREIGN)
            drop_semicolon(g, name);
        conf_token_blank(name.at, name.end);
        return;
    }
    const struct token next = peek(g);
    if (name.kind == KIND_WORD && next.kind == KIND_ASSIGN && is_setting(section, name)) {
        setting(g, section, name);
    } else if (name.kind == KIND_WORD) {
        stray(g, section, name);
    } else {
        if (name.kind != KIND_FAULT)
            unexpected(g, name);
        skip_statement(g, name.line);
        conf_token_blank(name.at, g->place.p);
    }
}

static void statements(struct grammar *g, enum option_section section)
{
    for (;;) {
        struct token token = peek(g);
        if (is_over(g) || conf_token_is_end(token) || token.kind == KIND_CLOSE)
            return;
        if (section != SECTION_GLOBAL && begins_block(g, token) && (g->suspect || !is_closed_later(g)) &&
            !(section == SECTION_LISTEN && block_of(token) == SECTION_HOST))
            return;
        statement(g, section);
    }
}

int conf_grammar(struct conf_source *source)
{
    struct buf *text = &source->text;
    struct grammar g = {.source = source, .place = {text->data, text->data, 1, true}};
    statements(&g, SECTION_GLOBAL);
    for (char *p = text->data; *p; p++)
        *p = *p > 0 && *p <= CONF_MARK_END ? ' ' : *p;
    return g.nomem ? ERR_NOMEM : 0;
}
