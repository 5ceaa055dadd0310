/* A timer wheel: many deadlines, most of which are moved or dropped before they come. Setting and stopping
 * one costs a few instructions, however many there are. Five rings of 64 slots: a timer waits in the ring
 * whose slots are as coarse as it is far away, and comes into a finer one when its slot is reached. One that
 * is set to a later instant, or off, stays where it is until then: so a connection can set its deadline anew
 * with each request.
 *
 * Pure: time is a parameter, in milliseconds. A timer fires at its instant or up to WHEEL_TICK_MS later,
 * never before. One thread. */
#ifndef MTLSD_BASE_WHEEL_H
#define MTLSD_BASE_WHEEL_H

#include "base/base.h"

enum { WHEEL_TICK_MS = 4, WHEEL_RINGS = 5, WHEEL_SLOTS = 64 };

/* Embedded in what it is for; {.fire = F} is off. */
struct wheel_timer {
    void (*fire)(struct wheel_timer *timer);
    struct wheel_timer *next, *prev; /* NULL: in no slot */
    uint64_t due_ms;                 /* 0: off */
    uint64_t filed_ms;               /* the instant by which its slot is looked at */
};

/* Embedded. */
struct wheel {
    uint64_t tick;                  /* all before and with it are done, but for those in `ripe` */
    uint64_t occupied[WHEEL_RINGS]; /* a bit for each slot that may have timers */
    struct wheel_timer slot[WHEEL_RINGS][WHEEL_SLOTS]; /* anchors of rings */
    struct wheel_timer ripe;                           /* the same of those whose slot was reached */
};

void wheel_init(struct wheel *wheel, uint64_t now_ms);

/* Fires at that instant instead of any that was set before, also of its own `fire`; 0: not at all. */
void wheel_set(struct wheel *wheel, struct wheel_timer *timer, uint64_t due_ms);
/* Before its memory goes. */
void wheel_stop(struct wheel_timer *timer);

/* When wheel_turn wants to be called, which is not after any timer's instant; UINT64_MAX: never. */
uint64_t wheel_next(const struct wheel *wheel);
/* Fires what is due, of `most` timers at most. True: there are more, it wants to be called soon again. `fire`
 * may set, stop and free any timer. */
bool wheel_turn(struct wheel *wheel, uint64_t now_ms, unsigned most);

#endif
