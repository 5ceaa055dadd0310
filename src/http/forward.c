#include "http/forward.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "http/chars.h"
#include "http/forward_fields.h"
#include "http/list.h"
#include "http/path.h"

static bool named(const struct http1_field *field, const char *name)
{
    return strlen(name) == field->name_len && strncasecmp(field->name, name, field->name_len) == 0;
}

/* ---- the request's line -------------------------------------------------------------------------------- */

void forward_put_path(struct buf *out, const char *path)
{
    const unsigned char *p = (const unsigned char *)path, *end = p + strlen(path);
    while (p < end) {
        const unsigned char *from = p;
        p = chars_run(p, end, CHARS_PATH);
        buf_put(out, from, (size_t)(p - from));
        if (p < end)
            buf_printf(out, "%%%02X", *p == PATH_SLASH ? '/' : *p);
        p += p < end;
    }
}

void forward_view(struct request_view *out, const struct conf_location *location,
                  const struct http1_head *head, const char *normalised, const char *query,
                  const char *authority, struct buf *path)
{
    if (location->n_fields > 0) /* only its variables have the path in this form */
        forward_put_path(path, normalised);
    *out = (struct request_view){
        .method = head->method, .host = authority, .path = path->data ? path->data : "/", .query = query};
}

/* The location's own path taken away, which the path begins with. */
static const char *stripped(const struct conf_location *location, const char *path)
{
    const char *prefix = conf_location_path(location);
    size_t n = strlen(prefix);
    n -= prefix[n - 1] == '/';
    if (!location->strip_prefix || strncmp(path, prefix, n) != 0)
        return path;
    return path[n] ? path + n : "/";
}

static void put_line(const struct forward *f, struct buf *out)
{
    buf_puts(out, f->head->method);
    buf_putc(out, ' ');
    if (strcmp(f->path, "*") == 0)
        buf_putc(out, '*');
    else
        forward_put_path(out, stripped(f->location, f->path));
    if (f->request->query) {
        buf_putc(out, '?');
        buf_puts(out, f->request->query);
    }
    buf_puts(out, " HTTP/1.1\r\n");
}

/* ---- whether it goes on at all ------------------------------------------------------------------------- */

static void put_pseudonym(struct buf *out, uint32_t instance)
{
    buf_puts(out, "1.1 mtlsd (");
    buf_put_hex(out, instance, 8);
    buf_putc(out, ')');
}

static bool has_been_here(const struct http1_head *head, uint32_t instance)
{
    struct buf own;
    bool found = false;
    if (!http1_head_value(head, "Via"))
        return false;
    buf_init(&own, 64);
    put_pseudonym(&own, instance);
    for (size_t i = 0; i < head->n_fields && !found && own.data; i++)
        found = named(&head->field[i], "Via") && strstr(head->field[i].value, strchr(own.data, ' '));
    buf_done(&own);
    return found;
}

static bool is_last_hop(const struct http1_head *head)
{
    const char *most = http1_head_value(head, "Max-Forwards");
    return most && strspn(most, "0") == strlen(most) && *most;
}

unsigned forward_status(const struct http1_head *head, uint32_t instance)
{
    if (strcmp(head->method, "TRACE") == 0 || strcmp(head->method, "CONNECT") == 0)
        return 405;
    if (strcmp(head->method, "OPTIONS") == 0 && is_last_hop(head))
        return 204;
    return has_been_here(head, instance) ? 508 : 0;
}

/* ---- the client's fields ------------------------------------------------------------------------------- */

static bool sets(const struct conf_location *location, const char *name, size_t len)
{
    for (size_t i = 0; i < location->n_fields; i++) {
        const char *own = location->field[i].name;
        if (identity_same_name(own, strlen(own), name, len))
            return true;
    }
    return false;
}

static void put_field(struct buf *out, const char *name, size_t len, const char *value)
{
    buf_put(out, name, len);
    buf_puts(out, ": ");
    buf_puts(out, value);
    buf_puts(out, "\r\n");
}

/* Those that are made of the client's own, and ours. */
static bool is_rebuilt(const struct http1_field *field)
{
    return named(field, "Host") || named(field, "Via") || named(field, "X-Forwarded-For") ||
           named(field, "Forwarded");
}

/* OPTIONS has one step less to go (RFC 9110 section 7.6.2). */
static void put_max_forwards(struct buf *out, const char *value)
{
    char *end;
    const unsigned long long most = strtoull(value, &end, 10);
    if (end != value && *end == '\0' && most > 0)
        buf_printf(out, "Max-Forwards: %llu\r\n", most - 1);
}

