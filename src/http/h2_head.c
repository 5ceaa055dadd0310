#include "http/h2_head.h"

#include <string.h>
#include <strings.h>

#include "http/chars.h"

/* Beside the largest head there may be. */
enum { SLACK = 1024 };

void h2_head_done(struct h2_head *head)
{
    struct buf *const parts[] = {&head->method, &head->path,   &head->authority,
                                 &head->scheme, &head->fields, &head->cookie};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        buf_done(parts[i]);
    *head = (struct h2_head){0};
}

static bool is(const char *name, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(name, word, len) == 0;
}

static bool all(const char *text, size_t len, unsigned class)
{
    const unsigned char *p = (const unsigned char *)text;
    return chars_run(p, p + len, class) == p + len;
}

static size_t size_of(const struct h2_head *head)
{
    return head->method.len + head->path.len + head->authority.len + head->fields.len + head->cookie.len;
}

/* ---- pseudo-header fields ------------------------------------------------------------------------------ */

static bool visible(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] <= 0x20 || (unsigned char)text[i] >= 0x7f)
            return false;
    }
    return true;
}

static void put_pseudo(struct h2_head *head, const char *name, size_t name_len, const char *value, size_t len)
{
    const struct {
        const char *name;
        struct buf *to;
    } KNOWN[] = {{":method", &head->method},
                 {":path", &head->path},
                 {":authority", &head->authority},
                 {":scheme", &head->scheme}};
    for (size_t i = 0; i < ARRAY_LEN(KNOWN); i++) {
        if (!is(name, name_len, KNOWN[i].name))
            continue;
        if (KNOWN[i].to->len > 0 || head->fields.len + head->cookie.len > 0 || head->has_host)
            head->malformed = "a pseudo-header field twice, or behind other fields";
        else if (len == 0 || !visible(value, len))
            head->malformed = "a pseudo-header field that is empty, or has a byte that it may not have";
        else
            buf_put(KNOWN[i].to, value, len);
        return;
    }
    head->malformed = "a pseudo-header field that requests do not have";
}

/* ---- fields -------------------------------------------------------------------------------------------- */

/* RFC 9113 section 8.2.2. */
static bool is_of_connections(const char *name, size_t len)
{
    static const char *const NAMES[] = {"connection", "keep-alive", "proxy-connection", "transfer-encoding",
                                        "upgrade"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (is(name, len, NAMES[i]))
            return true;
    }
    return false;
}

static bool is_name(const char *name, size_t len)
{
    if (len == 0 || !all(name, len, CHARS_TOKEN))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (name[i] >= 'A' && name[i] <= 'Z')
            return false;
    }
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_value(const char *value, size_t len)
{
    const unsigned char *p = (const unsigned char *)value;
    return len == 0 ||
           (chars_value_run(p, p + len) == p + len && !is_space(value[0]) && !is_space(value[len - 1]));
}

/* RFC 9113 section 8.3.1: the two say the same, or it is malformed. */
static void put_host(struct h2_head *head, const char *value, size_t len)
{
    const struct buf *authority = &head->authority;
    if (head->has_host)
        head->malformed = "two Host fields";
    else if (authority->len > 0 && (authority->len != len || strncasecmp(authority->data, value, len) != 0))
        head->malformed = "Host is another than :authority";
    else if (authority->len == 0 && len > 0)
        buf_put(&head->authority, value, len);
    head->has_host = true;
}

static void put_field(struct h2_head *head, const char *name, size_t name_len, const char *value, size_t len)
{
    if (!is_name(name, name_len)) {
        head->malformed = "the name of a field is no token in small letters";
    } else if (!is_value(value, len)) {
        head->malformed = "the value of a field has a byte that it may not have";
    } else if (is_of_connections(name, name_len)) {
        head->malformed = "a field that is about connections";
    } else if (is(name, name_len, "te") && !(len == 8 && strncasecmp(value, "trailers", 8) == 0)) {
        head->malformed = "TE says more than trailers";
    } else if (is(name, name_len, "host")) {
        put_host(head, value, len);
    } else if (is(name, name_len, "cookie")) {
        buf_puts(&head->cookie, head->cookie.len > 0 ? "; " : "cookie: ");
        buf_put(&head->cookie, value, len);
    } else {
        buf_put(&head->fields, name, name_len);
        buf_puts(&head->fields, ": ");
        buf_put(&head->fields, value, len);
        buf_puts(&head->fields, "\r\n");
    }
}

