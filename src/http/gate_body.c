/* Where a head ends, and bodies by length or in chunks (RFC 9112 sections 6 and 7). */
#include "http/gate_walk.h"

enum { CHUNK_DIGITS_MOST = 16 };

/* Grammar of chunk extensions after the ";" (RFC 9112 section 7.1.1):
 * *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] ). Rows are what stands before the byte,
 * columns what the byte is, cells the next row; what is not said is an error. */
enum {
    X_BAD,
    X_BEGIN,
    X_NAME,
    X_AFTER_NAME,
    X_EQUALS,
    X_VALUE,
    X_AFTER_VALUE,
    X_QUOTED,
    X_ESCAPE,
    X_CLOSED,
    X_END
};
enum {
    IS_BAD,
    IS_SPACE,
    IS_TOKEN,
    IS_EQUALS,
    IS_SEMICOLON,
    IS_QUOTE,
    IS_BACKSLASH,
    IS_TEXT,
    IS_CR,
    IS_KINDS
};

static const uint8_t EXTENSION[][IS_KINDS] = {
    [X_BEGIN] = {[IS_SPACE] = X_BEGIN, [IS_TOKEN] = X_NAME},
    [X_NAME] = {[IS_SPACE] = X_AFTER_NAME,
                [IS_TOKEN] = X_NAME,
                [IS_EQUALS] = X_EQUALS,
                [IS_SEMICOLON] = X_BEGIN,
                [IS_CR] = X_END},
    [X_AFTER_NAME] = {[IS_SPACE] = X_AFTER_NAME, [IS_EQUALS] = X_EQUALS, [IS_SEMICOLON] = X_BEGIN},
    [X_EQUALS] = {[IS_SPACE] = X_EQUALS, [IS_TOKEN] = X_VALUE, [IS_QUOTE] = X_QUOTED},
    [X_VALUE] = {[IS_SPACE] = X_AFTER_VALUE, [IS_TOKEN] = X_VALUE, [IS_SEMICOLON] = X_BEGIN, [IS_CR] = X_END},
    [X_AFTER_VALUE] = {[IS_SPACE] = X_AFTER_VALUE, [IS_SEMICOLON] = X_BEGIN},
    [X_QUOTED] = {[IS_SPACE] = X_QUOTED,
                  [IS_TOKEN] = X_QUOTED,
                  [IS_EQUALS] = X_QUOTED,
                  [IS_SEMICOLON] = X_QUOTED,
                  [IS_QUOTE] = X_CLOSED,
                  [IS_BACKSLASH] = X_ESCAPE,
                  [IS_TEXT] = X_QUOTED},
    [X_ESCAPE] = {[IS_SPACE] = X_QUOTED,
                  [IS_TOKEN] = X_QUOTED,
                  [IS_EQUALS] = X_QUOTED,
                  [IS_SEMICOLON] = X_QUOTED,
                  [IS_QUOTE] = X_QUOTED,
                  [IS_BACKSLASH] = X_QUOTED,
                  [IS_TEXT] = X_QUOTED},
    [X_CLOSED] = {[IS_SPACE] = X_AFTER_VALUE, [IS_SEMICOLON] = X_BEGIN, [IS_CR] = X_END},
};

static void request_done(struct gate_walk *w)
{
    w->gate->state = AT_START;
    w->events |= HTTP1_REQUEST_DONE;
}

/* The LF that ends the head is let through only when the request as a whole is sound, so that the HTTP
 * library never sees a complete head of one that is not. */
