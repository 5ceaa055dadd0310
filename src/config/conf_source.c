#include "config/conf_source.h"

#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "config/conf_grammar.h"
#include "config/variable.h"

enum { INCLUDE_DEPTH_MOST = 8, VARIABLE_MOST = 128 };

/* What libConfuse's lexer ends an unquoted word at; the rest of the bytes belong to it. */
static const char WORD_ENDS[] = " #\"'\t\n\r={}()+,*";

/* One file being read; includes nest. */
struct scan {
    struct conf_source *source;
    const char *dir;
    conf_read_fn *read;
    const struct scan *outer;
    unsigned depth; /* of includes */

    const char *file;
    const char *p, *end;
    unsigned line;

    bool after_word; /* the last token was the word at text[word_at] */
    size_t word_at, word_len;
};

int conf_source_fault(struct conf_source *source, struct src src, unsigned line, const char *text)
{
    if (source->full)
        return ERR_SYNTAX;
    source->full = source->n_faults + 1 == CONF_FAULTS_MOST;
    char *copy = strdup(source->full ? "too many errors: what follows was not judged" : text);
    struct conf_fault *more = copy ? array_more(source->fault, source->n_faults, sizeof *more) : NULL;
    if (!more) {
        free(copy);
        return ERR_NOMEM;
    }
    source->fault = more;
    source->fault[source->n_faults++] = (struct conf_fault){src, line, copy};
    return ERR_SYNTAX;
}

static int fault(struct scan *scan, unsigned line, const char *fmt, ...) PRINTF(3, 4);
static int fault(struct scan *scan, unsigned line, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    /* Of a text of several lines the last is at hand: the fault lies in the same statement. */
    return conf_source_fault(scan->source, (struct src){scan->file, line}, (unsigned)scan->source->n_lines,
                             text);
}

static int begin_line(struct scan *scan)
{
    struct conf_source *source = scan->source;
    struct src *more = array_more(source->line, source->n_lines, sizeof *more);
    if (!more)
        return ERR_NOMEM;
    source->line = more;
    source->line[source->n_lines++] = (struct src){scan->file, scan->line};
    return 0;
}

/* Takes one byte over, or in its place a blank. Line ends stay, so that columns of tokens may move but lines
 * do not. */
static int take(struct scan *scan, bool blank)
{
    char c = *scan->p++;
    if (c == '\n') {
        buf_putc(&scan->source->text, c);
        scan->line++;
        return begin_line(scan);
    }
    buf_putc(&scan->source->text, blank ? ' ' : c);
    return 0;
}

static int take_n(struct scan *scan, size_t n, bool blank)
{
    int rc = 0;
    while (rc == 0 && n-- > 0)
        rc = take(scan, blank);
    return rc;
}

static int comment(struct scan *scan)
{
    if (scan->p[0] == '/' && scan->p[1] == '*') {
        const char *close = memmem(scan->p + 2, (size_t)(scan->end - scan->p) - 2, "*/", 2);
        if (!close)
            return fault(scan, scan->line,
                         "the comment that begins here is never closed: write */ at its end");
        return take_n(scan, (size_t)(close + 2 - scan->p), true);
    }
    const char *newline = memchr(scan->p, '\n', (size_t)(scan->end - scan->p));
    return take_n(scan, (size_t)((newline ? newline : scan->end) - scan->p), true);
}

/* "${NAME}" or "${NAME:-TEXT}", which libConfuse replaces: NAME has to be set, or nothing would stand there.
 * Unless it is a variable of requests (variable.h), which keeps its place. */
