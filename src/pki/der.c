#include "pki/der.h"

#include "base/buf.h"
#include "base/text.h"

bool der_any(struct der *in, unsigned *tag, struct der *value, struct der *whole)
{
    if (in->n < 2)
        return false;
    const unsigned char *p = in->p;
    if ((p[0] & 0x1f) == 0x1f) /* tag numbers above 30 occur in no structure of ours */
        return false;
    size_t head = 2;
    size_t len = p[1];
    if (len >= 0x80) {
        size_t octets = len & 0x7f;
        if (octets == 0 || octets > 4 || in->n < 2 + octets || p[2] == 0)
            return false;
        len = 0;
        for (size_t i = 0; i < octets; i++)
            len = len << 8 | p[2 + i];
        if (len < 0x80)
            return false;
        head += octets;
    }
    if (in->n - head < len)
        return false;
    *tag = p[0];
    *value = (struct der){p + head, len};
    if (whole != NULL)
        *whole = (struct der){p, head + len};
    in->p += head + len;
    in->n -= head + len;
    return true;
}

bool der_take(struct der *in, unsigned tag, struct der *value)
{
    struct der next = *in;
    unsigned got;
    struct der v;
    if (!der_next_is(in, tag) || !der_any(&next, &got, &v, NULL))
        return false;
    *in = next;
    *value = v;
    return true;
}

bool der_equal_nocase(const struct der *a, const struct der *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (text_lower(a->p[i]) != text_lower(b->p[i]))
            return false;
    return true;
}

bool der_bool(const struct der *value, bool *out)
{
    if (value->n != 1 || (value->p[0] != 0 && value->p[0] != 0xff))
        return false;
    *out = value->p[0] != 0;
    return true;
}

bool der_uint(const struct der *value, unsigned *out)
{
    if (value->n == 0 || value->n > 4 || (value->p[0] & 0x80) != 0)
        return false;
    if (value->n > 1 && value->p[0] == 0 && (value->p[1] & 0x80) == 0)
        return false;
    unsigned v = 0;
    for (size_t i = 0; i < value->n; i++)
        v = v << 8 | value->p[i];
    *out = v;
    return true;
}

static bool digits(const unsigned char *p, size_t n, int *out)
{
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
        v = v * 10 + (p[i] - '0');
    }
    *out = v;
    return true;
}

/* Days since 1970-01-01 of a proleptic Gregorian date; the year begins in March so that the leap day comes
 * last. */
static long long days_from_civil(int year, int month, int day)
{
    long long y = month <= 2 ? year - 1 : year;
    long long era = y / 400;
    long long of_era = y - era * 400;
    long long of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool der_time(unsigned tag, const struct der *value, time_t *out)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const unsigned char *p = value->p;
    int year, field[5];
    if (tag == DER_UTC_TIME && value->n == 13) {
        if (!digits(p, 2, &year))
            return false;
        year += year < 50 ? 2000 : 1900;
        p += 2;
    } else if (tag == DER_GENERALIZED_TIME && value->n == 15) {
        if (!digits(p, 4, &year))
            return false;
        p += 4;
    } else {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(field); i++)
        if (!digits(p + 2 * i, 2, &field[i]))
            return false;
    if (p[10] != 'Z' || year < 1 || field[0] < 1 || field[0] > 12 || field[1] < 1 || field[2] > 23 ||
        field[3] > 59 || field[4] > 59)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (field[1] > month_days[field[0] - 1] + (field[0] == 2 && leap ? 1 : 0))
        return false;
    *out = (time_t)(days_from_civil(year, field[0], field[1]) * 86400 + field[2] * 3600 + field[3] * 60 +
                    field[4]);
    return true;
}

/* ".123" behind what is there; snprintf would take most of the time that a certificate is read in. */
static bool put_arc(char *out, size_t room, size_t *len, bool dot, unsigned long long arc)
{
    char digit[20];
    size_t n = 0;
    do
        digit[n++] = (char)('0' + arc % 10);
    while ((arc /= 10) > 0);
    if (*len + dot + n >= room)
        return false;
    if (dot)
        out[(*len)++] = '.';
    while (n > 0)
        out[(*len)++] = digit[--n];
    out[*len] = '\0';
    return true;
}

bool der_oid_text(const struct der *value, char *out, size_t room)
{
    size_t len = 0;
    unsigned long long arc = 0;
    bool first = true, inside = false;
    for (size_t i = 0; i < value->n; i++) {
        unsigned char c = value->p[i];
        if (!inside && c == 0x80) /* padding is not DER */
            return false;
        if (arc > (1ULL << 56))
            return false;
        arc = arc << 7 | (c & 0x7f);
        inside = (c & 0x80) != 0;
        if (inside)
            continue;
        if (first) {
            unsigned long long top = arc < 40 ? 0 : arc < 80 ? 1 : 2;
            if (!put_arc(out, room, &len, false, top))
                return false;
            arc -= top * 40;
            first = false;
        }
        if (!put_arc(out, room, &len, true, arc))
            return false;
        arc = 0;
    }
    return !first && !inside;
}

void der_put_header(struct buf *out, unsigned tag, size_t n)
{
    unsigned octets = 0;
    while (octets < sizeof n && n >> (8 * octets) != 0)
        octets++;
    buf_putc(out, (char)tag);
    if (n >= 0x80) /* the shortest form (X.690 section 10.1) */
        buf_putc(out, (char)(0x80 | octets));
    for (; n >= 0x80 && octets > 1; octets--)
        buf_putc(out, (char)(n >> (8 * (octets - 1)) & 0xff));
    buf_putc(out, (char)(n & 0xff));
}
