#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/files.h"
#include "http/path.h"
#include "suites.h"
#include "tree_fixture.h"

/* Sun, 06 Nov 1994 08:49:37 GMT, the date of every file here. */
static const time_t MODIFIED = 784111777;
static const char DATE[] = "Sun, 06 Nov 1994 08:49:37 GMT";

/* --- a document root, made once: BASE/outside.txt and BASE/root/... */

static void make_file(const char *name, const char *text, time_t modified)
{
    int fd = openat(root, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    ck_assert_msg(fd >= 0, "%s", name);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    struct timespec times[2] = {{modified, 0}, {modified, 0}};
    ck_assert_int_eq(futimens(fd, times), 0);
    close(fd);
}

static void make_tree(void)
{
    static const char *const folders[] = {
        "dir", "bare", ".git", ".well-known", "d i r\xc3\xbc", "dir/.well-known", "dir/deep"};
    static const char *const links[][2] = {
        {"a.txt", "link-in"},     {"dir", "link-dir"},
        {"../a.txt", "dir/up"},   {"../outside.txt", "out"},
        {"/etc/passwd", "abs"},   {"loop", "loop"},
        {"..", "parent"},         {"/proc/self/root", "root"},
        {"nowhere", "dangling"},  {"../../outside.txt", "dir/out"},
        {"/proc/self/fd", "fds"},
    };
    tree_open("files");
    make_file("outside.txt", "secret", MODIFIED);
    ck_assert_int_eq(mkdirat(root, "root", 0755), 0);
    int inner = openat(root, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    close(root);
    root = inner;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        ck_assert_int_eq(mkdirat(root, folders[i], 0755), 0);
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        ck_assert_int_eq(symlinkat(links[i][0], root, links[i][1]), 0);
    make_file("index.html", "<p>root", MODIFIED);
    make_file("a.txt", "0123456789", MODIFIED);
    make_file("empty.txt", "", MODIFIED);
    make_file("dir/index.html", "<p>dir", MODIFIED);
    make_file("dir/b.txt", "b", MODIFIED);
    make_file("dir/deep/c.txt", "c", MODIFIED);
    make_file("d i r\xc3\xbc/index.html", "<p>odd", MODIFIED);
    make_file(".hidden", "secret", MODIFIED);
    make_file(".git/config", "secret", MODIFIED);
    make_file("dir/.env", "secret", MODIFIED);
    make_file("dir/.well-known/x", "secret", MODIFIED);
    make_file(".well-known/security.txt", "known", MODIFIED);
    make_file(".well-known/.x", "secret", MODIFIED);
    make_file(".well-knownx", "secret", MODIFIED);
    make_file("app.js", "plain script", MODIFIED);
    make_file("app.js.br", "br", MODIFIED);
    make_file("app.js.gz", "gzip", MODIFIED + 1);
    make_file("old.js", "new script", MODIFIED);
    make_file("old.js.br", "old", MODIFIED - 1);
    make_file("old.js.gz", "gzip", MODIFIED);
    make_file("photo.png", "png", MODIFIED);
    make_file("photo.png.gz", "gzip", MODIFIED);
    make_file("future.txt", "f", MODIFIED + 5000000);
    make_file("no-type", "x", MODIFIED);
    ck_assert_int_eq(mkfifoat(root, "fifo", 0644), 0);
    ck_assert_int_eq(mkfifoat(root, "app.css.br", 0644), 0);
    make_file("app.css", "css", MODIFIED);
    make_file("unreadable.txt", "secret", MODIFIED);
    ck_assert_int_eq(fchmodat(root, "unreadable.txt", 0, 0), 0);
}

/* --- asking for a file */

struct field {
    const char *name, *value;
};

static const char *field_of(const struct request *request, const char *name)
{
    for (const struct field *f = request->header_cls; f && f->name; f++)
        if (strcasecmp(f->name, name) == 0)
            return f->value;
    return NULL;
}

static void ask(enum http_method method, const char *target, const struct field *fields, struct reply *reply)
{
    char path[PATH_MOST + 1];
    const char *query = NULL;
    ck_assert_int_eq(path_normalise(target, path, &query), 0);
    struct request request = {.method = method,
                              .target = target,
                              .path = path,
                              .query = query,
                              .header = field_of,
                              .header_cls = fields,
                              .remote = "192.0.2.1:1",
                              .listener = "test",
                              .now = 784111777 + 1000000,
                              .document_root = root};
    reply_init(reply);
    ck_assert_int_eq(files_handler(&request, reply), 0);
}

static void get(const char *target, const struct field *fields, struct reply *reply)
{
    ask(METHOD_GET, target, fields, reply);
}

static const char *header(const struct reply *reply, const char *name)
{
    const char *found = NULL;
    for (size_t i = 0; i < reply->n_headers; i++) {
        if (strcasecmp(reply->header[i].name, name) == 0) {
            ck_assert_msg(found == NULL, "two %s fields", name);
            found = reply->header[i].value;
        }
    }
    return found;
}

static void body_is(const struct reply *reply, const char *text)
{
    char data[256];
    ck_assert_int_ge(reply->fd, 0);
    ck_assert_uint_eq(reply->length, strlen(text));
    ck_assert_int_eq(pread(reply->fd, data, strlen(text), (off_t)reply->offset), (ssize_t)strlen(text));
    ck_assert(memcmp(data, text, strlen(text)) == 0);
}

/* Status and body of a plain GET; NULL: a status other than 200, and no file. */
static void expect_one(const char *target, unsigned status, const char *text)
{
    struct reply reply;
    get(target, NULL, &reply);
    ck_assert_msg(reply.status == status, "%s: %u", target, reply.status);
    if (text)
        body_is(&reply, text);
    else
        ck_assert_int_lt(reply.fd, 0);
    reply_done(&reply);
}

/* --- what is served. Each of these runs twice, _i: without openat2 */

START_TEST(what_is_served)
{
    bool walk = _i || !has_openat2();
    static const struct {
        const char *target;
        unsigned status;
        const char *text;
    } rows[] = {
        {"/", 200, "<p>root"},
        {"/index.html", 200, "<p>root"},
        {"/a.txt", 200, "0123456789"},
        {"/a.txt?x", 200, "0123456789"},
        {"/%61.txt", 200, "0123456789"},
        {"/empty.txt", 200, ""},
        {"/dir/", 200, "<p>dir"},
        {"/dir/b.txt", 200, "b"},
        {"/dir/deep/c.txt", 200, "c"},
        {"/dir/../a.txt", 200, "0123456789"},
        {"/d%20i%20r%c3%bc/", 200, "<p>odd"},
        {"/.well-known/security.txt", 200, "known"},
        {"/photo.png.gz", 200, "gzip"},
        {"/no-type", 200, "x"},
        {"/none.txt", 404, NULL},
        {"/none/", 404, NULL},
        {"/none/none.txt", 404, NULL},
        {"/a.txt/", 404, NULL},
        {"/a.txt/b", 404, NULL},
        {"/bare/", 404, NULL},
        {"/bare", 404, NULL},
        {"/.well-known/", 404, NULL},
        {"/.well-known", 404, NULL},
        {"/.hidden", 404, NULL},
        {"/.git/config", 404, NULL},
        {"/.git", 404, NULL},
        {"/dir/.env", 404, NULL},
        {"/dir/.well-known/x", 404, NULL},
        {"/.well-known/.x", 404, NULL},
        {"/.well-knownx", 404, NULL},
        {"/%2ehidden", 404, NULL},
        {"/..hidden", 404, NULL},
        {"/out", 404, NULL},
        {"/dir/out", 404, NULL},
        {"/abs", 404, NULL},
        {"/loop", 404, NULL},
        {"/parent/outside.txt", 404, NULL},
        {"/parent", 404, NULL},
        {"/root/etc/passwd", 404, NULL},
        {"/fds/0", 404, NULL},
        {"/dangling", 404, NULL},
        {"/fifo", 404, NULL},
        {"/fifo/", 404, NULL},
    };
    files_without_openat2(_i);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect_one(rows[i].target, rows[i].status, rows[i].text);
    char name[3002];
    memset(name, 'a', sizeof name);
    name[0] = '/';
    name[sizeof name - 1] = '\0';
    expect_one(name, 404, NULL);
    /* Links that stay beneath the root: the walk refuses all links. */
    expect_one("/link-in", walk ? 404 : 200, walk ? NULL : "0123456789");
    expect_one("/link-dir/b.txt", walk ? 404 : 200, walk ? NULL : "b");
    expect_one("/dir/up", walk ? 404 : 200, walk ? NULL : "0123456789");
    if (geteuid() != 0) /* whom no mode stops */
        expect_one("/unreadable.txt", 403, NULL);
    files_without_openat2(false);
}
END_TEST

START_TEST(nothing_without_a_root)
{
    int saved = root;
    root = -1;
    expect_one("/a.txt", 404, NULL);
    root = saved;
    expect_one("*", 404, NULL);
}
END_TEST

START_TEST(no_descriptor_is_left)
{
    files_without_openat2(_i);
    static const char *const targets[] = {"/a.txt",  "/dir",     "/dir/b.txt", "/dir/deep/c.txt",
                                          "/bare",   "/fifo",    "/none/x",    "/app.js",
                                          "/old.js", "/app.css", "/out",       "/dir/none"};
    static const struct field fields[] = {
        {"Accept-Encoding", "br, gzip"}, {"Range", "bytes=99-"}, {NULL, NULL}};
    int before = dup(0);
    close(before);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct reply reply;
        get(targets[i], fields, &reply);
        reply_done(&reply);
        get(targets[i], NULL, &reply);
        reply_done(&reply);
    }
    int after = dup(0);
    close(after);
    ck_assert_int_eq(before, after); /* the lowest free one */
    files_without_openat2(false);
}
END_TEST

START_TEST(folder_without_slash)
{
    static const char *const rows[][2] = {
        {"/dir", "/dir/"},
        {"/dir?a=b&c", "/dir/?a=b&c"},
        {"/dir?", "/dir/?"},
        {"//dir", "/dir/"},
        {"/d%20i%20r%C3%BC?x=%20", "/d%20i%20r%C3%BC/?x=%20"},
        {"https://elsewhere.example/dir", "/dir/"},
    };
    files_without_openat2(_i);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reply reply;
        get(rows[i][0], NULL, &reply);
        ck_assert_uint_eq(reply.status, 308);
        ck_assert_str_eq(header(&reply, "Location"), rows[i][1]);
        ck_assert_int_lt(reply.fd, 0);
        reply_done(&reply);
    }
    files_without_openat2(false);
}
END_TEST

