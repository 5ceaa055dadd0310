#include "config.h"

#include "upstream/h2_client.h"

#include <errno.h>

void h2_client_limits(struct h2_limits *limits)
{
    *limits = (struct h2_limits){
        .most = {[H2_STREAMS] = H2_CLIENT_STREAMS,
                 [H2_RESETS] = 100000, /* as many as it gets requests: some end each call so */
                 [H2_CONTINUATIONS] = 8,
                 [H2_HEADER_LIST] = 256 * 1024,
                 [H2_SETTINGS] = 100,
                 [H2_PINGS] = 10000, /* some measure with each piece of a body how far away we are */
                 [H2_EMPTY_FRAMES] = 1000,
                 [H2_FRAMES] = 10000},
        .header_list = 64 * 1024,
        .window = 1024 * 1024,
    };
}

#ifdef HAVE_LIBNGHTTP2

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "http/chars.h"
#include "http/h2_fields.h"
#include "http/h2_frames.h"
#include "upstream/response.h"

enum {
    MOST_REQUEST = 256 * 1024, /* of its head */
    MOST_UP = 64 * 1024,       /* of its body, that waits for the server */
    MOST_LINES = RESPONSE_MOST_HEAD + 1024,
    MOST_TEXT = 2 * MOST_LINES, /* with interim heads that nobody reads */
};

struct h2_client {
    nghttp2_session *session;
    struct h2_limits limits;
    struct h2_frames frames;
    struct h2_call *calls, *noted, *last_noted;
    unsigned n_calls;
    uint32_t header_list; /* bytes of the head that is coming */
    char begins[8];       /* what came first, to tell what it is that is no HTTP/2 */
    unsigned n_begins;
    char why[H2_CALL_WHY]; /* "": nothing is wrong */
    bool settled, parting, ending;
};

/* How far the request was written. */
enum up {
    UP_HEAD,
    UP_LENGTH,
    UP_SIZE, /* of a chunk */
    UP_CHUNK,
    UP_CHUNK_END,
    UP_LAST, /* behind the last chunk */
    UP_DONE,
};

struct h2_call {
    struct h2_client *client;
    struct h2_call *next, *prev, *next_noted;
    void *owner;
    const char *scheme;
    int32_t id; /* 0: its head is not whole */
    bool noted, closed, refused, reset;
    bool came_reset; /* the server has reset it: it was not us */

    enum up state;
    unsigned skip; /* bytes of a line's end */
    uint64_t left; /* of the body by its length, or of a chunk */
    struct buf head, up;
    size_t up_at;
    bool awaits;  /* nghttp2 has asked for more of the body */
    bool blocked; /* it was written, and did not fit */
    bool to_head; /* the request is a HEAD */

    unsigned status;  /* of the head that is coming */
    struct buf lines; /* its fields; then the trailers */
    struct buf text;  /* heads, and what frames; the first text_at bytes were read */
    struct buf held;  /* the final head of a response without a body, until that has ended */
    struct buf data;  /* content; the first data_at bytes were read */
    size_t text_at, data_at;
    size_t chunk; /* bytes of content that the chunk still has which was begun */
    uint64_t declared, came;
    bool final, bare, chunked, has_length, ended, end_given, announced;
    char why[H2_CALL_WHY];
};

/* ---- what its owner is told ---------------------------------------------------------------------------- */

static void note(struct h2_call *call)
{
    struct h2_client *client = call->client;
    if (call->noted)
        return;
    call->noted = true;
    call->next_noted = NULL;
    *(client->noted ? &client->last_noted->next_noted : &client->noted) = call;
    client->last_noted = call;
}

struct h2_call *h2_client_next(struct h2_client *client)
{
    struct h2_call *call = client->noted;
    if (!call)
        return NULL;
    client->noted = call->next_noted;
    call->noted = false;
    return call;
}

