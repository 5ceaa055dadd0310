#include "http/h2.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#include "http/h2_fields.h"
#include "http/h2_frames.h"
#include "http/h2_session.h"

enum { URGED = 32 }; /* requests whose priority may come ahead of them */

struct h2 {
    nghttp2_session *session;
    struct h2_limits limits;
    const struct h2_ops *ops;
    void *cls;
    struct h2_frames frames;
    uint64_t now_ms;
    uint64_t held;              /* by all streams */
    size_t owed;                /* bytes that came, and were not asked for anew of the connection */
    uint32_t n_streams;         /* that have a record */
    bool measures;              /* a round trip: its PING was not answered yet */
    struct h2_stream *measured; /* whose window that is for; NULL: it is closed */
    int32_t last_id;            /* the highest of all heads */
    int32_t urged[URGED];       /* of the last PRIORITY_UPDATEs */
    uint32_t n_urged;           /* of all; the next takes the place of the oldest */
    uint32_t n_ids;             /* of those */
    uint32_t n_data;            /* frames that nghttp2 looks at */
    enum h2_code stray;         /* what frames of closed streams would be; H2_NO_ERROR: none came */
    bool has_reset;             /* a stream: what its client has sent meanwhile is on its way */
    bool ending;
};

bool h2_is_built(void)
{
    return true;
}

const char *h2_version(void)
{
    return nghttp2_version(0)->version_str;
}

static struct h2_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static void too_much(struct h2 *h2, enum h2_limit limit)
{
    if (h2->ending)
        return;
    h2->ops->hit(h2->cls, limit);
    h2_end(h2, H2_ENHANCE_YOUR_CALM);
}

/* A client that makes us reset its streams costs as much as one that resets them. `stream` NULL: it has no
 * record. */
static void blame(struct h2 *h2, struct h2_stream *stream)
{
    if (stream && stream->blamed)
        return;
    if (stream)
        stream->blamed = true;
    if (h2_frames_count(&h2->frames, &h2->limits, H2_RESETS, h2->now_ms))
        too_much(h2, H2_RESETS);
}

/* ---- what comes ---------------------------------------------------------------------------------------- */

