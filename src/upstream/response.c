#include "upstream/response.h"

#include <string.h>

#include "http/chars.h"
#include "upstream/response_walk.h"

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

static void walk_last_lf(struct response_walk *w)
{
    struct response *r = w->r;
    if (*w->p != '\n') {
        response_refuse_byte(w, "a CR without a LF");
        return;
    }
    if (r->flags & IN_TRAILERS) {
        w->p++;
        r->state = AT_END;
        w->events |= RESPONSE_END;
        return;
    }
    if (r->status == 101 && !r->upgrades) {
        response_refuse(w, "it switches protocols (101), which nobody asked for");
        return;
    }
    bool interim = r->status < 200 && r->status != 101;
    if (interim && (r->interim == RESPONSE_MOST_INTERIM ||
                    r->interim_bytes + r->used + (size_t)(w->p - w->head) >= RESPONSE_MOST_INTERIM_BYTES)) {
        response_refuse(w, "too much was said before the final response (1xx)");
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

static void walk_chunk_size(struct response_walk *w)
{
    struct response *r = w->r;
    for (; w->p < w->end && (CHARS[*w->p] & CHARS_HEX); w->p++, r->digits++) {
        if (r->digits == 15) {
            response_refuse(w, "a chunk size overflows");
            return;
        }
        r->length = r->length << 4 | (unsigned)chars_hex(*w->p);
    }
    if (w->p == w->end)
        return;
    if (r->digits == 0 || (*w->p != '\r' && *w->p != ';')) {
        response_refuse_byte(w, "a chunk size is no hexadecimal number");
        return;
    }
    r->state = *w->p == '\r' ? AT_CHUNK_SIZE_LF : AT_EXTENSION;
    w->p++;
}

static void walk_extension(struct response_walk *w)
{
    w->p = chars_value_run(w->p, w->end);
    if (w->p < w->end)
        response_take(w, '\r', AT_CHUNK_SIZE_LF, "a control byte");
}

static void walk_chunk_size_lf(struct response_walk *w)
{
    struct response *r = w->r;
    response_take(w, '\n', r->length > 0 ? AT_CHUNK_DATA : AT_FIELD, "a CR without a LF");
    if (r->state == AT_FIELD)
        r->flags |= IN_TRAILERS;
}

static void walk_chunk_end(struct response_walk *w)
{
    struct response *r = w->r;
    if (r->state == AT_CHUNK_CR) {
        response_take(w, '\r', AT_CHUNK_LF, "a chunk is longer than its size");
    } else {
        response_take(w, '\n', AT_CHUNK_SIZE, "a CR without a LF");
        r->digits = 0;
        r->length = 0;
    }
}

/* --- the walk ------------------------------------------------------------------------------------------- */

static void (*const STEPS[])(struct response_walk *) = {
    [AT_VERSION] = response_version,
    [AT_STATUS] = response_status,
    [AT_AFTER_STATUS] = response_after_status,
    [AT_REASON] = response_text,
    [AT_LINE_LF] = response_line_lf,
    [AT_FIELD] = response_field,
    [AT_NAME] = response_name,
    [AT_VALUE] = response_text,
    [AT_NUMBER_SPACE] = response_number_space,
    [AT_NUMBER] = response_number,
    [AT_NUMBER_END] = response_number_end,
    [AT_LIST] = response_list,
    [AT_LIST_TOKEN] = response_list_token,
    [AT_LIST_NEXT] = response_list_next,
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
static void walk_bounded(struct response_walk *w)
{
    struct response *r = w->r;
    const unsigned char *from = w->p, *end = w->end;
    size_t room = RESPONSE_MOST_HEAD - r->used;
    if (room == 0) {
        response_refuse(w, "the head is too long");
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
    struct response_walk w = {r, first, first + len, first, 0};
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