static void unnote(struct h2_call *call)
{
    struct h2_client *client = call->client;
    struct h2_call *before = NULL, *at = client->noted;
    if (!call->noted)
        return;
    for (; at != call; at = at->next_noted)
        before = at;
    *(before ? &before->next_noted : &client->noted) = call->next_noted;
    if (client->last_noted == call)
        client->last_noted = before;
    call->noted = false;
}

static void blame(struct h2_call *call, const char *why)
{
    if (!call->why[0] && !call->ended)
        snprintf(call->why, sizeof call->why, "%s", why);
    note(call);
}

/* What came of it is no response. */
static void reset(struct h2_call *call, const char *why)
{
    blame(call, why);
    if (!call->closed)
        (void)nghttp2_submit_rst_stream(call->client->session, NGHTTP2_FLAG_NONE, call->id,
                                        NGHTTP2_PROTOCOL_ERROR);
}

void h2_client_fail(struct h2_client *client, const char *why)
{
    if (!client->why[0])
        snprintf(client->why, sizeof client->why, "%s", why);
    client->ending = true;
    for (struct h2_call *call = client->calls; call; call = call->next) {
        call->refused = call->refused || call->id == 0; /* nothing of it has gone */
        if (!call->ended || !call->closed)
            blame(call, client->why);
        call->closed = true;
    }
}

static void too_much(struct h2_client *client, enum h2_limit limit)
{
    static const char *const WORDS[H2_LIMITS] = {
        [H2_RESETS] = "RST_STREAM", [H2_CONTINUATIONS] = "CONTINUATION", [H2_SETTINGS] = "SETTINGS",
        [H2_PINGS] = "PING",        [H2_EMPTY_FRAMES] = "empty DATA",    [H2_FRAMES] = "unknown or PRIORITY"};
    char why[H2_CALL_WHY];
    if (client->ending)
        return;
    if (WORDS[limit])
        snprintf(why, sizeof why, "it sends more than %u %s frames %s", client->limits.most[limit],
                 WORDS[limit], limit == H2_CONTINUATIONS ? "in a row" : "a second");
    else
        snprintf(why, sizeof why, "the head of its response is more than can be held");
    (void)nghttp2_session_terminate_session(client->session, NGHTTP2_ENHANCE_YOUR_CALM);
    h2_client_fail(client, why);
}

/* ---- the response -------------------------------------------------------------------------------------- */

static struct h2_call *call_of(nghttp2_session *session, int32_t id)
{
    return id > 0 ? nghttp2_session_get_stream_user_data(session, id) : NULL;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *cls)
{
    struct h2_client *client = cls;
    struct h2_call *call = call_of(session, frame->hd.stream_id);
    client->header_list = 0;
    if (call) {
        call->status = 0;
        call->lines.len = 0;
    }
    return 0;
}

/* RFC 9113 section 6.5.2: with 32 bytes for each. */
static bool fits(struct h2_client *client, size_t name_len, size_t len)
{
    enum { FIELD = 32 };
    client->header_list += (uint32_t)(name_len + len + FIELD);
    if (client->header_list <= client->limits.most[H2_HEADER_LIST])
        return true;
    too_much(client, H2_HEADER_LIST);
    return false;
}

static bool is(const char *name, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(name, word, len) == 0;
}

static bool is_name(const char *name, size_t len)
{
    const unsigned char *p = (const unsigned char *)name;
    for (size_t i = 0; i < len; i++) {
        if (name[i] >= 'A' && name[i] <= 'Z')
            return false;
    }
    return len > 0 && chars_token_run(p, p + len) == p + len;
}

static bool is_value(const char *value, size_t len)
{
    const unsigned char *p = (const unsigned char *)value;
    return chars_value_run(p, p + len) == p + len;
}

