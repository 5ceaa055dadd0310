#include "suites.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/access.h"

static const struct access_record HOSTILE = {
    .at = 1795452120,
    .remote = "[2001:db8::1]:443",
    .host = "a\"b",
    .method = "GET",
    .target = "/a\"b\\c\x01\xff",
    .protocol = "HTTP/1.1",
    .status = 200,
    .bytes = 17,
    .duration_us = 1234,
    .referer = NULL,
    .user_agent = "evil\"\n127.0.0.1 - -",
    .listener = "public",
    .tls_version = "TLSv1.3",
    .cipher_suite = "TLS_AES_128_GCM_SHA256",
    .client_verify = "SUCCESS",
    .client_subject = "CN=alice",
    .run = 0xbeef,
    .connection_id = 3,
    .request_number = 2,
};

START_TEST(combined)
{
    struct buf out = {0};
    access_format(&HOSTILE, ACCESS_FORMAT_COMBINED, &out);
    ck_assert_str_eq(
        out.data,
        "2001:db8::1 - - [23/Nov/2026:16:42:00 +0000] \"GET /a\\\"b\\\\c\\x01\\xff HTTP/1.1\" 200 17 "
        "\"-\" \"evil\\\"\\x0a127.0.0.1 - -\"\n");
    buf_done(&out);
}
END_TEST

START_TEST(json)
{
    struct buf out = {0};
    access_format(&HOSTILE, ACCESS_FORMAT_JSON, &out);
    ck_assert_ptr_eq(strchr(out.data, '\n'), out.data + out.len - 1);
    json_t *line = json_loadb(out.data, out.len, 0, NULL);
    ck_assert_ptr_nonnull(line);
    ck_assert_str_eq(json_string_value(json_object_get(line, "path")), "/a\"b\\\\c\\01\\FF");
    ck_assert_str_eq(json_string_value(json_object_get(line, "host")), "a\"b");
    ck_assert_str_eq(json_string_value(json_object_get(line, "time")), "2026-11-23T16:42:00Z");
    ck_assert_int_eq(json_integer_value(json_object_get(line, "duration_us")), 1234);
    ck_assert_str_eq(json_string_value(json_object_get(line, "request_id")), "0000beef-3-2");
    ck_assert(json_is_null(json_object_get(line, "client_serial")));
    ck_assert_ptr_null(json_object_get(line, "code"));
    json_decref(line);
    buf_done(&out);
}
END_TEST

static char *filled(const char *with, size_t len)
{
    static char text[5][300 * 1024];
    static size_t at;
    char *out = text[at++ % ARRAY_LEN(text)];
    for (size_t i = 0; i < len; i++)
        out[i] = with[i % strlen(with)];
    out[len] = '\0';
    return out;
}

/* Whatever a client sends, its line is no longer than a reader and the sink take. */
START_TEST(bounded)
{
    static const char *const BYTES[] = {"x", "\"", "\\", "\xff", "\x01", "\xc3\xa9", "\x01\xff"};
    for (size_t i = 0; i < ARRAY_LEN(BYTES); i++) {
        struct access_record record = HOSTILE;
        record.target = filled(BYTES[i], 65536);
        record.referer = record.user_agent = filled(BYTES[i], 131072);
        record.client_subject = filled(BYTES[i], 262144);
        record.client_serial = filled("a", 65536);
        struct buf out = {0};
        access_format(&record, ACCESS_FORMAT_JSON, &out);
        ck_assert_uint_le(out.len, ACCESS_MOST_LINE);
        json_t *line = json_loadb(out.data, out.len, 0, NULL);
        ck_assert_ptr_nonnull(line);
        const char *agent = json_string_value(json_object_get(line, "user_agent"));
        ck_assert_uint_ge(strlen(agent), 1024);
        ck_assert_str_eq(agent + strlen(agent) - 3, "...");
        json_decref(line);
        out.len = 0;
        access_format(&record, ACCESS_FORMAT_COMBINED, &out);
        ck_assert_uint_le(out.len, 4096);
        buf_done(&out);
    }
}
END_TEST

