/* HTTP/2's engine where there is no nghttp2: none. h2_new says so, and the others are never called. */
#include "http/h2.h"

bool h2_is_built(void)
{
    return false;
}

const char *h2_version(void)
{
    return "";
}

struct h2 *h2_new(const struct h2_limits *limits, const struct h2_ops *ops, void *cls)
{
    (void)limits, (void)ops, (void)cls;
    return NULL;
}

void h2_free(struct h2 *h2)
{
    (void)h2;
}

void h2_take(struct h2 *h2, const char *bytes, size_t len, uint64_t now_ms)
{
    (void)h2, (void)bytes, (void)len, (void)now_ms;
}

size_t h2_give(struct h2 *h2, const char **bytes)
{
    (void)h2;
    *bytes = NULL;
    return 0;
}

bool h2_is_full(const struct h2 *h2)
{
    (void)h2;
    return true;
}

bool h2_is_over(const struct h2 *h2)
{
    (void)h2;
    return true;
}

int h2_answer(struct h2 *h2, struct h2_stream *stream, unsigned status, const char *lines, size_t len,
              bool bodied)
{
    (void)h2, (void)stream, (void)status, (void)lines, (void)len, (void)bodied;
    return ERR_NOMEM;
}

int h2_trailers(struct h2 *h2, struct h2_stream *stream, const char *lines, size_t len)
{
    (void)h2, (void)stream, (void)lines, (void)len;
    return ERR_NOMEM;
}

void h2_more(struct h2 *h2, struct h2_stream *stream)
{
    (void)h2, (void)stream;
}

void h2_reset(struct h2 *h2, struct h2_stream *stream, enum h2_code code)
{
    (void)h2, (void)stream, (void)code;
}

void h2_consumed(struct h2 *h2, struct h2_stream *stream, size_t len)
{
    (void)h2, (void)stream, (void)len;
}

bool h2_is_held_up(const struct h2 *h2)
{
    (void)h2;
    return false;
}

void h2_part(struct h2 *h2)
{
    (void)h2;
}

void h2_part_now(struct h2 *h2)
{
    (void)h2;
}

void h2_end(struct h2 *h2, enum h2_code code)
{
    (void)h2, (void)code;
}
