#include "upstream/response.h"

#include <string.h>

#include "http/chars.h"

enum state {
    AT_VERSION, /* the order matters: all up to AT_LAST_LF count against RESPONSE_MOST_HEAD */
    AT_STATUS,
    AT_AFTER_STATUS,
    AT_REASON,
    AT_LINE_LF,
    AT_FIELD,
    AT_NAME,
    AT_VALUE,
    AT_NUMBER_SPACE,
    AT_NUMBER,
    AT_NUMBER_END,
    AT_LIST,
    AT_LIST_TOKEN,
    AT_LIST_NEXT,
    AT_EXTENSION,
    AT_LAST_LF,
    AT_BODY,
    AT_CHUNK_SIZE,
    AT_CHUNK_SIZE_LF,
    AT_CHUNK_DATA,
    AT_CHUNK_CR,
    AT_CHUNK_LF,
    AT_TUNNEL,
    AT_END,
    AT_REFUSED,
};

enum flag {
    BEGUN = 1,
    OLD = 2, /* HTTP/1.0 */
    HAS_LENGTH = 4,
    HAS_CODING = 8,
    IS_CHUNKED = 16,
    SAYS_CLOSE = 32,
    SAYS_KEEP = 64,
    IN_TRAILERS = 128,
    FINAL = 256,    /* the final head is whole */
    IN_PIECE = 512, /* a Content-Length that has at least a digit, a list with at least a token */
};

enum field { OTHER, LENGTH, CODING, CONNECTION };

static const struct {
    const char *name;
    uint8_t len;
    enum state value;
} FIELDS[] = {
    [OTHER] = {"", 0, AT_VALUE},
    [LENGTH] = {"content-length", 14, AT_NUMBER_SPACE},
    [CODING] = {"transfer-encoding", 17, AT_LIST},
    [CONNECTION] = {"connection", 10, AT_LIST},
};

/* One call of response_feed: takes bytes from `p` on, never beyond `end`. */
struct walk {
    struct response *r;
    const unsigned char *p, *end;
    const unsigned char *head; /* where the bytes that `used` does not count yet begin */
    unsigned events;
};

static void refuse(struct walk *w, const char *why)
{
    w->r->state = AT_REFUSED;
    w->r->why = why;
}

static void refuse_byte(struct walk *w, const char *why)
{
    unsigned c = *w->p;
    refuse(w, c == '\n'                                           ? "a line ends with a bare LF"
              : c == '\0'                                         ? "a NUL byte"
              : c != '\r' && c != '\t' && (c < 0x20 || c == 0x7f) ? "a control byte"
                                                                  : why);
}

static void take(struct walk *w, unsigned char c, enum state next, const char *why)
{
    if (*w->p != c) {
        refuse_byte(w, why);
        return;
    }
    w->p++;
    w->r->state = (uint8_t)next;
}

/* --- the status line (RFC 9112 section 4) ------------------------------------------------------------- */

static void walk_version(struct walk *w)
{
    static const char prefix[] = "HTTP/1.";
    struct response *r = w->r;
    r->flags |= BEGUN;
    for (; w->p < w->end; w->p++) {
        unsigned c = *w->p;
        if (r->digits < 7) {
            if (c != (unsigned char)prefix[r->digits]) {
                refuse_byte(w, "it does not begin with HTTP/1.");
                return;
            }
        } else if (r->digits == 7 && (CHARS[c] & CHARS_DIGIT)) {
            r->flags |= c == '0' ? OLD : 0;
        } else if (r->digits == 8 && c == ' ') {
            w->p++;
            r->digits = 0;
            r->status = 0;
            r->state = AT_STATUS;
            return;
        } else {
            refuse_byte(w, "its version is not HTTP/1.1");
            return;
        }
        r->digits++;
    }
}

