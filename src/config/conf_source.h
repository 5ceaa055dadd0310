/* The text of a configuration made ready for libConfuse: includes put in their place, comments blanked, every
 * line traced to its file. What libConfuse 3.3 does badly is done or refused here: it counts a line with a
 * comment thrice, takes a comment inside a list for a value, drops a `*` outside quotes, accepts a block that
 * is never closed, cuts a string at "\0", ends at the first error, and after one inside an included file it
 * starts the next parse in the middle of that file. So it only ever gets sound statements: words that are
 * none are found here, statements that are none by conf_grammar, and both are told of and left out. Private
 * to src/config. */
#ifndef MTLSD_CONFIG_CONF_SOURCE_H
#define MTLSD_CONFIG_CONF_SOURCE_H

#include "base/buf.h"
#include "base/diag.h"
#include "base/err.h"

/* The manual's section LIMITS names them. */
enum {
    CONF_SOURCE_MOST = 16 * 1024 * 1024,
    CONF_INCLUDES_MOST = 1000,
    CONF_BLOCKS_MOST = 10000,
    CONF_FAULTS_MOST = 100
};
#define CONF_SOURCE_MOST_TEXT "16 MiB"

/* Reads a whole file into `out`, whose limit is set; with what is wrong and a negative code when it cannot.
 */
typedef int conf_read_fn(const char *path, struct buf *out, struct err *err);

/* What left the scanner's hands for the grammar, as bytes that no text of a configuration can hold: something
 * that was told of, the begin of an included file and the end of a file. */
enum { CONF_MARK_FAULT = 1, CONF_MARK_BEGIN = 2, CONF_MARK_END = 3 };

struct conf_range {
    unsigned first, last; /* lines */
    bool faulty;          /* something in it was left out */
};

struct conf_fault {
    struct src src;
    unsigned line; /* of the flattened text */
    char *text;
};

struct conf_source {
    struct buf text;
    struct src *line; /* line[i]: where line i + 1 of `text` was written */
    size_t n_lines;
    struct conf_range *block; /* block[i]: where the block number i stands in `text` */
    size_t n_blocks;
    char **name; /* the files that `line` points to; the first is the configuration itself */
    size_t n_names;
    size_t total; /* bytes read, includes and all */

    struct conf_fault *fault; /* in the order in which they were found */
    size_t n_faults;
    bool full; /* more were not looked for */
};

/* What a configuration is made of. */
struct conf_input {
    const char *text;
    size_t len;
    const char *file;   /* what the text is called in messages */
    const char *dir;    /* the folder that the names in include("NAME") are joined to */
    conf_read_fn *read; /* reads them; NULL: an include is a fault */
};

/* Borrows `input` for the call. 0 also when the text has a fault; ERR_NOMEM. conf_source_done is due in any
 * case. */
MUST_CHECK int conf_source_init(struct conf_source *source, const struct conf_input *input);
void conf_source_done(struct conf_source *source);

/* Adds a fault, of which `text` is copied. ERR_SYNTAX, ERR_NOMEM. */
int conf_source_fault(struct conf_source *source, struct src src, unsigned line, const char *text);

/* Where a line of source->text was written. */
struct src conf_source_at(const struct conf_source *source, unsigned line);

/* `name` in the folder `dir` as a new string (a copy of `name` when it is absolute or `dir` is NULL, "" or
 * "."); NULL when memory is short. */
char *conf_join(const char *dir, const char *name);

#endif