static void put_client_field(const struct forward *f, const struct http1_field *field, const char *connection,
                             struct buf *out, struct forward_made *made)
{
    if (identity_owns(field->name, field->name_len) || sets(f->location, field->name, field->name_len)) {
        made->forged++;
        return;
    }
    const bool claim = forward_is_claim(field->name, field->name_len);
    /* A proxy that is believed spells them as they are spelt: letters, digits and hyphens. */
    const unsigned char *name = (const unsigned char *)field->name, *end = name + field->name_len;
    const bool believed = f->trusted && chars_run(name, end, CHARS_LABEL) == end &&
                          !memchr(name, '_', field->name_len) &&
                          !forward_is_lie(field->name, field->name_len);
    if (forward_is_hop(field->name, field->name_len) || is_rebuilt(field) || (claim && !believed) ||
        identity_same_name(field->name, field->name_len, "Host", 4) ||
        forward_is_named(connection, field->name, field->name_len))
        return;
    if (named(field, "Max-Forwards") && strcmp(f->head->method, "OPTIONS") == 0)
        put_max_forwards(out, field->value);
    else
        put_field(out, field->name, field->name_len, field->value);
}

/* All values of a field, as one list. Returns whether there were any. */
static bool put_list(const struct http1_head *head, const char *name, struct buf *out)
{
    bool any = false;
    for (size_t i = 0; i < head->n_fields; i++) {
        if (!named(&head->field[i], name) || !*head->field[i].value)
            continue;
        buf_puts(out, any ? ", " : "");
        buf_puts(out, head->field[i].value);
        any = true;
    }
    return any;
}

/* ---- ours ---------------------------------------------------------------------------------------------- */

static void put_host(const struct forward *f, struct buf *out)
{
    buf_puts(out, "Host: ");
    const size_t before = out->len;
    for (size_t i = 0; i < f->location->n_fields; i++) {
        if (strcasecmp(f->location->field[i].name, "Host") == 0)
            template_put(out, &f->location->field[i].value, f->client, f->request);
    }
    if (out->len == before)
        buf_puts(out, f->request->host);
    buf_puts(out, "\r\n");
}

/* One that the location sets itself, or that a believed proxy sent, is not ours to say. */
static bool is_said(const struct forward *f, const char *name)
{
    return sets(f->location, name, strlen(name)) || (f->trusted && http1_head_value(f->head, name));
}

static void put_x_forwarded(const struct forward *f, const char *address, size_t len, struct buf *out)
{
    if (!sets(f->location, "X-Forwarded-For", 15)) {
        buf_puts(out, "X-Forwarded-For: ");
        if (f->trusted && put_list(f->head, "X-Forwarded-For", out))
            buf_puts(out, ", ");
        buf_put(out, address, len);
        buf_puts(out, "\r\n");
    }
    if (!is_said(f, "X-Forwarded-Proto"))
        buf_puts(out, "X-Forwarded-Proto: https\r\n");
    if (!is_said(f, "X-Forwarded-Host") && *f->request->host)
        put_field(out, "X-Forwarded-Host", 16, f->request->host);
    if (!is_said(f, "X-Forwarded-Port") && f->port > 0) {
        buf_puts(out, "X-Forwarded-Port: ");
        buf_put_uint(out, f->port);
        buf_puts(out, "\r\n");
    }
}

/* RFC 7239 section 6: an IPv6 address in brackets, and so in quotes, as is a host with a port. */
static void put_rfc7239(const struct forward *f, const char *address, size_t len, struct buf *out)
{
    if (sets(f->location, "Forwarded", 9))
        return;
    const bool v6 = memchr(address, ':', len) != NULL;
    buf_puts(out, "Forwarded: ");
    if (f->trusted && put_list(f->head, "Forwarded", out))
        buf_puts(out, ", ");
    buf_puts(out, v6 ? "for=\"[" : "for=");
    buf_put(out, address, len);
    buf_puts(out, v6 ? "]\"" : "");
    const bool quoted = strpbrk(f->request->host, ":[") != NULL;
    if (*f->request->host)
        buf_printf(out, ";host=%s%s%s", quoted ? "\"" : "", f->request->host, quoted ? "\"" : "");
    buf_puts(out, ";proto=https\r\n");
}

