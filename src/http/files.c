#include "http/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "http/coding.h"
#include "http/conditional.h"
#include "http/files_open.h"
#include "http/guard.h"
#include "http/problem.h"

static const char INDEX[] = "index.html";

/* Suffix of the neighbour file and name of the coding. */
static const struct {
    const char *suffix, *name;
} CODING[CODINGS] = {
    [CODING_BR] = {".br", "br"}, [CODING_GZIP] = {".gz", "gzip"}, [CODING_IDENTITY] = {"", NULL}};

/* An open regular file that is to be sent, in one coding. */
struct source {
    struct files_found file;
    enum coding coding;
};

struct file_name {
    char text[FILES_ROOM];
};

/* A component that begins with a dot, but for /.well-known/ (RFC 8615), which lives at the root. */
static bool is_hidden(const char *path)
{
    static const char well_known[] = "/.well-known";
    size_t n = sizeof well_known - 1;
    if (strncmp(path, well_known, n) == 0 && (path[n] == '/' || path[n] == '\0'))
        path += n;
    return strstr(path, "/.") != NULL;
}

/* Types that somebody may have compressed ahead: the others are compressed in themselves, and not worth a
 * look. */
static bool may_have_neighbours(const char *type)
{
    static const char *const words[] = {"text/", "json", "xml", "wasm", "font/ttf", "font/otf", "icon"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strstr(type, words[i]))
            return true;
    return false;
}

static bool is_older(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* What went wrong, for the log; NULL where it is what happens every day. */
static const char *trouble_words(int rc, int why)
{
    if (rc == ERR_NOTFOUND && why == EXDEV)
        return "a symbolic link leads out of document_root";
    if (rc == ERR_NOTFOUND && why == ELOOP)
        return "a symbolic link cannot be followed";
    return rc == ERR_NOTFOUND && why != ENXIO ? NULL : strerror(why);
}

static void note_trouble(const char *path, const char *why, struct reply *reply)
{
    enum { MOST_SHOWN = 1024 };
    size_t len = strlen(path), shown = len < MOST_SHOWN ? len : MOST_SHOWN;
    struct buf text;
    buf_init(&text, 0);
    buf_puts(&text, "the file ");
    text_escape(&text, path, shown);
    buf_printf(&text, "%s cannot be served: %s", shown < len ? "..." : "", why);
    free(reply->trouble);
    reply->trouble = buf_take(&text, NULL);
    buf_done(&text);
}

/* files_open for a path with its slash; what the operator should mend goes to the reply for the log. */
static int open_path(const struct request *request, const char *path, struct files_found *found,
                     struct reply *reply)
{
    int rc = files_open(request->document_root, path + 1, found);
    const char *why = rc < 0 ? trouble_words(rc, errno) : NULL;
    if (why)
        note_trouble(path, why, reply);
    return rc;
}

/* The file is known by the path that led to it, too. */
static bool may_have(const struct request *request, const char *path, const struct files_found *found)
{
    return guard_file(request, path) && (strcmp(path, found->at) == 0 || guard_file(request, found->at));
}

enum { REFUSED = 1 }; /* by the guard: the caller of the handler makes the reply */

/* Replaces `source` by the best neighbour that the client accepts and that is not older. ERR_IO, ERR_NOMEM,
 * REFUSED or 0. */
static int choose_coding(const struct request *request, const char *path, struct source *source,
                         struct reply *reply)
{
    enum coding order[CODINGS];
    size_t n = coding_order(request->header(request, "Accept-Encoding"), order);
    for (size_t i = 0; i < n && order[i] != CODING_IDENTITY; i++) {
        struct file_name neighbour;
        struct files_found found;
        snprintf(neighbour.text, sizeof neighbour.text, "%s%s", path, CODING[order[i]].suffix);
        int rc = open_path(request, neighbour.text, &found, reply);
        if (rc == ERR_NOTFOUND || rc == ERR_DENIED)
            continue;
        if (rc < 0)
            return rc;
        if (S_ISREG(found.st.st_mode) && !is_older(&found.st.st_mtim, &source->file.st.st_mtim)) {
            close(source->file.fd);
            source->file.fd = found.fd;
            source->file.st = found.st;
            source->coding = order[i];
            return may_have(request, neighbour.text, &found) ? 0 : REFUSED;
        }
        close(found.fd);
    }
    return 0;
}

enum { ETAG_TEXT = 64 };

/* Strong: a file that is rewritten, replaced or compressed anew gets another one. */
static void make_etag(const struct source *source, char out[static ETAG_TEXT])
{
    const struct stat *st = &source->file.st;
    unsigned long long ns =
        (unsigned long long)st->st_mtim.tv_sec * 1000000000u + (unsigned long long)st->st_mtim.tv_nsec;
    const char *coding = CODING[source->coding].name;
    snprintf(out, ETAG_TEXT, "\"%llx-%llx-%llx%s%s\"", (unsigned long long)st->st_ino, ns,
             (unsigned long long)st->st_size, coding ? "-" : "", coding ? coding : "");
}

/* The headers that a 304 has too. */
static int add_validators(const struct request *request, const char *etag, bool varies, struct reply *reply)
{
    int failed = reply_header(reply, "ETag", "%s", etag);
    failed |= reply_header(reply, "Cache-Control", "%s", guard_cache_control(request));
    if (varies)
        failed |= reply_header(reply, "Vary", "Accept-Encoding");
    return failed ? ERR_NOMEM : 0;
}

static struct conditions conditions_of(const struct request *request)
{
    return (struct conditions){
        .if_match = request->header(request, "If-Match"),
        .if_none_match = request->header(request, "If-None-Match"),
        .if_modified_since = request->header(request, "If-Modified-Since"),
        .if_unmodified_since = request->header(request, "If-Unmodified-Since"),
        .if_range = request->header(request, "If-Range"),
        /* Section 14.2: Range means something for GET alone. */
        .range = request->method == METHOD_GET ? request->header(request, "Range") : NULL,
    };
}

/* Answers from an open file; takes source->file.fd when it is what the reply sends, and sets it to -1 then.
 */
static int send_file(const struct request *request, const char *type, bool varies, struct source *source,
                     struct reply *reply)
{
    char etag[ETAG_TEXT], date[CLOCK_TEXT];
    make_etag(source, etag);
    time_t now = request->now ? request->now : clock_now(), modified = source->file.st.st_mtim.tv_sec;
    /* RFC 9110 section 8.8.2.1: never later than Date. */
    struct validators validators = {etag, modified < now ? modified : now, now};
    struct conditions conditions = conditions_of(request);
    uint64_t size = (uint64_t)source->file.st.st_size, first = 0, last = 0;

    unsigned status = conditional_status(&conditions, &validators);
    if (status == 304) {
        reply->status = status;
        reply->length = size;
        return add_validators(request, etag, varies, reply);
    }
    if (status != 0) {
        problem_reply(request, status, NULL, reply);
        return 0;
    }
    enum range_kind range = conditional_range(&conditions, &validators, size, &first, &last);
    if (range == RANGE_UNSATISFIABLE) {
        problem_reply(request, 416, NULL, reply);
        return reply_header(reply, "Content-Range", "bytes */%llu", (unsigned long long)size) ? ERR_NOMEM : 0;
    }
    int failed = add_validators(request, etag, varies, reply);
    failed |= reply_header(reply, "Last-Modified", "%s", clock_http_date(validators.modified, date));
    failed |= reply_header(reply, "Accept-Ranges", "bytes");
    if (source->coding != CODING_IDENTITY)
        failed |= reply_header(reply, "Content-Encoding", "%s", CODING[source->coding].name);
    if (range == RANGE_PART)
        failed |= reply_header(reply, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)first,
                               (unsigned long long)last, (unsigned long long)size);
    if (failed)
        return ERR_NOMEM;
    reply->status = range == RANGE_PART ? 206 : 200;
    reply->content_type = type;
    reply->offset = first;
    reply->length = range == RANGE_PART ? last - first + 1 : size;
    reply->fd = source->file.fd;
    source->file.fd = -1;
    return 0;
}

