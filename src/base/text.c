#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

size_t text_utf8_char(const unsigned char *s, size_t n, uint32_t *cp)
{
    uint32_t c;
    size_t len;
    if (n == 0)
        return 0;
    if (s[0] < 0x80) {
        c = s[0];
        len = 1;
    } else if (s[0] >= 0xc2 && s[0] <= 0xdf) {
        c = s[0] & 0x1fu;
        len = 2;
    } else if (s[0] >= 0xe0 && s[0] <= 0xef) {
        c = s[0] & 0x0fu;
        len = 3;
    } else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        c = s[0] & 0x07u;
        len = 4;
    } else {
        return 0;
    }
    if (n < len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    if ((len == 3 && c < 0x800) || (len == 4 && c < 0x10000) || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    if (cp)
        *cp = c;
    return len;
}

bool text_is_unsafe(uint32_t cp)
{
    static const struct {
        uint32_t first, last;
    } UNSAFE[] = {
        {0x0, 0x1f},      {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},     {0x180e, 0x180e},
        {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfdd0, 0xfdef},   {0xfe00, 0xfe0f},
        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe0fff},
    };
    for (size_t i = 0; i < ARRAY_LEN(UNSAFE); i++) {
        if (cp >= UNSAFE[i].first && cp <= UNSAFE[i].last)
            return true;
    }
    return (cp & 0xfffe) == 0xfffe;
}

void text_escape(struct buf *out, const void *bytes, size_t n)
{
    static const char HEX[] = "0123456789ABCDEF";
    const unsigned char *s = bytes;
    for (size_t i = 0; i < n;) {
        size_t plain = 0; /* nearly everything is, and goes in one piece */
        while (i + plain < n && s[i + plain] >= ' ' && s[i + plain] < 0x7f && s[i + plain] != '\\')
            plain++;
        if (plain > 0) {
            buf_put(out, s + i, plain);
            i += plain;
            continue;
        }
        uint32_t cp = 0;
        size_t len = text_utf8_char(s + i, n - i, &cp);
        if (len > 0 && !text_is_unsafe(cp)) {
            if (cp == '\\')
                buf_putc(out, '\\');
            buf_put(out, s + i, len);
            i += len;
            continue;
        }
        for (size_t end = i + (len ? len : 1); i < end; i++) {
            char hex[3] = {'\\', HEX[s[i] >> 4], HEX[s[i] & 15]};
            buf_put(out, hex, sizeof hex);
        }
    }
}

void text_hex(struct buf *out, const void *bytes, size_t n)
{
    static const char HEX[] = "0123456789abcdef";
    const unsigned char *s = bytes;
    for (size_t i = 0; i < n; i++) {
        char hex[2] = {HEX[s[i] >> 4], HEX[s[i] & 15]};
        buf_put(out, hex, sizeof hex);
    }
}

char *text_escaped(const void *s, size_t n)
{
    struct buf buf;
    buf_init(&buf, 0);
    text_escape(&buf, s, n);
    return buf_take(&buf, NULL);
}

bool text_is_token(const char *text)
{
    return strncmp(text, "pkcs11:", 7) == 0;
}

bool text_equal_nocase(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}

/* Levenshtein distance with one row; words longer than the row are never near. */
static size_t distance(const char *a, const char *b)
{
    enum { MOST = 64 };
    size_t na = strlen(a), nb = strlen(b), row[MOST];
    if (na >= MOST || nb >= MOST)
        return MOST;
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[nb];
}

const char *text_nearest(const char *word, const char *const *words, size_t n)
{
    const char *nearest = NULL;
    size_t least = strlen(word) / 3 + 1;
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(word, words[i]);
        if (d <= least && (!nearest || d < least)) {
            least = d;
            nearest = words[i];
        }
    }
    return nearest;
}

void text_address(const char *remote, const char **address, size_t *len, const char **port)
{
    const bool brackets = *remote == '[';
    const char *colon = strrchr(remote, ':');
    const char *end = colon ? colon : remote + strlen(remote);
    *address = remote + brackets;
    *len = (size_t)(end - *address) - (brackets && end > *address && end[-1] == ']');
    if (port)
        *port = colon ? colon + 1 : "";
}
