/* The fields of a response on its way to the client. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/forward.h"
#include "http/forward_fields.h"
#include "http/list.h"

struct line {
    const char *name, *value;
    size_t name_len, len;
};

/* The field in the line at `p`; *p is the next. False: the empty line, or the end. */
static bool next_line(const char **p, const char *end, struct line *out)
{
    const char *eol = memchr(*p, '\n', (size_t)(end - *p));
    const char *colon = eol ? memchr(*p, ':', (size_t)(eol - *p)) : NULL;
    if (!colon)
        return false;
    const char *from = colon + 1, *to = eol;
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
        to--;
    *out = (struct line){*p, from, (size_t)(colon - *p), (size_t)(to - from)};
    *p = eol + 1;
    return true;
}

static bool is(const struct line *line, const char *name)
{
    return strlen(name) == line->name_len && strncasecmp(line->name, name, line->name_len) == 0;
}

static bool skip_line(const char **p, const char *end)
{
    const char *eol = memchr(*p, '\n', (size_t)(end - *p));
    *p = eol ? eol + 1 : end;
    return eol;
}

/* What Connection says, as one list. Most responses have none: other lines are not looked into. */
static void read_connection(const char *p, const char *end, struct buf *out)
{
    struct line line;
    while (p < end) {
        const bool may_be = *p == 'C' || *p == 'c';
        if (may_be ? !next_line(&p, end, &line) : !skip_line(&p, end))
            return;
        if (may_be && is(&line, "Connection")) {
            buf_put(out, line.value, line.len);
            buf_putc(out, ',');
        }
    }
}

/* RFC 9440 section 2.4: a cache knows no field that never goes over its wire. */
static bool varies_by_identity(const struct line *line)
{
    const char *p = line->value;
    struct list_word word;
    while (list_next(&p, line->value + line->len, &word)) {
        if (identity_owns(word.at, word.len))
            return true;
    }
    return false;
}

/* "5; url=/x", with quotes or without. */
static void put_refresh(const struct forward_home *home, const struct line *line, struct buf *out)
{
    size_t at = 0;
    while (at + 4 <= line->len && strncasecmp(line->value + at, "url=", 4) != 0)
        at++;
    at = at + 4 <= line->len ? at + 4 : line->len;
    const char quote = at < line->len ? line->value[at] : '\0';
    at += quote == '"' || quote == '\'';
    const char *url = line->value + at;
    const char *end = quote == '"' || quote == '\'' ? memchr(url, quote, line->len - at) : NULL;
    const size_t len = end ? (size_t)(end - url) : line->len - at;
    buf_put(out, line->value, at);
    forward_put_url(home, url, len, out);
    buf_put(out, url + len, line->len - at - len);
}

static void put_value(const struct forward_answer *answer, const struct line *line, struct buf *out)
{
    const bool leads = answer->home && answer->home->location->proxy_redirect;
    if (is(line, "Vary") && varies_by_identity(line))
        buf_putc(out, '*');
    else if (leads && is(line, "Location"))
        forward_put_url(answer->home, line->value, line->len, out);
    else if (leads && is(line, "Refresh"))
        put_refresh(answer->home, line, out);
    else
        buf_put(out, line->value, line->len);
}

void forward_response(const struct forward_answer *answer, const char *head, size_t len, struct buf *out)
{
    const char *end = head + len, *p = memchr(head, '\n', len);
    struct buf connection;
    struct line line;
    bool hsts = answer->interim, date = answer->interim || !answer->date;
    if (!p)
        return;
    buf_init(&connection, 0);
    read_connection(++p, end, &connection);
    while (next_line(&p, end, &line)) {
        hsts = hsts || is(&line, "Strict-Transport-Security");
        date = date || is(&line, "Date");
        const bool upgrade = answer->upgrade && is(&line, "Upgrade");
        if (!upgrade &&
            (identity_owns(line.name, line.name_len) || forward_is_hop(line.name, line.name_len) ||
             forward_is_named(connection.data, line.name, line.name_len)))
            continue;
        buf_put(out, line.name, line.name_len);
        buf_puts(out, ": ");
        put_value(answer, &line, out);
        buf_puts(out, "\r\n");
    }
    if (answer->upgrade)
        buf_puts(out, "Connection: Upgrade\r\n");
    if (!date) {
        buf_puts(out, "Date: ");
        buf_puts(out, answer->date);
        buf_puts(out, "\r\n");
    }
    buf_puts(out, "Via: 1.1 mtlsd\r\n");
    if (answer->conf->hsts && !hsts)
        buf_puts(out, "Strict-Transport-Security: max-age=31536000\r\n");
    out->failed = out->failed || buf_failed(&connection); /* it names what is not to go on */
    buf_done(&connection);
}

static bool is_listed(const struct conf_list *list, const struct list_word *word)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list_word_is(word, list->item[i].text, strlen(list->item[i].text)))
            return true;
    }
    return false;
}

bool forward_switches(const struct conf_location *location, const struct http1_head *request,
                      const char *head, size_t len)
{
    const char *asked = http1_head_value(request, "Upgrade");
    const char *end = head + len, *p = memchr(head, '\n', len);
    struct list_word word;
    struct line line;
    bool any = false;
    for (p = p ? p + 1 : end; next_line(&p, end, &line);) {
        const char *at = line.value;
        while (is(&line, "Upgrade") && list_next(&at, line.value + line.len, &word)) {
            if (!is_listed(&location->upgrade, &word) || !list_has(asked, word.at, word.len))
                return false;
            any = true;
        }
    }
    return any;
}

bool forward_is_trailer(const char *name, size_t len)
{
    static const struct identity_name NOT[] = {
        IDENTITY_NAME("host"),          IDENTITY_NAME("authorization"), IDENTITY_NAME("www-authenticate"),
        IDENTITY_NAME("set-cookie"),    IDENTITY_NAME("cookie"),        IDENTITY_NAME("cache-control"),
        IDENTITY_NAME("expires"),       IDENTITY_NAME("age"),           IDENTITY_NAME("date"),
        IDENTITY_NAME("location"),      IDENTITY_NAME("retry-after"),   IDENTITY_NAME("vary"),
        IDENTITY_NAME("warning"),       IDENTITY_NAME("content-type"),  IDENTITY_NAME("content-encoding"),
        IDENTITY_NAME("content-range"), IDENTITY_NAME("max-forwards"),
    };
    return !IDENTITY_AMONG(NOT, name, len) && !forward_is_hop(name, len) && !identity_owns(name, len) &&
           !forward_is_claim(name, len);
}
