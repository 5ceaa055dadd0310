#include "http/conditional.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "http/chars.h"

static const char *skip_space(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

/* The end of the entity-tag at `p` (with its quotes), or NULL. Section 8.8.3. */
static const char *tag_end(const char *p)
{
    if (*p++ != '"')
        return NULL;
    while ((unsigned char)*p > 0x20 && *p != '"' && *p != 0x7f)
        p++;
    return *p == '"' ? p + 1 : NULL;
}

/* Is `etag` in the list, or is the list "*"? A list that is malformed ends where it stops making sense. */
static bool listed(const char *list, const char *etag, bool weakly)
{
    const char *p = skip_space(list);
    if (*p == '*')
        return *skip_space(p + 1) == '\0';
    size_t len = strlen(etag);
    for (;;) {
        while (*p == ',')
            p = skip_space(p + 1);
        bool weak = p[0] == 'W' && p[1] == '/';
        if (weak)
            p += 2;
        const char *end = tag_end(p);
        if (!end)
            return false;
        if ((weakly || !weak) && (size_t)(end - p) == len && memcmp(p, etag, len) == 0)
            return true;
        p = skip_space(end);
        if (*p != ',')
            return false;
    }
}

unsigned conditional_status(const struct conditions *c, const struct validators *v)
{
    time_t date;
    if (c->if_match) {
        if (!listed(c->if_match, v->etag, false))
            return 412;
    } else if (c->if_unmodified_since && clock_parse_http_date(c->if_unmodified_since, &date) == 0) {
        if (v->modified > date)
            return 412;
    }
    if (c->if_none_match)
        return listed(c->if_none_match, v->etag, true) ? 304 : 0;
    if (c->if_modified_since && clock_parse_http_date(c->if_modified_since, &date) == 0)
        return v->modified <= date ? 304 : 0;
    return 0;
}

/* Section 13.1.5: strong comparison; a date counts only when it is this very date, and old enough that no
 * second version can bear it (section 8.8.2.2). */
static bool if_range_holds(const char *value, const struct validators *v)
{
    value = skip_space(value);
    const char *end = tag_end(value);
    if (end)
        return *skip_space(end) == '\0' && strncmp(value, v->etag, strlen(v->etag)) == 0 &&
               (size_t)(end - value) == strlen(v->etag);
    time_t date;
    return clock_parse_http_date(value, &date) == 0 && date == v->modified && v->now - v->modified >= 1;
}

/* Digits at *p; UINT64_MAX when there are more than fit, which is beyond every file. False when there is
 * none. */
static bool number(const char **p, uint64_t *out)
{
    const char *s = *p;
    uint64_t n = 0;
    for (; CHARS[(unsigned char)*s] & CHARS_DIGIT; s++) {
        unsigned digit = (unsigned)(*s - '0');
        n = n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : n * 10 + digit;
    }
    if (s == *p)
        return false;
    *p = s;
    *out = n;
    return true;
}

enum range_kind conditional_range(const struct conditions *c, const struct validators *v, uint64_t size,
                                  uint64_t *first, uint64_t *last)
{
    if (!c->range || (c->if_range && !if_range_holds(c->if_range, v)))
        return RANGE_WHOLE;
    const char *p = c->range;
    if (strncasecmp(p, "bytes=", 6) != 0)
        return RANGE_WHOLE;
    p = skip_space(p + 6);
    uint64_t from = 0, to = UINT64_MAX;
    bool suffix = *p == '-';
    if (suffix) {
        p++;
        if (!number(&p, &to))
            return RANGE_WHOLE;
    } else {
        if (!number(&p, &from) || *p++ != '-')
            return RANGE_WHOLE;
        if ((CHARS[(unsigned char)*p] & CHARS_DIGIT) && (!number(&p, &to) || to < from))
            return RANGE_WHOLE;
    }
    if (*skip_space(p) != '\0') /* several ranges, which section 14.2 allows to ignore, or nonsense */
        return RANGE_WHOLE;
    if (suffix) {
        if (to == 0)
            return RANGE_UNSATISFIABLE;
        if (size == 0) /* satisfiable, and no Content-Range could say so */
            return RANGE_WHOLE;
        from = to < size ? size - to : 0;
        to = size - 1;
    } else if (from >= size) {
        return RANGE_UNSATISFIABLE;
    }
    *first = from;
    *last = to < size ? to : size - 1;
    return RANGE_PART;
}
