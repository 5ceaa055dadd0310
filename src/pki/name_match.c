#include "pki/name_match.h"

#include "base/text.h"

/* Of an RDN with more attributes only the order of DER is the same one: comparing sets takes their squares.
 */
enum { SET_MOST = 8 };

/* ---- text, character by character
 * ----------------------------------------------------------------------------------------------------- */

static const uint32_t TEXT_END = UINT32_MAX, NOT_A_CHARACTER = 0x110000;

struct text {
    struct der rest;
    unsigned tag;
    bool began, blank; /* something came; a run of white space came since */
    uint32_t held;     /* what comes behind that space, TEXT_END: nothing is held */
};

/* One of the string types that are compared as text. */
static bool name_is_text(unsigned tag)
{
    return tag == DER_UTF8_STRING || tag == DER_PRINTABLE_STRING || tag == DER_IA5_STRING ||
           tag == DER_NUMERIC_STRING || tag == DER_VISIBLE_STRING || tag == DER_T61_STRING ||
           tag == DER_BMP_STRING || tag == DER_UNIVERSAL_STRING;
}

static struct text text_of(unsigned tag, struct der value)
{
    return (struct text){.rest = value, .tag = tag, .held = TEXT_END};
}

static uint32_t take(struct der *in, size_t octets)
{
    uint32_t c = 0;
    for (size_t i = 0; i < octets; i++)
        c = c << 8 | in->p[i];
    *in = der_skip(*in, octets);
    return c;
}

/* The next character as it stands. Octets that are none are characters of their own beyond Unicode.
 * TeletexString is read as Latin-1, as everybody writes it. */
static uint32_t raw(struct text *t)
{
    uint32_t c;
    if (t->rest.n == 0)
        return TEXT_END;
    size_t wide = t->tag == DER_BMP_STRING ? 2 : t->tag == DER_UNIVERSAL_STRING ? 4 : 0;
    if (wide > 0 && t->rest.n >= wide) {
        c = take(&t->rest, wide);
        return c == TEXT_END ? NOT_A_CHARACTER : c;
    }
    if (t->tag == DER_UTF8_STRING && t->rest.p[0] >= 0x80) {
        size_t len = text_utf8_char(t->rest.p, t->rest.n, &c);
        if (len > 0) {
            t->rest = der_skip(t->rest, len);
            return c;
        }
        return NOT_A_CHARACTER + take(&t->rest, 1);
    }
    return take(&t->rest, 1);
}

static uint32_t folded(uint32_t c)
{
    static const struct {
        uint32_t first, last, step;
        int32_t distance;
    } ranges[] = {
#define FOLD(first, last, step, distance) {first, last, step, distance},
#include "pki/fold.def"
#undef FOLD
    };
    if (c < 0x80)
        return text_lower(c);
    size_t low = 0, high = ARRAY_LEN(ranges);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (ranges[mid].last < c)
            low = mid + 1;
        else
            high = mid;
    }
    bool inside =
        low < ARRAY_LEN(ranges) && c >= ranges[low].first && (c - ranges[low].first) % ranges[low].step == 0;
    return inside ? (uint32_t)((int32_t)c + ranges[low].distance) : c;
}

/* RFC 4518 section 2.2: what is mapped to a space, and what to nothing. */
static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= 0x09 && c <= 0x0d) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
           c == 0x3000;
}

