/* The descriptors that are kept for turning clients away. */
#include "suites.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/spares.h"

static struct spares *spares;
static int listening, first; /* the first that was free before there were spares */
static struct sockaddr_in at;
static struct rlimit usual;

static int lowest_free(void)
{
    int fd = dup(listening);
    close(fd);
    return fd;
}

static void limit(int descriptors)
{
    const struct rlimit limit = {.rlim_cur = (rlim_t)descriptors, .rlim_max = usual.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void set_up(void)
{
    struct err err = {0};
    socklen_t len = sizeof at;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &usual), 0);
    listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_eq(bind(listening, (struct sockaddr *)&at, len), 0);
    ck_assert_int_eq(listen(listening, 10), 0);
    ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&at, &len), 0);
    first = lowest_free();
    spares = spares_new(&err);
    ck_assert_msg(spares, "%s", err.text);
}

static void tear_down(void)
{
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &usual), 0);
    spares_free(spares);
    ck_assert_int_eq(lowest_free(), first);
    close(listening);
}

static int comes(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static bool was_told(int fd)
{
    char byte;
    struct pollfd told = {.fd = fd, .events = POLLIN};
    return poll(&told, 1, 0) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

START_TEST(who_waits_is_told)
{
    int one = comes(), two = comes();
    limit(lowest_free());
    ck_assert_int_eq(dup(listening), -1);
    ck_assert_int_eq(errno, EMFILE);
    ck_assert_int_eq(spares_turn_away(spares, listening), SPARES_TOLD);
    ck_assert(was_told(one) && !was_told(two));
    ck_assert_int_eq(spares_turn_away(spares, listening), SPARES_TOLD);
    ck_assert(was_told(two));
    ck_assert_int_eq(spares_turn_away(spares, listening), SPARES_NOBODY);
    ck_assert(spares_fill(spares));
    close(one);
    close(two);
}
END_TEST

/* What was given up is somebody else's: here, because none of such a number may be opened any more. */
START_TEST(who_cannot_be_told_waits)
{
    int client = comes();
    limit(first);
    ck_assert_int_eq(spares_turn_away(spares, listening), SPARES_NONE);
    ck_assert(!spares_fill(spares));
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &usual), 0);
    ck_assert(spares_fill(spares));
    close(client);
}
END_TEST

/* The whole system's files run out, too (ENFILE): what is given up has to be a file, not a name of one. */
START_TEST(each_is_a_file_of_its_own)
{
    char path[64], what[32];
    unsigned n = 0;
    for (int fd = first, end = lowest_free(); fd < end; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t len = readlink(path, what, sizeof what);
        if (len < 0 || !memmem(what, (size_t)len, "eventfd", 7))
            continue;
        /* What is said of one is said of all its names. */
        int flags = fcntl(fd, F_GETFL);
        ck_assert_int_ge(flags, 0);
        ck_assert_msg(!(flags & O_APPEND), "%d is the same as one before it", fd);
        ck_assert_int_eq(fcntl(fd, F_SETFL, flags | O_APPEND), 0);
        n++;
    }
    ck_assert_uint_ge(n, 2);
}
END_TEST

Suite *suite_spares(void)
{
    Suite *suite = suite_create("spares");
    TCase *tcase = tcase_create("spares");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, who_waits_is_told);
    tcase_add_test(tcase, who_cannot_be_told_waits);
    tcase_add_test(tcase, each_is_a_file_of_its_own);
    suite_add_tcase(suite, tcase);
    return suite;
}