/* What fits is there whole. */
START_TEST(json_has_all_of_it)
{
    struct access_record record = HOSTILE;
    record.user_agent = filled("\xc3\xa9", 16384);
    struct buf out = {0};
    access_format(&record, ACCESS_FORMAT_JSON, &out);
    json_t *line = json_loadb(out.data, out.len, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(line, "user_agent")), record.user_agent);
    json_decref(line);
    buf_done(&out);
}
END_TEST

/* --- what somebody reads -------------------------------------------------------------------------------- */

enum { EACH = 4000, WRITERS = 4 };

static int own_stdout; /* which Check writes to, also in this process when it does not fork */
static uint64_t dropped_before;

static uint64_t dropped(void)
{
    return access_dropped() - dropped_before;
}

/* A standard output that is a pipe, as big as it always is. Returns the end to read. */
static int piped_stdout(enum access_format format)
{
    int ends[2];
    struct err err = {0};
    fflush(stdout);
    dropped_before = access_dropped();
    own_stdout = dup(STDOUT_FILENO);
    ck_assert_int_ge(own_stdout, 0);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
    close(ends[1]);
    ck_assert_int_eq(access_open("stdout", format, &err), 0);
    return ends[0];
}

/* Every fiftieth is longer than a pipe takes without a break. */
static void *write_many(void *cls)
{
    (void)cls;
    char *agent = malloc(9000);
    memset(agent, 'x', 8999);
    agent[8999] = '\0';
    for (size_t i = 0; i < EACH; i++) {
        struct access_record record = HOSTILE;
        record.user_agent = i % 50 == 0 ? agent : "short";
        access_write(&record);
    }
    free(agent);
    return NULL;
}

struct seen {
    int fd;
    size_t whole, torn;
};

static void *read_all(void *cls)
{
    struct seen *seen = cls;
    FILE *file = fdopen(seen->fd, "r");
    char *line = NULL;
    size_t room = 0;
    for (ssize_t n; (n = getline(&line, &room, file)) > 0;) {
        json_t *object = json_loadb(line, (size_t)n, 0, NULL);
        ++*(object ? &seen->whole : &seen->torn);
        json_decref(object);
    }
    free(line);
    fclose(file);
    return NULL;
}

/* Until all is written; returns how many lines more that took. */
static size_t catch_up(void)
{
    struct pollfd room = {.fd = STDOUT_FILENO, .events = POLLOUT};
    size_t more = 0;
    for (; more == 0 || access_failing(); more++) {
        ck_assert_int_eq(poll(&room, 1, 10000), 1);
        access_write(&HOSTILE);
        access_flush();
    }
    return more;
}

static void close_stdout(void)
{
    access_close();
    ck_assert_int_eq(dup2(own_stdout, STDOUT_FILENO), STDOUT_FILENO);
    close(own_stdout);
}

/* Threads tear each other's lines nowhere, and lose none that is not counted. */
START_TEST(pipe_has_whole_lines)
{
    struct seen seen = {.fd = piped_stdout(ACCESS_FORMAT_JSON)};
    pthread_t reader, writer[WRITERS];
    ck_assert_int_eq(pthread_create(&reader, NULL, read_all, &seen), 0);
    for (size_t i = 0; i < WRITERS; i++)
        ck_assert_int_eq(pthread_create(&writer[i], NULL, write_many, NULL), 0);
    for (size_t i = 0; i < WRITERS; i++)
        pthread_join(writer[i], NULL);
    size_t more = catch_up();
    close_stdout();
    pthread_join(reader, NULL);
    ck_assert_uint_eq(seen.torn, 0);
    ck_assert_uint_gt(seen.whole, 0);
    ck_assert_uint_eq(seen.whole + dropped(), (uint64_t)EACH * WRITERS + more);
}
END_TEST