static void walk_status(struct walk *w)
{
    struct response *r = w->r;
    for (; w->p < w->end && r->digits < 3; w->p++, r->digits++) {
        if (!(CHARS[*w->p] & CHARS_DIGIT)) {
            refuse_byte(w, "its status is not of three digits");
            return;
        }
        r->status = (uint16_t)(r->status * 10 + (*w->p - '0'));
    }
    if (r->digits < 3)
        return;
    if (r->status < 100 || r->status > 599)
        refuse(w, "its status is not between 100 and 599");
    else
        r->state = AT_AFTER_STATUS;
}

/* RFC 9112 section 4 asks for the space also where no reason follows; servers that forget it are common, and
 * nobody can misread them. */
static void walk_after_status(struct walk *w)
{
    if (*w->p == '\r')
        w->r->state = AT_REASON;
    else
        take(w, ' ', AT_REASON, "its status is not of three digits");
}

static void end_line(struct walk *w, const char *why)
{
    take(w, '\r', AT_LINE_LF, why);
}

static void walk_text(struct walk *w)
{
    w->p = chars_value_run(w->p, w->end);
    if (w->p < w->end)
        end_line(w, "a control byte");
}

/* --- fields (RFC 9112 section 5, RFC 9110 section 5.5) ------------------------------------------------ */

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
        r->word[r->word_len++] = (char)(*from >= 'A' && *from <= 'Z' ? *from | 0x20 : *from);
}

/* Whole lines that only have to be well-formed, which nearly all are: what the steps below do, in one loop.
 */
static void plain_lines(struct walk *w)
{
    struct response *r = w->r;
    while (r->fields < RESPONSE_MOST_FIELDS) {
        const unsigned char *colon = chars_token_run(w->p, w->end);
        ptrdiff_t n = colon - w->p;
        if (n == 0 || n == 10 || n == 14 || n == 17 || colon == w->end || *colon != ':')
            return;
        const unsigned char *cr = chars_value_run(colon + 1, w->end);
        if (w->end - cr < 2 || cr[0] != '\r' || cr[1] != '\n')
            return;
        r->fields++;
        w->p = cr + 2;
    }
}

static void walk_field(struct walk *w)
{
    struct response *r = w->r;
    plain_lines(w);
    if (w->p == w->end)
        return;
    if (*w->p == '\r') {
        w->p++;
        r->state = AT_LAST_LF;
    } else if (!(CHARS[*w->p] & CHARS_TOKEN)) {
        refuse_byte(w, CHARS[*w->p] & CHARS_SPACE ? "a line begins with white space (obs-fold)"
                                                  : "a field name is no token");
    } else if (r->fields == RESPONSE_MOST_FIELDS) {
        refuse(w, "there are too many fields");
    } else {
        r->fields++;
        r->word_len = 0;
        r->state = AT_NAME;
    }
}

static void known_field(struct walk *w)
{
    struct response *r = w->r;
    if (r->field == LENGTH) {
        if (r->flags & HAS_LENGTH)
            refuse(w, "two Content-Length fields");
        else if (r->flags & HAS_CODING)
            refuse(w, "Content-Length beside Transfer-Encoding");
        r->flags |= HAS_LENGTH;
        r->length = 0;
    } else if (r->field == CODING) {
        if (r->flags & HAS_LENGTH)
            refuse(w, "Content-Length beside Transfer-Encoding");
        else if (r->flags & OLD)
            refuse(w, "Transfer-Encoding in HTTP/1.0");
        else if (r->flags & HAS_CODING)
            refuse(w, "two Transfer-Encoding fields");
        r->flags |= HAS_CODING;
    }
}

static void walk_name(struct walk *w)
{
    struct response *r = w->r;
    const unsigned char *from = w->p;
    w->p = chars_token_run(w->p, w->end);
    add_to_word(r, from, w->p);
    if (w->p == w->end)
        return;
    if (*w->p != ':') {
        refuse_byte(w, CHARS[*w->p] & CHARS_SPACE ? "white space before the colon of a field"
                       : *w->p == '\r'            ? "a field without a colon"
                                                  : "a field name is no token");
        return;
    }
    r->field = (uint8_t)which(r->word, r->word_len);
    r->word_len = 0;
    r->digits = 0;
    if (r->field != OTHER && (r->flags & IN_TRAILERS)) /* RFC 9110 section 6.5.1 */
        refuse(w, "a field about framing in the trailers");
    else
        known_field(w);
    if (r->state == AT_REFUSED)
        return;
    w->p++;
    r->flags &= (uint16_t)~IN_PIECE;
    r->state = (uint8_t)FIELDS[r->field].value;
}

