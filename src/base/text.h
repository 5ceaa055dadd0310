/* Text for people and for JSON out of bytes that may hold anything. Pure. */
#ifndef MTLSD_BASE_TEXT_H
#define MTLSD_BASE_TEXT_H

#include "base/base.h"
#include "base/buf.h"

/* Length in bytes of the well-formed UTF-8 character at `s` (RFC 3629: no overlong form, no surrogate, at
 * most U+10FFFF), or 0. At most `n` bytes are read. `cp` (may be NULL) receives the code point. */
size_t text_utf8_char(const unsigned char *s, size_t n, uint32_t *cp);

/* True for characters that must not reach a terminal or page as they are: C0, DEL, C1, bidi controls,
 * zero-width and other invisible format characters, line and paragraph separators, noncharacters. */
bool text_is_unsafe(uint32_t cp);

/* Appends `s` so that the result is valid, visible UTF-8 from which the bytes can be told again: unsafe
 * characters and invalid bytes become \XX per byte (as in RFC 4514), a backslash becomes two. */
void text_escape(struct buf *out, const void *s, size_t n);

/* Lower-case hex, without a separator. */
void text_hex(struct buf *out, const void *s, size_t n);

/* text_escape as a new string; NULL when memory is short. The caller frees it. */
char *text_escaped(const void *s, size_t n);

/* A letter of ASCII as a small one, whatever the locale; everything else as it is. */
static inline unsigned text_lower(unsigned c)
{
    return c - 'A' < 26 ? c | 0x20 : c;
}

/* ASCII case-insensitive. */
bool text_equal_nocase(const char *a, const char *b);

/* A PKCS#11 URI (RFC 7512), where a file could be named as well. */
bool text_is_token(const char *text);

/* The word of `words` (n of them) that is nearest to `word`, or NULL when none is near: for "did you mean".
 */
const char *text_nearest(const char *word, const char *const *words, size_t n);

/* The address in "192.0.2.1:54321" or "[2001:db8::1]:443", without brackets; the port, when it is not NULL,
 * "" where there is none. */
void text_address(const char *remote, const char **address, size_t *len, const char **port);

#endif
