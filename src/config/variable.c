#include "config/variable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define VARIABLE(id, name, identity, help) {name, help, identity},
const struct variable_row VARIABLES[] = {
#include "config/variable.def"
};
#undef VARIABLE

enum { NAME_MOST = 64 };

enum variable variable_find(const char *name, size_t len)
{
    unsigned i = 0;
    while (i < VARIABLE_COUNT &&
           (strlen(VARIABLES[i].name) != len || memcmp(VARIABLES[i].name, name, len) != 0))
        i++;
    return (enum variable)i;
}

const char *variable_near(const char *name)
{
    const char *words[VARIABLE_COUNT];
    for (size_t i = 0; i < VARIABLE_COUNT; i++)
        words[i] = VARIABLES[i].name;
    return text_nearest(name, words, VARIABLE_COUNT);
}

static bool in_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static int unknown(const char *name, size_t len, struct err *err)
{
    char text[NAME_MOST];
    snprintf(text, sizeof text, "%.*s", len < sizeof text ? (int)len : (int)sizeof text - 1, name);
    char *shown = text_escaped(text, strlen(text));
    const char *near = variable_near(text);
    int rc = err_set(err, ERR_SYNTAX, "there is no variable '%s'%s%s%s: `mtlsd variables` lists all",
                     shown ? shown : "", near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
    free(shown);
    return rc;
}

/* The variable whose name stands behind the '$' at `p`; *end is what follows it. */
static int variable_at(const char *p, const char **end, enum variable *out, struct err *err)
{
    const bool braces = p[1] == '{';
    const char *name = p + 1 + braces, *close = name;
    while (braces ? *close && *close != '}' : in_name(*close))
        close++;
    if (braces && !*close)
        return err_set(err, ERR_SYNTAX, "'${' needs a '}': write ${NAME}, or $${ for these two characters");
    if (close == name)
        return err_set(err, ERR_SYNTAX,
                       "a variable's name is missing behind '$': write ${NAME}, or $$ for "
                       "the character itself");
    *out = variable_find(name, (size_t)(close - name));
    if (*out == VARIABLE_COUNT)
        return unknown(name, (size_t)(close - name), err);
    *end = close + braces;
    return 0;
}

static void add(struct template *t, enum variable variable, const char *text, size_t len)
{
    struct template_part *last = t->n > 0 ? &t->part[t->n - 1] : NULL;
    if (variable == VARIABLE_COUNT && last && last->variable == VARIABLE_COUNT &&
        last->text + last->len == text)
        last->len += len;
    else
        t->part[t->n++] = (struct template_part){variable, text, len};
}

int template_init(struct template *out, const char *text, struct err *err)
{
    const size_t most = strlen(text) + 1;
    struct template t = {.text = malloc(most), .part = calloc(most, sizeof *t.part)};
    int rc = t.text && t.part ? 0 : err_nomem(err);
    char *to = t.text;
    while (rc == 0 && *text) {
        enum variable variable = VARIABLE_COUNT;
        if (*text == '$' && text[1] != '$') {
            rc = variable_at(text, &text, &variable, err);
            if (rc == 0)
                add(&t, variable, to, 0);
            continue;
        }
        text += *text == '$';
        *to = *text++;
        add(&t, VARIABLE_COUNT, to++, 1);
    }
    if (rc != 0) {
        template_done(&t);
        return rc;
    }
    *to = '\0';
    *out = t;
    return 0;
}

void template_done(struct template *template)
{
    free(template->text);
    free(template->part);
    *template = (struct template){0};
}
