#include "http/path.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "http/chars.h"

/* What follows scheme and authority, "" when nothing does; NULL when `target` is in neither form. */
static const char *skip_authority(const char *target)
{
    if (*target == '/')
        return target;
    size_t scheme = strncasecmp(target, "https://", 8) == 0  ? 8
                    : strncasecmp(target, "http://", 7) == 0 ? 7
                                                             : 0;
    if (scheme == 0)
        return NULL;
    size_t authority = strcspn(target + scheme, "/?#");
    return authority > 0 ? target + scheme + authority : NULL;
}

/* What becomes of a slash that is encoded. */
enum slashes {
    REFUSED = -1,
    KEPT = PATH_SLASH,
    SPLIT = '/', /* as any other; and of such a path no segment is a dot segment */
};

/* One byte of the path, decoded, and *p moved over it; -1 when it is refused. */
static int decode(const char **p, enum slashes slashes)
{
    const unsigned char *s = (const unsigned char *)*p;
    int c = *s;
    if (c == '%') {
        int high = chars_hex(s[1]), low = high < 0 ? -1 : chars_hex(s[2]);
        if (low < 0)
            return -1;
        c = high << 4 | low;
        if (c == '/' && slashes != REFUSED) {
            *p += 3;
            return (int)slashes;
        }
        if (c == '/')
            return -1;
        *p += 2;
    } else if (c == '#') {
        return -1;
    }
    *p += 1;
    return c < 0x20 || c == 0x7f || c == '\\' ? -1 : c;
}

static bool valid_utf8(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    while (n > 0) {
        size_t len = text_utf8_char(p, n, NULL);
        if (len == 0)
            return false;
        p += len;
        n -= len;
    }
    return true;
}

/* The segment out[start, *len) has ended. Removes it when it is a dot segment, with the one before it for
 * ".."; -1 when there is none. */
static int close_segment(const char *out, size_t *len, size_t start, enum slashes slashes)
{
    size_t n = *len - start;
    if (slashes == SPLIT && n > 0 && n <= 2 && out[start] == '.' && out[*len - 1] == '.')
        return -1;
    if (n == 1 && out[start] == '.') {
        *len = start;
    } else if (n == 2 && out[start] == '.' && out[start + 1] == '.') {
        if (start == 1)
            return -1;
        *len = start - 1;
        while (out[*len - 1] != '/')
            --*len;
    }
    return 0;
}

/* A slash behind that. Those that follow another are left out. 0, -1 or PATH_LONG. */
static int put_slash(char *out, size_t *len, size_t *start, enum slashes slashes)
{
    if (close_segment(out, len, *start, slashes) != 0)
        return -1;
    if (out[*len - 1] != '/') {
        if (*len == PATH_MOST)
            return PATH_LONG;
        out[(*len)++] = '/';
    }
    *start = *len;
    return 0;
}

static int normalise(const char *target, enum slashes slashes, char path[static PATH_MOST + 1],
                     const char **query)
{
    if (strcmp(target, "*") == 0) {
        memcpy(path, "*", 2);
        *query = NULL;
        return 0;
    }
    const char *p = skip_authority(target);
    if (!p)
        return -1;
    char out[PATH_MOST + 1];
    out[0] = '/';
    size_t len = 1, start = 1; /* out[0, start) ends with a slash and is settled */
    bool ascii = true;
    if (*p == '/')
        p++;
    while (*p != '\0' && *p != '?') {
        if (*p == '/') {
            p++;
            int rc = put_slash(out, &len, &start, slashes);
            if (rc != 0)
                return rc;
            continue;
        }
        while ((CHARS[(unsigned char)*p] & CHARS_LABEL) && len < PATH_MOST)
            out[len++] = *p++; /* nearly all of nearly every path */
        if (*p == '/' || *p == '\0' || *p == '?')
            continue;
        int c = decode(&p, slashes);
        int rc = c < 0 ? -1 : c == '/' ? put_slash(out, &len, &start, slashes) : 0;
        if (rc != 0)
            return rc;
        if (c == '/')
            continue;
        if (len == PATH_MOST)
            return PATH_LONG;
        out[len++] = (char)c;
        ascii &= c < 0x80;
    }
    if (close_segment(out, &len, start, slashes) != 0 || (!ascii && !valid_utf8(out, len)))
        return -1;
    const char *q = *p == '?' ? p + 1 : NULL;
    for (const char *c = q; c && *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f || *c == '#')
            return -1;
    out[len] = '\0';
    memcpy(path, out, len + 1);
    *query = q;
    return 0;
}

int path_normalise(const char *target, char path[static PATH_MOST + 1], const char **query)
{
    return normalise(target, REFUSED, path, query);
}

int path_normalise_slashes(const char *target, char path[static PATH_MOST + 1],
                           char split[static PATH_MOST + 1], const char **query)
{
    char as_slashes[PATH_MOST + 1];
    int rc = normalise(target, SPLIT, as_slashes, query);
    if (rc == 0)
        rc = normalise(target, KEPT, path, query);
    if (rc == 0)
        memcpy(split, as_slashes, strlen(as_slashes) + 1);
    return rc;
}

void path_encode(struct buf *out, const char *path)
{
    for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
        if (*p == '/' || *p == '.' || *p == '~' || (CHARS[*p] & CHARS_LABEL))
            buf_putc(out, (char)*p);
        else
            buf_printf(out, "%%%02X", *p);
    }
}
