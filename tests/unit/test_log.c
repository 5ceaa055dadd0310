#include "suites.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/syslog.h"
#include "report/access.h"

enum { READ_MOST = 1 << 20 };

static char folder[32], pipe_path[64], socket_path[64];

static void setup(void)
{
    struct err err = {0};
    signal(SIGPIPE, SIG_IGN);
    /* What a test before this one has lost is told here, in the same process or not. */
    ck_assert_int_eq(log_open("/dev/null", LOG_LEVEL_INFO, &err), 0);
    log_error("next test");
    log_close();
    snprintf(folder, sizeof folder, "/tmp/mtlsd-log.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(pipe_path, sizeof pipe_path, "%s/pipe", folder);
    snprintf(socket_path, sizeof socket_path, "%s/socket", folder);
    ck_assert_int_eq(mkfifo(pipe_path, 0600), 0);
}

static void teardown(void)
{
    unlink(pipe_path);
    unlink(socket_path);
    rmdir(folder);
}

/* What can be read now; the caller frees it. */
static char *read_all(int fd)
{
    char *text = calloc(1, READ_MOST + 1);
    size_t at = 0;
    for (ssize_t n; text && at < READ_MOST && (n = read(fd, text + at, READ_MOST - at)) > 0; at += (size_t)n)
        ;
    ck_assert_ptr_nonnull(text);
    return text;
}

START_TEST(a_pipe_without_a_reader)
{
    struct err err = {0};
    ck_assert_int_eq(log_open(pipe_path, LOG_LEVEL_INFO, &err), ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "it is a pipe that nobody reads"));
    ck_assert_int_eq(access_open(pipe_path, ACCESS_FORMAT_JSON, &err), ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "it is a pipe that nobody reads"));
}
END_TEST

START_TEST(a_reader_that_went_away)
{
    struct err err = {0};
    int reader = open(pipe_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_eq(log_open(pipe_path, LOG_LEVEL_INFO, &err), 0);
    close(reader);
    ck_assert_int_eq(log_reopen(&err), ERR_IO);
    uint64_t before = log_dropped();
    log_error("nobody hears this");
    ck_assert_uint_eq(log_dropped(), before + 1);
    reader = open(pipe_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    log_error("but this");
    char *text = read_all(reader);
    ck_assert_ptr_nonnull(strstr(text, "warning: 1 line of this log was lost here: Broken pipe\n"));
    ck_assert_ptr_nonnull(strstr(text, "error: but this\n"));
    ck_assert_ptr_null(strstr(text, "nobody"));
    free(text);
    log_close();
    close(reader);
}
END_TEST

static void *log_many(void *cls)
{
    for (int i = 0; i < 2000; i++)
        log_error("%0200d", i);
    return cls;
}

/* Room for one is not room for two: several threads whose pipe is full, none of which may wait in write(2).
 */
START_TEST(a_reader_that_does_not_read)
{
    enum { THREADS = 4 };
    struct err err = {0};
    const uint64_t before = log_dropped();
    pthread_t thread[THREADS];
    int reader = open(pipe_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_eq(log_open(pipe_path, LOG_LEVEL_INFO, &err), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, log_many, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    uint64_t dropped = log_dropped() - before;
    ck_assert_uint_gt(dropped, 0);
    char *text = read_all(reader), last[96];
    size_t lines = 0;
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    ck_assert_uint_eq(lines + dropped, THREADS * 2000);
    free(text);
    log_error("and then");
    text = read_all(reader);
    snprintf(last, sizeof last, "%llu lines of this log were lost here: its reader",
             (unsigned long long)dropped);
    ck_assert_ptr_nonnull(strstr(text, last));
    ck_assert_ptr_nonnull(strstr(text, "error: and then\n"));
    free(text);
    log_close();
    close(reader);
}
END_TEST

static int listen_for_datagrams(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", socket_path);
    unlink(socket_path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

START_TEST(the_systems_log)
{
    struct err err = {0};
    char got[256] = "", want[256], stamp[CLOCK_TEXT];
    syslog_to(socket_path);
    ck_assert_int_eq(syslog_open(&err), 0);
    ck_assert_int_eq(syslog_send(LOG_DAEMON | LOG_INFO, "x", 1), ENOENT);
    int fd = listen_for_datagrams();
    time_t before = clock_now();
    ck_assert_int_eq(syslog_send(LOG_DAEMON | LOG_WARNING, "a line", 6), 0);
    ck_assert_int_gt(recv(fd, got, sizeof got - 1, 0), 0);
    bool same = false;
    for (time_t t = before; !same && t <= clock_now(); t++) {
        snprintf(want, sizeof want, "<28>%s mtlsd[%ld]: a line", clock_syslog_date(t, stamp), (long)getpid());
        same = strcmp(got, want) == 0;
    }
    ck_assert_msg(same, "%s", got);
    /* Started anew: nothing has to be connected again. */
    close(fd);
    ck_assert_int_eq(syslog_send(LOG_DAEMON | LOG_INFO, "x", 1), ECONNREFUSED);
    fd = listen_for_datagrams();
    ck_assert_int_eq(log_open("syslog", LOG_LEVEL_INFO, &err), 0);
    log_error("to %s", "syslog");
    ck_assert_int_gt(recv(fd, got, sizeof got - 1, 0), 0);
    ck_assert_int_eq(strncmp(got, "<27>", 4), 0);
    ck_assert_ptr_nonnull(strstr(got, "]: to syslog"));
    log_close();
    close(fd);
}
END_TEST

/* Its queue is full: a hundred thousand lines may take a little patience, not a hundred thousand times that.
 */
START_TEST(a_systems_log_that_does_not_read)
{
    struct err err = {0};
    syslog_to(socket_path);
    ck_assert_int_eq(syslog_open(&err), 0);
    int fd = listen_for_datagrams(), lost = 0;
    for (int i = 0; i < 100000 && lost == 0; i++)
        lost = syslog_send(LOG_DAEMON | LOG_INFO, "x", 1) == EAGAIN;
    ck_assert_int_gt(lost, 0);
    close(fd);
}
END_TEST

Suite *suite_log(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_pipe_without_a_reader);
    tcase_add_test(tcase, a_reader_that_went_away);
    tcase_add_test(tcase, a_reader_that_does_not_read);
    tcase_add_test(tcase, the_systems_log);
    tcase_add_test(tcase, a_systems_log_that_does_not_read);
    suite_add_tcase(suite, tcase);
    return suite;
}
