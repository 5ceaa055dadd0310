/* The tokens of the text that the scanner leaves (conf_source.h): what libConfuse's lexer will make of it.
 * Pure. Private to src/config. */
#ifndef MTLSD_CONFIG_CONF_TOKEN_H
#define MTLSD_CONFIG_CONF_TOKEN_H

#include "base/base.h"

enum { CONF_TOKEN_TEXT = 64 };

enum kind { KIND_END, KIND_FILE_END, KIND_FAULT, KIND_WORD, KIND_ASSIGN, KIND_OPEN, KIND_CLOSE, KIND_COMMA };

struct token {
    enum kind kind;
    char *at, *end;
    unsigned line, column;
    bool leads; /* the first of its line */
};

/* Where the next token is looked for: begin with {text, text, 1, true}. */
struct conf_place {
    char *p, *line_start;
    unsigned line;
    bool leads;
};

/* The token at `place`, which moves behind it. The text ends with a NUL byte, which is KIND_END for ever. */
struct token conf_token_next(struct conf_place *place);

bool conf_token_is_end(struct token token);
bool conf_token_is_bare(struct token token); /* a word without quotes */
/* The name or text of a word, without its quotes, cut when it is long. Returns out. */
const char *conf_token_text(struct token token, char out[static CONF_TOKEN_TEXT]);
/* Blanks, but for line ends. */
void conf_token_blank(char *from, const char *to);

#endif
