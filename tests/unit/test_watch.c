#include "suites.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/watch.h"

static char dir[] = "/tmp/mtlsd-watch.XXXXXX";
static struct conf *conf;
static struct watch *watch;
static uint64_t now_ms;

static const char *in(const char *name)
{
    static char path[4][PATH_MAX];
    static unsigned turn;
    char *out = path[turn++ % 4];
    snprintf(out, PATH_MAX, "%s/%s", dir, name);
    return out;
}

static void put(const char *name, const char *text)
{
    int fd = open(in(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void set_up(void)
{
    static const char text[] = "document_root = \"www\"\n"
                               "access_log = \"access.log\"\n"
                               "listen \"a\" {\n"
                               "    address = \"127.0.0.1:0\"\n"
                               "    certificate = { \"plain.crt\", \"link.key\" }\n"
                               "    client_ca = { \"current/ca.crt\" }\n"
                               "    crl = { \"mounted/root.crl\" }\n"
                               "    client_auth = require\n"
                               "}\n";
    struct diag silent = {0};
    struct err err = {0};
    memcpy(strrchr(dir, '.') + 1, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(dir));
    static const char *const folders[] = {"www", "other", "r1", "r2", "mounted", "mounted/..1", "far"};
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        ck_assert_int_eq(mkdir(in(folders[i]), 0700), 0);
    put("plain.crt", "one");
    put("far/key", "one");
    put("r1/ca.crt", "one");
    put("r2/ca.crt", "one");
    put("mounted/..1/root.crl", "one");
    ck_assert_int_eq(symlink("far/key", in("link.key")), 0);
    ck_assert_int_eq(symlink("r1", in("current")), 0);
    ck_assert_int_eq(symlink("..1", in("mounted/..data")), 0);
    ck_assert_int_eq(symlink("..data/root.crl", in("mounted/root.crl")), 0);
    ck_assert_int_eq(conf_parse(text, "mtlsd.conf", dir, &silent, &conf), 0);
    ck_assert_int_eq(watch_new(conf, &watch, &err), 0);
    now_ms = 1000;
}

static int remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED, struct FTW *ftw UNUSED)
{
    return remove(path);
}

static void tear_down(void)
{
    ck_assert_int_eq(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    watch_free(watch);
    conf_free(conf);
}

/* As the main loop does: how many milliseconds until it reports, or -1 when it does not within ten seconds.
 */
static int reports_after(void)
{
    for (uint64_t began = now_ms; now_ms < began + 10000; now_ms = watch_due_ms(watch)) {
        if (watch_turn(watch, now_ms))
            return (int)(now_ms - began);
    }
    return -1;
}

static void turn_link(const char *link, const char *to)
{
    ck_assert_int_eq(symlink(to, in("turning")), 0);
    ck_assert_int_eq(rename(in("turning"), in(link)), 0);
}

START_TEST(nothing_is_no_change)
{
    ck_assert_int_eq(reports_after(), -1);
    put("neighbour", "new");
    put("www/index.html", "new");
    put("access.log", "new");
    put("far/neighbour", "new");
    put("mounted/..1/neighbour", "new");
    ck_assert_int_eq(reports_after(), -1);
}
END_TEST

/* That of files moves in steps of some milliseconds. */
static void until_the_clock_moves(void)
{
    struct stat before, now;
    put("tick", "0");
    ck_assert_int_eq(stat(in("tick"), &before), 0);
    do {
        put("tick", "1");
        ck_assert_int_eq(stat(in("tick"), &now), 0);
    } while (now.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
}

enum { KINDS = 9 };

static void change(int kind)
{
    struct timespec times[2];
    struct stat st;
    switch (kind) {
    case 0: /* in place, with the same length, and the old date put back */
        ck_assert_int_eq(stat(in("plain.crt"), &st), 0);
        put("plain.crt", "two");
        times[0] = st.st_atim;
        times[1] = st.st_mtim;
        ck_assert_int_eq(utimensat(AT_FDCWD, in("plain.crt"), times, 0), 0);
        break;
    case 1:
        put("new", "two");
        ck_assert_int_eq(rename(in("new"), in("plain.crt")), 0);
        break;
    case 2: /* behind a link, in another folder */
        put("far/key", "three");
        break;
    case 3:
        turn_link("current", "r2");
        break;
    case 4: /* a folder takes another one's place */
        ck_assert_int_eq(unlink(in("current")), 0);
        ck_assert_int_eq(rename(in("r2"), in("current")), 0);
        break;
    case 5: /* written inside of what is mounted */
        put("mounted/..data/root.crl", "three");
        break;
    case 6:
        ck_assert_int_eq(mkdir(in("mounted/..2"), 0700), 0);
        put("mounted/..2/root.crl", "one");
        turn_link("mounted/..data", "..2");
        break;
    case 7:
        ck_assert_int_eq(unlink(in("plain.crt")), 0);
        break;
    default: /* the folder of what is served */
        ck_assert_int_eq(rename(in("www"), in("old")), 0);
        ck_assert_int_eq(rename(in("other"), in("www")), 0);
    }
}

START_TEST(every_change_is_noticed_once)
{
    until_the_clock_moves();
    change(_i);
    int ms = reports_after();
    ck_assert_msg(ms >= 0 && ms <= 1500, "%d ms", ms);
    ck_assert_int_eq(reports_after(), -1);
}
END_TEST

START_TEST(what_comes_back_is_noticed)
{
    unlink(in("plain.crt"));
    ck_assert_int_ge(reports_after(), 0);
    put("plain.crt", "one");
    ck_assert_int_ge(reports_after(), 0);
    ck_assert_str_eq(watch_what(watch), in("plain.crt"));
}
END_TEST

/* Whoever writes without end waits for five seconds at most. */
START_TEST(it_settles_and_does_not_starve)
{
    bool reported = false;
    uint64_t began = now_ms;
    for (int i = 0; i < 100 && !reported; i++) {
        put("plain.crt", i % 2 ? "longer" : "short");
        reported = watch_turn(watch, now_ms);
        ck_assert_msg(!reported || now_ms - began >= 5000, "reported while it was written");
        now_ms = watch_due_ms(watch);
    }
    ck_assert(reported);
    ck_assert_uint_le(now_ms - began, 7000);
}
END_TEST

Suite *suite_watch(void)
{
    Suite *suite = suite_create("watch");
    TCase *tcase = tcase_create("watch");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, nothing_is_no_change);
    tcase_add_loop_test(tcase, every_change_is_noticed_once, 0, KINDS);
    tcase_add_test(tcase, what_comes_back_is_noticed);
    tcase_add_test(tcase, it_settles_and_does_not_starve);
    suite_add_tcase(suite, tcase);
    return suite;
}
