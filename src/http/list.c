#include "http/list.h"

#include <string.h>
#include <strings.h>

static bool parts(char c)
{
    return c == ',' || c == ' ' || c == '\t';
}

bool list_next(const char **p, const char *end, struct list_word *word)
{
    const char *at = *p;
    while (at < end && parts(*at))
        at++;
    *word = (struct list_word){.at = at};
    while (at < end && !parts(*at))
        at++;
    word->len = (size_t)(at - word->at);
    *p = at;
    return word->len > 0;
}

bool list_word_is(const struct list_word *word, const char *other, size_t len)
{
    return word->len == len && strncasecmp(word->at, other, len) == 0;
}

bool list_has(const char *list, const char *word, size_t len)
{
    struct list_word own;
    const char *end = list ? list + strlen(list) : NULL;
    while (list && list_next(&list, end, &own)) {
        if (list_word_is(&own, word, len))
            return true;
    }
    return false;
}