static int variable(struct scan *scan, char quote)
{
    const char *close = scan->p + 2;
    while (close < scan->end && *close != '}' && *close != '\n' && *close != quote)
        close++;
    if (close == scan->end || *close != '}')
        return fault(scan, scan->line, "'${' needs a '}': write ${NAME}, or \\${ for these two characters");
    const char *name = scan->p + 2, *colon = memchr(name, ':', (size_t)(close - name));
    /* One of a request: libConfuse is to leave it alone. */
    if (variable_find(name, (size_t)(close - name)) != VARIABLE_COUNT) {
        if (quote == '\0')
            return fault(scan, scan->line, "a text with a variable stands in quotes: write \"${%.*s}\"",
                         (int)(close - name), name);
        buf_putc(&scan->source->text, '\\');
        return take_n(scan, (size_t)(close + 1 - scan->p), false);
    }
    if (!colon || colon[1] != '-') {
        char text[VARIABLE_MOST];
        if (close == name || close - name >= VARIABLE_MOST)
            return fault(scan, scan->line,
                         "'${}' needs the name of an environment variable of at most %d bytes",
                         VARIABLE_MOST - 1);
        snprintf(text, sizeof text, "%.*s", (int)(close - name), name);
        if (!getenv(text)) {
            char *shown = text_escaped(text, strlen(text));
            const char *near = variable_near(text);
            int rc = near ? fault(scan, scan->line,
                                  "there is no variable '%s', in requests nor in the environment: did you "
                                  "mean '%s'? `mtlsd variables` lists all",
                                  shown ? shown : "", near)
                          : fault(scan, scan->line,
                                  "the environment variable '%s' is not set: set it, or write ${NAME:-TEXT} "
                                  "with the text to take in its place",
                                  shown ? shown : "");
            free(shown);
            return rc;
        }
    }
    return take_n(scan, (size_t)(close + 1 - scan->p), false);
}

/* An escape sequence in double quotes as libConfuse reads it. */
static int escape(struct scan *scan)
{
    const char *p = scan->p + 1;
    const size_t room = (size_t)(scan->end - p);
    size_t n = 0;
    unsigned value = 0;
    bool number = true, sound = true;
    if (room > 1 && *p == 'x') {
        for (n = 1; n < 3 && n < room && p[n] && strchr("0123456789abcdefABCDEF", p[n]); n++)
            value |= p[n] != '0';
        number = n > 1;
    } else {
        for (; n < room && p[n] >= '0' && p[n] <= '9'; n++) {
            sound = sound && n < 3 && p[n] < '8';
            value = 8 * (value & 0xfff) + (unsigned)(p[n] - '0');
        }
        number = n > 0;
    }
    if (number && sound && value == 0)
        return fault(scan, scan->line, "a text cannot hold a NUL byte");
    if (!sound || value > 255)
        return fault(scan, scan->line, "'\\%.*s' %s here: write \\\\ for a backslash, or use single quotes",
                     n > 20 ? 20 : (int)n, p, sound ? "is more than a byte" : "means nothing");
    return take_n(scan, 1 + (n ? n : 1), false);
}

static int string_body(struct scan *scan)
{
    const char quote = *scan->p;
    const unsigned line = scan->line;
    int rc = take(scan, false);
    while (rc == 0 && scan->p < scan->end && *scan->p != quote) {
        size_t left = (size_t)(scan->end - scan->p);
        unsigned char c = (unsigned char)*scan->p;
        if (c == '\\' && left > 1) {
            rc = quote == '"' ? escape(scan) : take_n(scan, 2, false);
        } else if (c == '\n') {
            break;
        } else if (c == '$' && quote == '"' && left > 1 && scan->p[1] == '{') {
            rc = variable(scan, quote);
        } else if ((c < ' ' && c != '\t') || c == 0x7f) {
            rc = fault(scan, scan->line, "a text cannot hold the control character 0x%02x", c);
        } else {
            rc = take(scan, false);
        }
    }
    if (rc != 0)
        return rc;
    if (scan->p == scan->end || *scan->p == '\n')
        return fault(scan, line, "the text that begins here is not closed: write %c at its end", quote);
    return take(scan, false);
}

