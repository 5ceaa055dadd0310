#include "suites.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

START_TEST(from_the_middle)
{
    const void *bytes;
    int fd = make_file(SIZE);
    ck_assert_int_eq(pwrite(fd, "middle", 6, 5001), 6);
    struct mapping *mapping = mapping_new(fd, 5001, 100, &bytes);
    ck_assert_ptr_nonnull(mapping);
    ck_assert_mem_eq(bytes, "middle", 6);
    ck_assert(!mapping_is_broken(bytes, 100));
    mapping_free(mapping);
    close(fd);
}
END_TEST

/* The page is still there, its end reads as zeros. */
START_TEST(cut_within_the_last_page)
{
    const void *bytes;
    int fd = make_file(SIZE);
    struct mapping *mapping = mapping_new(fd, 0, SIZE, &bytes);
    ck_assert_int_eq(ftruncate(fd, SIZE - 10), 0);
    ck_assert(mapping_is_broken((const char *)bytes + SIZE - 100, 100));
    ck_assert(!mapping_is_broken(bytes, 100));
    mapping_free(mapping);
    close(fd);
}
END_TEST

/* Written with the same length, and whatever is done to its time of modification. */
START_TEST(a_file_that_was_written)
{
    const void *bytes;
    struct stat before, now;
    int fd = make_file(SIZE);
    ck_assert_int_eq(fstat(fd, &before), 0);
    struct mapping *mapping = mapping_new(fd, 0, SIZE, &bytes);
    do { /* the kernel's clock for files goes in steps */
        ck_assert_int_eq(pwrite(fd, "y", 1, 0), 1);
        const struct timespec times[2] = {before.st_atim, before.st_mtim};
        ck_assert_int_eq(futimens(fd, times), 0);
        ck_assert_int_eq(fstat(fd, &now), 0);
    } while (now.st_ctim.tv_sec == before.st_ctim.tv_sec && now.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
    ck_assert_int_eq(now.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    ck_assert(!mapping_is_current(mapping));
    mapping_free(mapping);
    close(fd);
}
END_TEST

START_TEST(there_are_so_many)
{
    enum { MOST = 256 };
    static struct mapping *mapping[MOST];
    const void *bytes;
    int fd = make_file(SIZE);
    for (unsigned i = 0; i < MOST; i++)
        ck_assert_ptr_nonnull(mapping[i] = mapping_new(fd, 0, SIZE, &bytes));
    ck_assert_ptr_null(mapping_new(fd, 0, SIZE, &bytes));
    mapping_free(mapping[100]);
    ck_assert_ptr_nonnull(mapping[100] = mapping_new(fd, 0, SIZE, &bytes));
    for (unsigned i = 0; i < MOST; i++)
        mapping_free(mapping[i]);
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
    tcase_add_test(tcase, from_the_middle);
    tcase_add_test(tcase, cut_within_the_last_page);
    tcase_add_test(tcase, a_file_that_was_written);
    tcase_add_test(tcase, there_are_so_many);
    suite_add_tcase(suite, tcase);
    return suite;
}
