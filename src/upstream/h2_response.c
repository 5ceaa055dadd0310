/* What a server of HTTP/2 sends, read as a response of HTTP/1.1. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http/chars.h"
#include "http/h2_fields.h"
#include "upstream/h2_client_impl.h"

/* ---- the response -------------------------------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *cls)
{
    struct h2_client *client = cls;
    struct h2_call *call = h2_call_of(session, frame->hd.stream_id);
    h2_frames_begin_head(&client->frames);
    if (call) {
        call->answered = true;
        call->status = 0;
        call->lines.len = 0;
    }
    return 0;
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
        h2_call_reject(call, "its status is none");
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
    struct h2_call *call = h2_call_of(session, frame->hd.stream_id);
    const char *name = (const char *)name_at, *value = (const char *)value_at;
    (void)flags;
    if (!h2_frames_fit(&client->frames, &client->limits, name_len, len)) {
        h2_client_too_much(client, H2_HEADER_LIST);
        return NGHTTP2_ERR_PAUSE; /* no further one is looked at */
    }
    if (!call || call->why[0])
        return 0;
    if (is(name, name_len, ":status")) {
        take_status(call, value, len);
        return 0;
    }
    if (!is_name(name, name_len) || !is_value(value, len) || h2_fields_is_hop(name, name_len)) {
        h2_call_reject(call, "a field of its response is malformed");
        return 0;
    }
    if (!call->final && call->status >= 200) {
        if (is(name, name_len, "content-length") && !take_length(call, value, len)) {
            h2_call_reject(call, "its Content-Length is no number, or stands twice");
            return 0;
        }
        call->announced = call->announced || tells_of_trailers(name, name_len, value, len);
    }
    if (call->lines.len + name_len + len > RESPONSE_MOST_HEAD) {
        h2_call_reject(call, "the head of its response is more than can be held");
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
    struct h2_call *call = h2_call_of(session, frame->hd.stream_id);
    (void)name, (void)name_len, (void)value, (void)len, (void)flags, (void)cls;
    if (call)
        h2_call_blame(call, "a field of its response is malformed");
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
    const char *line = call->lines.data ? call->lines.data : "", *end = line + call->lines.len;
    buf_printf(out, "HTTP/1.1 %u \r\n", call->status);
    for (const char *next; line < end; line = next) {
        next = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;
        if (!call->chunked || !is_length_line(line, (size_t)(next - line)))
            buf_put(out, line, (size_t)(next - line));
    }
    buf_puts(out, call->chunked ? "transfer-encoding: chunked\r\n\r\n" : "\r\n");
    call->lines.len = 0;
    if (buf_failed(out))
        h2_call_reject(call, "the head of its response is more than can be held");
}

static void end_response(struct h2_call *call)
{
    if (call->has_length && !call->bare && call->came != call->declared) {
        h2_call_reject(call, "its body has another length than it said");
        return;
    }
    buf_put(&call->text, call->held.data, call->held.len);
    buf_done(&call->held);
    if (buf_failed(&call->text))
        h2_call_reject(call, "the head of its response is more than can be held");
    call->ended = !call->why[0];
}

static void take_head(struct h2_call *call)
{
    if (call->status == 0 || call->status == 101) {
        h2_call_reject(call, "its status is none");
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
    if (frame->hd.type == NGHTTP2_RST_STREAM && h2_call_of(session, frame->hd.stream_id))
        h2_call_of(session, frame->hd.stream_id)->came_reset = true;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        client->parting = true;
        snprintf(client->parts_why, sizeof client->parts_why, "it ends the connection (GOAWAY, %s)",
                 nghttp2_http2_strerror(frame->goaway.error_code));
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    client->pings = 0;
    struct h2_call *call = h2_call_of(session, frame->hd.stream_id);
    if (!call || call->why[0])
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && buf_failed(&call->lines)) /* the last of them has no end */
        h2_call_reject(call, "out of memory");
    else if (frame->hd.type == NGHTTP2_HEADERS && !call->final)
        take_head(call);
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && !call->why[0] && call->final)
        end_response(call);
    h2_call_note(call);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                   void *cls)
{
    struct h2_call *call = h2_call_of(session, id);
    (void)flags, (void)cls;
    if (!call || call->why[0])
        return nghttp2_session_consume(session, id, len) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    /* Only the stream waits where nobody takes its bytes, not the connection. */
    if (nghttp2_session_consume_connection(session, len) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    call->answered = true;
    call->came += len;
    buf_put(&call->data, data, len);
    if (call->bare || (call->has_length && call->came > call->declared))
        h2_call_reject(call, "its body is longer than it said");
    else if (buf_failed(&call->data))
        h2_call_reject(call, "out of memory");
    h2_call_note(call);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *cls)
{
    struct h2_call *call = h2_call_of(session, id);
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
    h2_call_blame(call, why);
    return 0;
}

/* Within h2_client_give, which gives the last bytes of it now. */
static int on_given(nghttp2_session *session, const nghttp2_frame *frame, void *cls)
{
    struct h2_client *client = cls;
    if (frame->hd.type == NGHTTP2_HEADERS)
        client->giving = h2_call_of(session, frame->hd.stream_id);
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
        h2_call_blame(call, "it takes no more requests on this connection");
    }
    return 0;
}

void h2_response_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_bad_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_given);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_not_sent);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
}

/* ---- and is read ---- */

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

static size_t read_text(struct h2_call *call, char *out, size_t size)
{
    const size_t n = h2_least(call->text.len - call->text_at, size);
    if (n > 0)
        memcpy(out, call->text.data + call->text_at, n);
    call->text_at += n;
    h2_drop_read(&call->text, &call->text_at);
    return n;
}

/* It is doubled where all of it was read, as long as all of them together do not make the server large: of
 * who reads nothing little is held. */
static void grow(struct h2_call *call, size_t n)
{
    call->read += (uint32_t)n;
    if (call->read < call->window || call->window >= H2_CALL_WINDOW_MOST || call->closed || call->ended ||
        *call->client->grown + call->window > H2_CALLS_GROWN)
        return;
    if (nghttp2_session_set_local_window_size(call->client->session, NGHTTP2_FLAG_NONE, call->id,
                                              (int32_t)(2 * call->window)) != 0)
        return;
    *call->client->grown += call->window;
    call->window *= 2;
    call->read = 0;
}

static size_t read_data(struct h2_call *call, char *out, size_t size)
{
    enum { MOVED = 32 * 1024 };
    const size_t n = h2_least(call->chunked ? call->chunk : readable(call), size);
    if (n == 0)
        return 0;
    memcpy(out, call->data.data + call->data_at, n);
    call->data_at += n;
    if (call->chunked && (call->chunk -= n) == 0)
        buf_puts(&call->text, "\r\n");
    if (!call->closed)
        (void)nghttp2_session_consume_stream(call->client->session, call->id, n);
    grow(call, n);
    h2_drop_read(&call->data, &call->data_at);
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
        h2_call_blame(call, "out of memory");
    if (n > 0)
        return (ssize_t)n;
    if (call->why[0])
        return -EPROTO;
    return call->ended ? 0 : -EAGAIN;
}