static void take_status(struct h2_call *call, const char *value, size_t len)
{
    const bool good = len == 3 && value[0] >= '1' && value[0] <= '9' && value[1] >= '0' && value[1] <= '9' &&
                      value[2] >= '0' && value[2] <= '9';
    if (!good || call->final || call->status > 0)
        reset(call, "its status is none");
    else
        call->status =
            (unsigned)(value[0] - '0') * 100 + (unsigned)(value[1] - '0') * 10 + (unsigned)(value[2] - '0');
}

static bool take_length(struct h2_call *call, const char *value, size_t len)
{
    uint64_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (value[i] < '0' || value[i] > '9' || n > (UINT64_MAX - 9) / 10)
            return false;
        n = n * 10 + (uint64_t)(value[i] - '0');
    }
    if (len == 0 || call->has_length)
        return false;
    call->has_length = true;
    call->declared = n;
    return true;
}

/* What can be said in trailers alone is lost where the length says when a response is over. */
static bool tells_of_trailers(const char *name, size_t name_len, const char *value, size_t len)
{
    static const char GRPC[] = "application/grpc";
    return is(name, name_len, "trailer") || (is(name, name_len, "content-type") && len >= sizeof GRPC - 1 &&
                                             strncasecmp(value, GRPC, sizeof GRPC - 1) == 0);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name_at,
                     size_t name_len, const uint8_t *value_at, size_t len, uint8_t flags, void *cls)
{
    struct h2_client *client = cls;
    struct h2_call *call = call_of(session, frame->hd.stream_id);
    const char *name = (const char *)name_at, *value = (const char *)value_at;
    (void)flags;
    if (!fits(client, name_len, len) || !call || call->why[0])
        return 0;
    if (is(name, name_len, ":status")) {
        take_status(call, value, len);
        return 0;
    }
    if (!is_name(name, name_len) || !is_value(value, len) || h2_fields_is_hop(name, name_len)) {
        reset(call, "a field of its response is malformed");
        return 0;
    }
    if (!call->final && call->status >= 200) {
        if (is(name, name_len, "content-length") && !take_length(call, value, len)) {
            reset(call, "its Content-Length is no number, or stands twice");
            return 0;
        }
        call->announced = call->announced || tells_of_trailers(name, name_len, value, len);
    }
    if (call->lines.len + name_len + len > RESPONSE_MOST_HEAD) {
        reset(call, "the head of its response is more than can be held");
        return 0;
    }
    buf_put(&call->lines, name, name_len);
    buf_puts(&call->lines, ": ");
    buf_put(&call->lines, value, len);
    buf_puts(&call->lines, "\r\n");
    return 0;
}

