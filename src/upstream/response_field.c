/* Steps of fields and trailers (RFC 9112 section 5, RFC 9110 section 5.5). */
#include <string.h>

#include "base/text.h"
#include "http/chars.h"
#include "upstream/response_walk.h"

enum field { OTHER, LENGTH, CODING, CONNECTION };

static const struct {
    const char *name;
    uint8_t len;
    enum response_state value;
} FIELDS[] = {
    [OTHER] = {"", 0, AT_VALUE},
    [LENGTH] = {"content-length", 14, AT_NUMBER_SPACE},
    [CODING] = {"transfer-encoding", 17, AT_LIST},
    [CONNECTION] = {"connection", 10, AT_LIST},
};
/* A bit for each `len` there: names of these lengths are looked at one by one. */
static const uint32_t KNOWN_LENGTHS = 1u << 14 | 1u << 17 | 1u << 10;

static void end_line(struct response_walk *w, const char *why)
{
    response_take(w, '\r', AT_LINE_LF, why);
}

void response_text(struct response_walk *w)
{
    w->p = chars_value_run(w->p, w->end);
    if (w->p < w->end)
        end_line(w, "a control byte");
}

static enum field which(const char *name, size_t len)
{
    for (size_t i = 1; i < ARRAY_LEN(FIELDS); i++) {
        if (FIELDS[i].len == len && memcmp(FIELDS[i].name, name, len) == 0)
            return (enum field)i;
    }
    return OTHER;
}

static void add_to_word(struct response *r, const unsigned char *from, const unsigned char *to)
{
    for (; from < to && r->word_len < RESPONSE_WORD; from++)
        r->word[r->word_len++] = (char)text_lower(*from);
}

/* Whole lines that only have to be well-formed, which nearly all are: what the steps below do, in one loop.
 */
static void plain_lines(struct response_walk *w)
{
    struct response *r = w->r;
    while (r->fields < RESPONSE_MOST_FIELDS) {
        const unsigned char *colon = chars_token_run(w->p, w->end);
        ptrdiff_t n = colon - w->p;
        if (n == 0 || (n < 32 && (KNOWN_LENGTHS >> n & 1)) || colon == w->end || *colon != ':')
            return;
        const unsigned char *cr = chars_value_run(colon + 1, w->end);
        if (w->end - cr < 2 || cr[0] != '\r' || cr[1] != '\n')
            return;
        r->fields++;
        w->p = cr + 2;
    }
}

void response_field(struct response_walk *w)
{
    struct response *r = w->r;
    plain_lines(w);
    if (w->p == w->end)
        return;
    if (*w->p == '\r') {
        w->p++;
        r->state = AT_LAST_LF;
    } else if (!(CHARS[*w->p] & CHARS_TOKEN)) {
        response_refuse_byte(w, CHARS[*w->p] & CHARS_SPACE ? "a line begins with white space (obs-fold)"
                                                           : "a field name is no token");
    } else if (r->fields == RESPONSE_MOST_FIELDS) {
        response_refuse(w, "there are too many fields");
    } else {
        r->fields++;
        r->word_len = 0;
        r->state = AT_NAME;
    }
}

static void known_field(struct response_walk *w)
{
    struct response *r = w->r;
    if (r->field == LENGTH) {
        if (r->flags & HAS_LENGTH)
            response_refuse(w, "two Content-Length fields");
        else if (r->flags & HAS_CODING)
            response_refuse(w, "Content-Length beside Transfer-Encoding");
        r->flags |= HAS_LENGTH;
        r->length = 0;
    } else if (r->field == CODING) {
        if (r->flags & HAS_LENGTH)
            response_refuse(w, "Content-Length beside Transfer-Encoding");
        else if (r->flags & OLD)
            response_refuse(w, "Transfer-Encoding in HTTP/1.0");
        else if (r->flags & HAS_CODING)
            response_refuse(w, "two Transfer-Encoding fields");
        r->flags |= HAS_CODING;
    }
}

