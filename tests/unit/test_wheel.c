#include "suites.h"

#include "base/wheel.h"

struct alarm {
    struct wheel_timer timer;
    uint64_t fired_ms; /* 0: it did not */
    unsigned times;
    struct alarm *stops; /* when it fires */
    uint64_t again_ms;   /* set once when it fires, 0: not */
};

static struct wheel wheel;
static uint64_t now;

static void ring(struct wheel_timer *timer)
{
    struct alarm *alarm = (struct alarm *)(void *)timer;
    alarm->fired_ms = now;
    alarm->times++;
    if (alarm->stops)
        wheel_stop(&alarm->stops->timer);
    if (alarm->again_ms > 0)
        wheel_set(&wheel, &alarm->timer, alarm->again_ms);
    alarm->again_ms = 0;
}

static void set_up(void)
{
    now = 1000003;
    wheel_init(&wheel, now);
}

/* As the loop does it: sleeps until the wheel wants to be called. Returns how often it woke. */
static unsigned live_until(uint64_t end_ms)
{
    unsigned wakes = 0;
    for (uint64_t next; (next = wheel_next(&wheel)) <= end_ms; wakes++) {
        now = next > now ? next : now;
        while (wheel_turn(&wheel, now, 1000))
            ;
    }
    now = end_ms;
    wheel_turn(&wheel, now, 1000);
    return wakes;
}

START_TEST(fires_in_its_tick)
{
    static const uint64_t AFTER[] = {1,        3,        4,        5,         250,       255,
                                     256,      257,      1020,     4096,      16383,     16384,
                                     16385,    60000,    1048575,  1048576,   1048577,   3600000,
                                     86400000, 67108863, 67108864, 604800000, 4294967296};
    for (size_t i = 0; i < ARRAY_LEN(AFTER); i++) {
        struct alarm alarm = {.timer.fire = ring};
        uint64_t due = now + AFTER[i];
        wheel_set(&wheel, &alarm.timer, due);
        unsigned wakes = live_until(due + 2 * WHEEL_TICK_MS);
        ck_assert_msg(alarm.times == 1, "after %llu ms: fired %u times", (unsigned long long)AFTER[i],
                      alarm.times);
        ck_assert_uint_ge(alarm.fired_ms, due);
        ck_assert_uint_le(alarm.fired_ms, due + WHEEL_TICK_MS);
        ck_assert_uint_le(wakes, 2 * WHEEL_RINGS);
        ck_assert(wheel_next(&wheel) == UINT64_MAX);
    }
}
END_TEST

START_TEST(set_anew)
{
    struct alarm later = {.timer.fire = ring}, sooner = {.timer.fire = ring}, off = {.timer.fire = ring};
    wheel_set(&wheel, &later.timer, now + 100);
    wheel_set(&wheel, &later.timer, now + 90000);
    wheel_set(&wheel, &sooner.timer, now + 90000);
    wheel_set(&wheel, &sooner.timer, now + 100);
    wheel_set(&wheel, &off.timer, now + 100);
    wheel_set(&wheel, &off.timer, 0);
    uint64_t start = now;
    live_until(start + 200000);
    ck_assert_uint_eq(later.times, 1);
    ck_assert_uint_ge(later.fired_ms, start + 90000);
    ck_assert_uint_le(later.fired_ms, start + 90000 + WHEEL_TICK_MS);
    ck_assert_uint_eq(sooner.times, 1);
    ck_assert_uint_le(sooner.fired_ms, start + 100 + WHEEL_TICK_MS);
    ck_assert_uint_eq(off.times, 0);
}
END_TEST

START_TEST(off_and_on_again)
{
    struct alarm alarm = {.timer.fire = ring};
    wheel_set(&wheel, &alarm.timer, now + 1000);
    wheel_set(&wheel, &alarm.timer, 0);
    wheel_set(&wheel, &alarm.timer, now + 20);
    uint64_t start = now;
    live_until(start + 5000);
    ck_assert_uint_eq(alarm.times, 1);
    ck_assert_uint_le(alarm.fired_ms, start + 20 + WHEEL_TICK_MS);
}
END_TEST

