/* A request that is written as one of HTTP/1.1, sent as HTTP/2 has it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/chars.h"
#include "http/h2_fields.h"
#include "upstream/h2_client_impl.h"

/* ---- the request --------------------------------------------------------------------------------------- */

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t most, uint32_t *flags,
                         nghttp2_data_source *source, void *cls)
{
    struct h2_call *call = h2_call_of(session, id);
    (void)source, (void)cls;
    if (!call)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const size_t n = h2_least(call->up.len - call->up_at, most);
    if (n > 0)
        memcpy(out, call->up.data + call->up_at, n);
    call->up_at += n;
    h2_drop_read(&call->up, &call->up_at);
    if (n > 0 && call->blocked) {
        call->blocked = false;
        h2_call_note(call);
    }
    if (call->up_at == call->up.len && call->state == UP_DONE) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        return (ssize_t)n;
    }
    call->awaits = n == 0;
    return n > 0 ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
}

/* The lines of a request's head without Host, which goes before them. */
struct parts {
    const char *method, *target, *lines, *host;
    size_t method_len, target_len, lines_len, host_len;
    bool bodied;
};

static bool is_line(const char *line, size_t len, const char *name)
{
    const size_t n = strlen(name);
    return len > n && line[n] == ':' && strncasecmp(line, name, n) == 0;
}

static void read_line(struct h2_call *call, const char *line, size_t len, struct parts *parts)
{
    const char *value = memchr(line, ':', len);
    if (is_line(line, len, "content-length")) {
        call->left = strtoull(value + 1, NULL, 10);
        call->state = UP_LENGTH;
        parts->bodied = call->left > 0;
    } else if (is_line(line, len, "transfer-encoding")) {
        call->state = UP_SIZE;
        call->left = 0;
        parts->bodied = true;
    } else if (is_line(line, len, "host")) {
        const char *end = line + len;
        for (value++; value < end && (*value == ' ' || *value == '\t');)
            value++;
        while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
            end--;
        parts->host = value;
        parts->host_len = (size_t)(end - value);
    }
}

/* Takes the head apart, and Host out of its lines. False: it is none. */
static bool read_head(struct h2_call *call, struct parts *parts, struct buf *lines)
{
    const char *at = call->head.data, *end = at + call->head.len - 2; /* the empty line */
    const char *space = memchr(at, ' ', (size_t)(end - at));
    const char *next = memchr(at, '\n', (size_t)(end - at));
    const char *second = space && next ? memrchr(at, ' ', (size_t)(next - at)) : NULL;
    if (!second || second <= space)
        return false;
    *parts = (struct parts){.method = at,
                            .method_len = (size_t)(space - at),
                            .target = space + 1,
                            .target_len = (size_t)(second - space) - 1};
    call->to_head = parts->method_len == 4 && memcmp(at, "HEAD", 4) == 0;
    call->state = UP_DONE;
    for (at = next + 1; at < end; at = next) {
        next = memchr(at, '\n', (size_t)(end - at));
        next = next ? next + 1 : end;
        read_line(call, at, (size_t)(next - at), parts);
        if (!is_line(at, (size_t)(next - at), "host"))
            buf_put(lines, at, (size_t)(next - at));
    }
    if (call->state == UP_LENGTH && call->left == 0)
        call->state = UP_DONE;
    return !buf_failed(lines);
}

static bool submit(struct h2_call *call)
{
    const nghttp2_data_provider body = {.read_callback = read_body};
    struct parts parts;
    struct buf lines;
    struct h2_fields fields = {0};
    buf_init(&lines, MOST_REQUEST);
    bool good = read_head(call, &parts, &lines);
    if (good) {
        const struct h2_pseudo pseudo[] = {{":method", parts.method, parts.method_len},
                                           {":scheme", call->scheme, strlen(call->scheme)},
                                           {":path", parts.target, parts.target_len},
                                           {":authority", parts.host, parts.host_len}};
        good = h2_fields_of(&fields, pseudo, parts.host_len > 0 ? 4 : 3, lines.data ? lines.data : "",
                            lines.len) == 0;
    }
    if (good)
        call->id = nghttp2_submit_request(call->client->session, NULL, fields.nv, fields.n,
                                          parts.bodied ? &body : NULL, call);
    h2_fields_done(&fields);
    buf_done(&lines);
    buf_done(&call->head);
    return good && call->id > 0;
}

