#include "http/files.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/coding.h"
#include "http/conditional.h"
#include "http/files_open.h"
#include "http/path.h"
#include "http/problem.h"

static const char INDEX[] = "index.html";
static const char CACHE_CONTROL[] = "no-cache"; /* keep it, but ask each time: an ETag makes that cheap */

/* Suffix of the neighbour file and name of the coding. */
static const struct {
    const char *suffix, *name;
} CODING[CODINGS] = {
    [CODING_BR] = {".br", "br"}, [CODING_GZIP] = {".gz", "gzip"}, [CODING_IDENTITY] = {"", NULL}};

/* An open regular file that is to be sent, in one coding. */
struct source {
    int fd;
    struct stat st;
    enum coding coding;
};

/* Room for a path of any length that path_normalise lets through, and what is put behind it. */
struct file_name {
    char text[PATH_MOST + 32];
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

/* Replaces `source` by the best neighbour that the client accepts and that is not older. ERR_IO, ERR_NOMEM or
 * 0. */
static int choose_coding(const struct request *request, const char *name, struct source *source)
{
    enum coding order[CODINGS];
    size_t n = coding_order(request->header(request, "Accept-Encoding"), order);
    for (size_t i = 0; i < n && order[i] != CODING_IDENTITY; i++) {
        struct file_name neighbour;
        struct stat st;
        snprintf(neighbour.text, sizeof neighbour.text, "%s%s", name, CODING[order[i]].suffix);
        int fd = files_open(request->document_root, neighbour.text, &st);
        if (fd == ERR_NOTFOUND)
            continue;
        if (fd < 0)
            return fd;
        if (S_ISREG(st.st_mode) && !is_older(&st.st_mtim, &source->st.st_mtim)) {
            close(source->fd);
            *source = (struct source){fd, st, order[i]};
            return 0;
        }
        close(fd);
    }
    return 0;
}

enum { ETAG_TEXT = 64 };

/* Strong: a file that is rewritten, replaced or compressed anew gets another one. */
static void make_etag(const struct source *source, char out[static ETAG_TEXT])
{
    const struct stat *st = &source->st;
    unsigned long long ns =
        (unsigned long long)st->st_mtim.tv_sec * 1000000000u + (unsigned long long)st->st_mtim.tv_nsec;
    const char *coding = CODING[source->coding].name;
    snprintf(out, ETAG_TEXT, "\"%llx-%llx-%llx%s%s\"", (unsigned long long)st->st_ino, ns,
             (unsigned long long)st->st_size, coding ? "-" : "", coding ? coding : "");
}

/* The headers that a 304 has too. */
static int add_validators(struct reply *reply, const char *etag, bool varies)
{
    int failed = reply_header(reply, "ETag", "%s", etag);
    failed |= reply_header(reply, "Cache-Control", "%s", CACHE_CONTROL);
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

/* Answers from an open file; takes source->fd when it is what the reply sends, and sets it to -1 then. */
static int send_file(const struct request *request, const char *type, bool varies, struct source *source,
                     struct reply *reply)
{
    char etag[ETAG_TEXT], date[CLOCK_TEXT];
    make_etag(source, etag);
    time_t now = request->health ? request->health->now : clock_now(), modified = source->st.st_mtim.tv_sec;
    /* RFC 9110 section 8.8.2.1: never later than Date. */
    struct validators validators = {etag, modified < now ? modified : now, now};
    struct conditions conditions = conditions_of(request);
    uint64_t size = (uint64_t)source->st.st_size, first = 0, last = 0;

    unsigned status = conditional_status(&conditions, &validators);
    if (status == 304) {
        reply->status = status;
        return add_validators(reply, etag, varies);
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
    int failed = add_validators(reply, etag, varies);
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
    reply->fd = source->fd;
    source->fd = -1;
    return 0;
}

/* A folder was asked for without its slash: relative links on its page would miss. A folder that has no page
 * does not give itself away. */
static int redirect(const struct request *request, struct reply *reply)
{
    struct file_name index;
    struct stat st;
    snprintf(index.text, sizeof index.text, "%s/%s", request->path + 1, INDEX);
    int fd = files_open(request->document_root, index.text, &st);
    if (fd < 0 && fd != ERR_NOTFOUND)
        return fd;
    bool has_page = fd >= 0 && S_ISREG(st.st_mode);
    if (fd >= 0)
        close(fd);
    if (!has_page) {
        problem_reply(request, 404, NULL, reply);
        return 0;
    }
    struct buf location = {0};
    path_encode(&location, request->path);
    int rc = buf_failed(&location) ? ERR_NOMEM : 0;
    if (rc == 0 && reply_header(reply, "Location", "%s/%s%s", location.data, request->query ? "?" : "",
                                request->query ? request->query : "") != 0)
        rc = ERR_NOMEM;
    if (rc == 0 && reply_header(reply, "Cache-Control", "%s", CACHE_CONTROL) != 0)
        rc = ERR_NOMEM;
    reply->status = 308;
    buf_done(&location);
    return rc;
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
    snprintf(name.text, sizeof name.text, "%s%s", path + 1, folder ? INDEX : "");
    struct source source = {.coding = CODING_IDENTITY};
    source.fd = files_open(request->document_root, name.text, &source.st);
    if (source.fd < 0 && source.fd != ERR_NOTFOUND)
        return source.fd;
    int rc = 0;
    if (source.fd >= 0 && S_ISDIR(source.st.st_mode) && !folder) {
        rc = redirect(request, reply);
    } else if (source.fd < 0 || !S_ISREG(source.st.st_mode)) {
        problem_reply(request, 404, NULL, reply);
    } else {
        const char *type = files_type(name.text);
        bool varies = may_have_neighbours(type);
        if (varies)
            rc = choose_coding(request, name.text, &source);
        if (rc == 0)
            rc = send_file(request, type, varies, &source, reply);
    }
    if (source.fd >= 0)
        close(source.fd);
    return rc;
}
