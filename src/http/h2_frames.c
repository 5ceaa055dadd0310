#include "http/h2_frames.h"

#include <string.h>

enum frame {
    FRAME_DATA = 0,
    FRAME_HEADERS = 1,
    FRAME_PRIORITY = 2,
    FRAME_RST_STREAM = 3,
    FRAME_SETTINGS = 4,
    FRAME_PUSH_PROMISE = 5,
    FRAME_PING = 6,
    FRAME_GOAWAY = 7,
    FRAME_WINDOW_UPDATE = 8,
    FRAME_CONTINUATION = 9,
};
enum { FLAG_ACK = 1, FLAG_END_STREAM = 1, SECOND_MS = 1000 };

void h2_limits_init(struct h2_limits *limits)
{
    *limits = (struct h2_limits){
        .most = {[H2_STREAMS] = 100,
                 [H2_RESETS] = 200,
                 [H2_CONTINUATIONS] = 8,
                 [H2_HEADER_LIST] = 256 * 1024,
                 [H2_SETTINGS] = 20,
                 [H2_PINGS] = 20,
                 [H2_EMPTY_FRAMES] = 100,
                 [H2_FRAMES] = 1000},
        .header_list = 64 * 1024,
        .window = 2 * H2_WINDOW_MOST,
        .held = 4 * 1024 * 1024,
    };
}

bool h2_frames_count(struct h2_frames *f, const struct h2_limits *limits, enum h2_limit kind, uint64_t now_ms)
{
    if (now_ms - f->second_ms >= SECOND_MS) {
        f->second_ms = now_ms;
        memset(f->count, 0, sizeof f->count);
    }
    return ++f->count[kind] > limits->most[kind];
}

void h2_frames_earn(struct h2_frames *f)
{
    f->count[H2_PINGS] -= f->count[H2_PINGS] > 0;
}

void h2_frames_begin_head(struct h2_frames *f)
{
    f->header_list = 0;
}

bool h2_frames_fit(struct h2_frames *f, const struct h2_limits *limits, size_t name_len, size_t len)
{
    enum { FIELD = 32 };
    f->header_list += (uint32_t)(name_len + len + FIELD);
    return f->header_list <= limits->most[H2_HEADER_LIST];
}

/* What a frame with this header is one of; H2_LIMITS: of nothing that is counted. */
static enum h2_limit kind_of(unsigned type, unsigned flags, uint32_t len)
{
    switch (type) {
    case FRAME_DATA:
        return len == 0 && !(flags & FLAG_END_STREAM) ? H2_EMPTY_FRAMES : H2_LIMITS;
    case FRAME_RST_STREAM:
        return H2_RESETS;
    case FRAME_SETTINGS:
        return flags & FLAG_ACK ? H2_FRAMES : H2_SETTINGS;
    case FRAME_PING: /* those that are acknowledged were ours */
        return flags & FLAG_ACK ? H2_FRAMES : H2_PINGS;
    case FRAME_HEADERS:
    case FRAME_PUSH_PROMISE:
    case FRAME_GOAWAY:
    case FRAME_WINDOW_UPDATE:
    case FRAME_CONTINUATION:
        return H2_LIMITS;
    default: /* PRIORITY, and what nobody knows */
        return H2_FRAMES;
    }
}

static enum h2_limit take_head(struct h2_frames *f, const struct h2_limits *limits, uint64_t now_ms)
{
    const uint8_t *head = f->head;
    f->n_head = 0;
    f->left = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
    f->n_continuations = head[3] == FRAME_CONTINUATION ? f->n_continuations + 1 : 0;
    if (f->n_continuations > limits->most[H2_CONTINUATIONS])
        return H2_CONTINUATIONS;
    f->n_data += head[3] == FRAME_DATA;
    const enum h2_limit kind = kind_of(head[3], head[4], f->left);
    return kind != H2_LIMITS && h2_frames_count(f, limits, kind, now_ms) ? kind : H2_LIMITS;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

enum h2_limit h2_frames_feed(struct h2_frames *f, const struct h2_limits *limits, const char *bytes,
                             size_t len, uint64_t now_ms)
{
    size_t at = least(len, H2_PREFACE - f->n_preface); /* which nghttp2 looks at */
    f->n_preface += (uint32_t)at;
    while (at < len) {
        size_t n = least(len - at, f->left);
        f->left -= (uint32_t)n;
        at += n;
        n = least(len - at, f->left > 0 ? 0 : H2_FRAME_HEAD - f->n_head);
        memcpy(f->head + f->n_head, bytes + at, n);
        f->n_head += (uint32_t)n;
        at += n;
        if (f->n_head < H2_FRAME_HEAD)
            continue;
        const enum h2_limit over = take_head(f, limits, now_ms);
        if (over != H2_LIMITS)
            return over;
    }
    return H2_LIMITS;
}