/* A faulty string is left out up to where it most probably ends; its line ends stay. */
static int string(struct scan *scan)
{
    struct buf *text = &scan->source->text;
    const char quote = *scan->p;
    const size_t start = text->len, lines = scan->source->n_lines;
    int rc = string_body(scan);
    if (rc != ERR_SYNTAX || !text->data)
        return rc;
    text->len = start;
    for (size_t n = lines; n < scan->source->n_lines; n++)
        buf_putc(text, '\n');
    for (; scan->p < scan->end && *scan->p != '\n' && *scan->p != quote; scan->p++)
        scan->p += *scan->p == '\\' && scan->p + 1 < scan->end && scan->p[1] != '\n';
    scan->p += scan->p < scan->end && *scan->p == quote;
    return rc;
}

static int word(struct scan *scan)
{
    size_t n = 0, left = (size_t)(scan->end - scan->p);
    while (n < left && scan->p[n] != '\0' && !strchr(WORD_ENDS, scan->p[n])) {
        unsigned char c = (unsigned char)scan->p[n++];
        if (c < ' ' || c == 0x7f) {
            fault(scan, scan->line, "unexpected control character 0x%02x: is this a text file?", c);
            scan->p = scan->end;
            return ERR_SYNTAX;
        }
    }
    buf_putc(&scan->source->text, ' '); /* room for a brace, where the grammar finds that one is missing */
    scan->after_word = true;
    scan->word_at = scan->source->text.len;
    scan->word_len = n;
    return take_n(scan, n, false);
}

static int scan_file(struct scan *scan);

/* Reads the file `path`, which it owns from then on, in the place of the include on `line`. */
static int include_file(struct scan *scan, char *path, unsigned line)
{
    struct conf_source *source = scan->source;
    struct buf text;
    buf_init(&text, CONF_SOURCE_MOST);
    struct err err;
    char **more = array_more(source->name, source->n_names, sizeof *more);
    int rc = ERR_NOMEM;
    if (!more) {
        free(path);
        goto out;
    }
    source->name = more;
    source->name[source->n_names++] = path;

    rc = scan->read(path, &text, &err);
    if (rc != 0) {
        rc = fault(scan, line, "include: %s", err.text);
        goto out;
    }
    source->total += text.len;
    if (source->total > CONF_SOURCE_MOST) {
        rc = fault(scan, line,
                   "include: the configuration is larger than " CONF_SOURCE_MOST_TEXT " with this file");
        goto out;
    }
    struct scan inner = {.source = source,
                         .dir = scan->dir,
                         .read = scan->read,
                         .outer = scan,
                         .depth = scan->depth + 1,
                         .file = path,
                         .p = text.data ? text.data : "",
                         .line = 1};
    inner.end = inner.p + text.len;
    buf_putc(&source->text, CONF_MARK_BEGIN);
    buf_putc(&source->text, '\n');
    rc = begin_line(&inner);
    if (rc == 0)
        rc = scan_file(&inner);
    if (rc == 0) {
        buf_putc(&source->text, '\n');
        rc = begin_line(scan);
    }
out:
    buf_done(&text);
    return rc;
}

/* Unless it is being read, or too many are; owns `path`. */
static int include_once(struct scan *scan, char *path, unsigned line)
{
    bool loop = scan->depth >= INCLUDE_DEPTH_MOST, many = scan->source->n_names > CONF_INCLUDES_MOST;
    for (const struct scan *s = scan; s && !loop; s = s->outer)
        loop = strcmp(s->file, path) == 0;
    if (!loop && !many)
        return include_file(scan, path, line);
    free(path);
    if (many)
        return fault(scan, line, "there may be %d included files at most", CONF_INCLUDES_MOST);
    return fault(scan, line, "include: the files include each other without an end, or more than %d deep",
                 INCLUDE_DEPTH_MOST);
}

/* Each file that fits the pattern, by name, as nginx does it; none is no mistake. Owns `pattern`. */
static int include_all(struct scan *scan, char *pattern, unsigned line)
{
    glob_t found;
    int rc = glob(pattern, GLOB_ERR, NULL, &found);
    if (rc == GLOB_ABORTED)
        rc = fault(scan, line, "include: cannot look into a folder of %s: %s", pattern, strerror(errno));
    else if (rc == GLOB_NOSPACE)
        rc = ERR_NOMEM;
    else
        rc = 0;
    for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++) {
        char *path = strdup(found.gl_pathv[i]);
        rc = path ? include_once(scan, path, line) : ERR_NOMEM;
    }
    globfree(&found);
    free(pattern);
    return rc;
}