static bool is_request(const nghttp2_frame *frame)
{
    return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static bool was_urged(const struct h2 *h2, int32_t id)
{
    size_t i = 0;
    while (i < URGED && h2->urged[i] != id)
        i++;
    return i < URGED;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *cls)
{
    struct h2 *h2 = cls;
    h2_frames_begin_head(&h2->frames);
    if (!is_request(frame))
        return 0;
    struct h2_stream *stream = h2->ops->opened(h2->cls, frame->hd.stream_id);
    if (!stream)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    stream->id = frame->hd.stream_id;
    h2_window_init(&stream->window);
    h2->n_streams++;
    /* In turn, where the client says nothing else (RFC 9218 section 4.2): by default the first stream that
     * has something to send would send alone. */
    const nghttp2_extpri in_turn = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
    if (!was_urged(h2, stream->id)) /* before it came */
        (void)nghttp2_session_change_extpri_stream_priority(session, stream->id, &in_turn, 0);
    return nghttp2_session_set_stream_user_data(session, stream->id, stream);
}

/* Frames of streams that are closed nghttp2 takes for those that crossed our reset, as it does not keep what
 * was. Where we have never reset a stream there is no such frame (RFC 9113 section 5.1). That is known only
 * when what is to be said of the others has gone: a reset may be among it. */
static void behind_end(struct h2 *h2, enum h2_code code)
{
    if (h2->stray == H2_NO_ERROR)
        h2->stray = code;
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *head, void *cls)
{
    struct h2 *h2 = cls;
    const int32_t id = head->stream_id;
    if (head->type == NGHTTP2_DATA) {
        h2->n_data++;
    } else if (head->type == NGHTTP2_PRIORITY && id == 0) {
        h2_end(h2, H2_PROTOCOL_ERROR); /* RFC 9113 section 6.3: nghttp2 looks at none */
    } else if (head->type == NGHTTP2_HEADERS && id > h2->last_id) {
        h2->last_id = id;
        h2->n_ids++;
    } else if (head->type == NGHTTP2_HEADERS && id % 2 == 1 && !nghttp2_session_find_stream(session, id)) {
        /* One that was skipped cannot come any more (section 5.1.1). */
        behind_end(h2, h2->n_ids < ((uint32_t)h2->last_id + 1) / 2 ? H2_PROTOCOL_ERROR : H2_STREAM_CLOSED);
    }
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *cls)
{
    struct h2 *h2 = cls;
    (void)flags;
    struct h2_stream *stream = stream_of(session, frame->hd.stream_id);
    if (!h2_frames_fit(&h2->frames, &h2->limits, name_len, len)) {
        too_much(h2, H2_HEADER_LIST);
        return NGHTTP2_ERR_PAUSE; /* no further one: an octet may stand for kilobytes */
    }
    if (!stream || !is_request(frame))
        return 0; /* trailers: nobody asks for them */
    h2->ops->field(h2->cls, stream, (const char *)name, name_len, (const char *)value, len);
    return 0;
}

/* Once for each. */
static void tell_of_malformed(struct h2 *h2, struct h2_stream *stream, const char *why)
{
    if (!stream || stream->malformed)
        return;
    stream->malformed = true;
    h2->ops->malformed(h2->cls, stream, why);
}

/* Without this callback the field would be left out, and the request answered. */
static int on_bad_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                         size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *cls)
{
    (void)name, (void)name_len, (void)value, (void)len, (void)flags;
    tell_of_malformed(cls, stream_of(session, frame->hd.stream_id), "a name or a value that no field has");
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static const uint8_t MEASURE[8] = "measures";

static void measure(struct h2 *h2, struct h2_stream *stream)
{
    if (nghttp2_submit_ping(h2->session, NGHTTP2_FLAG_NONE, MEASURE) != 0)
        return;
    h2->measures = true;
    h2->measured = stream;
    h2_window_asks(&stream->window);
}

static void tell(struct h2 *h2, const struct h2_stream *stream, uint32_t more)
{
    if (more > 0 && !stream->ended)
        (void)nghttp2_submit_window_update(h2->session, NGHTTP2_FLAG_NONE, stream->id, (int32_t)more);
}

static void measured(struct h2 *h2, const uint8_t *mark)
{
    struct h2_stream *stream = h2->measured;
    if (!h2->measures || memcmp(mark, MEASURE, sizeof MEASURE) != 0)
        return;
    h2->measures = false;
    h2->measured = NULL;
    if (stream && h2_window_answered(&stream->window, stream->held) && !stream->ended &&
        h2->ops->grow(h2->cls, stream, stream->window.size))
        tell(h2, stream, h2_window_doubled(&stream->window));
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *cls)
{
    struct h2 *h2 = cls;
    if (frame->hd.type == NGHTTP2_PRIORITY_UPDATE)
        h2->urged[h2->n_urged++ % URGED] =
            ((const nghttp2_ext_priority_update *)frame->ext.payload)->stream_id;
    if (frame->hd.type == NGHTTP2_PING && frame->hd.flags & NGHTTP2_FLAG_ACK)
        measured(h2, frame->ping.opaque_data);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct h2_stream *stream = stream_of(session, frame->hd.stream_id);
    const bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (!stream)
        return 0;
    stream->ended = stream->ended || ended;
    if (frame->hd.type == NGHTTP2_DATA && frame->data.padlen > 0) /* nobody takes it */
        tell(h2, stream, h2_window_taken(&stream->window, frame->data.padlen));
    if (is_request(frame))
        h2->ops->head(h2->cls, stream, ended);
    else if (ended)
        h2->ops->ended(h2->cls, stream);
    return 0;
}

/* Where nobody takes a stream's bytes that one waits, not the connection, up to a bound for all of them. */
static void give_back(struct h2 *h2)
{
    if (h2->owed == 0 || h2->held > h2->limits.held)
        return;
    const size_t owed = h2->owed;
    h2->owed = 0;
    (void)nghttp2_session_consume_connection(h2->session, owed);
}

bool h2_is_held_up(const struct h2 *h2)
{
    return h2->owed > h2->limits.window / 2;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                   void *cls)
{
    struct h2 *h2 = cls;
    (void)flags;
    struct h2_stream *stream = stream_of(session, id);
    h2->owed += len;
    if (!stream) {
        give_back(h2);
        return 0;
    }
    stream->held += (uint32_t)len;
    h2->held += len;
    if (h2_window_came(&stream->window, len) && !h2->measures)
        measure(h2, stream);
    h2->ops->data(h2->cls, stream, (const char *)data, len);
    give_back(h2);
    return 0;
}

static int on_bad_frame(nghttp2_session *session, const nghttp2_frame *frame, int error, void *cls)
{
    struct h2 *h2 = cls;
    const bool full = h2->n_streams >= h2->limits.most[H2_STREAMS];
    if (frame->hd.type == NGHTTP2_HEADERS && full &&
        (error == NGHTTP2_ERR_REFUSED_STREAM || error == NGHTTP2_ERR_PROTO))
        h2->ops->hit(h2->cls, H2_STREAMS);
    if (frame->hd.type == NGHTTP2_HEADERS &&
        (error == NGHTTP2_ERR_HTTP_HEADER || error == NGHTTP2_ERR_PROTO ||
         error == NGHTTP2_ERR_HTTP_MESSAGING))
        tell_of_malformed(h2, stream_of(session, frame->hd.stream_id), "fields that are no request's");
    if (frame->hd.stream_id > 0)
        blame(h2, stream_of(session, frame->hd.stream_id));
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *cls)
{
    struct h2 *h2 = cls;
    struct h2_stream *stream = stream_of(session, id);
    if (!stream)
        return 0;
    if (code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR || code == NGHTTP2_STREAM_CLOSED)
        blame(h2, stream); /* of a length that is another, say */
    (void)nghttp2_session_set_stream_user_data(session, id, NULL);
    h2->held -= stream->held;
    stream->held = 0;
    give_back(h2);
    if (h2->measured == stream)
        h2->measured = NULL;
    h2->n_streams--;
    h2->ops->closed(h2->cls, stream, code);
    return 0;
}

void h2_take(struct h2 *h2, const char *bytes, size_t len, uint64_t now_ms)
{
    h2->now_ms = now_ms;
    const enum h2_limit over = h2_frames_feed(&h2->frames, &h2->limits, bytes, len, now_ms);
    if (over != H2_LIMITS) {
        too_much(h2, over);
        return;
    }
    if (h2->ending)
        return;
    ssize_t n = nghttp2_session_mem_recv(h2->session, (const uint8_t *)bytes, len);
    if (n < 0) /* it is no HTTP/2, or memory is short */
        h2_end(h2, n == NGHTTP2_ERR_NOMEM ? H2_INTERNAL_ERROR : H2_PROTOCOL_ERROR);
    if (h2->n_data != h2->frames.n_data)
        behind_end(h2, H2_STREAM_CLOSED);
    h2->n_data = h2->frames.n_data;
}

/* ---- what goes ----------------------------------------------------------------------------------------- */

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *cls)
{
    struct h2 *h2 = cls;
    h2->has_reset = h2->has_reset || frame->hd.type == NGHTTP2_RST_STREAM || frame->hd.type == NGHTTP2_GOAWAY;
    if (frame->hd.type == NGHTTP2_DATA)
        h2_frames_earn(&h2->frames);
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    struct h2_stream *stream = stream_of(session, frame->hd.stream_id);
    if (stream)
        h2->ops->sent(h2->cls, stream);
    return 0;
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t most, uint32_t *flags,
                         nghttp2_data_source *source, void *cls)
{
    struct h2 *h2 = cls;
    (void)source;
    struct h2_stream *stream = stream_of(session, id);
    bool last = false;
    if (!stream)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    ssize_t n = h2->ops->body(h2->cls, stream, (char *)out, most, &last);
    if (n < 0)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    stream->awaits = n == 0 && !last;
    if (stream->awaits)
        return NGHTTP2_ERR_DEFERRED;
    if (last)
        *flags |= stream->trailers ? NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM
                                   : NGHTTP2_DATA_FLAG_EOF;
    return n;
}

