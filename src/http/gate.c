#include <string.h>

#include "http/gate_walk.h"

/* Before a request: RFC 9112 section 2.2 lets one empty line pass. */
static void begin(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    unsigned c = *w->p;
    if (g->state == AT_START_LF) {
        if (c != '\n') {
            gate_refuse_byte(w, "a CR without a LF");
            return;
        }
        w->p++;
        g->state = AT_START_AGAIN;
        return;
    }
    if (c == '\r' && g->state == AT_START) { /* RFC 9112 section 2.2: one empty line is forgiven */
        w->p++;
        g->state = AT_START_LF;
        return;
    }
    memset(g, 0, sizeof *g);
    g->state = AT_METHOD;
    w->events |= HTTP1_HEAD_BEGUN;
}

static void (*const STEPS[])(struct gate_walk *) = {
    [AT_START] = begin,
    [AT_START_LF] = begin,
    [AT_START_AGAIN] = begin,
    [AT_METHOD] = gate_method,
    [AT_TARGET] = gate_target,
    [AT_ORIGIN] = gate_origin,
    [AT_STAR] = gate_star,
    [AT_SCHEME] = gate_scheme,
    [AT_AUTHORITY] = gate_authority,
    [AT_VERSION] = gate_version,
    [AT_LINE_CR] = gate_line_cr,
    [AT_LINE_LF] = gate_line_lf,
    [AT_FIELD] = gate_field,
    [AT_NAME] = gate_name,
    [AT_VALUE] = gate_value,
    [AT_LEADING] = gate_leading,
    [AT_HOST] = gate_host,
    [AT_LENGTH] = gate_length,
    [AT_CODING] = gate_coding,
    [AT_CODING_SPACE] = gate_coding_space,
    [AT_CODING_PARAMETER] = gate_coding_parameter,
    [AT_CODING_NEXT] = gate_coding_next,
    [AT_EXPECTATION] = gate_expectation,
    [AT_TRAILING] = gate_trailing,
    [AT_VALUE_LF] = gate_line_lf,
    [AT_HEAD_LF] = gate_head_lf,
    [AT_CHUNK_EXTENSION] = gate_chunk_extension,
    [AT_BODY] = gate_body,
    [AT_CHUNK_SIZE] = gate_chunk_size,
    [AT_CHUNK_SIZE_LF] = gate_chunk_size_lf,
    [AT_CHUNK_DATA] = gate_chunk_data,
    [AT_CHUNK_CR] = gate_chunk_cr,
    [AT_CHUNK_LF] = gate_chunk_lf,
};

/* The states whose bytes count against max_head. */
static bool bounded(const struct http1_gate *gate)
{
    return gate->state >= AT_METHOD && gate->state <= AT_CHUNK_EXTENSION;
}

/* Shows the steps no more bytes than max_head leaves, so that none of them has to count. */
static void walk_head(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    const unsigned char *from = w->p, *end = w->end;
    size_t room = w->limits->max_head > g->used ? w->limits->max_head - g->used : 0;
    if (room == 0) {
        if (g->state >= AT_TARGET && g->state <= AT_AUTHORITY)
            gate_refuse(w, 414, "the request-target is too long");
        else if (g->state == AT_CHUNK_EXTENSION)
            gate_refuse(w, 400, "too many chunk extensions");
        else
            gate_refuse(w, 431, "the head is too long");
        return;
    }
    if (room < (size_t)(end - from))
        w->end = from + room;
    while (w->p < w->end && bounded(g))
        STEPS[g->state](w);
    g->used += (uint32_t)(w->p - from);
    w->end = end;
}

void http1_gate_init(struct http1_gate *gate)
{
    memset(gate, 0, sizeof *gate);
}

size_t http1_gate_feed(struct http1_gate *gate, const struct http1_limits *limits, const char *data,
                       size_t len, unsigned *events)
{
    if (len == 0)
        return 0;
    const unsigned char *first = (const unsigned char *)data;
    struct gate_walk w = {gate, limits, first, first + len, 0};
    while (w.p < w.end && gate->state != AT_REFUSED && !(w.events & (HTTP1_HEAD_DONE | HTTP1_REQUEST_DONE))) {
        if (bounded(gate))
            walk_head(&w);
        else
            STEPS[gate->state](&w);
    }
    *events |= w.events;
    return (size_t)(w.p - first);
}

bool http1_gate_idle(const struct http1_gate *gate)
{
    return gate->state <= AT_START_AGAIN;
}

bool http1_gate_in_head(const struct http1_gate *gate)
{
    return gate->state >= AT_METHOD && gate->state <= AT_HEAD_LF && !(gate->flags & IN_TRAILERS);
}

/* RFC 9110 section 10.1.1: from HTTP/1.0 it means nothing. */
bool http1_gate_expects(const struct http1_gate *gate)
{
    return (gate->state == AT_BODY || gate->state == AT_CHUNK_SIZE) && (gate->flags & EXPECTS) &&
           !(gate->flags & OLD);
}

uint64_t http1_gate_content(const struct http1_gate *gate)
{
    return gate->state == AT_BODY || gate->state == AT_CHUNK_DATA ? gate->length : 0;
}
