/* TLS's presentation language (RFC 8446 section 3): a cursor over borrowed bytes, and its counterpart that
 * fills a bounded place. Every take checks the length before it moves; on false nothing is promised about the
 * outputs. Pure. */
#ifndef MTLSD_TLS_WIRE_H
#define MTLSD_TLS_WIRE_H

#include <string.h>

#include "base/base.h"

/* What is left of a vector. */
struct wire {
    const uint8_t *p;
    size_t n;
};

static inline bool wire_bytes(struct wire *from, size_t n, struct wire *out)
{
    if (n > from->n)
        return false;
    *out = (struct wire){from->p, n};
    from->p += n;
    from->n -= n;
    return true;
}

static inline bool wire_u8(struct wire *from, uint8_t *out)
{
    struct wire bytes;
    if (!wire_bytes(from, 1, &bytes))
        return false;
    *out = bytes.p[0];
    return true;
}

static inline bool wire_u16(struct wire *from, uint16_t *out)
{
    struct wire bytes;
    if (!wire_bytes(from, 2, &bytes))
        return false;
    *out = (uint16_t)(bytes.p[0] << 8 | bytes.p[1]);
    return true;
}

static inline bool wire_u24(struct wire *from, uint32_t *out)
{
    struct wire bytes;
    if (!wire_bytes(from, 3, &bytes))
        return false;
    *out = (uint32_t)bytes.p[0] << 16 | (uint32_t)bytes.p[1] << 8 | bytes.p[2];
    return true;
}

static inline bool wire_u32(struct wire *from, uint32_t *out)
{
    struct wire bytes;
    if (!wire_bytes(from, 4, &bytes))
        return false;
    *out = (uint32_t)bytes.p[0] << 24 | (uint32_t)bytes.p[1] << 16 | (uint32_t)bytes.p[2] << 8 | bytes.p[3];
    return true;
}

/* opaque<0..2^8-1>, opaque<0..2^16-1>, opaque<0..2^24-1> */
static inline bool wire_vector8(struct wire *from, struct wire *out)
{
    uint8_t n;
    return wire_u8(from, &n) && wire_bytes(from, n, out);
}

static inline bool wire_vector16(struct wire *from, struct wire *out)
{
    uint16_t n;
    return wire_u16(from, &n) && wire_bytes(from, n, out);
}

static inline bool wire_vector24(struct wire *from, struct wire *out)
{
    uint32_t n;
    return wire_u24(from, &n) && wire_bytes(from, n, out);
}

/* Filled from the front. A put that does not fit as a whole writes nothing and is remembered. */
struct wire_out {
    uint8_t *p;
    size_t n, room;
    bool full;
};

static inline bool wire_put(struct wire_out *out, const void *bytes, size_t n)
{
    if (n > out->room - out->n) {
        out->full = true;
        return false;
    }
    if (n > 0)
        memcpy(out->p + out->n, bytes, n);
    out->n += n;
    return true;
}

static inline bool wire_put_u8(struct wire_out *out, uint8_t v)
{
    return wire_put(out, &v, 1);
}

static inline bool wire_put_u16(struct wire_out *out, uint16_t v)
{
    return wire_put(out, (const uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static inline bool wire_put_u32(struct wire_out *out, uint32_t v)
{
    return wire_put_u16(out, (uint16_t)(v >> 16)) && wire_put_u16(out, (uint16_t)v);
}

#endif