void response_name(struct response_walk *w)
{
    struct response *r = w->r;
    const unsigned char *from = w->p;
    w->p = chars_token_run(w->p, w->end);
    add_to_word(r, from, w->p);
    if (w->p == w->end)
        return;
    if (*w->p != ':') {
        response_refuse_byte(w, CHARS[*w->p] & CHARS_SPACE ? "white space before the colon of a field"
                                : *w->p == '\r'            ? "a field without a colon"
                                                           : "a field name is no token");
        return;
    }
    r->field = (uint8_t)which(r->word, r->word_len);
    r->word_len = 0;
    r->digits = 0;
    if (r->field != OTHER && (r->flags & IN_TRAILERS)) /* RFC 9110 section 6.5.1 */
        response_refuse(w, "a field about framing in the trailers");
    else
        known_field(w);
    if (r->state == AT_REFUSED)
        return;
    w->p++;
    r->flags &= (uint16_t)~IN_PIECE;
    r->state = (uint8_t)FIELDS[r->field].value;
}

void response_number_space(struct response_walk *w)
{
    w->p = chars_run(w->p, w->end, CHARS_SPACE);
    if (w->p < w->end)
        w->r->state = AT_NUMBER;
}

void response_number(struct response_walk *w)
{
    struct response *r = w->r;
    for (; w->p < w->end && (CHARS[*w->p] & CHARS_DIGIT); w->p++) {
        unsigned digit = (unsigned)(*w->p - '0');
        if (r->length > ((uint64_t)INT64_MAX - digit) / 10) {
            response_refuse(w, "the Content-Length overflows");
            return;
        }
        r->length = r->length * 10 + digit;
        r->flags |= IN_PIECE;
    }
    if (w->p == w->end)
        return;
    if (r->flags & IN_PIECE)
        r->state = AT_NUMBER_END;
    else
        response_refuse_byte(w, "the Content-Length is no number");
}

void response_number_end(struct response_walk *w)
{
    w->p = chars_run(w->p, w->end, CHARS_SPACE);
    if (w->p < w->end)
        end_line(w, "the Content-Length is no number");
}

/* A token of Connection or Transfer-Encoding has ended. */
static void token_ended(struct response_walk *w)
{
    struct response *r = w->r;
    bool close = r->word_len == 5 && memcmp(r->word, "close", 5) == 0;
    bool keep = r->word_len == 10 && memcmp(r->word, "keep-alive", 10) == 0;
    bool chunked = r->word_len == 7 && memcmp(r->word, "chunked", 7) == 0;
    if (r->field == CONNECTION) {
        r->flags |= (uint16_t)((close ? SAYS_CLOSE : 0) | (keep ? SAYS_KEEP : 0));
    } else if (!chunked || (r->flags & IS_CHUNKED)) {
        response_refuse(w, "a transfer coding other than chunked");
        return;
    } else {
        r->flags |= IS_CHUNKED;
    }
    r->flags |= IN_PIECE;
    r->state = AT_LIST_NEXT;
}

/* White space and commas: RFC 9110 section 5.6.1 lets empty elements pass, but not in what frames. */
void response_list(struct response_walk *w)
{
    struct response *r = w->r;
    w->p = chars_run(w->p, w->end, CHARS_SPACE);
    if (w->p == w->end)
        return;
    if (CHARS[*w->p] & CHARS_TOKEN) {
        r->word_len = 0;
        r->state = AT_LIST_TOKEN;
    } else if (r->field == CODING) {
        response_refuse_byte(w, "an empty transfer coding");
    } else if (*w->p == ',') {
        w->p++;
    } else {
        r->state = AT_VALUE; /* whatever Connection says there means nothing here, if it is well-formed */
    }
}

void response_list_token(struct response_walk *w)
{
    const unsigned char *from = w->p;
    w->p = chars_run(w->p, w->end, CHARS_TOKEN);
    add_to_word(w->r, from, w->p);
    if (w->p < w->end)
        token_ended(w);
}

void response_list_next(struct response_walk *w)
{
    struct response *r = w->r;
    w->p = chars_run(w->p, w->end, CHARS_SPACE);
    if (w->p == w->end)
        return;
    if (*w->p == ',') {
        w->p++;
        r->state = AT_LIST;
    } else if (r->field == CONNECTION && *w->p != '\r') {
        r->state = AT_VALUE;
    } else {
        end_line(w, "the Transfer-Encoding is no list of codings");
    }
}
