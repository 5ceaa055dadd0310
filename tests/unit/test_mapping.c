#include "suites.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mapping.h"

enum { SIZE = 20000, THREADS = 4, ROUNDS = 1000 };

static int make_file(size_t size)
{
    char path[] = "/tmp/mtlsd-mapping.XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    unlink(path);
    ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
    ck_assert_int_eq(pwrite(fd, "x", 1, 0), 1);
    return fd;
}

/* Each with mappings of its own of another size each time, while the others come and go. */
static void *come_and_go(void *cls)
{
    int fd = *(const int *)cls;
    for (size_t i = 0; i < ROUNDS; i++) {
        const void *bytes;
        size_t size = 1 + i * 37 % SIZE;
        struct mapping *mapping = mapping_new(fd, 0, size, &bytes);
        if (!mapping)
            return (void *)(uintptr_t) "no mapping";
        if (mapping_is_broken(bytes, size) || *(const char *)bytes != 'x' || !mapping_is_current(mapping))
            return (void *)(uintptr_t) "another's mapping";
        mapping_free(mapping);
    }
    return NULL;
}

START_TEST(threads_do_not_meet)
{
    pthread_t thread[THREADS];
    int fd = make_file(SIZE);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, come_and_go, &fd), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *why;
        pthread_join(thread[i], &why);
        ck_assert_msg(why == NULL, "%s", (const char *)why);
    }
    close(fd);
}
END_TEST

START_TEST(a_file_that_is_cut_short)
{
    int fd = make_file(SIZE);
    const void *bytes;
    struct mapping *mapping = mapping_new(fd, 0, SIZE, &bytes);
    ck_assert_ptr_nonnull(mapping);
    ck_assert(mapping_is_current(mapping));
    ck_assert_int_eq(ftruncate(fd, 10), 0);
    ck_assert(!mapping_is_current(mapping));
    ck_assert_int_eq(((const volatile char *)bytes)[SIZE - 1], 0); /* SIGBUS, and zeros instead */
    ck_assert(mapping_is_broken(bytes, SIZE));
    ck_assert_int_eq(ftruncate(fd, SIZE), 0);
    ck_assert(!mapping_is_current(mapping));
    mapping_free(mapping);
    ck_assert(!mapping_is_broken(bytes, SIZE));
    close(fd);
}
END_TEST

Suite *suite_mapping(void)
{
    Suite *suite = suite_create("mapping");
    TCase *tcase = tcase_create("mapping");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, threads_do_not_meet);
    tcase_add_test(tcase, a_file_that_is_cut_short);
    suite_add_tcase(suite, tcase);
    return suite;
}
