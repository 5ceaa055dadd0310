#include "suites.h"

#include "server/handshakes.h"

struct worker {
    struct handshake_owner owner; /* its first member */
    unsigned woken;
};

static struct handshakes all;
static struct worker one, other;
static struct handshake client[8];

static void wake(struct handshake_owner *owner)
{
    ((struct worker *)(void *)owner)->woken++;
}

static void set_up(void)
{
    handshakes_init(&all);
    one = other = (struct worker){.owner.wake = wake};
    for (size_t i = 0; i < ARRAY_LEN(client); i++)
        client[i] = (struct handshake){0};
}

static void tear_down(void)
{
    handshakes_done(&all);
}

static struct handshake *next_of(struct worker *worker)
{
    return handshakes_displaced(&all, &worker->owner);
}

/* Also when it is another worker's. */
START_TEST(the_longest_silent_one_goes_first)
{
    for (size_t i = 0; i < 4; i++)
        handshakes_enter(&all, &client[i], i % 2 ? &other.owner : &one.owner, 4);
    ck_assert_ptr_null(next_of(&one));
    handshakes_enter(&all, &client[4], &other.owner, 4);
    ck_assert_uint_eq(one.woken, 1);
    ck_assert_uint_eq(other.woken, 0);
    ck_assert_ptr_eq(next_of(&one), &client[0]);
    ck_assert_ptr_null(next_of(&one));
    handshakes_enter(&all, &client[5], &other.owner, 4);
    ck_assert_ptr_eq(next_of(&other), &client[1]);
}
END_TEST

START_TEST(who_speaks_has_half_of_the_places)
{
    for (size_t i = 0; i < 4; i++)
        handshakes_enter(&all, &client[i], &one.owner, 4);
    handshakes_talk(&all, &client[0]);
    handshakes_talk(&all, &client[1]);
    handshakes_enter(&all, &client[4], &one.owner, 4); /* two speak: a silent one goes */
    ck_assert_ptr_eq(next_of(&one), &client[2]);
    handshakes_talk(&all, &client[3]);
    handshakes_enter(&all, &client[5], &one.owner, 4); /* three: the first to speak goes */
    ck_assert_ptr_eq(next_of(&one), &client[0]);
    ck_assert_ptr_null(next_of(&one));
}
END_TEST

START_TEST(who_is_through_takes_no_place)
{
    for (size_t i = 0; i < 4; i++)
        handshakes_enter(&all, &client[i], &one.owner, 4);
    handshakes_leave(&all, &client[2]);
    handshakes_leave(&all, &client[2]);
    handshakes_enter(&all, &client[4], &one.owner, 4);
    ck_assert_uint_eq(one.woken, 0);
    handshakes_leave(&all, &client[0]);
    handshakes_leave(&all, &client[4]);
    handshakes_leave(&all, &client[1]);
    handshakes_leave(&all, &client[3]);
    handshakes_enter(&all, &client[0], &one.owner, 1);
    ck_assert_uint_eq(one.woken, 0);
}
END_TEST

/* Its connection ended before its worker came to it. */
START_TEST(a_displaced_one_may_be_gone)
{
    for (size_t i = 0; i < 5; i++)
        handshakes_enter(&all, &client[i], &one.owner, 2);
    handshakes_talk(&all, &client[1]); /* too late */
    handshakes_leave(&all, &client[1]);
    ck_assert_ptr_eq(next_of(&one), &client[0]);
    ck_assert_ptr_eq(next_of(&one), &client[2]);
    ck_assert_ptr_null(next_of(&one));
}
END_TEST

Suite *suite_handshakes(void)
{
    Suite *suite = suite_create("handshakes");
    TCase *tcase = tcase_create("handshakes");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, the_longest_silent_one_goes_first);
    tcase_add_test(tcase, who_speaks_has_half_of_the_places);
    tcase_add_test(tcase, who_is_through_takes_no_place);
    tcase_add_test(tcase, a_displaced_one_may_be_gone);
    suite_add_tcase(suite, tcase);
    return suite;
}