/* Without this callback the field would be left out, and the response passed on. */
static int on_bad_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                         size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *cls)
{
    struct h2_call *call = call_of(session, frame->hd.stream_id);
    (void)name, (void)name_len, (void)value, (void)len, (void)flags, (void)cls;
    if (call)
        blame(call, "a field of its response is malformed");
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static bool is_length_line(const char *line, size_t len)
{
    static const char NAME[] = "content-length:";
    return len >= sizeof NAME - 1 && memcmp(line, NAME, sizeof NAME - 1) == 0;
}

/* A head in HTTP/1.1's form. */
static void put_head(struct h2_call *call, struct buf *out)
{
    const char *line = call->lines.data, *end = line + call->lines.len;
    buf_printf(out, "HTTP/1.1 %u \r\n", call->status);
    for (const char *next; line && line < end; line = next) {
        next = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;
        if (!call->chunked || !is_length_line(line, (size_t)(next - line)))
            buf_put(out, line, (size_t)(next - line));
    }
    buf_puts(out, call->chunked ? "transfer-encoding: chunked\r\n\r\n" : "\r\n");
    call->lines.len = 0;
    if (buf_failed(out) || buf_failed(&call->lines))
        reset(call, "the head of its response is more than can be held");
}

static void end_response(struct h2_call *call)
{
    if (call->has_length && !call->bare && call->came != call->declared) {
        reset(call, "its body has another length than it said");
        return;
    }
    buf_put(&call->text, call->held.data, call->held.len);
    buf_done(&call->held);
    if (buf_failed(&call->text))
        reset(call, "the head of its response is more than can be held");
    call->ended = !call->why[0];
}

static void take_head(struct h2_call *call)
{
    if (call->status == 0 || call->status == 101) {
        reset(call, "its status is none");
        return;
    }
    if (call->status < 200) {
        put_head(call, &call->text);
        return;
    }
    call->final = true;
    call->bare = call->to_head || call->status == 204 || call->status == 304;
    call->chunked = !call->bare && (!call->has_length || call->announced);
    /* Where no body tells that it is over, it is not before it is. */
    put_head(call, call->bare || (call->has_length && call->declared == 0 && !call->chunked) ? &call->held
                                                                                             : &call->text);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *cls)
{
    struct h2_client *client = cls;
    if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
        client->settled = true;
    if (frame->hd.type == NGHTTP2_RST_STREAM && call_of(session, frame->hd.stream_id))
        call_of(session, frame->hd.stream_id)->came_reset = true;
    if (frame->hd.type == NGHTTP2_GOAWAY)
        client->parting = true;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct h2_call *call = call_of(session, frame->hd.stream_id);
    if (!call || call->why[0])
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && !call->final)
        take_head(call);
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && !call->why[0] && call->final)
        end_response(call);
    note(call);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                   void *cls)
{
    struct h2_call *call = call_of(session, id);
    (void)flags, (void)cls;
    if (!call || call->why[0])
        return nghttp2_session_consume(session, id, len) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    /* Only the stream waits where nobody takes its bytes, not the connection. */
    if (nghttp2_session_consume_connection(session, len) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    call->came += len;
    buf_put(&call->data, data, len);
    if (call->bare || (call->has_length && call->came > call->declared))
        reset(call, "its body is longer than it said");
    else if (buf_failed(&call->data))
        reset(call, "out of memory");
    note(call);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *cls)
{
    struct h2_call *call = call_of(session, id);
    (void)cls;
    if (!call)
        return 0;
    (void)nghttp2_session_set_stream_user_data(session, id, NULL);
    call->closed = true;
    call->reset = !call->client->ending;
    call->refused = code == NGHTTP2_REFUSED_STREAM && !call->final && call->text.len == 0 && !call->why[0];
    char why[H2_CALL_WHY];
    if (call->came_reset)
        snprintf(why, sizeof why, "it reset the stream (%s)", nghttp2_http2_strerror(code));
    else
        snprintf(why, sizeof why, "%s",
                 code == NGHTTP2_REFUSED_STREAM       ? "it takes no more requests on this connection"
                 : code == NGHTTP2_FLOW_CONTROL_ERROR ? "it sends more than it may"
                                                      : "its response is malformed");
    blame(call, why);
    return 0;
}

/* A request that did not go: the server has said that it takes no more. */
static int on_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error, void *cls)
{
    struct h2_client *client = cls;
    (void)session, (void)error;
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    for (struct h2_call *call = client->calls; call; call = call->next) {
        if (call->id != frame->hd.stream_id || call->closed)
            continue;
        call->closed = call->refused = true;
        blame(call, "it takes no more requests on this connection");
    }
    return 0;
}

static const char *what_came(const struct h2_client *client)
{
    return client->n_begins >= 5 && memcmp(client->begins, "HTTP/", 5) == 0
               ? "it does not speak HTTP/2: it answers in HTTP/1.1"
               : "what it sends is no HTTP/2";
}

void h2_client_take(struct h2_client *client, const char *bytes, size_t len, uint64_t now_ms)
{
    for (size_t i = 0; i < len && client->n_begins < sizeof client->begins; i++)
        client->begins[client->n_begins++] = bytes[i];
    const enum h2_limit over = h2_frames_feed(&client->frames, &client->limits, bytes, len, now_ms);
    if (over != H2_LIMITS)
        too_much(client, over);
    if (client->ending)
        return;
    ssize_t n = nghttp2_session_mem_recv(client->session, (const uint8_t *)bytes, len);
    if (n < 0)
        h2_client_fail(client, n == NGHTTP2_ERR_NOMEM ? "out of memory" : what_came(client));
}