size_t h2_give(struct h2 *h2, const char **bytes)
{
    const uint8_t *data = NULL;
    ssize_t n = nghttp2_session_mem_send(h2->session, &data);
    if (n == 0 && h2->stray != H2_NO_ERROR) {
        if (!h2->has_reset && !h2->ending)
            h2_end(h2, h2->stray);
        h2->stray = H2_NO_ERROR;
        n = nghttp2_session_mem_send(h2->session, &data);
    }
    *bytes = (const char *)data;
    if (n < 0)
        h2->ending = true;
    return n > 0 ? (size_t)n : 0;
}

bool h2_is_full(const struct h2 *h2)
{
    return h2_session_is_full(h2->session);
}

bool h2_is_over(const struct h2 *h2)
{
    return (h2->ending || !nghttp2_session_want_read(h2->session)) &&
           !nghttp2_session_want_write(h2->session);
}

/* ---- answers ------------------------------------------------------------------------------------------- */

int h2_answer(struct h2 *h2, struct h2_stream *stream, unsigned status, const char *lines, size_t len,
              bool bodied)
{
    const nghttp2_data_provider body = {.read_callback = read_body};
    const char text[3] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                          (char)('0' + status % 10)};
    const struct h2_pseudo first = {":status", text, sizeof text};
    struct h2_fields list;
    int rc = h2_fields_of(&list, &first, 1, lines, len);
    if (rc != 0)
        return rc;
    if (status < 200)
        rc = nghttp2_submit_headers(h2->session, NGHTTP2_FLAG_NONE, stream->id, NULL, list.nv, list.n, NULL);
    else
        rc = nghttp2_submit_response(h2->session, stream->id, list.nv, list.n, bodied ? &body : NULL);
    h2_fields_done(&list);
    return rc == 0 ? 0 : ERR_NOMEM;
}

