#include "http/coding.h"

#include <string.h>
#include <strings.h>

#include "http/chars.h"

static const struct {
    const char *name;
    enum coding coding;
} NAMES[] = {
    {"br", CODING_BR}, {"gzip", CODING_GZIP}, {"x-gzip", CODING_GZIP}, {"identity", CODING_IDENTITY}};

static const char *skip_space(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

/* ";q=0.5" at *p, in thousandths; 1000 when there is none. -1 when it is malformed. */
static int weight(const char **at)
{
    const char *p = skip_space(*at);
    if (*p != ';') {
        *at = p;
        return 1000;
    }
    p = skip_space(p + 1);
    if ((*p != 'q' && *p != 'Q') || p[1] != '=' || (p[2] != '0' && p[2] != '1'))
        return -1;
    int q = (p[2] - '0') * 1000;
    p += 3;
    if (*p == '.') {
        p++;
        for (int unit = 100; unit > 0 && (CHARS[(unsigned char)*p] & CHARS_DIGIT); unit /= 10)
            q += unit * (*p++ - '0');
    }
    *at = skip_space(p);
    return q <= 1000 ? q : -1;
}

size_t coding_order(const char *accept_encoding, enum coding order[static CODINGS])
{
    enum { UNSAID = -1 };
    int q[CODINGS] = {UNSAID, UNSAID, UNSAID}, rest = UNSAID;
    const char *p = accept_encoding ? accept_encoding : "";
    while (*p) {
        p = skip_space(p);
        const char *name = p;
        while (CHARS[(unsigned char)*p] & CHARS_TOKEN)
            p++;
        size_t len = (size_t)(p - name);
        int w = weight(&p);
        if (w >= 0 && (*p == '\0' || *p == ',')) {
            if (len == 1 && *name == '*')
                rest = w;
            for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
                if (strlen(NAMES[i].name) == len && strncasecmp(NAMES[i].name, name, len) == 0)
                    q[NAMES[i].coding] = w;
        }
        p += strcspn(p, ",");
        p += *p == ',';
    }
    /* What is not named has the weight of "*". Identity without either is acceptable, after all that was
     * asked for. */
    for (int c = 0; c < CODINGS; c++)
        if (q[c] == UNSAID)
            q[c] = rest != UNSAID ? rest : 0;
    size_t n = 0;
    for (int c = 0; c < CODINGS; c++) {
        if (q[c] == 0 && c != CODING_IDENTITY)
            continue;
        size_t at = n++;
        for (; at > 0 && q[order[at - 1]] < q[c]; at--)
            order[at] = order[at - 1];
        order[at] = (enum coding)c;
    }
    return n;
}
