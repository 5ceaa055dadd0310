#include "http/accept.h"

#include <string.h>
#include <strings.h>

#include "http/chars.h"

/* How closely a media range describes the type. */
enum { RANGE_NO, RANGE_ANY, RANGE_TYPE, RANGE_EXACT };

static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t");
}

static const char *skip_token(const char *p)
{
    while (CHARS[(unsigned char)*p] & CHARS_TOKEN)
        p++;
    return p;
}

/* Over a token or quoted-string; NULL when it is neither. */
static const char *skip_value(const char *p)
{
    if (*p != '"') {
        const char *end = skip_token(p);
        return end > p ? end : NULL;
    }
    for (p++; *p && *p != '"'; p++) {
        if (*p == '\\' && *++p == '\0')
            return NULL;
    }
    return *p ? p + 1 : NULL;
}

/* qvalue of RFC 9110 section 12.4.2 in thousandths; what is none counts as 0. */
static unsigned quality(const char *p, const char *end)
{
    unsigned value, weight = 100;
    if (p == end || (*p != '0' && *p != '1'))
        return 0;
    value = *p++ == '1' ? 1000 : 0;
    if (p == end)
        return value;
    if (*p++ != '.' || end - p > 3)
        return 0;
    for (; p < end; p++, weight /= 10) {
        if (*p < '0' || *p > '9')
            return 0;
        value += (unsigned)(*p - '0') * weight;
    }
    return value <= 1000 ? value : 0;
}

/* How closely the range [p, end), as in Accept, describes `type`. */
static int closeness(const char *p, const char *end, const char *type)
{
    size_t len = (size_t)(end - p), head = strcspn(type, "/") + 1;
    if (len == strlen(type) && strncasecmp(p, type, len) == 0)
        return RANGE_EXACT;
    if (len == head + 1 && strncasecmp(p, type, head) == 0 && p[head] == '*')
        return RANGE_TYPE;
    return len == 3 && memcmp(p, "*/*", 3) == 0 ? RANGE_ANY : RANGE_NO;
}

/* Reads the parameters behind a range and takes q out of them. NULL when they are malformed. */
static const char *parameters(const char *p, unsigned *q)
{
    for (p = skip_space(p); *p == ';'; p = skip_space(p)) {
        p = skip_space(p + 1);
        const char *name = p;
        p = skip_token(p);
        size_t len = (size_t)(p - name);
        if (len == 0)
            continue; /* an empty parameter is allowed */
        if (*p != '=')
            return NULL;
        const char *value = p + 1;
        p = skip_value(value);
        if (!p)
            return NULL;
        if (len == 1 && (*name == 'q' || *name == 'Q'))
            *q = quality(value, p);
    }
    return *p == ',' || *p == '\0' ? p : NULL;
}

unsigned accept_quality(const char *field, const char *type)
{
    const char *p = field ? skip_space(field) : "";
    if (*p == '\0')
        return 1000;
    unsigned best = 0;
    int best_closeness = RANGE_NO;
    while (*p) {
        const char *begin = p, *slash = skip_token(p), *end = *slash == '/' ? skip_token(slash + 1) : slash;
        unsigned q = 1000;
        const char *next = end > begin ? parameters(end, &q) : NULL;
        if (next) {
            int c = closeness(begin, end, type);
            if (c > best_closeness) {
                best_closeness = c;
                best = q;
            }
        } else {
            next = begin + strcspn(begin, ",");
        }
        p = next + strspn(next, ", \t");
    }
    return best;
}

bool accept_prefers_html(const char *field)
{
    unsigned problem = accept_quality(field, "application/problem+json");
    unsigned json = accept_quality(field, "application/json");
    return accept_quality(field, "text/html") > (problem > json ? problem : json);
}

/* Whether the language range [p, end) is this language, whatever its script or region. */
static bool is_language(const char *p, const char *end, const char *language)
{
    size_t len = strlen(language), have = (size_t)(end - p);
    return have >= len && strncasecmp(p, language, len) == 0 && (have == len || p[len] == '-');
}

bool accept_chinese(const char *field)
{
    unsigned best = 0;
    bool chinese = false;
    for (const char *p = field ? skip_space(field) : ""; *p;) {
        const char *end = skip_token(p);
        unsigned q = 1000;
        const char *next = end > p ? parameters(end, &q) : NULL;
        bool zh = is_language(p, end, "zh");
        if (next && q > best && (zh || is_language(p, end, "en"))) {
            best = q;
            chinese = zh;
        }
        next = next ? next : p + strcspn(p, ",");
        p = next + strspn(next, ", \t");
    }
    return chinese;
}
