#include "config/conf_source.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { NESTING_MOST = 4, INCLUDE_DEPTH_MOST = 8, VARIABLE_MOST = 128 };

/* What libConfuse's lexer ends an unquoted word at; the rest of the bytes belong to it. */
static const char WORD_ENDS[] = " #\"'\t\n\r={}()+,*";

enum token { TOKEN_NONE, TOKEN_WORD, TOKEN_ASSIGN, TOKEN_OTHER };

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

    unsigned open[NESTING_MOST]; /* the lines of the braces that are open */
    unsigned n_open;

    enum token last;
    unsigned word_line[2]; /* in the flattened text: the last word and the one before it */
    size_t word_at, word_len;
    bool after_word; /* the token before the last was a word too */
};

static int fault(struct scan *scan, unsigned line, const char *fmt, ...) PRINTF(3, 4);
static int fault(struct scan *scan, unsigned line, const char *fmt, ...)
{
    struct conf_source *source = scan->source;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(source->stop, sizeof source->stop, fmt, ap);
    va_end(ap);
    source->stop_src = (struct src){scan->file, line};
    source->stopped = true;
    return ERR_SYNTAX;
}

/* Doubles `*array` when it is full: full at every power of two. */
static bool grow(void **array, size_t n, size_t size)
{
    if (n & (n - 1))
        return true;
    void *larger = realloc(*array, (n ? 2 * n : 1) * size);
    if (larger)
        *array = larger;
    return larger != NULL;
}