static int blanks(struct scan *scan)
{
    int rc = 0;
    while (rc == 0 && scan->p < scan->end && strchr(" \t\r\n", *scan->p) && *scan->p)
        rc = take(scan, true);
    return rc;
}

/* `(` was met: it can only belong to include("FILE"). Its words are blanked and the file's text follows. */
static int include(struct scan *scan)
{
    struct conf_source *source = scan->source;
    const unsigned line = scan->line;
    static const char FORM[] = "write include(\"FILE\")";
    if (!scan->after_word || scan->word_len != strlen("include") ||
        memcmp(source->text.data + scan->word_at, "include", scan->word_len) != 0)
        return fault(scan, line, "unexpected '(': only include has parentheses, as in include(\"FILE\")");
    memset(source->text.data + scan->word_at, ' ', scan->word_len);
    int rc = take(scan, true);
    if (rc == 0)
        rc = blanks(scan);
    if (rc != 0)
        return rc;
    if (scan->p == scan->end || (*scan->p != '"' && *scan->p != '\''))
        return fault(scan, line, "include needs the name of a file in quotes: %s", FORM);
    const char quote = *scan->p, *name = scan->p + 1;
    const char *close = memchr(name, quote, (size_t)(scan->end - name));
    if (!close || close == name || memchr(name, '\n', (size_t)(close - name)))
        return fault(scan, line, "include needs the name of a file in quotes: %s", FORM);
    if (memchr(name, '\\', (size_t)(close - name)) || memmem(name, (size_t)(close - name), "${", 2))
        return fault(scan, line, "include takes the name of a file as it is, without \\ and ${}: %s", FORM);
    rc = take_n(scan, (size_t)(close + 1 - scan->p), true);
    if (rc == 0)
        rc = blanks(scan);
    if (rc != 0)
        return rc;
    if (scan->p == scan->end || *scan->p != ')')
        return fault(scan, line, "include needs a closing parenthesis: %s", FORM);
    rc = take(scan, true);
    if (rc != 0)
        return rc;

    if (!scan->read)
        return fault(scan, line, "include is possible in a file only");
    char *bare = strndup(name, (size_t)(close - name));
    char *path = bare ? conf_join(scan->dir, bare) : NULL;
    const bool pattern = bare && strpbrk(bare, "*?[");
    free(bare);
    if (!path)
        return ERR_NOMEM;
    return pattern ? include_all(scan, path, line) : include_once(scan, path, line);
}

static int next(struct scan *scan)
{
    size_t left = (size_t)(scan->end - scan->p);
    char c = scan->p[0], d = left > 1 ? scan->p[1] : '\0';
    if (c == '/' && (d == '/' || d == '*'))
        return comment(scan);
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != '#' && c != '(')
        scan->after_word = false;
    switch (c) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return take(scan, c != '\n');
    case '#':
        return comment(scan);
    case '"':
    case '\'':
        return string(scan);
    case '{':
    case '}':
    case '=':
    case ',':
        return take(scan, false);
    case '(':
        return include(scan);
    case ')':
        return fault(scan, scan->line, "unexpected ')'");
    case '+':
        if (d != '=')
            break;
        return take_n(scan, 2, false);
    case '$':
        return d == '{' ? variable(scan, '\0') : word(scan);
    case '*':
        break;
    case '\0':
        fault(scan, scan->line, "unexpected NUL byte: is this a text file in UTF-8?");
        scan->p = scan->end;
        return ERR_SYNTAX;
    default:
        return word(scan);
    }
    return fault(scan, scan->line, "unexpected '%c': put the text in which it stands in double quotes", c);
}

/* Behind a fault that was told of, in what began at `start`: a mark in its place, and on behind it. A string
 * and what is no text have been passed already. */