/* Nobody is stopped by a reader that does not read. */
START_TEST(reader_that_stalls)
{
    struct seen seen = {.fd = piped_stdout(ACCESS_FORMAT_JSON)};
    write_many(NULL);
    access_flush();
    ck_assert(access_failing());
    ck_assert_int_eq(access_error(), EAGAIN);
    ck_assert_uint_gt(dropped(), EACH / 2);
    access_flush();
    ck_assert(access_failing()); /* still: nothing was written since */

    pthread_t reader;
    ck_assert_int_eq(pthread_create(&reader, NULL, read_all, &seen), 0);
    size_t more = catch_up();
    close_stdout();
    pthread_join(reader, NULL);
    ck_assert_uint_eq(seen.torn, 0);
    ck_assert_uint_eq(seen.whole + dropped(), EACH + more);
}
END_TEST

START_TEST(reader_that_left)
{
    signal(SIGPIPE, SIG_IGN);
    close(piped_stdout(ACCESS_FORMAT_COMBINED));
    access_write(&HOSTILE);
    access_flush();
    ck_assert(access_failing());
    ck_assert_int_eq(access_error(), EPIPE);
    ck_assert_uint_eq(dropped(), 1);
    close_stdout();
}
END_TEST

/* --- a disk that is full ---------------------------------------------------------------------------------
 */

static void write_numbered(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        char target[20];
        struct access_record record = HOSTILE;
        snprintf(target, sizeof target, "/%04u", i);
        record.target = target;
        access_write(&record);
    }
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* In the middle of a line, and before the first: what is in the file are whole lines, also when there is room
 * again, and all others are counted. */
START_TEST(a_full_disk_leaves_no_half_line)
{
    enum { FIRST = 10, LOST = 20, LAST = 10 };
    char path[] = "/tmp/mtlsd-access.XXXXXX";
    struct err err = {0};
    struct stat st;
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    signal(SIGXFSZ, SIG_IGN);
    for (off_t room = 0; room < 300; room += 137) {
        dropped_before = access_dropped();
        ck_assert_int_eq(ftruncate(fd, 0), 0);
        ck_assert_int_eq(access_open(path, ACCESS_FORMAT_JSON, &err), 0);
        write_numbered(0, FIRST);
        access_flush();
        ck_assert(!access_failing());
        ck_assert_int_eq(fstat(fd, &st), 0);
        off_t line = st.st_size / FIRST;
        ck_assert_int_eq(st.st_size % FIRST, 0);
        limit_files((rlim_t)(st.st_size + 3 * line + room));
        write_numbered(FIRST, FIRST + LOST);
        access_flush();
        ck_assert(access_failing());
        ck_assert_int_eq(access_error(), EFBIG);
        limit_files(RLIM_INFINITY);
        write_numbered(FIRST + LOST, FIRST + LOST + LAST);
        access_flush();
        ck_assert(!access_failing());
        access_close();

        unsigned whole = 0, last = 0;
        FILE *file = fopen(path, "r");
        char *text = NULL;
        size_t size = 0;
        for (ssize_t n; (n = getline(&text, &size, file)) > 0; whole++) {
            json_t *object = json_loadb(text, (size_t)n, 0, NULL);
            ck_assert_msg(object != NULL, "torn: %s", text);
            last = (unsigned)atoi(json_string_value(json_object_get(object, "path")) + 1);
            json_decref(object);
        }
        fclose(file);
        free(text);
        ck_assert_uint_eq(last, FIRST + LOST + LAST - 1);
        ck_assert_uint_eq(whole, FIRST + 3 + (unsigned)(room / line) + LAST);
        ck_assert_uint_eq(whole + dropped(), FIRST + LOST + LAST);
    }
    close(fd);
    unlink(path);
}
END_TEST

Suite *suite_access(void)
{
    Suite *suite = suite_create("access");
    TCase *tc = tcase_create("access");
    tcase_add_test(tc, combined);
    tcase_add_test(tc, json);
    tcase_add_test(tc, bounded);
    tcase_add_test(tc, json_has_all_of_it);
    tcase_add_test(tc, pipe_has_whole_lines);
    tcase_add_test(tc, reader_that_stalls);
    tcase_add_test(tc, reader_that_left);
    tcase_add_test(tc, a_full_disk_leaves_no_half_line);
    suite_add_tcase(suite, tc);
    return suite;
}