/* A folder was asked for without its slash: relative links on its page would miss. A folder that has no page
 * does not give itself away. */
static int redirect(const struct request *request, struct reply *reply)
{
    struct file_name index;
    struct files_found found;
    snprintf(index.text, sizeof index.text, "%s/%s", request->path, INDEX);
    int rc = open_path(request, index.text, &found, reply);
    if (rc < 0 && rc != ERR_NOTFOUND && rc != ERR_DENIED)
        return rc;
    if (rc == 0)
        close(found.fd);
    if (rc < 0 || !S_ISREG(found.st.st_mode)) {
        problem_reply(request, 404, NULL, reply);
        return 0;
    }
    if (!may_have(request, index.text, &found))
        return 0;
    struct buf location = {0};
    path_encode(&location, request->path);
    rc = buf_failed(&location) ? ERR_NOMEM : 0;
    if (rc == 0 && reply_header(reply, "Location", "%s/%s%s", location.data, request->query ? "?" : "",
                                request->query ? request->query : "") != 0)
        rc = ERR_NOMEM;
    if (rc == 0 && reply_header(reply, "Cache-Control", "%s", guard_cache_control(request)) != 0)
        rc = ERR_NOMEM;
    reply->status = 308;
    buf_done(&location);
    return rc;
}

static int reply_with(const struct request *request, const char *path, struct source *source,
                      struct reply *reply)
{
    if (!S_ISREG(source->file.st.st_mode)) {
        if (!S_ISDIR(source->file.st.st_mode))
            note_trouble(path, "it is no regular file", reply);
        problem_reply(request, 404, NULL, reply);
        return 0;
    }
    if (!may_have(request, path, &source->file))
        return 0;
    const char *type = files_type(path);
    bool varies = may_have_neighbours(type);
    int rc = varies ? choose_coding(request, path, source, reply) : 0;
    if (rc != 0)
        return rc == REFUSED ? 0 : rc;
    return send_file(request, type, varies, source, reply);
}

int files_handler(const struct request *request, struct reply *reply)
{
    const char *path = request->path;
    size_t len = strlen(path);
    struct file_name name;
    if (request->document_root < 0 || *path != '/' || len > PATH_MOST || is_hidden(path)) {
        problem_reply(request, 404, NULL, reply);
        return 0;
    }
    bool folder = path[len - 1] == '/';
    snprintf(name.text, sizeof name.text, "%s%s", path, folder ? INDEX : "");
    struct source source = {.file.fd = -1, .coding = CODING_IDENTITY};
    int rc = open_path(request, name.text, &source.file, reply);
    if (rc == ERR_NOTFOUND || rc == ERR_DENIED) {
        problem_reply(request, rc == ERR_DENIED ? 403 : 404,
                      rc == ERR_DENIED ? "The server itself has no right to read this file." : NULL, reply);
        return 0;
    }
    if (rc < 0)
        return rc;
    rc = S_ISDIR(source.file.st.st_mode) && !folder ? redirect(request, reply)
                                                    : reply_with(request, name.text, &source, reply);
    if (source.file.fd >= 0)
        close(source.file.fd);
    return rc;
}
