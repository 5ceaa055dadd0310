#include "http/words.h"

#include <stdlib.h>
#include <string.h>

#include "http/accept.h"

static const struct row {
    const char *english, *chinese;
    bool part; /* said only within another */
} ROWS[] = {
#define WORDS(english, chinese) {english, chinese, false},
#define PART(english, chinese)  {english, chinese, true},
#include "http/words.def"
#undef PART
#undef WORDS
};

/* A row has few holes, and words in words are no deeper: a hint in that of a clock, and a span of time. */
enum { HOLES_MOST = 4, DEPTH_MOST = 3 };

enum hole { HOLE_VALUE, HOLE_WORDS, HOLE_ANY };
static const char *const HOLE[] = {[HOLE_VALUE] = "{}", [HOLE_WORDS] = "{words}", [HOLE_ANY] = "{any}"};

struct piece {
    const char *p;
    size_t n;
    enum hole hole; /* what it stands in */
};

static const char *find(struct piece in, const char *what, size_t n)
{
    return n == 0 ? in.p : memmem(in.p, in.n, what, n);
}

/* The next hole of a form: what is before it, and its kind; *after is behind it, NULL: there is none. */
static size_t next_hole(const char *form, enum hole *kind, const char **after)
{
    const char *at = strchr(form, '{');
    *after = NULL;
    for (int i = HOLE_VALUE; at && i <= HOLE_ANY; i++) {
        if (strncmp(at, HOLE[i], strlen(HOLE[i])) != 0)
            continue;
        *kind = (enum hole)i;
        *after = at + strlen(HOLE[i]);
        return (size_t)(at - form);
    }
    return strlen(form);
}

/* Whether the text is of this form; what stands in its holes then. What is between two of them is found where
 * it comes first, what is behind the last at the end. */
static bool fits(struct piece text, const char *form, struct piece value[static HOLES_MOST], size_t *n)
{
    if (form[0] != '{' && (text.n == 0 || text.p[0] != form[0]))
        return false; /* nearly all rows, before they are read through */
    enum hole kind = HOLE_VALUE;
    const char *rest;
    size_t head = next_hole(form, &kind, &rest);
    *n = 0;
    if (text.n < head || memcmp(text.p, form, head) != 0)
        return false;
    text.p += head;
    text.n -= head;
    while (rest && *n < HOLES_MOST) {
        const char *after;
        enum hole next = HOLE_VALUE;
        size_t between = next_hole(rest, &next, &after);
        const char *at = after              ? find(text, rest, between)
                         : text.n < between ? NULL
                                            : text.p + text.n - between;
        if (!at || memcmp(at, rest, between) != 0)
            return false;
        value[(*n)++] = (struct piece){text.p, (size_t)(at - text.p), kind};
        text.n = (size_t)(text.p + text.n - at) - between;
        text.p = at + between;
        rest = after;
        kind = next;
    }
    return text.n == 0;
}

static bool say(struct piece text, unsigned depth, struct buf *out);

/* What should be words is, or nothing. */
static bool are_said(const struct piece *value, size_t n, unsigned depth)
{
    for (size_t i = 0; i < n; i++) {
        if (value[i].hole == HOLE_WORDS && value[i].n > 0 && !say(value[i], depth + 1, NULL))
            return false;
    }
    return true;
}

static void put_hole(struct piece value, unsigned depth, struct buf *out)
{
    if (value.hole == HOLE_VALUE || !say(value, depth + 1, out))
        buf_put(out, value.p, value.n);
}

static void put_row(const char *chinese, const struct piece *value, size_t n, unsigned depth, struct buf *out)
{
    for (const char *p = chinese; *p; p++) {
        if (p[0] != '{' || p[1] < '1' || (size_t)(p[1] - '0') > n || p[2] != '}') {
            buf_putc(out, *p);
            continue;
        }
        put_hole(value[p[1] - '1'], depth, out);
        p += 2;
    }
}

/* `out` NULL: only whether it could. */
static bool say(struct piece text, unsigned depth, struct buf *out)
{
    struct piece value[HOLES_MOST] = {{0}};
    size_t n;
    for (size_t i = 0; depth <= DEPTH_MOST && text.n > 0 && i < ARRAY_LEN(ROWS); i++) {
        if ((depth == 0 && ROWS[i].part) || !fits(text, ROWS[i].english, value, &n) ||
            !are_said(value, n, depth))
            continue;
        if (out)
            put_row(ROWS[i].chinese, value, n, depth, out);
        return true;
    }
    return false;
}

char *words_say(enum language language, const char *text)
{
    struct buf out;
    char *said = NULL;
    buf_init(&out, 0);
    if (language != LANGUAGE_ENGLISH && say((struct piece){.p = text, .n = strlen(text)}, 0, &out))
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

enum language words_of(const struct request *request)
{
    const char *field = request->header ? request->header(request, "Accept-Language") : NULL;
    return accept_chinese(field) ? LANGUAGE_CHINESE : LANGUAGE_ENGLISH;
}

void words_headers(enum language language, struct reply *reply)
{
    (void)reply_header(reply, "Content-Language", "%s", language == LANGUAGE_CHINESE ? "zh-Hans" : "en");
    (void)reply_header(reply, "Vary", "Accept-Language");
}