int h2_trailers(struct h2 *h2, struct h2_stream *stream, const char *lines, size_t len)
{
    struct h2_fields list;
    int rc = h2_fields_of(&list, NULL, 0, lines, len);
    if (rc != 0)
        return rc;
    rc = nghttp2_submit_trailer(h2->session, stream->id, list.nv, list.n);
    h2_fields_done(&list);
    stream->trailers = true;
    return rc == 0 ? 0 : ERR_NOMEM;
}

void h2_more(struct h2 *h2, struct h2_stream *stream)
{
    if (!stream->awaits)
        return;
    stream->awaits = false;
    (void)nghttp2_session_resume_data(h2->session, stream->id);
}

void h2_reset(struct h2 *h2, struct h2_stream *stream, enum h2_code code)
{
    if (code == H2_PROTOCOL_ERROR)
        blame(h2, stream);
    (void)nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, stream->id, (uint32_t)code);
}

void h2_consumed(struct h2 *h2, struct h2_stream *stream, size_t len)
{
    if (len > stream->held)
        len = stream->held;
    stream->held -= (uint32_t)len;
    h2->held -= len;
    give_back(h2);
    tell(h2, stream, h2_window_taken(&stream->window, len));
}

/* ---- its end ------------------------------------------------------------------------------------------- */

void h2_part(struct h2 *h2)
{
    (void)nghttp2_submit_shutdown_notice(h2->session);
}

void h2_part_now(struct h2 *h2)
{
    (void)nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(h2->session), NGHTTP2_NO_ERROR, NULL,
                                0);
}

void h2_end(struct h2 *h2, enum h2_code code)
{
    h2->ending = true;
    (void)nghttp2_session_terminate_session(h2->session, (uint32_t)code);
}

/* ---- its life ------------------------------------------------------------------------------------------ */

static void listen_to(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_bad_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_bad_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
}

static void choose(nghttp2_option *option)
{
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_builtin_recv_extension_type(option, NGHTTP2_PRIORITY_UPDATE);
    /* The largest head of a backend, by its bound for what it may come to. */
    nghttp2_option_set_max_send_header_block_length(option, 256 * 1024);
}

struct h2 *h2_new(const struct h2_limits *limits, const struct h2_ops *ops, void *cls)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->most[H2_STREAMS]},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_WINDOW_FIRST},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->header_list},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    const struct h2_session_plan plan = {nghttp2_session_server_new2, listen_to,     choose, settings,
                                         ARRAY_LEN(settings),         limits->window};
    struct h2 *h2 = calloc(1, sizeof *h2);
    if (!h2)
        return NULL;
    h2->limits = *limits;
    h2->ops = ops;
    h2->cls = cls;
    if (h2_session_new(&h2->session, &plan, h2) == 0)
        return h2;
    h2_free(h2);
    return NULL;
}

void h2_free(struct h2 *h2)
{
    if (!h2)
        return;
    nghttp2_session_del(h2->session);
    free(h2);
}
