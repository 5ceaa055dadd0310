#include "config.h"

#include "h2_client_fixture.h"

#include "base/buf.h"

#ifdef HAVE_LIBNGHTTP2

/* ---- a server, by hand --------------------------------------------------------------------------------- */

struct h2_client *client;
uint64_t now_ms;
size_t grown;
struct h2_client_got got;

static uint32_t number(const char *at)
{
    const unsigned char *p = (const unsigned char *)at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void listen_but(size_t lost)
{
    struct buf all = {0};
    const char *bytes;
    size_t n;
    while ((n = h2_client_give(client, &bytes)) > 0)
        buf_put(&all, bytes, n);
    size_t at = all.len >= H2_PREFACE && memcmp(all.data, "PRI ", 4) == 0 ? H2_PREFACE : 0;
    while (at < all.len) {
        const char *head = all.data + at;
        const size_t len = number(head) >> 8;
        const unsigned type = (unsigned char)head[3] % 16, flags = (unsigned char)head[4];
        got.frames[type]++;
        got.ended += (type == DATA || type == HEADERS) && (flags & END_STREAM);
        got.data += type == DATA ? len : 0;
        if (type == RST_STREAM)
            got.code = number(head + H2_FRAME_HEAD);
        if (type == GOAWAY)
            got.code = number(head + H2_FRAME_HEAD + 4);
        if (type == WINDOW_UPDATE && number(head + 5) > 0)
            got.opened += number(head + H2_FRAME_HEAD);
        at += H2_FRAME_HEAD + len;
    }
    ck_assert_uint_eq(at, all.len);
    ck_assert_uint_ge(all.len, lost);
    h2_client_sent(client, all.len - lost);
    buf_done(&all);
}

void listen_to_it(void)
{
    listen_but(0);
}

void say(unsigned type, unsigned flags, uint32_t id, const void *content, size_t len)
{
    const char head[H2_FRAME_HEAD] = {(char)(len >> 16), (char)(len >> 8), (char)len,
                                      (char)type,        (char)flags,      (char)(id >> 24),
                                      (char)(id >> 16),  (char)(id >> 8),  (char)id};
    struct buf frame = {0};
    buf_put(&frame, head, sizeof head);
    buf_put(&frame, content, len);
    h2_client_take(client, frame.data, frame.len, now_ms);
    buf_done(&frame);
}

/* In literals that nobody remembers (RFC 7541 section 6.2.2). */
void say_fields(uint32_t id, const char *fields, unsigned flags)
{
    struct buf block = {0};
    for (const char *at = fields; *at;) {
        const char *equal = strchr(at, '='), *end = strchr(at, '|');
        buf_putc(&block, 0);
        buf_putc(&block, (char)(equal - at));
        buf_put(&block, at, (size_t)(equal - at));
        buf_putc(&block, (char)(end - equal - 1));
        buf_put(&block, equal + 1, (size_t)(end - equal - 1));
        at = end + 1;
    }
    say(HEADERS, flags | END_HEADERS, id, block.data, block.len);
    buf_done(&block);
}

void say_data(uint32_t id, const char *text, unsigned flags)
{
    say(DATA, flags, id, text, strlen(text));
}

void say_settings(unsigned what, uint32_t value)
{
    const char content[6] = {
        0, (char)what, (char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value};
    say(SETTINGS, 0, 0, content, what ? sizeof content : 0);
}

void say_code(unsigned type, uint32_t id, uint32_t last, uint32_t code)
{
    const char content[8] = {(char)(last >> 24), (char)(last >> 16), (char)(last >> 8), (char)last,
                             (char)(code >> 24), (char)(code >> 16), (char)(code >> 8), (char)code};
    say(type, 0, id, content + (type == GOAWAY ? 0 : 4), type == GOAWAY ? 8 : 4);
}

void h2_client_set_up(void)
{
    struct h2_limits limits;
    h2_client_limits(&limits);
    memset(&got, 0, sizeof got);
    now_ms = 1000;
    grown = 0;
    client = h2_client_new(&limits, &grown);
    ck_assert_ptr_nonnull(client);
    listen_to_it();
    say_settings(0, 0);
    say(SETTINGS, 1, 0, "", 0); /* ours are taken */
    memset(&got, 0, sizeof got);
}

void h2_client_tear_down(void)
{
    h2_client_free(client);
}

/* ---- a user -------------------------------------------------------------------------------------------- */

struct h2_call *ask(const char *text)
{
    struct h2_call *call = h2_call_new(client, "https", NULL);
    ck_assert_ptr_nonnull(call);
    ck_assert_int_eq(h2_call_write(call, text, strlen(text)), (ssize_t)strlen(text));
    listen_to_it();
    return call;
}

const char *heard(struct h2_call *call, int end)
{
    static char text[4096];
    size_t n = 0;
    ssize_t rc;
    while ((rc = h2_call_read(call, text + n, 7)) > 0)
        n += (size_t)rc;
    text[n] = '\0';
    ck_assert_int_eq((int)rc, end);
    return text;
}

#endif