static void drop_read(struct buf *buf, size_t *at)
{
    enum { LEAST = 4096 };
    if (*at < buf->len)
        return;
    if (buf->room > LEAST) {
        const size_t limit = buf->limit;
        buf_done(buf);
        buf_init(buf, limit);
    }
    buf->len = *at = 0;
}

/* As much of the content as may be read: the last byte by the length only when the response has ended. */
static size_t readable(const struct h2_call *call)
{
    const size_t n = call->data.len - call->data_at;
    return n > 0 && !call->chunked && !call->ended && call->came == call->declared ? n - 1 : n;
}

/* What frames the content that follows. False: there is nothing more now. */
static bool frame_more(struct h2_call *call)
{
    if (call->chunked && call->chunk == 0 && readable(call) > 0) {
        call->chunk = readable(call);
        buf_put_hex(&call->text, call->chunk, 1);
        buf_puts(&call->text, "\r\n");
        return true;
    }
    if (!call->chunked || !call->ended || call->end_given)
        return false;
    call->end_given = true;
    buf_puts(&call->text, "0\r\n");
    buf_put(&call->text, call->lines.data, call->lines.len);
    buf_puts(&call->text, "\r\n");
    return true;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t read_text(struct h2_call *call, char *out, size_t size)
{
    const size_t n = least(call->text.len - call->text_at, size);
    if (n > 0)
        memcpy(out, call->text.data + call->text_at, n);
    call->text_at += n;
    drop_read(&call->text, &call->text_at);
    return n;
}

static size_t read_data(struct h2_call *call, char *out, size_t size)
{
    enum { MOVED = 32 * 1024 };
    const size_t n = least(call->chunked ? call->chunk : readable(call), size);
    if (n == 0)
        return 0;
    memcpy(out, call->data.data + call->data_at, n);
    call->data_at += n;
    if (call->chunked && (call->chunk -= n) == 0)
        buf_puts(&call->text, "\r\n");
    if (!call->closed)
        (void)nghttp2_session_consume_stream(call->client->session, call->id, n);
    drop_read(&call->data, &call->data_at);
    if (call->data_at > MOVED) {
        call->data.len -= call->data_at;
        memmove(call->data.data, call->data.data + call->data_at, call->data.len);
        call->data_at = 0;
    }
    return n;
}

ssize_t h2_call_read(struct h2_call *call, char *out, size_t size)
{
    size_t n = 0, more;
    do {
        more = read_text(call, out + n, size - n);
        if (more == 0)
            more = read_data(call, out + n, size - n);
        n += more;
    } while (n < size && (more > 0 || frame_more(call)));
    if (buf_failed(&call->text))
        blame(call, "out of memory");
    if (n > 0)
        return (ssize_t)n;
    if (call->why[0])
        return -EPROTO;
    return call->ended ? 0 : -EAGAIN;
}

/* ---- the request --------------------------------------------------------------------------------------- */

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t most, uint32_t *flags,
                         nghttp2_data_source *source, void *cls)
{
    struct h2_call *call = call_of(session, id);
    (void)source, (void)cls;
    if (!call)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const size_t n = least(call->up.len - call->up_at, most);
    if (n > 0)
        memcpy(out, call->up.data + call->up_at, n);
    call->up_at += n;
    drop_read(&call->up, &call->up_at);
    if (n > 0 && call->blocked) {
        call->blocked = false;
        note(call);
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
    const size_t n = least(len, MOST_REQUEST - had);
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
    const size_t room = MOST_UP - least(MOST_UP, call->up.len - call->up_at);
    const size_t n = least(least(len, room), call->left < len ? (size_t)call->left : len);
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
        n = least(call->skip, len);
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
            blame(call, "out of memory");
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
        reset(call, "out of memory");
        return -EPIPE;
    }
    if (call->awaits && (call->up_at < call->up.len || call->state == UP_DONE)) {
        call->awaits = false;
        (void)nghttp2_session_resume_data(call->client->session, call->id);
    }
    call->blocked = used == 0 && len > 0;
    return used > 0 || len == 0 ? (ssize_t)used : -EAGAIN;
}

