#include "suites.h"

#include <string.h>
#include <sys/mman.h>

#include "tls/pools.h"

static struct pools pools;
static size_t size;

static void set_up(void)
{
    pools = (struct pools){0};
    size = pools_size(40000);
    pools_enter(&pools);
}

static void tear_down(void)
{
    pools_leave();
    pools_done(&pools);
}

static void *take(void)
{
    pools.open = true;
    void *pool = pools_take(size);
    pools.open = false;
    return pool;
}

START_TEST(only_what_is_asked_for_in_time)
{
    ck_assert_ptr_null(pools_take(size));
    void *pool = take();
    ck_assert_ptr_nonnull(pool);
    memset(pool, 1, size);
    ck_assert_ptr_null(pools_take(size));
    pools.open = true;
    ck_assert_ptr_null(pools_take(size + 1));
    ck_assert_ptr_null(pools_take(4096));
    ck_assert_ptr_null(pools_take(2 * size)); /* all have the size of the first */
    pools_leave();
    ck_assert_ptr_null(pools_take(size));
    pools_enter(&pools);
}
END_TEST

START_TEST(only_its_own_come_back)
{
    static char other[100000];
    void *one = take(), *two = take();
    ck_assert_ptr_ne(one, two);
    ck_assert(!pools_give(other, size));
    ck_assert(!pools_give(one, size + 4096));
    ck_assert(pools_give(one, size));
    ck_assert_ptr_eq(take(), one);
    ck_assert(pools_give(two, size));
    pools_leave();
    ck_assert(!pools_give(one, size));
    pools_enter(&pools);
}
END_TEST

/* More than a slab, and more than stay resident: none twice, and all can be had again. */
START_TEST(many)
{
    enum { N = 300 };
    static unsigned char *pool[N];
    for (unsigned i = 0; i < N; i++) {
        pool[i] = take();
        ck_assert_ptr_nonnull(pool[i]);
        memset(pool[i], (int)(i % 251), size);
    }
    for (unsigned i = 0; i < N; i++)
        ck_assert(pool[i][0] == i % 251 && pool[i][size - 1] == i % 251);
    for (unsigned i = 0; i < N; i++)
        ck_assert(pools_give(pool[i], size));
    for (unsigned i = 0; i < N; i++) {
        unsigned char *again = take();
        ck_assert_ptr_nonnull(again);
        again[0] = 255;
    }
    unsigned marked = 0;
    for (unsigned i = 0; i < N; i++)
        marked += pool[i][0] == 255;
    ck_assert_uint_le(N - marked, 84); /* what the slabs have beside */
}
END_TEST

static bool is_resident(void *pool)
{
    unsigned char page = 0;
    ck_assert_int_eq(mincore(pool, 1, &page), 0);
    return page & 1;
}

/* Of those that are given back only some stay in memory, and these are the first to be taken. */
START_TEST(what_is_given_back_goes_to_the_system)
{
    enum { N = 200, STAY = 64 };
    static unsigned char *pool[N];
    unsigned resident = 0;
    for (unsigned i = 0; i < N; i++) {
        pool[i] = take();
        memset(pool[i], 1, size);
    }
    for (unsigned i = 0; i < N; i++)
        ck_assert(pools_give(pool[i], size));
    for (unsigned i = 0; i < N; i++)
        resident += is_resident(pool[i]);
    ck_assert_uint_eq(resident, STAY);
    for (unsigned i = 0; i < STAY; i++)
        ck_assert(is_resident(take()));
    ck_assert(!is_resident(take()));
}
END_TEST

Suite *suite_pools(void)
{
    Suite *suite = suite_create("pools");
    TCase *tcase = tcase_create("pools");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, only_what_is_asked_for_in_time);
    tcase_add_test(tcase, only_its_own_come_back);
    tcase_add_test(tcase, many);
    tcase_add_test(tcase, what_is_given_back_goes_to_the_system);
    suite_add_tcase(suite, tcase);
    return suite;
}
