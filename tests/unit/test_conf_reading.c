/* How texts are read: their limits, what one leaves behind for the next, and whole files. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf_fixture.h"
#include "suites.h"

/* `unit` written `n` times between head and tail. */
static char *repeated(const char *head, const char *unit, size_t n, const char *tail)
{
    struct buf text;
    buf_init(&text, 32 * 1024 * 1024);
    buf_puts(&text, head);
    for (size_t i = 0; i < n; i++)
        buf_puts(&text, unit);
    buf_puts(&text, tail);
    return buf_take(&text, NULL);
}

static void must_fail_repeated(const char *head, const char *unit, size_t n, const char *tail,
                               const char *want)
{
    char *text = repeated(head, unit, n, tail);
    must_fail(text, want);
    free(text);
}

START_TEST(limits)
{
    char *text;
    must_fail_repeated(LISTEN "document_root = \"", "a", 5000, "\"",
                       "document_root is longer than 4096 bytes");
    char *long_value = repeated(LISTEN "document_root = \"/", "a", 4095, "\"");
    must_parse(long_value);
    free(long_value);
    text = repeated("", "a {\n", 9, "");
    ck_assert_int_lt(parse(text), 0);
    ck_assert_msg(strstr(findings(), "f.conf:9: error: braces are nested too deeply"), "%s", findings());
    free(text);
    must_fail_repeated(LISTEN, " \n", 16 * 1024 * 1024 / 2, "", "the file is larger than 16 MiB");

    text = repeated(LISTEN "location \"/a\" { allow = { \"serial:1\"", ", \"serial:2\"", 65536, "} }");
    ck_assert_int_lt(parse(text), 0);
    ck_assert_msg(strstr(findings(), "allow may have 65536 values at most"), "%s", findings());
    free(text);
    text = repeated("", "location \"/\" {}\n", 10001, "");
    ck_assert_int_lt(parse(text), 0);
    ck_assert_msg(strstr(findings(), ":10001: error: there may be 10000 blocks at most"), "%s", findings());
    free(text);

    text = repeated(LISTEN "location \"/a\" { allow = { \"\"", ", \"\"", 5000, "} }");
    ck_assert_int_lt(parse(text), 0);
    ck_assert_msg(strstr(findings(), "too many errors"), "%s", findings());
    ck_assert_uint_le(diag.errors, 102);
    free(text);

    struct buf unknown;
    buf_init(&unknown, 0);
    for (int i = 0; i < 26 * 26; i++)
        buf_printf(&unknown, "option_%c%c = 1\n", 'a' + i / 26, 'a' + i % 26);
    ck_assert_int_lt(parse(unknown.data), 0);
    ck_assert_msg(strstr(findings(), "f.conf:100: error: too many errors"), "%s", findings());
    ck_assert_uint_eq(diag.errors, 100);
    buf_done(&unknown);
}
END_TEST

/* `n` blocks of both kinds, with names that differ. */
static char *many_blocks(unsigned listeners, unsigned locations)
{
    struct buf text;
    buf_init(&text, 0);
    for (unsigned i = 0; i < listeners; i++)
        buf_printf(&text, "listen \"l%u\" { address = \"[::]:%u\" certificate = { \"c.pem\" } }\n", i, 1 + i);
    for (unsigned i = 0; i < locations; i++)
        buf_printf(&text, "location \"/%u\" { client_cert = none }\n", i);
    return buf_take(&text, NULL);
}

START_TEST(most_blocks)
{
    char *text = many_blocks(1024, 10000 - 1024);
    must_parse(text);
    free(text);
    text = many_blocks(1025, 0);
    must_fail(text, ":1025: error: there may be 1024 listen blocks at most");
    free(text);
    /* Whatever stands between them. */
    text = many_blocks(1, 5000);
    char *twice = malloc(strlen(text) + 100);
    sprintf(twice, "%slocation \"/77/\" { client_cert = none }\n", text);
    must_fail(twice, ":5002: error: location \"/77/\" covers the same paths as \"/77\" on line 79");
    free(twice);
    free(text);
}
END_TEST

/* What an earlier fault left behind must not disturb the next text. */
START_TEST(parses_are_independent)
{
    static const char *const FAULTS[] = {
        "document_root = \"open",       "document_root = 'open", "listen \"a\" {", "/* x",
        "workers = ${MTLSD_TEST_UNSET", "\"\\777\" = 1",         "listen",         "= = ="};
    for (size_t i = 0; i < ARRAY_LEN(FAULTS); i++) {
        ck_assert_int_lt(parse(FAULTS[i]), 0);
        ck_assert_msg(diag.errors == 1, "%s: %s", FAULTS[i], findings());
        must_parse(LISTEN "workers = 3\n");
        ck_assert_int_eq(conf->workers, 3);
    }
    must_fail(LISTEN "include(\"x\")\n", "f.conf:2: error: include is possible in a file only");
    must_fail(LISTEN "\x01\n", "f.conf:2: error: unexpected control character 0x01");
    must_fail(LISTEN "log_level = \"\x1b[31m\"\n",
              "f.conf:2: error: a text cannot hold the control character 0x1b");
}
END_TEST

