/* The text of a configuration made ready for libConfuse: includes put in their place, comments blanked, every
 * line traced to its file. What libConfuse 3.3 does badly is done or refused here: it counts a line with a
 * comment thrice, takes a comment inside a list for a value, drops a `*` outside quotes, accepts a block that
 * is never closed, cuts a string at "\0", and after an error inside an included file it starts the next parse
 * in the middle of that file. Private to src/config. */
#ifndef MTLSD_CONFIG_CONF_SOURCE_H
#define MTLSD_CONFIG_CONF_SOURCE_H

#include "base/buf.h"
#include "base/diag.h"
#include "base/err.h"

/* The manual's section LIMITS names them. */
enum { CONF_SOURCE_MOST = 16 * 1024 * 1024, CONF_INCLUDES_MOST = 1000, CONF_BLOCKS_MOST = 10000 };
#define CONF_SOURCE_MOST_TEXT "16 MiB"

/* Reads a whole file into `out`, whose limit is set; with what is wrong and a negative code when it cannot.
 */
typedef int conf_read_fn(const char *path, struct buf *out, struct err *err);

struct conf_source {
    struct buf text;
    struct src *line; /* line[i]: where line i + 1 of `text` was written */
    size_t n_lines;
    unsigned *block; /* block[i]: line of `text` on which the block number i begins */
    size_t n_blocks;
    char **name; /* the files that `line` points to; the first is the configuration itself */
    size_t n_names;
    size_t total; /* bytes read, includes and all */

    /* The fault that ended it, when there was one: `text` holds what stands before it. */
    bool stopped;
    struct src stop_src;
    char stop[512];
};

/* `dir` is the folder that the names in include("NAME") are joined to; `read` reads them, NULL: an include is
 * a fault. 0 also when the text has a fault; ERR_NOMEM. conf_source_done is due in any case. */
MUST_CHECK int conf_source_init(struct conf_source *source, const char *text, size_t len, const char *file,
                                const char *dir, conf_read_fn *read);
void conf_source_done(struct conf_source *source);

/* Where a line of source->text was written. */
struct src conf_source_at(const struct conf_source *source, unsigned line);

/* `name` in the folder `dir` as a new string (a copy of `name` when it is absolute or `dir` is NULL, "" or
 * "."); NULL when memory is short. */
char *conf_join(const char *dir, const char *name);

#endif
