/* Fields and trailers (RFC 9112 section 5, RFC 9110 section 5.5). */
#include <strings.h>

#include "http/gate_walk.h"

/* Fields whose value is read. No two begin with the same letter, so the first byte chooses the only candidate
 * and a name that arrives in pieces needs no buffer. */
enum { OTHER, HOST, LENGTH, CODING, EXPECT };

static const struct {
    struct gate_word name;
    enum gate_state value; /* the state that reads it */
} FIELDS[] = {
    [OTHER] = {{"", 0}, AT_VALUE},
    [HOST] = {{"host", 4}, AT_HOST},
    [LENGTH] = {{"content-length", 14}, AT_LENGTH},
    [CODING] = {{"transfer-encoding", 17}, AT_CODING_NEXT},
    [EXPECT] = {{"expect", 6}, AT_EXPECTATION},
};

static const struct gate_word CHUNKED = {"chunked", 7};
static const struct gate_word CONTINUE = {"100-continue", 12};

/* The only field of FIELDS that a name with this first letter can be. */
static unsigned candidate(unsigned c)
{
    switch (c | 0x20) {
    case 'h':
        return HOST;
    case 'c':
        return LENGTH;
    case 't':
        return CODING;
    case 'e':
        return EXPECT;
    default:
        return OTHER;
    }
}

/* Which field of FIELDS the name [p, p + n) is. The lengths alone rule most names out. */
static unsigned which(const unsigned char *p, ptrdiff_t n)
{
    if (n != 4 && n != 6 && n != 14 && n != 17)
        return OTHER;
    unsigned token = candidate(*p);
    const struct gate_word *name = &FIELDS[token].name;
    return name->len == n && strncasecmp((const char *)p, name->text, (size_t)n) == 0 ? token : OTHER;
}

/* The end of a value at `p` that is one host, or NULL when it is anything else or not whole. */
static const unsigned char *host_value(struct http1_gate *g, const unsigned char *p, const unsigned char *end)
{
    p = chars_run(p, end, CHARS_SPACE);
    http1_host_init(&g->host);
    p = http1_host_run(&g->host, p, end);
    return http1_host_whole(&g->host) ? p : NULL;
}

/* Whole lines of Host and of fields that only have to be well-formed, which is nearly all of nearly every
 * head: what the steps from gate_field to gate_line_lf do, in one loop. At anything else it leaves the line
 * to them. */
static void plain_lines(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    const unsigned char *p = w->p, *end = w->end;
    uint32_t left = w->limits->max_fields > g->fields ? w->limits->max_fields - g->fields : 0, most = left;
    for (; left > 0; left--) {
        const unsigned char *colon = chars_token_run(p, end), *cr;
        if (colon == p || colon == end || *colon != ':')
            break;
        unsigned token = which(p, colon - p);
        if (token == OTHER)
            cr = chars_value_run(colon + 1, end);
        else if (token == HOST && !(g->flags & HAS_HOST)) /* so never in trailers */
            cr = host_value(g, colon + 1, end);
        else
            break;
        if (!cr || end - cr < 2 || cr[0] != '\r' || cr[1] != '\n')
            break;
        if (token == HOST)
            g->flags |= HAS_HOST;
        p = cr + 2;
    }
    g->fields += most - left;
    w->p = p;
}

void gate_field(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    plain_lines(w);
    if (w->p == w->end)
        return;
    unsigned c = *w->p;
    if (c == '\r') {
        w->p++;
        g->state = AT_HEAD_LF;
    } else if (!(CHARS[c] & CHARS_TOKEN)) {
        gate_refuse_byte(w, c == ' ' || c == '\t' ? "a line begins with white space (obs-fold)"
                                                  : "a field name is no token");
    } else if (g->fields == w->limits->max_fields) {
        gate_refuse(w, 431, "too many fields");
    } else {
        g->fields++;
        g->matched = 0;
        g->token = (uint8_t)candidate(c);
        g->state = AT_NAME;
    }
}