/* How many bytes of the head are among these; all of it: the request begins. -1: it cannot. */
static ssize_t write_head(struct h2_call *call, const char *bytes, size_t len)
{
    const size_t had = call->head.len, from = had > 3 ? had - 3 : 0;
    const size_t n = h2_least(len, MOST_REQUEST - had);
    buf_put(&call->head, bytes, n);
    if (buf_failed(&call->head) || n == 0)
        return -1;
    const char *end = memmem(call->head.data + from, call->head.len - from, "\r\n\r\n", 4);
    if (!end)
        return (ssize_t)n;
    call->head.len = (size_t)(end - call->head.data) + 4;
    const size_t used = call->head.len - had;
    return submit(call) ? (ssize_t)used : -1;
}

static size_t write_content(struct h2_call *call, const char *bytes, size_t len)
{
    const size_t room = MOST_UP - h2_least(MOST_UP, call->up.len - call->up_at);
    const size_t n = h2_least(h2_least(len, room), call->left < len ? (size_t)call->left : len);
    if (n == 0)
        return 0;
    if (call->up_at > 0) {
        call->up.len -= call->up_at;
        memmove(call->up.data, call->up.data + call->up_at, call->up.len);
        call->up_at = 0;
    }
    buf_put(&call->up, bytes, n);
    call->left -= n;
    if (call->left > 0)
        return n;
    call->state = call->state == UP_LENGTH ? UP_DONE : UP_CHUNK_END;
    call->skip = 2;
    return n;
}

/* A size's line, which is our own. */
static size_t write_size(struct h2_call *call, const char *bytes, size_t len)
{
    size_t n = 0;
    while (n < len) {
        const char c = bytes[n++];
        const int digit = chars_hex((unsigned char)c);
        if (digit >= 0)
            call->left = call->left * 16 + (uint64_t)digit;
        if (c != '\n')
            continue;
        call->state = call->left > 0 ? UP_CHUNK : UP_LAST;
        call->skip = 2;
        break;
    }
    return n;
}

static size_t write_some(struct h2_call *call, const char *bytes, size_t len)
{
    size_t n;
    switch (call->state) {
    case UP_LENGTH:
    case UP_CHUNK:
        return write_content(call, bytes, len);
    case UP_SIZE:
        return write_size(call, bytes, len);
    case UP_CHUNK_END:
    case UP_LAST:
        n = h2_least(call->skip, len);
        call->skip -= (unsigned)n;
        if (call->skip == 0)
            call->state = call->state == UP_LAST ? UP_DONE : UP_SIZE;
        return n;
    case UP_HEAD:
    case UP_DONE:
        break;
    }
    return len; /* nothing is behind it */
}

ssize_t h2_call_write(struct h2_call *call, const char *bytes, size_t len)
{
    size_t used = 0;
    if (call->closed || call->why[0])
        return -EPIPE;
    if (call->state == UP_HEAD) {
        ssize_t n = write_head(call, bytes, len);
        if (n < 0) {
            h2_call_blame(call, "out of memory");
            return -EPIPE;
        }
        used = (size_t)n;
    }
    while (used < len && call->state != UP_HEAD) {
        const size_t n = write_some(call, bytes + used, len - used);
        if (n == 0)
            break;
        used += n;
    }
    if (buf_failed(&call->up)) {
        h2_call_reject(call, "out of memory");
        return -EPIPE;
    }
    if (call->awaits && (call->up_at < call->up.len || call->state == UP_DONE)) {
        call->awaits = false;
        (void)nghttp2_session_resume_data(call->client->session, call->id);
    }
    call->blocked = used == 0 && len > 0;
    return used > 0 || len == 0 ? (ssize_t)used : -EAGAIN;
}
