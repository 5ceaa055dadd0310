#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "http/h2_fields.h"

bool h2_fields_is_hop(const char *name, size_t len)
{
    static const char *const NAMES[] = {"connection", "keep-alive", "proxy-connection", "transfer-encoding",
                                        "upgrade"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (strlen(NAMES[i]) == len && memcmp(NAMES[i], name, len) == 0)
            return true;
    }
    return false;
}

static void put(struct h2_fields *fields, const char *name, size_t name_len, const char *value, size_t len)
{
    fields->nv[fields->n++] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                                           .value = (uint8_t *)(uintptr_t)value,
                                           .namelen = name_len,
                                           .valuelen = len};
}

static char *put_line(struct h2_fields *fields, char *names, const char *line, const char *end)
{
    const char *colon = memchr(line, ':', (size_t)(end - line));
    if (!colon || colon == line)
        return names;
    const size_t n = (size_t)(colon - line);
    for (size_t i = 0; i < n; i++)
        names[i] = (char)text_lower((unsigned char)line[i]);
    const char *value = colon + 1;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    if (h2_fields_is_hop(names, n))
        return names;
    put(fields, names, n, value, (size_t)(end - value));
    return names + n;
}

void h2_fields_done(struct h2_fields *fields)
{
    free(fields->nv);
    free(fields->names);
    *fields = (struct h2_fields){0};
}

int h2_fields_of(struct h2_fields *out, const struct h2_pseudo *pseudo, size_t n_pseudo, const char *lines,
                 size_t len)
{
    size_t n = n_pseudo;
    const char *end = lines + len;
    for (const char *p = lines; p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
        n++;
    *out = (struct h2_fields){.nv = malloc((n + 1) * sizeof *out->nv), .names = malloc(len + 1)};
    if (!out->nv || !out->names) {
        h2_fields_done(out);
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n_pseudo; i++)
        put(out, pseudo[i].name, strlen(pseudo[i].name), pseudo[i].value, pseudo[i].len);
    char *names = out->names;
    for (const char *line = lines, *next; line < end; line = next + 1) {
        next = memchr(line, '\n', (size_t)(end - line));
        if (!next)
            break;
        names = put_line(out, names, line, next);
    }
    return 0;
}