START_TEST(headers_of_a_file)
{
    struct reply reply;
    get("/a.txt", NULL, &reply);
    ck_assert_str_eq(reply.content_type, "text/plain; charset=utf-8");
    ck_assert_str_eq(header(&reply, "Last-Modified"), DATE);
    ck_assert_str_eq(header(&reply, "Cache-Control"), "no-cache");
    ck_assert_str_eq(header(&reply, "Accept-Ranges"), "bytes");
    ck_assert_str_eq(header(&reply, "Vary"), "Accept-Encoding");
    ck_assert_ptr_null(header(&reply, "Content-Encoding"));
    ck_assert_ptr_null(header(&reply, "Content-Range"));
    const char *etag = header(&reply, "ETag");
    ck_assert(etag[0] == '"' && etag[strlen(etag) - 1] == '"' && strlen(etag) > 4);
    reply_done(&reply);
    get("/photo.png", NULL, &reply);
    ck_assert_str_eq(reply.content_type, "image/png");
    ck_assert_ptr_null(header(&reply, "Vary"));
    reply_done(&reply);
    get("/future.txt", NULL, &reply); /* never later than Date, here a million seconds after the others */
    ck_assert_str_eq(header(&reply, "Last-Modified"), "Thu, 17 Nov 1994 22:36:17 GMT");
    reply_done(&reply);
    ask(METHOD_HEAD, "/a.txt", NULL, &reply);
    ck_assert_uint_eq(reply.status, 200);
    ck_assert_uint_eq(reply.length, 10);
    reply_done(&reply);
}
END_TEST

