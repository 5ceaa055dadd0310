/* Names of files and the locations that guard them: tests/data/guard.tsv, and where links lead. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/files.h"
#include "http/files_open.h"
#include "http/guard.h"
#include "http/route.h"
#include "http_fixture.h"
#include "suites.h"
#include "table.h"
#include "tree_fixture.h"

enum { MOST_LOCATIONS = 4 };

static void make_tree(void)
{
    static const char *const folders[] = {"idx",  "rep",      "real",       "real/sub",
                                          "open", "releases", "releases/r2"};
    static const char *const files[] = {
        "idx/index.html",     "idx/index.html.gz", "rep/report.html", "rep/report.html.gz",
        "rep/report.html.br", "rep/only.txt.gz",   "real/x.txt",      "real/sub/y.txt",
        "real/index.html",    "releases/r2/z.txt", "app.js",
    };
    static const char *const links[][2] = {
        {"../real/x.txt", "open/link.txt"},
        {"link.txt", "open/far.txt"},
        {"../open/./../real//sub/../x.txt", "open/round.txt"},
        {"real", "dir"},
        {"dir/sub", "dir2"},
        {"releases/r2", "current"},
        {"r2/z.txt", "releases/index.html"},
        {"real/x.txt", "app.js.gz"},
        {"open/../../outside", "out"},
        {"/etc/passwd", "abs"},
        {"loop2", "loop"},
        {"loop", "loop2"},
        {"real/x.txt/../sub/y.txt", "through-file"},
        {"real/x.txt/", "file-as-folder"},
        {".", "here"},
        {"..", "parent"},
    };
    tree_open("guard");
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        ck_assert_int_eq(mkdirat(root, folders[i], 0755), 0);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        int fd = openat(root, files[i], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        ck_assert_int_eq(write(fd, "text", 4), 4);
        const struct timespec times[2] = {{1000, 0}, {1000, 0}};
        ck_assert_int_eq(futimens(fd, times), 0);
        close(fd);
    }
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        ck_assert_int_eq(symlinkat(links[i][0], root, links[i][1]), 0);
}

struct places {
    struct conf conf;
    struct conf_location location[MOST_LOCATIONS];
};

static void read_places(struct places *places, char *text)
{
    memset(places, 0, sizeof *places);
    places->conf.location = places->location;
    while (text && *text) {
        char *next = strstr(text, " | ");
        if (next) {
            *next = '\0';
            next += 3;
        }
        ck_assert_uint_lt(places->conf.n_locations, MOST_LOCATIONS);
        struct conf_location *location = &places->location[places->conf.n_locations++];
        location->prefix = strsep(&text, " ");
        location->client_cert = strcmp(text, "verified") == 0 ? CLIENT_CERT_VERIFIED : CLIENT_CERT_NONE;
        text = next;
    }
}

static void request(struct fixture *f, const char *text, const struct conf *conf,
                    char path[static PATH_MOST + 1])
{
    static char target[PATH_MOST];
    size_t n = strcspn(text, " ");
    const char *how = text + n;
    snprintf(target, sizeof target, "%.*s", (int)n, text);
    fixture_init(f);
    const char *query;
    ck_assert_int_eq(path_normalise(target, path, &query), 0);
    f->request.path = path;
    f->request.target = target;
    f->request.query = query;
    f->request.document_root = root;
    f->conf.location = conf->location;
    f->conf.n_locations = conf->n_locations;
    if (strstr(how, "HEAD"))
        f->request.method = METHOD_HEAD;
    if (strstr(how, "gzip"))
        fixture_header(f, "Accept-Encoding", "gzip");
    if (strstr(how, "br"))
        fixture_header(f, "Accept-Encoding", "br");
    if (strstr(how, "range"))
        fixture_header(f, "Range", "bytes=0-1");
    if (strstr(how, "match"))
        fixture_header(f, "If-None-Match", "*");
}

struct said {
    unsigned warnings, errors;
};

static void count(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    struct said *said = cls;
    (void)src, (void)text;
    *(severity == DIAG_WARNING ? &said->warnings : &said->errors) += 1;
}

static void check_row(const struct table *t)
{
    static struct places places;
    struct fixture f;
    struct policy *policy;
    struct said said = {0};
    char path[PATH_MOST + 1];
    struct diag diag = {.emit = count, .cls = &said};
    read_places(&places, t->column[0]);
    ck_assert_int_eq(policy_new(places.location, places.conf.n_locations, &diag, &policy), 0);
    guard_find_links(policy, &places.conf, root, &diag);
    request(&f, t->column[1], &places.conf, path);
    route_dispatch(route_match(path), policy, &f.request, &f.reply);
    ck_assert_msg(f.reply.status == (unsigned)atoi(t->column[2]), "line %u: %u", t->number, f.reply.status);
    if (f.reply.status == 403) {
        ck_assert_ptr_nonnull(f.request.decision);
        ck_assert_str_eq(f.request.decision->location->prefix, t->column[3]);
        ck_assert_int_lt(f.reply.fd, 0);
        ck_assert_ptr_null(fixture_reply_header(&f, "ETag"));
        ck_assert_ptr_null(fixture_reply_header(&f, "Location"));
        ck_assert_ptr_null(fixture_reply_header(&f, "Content-Range"));
        ck_assert_ptr_null(fixture_reply_header(&f, "Last-Modified"));
    } else {
        const char *control = fixture_reply_header(&f, "Cache-Control");
        ck_assert_msg(control && strcmp(control, t->column[3]) == 0, "line %u: %s", t->number, control);
    }
    ck_assert_msg(f.reply.unkept == (strcmp(t->column[4], "own") == 0), "line %u", t->number);
    fixture_done(&f);

    /* Who may have it gets it. */
    request(&f, t->column[1], &places.conf, path);
    fixture_present(&f, VERIFY_SUCCESS);
    route_dispatch(route_match(path), policy, &f.request, &f.reply);
    ck_assert_msg(f.reply.status < 400 || f.reply.status == 404, "line %u: %u", t->number, f.reply.status);
    if (f.reply.status < 400 && strcmp(t->column[2], "403") == 0)
        ck_assert_str_eq(fixture_reply_header(&f, "Cache-Control"), "private, no-cache");
    fixture_done(&f);
    policy_free(policy);
}

