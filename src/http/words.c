#include "http/words.h"

#include <stdlib.h>
#include <string.h>

#include "http/accept.h"

static const struct row {
    const char *english, *chinese;
} ROWS[] = {
#define WORDS(english, chinese) {english, chinese},
#include "http/words.def"
#undef WORDS
};

/* A row has few values, and words in words are no deeper: a hint in that of a clock, and a span of time. */
enum { VALUES_MOST = 4, DEPTH_MOST = 3 };

struct piece {
    const char *p;
    size_t n;
};

static const char HOLE[] = "{}";

static const char *find(struct piece in, const char *what, size_t n)
{
    return n == 0 ? in.p : memmem(in.p, in.n, what, n);
}

/* Whether the text is of this form; what stands in its holes then. What is between two of them is found where
 * it comes first, what is behind the last at the end. */
static bool fits(struct piece text, const char *form, struct piece value[static VALUES_MOST])
{
    if (form[0] != HOLE[0] && (text.n == 0 || text.p[0] != form[0]))
        return false; /* nearly all rows, before they are read through */
    const char *hole = strstr(form, HOLE);
    size_t head = hole ? (size_t)(hole - form) : strlen(form), n = 0;
    if (text.n < head || memcmp(text.p, form, head) != 0)
        return false;
    text = (struct piece){text.p + head, text.n - head};
    while (hole && n < VALUES_MOST) {
        form = hole + sizeof HOLE - 1;
        hole = strstr(form, HOLE);
        size_t between = hole ? (size_t)(hole - form) : strlen(form);
        const char *at = hole               ? find(text, form, between)
                         : text.n < between ? NULL
                                            : text.p + text.n - between;
        if (!at || memcmp(at, form, between) != 0)
            return false;
        value[n++] = (struct piece){text.p, (size_t)(at - text.p)};
        text = (struct piece){at + between, (size_t)(text.p + text.n - at) - between};
    }
    return text.n == 0;
}

static bool say(struct piece text, unsigned depth, struct buf *out);

/* A value is words that have a row, or itself. */
static void put_value(struct piece value, unsigned depth, struct buf *out)
{
    if (depth >= DEPTH_MOST || !say(value, depth + 1, out))
        buf_put(out, value.p, value.n);
}

static bool say(struct piece text, unsigned depth, struct buf *out)
{
    struct piece value[VALUES_MOST] = {{0}};
    for (size_t i = 0; text.n > 0 && i < ARRAY_LEN(ROWS); i++) {
        if (!fits(text, ROWS[i].english, value))
            continue;
        for (const char *p = ROWS[i].chinese; *p; p++) {
            if (p[0] != '{' || p[1] < '1' || p[1] > '0' + VALUES_MOST || p[2] != '}') {
                buf_putc(out, *p);
                continue;
            }
            put_value(value[p[1] - '1'], depth, out);
            p += 2;
        }
        return true;
    }
    return false;
}

char *words_say(enum language language, const char *text)
{
    struct buf out;
    char *said = NULL;
    buf_init(&out, 0);
    if (language != LANGUAGE_ENGLISH && say((struct piece){text, strlen(text)}, 0, &out))
        said = buf_take(&out, NULL);
    buf_done(&out);
    return said;
}

static bool is_for_people(const char *key)
{
    static const char *const KEYS[] = {"reason", "hint", "expected", "note", "title", "detail"};
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++)
        if (strcmp(key, KEYS[i]) == 0)
            return true;
    return false;
}

static bool say_member(enum language language, json_t *object, const char *key, json_t *text)
{
    char *said = words_say(language, json_string_value(text));
    bool good = !said || json_object_set_new(object, key, json_string(said)) == 0;
    free(said);
    return good;
}

/* Views are a few levels deep, and of our own making. */
static bool say_in(enum language language, json_t *value)
{
    bool good = true;
    size_t i;
    const char *key;
    json_t *member;
    void *next;
    json_array_foreach(value, i, member) good = say_in(language, member) && good;
    json_object_foreach_safe(value, next, key, member)
    {
        if (!json_is_string(member))
            good = say_in(language, member) && good;
        else if (is_for_people(key))
            good = say_member(language, value, key, member) && good;
    }
    return good;
}

json_t *words_view(enum language language, json_t *value)
{
    if (!value || language == LANGUAGE_ENGLISH || say_in(language, value))
        return value;
    json_decref(value);
    return NULL;
}

enum language words_language(const char *accept_language)
{
    return accept_chinese(accept_language) ? LANGUAGE_CHINESE : LANGUAGE_ENGLISH;
}

enum language words_of(const struct request *request)
{
    return words_language(request->header ? request->header(request, "Accept-Language") : NULL);
}

void words_headers(enum language language, struct reply *reply)
{
    (void)reply_header(reply, "Content-Language", "%s", language == LANGUAGE_CHINESE ? "zh-Hans" : "en");
    (void)reply_header(reply, "Vary", "Accept-Language");
}