/* libConfuse's lexer echoes what none of its rules takes. */
START_TEST(stdout_is_silent)
{
    static const char *const TEXTS[] = {
        "document_root = \"a\\", "document_root = 'a\\", "a\\", "\\", "${", "\x80\xff"};
    FILE *caught = tmpfile();
    ck_assert_ptr_nonnull(caught);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    ck_assert_int_ge(dup2(fileno(caught), STDOUT_FILENO), 0);
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++)
        ck_assert_int_lt(parse(TEXTS[i]), 0);
    fflush(stdout);
    off_t written = lseek(STDOUT_FILENO, 0, SEEK_END);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    fclose(caught);
    ck_assert_int_eq(written, 0);
}
END_TEST

/* conf_load of a file that holds these bytes. */
static int load_bytes(const void *bytes, size_t n)
{
    const char *tmp = getenv("TMPDIR");
    char *path = NULL;
    ck_assert_int_gt(asprintf(&path, "%s/mtlsd-conf.XXXXXX", tmp ? tmp : "/tmp"), 0);
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
    close(fd);
    conf_teardown();
    conf_setup();
    int rc = conf_load(path, &diag, &conf);
    unlink(path);
    free(path);
    return rc;
}

START_TEST(files)
{
    static const char NUL[] = LISTEN "workers = 1\0workers = 2\n", UTF16[] = "l\0i\0s\0t\0e\0n\0";
    ck_assert_int_eq(load_bytes(LISTEN, strlen(LISTEN)), 0);
    ck_assert_int_lt(load_bytes("", 0), 0);
    ck_assert_msg(strstr(findings(), "there is no listen block"), "%s", findings());
    ck_assert_int_eq(load_bytes(NUL, sizeof NUL - 1), ERR_SYNTAX);
    ck_assert_msg(strstr(findings(), ":2: error: unexpected NUL byte"), "%s", findings());
    ck_assert_int_eq(load_bytes(UTF16, sizeof UTF16 - 1), ERR_SYNTAX);
    ck_assert_msg(strstr(findings(), "is this a text file in UTF-8?"), "%s", findings());

    const size_t n = 16 * 1024 * 1024 + 1;
    char *large = calloc(1, n + 1);
    memset(large, ' ', n);
    ck_assert_int_lt(load_bytes(large, n), 0);
    ck_assert_msg(strstr(findings(), "larger than 16 MiB"), "%s", findings());
    free(large);

    conf_teardown();
    conf_setup();
    ck_assert_int_eq(conf_load("/nonexistent/mtlsd.conf", &diag, &conf), ERR_NOTFOUND);
    ck_assert_ptr_null(conf);
    ck_assert_str_eq(findings(),
                     "mtlsd.conf:0: error: cannot read /nonexistent/mtlsd.conf: No such file or directory; "
                     "`mtlsd setup` makes one with your certificates, or with some for practice\n");
    ck_assert_int_eq(conf_load("/", &diag, &conf), ERR_IO);
    ck_assert_ptr_null(conf);
}
END_TEST

static void *parse_often(void *cls)
{
    struct diag quiet = {0};
    for (int i = 0; i < 50; i++) {
        struct conf *c = NULL;
        int rc = conf_parse(i % 2 ? LISTEN "workers = 7\n" : "listen \"x\" { address = \"open", "t", "",
                            &quiet, &c);
        if ((rc == 0) != (i % 2 == 1) || (c && c->workers != 7))
            *(int *)cls += 1;
        conf_free(c);
    }
    return NULL;
}

START_TEST(threads)
{
    pthread_t thread[4];
    int wrong[4] = {0};
    for (size_t i = 0; i < ARRAY_LEN(thread); i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, parse_often, &wrong[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(thread); i++) {
        pthread_join(thread[i], NULL);
        ck_assert_int_eq(wrong[i], 0);
    }
}
END_TEST

Suite *suite_conf_reading(void)
{
    Suite *suite = suite_create("conf_reading");
    TCase *tc = tcase_create("conf_reading");
    tcase_add_checked_fixture(tc, conf_setup, conf_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, limits);
    tcase_add_test(tc, most_blocks);
    tcase_add_test(tc, parses_are_independent);
    tcase_add_test(tc, stdout_is_silent);
    tcase_add_test(tc, files);
    tcase_add_test(tc, threads);
    suite_add_tcase(suite, tc);
    return suite;
}