static char *etag_of(const char *target, const struct field *fields)
{
    struct reply reply;
    get(target, fields, &reply);
    char *etag = strdup(header(&reply, "ETag"));
    ck_assert_ptr_nonnull(etag);
    reply_done(&reply);
    return etag;
}

START_TEST(etag_changes_with_the_file)
{
    char *before = etag_of("/dir/b.txt", NULL), *same = etag_of("/dir/b.txt", NULL);
    ck_assert_str_eq(before, same);
    struct timespec times[2] = {{MODIFIED, 1}, {MODIFIED, 1}};
    ck_assert_int_eq(utimensat(root, "dir/b.txt", times, 0), 0);
    char *touched = etag_of("/dir/b.txt", NULL);
    times[0].tv_nsec = times[1].tv_nsec = 0;
    ck_assert_int_eq(utimensat(root, "dir/b.txt", times, 0), 0);
    char *other = etag_of("/a.txt", NULL);
    ck_assert_str_ne(before, touched);
    ck_assert_str_ne(before, other);
    free(before);
    free(same);
    free(touched);
    free(other);
}
END_TEST

START_TEST(conditions_of_a_file)
{
    char *etag = etag_of("/a.txt", NULL);
    struct reply reply;
    get("/a.txt", (struct field[]){{"If-None-Match", etag}, {NULL, NULL}}, &reply);
    ck_assert_uint_eq(reply.status, 304);
    ck_assert_int_lt(reply.fd, 0);
    ck_assert_uint_eq(reply.body.len, 0);
    ck_assert_ptr_null(reply.content_type);
    ck_assert_str_eq(header(&reply, "ETag"), etag);
    ck_assert_str_eq(header(&reply, "Cache-Control"), "no-cache");
    ck_assert_str_eq(header(&reply, "Vary"), "Accept-Encoding");
    reply_done(&reply);
    get("/a.txt", (struct field[]){{"If-Modified-Since", DATE}, {NULL, NULL}}, &reply);
    ck_assert_uint_eq(reply.status, 304);
    reply_done(&reply);
    get("/a.txt", (struct field[]){{"If-Match", "\"x\""}, {NULL, NULL}}, &reply);
    ck_assert_uint_eq(reply.status, 412);
    ck_assert_int_lt(reply.fd, 0);
    reply_done(&reply);
    get("/a.txt", (struct field[]){{"If-Match", etag}, {"If-None-Match", "\"x\""}, {NULL, NULL}}, &reply);
    ck_assert_uint_eq(reply.status, 200);
    reply_done(&reply);
    /* A condition comes before a range. */
    get("/a.txt", (struct field[]){{"If-None-Match", etag}, {"Range", "bytes=99-"}, {NULL, NULL}}, &reply);
    ck_assert_uint_eq(reply.status, 304);
    reply_done(&reply);
    free(etag);
}
END_TEST

