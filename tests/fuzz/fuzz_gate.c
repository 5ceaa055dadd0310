/* Bytes of a connection. The first input byte chooses where they are split, the second the limits. Besides
 * not crashing:
 *  - the bytes in one piece, one by one, and in two are judged alike;
 *  - a head that passes reads the same to a plain reader of lines: no control byte, no fold, one Host, a
 * length or the word "chunked", never both, and nothing that the HTTP library would read another way. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "http/gate.h"

static const struct http1_limits LIMITS[] = {
    {.max_target = 8192, .max_head = 16384, .max_fields = 100, .max_body = 65536},
    {.max_target = 64, .max_head = 128, .max_fields = 4, .max_body = 10},
    {.max_target = 0, .max_head = 0, .max_fields = 0, .max_body = 0},
    {.max_target = UINT32_MAX, .max_head = UINT32_MAX, .max_fields = UINT32_MAX, .max_body = UINT64_MAX},
};

static bool is_token(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] <= ' ' || s[i] == 0x7f || strchr("\"(),/:;<=>?@[\\]{}", s[i]))
            return false;
    return n > 0;
}

static bool is_named(const char *line, size_t name, const char *text)
{
    return name == strlen(text) && strncasecmp(line, text, name) == 0;
}

/* The whole head, from its first byte to the LF that ends it. */
static void read_head(const char *head, size_t len)
{
    unsigned hosts = 0, lengths = 0, codings = 0;
    bool first = true, old = false;
    const char *p = head, *end = head + len;
    for (;;) {
        size_t n = fuzz_line(p, end);
        if (n == 0) {
            REQUIRE(!first && p + 2 == end);
            break;
        }
        for (size_t i = 0; i < n; i++)
            REQUIRE(((unsigned char)p[i] >= 0x20 || (p[i] == '\t' && !first)) && p[i] != 0x7f);
        if (first) {
            const char *space = memchr(p, ' ', n);
            REQUIRE(space && is_token(p, (size_t)(space - p)) && n > 10);
            const char *version = p + n - 8;
            REQUIRE(memcmp(version, "HTTP/1.", 7) == 0 && version[7] >= '0' && version[7] <= '9');
            REQUIRE(version[-1] == ' ' && version - 1 > space + 1 &&
                    !memchr(space + 1, ' ', (size_t)(version - 1 - (space + 1))));
            old = version[7] == '0';
            bool options = space - p == 7 && memcmp(p, "OPTIONS", 7) == 0;
            REQUIRE(space[1] == '/' || (space[1] | 0x20) == 'h' ||
                    (space[1] == '*' && space[2] == ' ' && options));
            REQUIRE(!(space - p == 7 && memcmp(p, "CONNECT", 7) == 0));
            first = false;
        } else {
            const char *colon = memchr(p, ':', n);
            REQUIRE(colon && is_token(p, (size_t)(colon - p)));
            size_t name = (size_t)(colon - p);
            const char *value = colon + 1, *stop = p + n;
            while (value < stop && (*value == ' ' || *value == '\t'))
                value++;
            while (stop > value && (stop[-1] == ' ' || stop[-1] == '\t'))
                stop--;
            size_t size = (size_t)(stop - value);
            if (is_named(p, name, "host")) {
                hosts++;
                REQUIRE(size > 0 && !memchr(value, '/', size) && !memchr(value, '@', size) &&
                        !memchr(value, ',', size));
            } else if (is_named(p, name, "content-length")) {
                lengths++;
                REQUIRE(size > 0 && *value >= '0' && *value <= '9');
            } else if (is_named(p, name, "transfer-encoding")) {
                codings++;
                REQUIRE(size == 7 && strncasecmp(value, "chunked", 7) == 0);
            }
        }
        p += n + 2;
    }
    REQUIRE(hosts <= 1 && (hosts == 1 || old));
    REQUIRE(lengths + codings <= 1 && !(old && codings));
}

struct run {
    struct http1_gate gate;
    size_t good;
    unsigned done;
};

static size_t feed(struct run *r, const struct http1_limits *limits, const char *data, size_t len,
                   unsigned *events)
{
    char *copy = malloc(len ? len : 1); /* of the exact size, for the sanitizer */
    REQUIRE(copy);
    memcpy(copy, data, len);
    *events = 0;
    size_t n = 0;
    while (n < len && r->gate.status == 0) {
        unsigned more = 0;
        n += http1_gate_feed(&r->gate, limits, copy + n, len - n, &more);
        REQUIRE(n <= len && (n == len || r->gate.status || (more & (HTTP1_HEAD_DONE | HTTP1_REQUEST_DONE))));
        *events |= more;
    }
    free(copy);
    REQUIRE(n <= len && (n < len) == (r->gate.status != 0));
    r->good += n;
    return n;
}

static void same(const struct run *a, const struct run *b)
{
    REQUIRE(a->good == b->good && a->gate.status == b->gate.status && a->gate.why == b->gate.why);
    REQUIRE(http1_gate_idle(&a->gate) == http1_gate_idle(&b->gate));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct http1_limits *limits = &LIMITS[data[1] % (sizeof LIMITS / sizeof LIMITS[0])];
    const char *text = (const char *)data + 2;
    size_t len = size - 2, split = len ? data[0] % (len + 1) : 0;
    unsigned events;

    struct run bytes = {.good = 0}, whole = {.good = 0}, two = {.good = 0};
    http1_gate_init(&bytes.gate);
    http1_gate_init(&whole.gate);
    http1_gate_init(&two.gate);
    const char *head = text;
    for (size_t i = 0; i < len && feed(&bytes, limits, text + i, 1, &events) == 1; i++) {
        if (events & HTTP1_HEAD_BEGUN)
            head = text + i;
        if (events & HTTP1_HEAD_DONE)
            read_head(head, (size_t)(text + i + 1 - head));
    }
    feed(&whole, limits, text, len, &events);
    same(&bytes, &whole);
    if (feed(&two, limits, text, split, &events) == split)
        feed(&two, limits, text + split, len - split, &events);
    same(&bytes, &two);
    return 0;
}
