/* Classes of bytes in HTTP/1, one table, and runs over them. Pure. */
#ifndef MTLSD_HTTP_CHARS_H
#define MTLSD_HTTP_CHARS_H

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/base.h"

enum {
    CHARS_TOKEN = 1,  /* tchar, RFC 9110 section 5.6.2 */
    CHARS_TARGET = 2, /* may stand in a request-target: visible ASCII but `"`, `#`, `<` and `>`. More than RFC
                         3986 has, because browsers leave |, ^, `, { and others as they are in a query */
    CHARS_VALUE = 4,  /* field-vchar, SP and HTAB, RFC 9110 section 5.5 */
    CHARS_LABEL = 8,  /* letters, digits, "-" and "_": within a DNS name, between its dots */
    CHARS_DIGIT = 16,
    CHARS_HEX = 32,
    CHARS_SPACE = 64, /* SP and HTAB: OWS, RFC 9110 section 5.6.3 */
    CHARS_PATH = 128, /* stand as they are in a path: pchar and "/" (RFC 3986 section 3.3), but no ";" */
};

extern const uint8_t CHARS[256];

/* The first byte of [p, end) that is not in `class`, or end. */
static inline const unsigned char *chars_run(const unsigned char *p, const unsigned char *end, unsigned class)
{
    while (p < end && (CHARS[*p] & class))
        p++;
    return p;
}

#ifdef __SSE2__
/* Bytes of `v` in [low, low + count): one signed comparison after a shift of the range to the bottom. */
static inline __m128i chars_within(__m128i v, unsigned char low, unsigned char count)
{
    __m128i shifted = _mm_add_epi8(v, _mm_set1_epi8((char)(0x80 - low)));
    return _mm_cmplt_epi8(shifted, _mm_set1_epi8((char)(0x80 + count)));
}
#endif

/* The same for field names and values, the bulk of a head: sixteen bytes at a time where the processor can.
 */
static inline const unsigned char *chars_token_run(const unsigned char *p, const unsigned char *end)
{
#ifdef __SSE2__
    /* Letters, digits and "-" make up nearly every field name; at anything else the table takes over. */
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i good =
            _mm_or_si128(chars_within(_mm_or_si128(v, _mm_set1_epi8(0x20)), 'a', 26),
                         _mm_or_si128(chars_within(v, '0', 10), _mm_cmpeq_epi8(v, _mm_set1_epi8('-'))));
        unsigned bad = (unsigned)_mm_movemask_epi8(good) ^ 0xffffu;
        if (bad) {
            p += __builtin_ctz(bad);
            break;
        }
        p += 16;
    }
#endif
    return chars_run(p, end, CHARS_TOKEN);
}

static inline const unsigned char *chars_value_run(const unsigned char *p, const unsigned char *end)
{
#ifdef __SSE2__
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i stop = _mm_or_si128(chars_within(v, 0, 0x20), _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));
        unsigned bad = (unsigned)_mm_movemask_epi8(stop);
        if (bad) {
            p += __builtin_ctz(bad);
            if (*p != '\t')
                return p;
            p++; /* the one control byte that is good */
            continue;
        }
        p += 16;
    }
#endif
    return chars_run(p, end, CHARS_VALUE);
}

/* Value of a hexadecimal digit, or -1. */
static inline int chars_hex(unsigned c)
{
    if (c - '0' < 10)
        return (int)(c - '0');
    c |= 0x20;
    return c - 'a' < 6 ? (int)(c - 'a' + 10) : -1;
}

#endif