START_TEST(ranges_of_a_file)
{
    struct reply reply;
    char *etag = etag_of("/a.txt", NULL);
    get("/a.txt", (struct field[]){{"Range", "bytes=2-4"}, {NULL, NULL}}, &reply);
    ck_assert_uint_eq(reply.status, 206);
    ck_assert_str_eq(header(&reply, "Content-Range"), "bytes 2-4/10");
    ck_assert_str_eq(header(&reply, "ETag"), etag);
    body_is(&reply, "234");
    reply_done(&reply);
    get("/a.txt", (struct field[]){{"Range", "bytes=-3"}, {"If-Range", etag}, {NULL, NULL}}, &reply);
    ck_assert_uint_eq(reply.status, 206);
    body_is(&reply, "789");
    reply_done(&reply);
    get("/a.txt", (struct field[]){{"Range", "bytes=-3"}, {"If-Range", "\"x\""}, {NULL, NULL}}, &reply);
    ck_assert_uint_eq(reply.status, 200);
    body_is(&reply, "0123456789");
    reply_done(&reply);
    get("/a.txt", (struct field[]){{"Range", "bytes=10-"}, {NULL, NULL}}, &reply);
    ck_assert_uint_eq(reply.status, 416);
    ck_assert_str_eq(header(&reply, "Content-Range"), "bytes */10");
    ck_assert_int_lt(reply.fd, 0);
    reply_done(&reply);
    get("/empty.txt", (struct field[]){{"Range", "bytes=0-"}, {NULL, NULL}}, &reply);
    ck_assert_uint_eq(reply.status, 416);
    ck_assert_str_eq(header(&reply, "Content-Range"), "bytes */0");
    reply_done(&reply);
    get("/a.txt", (struct field[]){{"Range", "bytes=0-1,3-4"}, {NULL, NULL}}, &reply);
    ck_assert_uint_eq(reply.status, 200);
    body_is(&reply, "0123456789");
    reply_done(&reply);
    ask(METHOD_HEAD, "/a.txt", (struct field[]){{"Range", "bytes=2-4"}, {NULL, NULL}}, &reply);
    ck_assert_uint_eq(reply.status, 200); /* Range is defined for GET only */
    reply_done(&reply);
    free(etag);
}
END_TEST