/* A name that is known has just ended: may it be here, and again? */
static void known_field(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    if (g->flags & IN_TRAILERS) { /* RFC 9110 section 6.5.1 */
        gate_refuse(w, 400, "a field about framing or routing in the trailers");
        return;
    }
    switch (g->token) {
    case HOST:
        if (g->flags & HAS_HOST)
            gate_refuse(w, 400, "two Host fields");
        g->flags |= HAS_HOST;
        http1_host_init(&g->host);
        break;
    case LENGTH: /* RFC 9112 section 6.3 lets one merge equal values; that helps nobody but a smuggler
                  */
        if (g->flags & HAS_LENGTH)
            gate_refuse(w, 400, "two Content-Length fields");
        else if (g->flags & HAS_CODING)
            gate_refuse(w, 400, "Content-Length beside Transfer-Encoding");
        g->flags |= HAS_LENGTH;
        g->length = 0;
        break;
    case CODING:
        if (g->flags & HAS_LENGTH)
            gate_refuse(w, 400, "Content-Length beside Transfer-Encoding");
        else if (g->flags & OLD) /* RFC 9112 section 6.1: its framing is faulty */
            gate_refuse(w, 400, "Transfer-Encoding in HTTP/1.0");
        g->flags |= HAS_CODING;
        break;
    default:
        break;
    }
}

void gate_name(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    const unsigned char *from = w->p;
    w->p = chars_token_run(w->p, w->end);
    if (g->token != OTHER && !gate_match(g, &FIELDS[g->token].name, from, w->p, 0x20))
        g->token = OTHER;
    if (w->p == w->end)
        return;
    if (*w->p != ':') {
        unsigned c = *w->p;
        gate_refuse_byte(w, c == ' ' || c == '\t' ? "white space before the colon of a field"
                            : c == '\r'           ? "a field without a colon"
                                                  : "a field name is no token");
        return;
    }
    if (g->token == OTHER || !gate_matched_whole(g, &FIELDS[g->token].name)) {
        w->p++;
        g->state = AT_VALUE;
        return;
    }
    known_field(w);
    if (g->state == AT_REFUSED)
        return;
    w->p++;
    g->matched = 0;
    g->state = AT_LEADING;
}

void gate_value(struct gate_walk *w)
{
    w->p = chars_value_run(w->p, w->end);
    if (w->p < w->end)
        gate_take_cr(w, AT_VALUE_LF, "a control byte");
}

void gate_leading(struct gate_walk *w)
{
    w->p = chars_run(w->p, w->end, CHARS_SPACE);
    if (w->p < w->end)
        w->gate->state = (uint8_t)FIELDS[w->gate->token].value;
}

/* White space after a value that was read, then the end of the line. */
void gate_trailing(struct gate_walk *w)
{
    w->p = chars_run(w->p, w->end, CHARS_SPACE);
    if (w->p == w->end)
        return;
    switch (w->gate->token) {
    case HOST:
        gate_take_cr(w, AT_VALUE_LF, "the Host is neither a name nor an address");
        break;
    case LENGTH:
        gate_take_cr(w, AT_VALUE_LF, "the Content-Length is no number");
        break;
    default:
        if (*w->p == '\r') {
            gate_take_cr(w, AT_VALUE_LF, "");
        } else {
            w->gate->flags |= FOREIGN_EXPECT;
            w->gate->state = AT_VALUE;
        }
        break;
    }
}

static bool ends_word(unsigned c)
{
    return c == '\r' || (CHARS[c] & CHARS_SPACE);
}

void gate_host(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    w->p = http1_host_run(&g->host, w->p, w->end);
    if (w->p == w->end)
        return;
    if (ends_word(*w->p) && http1_host_whole(&g->host))
        g->state = AT_TRAILING;
    else
        gate_refuse_byte(w, http1_host_empty(&g->host) && ends_word(*w->p)
                                ? "the Host is empty"
                                : "the Host is neither a name nor an address");
}

