/* The descriptors that are kept for turning clients away. Each test is a process of its own. */
#include "suites.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/spares.h"

enum { MOST = 64 };

static struct spares *spares;
static int listening, first; /* the first that was free before there were spares */
static struct sockaddr_in at;

static int lowest_free(void)
{
    int fd = dup(listening);
    close(fd);
    return fd;
}

static void limit(int descriptors)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = (rlim_t)descriptors;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void set_up(void)
{
    struct err err = {0};
    socklen_t len = sizeof at;
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
    ck_assert_int_eq(accept(listening, NULL, NULL), -1);
    ck_assert_int_eq(errno, EMFILE);
    ck_assert_int_eq(spares_turn_away(spares, listening), SPARES_TOLD);
    ck_assert(was_told(one) && !was_told(two));
    ck_assert_int_eq(spares_turn_away(spares, listening), SPARES_TOLD);
    ck_assert(was_told(two));
    /* Without a descriptor the kernel says so whether somebody waits or not. */
    ck_assert_int_eq(accept(listening, NULL, NULL), -1);
    ck_assert_int_eq(errno, EMFILE);
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
    for (unsigned i = 0; i < 10; i++)
        ck_assert_int_eq(spares_turn_away(spares, listening), SPARES_NONE);
    ck_assert(!was_told(client));
    ck_assert(!spares_fill(spares));
    limit(MOST);
    ck_assert_int_eq(spares_turn_away(spares, listening), SPARES_TOLD);
    ck_assert(was_told(client));
    ck_assert(spares_fill(spares));
    close(client);
}
END_TEST

Suite *suite_spares(void)
{
    Suite *suite = suite_create("spares");
    TCase *tcase = tcase_create("spares");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, who_waits_is_told);
    tcase_add_test(tcase, who_cannot_be_told_waits);
    suite_add_tcase(suite, tcase);
    return suite;
}