START_TEST(names)
{
    struct table t;
    bool walk = _i || !has_openat2();
    files_without_openat2(_i);
    table_open(&t, "guard.tsv");
    while (table_next(&t))
        if (!walk || strcmp(t.column[5], "openat2") != 0)
            check_row(&t);
    ck_assert_uint_gt(t.rows, 60);
    table_close(&t);
    files_without_openat2(false);
}
END_TEST

/* Nothing that leads out is found, and what is found is where it says. */
START_TEST(where_links_lead)
{
    static const struct {
        const char *name, *at;
        int why;
    } rows[] = {
        {"real/x.txt", "/real/x.txt", 0},
        {"dir2/y.txt", "/real/sub/y.txt", 0},
        {"open/round.txt", "/real/x.txt", 0},
        {"here/here/real/x.txt", "/real/x.txt", 0},
        {"here", "/", 0},
        {"out", NULL, EXDEV},
        {"abs", NULL, EXDEV},
        {"parent", NULL, EXDEV},
        {"here/parent", NULL, EXDEV},
        {"loop", NULL, ELOOP},
        {"loop/x", NULL, ELOOP},
        {"through-file", NULL, ENOTDIR},
        {"file-as-folder", NULL, ENOTDIR},
        {"open/link.txt/x", NULL, ENOTDIR},
        {"dir/none", NULL, ENOENT},
    };
    struct files_found found;
    if (!has_openat2())
        return;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int rc = files_open(root, rows[i].name, &found);
        ck_assert_msg((rc == 0) == (rows[i].at != NULL), "%s: %d", rows[i].name, rc);
        if (rc != 0) {
            ck_assert_int_eq(rc, ERR_NOTFOUND);
            ck_assert_msg(errno == rows[i].why, "%s: %s", rows[i].name, strerror(errno));
            continue;
        }
        ck_assert_str_eq(found.at, rows[i].at);
        close(found.fd);
        char at[FILES_ROOM];
        ck_assert_int_eq(files_where(root, rows[i].name, at), 0);
        ck_assert_str_eq(at, rows[i].at);
    }
}
END_TEST