/* ---- calls --------------------------------------------------------------------------------------------- */

struct h2_call *h2_call_new(struct h2_client *client, const char *scheme, void *owner)
{
    struct h2_call *call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->client = client;
    call->scheme = scheme;
    call->owner = owner;
    buf_init(&call->head, MOST_REQUEST + 1);
    buf_init(&call->up, MOST_UP + 1);
    buf_init(&call->lines, MOST_LINES);
    buf_init(&call->text, MOST_TEXT);
    buf_init(&call->held, MOST_LINES);
    buf_init(&call->data, 2 * (size_t)H2_CALL_WINDOW);
    call->next = client->calls;
    if (call->next)
        call->next->prev = call;
    client->calls = call;
    client->n_calls++;
    return call;
}

void h2_call_free(struct h2_call *call)
{
    if (!call)
        return;
    struct h2_client *client = call->client;
    if (call->id > 0)
        (void)nghttp2_session_set_stream_user_data(client->session, call->id, NULL);
    if (call->id > 0 && !call->closed)
        (void)nghttp2_submit_rst_stream(client->session, NGHTTP2_FLAG_NONE, call->id,
                                        call->ended ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
    unnote(call);
    *(call->prev ? &call->prev->next : &client->calls) = call->next;
    if (call->next)
        call->next->prev = call->prev;
    client->n_calls--;
    struct buf *const bufs[] = {&call->head, &call->up, &call->lines, &call->text, &call->held, &call->data};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_done(bufs[i]);
    free(call);
}

void *h2_call_owner(const struct h2_call *call)
{
    return call->owner;
}

const char *h2_call_why(const struct h2_call *call)
{
    return call->why;
}

bool h2_call_is_refused(const struct h2_call *call)
{
    return call->refused;
}

bool h2_call_is_reset(const struct h2_call *call)
{
    return call->reset;
}

/* ---- what goes, and its end ---------------------------------------------------------------------------- */

size_t h2_client_give(struct h2_client *client, const char **bytes)
{
    const uint8_t *data = NULL;
    ssize_t n = nghttp2_session_mem_send(client->session, &data);
    *bytes = (const char *)data;
    if (n < 0)
        h2_client_fail(client, "out of memory");
    return n > 0 ? (size_t)n : 0;
}

bool h2_client_is_full(const struct h2_client *client)
{
    enum { MOST_FRAMES = 2000 };
    return nghttp2_session_get_outbound_queue_size(client->session) > MOST_FRAMES;
}

bool h2_client_is_over(const struct h2_client *client)
{
    return client->ending || !nghttp2_session_want_read(client->session);
}

const char *h2_client_why(const struct h2_client *client)
{
    return client->why[0] ? client->why : what_came(client);
}

bool h2_client_is_settled(const struct h2_client *client)
{
    return client->settled;
}

unsigned h2_client_room(const struct h2_client *client)
{
    const uint32_t own = client->limits.most[H2_STREAMS],
                   peer = nghttp2_session_get_remote_settings(client->session,
                                                              NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    const uint32_t most = peer < own ? peer : own;
    if (client->parting || client->ending || client->n_calls >= most ||
        !nghttp2_session_check_request_allowed(client->session))
        return 0;
    return most - client->n_calls;
}

void h2_client_part(struct h2_client *client)
{
    client->parting = true;
    if (!client->ending)
        (void)nghttp2_submit_goaway(client->session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
}

static int set_up(struct h2_client *client, nghttp2_session_callbacks *callbacks, nghttp2_option *option)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_bad_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_not_sent);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_max_reserved_remote_streams(option, 0); /* also before it knows that none is wanted */
    nghttp2_option_set_max_send_header_block_length(option, MOST_REQUEST);
    if (nghttp2_session_client_new2(&client->session, callbacks, client, option) != 0)
        return ERR_NOMEM;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_CALL_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, client->limits.header_list},
    };
    int rc = nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings));
    if (rc == 0)
        rc = nghttp2_session_set_local_window_size(client->session, NGHTTP2_FLAG_NONE, 0,
                                                   (int32_t)client->limits.window);
    return rc == 0 ? 0 : ERR_NOMEM;
}

