/* DER. Reading: a cursor over borrowed bytes that never passes its end. Strict where RFC 5280 relies on DER
 * (definite, shortest lengths; one-byte tags); what stands in the values is the caller's business. Pure, no
 * allocation. */
#ifndef MTLSD_PKI_DER_H
#define MTLSD_PKI_DER_H

#include <string.h>
#include <time.h>

#include "base/base.h"

struct der {
    const unsigned char *p;
    size_t n;
};

enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0a,
    DER_UTF8_STRING = 0x0c,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_NUMERIC_STRING = 0x12,
    DER_PRINTABLE_STRING = 0x13,
    DER_T61_STRING = 0x14,
    DER_IA5_STRING = 0x16,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_VISIBLE_STRING = 0x1a,
    DER_UNIVERSAL_STRING = 0x1c,
    DER_BMP_STRING = 0x1e,
};
/* Context-specific tags: primitive (IMPLICIT of a simple type) and constructed. */
#define DER_CONTEXT(n)   (0x80u | (n))
#define DER_CONTEXT_C(n) (0xa0u | (n))

struct buf;
/* Writing: appends tag and length of a value of `n` octets. */
void der_put_header(struct buf *out, unsigned tag, size_t n);

/* Takes the next TLV. `whole` (may be NULL) receives header and value. False at the end or when it is
 * malformed; the cursor then stays. */
MUST_CHECK bool der_any(struct der *in, unsigned *tag, struct der *value, struct der *whole);
/* Takes the next TLV when it has this tag. */
MUST_CHECK bool der_take(struct der *in, unsigned tag, struct der *value);
/* True when the next TLV has this tag; nothing is taken. */
static inline bool der_next_is(const struct der *in, unsigned tag)
{
    return in->n > 0 && in->p[0] == tag;
}
static inline bool der_equal(const struct der *a, const struct der *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

/* Without its first `n` octets. */
static inline struct der der_skip(struct der d, size_t n)
{
    return (struct der){d.p + n, d.n - n};
}
/* ASCII letters of either case are equal. */
bool der_equal_nocase(const struct der *a, const struct der *b);

/* Values. False when the bytes are not that type in DER, or the number does not fit. */
MUST_CHECK bool der_bool(const struct der *value, bool *out);
MUST_CHECK bool der_uint(const struct der *value, unsigned *out);
/* UTCTime or GeneralizedTime in the forms of RFC 5280 section 4.1.2.5: seconds, "Z", no fraction. */
MUST_CHECK bool der_time(unsigned tag, const struct der *value, time_t *out);
/* Dotted decimal into `out`; false when malformed or too long for it. */
MUST_CHECK bool der_oid_text(const struct der *value, char *out, size_t room);

#endif
