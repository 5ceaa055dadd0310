#include "http/problem_page.h"

#include "base/err.h"

static void put_escaped(struct buf *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            buf_puts(out, "&amp;");
            break;
        case '<':
            buf_puts(out, "&lt;");
            break;
        case '>':
            buf_puts(out, "&gt;");
            break;
        case '"':
            buf_puts(out, "&quot;");
            break;
        case '\'':
            buf_puts(out, "&#39;");
            break;
        default:
            buf_putc(out, *text);
        }
    }
}

/* before, text, after; nothing when the object has no such text. */
static void put_text(struct buf *out, const char *before, const json_t *object, const char *key,
                     const char *after)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (!text)
        return;
    buf_puts(out, before);
    put_escaped(out, text);
    buf_puts(out, after);
}

static void put_finding(struct buf *out, const json_t *finding)
{
    const json_t *depth = json_object_get(finding, "depth");
    put_text(out, "<li>\n<p><code>", finding, "code", "</code>");
    if (json_is_integer(depth) && json_integer_value(depth) > 0)
        buf_printf(out, ", certificate %" JSON_INTEGER_FORMAT " above yours", json_integer_value(depth));
    put_text(out, ": ", finding, "reason", "");
    buf_puts(out, "</p>\n");
    put_text(out, "<p>", finding, "hint", "</p>\n");
    if (json_is_string(json_object_get(finding, "value")) ||
        json_is_string(json_object_get(finding, "expected"))) {
        buf_puts(out, "<dl>\n");
        put_text(out, "<dt>Found</dt>\n<dd>", finding, "value", "</dd>\n");
        put_text(out, "<dt>Expected</dt>\n<dd>", finding, "expected", "</dd>\n");
        buf_puts(out, "</dl>\n");
    }
    buf_puts(out, "</li>\n");
}

static void put_findings(struct buf *out, const char *title, const json_t *findings)
{
    size_t n = json_array_size(findings);
    if (n == 0)
        return;
    buf_printf(out, "<h2>%s</h2>\n<ul>\n", title);
    for (size_t i = 0; i < n; i++)
        put_finding(out, json_array_get(findings, i));
    buf_puts(out, "</ul>\n");
}

static void put_issuers(struct buf *out, const json_t *issuers)
{
    size_t n = json_array_size(issuers);
    if (n == 0)
        return;
    buf_puts(out, "<h2>Authorities that were named to your browser</h2>\n<ul>\n");
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(issuers, i));
        buf_puts(out, "<li>");
        put_escaped(out, text ? text : "");
        buf_puts(out, "</li>\n");
    }
    buf_puts(out, "</ul>\n");
}

static void put_heading(struct buf *out, const json_t *problem)
{
    buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(problem, "status")));
    put_text(out, " ", problem, "title", "");
}

int problem_page(const json_t *problem, struct buf *out)
{
    buf_puts(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    put_heading(out, problem);
    buf_puts(out, "</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n<link rel=\"icon\" "
                  "href=\"/icon.svg\">\n</head>\n<body>\n<main>\n<h1>");
    put_heading(out, problem);
    buf_puts(out, "</h1>\n");
    put_text(out, "<p>", problem, "detail", "</p>\n");
    put_findings(out, "What is wrong", json_object_get(problem, "errors"));
    put_findings(out, "What else was noticed", json_object_get(problem, "warnings"));
    put_text(out, "<h2>The rule that refused</h2>\n<p><code>", problem, "rule", "</code></p>\n");
    put_text(out, "<h2>Why no certificate picker appeared</h2>\n<p>", problem, "hint", "</p>\n");
    put_issuers(out, json_object_get(problem, "accepted_issuers"));
    buf_puts(out, "</main>\n</body>\n</html>\n");
    return buf_failed(out) ? ERR_NOMEM : 0;
}
