#include "http/host.h"

#include <string.h>

#include "base/text.h"
#include "http/chars.h"
#include "http/head.h"

enum { HOST_BEGIN, HOST_NAME, HOST_DOT, HOST_LITERAL, HOST_LITERAL_END, HOST_PORT };

/* Inside brackets: what stands before the next byte. */
enum {
    V6_LEAD = 1,   /* a single colon at the very beginning: only another may follow */
    V6_DOUBLE = 2, /* "::" was seen */
    V6_COLON = 4,  /* the last byte was a colon that ended a group */
    V6_HEX = 8,    /* the group under way holds a letter, so it is no decimal number */
    V6_START = 16, /* nothing but the bracket yet */
};

enum { NAME_MOST = 253, V6_GROUPS = 8, PORT_MOST = 65535 };

void http1_host_init(struct http1_host *host)
{
    memset(host, 0, sizeof *host);
}

bool http1_host_empty(const struct http1_host *host)
{
    return host->state == HOST_BEGIN;
}

bool http1_host_whole(const struct http1_host *host)
{
    return host->state != HOST_BEGIN && host->state != HOST_LITERAL;
}

static bool is_digit(unsigned c)
{
    return c - '0' < 10;
}

/* A colon inside brackets: ends a group, or is half of the one "::". */
static bool literal_colon(struct http1_host *h)
{
    if (h->dots > 0)
        return false;
    if (h->digits > 0) {
        if (++h->groups == V6_GROUPS)
            return false;
        h->flags = (uint8_t)((h->flags & V6_DOUBLE) | V6_COLON);
    } else if (h->flags & V6_START) {
        h->flags = V6_LEAD;
    } else if ((h->flags & (V6_LEAD | V6_COLON)) && !(h->flags & V6_DOUBLE)) {
        h->flags = V6_DOUBLE;
    } else {
        return false;
    }
    h->digits = 0;
    h->number = 0;
    return true;
}

static bool literal_digit(struct http1_host *h, unsigned c)
{
    bool decimal = is_digit(c);
    if ((h->flags & V6_LEAD) || chars_hex(c) < 0)
        return false;
    if (h->dots > 0) {
        if (!decimal || h->digits == 3 || (h->digits > 0 && h->number == 0))
            return false;
    } else if (h->digits == 4) {
        return false;
    }
    /* V6_HEX also marks a group with a leading zero: good hex, but no octet of a dotted quad. */
    if (!decimal || (h->digits > 0 && h->number == 0))
        h->flags |= V6_HEX;
    else
        h->number = (uint16_t)(h->number * 10 + (c - '0'));
    h->digits++;
    h->flags &= (uint8_t) ~(V6_COLON | V6_START);
    return h->dots == 0 || h->number <= 255;
}

static bool literal_dot(struct http1_host *h)
{
    if (h->digits == 0 || h->dots == 3 || h->number > 255 || (h->flags & V6_HEX))
        return false;
    h->dots++;
    h->digits = 0;
    h->number = 0;
    return true;
}

static bool literal_end(struct http1_host *h)
{
    if (h->flags & (V6_START | V6_LEAD | V6_COLON))
        return false;
    if (h->dots > 0 && (h->dots != 3 || h->digits == 0))
        return false;
    int groups = h->groups + (h->dots > 0 ? 2 : h->digits > 0 ? 1 : 0);
    return (h->flags & V6_DOUBLE) ? groups < V6_GROUPS : groups == V6_GROUPS;
}

static bool literal(struct http1_host *h, unsigned c)
{
    if (c == ':')
        return literal_colon(h);
    if (c == '.')
        return literal_dot(h);
    if (c != ']')
        return literal_digit(h, c);
    if (!literal_end(h))
        return false;
    h->state = HOST_LITERAL_END;
    return true;
}

static bool name(struct http1_host *h, unsigned c)
{
    if (c == ':' && h->state != HOST_BEGIN) {
        h->state = HOST_PORT;
        return true;
    }
    if (c == '.' && h->state == HOST_NAME && h->length < NAME_MOST) {
        h->state = HOST_DOT;
        h->length++;
        return true;
    }
    if (c == '[' && h->state == HOST_BEGIN) {
        h->state = HOST_LITERAL;
        h->flags = V6_START;
        return true;
    }
    return false;
}

static bool port(struct http1_host *h, unsigned c)
{
    if (!is_digit(c) || h->number > (PORT_MOST - (c - '0')) / 10)
        return false;
    h->number = (uint16_t)(h->number * 10 + (c - '0'));
    return true;
}

static bool step(struct http1_host *h, unsigned c)
{
    switch (h->state) {
    case HOST_LITERAL:
        return literal(h, c);
    case HOST_LITERAL_END:
        if (c != ':')
            return false;
        h->state = HOST_PORT;
        h->number = 0;
        return true;
    default:
        return name(h, c);
    }
}

const unsigned char *http1_host_run(struct http1_host *host, const unsigned char *p, const unsigned char *end)
{
    while (p < end) {
        if (host->state <= HOST_DOT && (CHARS[*p] & CHARS_LABEL)) {
            /* Letters, digits and hyphens in one go: nearly all of nearly every host. */
            const unsigned char *from = p;
            ptrdiff_t room = NAME_MOST - host->length;
            p = chars_run(p, end - p > room ? p + room : end, CHARS_LABEL);
            if (p == from)
                break;
            host->length = (uint8_t)(host->length + (p - from));
            host->state = HOST_NAME;
        } else if (host->state == HOST_PORT) {
            while (p < end && port(host, *p))
                p++;
            break;
        } else if (step(host, *p)) {
            p++;
        } else {
            break;
        }
    }
    return p;
}

/* Fields were looked at by the gate; what TLS was asked for may be any text. */
static bool is_authority(const char *text)
{
    struct http1_host host;
    const unsigned char *from = (const unsigned char *)text, *end = from + strlen(text);
    http1_host_init(&host);
    return http1_host_run(&host, from, end) == end && http1_host_whole(&host);
}

const char *http1_authority(const struct http1_head *head, const char *server_name,
                            char out[static HTTP1_AUTHORITY])
{
    const char *target = head->target, *from = NULL;
    size_t len = 0;
    if (*target != '/' && *target != '*' && (from = strstr(target, "://")) != NULL) {
        from += 3;
        len = strcspn(from, "/?#");
    } else {
        from = http1_head_value(head, "Host");
        if (!from || !*from)
            from = is_authority(server_name) ? server_name : "";
        len = strlen(from);
        if (len < HTTP1_AUTHORITY)
            return from;
    }
    len = len < HTTP1_AUTHORITY ? len : HTTP1_AUTHORITY - 1;
    memcpy(out, from, len);
    out[len] = '\0';
    return out;
}

const char *http1_host_name(const char *authority, char out[static HTTP1_AUTHORITY])
{
    const char end = *authority == '[' ? ']' : ':';
    size_t n = 0;
    for (; authority[n] && authority[n] != end && n < HTTP1_AUTHORITY - 1; n++)
        out[n] = (char)text_lower((unsigned char)authority[n]);
    if (end == ']' && authority[n] == ']' && n < HTTP1_AUTHORITY - 1)
        out[n++] = ']';
    n -= n > 0 && out[n - 1] == '.';
    out[n] = '\0';
    return out;
}
