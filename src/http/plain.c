#include "http/plain.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http/problem.h"

enum { MOST_URL = 512 };

static void answer(unsigned status, const char *field, const char *text, char *out, size_t *len)
{
    size_t room = *len;
    int n = snprintf(out, room,
                     "HTTP/1.1 %u %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
                     "Connection: close\r\n%s\r\n%s",
                     status, problem_title(status), strlen(text), field, text);
    *len = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

size_t plain_refusal(unsigned status, const char *why, char *out, size_t *len)
{
    char text[256];
    snprintf(text, sizeof text, "%u %s: %s\n", status, problem_title(status), why ? why : "");
    answer(status, "", text, out, len);
    return strlen(text);
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

void plain_http_answer(const char *head, size_t head_len, char *out, size_t *len)
{
    const char *host = NULL, *target = NULL;
    size_t host_len = find_host(head, head_len, &host), target_len = find_target(head, head_len, &target);
    if (host_len == 0 || target_len == 0 || host_len + target_len > MOST_URL) {
        answer(400, "", "400 Bad Request: this port speaks HTTPS, and plain HTTP came. Use https://\n", out,
               len);
        return;
    }
    char field[MOST_URL + 32], text[MOST_URL + 64];
    snprintf(field, sizeof field, "Location: https://%.*s%.*s\r\n", (int)host_len, host, (int)target_len,
             target);
    snprintf(text, sizeof text, "This port speaks HTTPS. Use https://%.*s%.*s\n", (int)host_len, host,
             (int)target_len, target);
    size_t room = *len;
    answer(308, field, text, out, len);
    if (*len == room - 1) { /* too long to be whole: say less */
        *len = room;
        answer(308, field, "This port speaks HTTPS.\n", out, len);
    }
    if (memcmp(head, "HEAD ", 5) == 0) {
        const char *body = memmem(out, *len, "\r\n\r\n", 4);
        *len = body ? (size_t)(body + 4 - out) : *len;
    }
}