START_TEST(past_is_now)
{
    struct alarm alarm = {.timer.fire = ring};
    wheel_set(&wheel, &alarm.timer, 5);
    ck_assert_uint_le(wheel_next(&wheel), now + WHEEL_TICK_MS);
    live_until(now + 2 * WHEEL_TICK_MS);
    ck_assert_uint_eq(alarm.times, 1);
}
END_TEST

START_TEST(fire_may_touch_others)
{
    struct alarm second = {.timer.fire = ring}, first = {.timer.fire = ring, .stops = &second};
    first.again_ms = now + 5000;
    wheel_set(&wheel, &first.timer, now + 50);
    wheel_set(&wheel, &second.timer, now + 50);
    live_until(now + 10000);
    ck_assert_uint_eq(first.times, 2);
    ck_assert_uint_eq(second.times, 0);
}
END_TEST

START_TEST(a_turn_is_bounded)
{
    static struct alarm many[1000];
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i] = (struct alarm){.timer.fire = ring};
        wheel_set(&wheel, &many[i].timer, now + 70000);
    }
    now += 80000;
    unsigned turns = 1, fired = 0;
    while (wheel_turn(&wheel, now, 64)) {
        ck_assert_uint_le(wheel_next(&wheel), now);
        turns++;
    }
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        fired += many[i].times;
    ck_assert_uint_eq(fired, 1000);
    ck_assert_uint_ge(turns, 16);
}
END_TEST

/* Any will do, the same each time. */
static unsigned roll(unsigned most)
{
    static uint32_t state = 1;
    state = state * 1664525 + 1013904223;
    return (state >> 8) % most;
}

/* Against a list that is looked through. */
START_TEST(any_order)
{
    enum { N = 100, STEPS = 20000 };
    unsigned wrong = 0;
    static struct alarm alarm[N];
    static uint64_t due[N];
    static unsigned times[N];
    for (size_t i = 0; i < N; i++) {
        alarm[i] = (struct alarm){.timer.fire = ring};
        due[i] = 0;
        times[i] = 0;
    }
    for (unsigned step = 0; step < STEPS; step++) {
        size_t i = roll(N);
        uint64_t after = roll(1u << roll(24));
        due[i] = roll(4) ? now + after + 1 : 0;
        if (roll(8))
            wheel_set(&wheel, &alarm[i].timer, due[i]);
        else
            wheel_stop(&alarm[i].timer), due[i] = 0;
        now += roll(1u << roll(12));
        while (wheel_turn(&wheel, now, 50))
            ;
        for (size_t k = 0; k < N; k++) {
            if (alarm[k].times > times[k]) {
                wrong += due[k] == 0 || due[k] > now;
                due[k] = 0;
                times[k] = alarm[k].times;
            }
            wrong += due[k] != 0 && due[k] + WHEEL_TICK_MS <= now;
        }
        uint64_t next = wheel_next(&wheel);
        for (size_t k = 0; k < N; k++)
            wrong += due[k] != 0 && next >= due[k] + WHEEL_TICK_MS;
        ck_assert_uint_eq(wrong, 0);
    }
}
END_TEST

Suite *suite_wheel(void)
{
    Suite *suite = suite_create("wheel");
    TCase *tcase = tcase_create("wheel");
    tcase_add_checked_fixture(tcase, set_up, NULL);
    tcase_add_test(tcase, fires_in_its_tick);
    tcase_add_test(tcase, set_anew);
    tcase_add_test(tcase, off_and_on_again);
    tcase_add_test(tcase, past_is_now);
    tcase_add_test(tcase, fire_may_touch_others);
    tcase_add_test(tcase, a_turn_is_bounded);
    tcase_add_test(tcase, any_order);
    suite_add_tcase(suite, tcase);
    return suite;
}
