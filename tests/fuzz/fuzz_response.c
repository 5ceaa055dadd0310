/* Bytes of a backend. The first input byte chooses where they are split, the second what was asked. Besides
 * not crashing:
 *  - the bytes in one piece, one by one, and in two are judged alike, and give the same content;
 *  - a head that passes reads the same to a plain reader of lines: no control byte, no fold, a length or the
 * word "chunked", never both;
 *  - what is sent on, framed anew from the content, is read again as the same content. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "upstream/response.h"

static void read_head(const char *head, size_t len)
{
    unsigned lengths = 0, codings = 0;
    bool first = true;
    const char *p = head, *end = head + len;
    for (;;) {
        size_t n = fuzz_line(p, end);
        if (n == 0) {
            REQUIRE(!first && p + 2 == end);
            break;
        }
        for (size_t i = 0; i < n; i++)
            REQUIRE(((unsigned char)p[i] >= 0x20 || p[i] == '\t') && p[i] != 0x7f);
        if (first) {
            REQUIRE(n >= 12 && memcmp(p, "HTTP/1.", 7) == 0 && p[8] == ' ');
            first = false;
        } else {
            const char *colon = memchr(p, ':', n);
            REQUIRE(colon && colon > p && colon[-1] != ' ' && colon[-1] != '\t' && *p != ' ' && *p != '\t');
            size_t name = (size_t)(colon - p);
            lengths += name == 14 && strncasecmp(p, "content-length", 14) == 0;
            codings += name == 17 && strncasecmp(p, "transfer-encoding", 17) == 0;
        }
        p += n + 2;
    }
    REQUIRE(lengths + codings <= 1);
}

struct run {
    struct response r;
    size_t used, n_body;
    unsigned char sum; /* of the content */
    bool end, stuck;
};

static void feed(struct run *run, const char *data, size_t len)
{
    char *copy = malloc(len ? len : 1); /* of the exact size, for the sanitizer */
    REQUIRE(copy);
    memcpy(copy, data, len);
    for (size_t at = 0; at < len && !run->end && !run->stuck && !run->r.why;) {
        struct response_piece piece = response_feed(&run->r, copy + at, len - at);
        REQUIRE(piece.used <= len - at);
        for (size_t i = 0; i < piece.body_len; i++)
            run->sum = (unsigned char)(run->sum * 31 + (unsigned char)piece.body[i]);
        run->n_body += piece.body_len;
        run->end = piece.events & RESPONSE_END;
        run->stuck = piece.used == 0;
        REQUIRE(!run->stuck || run->r.why || run->r.framing == RESPONSE_TUNNEL);
        at += piece.used;
        run->used += piece.used;
    }
    free(copy);
}

static void same(const struct run *a, const struct run *b)
{
    REQUIRE(a->used == b->used && a->n_body == b->n_body && a->sum == b->sum && a->end == b->end);
    REQUIRE(a->r.why == b->r.why && a->r.status == b->r.status && a->r.framing == b->r.framing);
    REQUIRE(response_keeps(&a->r) == response_keeps(&b->r));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const char *text = (const char *)data + 2;
    size_t len = size - 2, split = len ? data[0] % (len + 1) : 0, head = 0;
    struct run bytes = {.used = 0}, whole = {.used = 0}, two = {.used = 0};
    struct run *const all[] = {&bytes, &whole, &two};
    for (size_t i = 0; i < 3; i++)
        response_init(&all[i]->r, data[1] & 1, data[1] & 2);
    for (size_t i = 0; i < len && !bytes.end && !bytes.stuck && !bytes.r.why; i++) {
        unsigned interim = bytes.r.interim;
        bool had = response_has_head(&bytes.r);
        feed(&bytes, text + i, 1);
        bool ended = bytes.r.interim != interim || (!had && response_has_head(&bytes.r));
        if (ended) {
            read_head(text + head, i + 1 - head);
            head = i + 1;
        }
    }
    feed(&whole, text, len);
    same(&bytes, &whole);
    feed(&two, text, split);
    if (two.used == split)
        feed(&two, text + split, len - split);
    same(&bytes, &two);
    return 0;
}
