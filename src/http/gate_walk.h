/* The parts of the gate among themselves: states, what they share, and one step function per state. */
#ifndef MTLSD_HTTP_GATE_WALK_H
#define MTLSD_HTTP_GATE_WALK_H

#include "http/chars.h"
#include "http/gate.h"

/* What the next byte belongs to. The order matters: the walk compares. */
enum gate_state {
    /* Between requests. */
    AT_START,
    AT_START_LF,    /* after the CR of an empty line */
    AT_START_AGAIN, /* after the one empty line that may precede a request */
    /* Head, trailers and chunk extensions: together no more than max_head bytes. */
    AT_METHOD,
    AT_TARGET,
    AT_ORIGIN, /* in the path or query */
    AT_STAR,   /* after the `*` */
    AT_SCHEME,
    AT_AUTHORITY,
    AT_VERSION,
    AT_LINE_CR,
    AT_LINE_LF,
    AT_FIELD,   /* at the beginning of a field line, or the end of the section */
    AT_NAME,    /* of a field */
    AT_VALUE,   /* of a field that only has to be well-formed */
    AT_LEADING, /* white space before a value that is read, see token */
    AT_HOST,
    AT_LENGTH,
    AT_CODING,
    AT_CODING_SPACE, /* white space after a transfer coding */
    AT_CODING_PARAMETER,
    AT_CODING_NEXT, /* after a comma */
    AT_EXPECTATION,
    AT_TRAILING, /* white space after such a value */
    AT_VALUE_LF,
    AT_HEAD_LF,
    AT_CHUNK_EXTENSION,
    /* Bodies. */
    AT_BODY,
    AT_CHUNK_SIZE,
    AT_CHUNK_SIZE_LF,
    AT_CHUNK_DATA,
    AT_CHUNK_CR,
    AT_CHUNK_LF,
    AT_REFUSED,
};

enum gate_flag {
    OLD = 1, /* HTTP/1.0 */
    HAS_HOST = 2,
    HAS_LENGTH = 4,
    HAS_CODING = 8,      /* a Transfer-Encoding field, whatever its value */
    IS_CHUNKED = 16,     /* its last coding so far is chunked */
    FOREIGN_CODING = 32, /* it names another one */
    FOREIGN_EXPECT = 64, /* something other than 100-continue is expected */
    IN_TRAILERS = 128,
    EXPECTS = 256, /* 100-continue */
};

enum gate_method { METHOD_ANY, METHOD_IS_OPTIONS, METHOD_IS_CONNECT };
enum gate_form { FORM_ORIGIN, FORM_STAR, FORM_ABSOLUTE };

/* A word that is compared as it arrives. */
struct gate_word {
    const char *text;
    uint8_t len;
};

/* One call of http1_gate_feed. The step functions below take bytes from `p` on, never beyond `end`, and
 * change the state; they stop when they need another byte or have refused one, with `p` at it. */
struct gate_walk {
    struct http1_gate *gate;
    const struct http1_limits *limits;
    const unsigned char *p, *end;
    unsigned events;
};

static inline void gate_refuse(struct gate_walk *w, unsigned status, const char *why)
{
    w->gate->state = AT_REFUSED;
    w->gate->status = (uint16_t)status;
    w->gate->why = why;
}

/* Refuses the byte at p for what it is, where several steps expect the same. */
static inline void gate_refuse_byte(struct gate_walk *w, const char *why)
{
    unsigned c = *w->p;
    gate_refuse(w, 400,
                c == '\n'                              ? "a line ends with a bare LF"
                : c == '\0'                            ? "a NUL byte"
                : c != '\r' && (c < 0x20 || c == 0x7f) ? "a control byte"
                                                       : why);
}

/* Takes the CR that ends a line of the section. */
static inline void gate_take_cr(struct gate_walk *w, enum gate_state next, const char *why)
{
    if (*w->p != '\r') {
        gate_refuse_byte(w, why);
        return;
    }
    w->p++;
    w->gate->state = (uint8_t)next;
}

/* Compares [from, p) with the word from gate->matched on. False once they differ; `fold` is 0x20 for any
 * case. */
static inline bool gate_match(struct http1_gate *gate, const struct gate_word *word,
                              const unsigned char *from, const unsigned char *p, unsigned fold)
{
    for (; from < p; from++, gate->matched++)
        if (gate->matched >= word->len || (*from | fold) != (unsigned char)word->text[gate->matched])
            return false;
    return true;
}

static inline bool gate_matched_whole(const struct http1_gate *gate, const struct gate_word *word)
{
    return gate->matched == word->len;
}

static inline void gate_take_lf(struct gate_walk *w, enum gate_state next)
{
    if (*w->p != '\n') {
        gate_refuse_byte(w, "a CR without a LF");
        return;
    }
    w->p++;
    w->gate->state = (uint8_t)next;
}

/* The steps, by file. */
void gate_method(struct gate_walk *w);
void gate_target(struct gate_walk *w);
void gate_origin(struct gate_walk *w);
void gate_star(struct gate_walk *w);
void gate_scheme(struct gate_walk *w);
void gate_authority(struct gate_walk *w);
void gate_version(struct gate_walk *w);
void gate_line_cr(struct gate_walk *w);
void gate_line_lf(struct gate_walk *w);

void gate_field(struct gate_walk *w);
void gate_name(struct gate_walk *w);
void gate_value(struct gate_walk *w);
void gate_leading(struct gate_walk *w);
void gate_host(struct gate_walk *w);
void gate_length(struct gate_walk *w);
void gate_coding(struct gate_walk *w);
void gate_coding_space(struct gate_walk *w);
void gate_coding_parameter(struct gate_walk *w);
void gate_coding_next(struct gate_walk *w);
void gate_expectation(struct gate_walk *w);
void gate_trailing(struct gate_walk *w);

void gate_head_lf(struct gate_walk *w);
void gate_chunk_extension(struct gate_walk *w);
void gate_body(struct gate_walk *w);
void gate_chunk_size(struct gate_walk *w);
void gate_chunk_size_lf(struct gate_walk *w);
void gate_chunk_data(struct gate_walk *w);
void gate_chunk_cr(struct gate_walk *w);
void gate_chunk_lf(struct gate_walk *w);

#endif