void gate_head_lf(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    if (*w->p != '\n') {
        gate_refuse_byte(w, "a CR without a LF");
        return;
    }
    if (g->flags & IN_TRAILERS) {
        w->p++;
        request_done(w);
        return;
    }
    if (!(g->flags & (HAS_HOST | OLD))) {
        gate_refuse(w, 400, "no Host field");
        return;
    }
    if ((g->flags & HAS_CODING) && !(g->flags & IS_CHUNKED)) {
        gate_refuse(w, 400, "the last transfer coding is not chunked");
        return;
    }
    if (g->flags & FOREIGN_CODING) {
        gate_refuse(w, 501, "a transfer coding that is not known here");
        return;
    }
    if (g->flags & FOREIGN_EXPECT) {
        gate_refuse(w, 417, "an expectation other than 100-continue");
        return;
    }
    if ((g->flags & HAS_LENGTH) && g->length > w->limits->max_body) {
        gate_refuse(w, 413, "the body is too large");
        return;
    }
    w->p++;
    w->events |= HTTP1_HEAD_DONE;
    if (g->flags & IS_CHUNKED) {
        g->matched = 0;
        g->length = 0;
        g->state = AT_CHUNK_SIZE;
    } else if ((g->flags & HAS_LENGTH) && g->length > 0) {
        g->state = AT_BODY;
    } else {
        request_done(w);
    }
}

/* Skips content. True when all of it has passed. */
static bool skip(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    size_t here = (size_t)(w->end - w->p);
    size_t n = g->length < here ? (size_t)g->length : here;
    w->p += n;
    g->length -= n;
    g->total += n;
    return g->length == 0;
}

void gate_body(struct gate_walk *w)
{
    if (skip(w))
        request_done(w);
}

void gate_chunk_data(struct gate_walk *w)
{
    if (skip(w))
        w->gate->state = AT_CHUNK_CR;
}

void gate_chunk_size(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    for (; w->p < w->end && (CHARS[*w->p] & CHARS_HEX); w->p++) {
        if (g->matched == CHUNK_DIGITS_MOST) {
            gate_refuse(w, 400, "a chunk size overflows");
            return;
        }
        g->matched++;
        g->length = g->length << 4 | (unsigned)chars_hex(*w->p);
    }
    if (w->p == w->end)
        return;
    if (g->matched == 0 || (*w->p != '\r' && *w->p != ';')) {
        gate_refuse_byte(w, "a chunk size is no hexadecimal number");
    } else if (g->total > w->limits->max_body || g->length > w->limits->max_body - g->total) {
        gate_refuse(w, 413, "the body is too large");
    } else {
        g->state = *w->p == '\r' ? AT_CHUNK_SIZE_LF : AT_CHUNK_EXTENSION;
        g->matched = X_BEGIN;
        w->p++;
    }
}

void gate_chunk_extension(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    for (; w->p < w->end && g->matched != X_END; w->p++) {
        unsigned c = *w->p, class = CHARS[c];
        int is = class & CHARS_TOKEN   ? IS_TOKEN
                 : class & CHARS_SPACE ? IS_SPACE
                 : c == '='            ? IS_EQUALS
                 : c == ';'            ? IS_SEMICOLON
                 : c == '"'            ? IS_QUOTE
                 : c == '\\'           ? IS_BACKSLASH
                 : class & CHARS_VALUE ? IS_TEXT
                 : c == '\r'           ? IS_CR
                                       : IS_BAD;
        unsigned next = EXTENSION[g->matched][is];
        if (next == X_BAD) {
            gate_refuse_byte(w, "a malformed chunk extension");
            return;
        }
        g->matched = (uint8_t)next;
    }
    if (g->matched == X_END)
        g->state = AT_CHUNK_SIZE_LF;
}

void gate_chunk_size_lf(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    gate_take_lf(w, g->length > 0 ? AT_CHUNK_DATA : AT_FIELD);
    if (g->state == AT_FIELD)
        g->flags |= IN_TRAILERS;
}

void gate_chunk_cr(struct gate_walk *w)
{
    gate_take_cr(w, AT_CHUNK_LF, "a chunk is longer than its size");
}

void gate_chunk_lf(struct gate_walk *w)
{
    gate_take_lf(w, AT_CHUNK_SIZE);
    w->gate->matched = 0;
}
