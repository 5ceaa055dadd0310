#include "http/plain.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "http/status.h"

enum { MOST_URL = 512 };

void plain_connection(const char *connection, struct buf *out)
{
    if (connection)
        buf_printf(out, "Connection: %s\r\n", connection);
}

void plain_head(const struct reply *reply, const char *date, uint64_t length, const char *connection,
                struct buf *out)
{
    buf_printf(out, "HTTP/1.1 %u %s\r\n", reply->status, status_phrase(reply->status));
    plain_connection(connection, out);
    buf_printf(out, "Date: %s\r\n", date);
    if (reply->content_type)
        buf_printf(out, "Content-Type: %s\r\n", reply->content_type);
    for (size_t i = 0; i < reply->n_headers; i++)
        buf_printf(out, "%s: %s\r\n", reply->header[i].name, reply->header[i].value);
    if (reply->status != 204) /* RFC 9110 section 8.6 */
        buf_printf(out, "Content-Length: %llu\r\n", (unsigned long long)length);
    buf_puts(out, "\r\n");
}

void plain_reply(const struct reply *reply, time_t now, bool headers_only, bool last, struct buf *out)
{
    char date[CLOCK_TEXT];
    plain_head(reply, clock_http_date(now, date), reply->body.len, last ? PLAIN_CLOSE : NULL, out);
    if (!headers_only)
        buf_put(out, reply->body.data, reply->body.len);
}

static bool host_byte(unsigned char c)
{
    return isalnum(c) || c == '-' || c == '.' || c == '_' || c == ':' || c == '[' || c == ']';
}

/* The value of the only Host field that consists of nothing but a name, an address and a port; its length or
 * 0. */
static size_t find_host(const char *head, size_t len, const char **host)
{
    size_t found = 0;
    const char *end = head + len, *line = memchr(head, '\n', len);
    while (line && ++line < end) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        if (!next)
            break;
        if (next - line > 5 && strncasecmp(line, "Host:", 5) == 0) {
            const char *from = line + 5, *to = next;
            while (from < to && (*from == ' ' || *from == '\t'))
                from++;
            while (to > from && (to[-1] == '\r' || to[-1] == ' ' || to[-1] == '\t'))
                to--;
            if (found || to == from)
                return 0;
            for (const char *p = from; p < to; p++) {
                if (!host_byte((unsigned char)*p))
                    return 0;
            }
            *host = from;
            found = (size_t)(to - from);
        }
        line = next;
    }
    return found;
}

/* The origin-form target of a GET or HEAD; its length or 0. */
static size_t find_target(const char *head, size_t len, const char **target)
{
    size_t skip = len > 4 && memcmp(head, "GET ", 4) == 0    ? 4
                  : len > 5 && memcmp(head, "HEAD ", 5) == 0 ? 5
                                                             : 0;
    if (skip == 0 || skip >= len || head[skip] != '/')
        return 0;
    size_t n = 0;
    while (skip + n < len && head[skip + n] > 0x20 && head[skip + n] < 0x7f)
        n++;
    *target = head + skip;
    return skip + n < len && head[skip + n] == ' ' ? n : 0;
}

void plain_http_answer(const char *head, size_t head_len, time_t now, struct buf *out)
{
    const char *host = NULL, *target = NULL;
    size_t host_len = find_host(head, head_len, &host), target_len = find_target(head, head_len, &target);
    struct reply reply;
    reply_init(&reply);
    reply.content_type = "text/plain; charset=utf-8";
    reply.status = 400;
    if (host_len > 0 && target_len > 0 && host_len + target_len <= MOST_URL &&
        reply_header(&reply, "Location", "https://%.*s%.*s", (int)host_len, host, (int)target_len, target) ==
            0)
        reply.status = 308;
    if (reply.status == 308)
        buf_printf(&reply.body, "This port speaks HTTPS. Use https://%.*s%.*s\n", (int)host_len, host,
                   (int)target_len, target);
    else
        buf_puts(&reply.body, "400 Bad Request: this port speaks HTTPS, and plain HTTP came. Use https://\n");
    plain_reply(&reply, now, head_len > 5 && memcmp(head, "HEAD ", 5) == 0, true, out);
    reply_done(&reply);
}
