/* What the server says to people, in their language: one catalogue (words.def), by whose rows a text that was
 * made in English is said anew. A text that has no row stays English, and values stay as they are, whatever
 * they look like. Pure. */
#ifndef MTLSD_HTTP_WORDS_H
#define MTLSD_HTTP_WORDS_H

#include <jansson.h>

#include "http/message.h"

enum language { LANGUAGE_ENGLISH, LANGUAGE_CHINESE };

/* That of a request, by its Accept-Language (RFC 9110 section 12.5.4): the language that weighs more, of two
 * that weigh the same the first; any kind of Chinese is Chinese, and what is neither does not count. */
enum language words_of(const struct request *request);

/* The text in that language, as new memory; NULL where it has no row, or memory is short. */
char *words_say(enum language language, const char *text);

/* The same of every text of a view that is meant for people: reason, hint, expected, note, title, detail.
 * Takes the value over and gives it back; NULL when memory is short. */
json_t *words_view(enum language language, json_t *value);

/* Content-Language, and Vary. */
void words_headers(enum language language, struct reply *reply);

#endif