/* As long as a name may be, by a link too. */
START_TEST(long_names)
{
    char part[252], target[PATH_MOST + 1] = "", name[64];
    struct files_found found;
    if (!has_openat2())
        return;
    memset(part, 'p', sizeof part - 1);
    part[sizeof part - 1] = '\0';
    int dir = dup(root);
    for (int i = 0; i < 15; i++) { /* 15 * 252 = 3780 bytes */
        ck_assert_int_eq(mkdirat(dir, part, 0755), 0);
        int next = openat(dir, part, O_PATH | O_DIRECTORY | O_CLOEXEC);
        close(dir);
        dir = next;
        strcat(target, part);
        strcat(target, "/");
    }
    ck_assert_int_eq(symlinkat(".", dir, "self"), 0);
    close(openat(dir, "end", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    ck_assert_int_eq(symlinkat(target, root, "long"), 0);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "long/%.*send", i * 5,
                 "self/self/self/self/self/self/self/self/self/self/");
        ck_assert_int_eq(files_open(root, name, &found), 0);
        ck_assert_uint_eq(strlen(found.at), 3780 + 4);
        close(found.fd);
    }
    char longest[FILES_ROOM + 1];
    for (size_t n = FILES_ROOM - 4; n <= FILES_ROOM; n++) {
        snprintf(longest, sizeof longest, "long/%*s", (int)n - 5, "end");
        ck_assert_int_eq(files_open(root, longest, &found), ERR_NOTFOUND);
    }
    close(dir);
}
END_TEST

/* What a location leads to is looked up each time. */
START_TEST(a_link_that_is_turned)
{
    static struct places places;
    char text[] = "/current/ verified", path[PATH_MOST + 1];
    struct policy *policy;
    struct said said = {0};
    struct diag diag = {.emit = count, .cls = &said};
    if (!has_openat2())
        return;
    read_places(&places, text);
    ck_assert_int_eq(policy_new(places.location, 1, &diag, &policy), 0);
    guard_find_links(policy, &places.conf, root, &diag);
    ck_assert_uint_eq(said.warnings, 1);
    for (int turned = 0; turned < 2; turned++) {
        struct fixture f;
        request(&f, "/real/x.txt", &places.conf, path);
        route_dispatch(route_match(path), policy, &f.request, &f.reply);
        ck_assert_uint_eq(f.reply.status, turned ? 403 : 200);
        fixture_done(&f);
        if (turned)
            break;
        ck_assert_int_eq(unlinkat(root, "current", 0), 0);
        ck_assert_int_eq(symlinkat("real", root, "current"), 0);
    }
    policy_free(policy);
}
END_TEST

/* Two names of one file without a link: as where case does not count, and hard links in general. */
START_TEST(twins)
{
    static const struct {
        const char *location;
        unsigned warnings, errors;
    } rows[] = {
        {"/real/x.txt verified", 1, 1}, {"/real/x.txt none", 0, 0},      {"/idx/index.html verified", 1, 0},
        {"/real/ verified", 0, 0},      {"/rep/nothing verified", 0, 0}, {"/ verified", 0, 0},
    };
    if (!has_openat2())
        return;
    ck_assert_int_eq(mkdirat(root, "REAL", 0755), 0);
    ck_assert_int_eq(linkat(root, "real/x.txt", root, "REAL/X.TXT", 0), 0);
    ck_assert_int_eq(linkat(root, "idx/index.html", root, "hard", 0), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static struct places places;
        struct policy *policy;
        struct said said = {0};
        struct diag diag = {.emit = count, .cls = &said};
        char text[64];
        snprintf(text, sizeof text, "%s", rows[i].location);
        read_places(&places, text);
        ck_assert_int_eq(policy_new(places.location, 1, &diag, &policy), 0);
        guard_find_links(policy, &places.conf, root, &diag);
        ck_assert_msg(said.warnings == rows[i].warnings && said.errors == rows[i].errors, "%s: %u, %u",
                      rows[i].location, said.warnings, said.errors);
        policy_free(policy);
    }
}
END_TEST