static int begin_line(struct scan *scan)
{
    struct conf_source *source = scan->source;
    void *array = source->line;
    if (!grow(&array, source->n_lines, sizeof *source->line))
        return ERR_NOMEM;
    source->line = array;
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

static void token(struct scan *scan, enum token kind)
{
    if (kind == TOKEN_WORD) {
        scan->after_word = scan->last == TOKEN_WORD;
        scan->word_line[1] = scan->word_line[0];
        scan->word_line[0] = (unsigned)scan->source->n_lines;
    }
    scan->last = kind;
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
 */
static int variable(struct scan *scan, char quote)
{
    const char *close = scan->p + 2;
    while (close < scan->end && *close != '}' && *close != '\n' && *close != quote)
        close++;
    if (close == scan->end || *close != '}')
        return fault(scan, scan->line, "'${' needs a '}': write ${NAME}, or \\${ for these two characters");
    const char *name = scan->p + 2, *colon = memchr(name, ':', (size_t)(close - name));
    if (!colon || colon[1] != '-') {
        char text[VARIABLE_MOST];
        if (close == name || close - name >= VARIABLE_MOST)
            return fault(scan, scan->line,
                         "'${}' needs the name of an environment variable of at most %d bytes",
                         VARIABLE_MOST - 1);
        snprintf(text, sizeof text, "%.*s", (int)(close - name), name);
        if (!getenv(text)) {
            char *shown = text_escaped(text, strlen(text));
            int rc = fault(
                scan, scan->line,
                "the environment variable '%s' is not set: set it, or write ${NAME:-TEXT} with the text "
                "to take in its place",
                shown ? shown : "");
            free(shown);
            return rc;
        }
    }
    return take_n(scan, (size_t)(close + 1 - scan->p), false);
}

/* Bytes of the escape sequence at scan->p in double quotes; 0 when it stands for a NUL byte. */
static size_t escape_len(const struct scan *scan)
{
    const char *p = scan->p + 1;
    size_t room = (size_t)(scan->end - p), n = 0;
    unsigned value = 0;
    if (room > 1 && *p == 'x') {
        for (n = 1; n < 3 && n < room && strchr("0123456789abcdefABCDEF", p[n]); n++)
            value |= p[n] != '0';
        return n > 1 && value == 0 ? 0 : 1 + n;
    }
    for (n = 0; n < 3 && n < room && p[n] >= '0' && p[n] <= '7'; n++)
        value |= p[n] != '0';
    return n > 0 && value == 0 ? 0 : 1 + (n ? n : 1);
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
            size_t n = quote == '"' ? escape_len(scan) : 2;
            rc = n == 0 ? fault(scan, scan->line, "a text cannot hold a NUL byte") : take_n(scan, n, false);
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

/* A faulty string is left out: at one that ends in the middle of an escape, libConfuse's lexer writes to
 * stdout. */
static int string(struct scan *scan)
{
    struct buf *text = &scan->source->text;
    const size_t start = text->len;
    int rc = string_body(scan);
    if (rc == ERR_SYNTAX && text->data) {
        text->len = start;
        text->data[start] = '\0';
    }
    return rc;
}

static int word(struct scan *scan)
{
    size_t n = 0, left = (size_t)(scan->end - scan->p);
    while (n < left && scan->p[n] != '\0' && !strchr(WORD_ENDS, scan->p[n])) {
        unsigned char c = (unsigned char)scan->p[n++];
        if (c < ' ' || c == 0x7f)
            return fault(scan, scan->line, "unexpected control character 0x%02x: is this a text file?", c);
    }
    token(scan, TOKEN_WORD);
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
    void *array = source->name;
    int rc = ERR_NOMEM;
    if (!grow(&array, source->n_names, sizeof *source->name)) {
        free(path);
        goto out;
    }
    source->name = array;
    source->name[source->n_names++] = path;

    rc = scan->read(path, &text, &err);
    if (rc != 0) {
        fault(scan, line, "include: %s", err.text);
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
    if (scan->last != TOKEN_WORD || scan->word_len != strlen("include") ||
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
    scan->last = TOKEN_OTHER;

    if (!scan->read)
        return fault(scan, line, "include is possible in a file only");
    if (source->n_names > CONF_INCLUDES_MOST)
        return fault(scan, line, "there may be %d included files at most", CONF_INCLUDES_MOST);
    char *bare = strndup(name, (size_t)(close - name));
    char *path = bare ? conf_join(scan->dir, bare) : NULL;
    free(bare);
    if (!path)
        return ERR_NOMEM;
    bool loop = scan->depth >= INCLUDE_DEPTH_MOST;
    for (const struct scan *s = scan; s && !loop; s = s->outer)
        loop = strcmp(s->file, path) == 0;
    if (loop) {
        free(path);
        return fault(scan, line, "include: the files include each other without an end, or more than %d deep",
                     INCLUDE_DEPTH_MOST);
    }
    return include_file(scan, path, line);
}

static int brace(struct scan *scan)
{
    struct conf_source *source = scan->source;
    if (*scan->p == '}') {
        if (scan->n_open == 0)
            return fault(scan, scan->line, "unexpected '}': no brace is open here");
        scan->n_open--;
    } else {
        if (scan->n_open == NESTING_MOST)
            return fault(scan, scan->line, "braces are nested too deeply");
        scan->open[scan->n_open++] = scan->line;
        if (scan->last != TOKEN_ASSIGN) {
            void *array = source->block;
            if (source->n_blocks == CONF_BLOCKS_MOST)
                return fault(scan, scan->line, "there may be %d blocks at most", CONF_BLOCKS_MOST);
            if (!grow(&array, source->n_blocks, sizeof *source->block))
                return ERR_NOMEM;
            source->block = array;
            bool titled = scan->last == TOKEN_WORD && scan->after_word;
            source->block[source->n_blocks++] = titled ? scan->word_line[1] : (unsigned)source->n_lines;
        }
    }
    token(scan, TOKEN_OTHER);
    return take(scan, false);
}

static int next(struct scan *scan)
{
    size_t left = (size_t)(scan->end - scan->p);
    char c = scan->p[0], d = left > 1 ? scan->p[1] : '\0';
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
        token(scan, TOKEN_WORD);
        scan->word_len = 0;
        return string(scan);
    case '{':
    case '}':
        return brace(scan);
    case '(':
    case ')':
        return c == '(' ? include(scan) : fault(scan, scan->line, "unexpected ')'");
    case '=':
    case '+':
        if (c == '+' && d != '=')
            break;
        token(scan, TOKEN_ASSIGN);
        return take_n(scan, c == '+' ? 2 : 1, false);
    case ',':
        token(scan, TOKEN_OTHER);
        return take(scan, false);
    case '/':
        return d == '/' || d == '*' ? comment(scan) : word(scan);
    case '$':
        if (d != '{')
            return word(scan);
        token(scan, TOKEN_WORD);
        scan->word_len = 0;
        return variable(scan, '\0');
    case '*':
    case '\0':
        break;
    default:
        return word(scan);
    }
    if (c == '\0')
        return fault(scan, scan->line, "unexpected NUL byte: is this a text file in UTF-8?");
    return fault(scan, scan->line, "unexpected '%c': put the text in which it stands in double quotes", c);
}

static int scan_file(struct scan *scan)
{
    /* The byte order mark of editors that write one. */
    if (scan->end - scan->p >= 3 && memcmp(scan->p, "\xef\xbb\xbf", 3) == 0)
        scan->p += 3;
    int rc = 0;
    while (rc == 0 && scan->p < scan->end)
        rc = buf_failed(&scan->source->text) ? ERR_NOMEM : next(scan);
    if (rc == 0 && scan->n_open > 0)
        rc = fault(scan, scan->open[scan->n_open - 1], "the '{' here is never closed: write '}' at its end");
    return rc;
}

int conf_source_init(struct conf_source *source, const char *text, size_t len, const char *file,
                     const char *dir, conf_read_fn *read)
{
    memset(source, 0, sizeof *source);
    /* Room for the line ends that stand around each included text. */
    buf_init(&source->text, CONF_SOURCE_MOST + 4 * CONF_INCLUDES_MOST);
    source->name = malloc(sizeof *source->name);
    if (source->name)
        source->name[0] = strdup(file);
    if (!source->name || !source->name[0])
        return ERR_NOMEM;
    source->n_names = 1;
    source->total = len;

    struct scan scan = {.source = source,
                        .dir = dir,
                        .read = read,
                        .file = source->name[0],
                        .p = text,
                        .end = text + len,
                        .line = 1};
    int rc = begin_line(&scan);
    if (rc == 0)
        rc = len > CONF_SOURCE_MOST ? fault(&scan, 0, "the file is larger than " CONF_SOURCE_MOST_TEXT)
                                    : scan_file(&scan);
    buf_puts(&source->text, "");
    if (buf_failed(&source->text) || rc == ERR_NOMEM)
        return ERR_NOMEM;
    return 0;
}

void conf_source_done(struct conf_source *source)
{
    if (!source)
        return;
    for (size_t i = 0; i < source->n_names; i++)
        free(source->name[i]);
    free(source->name);
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