struct h2_client *h2_client_new(const struct h2_limits *limits)
{
    struct h2_client *client = calloc(1, sizeof *client);
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    if (!client)
        return NULL;
    client->limits = *limits;
    client->frames.n_preface = H2_PREFACE; /* a server sends none */
    int rc = nghttp2_session_callbacks_new(&callbacks);
    if (rc == 0)
        rc = nghttp2_option_new(&option);
    if (rc == 0)
        rc = set_up(client, callbacks, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    if (rc == 0)
        return client;
    h2_client_free(client);
    return NULL;
}

void h2_client_free(struct h2_client *client)
{
    if (!client)
        return;
    while (client->calls) {
        client->calls->closed = true;
        h2_call_free(client->calls);
    }
    nghttp2_session_del(client->session);
    free(client);
}

#else

struct h2_client *h2_client_new(const struct h2_limits *limits)
{
    (void)limits;
    return NULL;
}

void h2_client_free(struct h2_client *client)
{
    (void)client;
}

/* Nobody has an engine, so the others are never called. */
void h2_client_take(struct h2_client *client, const char *bytes, size_t len, uint64_t now_ms)
{
    (void)client, (void)bytes, (void)len, (void)now_ms;
}

size_t h2_client_give(struct h2_client *client, const char **bytes)
{
    (void)client, (void)bytes;
    return 0;
}

bool h2_client_is_full(const struct h2_client *client)
{
    (void)client;
    return true;
}

bool h2_client_is_over(const struct h2_client *client)
{
    (void)client;
    return true;
}

const char *h2_client_why(const struct h2_client *client)
{
    (void)client;
    return NULL;
}

bool h2_client_is_settled(const struct h2_client *client)
{
    (void)client;
    return false;
}

unsigned h2_client_room(const struct h2_client *client)
{
    (void)client;
    return 0;
}

struct h2_call *h2_client_next(struct h2_client *client)
{
    (void)client;
    return NULL;
}

void h2_client_fail(struct h2_client *client, const char *why)
{
    (void)client, (void)why;
}

void h2_client_part(struct h2_client *client)
{
    (void)client;
}

struct h2_call *h2_call_new(struct h2_client *client, const char *scheme, void *owner)
{
    (void)client, (void)scheme, (void)owner;
    return NULL;
}

void h2_call_free(struct h2_call *call)
{
    (void)call;
}

void *h2_call_owner(const struct h2_call *call)
{
    (void)call;
    return NULL;
}

const char *h2_call_why(const struct h2_call *call)
{
    (void)call;
    return "";
}

bool h2_call_is_refused(const struct h2_call *call)
{
    (void)call;
    return false;
}

bool h2_call_is_reset(const struct h2_call *call)
{
    (void)call;
    return false;
}

ssize_t h2_call_write(struct h2_call *call, const char *bytes, size_t len)
{
    (void)call, (void)bytes, (void)len;
    return -EPIPE;
}

ssize_t h2_call_read(struct h2_call *call, char *out, size_t size)
{
    (void)call, (void)out, (void)size;
    return -EPROTO;
}

#endif
