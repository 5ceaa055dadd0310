/* A connection of HTTP/2 for the suites of its engine: the bytes of its client, an owner of its streams, and
 * what went out. */
#ifndef MTLSD_TESTS_UNIT_H2_FIXTURE_H
#define MTLSD_TESTS_UNIT_H2_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/h2.h"
#include "http/h2_head.h"

#define BASE ":method=GET|:scheme=https|:authority=a.example|:path=/p?q|"

/* ---- what the client says ------------------------------------------------------------------------------ */

struct bytes {
    char at[65536];
    size_t n;
};

enum { END_STREAM = 1, END_HEADERS = 4 };

/* From nothing: the preface and SETTINGS. */
void begin(struct bytes *b);
void put_frame(struct bytes *b, unsigned type, unsigned flags, uint32_t id, const void *data, size_t len);
/* HEADERS; `fields`: NAME=VALUE, each with a | behind it. */
void put_head(struct bytes *b, uint32_t id, unsigned flags, const char *fields);

/* ---- the engine ---------------------------------------------------------------------------------------- */

struct stream {
    struct h2_stream engine;
    struct stream *next;
    struct h2_head head;
    size_t received;
    bool open, sent;
};

struct owner {
    struct h2 *h2;
    struct stream streams[300];
    size_t n_streams, n_heads, n_ended, n_closed, n_malformed, left;
    unsigned hits[H2_LIMITS];
    uint32_t code; /* of the last that was closed */
    bool answers, holds;
    size_t grown, grows; /* windows, and so far they may */
};

extern struct owner owner;
extern const struct h2_ops H2_OPS;

void h2_setup(void);
void h2_teardown(void);
/* The engine gets the bytes, so many at once. */
void take(const struct bytes *b, size_t piece);

/* The frames that went out: how many of each type; the code of the last GOAWAY, RST_STREAM. */
struct out {
    unsigned n[16];
    uint32_t goaway, last_id, reset;
    size_t body;
    bool end_stream;
    int64_t window, stream_window; /* opened */
    char ping[8];
};

/* Adds what the engine has to send. */
void collect(struct out *out);

#endif