void h2_head_put(struct h2_head *head, const struct http1_limits *limits, const char *name, size_t name_len,
                 const char *value, size_t len)
{
    if (head->malformed || head->over)
        return;
    head->n_fields++;
    if (size_of(head) + name_len + len > (size_t)limits->max_head + SLACK ||
        head->n_fields > limits->max_fields + SLACK) {
        head->over = true;
        return;
    }
    if (name_len > 0 && name[0] == ':')
        put_pseudo(head, name, name_len, value, len);
    else
        put_field(head, name, name_len, value, len);
}

/* ---- its end ------------------------------------------------------------------------------------------- */

static const char *what_is_wrong(const struct h2_head *head)
{
    const bool connect = head->method.len == 7 && memcmp(head->method.data, "CONNECT", 7) == 0;
    if (head->malformed || head->over)
        return head->malformed;
    if (head->method.len == 0 || !all(head->method.data, head->method.len, CHARS_TOKEN))
        return "the method is no token";
    if (connect) /* answered with 405; its target is no path */
        return head->authority.len > 0 ? NULL : "CONNECT to nowhere";
    if (head->path.len == 0 || !all(head->path.data, head->path.len, CHARS_TARGET) ||
        (head->path.data[0] != '/' && !(head->path.len == 1 && head->path.data[0] == '*')))
        return ":path is no path";
    if (head->scheme.len == 0 ||
        (strcasecmp(head->scheme.data, "https") != 0 && strcasecmp(head->scheme.data, "http") != 0))
        return ":scheme is neither https nor http";
    return head->authority.len > 0 ? NULL : "neither :authority nor Host";
}

static void put_part(struct http1_head *out, const void *data, size_t len, int *rc)
{
    if (*rc == 0 && len > 0)
        *rc = http1_head_put(out, data, len);
}

/* As HTTP/1.1 would have it. */
static int put_text(const struct h2_head *head, struct http1_head *out)
{
    static const char VERSION[] = " HTTP/1.1\r\nhost: ";
    const struct buf *target = head->path.len > 0 ? &head->path : &head->authority;
    int rc = 0;
    put_part(out, head->method.data, head->method.len, &rc);
    put_part(out, " ", 1, &rc);
    put_part(out, target->data, target->len, &rc);
    put_part(out, VERSION, sizeof VERSION - 1, &rc);
    put_part(out, head->authority.data, head->authority.len, &rc);
    put_part(out, "\r\n", 2, &rc);
    put_part(out, head->fields.data, head->fields.len, &rc);
    put_part(out, head->cookie.data, head->cookie.len, &rc);
    put_part(out, "\r\n", head->cookie.len > 0 ? 2 : 0, &rc);
    put_part(out, "\r\n", 2, &rc);
    return rc;
}

static bool any_failed(const struct h2_head *head)
{
    return buf_failed(&head->method) || buf_failed(&head->path) || buf_failed(&head->authority) ||
           buf_failed(&head->scheme) || buf_failed(&head->fields) || buf_failed(&head->cookie);
}

int h2_head_finish(struct h2_head *head, const struct http1_limits *limits, bool ended,
                   struct http1_gate *gate, struct http1_head *out)
{
    unsigned events = 0;
    http1_gate_init(gate);
    if (any_failed(head))
        return ERR_NOMEM;
    head->malformed = what_is_wrong(head);
    if (head->malformed)
        return ERR_SYNTAX;
    int rc = put_text(head, out);
    if (rc != 0)
        return rc;
    size_t used = http1_gate_feed(gate, limits, out->bytes, out->len, &events);
    const bool whole = (events & (HTTP1_HEAD_DONE | HTTP1_REQUEST_DONE)) && used == out->len;
    rc = http1_head_finish(out);
    if (rc != 0)
        return rc;
    out->version = "HTTP/2.0";
    if (head->over && gate->status == 0) {
        gate->status = 431;
        gate->why = "the head is too long";
    }
    if (gate->status == 400 || (gate->status == 0 && !whole)) {
        head->malformed = gate->why ? gate->why : "the head has no form in HTTP/1.1";
        return ERR_SYNTAX;
    }
    if (gate->status != 0)
        return ERR_RANGE;
    if (ended && http1_gate_content(gate) > 0) {
        head->malformed = "a length, and no body";
        return ERR_SYNTAX;
    }
    return 0;
}