static void recover(struct scan *scan, const char *start)
{
    const char c = *start;
    scan->after_word = false;
    buf_putc(&scan->source->text, CONF_MARK_FAULT);
    if (c == '#' || (c == '/' && start + 1 < scan->end && (start[1] == '/' || start[1] == '*'))) {
        scan->p = scan->end;
    } else if (c == '(' && (scan->p == start || scan->p[-1] != ')')) {
        while (scan->p < scan->end && *scan->p != '\n' && *scan->p++ != ')')
            ;
    } else if (c == '$') {
        while (scan->p < scan->end && !strchr(" \t\n", *scan->p) && *scan->p++ != '}')
            ;
    } else if (scan->p == start && scan->p < scan->end) {
        scan->p++;
    }
}

static int scan_file(struct scan *scan)
{
    struct buf *text = &scan->source->text;
    /* The byte order mark of editors that write one. */
    if (scan->end - scan->p >= 3 && memcmp(scan->p, "\xef\xbb\xbf", 3) == 0)
        scan->p += 3;
    int rc = 0;
    while (rc == 0 && scan->p < scan->end && !scan->source->full) {
        const char *start = scan->p;
        rc = next(scan);
        if (rc == ERR_SYNTAX)
            recover(scan, start);
        rc = rc == ERR_SYNTAX ? 0 : rc;
        rc = buf_failed(text) ? ERR_NOMEM : rc;
    }
    buf_putc(text, ' '); /* as in word() */
    buf_putc(text, CONF_MARK_END);
    return rc;
}

int conf_source_init(struct conf_source *source, const struct conf_input *input)
{
    memset(source, 0, sizeof *source);
    /* Room for the blank before each word and for what stands around each included text. */
    buf_init(&source->text, 2 * CONF_SOURCE_MOST + 8 * CONF_INCLUDES_MOST);
    source->name = malloc(sizeof *source->name);
    if (source->name)
        source->name[0] = strdup(input->file);
    if (!source->name || !source->name[0])
        return ERR_NOMEM;
    source->n_names = 1;
    source->total = input->len;

    struct scan scan = {.source = source,
                        .dir = input->dir,
                        .read = input->read,
                        .file = source->name[0],
                        .p = input->text,
                        .end = input->text + input->len,
                        .line = 1};
    int rc = begin_line(&scan);
    if (rc == 0)
        rc = input->len > CONF_SOURCE_MOST ? fault(&scan, 0, "the file is larger than " CONF_SOURCE_MOST_TEXT)
                                           : scan_file(&scan);
    buf_putc(&source->text, '\n');
    if (buf_failed(&source->text) || rc == ERR_NOMEM)
        return ERR_NOMEM;
    source->full = source->full || input->len > CONF_SOURCE_MOST;
    rc = source->full ? 0 : conf_grammar(source);
    if (source->full) { /* what is left of it need not be sound */
        source->text.data[source->text.len = 0] = '\0';
        source->n_blocks = 0;
    }
    return rc;
}

void conf_source_done(struct conf_source *source)
{
    if (!source)
        return;
    for (size_t i = 0; i < source->n_names; i++)
        free(source->name[i]);
    free(source->name);
    for (size_t i = 0; i < source->n_faults; i++)
        free(source->fault[i].text);
    free(source->fault);
    free(source->line);
    free(source->block);
    buf_done(&source->text);
    memset(source, 0, sizeof *source);
}

struct src conf_source_at(const struct conf_source *source, unsigned line)
{
    return line > 0 && line <= source->n_lines ? source->line[line - 1] : (struct src){source->name[0], 0};
}

char *conf_join(const char *dir, const char *name)
{
    if (name[0] == '/' || !dir || !*dir || strcmp(dir, ".") == 0)
        return strdup(name);
    size_t n = strlen(dir);
    struct buf path;
    buf_init(&path, 0);
    buf_put(&path, dir, n);
    if (dir[n - 1] != '/')
        buf_putc(&path, '/');
    buf_puts(&path, name);
    return buf_take(&path, NULL);
}
