#include "base/wheel.h"

enum { BITS = 6, MASK = WHEEL_SLOTS - 1 };
_Static_assert(WHEEL_SLOTS == 1 << BITS, "a ring is a word of bits");

static void make_ring(struct wheel_timer *anchor)
{
    *anchor = (struct wheel_timer){.next = anchor, .prev = anchor};
}

void wheel_init(struct wheel *wheel, uint64_t now_ms)
{
    wheel->tick = now_ms / WHEEL_TICK_MS;
    make_ring(&wheel->ripe);
    for (size_t ring = 0; ring < WHEEL_RINGS; ring++) {
        wheel->occupied[ring] = 0;
        for (size_t i = 0; i < WHEEL_SLOTS; i++)
            make_ring(&wheel->slot[ring][i]);
    }
}

void wheel_stop(struct wheel_timer *timer)
{
    timer->due_ms = 0;
    if (!timer->next)
        return;
    timer->next->prev = timer->prev;
    timer->prev->next = timer->next;
    timer->next = timer->prev = NULL;
}

static void append(struct wheel_timer *anchor, struct wheel_timer *timer)
{
    timer->next = anchor;
    timer->prev = anchor->prev;
    timer->prev->next = timer;
    anchor->prev = timer;
}

/* The first tick that begins at the instant or after it. */
static uint64_t tick_of(uint64_t ms)
{
    return ms / WHEEL_TICK_MS + (ms % WHEEL_TICK_MS > 0);
}

static void file(struct wheel *wheel, struct wheel_timer *timer)
{
    uint64_t tick = tick_of(timer->due_ms);
    if (tick <= wheel->tick)
        tick = wheel->tick + 1;
    unsigned ring = 0;
    while (ring < WHEEL_RINGS - 1 && (tick >> ring * BITS) - (wheel->tick >> ring * BITS) > MASK)
        ring++;
    uint64_t at = tick >> ring * BITS, most = (wheel->tick >> ring * BITS) + MASK;
    if (at > most) /* beyond the last ring: looked at once more on the way */
        at = most;
    timer->filed_ms = timer->due_ms;
    append(&wheel->slot[ring][at & MASK], timer);
    wheel->occupied[ring] |= UINT64_C(1) << (at & MASK);
}

void wheel_set(struct wheel *wheel, struct wheel_timer *timer, uint64_t due_ms)
{
    bool waits = timer->next && (due_ms == 0 || due_ms >= timer->filed_ms);
    if (!waits)
        wheel_stop(timer);
    timer->due_ms = due_ms;
    if (!waits && due_ms > 0)
        file(wheel, timer);
}

/* The next tick at which a slot that may have timers begins. */
static uint64_t next_tick(const struct wheel *wheel)
{
    uint64_t next = UINT64_MAX;
    for (unsigned ring = 0; ring < WHEEL_RINGS; ring++) {
        uint64_t bits = wheel->occupied[ring], at = wheel->tick >> ring * BITS;
        if (bits == 0)
            continue;
        unsigned from = (unsigned)(at + 1) & MASK;
        uint64_t ahead = from > 0 ? bits >> from | bits << (WHEEL_SLOTS - from) : bits;
        uint64_t tick = (at + 1 + (unsigned)__builtin_ctzll(ahead)) << ring * BITS;
        next = tick < next ? tick : next;
    }
    return next;
}

uint64_t wheel_next(const struct wheel *wheel)
{
    if (wheel->ripe.next != &wheel->ripe)
        return wheel->tick * WHEEL_TICK_MS;
    uint64_t tick = next_tick(wheel);
    return tick == UINT64_MAX ? tick : tick * WHEEL_TICK_MS;
}

/* Moves all of a slot behind the ripe ones. */
static void ripen(struct wheel *wheel, unsigned ring, unsigned i)
{
    struct wheel_timer *anchor = &wheel->slot[ring][i], *ripe = &wheel->ripe;
    wheel->occupied[ring] &= ~(UINT64_C(1) << i);
    if (anchor->next == anchor)
        return;
    anchor->next->prev = ripe->prev;
    ripe->prev->next = anchor->next;
    anchor->prev->next = ripe;
    ripe->prev = anchor->prev;
    make_ring(anchor);
}

/* False when nothing begins by then. */
static bool advance(struct wheel *wheel, uint64_t until)
{
    uint64_t tick = next_tick(wheel);
    wheel->tick = tick <= until ? tick : until > wheel->tick ? until : wheel->tick;
    if (tick > until)
        return false;
    for (unsigned ring = 0; ring < WHEEL_RINGS; ring++) {
        if (tick & ((UINT64_C(1) << ring * BITS) - 1))
            break;
        ripen(wheel, ring, (unsigned)(tick >> ring * BITS) & MASK);
    }
    return true;
}

bool wheel_turn(struct wheel *wheel, uint64_t now_ms, unsigned most)
{
    struct wheel_timer *ripe = &wheel->ripe;
    do {
        while (ripe->next != ripe) {
            if (most-- == 0)
                return true;
            struct wheel_timer *timer = ripe->next;
            uint64_t due_ms = timer->due_ms;
            wheel_stop(timer);
            if (tick_of(due_ms) > wheel->tick) { /* it was set to later, or comes into a finer ring */
                timer->due_ms = due_ms;
                file(wheel, timer);
            } else if (due_ms > 0) {
                timer->fire(timer);
            }
        }
    } while (advance(wheel, now_ms / WHEEL_TICK_MS));
    return false;
}