static void walk_number_space(struct walk *w)
{
    w->p = chars_run(w->p, w->end, CHARS_SPACE);
    if (w->p < w->end)
        w->r->state = AT_NUMBER;
}

static void walk_number(struct walk *w)
{
    struct response *r = w->r;
    for (; w->p < w->end && (CHARS[*w->p] & CHARS_DIGIT); w->p++) {
        unsigned digit = (unsigned)(*w->p - '0');
        if (r->length > ((uint64_t)INT64_MAX - digit) / 10) {
            refuse(w, "the Content-Length overflows");
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
        refuse_byte(w, "the Content-Length is no number");
}

static void walk_number_end(struct walk *w)
{
    w->p = chars_run(w->p, w->end, CHARS_SPACE);
    if (w->p < w->end)
        end_line(w, "the Content-Length is no number");
}

/* A token of Connection or Transfer-Encoding has ended. */
static void token_ended(struct walk *w)
{
    struct response *r = w->r;
    bool close = r->word_len == 5 && memcmp(r->word, "close", 5) == 0;
    bool keep = r->word_len == 10 && memcmp(r->word, "keep-alive", 10) == 0;
    bool chunked = r->word_len == 7 && memcmp(r->word, "chunked", 7) == 0;
    if (r->field == CONNECTION) {
        r->flags |= (uint16_t)((close ? SAYS_CLOSE : 0) | (keep ? SAYS_KEEP : 0));
    } else if (!chunked || (r->flags & IS_CHUNKED)) {
        refuse(w, "a transfer coding other than chunked");
        return;
    } else {
        r->flags |= IS_CHUNKED;
    }
    r->flags |= IN_PIECE;
    r->state = AT_LIST_NEXT;
}

/* White space and commas: RFC 9110 section 5.6.1 lets empty elements pass, but not in what frames. */
static void walk_list(struct walk *w)
{
    struct response *r = w->r;
    w->p = chars_run(w->p, w->end, CHARS_SPACE);
    if (w->p == w->end)
        return;
    if (CHARS[*w->p] & CHARS_TOKEN) {
        r->word_len = 0;
        r->state = AT_LIST_TOKEN;
    } else if (r->field == CODING) {
        refuse_byte(w, "an empty transfer coding");
    } else if (*w->p == ',') {
        w->p++;
    } else {
        r->state = AT_VALUE; /* whatever Connection says there means nothing here, if it is well-formed */
    }
}

static void walk_list_token(struct walk *w)
{
    const unsigned char *from = w->p;
    w->p = chars_run(w->p, w->end, CHARS_TOKEN);
    add_to_word(w->r, from, w->p);
    if (w->p < w->end)
        token_ended(w);
}

static void walk_list_next(struct walk *w)
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

/* --- the end of a head ---------------------------------------------------------------------------------- */

static void begin_again(struct response *r)
{
    r->interim++;
    r->interim_bytes += r->used;
    r->flags = BEGUN;
    r->used = r->fields = 0;
    r->digits = 0;
    r->length = 0;
    r->state = AT_VERSION;
}

static void frame(struct response *r)
{
    r->flags |= FINAL;
    r->declared = r->flags & HAS_LENGTH ? r->length : 0;
    r->used = r->fields = 0;
    r->digits = 0;
    if (r->status == 101) {
        r->framing = RESPONSE_TUNNEL;
        r->state = AT_TUNNEL;
    } else if (r->to_head || r->status == 204 || r->status == 304 ||
               ((r->flags & HAS_LENGTH) && r->length == 0)) {
        r->framing = RESPONSE_EMPTY;
        r->state = AT_END;
    } else if (r->flags & IS_CHUNKED) {
        r->framing = RESPONSE_CHUNKED;
        r->length = 0;
        r->state = AT_CHUNK_SIZE;
    } else if (r->flags & HAS_LENGTH) {
        r->framing = RESPONSE_LENGTH;
        r->state = AT_BODY;
    } else {
        r->framing = RESPONSE_CLOSE;
        r->state = AT_BODY;
    }
}

static void walk_last_lf(struct walk *w)
{
    struct response *r = w->r;
    if (*w->p != '\n') {
        refuse_byte(w, "a CR without a LF");
        return;
    }
    if (r->flags & IN_TRAILERS) {
        w->p++;
        r->state = AT_END;
        w->events |= RESPONSE_END;
        return;
    }
    if (r->status == 101 && !r->upgrades) {
        refuse(w, "it switches protocols (101), which nobody asked for");
        return;
    }
    bool interim = r->status < 200 && r->status != 101;
    if (interim && (r->interim == RESPONSE_MOST_INTERIM ||
                    r->interim_bytes + r->used + (size_t)(w->p - w->head) >= RESPONSE_MOST_INTERIM_BYTES)) {
        refuse(w, "too much was said before the final response (1xx)");
        return;
    }
    w->p++;
    if (interim) {
        w->events |= RESPONSE_INTERIM;
        return; /* begin_again counts this byte first */
    }
    frame(r);
    w->events |= RESPONSE_HEAD | (r->state == AT_END ? RESPONSE_END : 0);
}

/* --- chunks (RFC 9112 section 7) ------------------------------------------------------------------------ */

static void walk_chunk_size(struct walk *w)
{
    struct response *r = w->r;
    for (; w->p < w->end && (CHARS[*w->p] & CHARS_HEX); w->p++, r->digits++) {
        if (r->digits == 15) {
            refuse(w, "a chunk size overflows");
            return;
        }
        r->length = r->length << 4 | (unsigned)chars_hex(*w->p);
    }
    if (w->p == w->end)
        return;
    if (r->digits == 0 || (*w->p != '\r' && *w->p != ';')) {
        refuse_byte(w, "a chunk size is no hexadecimal number");
        return;
    }
    r->state = *w->p == '\r' ? AT_CHUNK_SIZE_LF : AT_EXTENSION;
    w->p++;
}

static void walk_extension(struct walk *w)
{
    w->p = chars_value_run(w->p, w->end);
    if (w->p < w->end)
        take(w, '\r', AT_CHUNK_SIZE_LF, "a control byte");
}

static void walk_chunk_size_lf(struct walk *w)
{
    struct response *r = w->r;
    take(w, '\n', r->length > 0 ? AT_CHUNK_DATA : AT_FIELD, "a CR without a LF");
    if (r->state == AT_FIELD)
        r->flags |= IN_TRAILERS;
}

static void walk_chunk_end(struct walk *w)
{
    struct response *r = w->r;
    if (r->state == AT_CHUNK_CR) {
        take(w, '\r', AT_CHUNK_LF, "a chunk is longer than its size");
    } else {
        take(w, '\n', AT_CHUNK_SIZE, "a CR without a LF");
        r->digits = 0;
        r->length = 0;
    }
}

/* --- the walk ------------------------------------------------------------------------------------------- */

static void walk_line_lf(struct walk *w)
{
    take(w, '\n', AT_FIELD, "a CR without a LF");
}

static void (*const STEPS[])(struct walk *) = {
    [AT_VERSION] = walk_version,
    [AT_STATUS] = walk_status,
    [AT_AFTER_STATUS] = walk_after_status,
    [AT_REASON] = walk_text,
    [AT_LINE_LF] = walk_line_lf,
    [AT_FIELD] = walk_field,
    [AT_NAME] = walk_name,
    [AT_VALUE] = walk_text,
    [AT_NUMBER_SPACE] = walk_number_space,
    [AT_NUMBER] = walk_number,
    [AT_NUMBER_END] = walk_number_end,
    [AT_LIST] = walk_list,
    [AT_LIST_TOKEN] = walk_list_token,
    [AT_LIST_NEXT] = walk_list_next,
    [AT_EXTENSION] = walk_extension,
    [AT_LAST_LF] = walk_last_lf,
    [AT_CHUNK_SIZE] = walk_chunk_size,
    [AT_CHUNK_SIZE_LF] = walk_chunk_size_lf,
    [AT_CHUNK_CR] = walk_chunk_end,
    [AT_CHUNK_LF] = walk_chunk_end,
};

static bool is_bounded(const struct response *r)
{
    return r->state <= AT_LAST_LF;
}

/* Shows the steps no more bytes than the bound leaves, so that none of them has to count. */
static void walk_bounded(struct walk *w)
{
    struct response *r = w->r;
    const unsigned char *from = w->p, *end = w->end;
    size_t room = RESPONSE_MOST_HEAD - r->used;
    if (room == 0) {
        refuse(w, "the head is too long");
        return;
    }
    if (room < (size_t)(end - from))
        w->end = from + room;
    uint32_t before = r->used;
    w->head = from;
    while (w->p < w->end && is_bounded(r) && w->events == 0)
        STEPS[r->state](w);
    if (!(w->events & RESPONSE_HEAD))
        r->used = before + (uint32_t)(w->p - from);
    if (w->events & RESPONSE_INTERIM)
        begin_again(r);
    w->end = end;
}

static struct response_piece content(struct response *r, const char *data, size_t len)
{
    struct response_piece piece = {.body = data, .body_len = len};
    if (r->framing != RESPONSE_CLOSE && r->length < len)
        piece.body_len = (size_t)r->length;
    piece.used = piece.body_len;
    if (r->framing == RESPONSE_CLOSE)
        return piece;
    r->length -= piece.body_len;
    if (r->length == 0 && r->state == AT_CHUNK_DATA) {
        r->state = AT_CHUNK_CR;
    } else if (r->length == 0) {
        r->state = AT_END;
        piece.events = RESPONSE_END;
    }
    return piece;
}

void response_init(struct response *r, bool to_head, bool upgrades)
{
    memset(r, 0, sizeof *r);
    r->to_head = to_head;
    r->upgrades = upgrades;
}

struct response_piece response_feed(struct response *r, const char *data, size_t len)
{
    const unsigned char *first = (const unsigned char *)data;
    struct walk w = {r, first, first + len, first, 0};
    while (w.p < w.end && w.events == 0 && r->state != AT_END && r->state != AT_TUNNEL &&
           r->state != AT_REFUSED) {
        if (r->state == AT_BODY || r->state == AT_CHUNK_DATA) {
            size_t walked = (size_t)(w.p - first);
            struct response_piece piece = content(r, data + walked, len - walked);
            piece.used += walked;
            return piece;
        }
        if ((r->flags & IN_TRAILERS) && is_bounded(r)) {
            const unsigned char *from = w.p;
            walk_bounded(&w);
            return (struct response_piece){.used = (size_t)(w.p - first),
                                           .trailer = (const char *)from,
                                           .trailer_len = (size_t)(w.p - from),
                                           .events = w.events};
        }
        if (is_bounded(r))
            walk_bounded(&w);
        else
            STEPS[r->state](&w);
    }
    return (struct response_piece){.used = (size_t)(w.p - first), .events = w.events};
}

bool response_eof(struct response *r)
{
    if (r->state == AT_BODY && r->framing == RESPONSE_CLOSE)
        r->state = AT_END;
    return r->state == AT_END || r->state == AT_TUNNEL;
}

bool response_is_fresh(const struct response *r)
{
    return !(r->flags & BEGUN);
}

bool response_has_head(const struct response *r)
{
    return r->flags & FINAL;
}

bool response_has_length(const struct response *r)
{
    return r->flags & HAS_LENGTH;
}

bool response_keeps(const struct response *r)
{
    return r->state == AT_END && r->framing != RESPONSE_CLOSE && !(r->flags & SAYS_CLOSE) &&
           (!(r->flags & OLD) || (r->flags & SAYS_KEEP));
}
