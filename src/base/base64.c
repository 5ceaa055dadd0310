#include "base/base64.h"

enum { SPACE = 64, PAD = 65, BAD = 66 };

static unsigned value_of(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26U;
    if (c >= '0' && c <= '9')
        return c - '0' + 52U;
    switch (c) {
    case '+':
        return 62;
    case '/':
        return 63;
    case '=':
        return PAD;
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return SPACE;
    default:
        return BAD;
    }
}

ssize_t base64_decode(const char *text, size_t len, unsigned char *out)
{
    unsigned char value[256];
    unsigned bits = 0, have = 0, pads = 0;
    size_t n = 0;
    for (unsigned c = 0; c < sizeof value; c++)
        value[c] = (unsigned char)value_of((unsigned char)c);
    for (size_t i = 0; i < len; i++) {
        unsigned v = value[(unsigned char)text[i]];
        if (v == SPACE)
            continue;
        if (v == BAD || (v != PAD && pads > 0))
            return -1;
        pads += v == PAD;
        bits = bits << 6 | (v == PAD ? 0 : v);
        if (++have < 4)
            continue;
        /* Never behind what was read: three octets for four characters. */
        for (int shift = 16; shift >= 0; shift -= 8)
            out[n++] = (unsigned char)(bits >> shift);
        bits = have = 0;
        if (pads > 2)
            return -1;
    }
    return have == 0 && pads <= 2 ? (ssize_t)(n - pads) : -1;
}

void base64_encode(struct buf *out, const void *data, size_t len)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = data;
    for (; len > 0; p += 3) {
        const size_t n = len < 3 ? len : 3;
        const unsigned bits = (unsigned)p[0] << 16 | (n > 1 ? (unsigned)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);
        const char group[4] = {DIGITS[bits >> 18], DIGITS[bits >> 12 & 63],
                               n > 1 ? DIGITS[bits >> 6 & 63] : '=', n > 2 ? DIGITS[bits & 63] : '='};
        buf_put(out, group, sizeof group);
        len -= n;
    }
}
