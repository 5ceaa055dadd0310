#include "config/conf_token.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "config/conf.h"
#include "config/conf_source.h"

static char *string_end(struct conf_place *place, char *p)
{
    const char quote = *p++;
    for (; *p && *p != quote; p++) {
        if (*p == '\\' && p[1])
            p++;
        if (*p == '\n') {
            place->line++;
            place->line_start = p + 1;
        }
    }
    return p + (*p == quote);
}

static char *word_end(char *p)
{
    /* What libConfuse's lexer ends a word at, and the marks. */
    if (p[0] == '$' && p[1] == '{')
        return p + strcspn(p, "}\n") + (p[strcspn(p, "}\n")] == '}');
    return p + strcspn(p, " #\"'\t\n\r={}()+,*\x01\x02\x03");
}

struct token conf_token_next(struct conf_place *place)
{
    static const struct {
        char c;
        enum kind kind;
    } SIGNS[] = {{'\0', KIND_END},
                 {CONF_MARK_END, KIND_FILE_END},
                 {CONF_MARK_FAULT, KIND_FAULT},
                 {'=', KIND_ASSIGN},
                 {'+', KIND_ASSIGN},
                 {'{', KIND_OPEN},
                 {'}', KIND_CLOSE},
                 {',', KIND_COMMA}};
    char *p = place->p;
    for (; *p == ' ' || *p == '\n' || *p == CONF_MARK_BEGIN; p++) {
        if (*p != '\n')
            continue;
        place->line++;
        place->line_start = p + 1;
        place->leads = true;
    }
    struct token token = {KIND_WORD, p, p + 1, place->line, (unsigned)(p - place->line_start), place->leads};
    bool sign = false;
    for (size_t i = 0; i < ARRAY_LEN(SIGNS) && !sign; i++) {
        sign = *p == SIGNS[i].c;
        token.kind = sign ? SIGNS[i].kind : KIND_WORD;
    }
    if (*p == '\0')
        token.end = p;
    else if (*p == '+')
        token.end = p + 2;
    else if (*p == '"' || *p == '\'')
        token.end = string_end(place, p);
    else if (!sign)
        token.end = word_end(p) > p ? word_end(p) : p + 1;
    place->p = token.end;
    place->leads = false;
    return token;
}

bool conf_token_is_end(struct token token)
{
    return token.kind == KIND_END || token.kind == KIND_FILE_END;
}

bool conf_token_is_bare(struct token token)
{
    return token.kind == KIND_WORD && *token.at != '"' && *token.at != '\'';
}

const char *conf_token_text(struct token token, char out[static CONF_TOKEN_TEXT])
{
    const size_t quoted = token.kind == KIND_WORD && !conf_token_is_bare(token);
    int n = (int)(token.end - token.at) - 2 * (int)quoted;
    snprintf(out, CONF_TOKEN_TEXT, "%.*s", n > 0 ? n : 0, token.at + quoted);
    return out;
}

void conf_token_blank(char *from, const char *to)
{
    for (; from < to; from++)
        *from = *from == '\n' ? '\n' : ' ';
}

/* Within double quotes libConfuse knows backslash escapes and ${NAME}; a line may not end there. */
void conf_put_quoted(struct buf *out, const char *text)
{
    buf_putc(out, '"');
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < ' ') {
            buf_printf(out, "\\x%02x", (unsigned)(unsigned char)*p);
            continue;
        }
        if (strchr("\"\\$", *p))
            buf_putc(out, '\\');
        buf_putc(out, *p);
    }
    buf_putc(out, '"');
}