/* The client's own list goes on where it is not replaced and its sender is believed. */
static void put_forwarded(const struct forward *f, struct buf *out)
{
    const char *address;
    size_t len;
    text_address(f->client->remote, &address, &len, NULL);
    if (f->location->forwarded & FORWARDED_X)
        put_x_forwarded(f, address, len, out);
    if (f->location->forwarded & FORWARDED_RFC7239)
        put_rfc7239(f, address, len, out);
    static const struct {
        const char *name;
        enum forwarded one;
    } LISTS[] = {{"X-Forwarded-For", FORWARDED_X}, {"Forwarded", FORWARDED_RFC7239}};
    for (size_t i = 0; i < ARRAY_LEN(LISTS) && f->trusted; i++) {
        if ((f->location->forwarded & LISTS[i].one) || !http1_head_value(f->head, LISTS[i].name) ||
            sets(f->location, LISTS[i].name, strlen(LISTS[i].name)))
            continue;
        buf_printf(out, "%s: ", LISTS[i].name);
        (void)put_list(f->head, LISTS[i].name, out);
        buf_puts(out, "\r\n");
    }
}

static void put_via(const struct forward *f, struct buf *out)
{
    buf_puts(out, "Via: ");
    if (put_list(f->head, "Via", out))
        buf_puts(out, ", ");
    put_pseudonym(out, f->instance);
    buf_puts(out, "\r\n");
}

static void put_set_header(const struct forward *f, struct buf *out)
{
    for (size_t i = 0; i < f->location->n_fields; i++) {
        const struct conf_field *field = &f->location->field[i];
        if (strcasecmp(field->name, "Host") == 0)
            continue;
        const size_t before = out->len;
        buf_puts(out, field->name);
        buf_puts(out, ": ");
        const size_t start = out->len;
        template_put(out, &field->value, f->client, f->request);
        if (out->len == start)
            out->len = before;
        else
            buf_puts(out, "\r\n");
    }
}

/* The protocols of Upgrade that the location lists, in the client's order. */
static bool put_upgrade(const struct forward *f, struct buf *out)
{
    const char *wanted = http1_head_value(f->head, "Upgrade");
    bool any = false;
    if (!wanted || f->location->upgrade.n == 0 || http1_head_is_old(f->head) ||
        !http1_head_has(f->head, "Connection", "upgrade") || f->body != FORWARD_NO_BODY)
        return false;
    const char *end = wanted + strlen(wanted);
    struct list_word word;
    while (list_next(&wanted, end, &word)) {
        for (size_t i = 0; i < f->location->upgrade.n; i++) {
            const char *own = f->location->upgrade.item[i].text;
            if (!list_word_is(&word, own, strlen(own)))
                continue;
            buf_puts(out, any ? ", " : "Upgrade: ");
            buf_put(out, word.at, word.len);
            any = true;
        }
    }
    buf_puts(out, any ? "\r\n" : "");
    return any;
}

static void put_length(uint64_t length, struct buf *out)
{
    buf_puts(out, "Content-Length: ");
    buf_put_uint(out, length);
    buf_puts(out, "\r\n");
}

/* Those of this connection. */
static void put_hop(const struct forward *f, struct buf *out, struct forward_made *made)
{
    const bool trailers = !http1_head_is_old(f->head) && http1_head_has(f->head, "TE", "trailers");
    made->upgrades = put_upgrade(f, out);
    if (trailers)
        buf_puts(out, "TE: trailers\r\n");
    if (trailers || made->upgrades)
        buf_printf(out, "Connection: %s%s%s\r\n", made->upgrades ? "Upgrade" : "",
                   made->upgrades && trailers ? ", " : "", trailers ? "TE" : "");
    if (f->body == FORWARD_CHUNKED)
        buf_puts(out, "Transfer-Encoding: chunked\r\n");
    else if (f->body == FORWARD_LENGTH)
        put_length(f->length, out);
    else if (http1_head_value(f->head, "Content-Length")) /* of nothing: servers miss it in a POST (411) */
        buf_puts(out, "Content-Length: 0\r\n");
}

int forward_request(const struct forward *f, struct buf *out, struct forward_made *made)
{
    const char *connection = http1_head_value(f->head, "Connection");
    *made = (struct forward_made){0};
    put_line(f, out);
    put_host(f, out);
    for (size_t i = 0; i < f->head->n_fields; i++)
        put_client_field(f, &f->head->field[i], connection, out, made);
    put_via(f, out);
    put_forwarded(f, out);
    if (f->identity)
        buf_put(out, f->identity->data, f->identity->len);
    put_set_header(f, out);
    put_hop(f, out, made);
    buf_puts(out, "\r\n");
    return buf_failed(out) ? ERR_NOMEM : 0;
}