/* The operator hears of it, the client is told apart from one whom a rule refuses. */
START_TEST(unreadable_file)
{
    struct fixture f;
    char path[PATH_MOST + 1];
    static const struct conf NO_LOCATIONS;
    struct policy *policy;
    struct diag diag = {0};
    ck_assert_int_eq(policy_new(NULL, 0, &diag, &policy), 0);
    ck_assert_int_eq(chmod(base, 0755), 0);
    ck_assert_int_eq(fchmodat(root, "real/x.txt", 0, 0), 0);
    ck_assert_int_eq(fchmodat(root, "rep/report.html.gz", 0, 0), 0);
    if (geteuid() == 0) /* whom no mode stops */
        ck_assert_int_eq(seteuid(65534), 0);
    static const struct {
        const char *request;
        unsigned status;
        const char *trouble;
    } rows[] = {
        {"/real/x.txt", 403, "the file /real/x.txt cannot be served: Permission denied"},
        {"/rep/report.html gzip", 200, "the file /rep/report.html.gz cannot be served: Permission denied"},
        {"/rep/report.html br", 200, NULL},
        {"/out", 404, "the file /out cannot be served: a symbolic link leads out of document_root"},
        {"/loop", 404, "the file /loop cannot be served: a symbolic link cannot be followed"},
        {"/none", 404, NULL},
        {"/app.js/x", 404, NULL},
        {"/real/sub/", 404, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        request(&f, rows[i].request, &NO_LOCATIONS, path);
        route_dispatch(route_match(path), policy, &f.request, &f.reply);
        ck_assert_msg(f.reply.status == rows[i].status, "%s: %u", rows[i].request, f.reply.status);
        ck_assert_ptr_null(f.request.decision);
        if (has_openat2() || i < 3) {
            ck_assert_msg((f.reply.trouble != NULL) == (rows[i].trouble != NULL), "%s: %s", rows[i].request,
                          f.reply.trouble);
            if (rows[i].trouble)
                ck_assert_str_eq(f.reply.trouble, rows[i].trouble);
        }
        fixture_done(&f);
    }
    if (getuid() == 0)
        ck_assert_int_eq(seteuid(0), 0);
    policy_free(policy);
}
END_TEST

/* A route that shows what others show asks for each of them. */
START_TEST(routes_that_show_others)
{
    static const char *const PATHS[] = {"/api/tls", "/api/peer", "/api/handshake"};
    for (size_t i = 0; i < ARRAY_LEN(PATHS); i++) {
        struct fixture f;
        struct policy *policy;
        struct diag diag = {0};
        char prefix[32];
        snprintf(prefix, sizeof prefix, "%s", PATHS[i]);
        struct conf_location location = {.prefix = prefix, .client_cert = CLIENT_CERT_VERIFIED};
        ck_assert_int_eq(policy_new(&location, 1, &diag, &policy), 0);
        fixture_init(&f);
        fixture_path(&f, "/api/connection");
        route_dispatch(route_match(f.request.path), policy, &f.request, &f.reply);
        ck_assert_uint_eq(f.reply.status, 403);
        ck_assert_ptr_eq(f.request.decision->location, &location);
        fixture_done(&f);
        policy_free(policy);
    }
}
END_TEST

Suite *suite_guard(void)
{
    Suite *suite = suite_create("guard");
    TCase *tcase = tcase_create("guard");
    tcase_add_unchecked_fixture(tcase, make_tree, tree_remove);
    tcase_add_loop_test(tcase, names, 0, 2);
    tcase_add_test(tcase, where_links_lead);
    tcase_add_test(tcase, routes_that_show_others);
    suite_add_tcase(suite, tcase);
    TCase *changes = tcase_create("changes");
    tcase_add_checked_fixture(changes, make_tree, tree_remove);
    tcase_add_test(changes, long_names);
    tcase_add_test(changes, a_link_that_is_turned);
    tcase_add_test(changes, twins);
    tcase_add_test(changes, unreadable_file);
    suite_add_tcase(suite, changes);
    return suite;
}
