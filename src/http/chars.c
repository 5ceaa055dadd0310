#include "http/chars.h"

#define BETWEEN(c, a, b) ((c) >= (a) && (c) <= (b))
#define DIGIT(c)         BETWEEN(c, '0', '9')
#define ALPHA(c)         (BETWEEN(c, 'A', 'Z') || BETWEEN(c, 'a', 'z'))
#define SIGN(c)                                                                                              \
    ((c) == '!' || BETWEEN(c, '#', '\'') || (c) == '*' || (c) == '+' || (c) == '-' || (c) == '.' ||          \
     BETWEEN(c, '^', '`') || (c) == '|' || (c) == '~')
#define TOKEN(c)  (DIGIT(c) || ALPHA(c) || SIGN(c))
#define TARGET(c) (BETWEEN(c, 0x21, 0x7e) && (c) != '"' && (c) != '#' && (c) != '<' && (c) != '>')
#define VALUE(c)  ((c) == '\t' || ((c) >= 0x20 && (c) != 0x7f))
#define LABEL(c)  (DIGIT(c) || ALPHA(c) || (c) == '-' || (c) == '_')
#define HEX(c)    (DIGIT(c) || BETWEEN(c, 'A', 'F') || BETWEEN(c, 'a', 'f'))
#define SPACE(c)  ((c) == ' ' || (c) == '\t')
#define PATH(c)                                                                                              \
    (LABEL(c) || (c) == '.' || (c) == '~' || (c) == '/' || (c) == '!' || (c) == '$' || (c) == '&' ||         \
     BETWEEN(c, '\'', ',') || (c) == '=' || (c) == ':' || (c) == '@')

#define ONE(c)                                                                                               \
    ((TOKEN(c) ? CHARS_TOKEN : 0) | (TARGET(c) ? CHARS_TARGET : 0) | (VALUE(c) ? CHARS_VALUE : 0) |          \
     (LABEL(c) ? CHARS_LABEL : 0) | (DIGIT(c) ? CHARS_DIGIT : 0) | (HEX(c) ? CHARS_HEX : 0) |                \
     (SPACE(c) ? CHARS_SPACE : 0) | (PATH(c) ? CHARS_PATH : 0))
#define FOUR(c)      ONE(c), ONE((c) + 1), ONE((c) + 2), ONE((c) + 3)
#define SIXTEEN(c)   FOUR(c), FOUR((c) + 4), FOUR((c) + 8), FOUR((c) + 12)
#define SIXTYFOUR(c) SIXTEEN(c), SIXTEEN((c) + 16), SIXTEEN((c) + 32), SIXTEEN((c) + 48)

const uint8_t CHARS[256] = {SIXTYFOUR(0), SIXTYFOUR(64), SIXTYFOUR(128), SIXTYFOUR(192)};