static bool is_nothing(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x34f || c == 0x1806 ||
           (c >= 0x180b && c <= 0x180e) || (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff || c == 0xfffc;
}

/* The next character that counts: one space for a run within, none at the ends. */
static uint32_t next(struct text *t)
{
    uint32_t c = t->held;
    t->held = TEXT_END;
    if (c != TEXT_END)
        return c;
    while ((c = raw(t)) != TEXT_END) {
        if (is_space(c)) {
            t->blank = t->began;
        } else if (!is_nothing(c)) {
            bool blank = t->blank;
            t->began = true;
            t->blank = false;
            c = folded(c);
            if (!blank)
                return c;
            t->held = c;
            return ' ';
        }
    }
    return TEXT_END;
}

/* ---- names
 * -----------------------------------------------------------------------------------------------------------------
 */

struct attribute {
    struct der oid, value, whole; /* the value without and with its header */
    unsigned tag;
};

static bool take_attribute(struct der *rdn, struct attribute *out)
{
    struct der one;
    return der_take(rdn, DER_SEQUENCE, &one) && der_take(&one, DER_OID, &out->oid) &&
           der_any(&one, &out->tag, &out->value, &out->whole);
}

static bool attribute_equal(const struct attribute *a, const struct attribute *b)
{
    if (!der_equal(&a->oid, &b->oid))
        return false;
    if (der_equal(&a->whole, &b->whole))
        return true;
    if (!name_is_text(a->tag) || !name_is_text(b->tag))
        return false;
    struct text x = text_of(a->tag, a->value), y = text_of(b->tag, b->value);
    for (;;) {
        uint32_t c = next(&x), d = next(&y);
        if (c != d)
            return false;
        if (c == TEXT_END)
            return true;
    }
}

static size_t count(struct der rdn)
{
    struct attribute a;
    size_t n = 0;
    while (take_attribute(&rdn, &a))
        n++;
    return n;
}

/* Each attribute of one set has its equal in the other. */
static bool set_within(struct der a, struct der b)
{
    struct attribute one, other;
    while (take_attribute(&a, &one)) {
        struct der rest = b;
        bool found = false;
        while (!found && take_attribute(&rest, &other))
            found = attribute_equal(&one, &other);
        if (!found)
            return false;
    }
    return true;
}

static bool rdn_equal(struct der a, struct der b)
{
    struct attribute one, other;
    size_t n = count(a);
    if (der_equal(&a, &b))
        return true;
    if (n != count(b))
        return false;
    if (n > 1 && n <= SET_MOST)
        return set_within(a, b) && set_within(b, a);
    while (take_attribute(&a, &one))
        if (!take_attribute(&b, &other) || !attribute_equal(&one, &other))
            return false;
    return true;
}

/* The RDNs of `base` are the first of `name`; *left is what remains of it. */
static bool begins_with(const struct der *name, const struct der *base, struct der *left)
{
    struct der in = *name, base_in = *base, base_rdns, rdn, base_rdn;
    if (!der_take(&in, DER_SEQUENCE, left) || !der_take(&base_in, DER_SEQUENCE, &base_rdns))
        return false;
    while (base_rdns.n > 0)
        if (!der_take(&base_rdns, DER_SET, &base_rdn) || !der_take(left, DER_SET, &rdn) ||
            !rdn_equal(rdn, base_rdn))
            return false;
    return true;
}

bool name_equal(const struct der *a, const struct der *b)
{
    struct der left;
    return der_equal(a, b) || (begins_with(a, b, &left) && left.n == 0);
}

bool name_within(const struct der *name, const struct der *base)
{
    struct der left;
    return begins_with(name, base, &left);
}

/* FNV-1a. */
static uint64_t mix(uint64_t hash, uint64_t what)
{
    return (hash ^ what) * 1099511628211u;
}

static uint64_t attribute_hash(const struct attribute *a)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < a->oid.n; i++)
        hash = mix(hash, a->oid.p[i]);
    if (name_is_text(a->tag)) {
        struct text t = text_of(a->tag, a->value);
        for (uint32_t c; (c = next(&t)) != TEXT_END;)
            hash = mix(hash, c);
    } else {
        for (size_t i = 0; i < a->whole.n; i++)
            hash = mix(hash, a->whole.p[i]);
    }
    return mix(hash, hash >> 29);
}

uint64_t name_hash(const struct der *name)
{
    struct der in = *name, rdns, rdn;
    struct attribute a;
    uint64_t hash = 14695981039346656037u;
    if (!der_take(&in, DER_SEQUENCE, &rdns))
        return 0;
    while (der_take(&rdns, DER_SET, &rdn)) {
        uint64_t set = 0; /* a sum: the order within a set does not count */
        while (take_attribute(&rdn, &a))
            set += attribute_hash(&a);
        hash = mix(mix(hash, set), set >> 32);
    }
    return hash;
}
