/* The words of a field that is a list (RFC 9110 section 5.6.1): commas and white space part them, and empty
 * ones are passed over. Pure. */
#ifndef MTLSD_HTTP_LIST_H
#define MTLSD_HTTP_LIST_H

#include "base/base.h"

struct list_word {
    const char *at; /* in the list */
    size_t len;
};

/* The first word in [*p, end); *p goes behind it. False: there is none. */
bool list_next(const char **p, const char *end, struct list_word *word);

/* In any case. */
bool list_word_is(const struct list_word *word, const char *other, size_t len);

/* Is `word` in a list that ends with a NUL, in any case? NULL: no list, and nothing is in it. */
bool list_has(const char *list, const char *word, size_t len);

#endif