START_TEST(codings_of_a_file)
{
    static const struct {
        const char *target, *accept, *coding, *text;
    } rows[] = {
        {"/app.js", NULL, NULL, "plain script"},
        {"/app.js", "br", "br", "br"},
        {"/app.js", "gzip", "gzip", "gzip"},
        {"/app.js", "gzip, deflate, br, zstd", "br", "br"},
        {"/app.js", "gzip;q=1, br;q=0.5", "gzip", "gzip"},
        {"/app.js", "br;q=0, *", "gzip", "gzip"},
        {"/app.js", "identity, br;q=0.5", NULL, "plain script"},
        {"/app.js", "zstd", NULL, "plain script"},
        {"/app.js", "", NULL, "plain script"},
        {"/old.js", "br, gzip", "gzip", "gzip"}, /* the .br is older than the script */
        {"/old.js", "br", NULL, "new script"},
        {"/photo.png", "gzip", NULL, "png"}, /* not a type that gains */
        {"/app.css", "br", NULL, "css"},     /* the neighbour is a FIFO */
        {"/a.txt", "br, gzip", NULL, "0123456789"},
    };
    files_without_openat2(_i);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct field fields[] = {{rows[i].accept ? "Accept-Encoding" : "X", rows[i].accept}, {NULL, NULL}};
        struct reply reply;
        get(rows[i].target, fields, &reply);
        ck_assert_uint_eq(reply.status, 200);
        body_is(&reply, rows[i].text);
        const char *coding = header(&reply, "Content-Encoding");
        ck_assert_msg((coding == NULL) == (rows[i].coding == NULL), "row %zu", i);
        ck_assert(!coding || strcmp(coding, rows[i].coding) == 0);
        ck_assert_str_eq(reply.content_type, files_type(rows[i].target));
        reply_done(&reply);
    }
    files_without_openat2(false);
    char *plain = etag_of("/app.js", NULL);
    char *br = etag_of("/app.js", (struct field[]){{"Accept-Encoding", "br"}, {NULL, NULL}});
    char *gzip = etag_of("/app.js", (struct field[]){{"Accept-Encoding", "gzip"}, {NULL, NULL}});
    ck_assert_str_ne(plain, br);
    ck_assert_str_ne(plain, gzip);
    ck_assert_str_ne(br, gzip);
    /* A tag is good for its coding only. */
    struct reply reply;
    get("/app.js", (struct field[]){{"Accept-Encoding", "br"}, {"If-None-Match", plain}, {NULL, NULL}},
        &reply);
    ck_assert_uint_eq(reply.status, 200);
    reply_done(&reply);
    get("/app.js", (struct field[]){{"Accept-Encoding", "br"}, {"If-None-Match", br}, {NULL, NULL}}, &reply);
    ck_assert_uint_eq(reply.status, 304);
    reply_done(&reply);
    free(plain);
    free(br);
    free(gzip);
}
END_TEST

Suite *suite_files(void)
{
    Suite *suite = suite_create("files");
    TCase *tcase = tcase_create("served");
    tcase_add_unchecked_fixture(tcase, make_tree, tree_remove);
    tcase_add_loop_test(tcase, what_is_served, 0, 2);
    tcase_add_test(tcase, nothing_without_a_root);
    tcase_add_loop_test(tcase, no_descriptor_is_left, 0, 2);
    tcase_add_loop_test(tcase, folder_without_slash, 0, 2);
    tcase_add_test(tcase, headers_of_a_file);
    tcase_add_test(tcase, etag_changes_with_the_file);
    tcase_add_test(tcase, conditions_of_a_file);
    tcase_add_test(tcase, ranges_of_a_file);
    tcase_add_loop_test(tcase, codings_of_a_file, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
