/* How long a line of a log may wait for who reads it: at most PATIENCE_MS, and over time a tenth of it. So a
 * reader that is a moment late loses nothing, and one that is slow for good stops nobody. Any thread. */
#ifndef MTLSD_BASE_PATIENCE_H
#define MTLSD_BASE_PATIENCE_H

#include <stdatomic.h>

#include "base/base.h"
#include "base/clock.h"

enum { PATIENCE_MS = 100 };

struct patience {
    _Atomic uint64_t again_at; /* clock_mono_ms from which on somebody may wait again */
};

/* Milliseconds that may be waited now. */
static inline int patience_ms(const struct patience *patience)
{
    return clock_mono_ms() >= atomic_load(&patience->again_at) ? PATIENCE_MS : 0;
}

/* Somebody has waited, from `since` until now. */
static inline void patience_spend(struct patience *patience, uint64_t since)
{
    uint64_t now = clock_mono_ms();
    if (now > since)
        atomic_store(&patience->again_at, now + 9 * (now - since));
}

#endif