void gate_length(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    for (; w->p < w->end && (CHARS[*w->p] & CHARS_DIGIT); w->p++) {
        unsigned digit = (unsigned)(*w->p - '0');
        if (g->length > (UINT64_MAX - digit) / 10) {
            gate_refuse(w, 400, "the Content-Length overflows");
            return;
        }
        g->length = g->length * 10 + digit;
        g->matched = 1;
    }
    if (w->p == w->end)
        return;
    if (ends_word(*w->p) && g->matched)
        g->state = AT_TRAILING;
    else
        gate_refuse_byte(w, "the Content-Length is no number");
}

/* A transfer coding, with gate->matched UINT8_MAX once it cannot be chunked. */
void gate_coding(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    const unsigned char *from = w->p;
    w->p = chars_run(w->p, w->end, CHARS_TOKEN);
    if (g->matched != UINT8_MAX && !gate_match(g, &CHUNKED, from, w->p, 0x20))
        g->matched = UINT8_MAX;
    if (w->p == w->end)
        return;
    bool chunked = gate_matched_whole(g, &CHUNKED);
    unsigned c = *w->p;
    if (c != ',' && c != ';' && !ends_word(c)) {
        gate_refuse_byte(w, "the Transfer-Encoding is no list of codings");
    } else {
        g->flags |= chunked ? IS_CHUNKED : FOREIGN_CODING;
        g->state = AT_CODING_SPACE;
    }
}

void gate_coding_space(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    w->p = chars_run(w->p, w->end, CHARS_SPACE);
    if (w->p == w->end)
        return;
    if (*w->p == ',') {
        w->p++;
        g->state = AT_CODING_NEXT;
    } else if (*w->p == ';' && !(g->flags & IS_CHUNKED)) { /* which takes no parameter */
        w->p++;
        g->state = AT_CODING_PARAMETER;
    } else {
        gate_take_cr(w, AT_VALUE_LF, "the Transfer-Encoding is no list of codings");
    }
}

/* A coding with a parameter is foreign whatever the parameter says; a quoted one could hide a comma. */
void gate_coding_parameter(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    while (w->p < w->end && (CHARS[*w->p] & CHARS_VALUE) && *w->p != ',' && *w->p != '"')
        w->p++;
    if (w->p == w->end)
        return;
    if (*w->p == ',') {
        w->p++;
        g->state = AT_CODING_NEXT;
    } else {
        gate_take_cr(w, AT_VALUE_LF, "a quoted parameter of a transfer coding");
    }
}

void gate_coding_next(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    w->p = chars_run(w->p, w->end, CHARS_SPACE);
    if (w->p == w->end)
        return;
    if (!(CHARS[*w->p] & CHARS_TOKEN)) {
        gate_refuse_byte(w, "an empty transfer coding");
    } else if (g->flags & IS_CHUNKED) { /* RFC 9112 section 6.1: once, and last */
        gate_refuse(w, 400, "a transfer coding after chunked");
    } else {
        g->matched = 0;
        g->state = AT_CODING;
    }
}

void gate_expectation(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    const unsigned char *from = w->p;
    while (w->p < w->end && (CHARS[*w->p] & CHARS_VALUE) && !(CHARS[*w->p] & CHARS_SPACE))
        w->p++;
    if (!gate_match(g, &CONTINUE, from, w->p, 0x20)) {
        g->flags |= FOREIGN_EXPECT;
        g->state = AT_VALUE;
        return;
    }
    if (w->p == w->end)
        return;
    g->flags |= gate_matched_whole(g, &CONTINUE) ? EXPECTS : FOREIGN_EXPECT;
    g->state = ends_word(*w->p) ? AT_TRAILING : AT_VALUE;
}
