/* The one table of variables (variable.def), and texts in which they stand: "Bearer ${subject.cn}". Who gives
 * them their values is http/variables.h. Pure. */
#ifndef MTLSD_CONFIG_VARIABLE_H
#define MTLSD_CONFIG_VARIABLE_H

#include "base/err.h"

#define VARIABLE(id, name, identity, help) VARIABLE_##id,
enum variable {
#include "config/variable.def"
    VARIABLE_COUNT
};
#undef VARIABLE

struct variable_row {
    const char *name, *help;
    bool identity;
};
extern const struct variable_row VARIABLES[];

/* The variable of that name, or VARIABLE_COUNT. */
enum variable variable_find(const char *name, size_t len);
/* The name of one that is written nearly so, or NULL. */
const char *variable_near(const char *name);

/* The variable that is meant where a text holds one in the form of Caddy or HAProxy, which is plain text
 * here; NULL: it holds none. "NAME" when none is meant that is there. */
const char *variable_of_others(const char *text);

/* A run of characters, or a variable. */
struct template_part {
    enum variable variable; /* VARIABLE_COUNT: the characters */
    const char *text;       /* in the template's own */
    size_t len;
};

struct template
{
    char *text; /* owned; "$$" is "$" in it */
    struct template_part *part;
    size_t n;
};

/* Takes a text apart: ${name} and, for a name of letters, digits and '_' alone, $name; "$$" is a dollar. 0
 * and *out (template_done), ERR_SYNTAX with what to write, ERR_NOMEM. */
MUST_CHECK int template_init(struct template *out, const char *text, struct err *err);
void template_done(struct template *template);

#endif
