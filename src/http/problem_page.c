#include "http/problem_page.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "http/words.h"

/* In the page itself: a location may cover every file, and the document root may be anybody's. It looks like
 * www/style.css. */
static const char STYLE[] =
    ":root{color-scheme:light dark;--paper:#f7f6f2;--card:#fff;--ink:#1b1c1f;--quiet:#5a5c63;--line:#dcdad2;--bad:#a8201a;"
    "font:clamp(100%,62.5% + .5vw,200%)/1.55 -apple-system,\"Segoe UI\",Inter,Roboto,system-ui,sans-serif;"
    "text-size-adjust:100%;background:var(--paper);color:var(--ink)}"
    "@media(prefers-color-scheme:dark){:root{--paper:#141518;--card:#1d1f23;--ink:#eceae5;--quiet:#a9aab0;--line:#383a40;"
    "--bad:#ff9c92}}"
    "*{box-sizing:border-box}body{margin:0;padding:0 clamp(1rem,4vw,3.5rem) 2rem;overflow-wrap:anywhere}"
    "main{max-width:50rem;margin:auto;padding-top:8vh}"
    "h1{font-size:clamp(1.7rem,1rem + 3vw,3rem);line-height:1.15;margin:0 0 .6rem}"
    "h2{font-size:1.5rem;line-height:1.25;margin:2rem 0 .6rem}a{color:inherit}p,dl,dd{margin:.3rem 0}ul{margin:0;padding:0;list-style:none}"
    "ul+p{margin-top:1.5rem}"
    "li{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.6rem 1.1rem}li+li{margin-top:.7rem}"
    "li:has(code){border-left:.3rem solid var(--bad)}dt{font-size:.875rem;color:var(--quiet)}"
    "code{font:.88em/1.5 ui-monospace,\"Cascadia Mono\",\"JetBrains Mono\",Menlo,monospace}"
    "@media print{main{padding-top:0}}";

const char *problem_page_policy(char out[static PROBLEM_PAGE_POLICY])
{
    unsigned char hash[32];
    char text[45] = "";
    const gnutls_datum_t raw = {hash, sizeof hash};
    gnutls_datum_t encoded = {NULL, 0};
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, STYLE, sizeof STYLE - 1, hash) == 0 &&
        gnutls_base64_encode2(&raw, &encoded) == 0)
        snprintf(text, sizeof text, "%.*s", (int)encoded.size, (const char *)encoded.data);
    gnutls_free(encoded.data);
    snprintf(out, PROBLEM_PAGE_POLICY,
             "default-src 'none'; style-src 'sha256-%s'; img-src data:; base-uri 'none'; form-action 'none'; "
             "frame-ancestors 'none'",
             text);
    return out;
}

static void put_escaped_n(struct buf *out, const char *text, size_t n)
{
    for (const char *end = text + n; text < end; text++) {
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

static void put_escaped(struct buf *out, const char *text)
{
    put_escaped_n(out, text, strlen(text));
}

/* The page's own words. */
static void put_words(struct buf *out, enum language language, const char *english)
{
    char *said = words_say(language, english);
    put_escaped(out, said ? said : english);
    free(said);
}

static void put_section(struct buf *out, enum language language, const char *title)
{
    buf_puts(out, "<h2>");
    put_words(out, language, title);
    buf_puts(out, "</h2>\n");
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

static void put_place(struct buf *out, enum language language, json_int_t depth)
{
    char text[64];
    snprintf(text, sizeof text, "certificate %" JSON_INTEGER_FORMAT " above yours", depth);
    buf_puts(out, language == LANGUAGE_CHINESE ? "，" : ", ");
    put_words(out, language, text);
}

static void put_compared(struct buf *out, enum language language, const json_t *finding, const char *key,
                         const char *label)
{
    if (!json_is_string(json_object_get(finding, key)))
        return;
    buf_puts(out, "<dt>");
    put_words(out, language, label);
    put_text(out, "</dt>\n<dd>", finding, key, "</dd>\n");
}

/* The command in it as code; brief: no more than that. */
static void put_hint(struct buf *out, const json_t *finding, bool brief)
{
    const char *hint = json_string_value(json_object_get(finding, "hint")),
               *command = json_string_value(json_object_get(finding, "command"));
    const char *at = hint && command && *command ? strstr(hint, command) : NULL;
    if (!at) {
        put_text(out, "<p>", finding, "hint", "</p>\n");
        return;
    }
    buf_puts(out, "<p>");
    put_escaped_n(out, hint, (size_t)(at - hint));
    put_text(out, "<code>", finding, "command", "</code>");
    if (!brief)
        put_escaped(out, at + strlen(command));
    buf_puts(out, "</p>\n");
}

static void put_finding(struct buf *out, enum language language, const json_t *finding, bool brief)
{
    const json_t *depth = json_object_get(finding, "depth");
    buf_puts(out, "<li>\n<p>");
    put_text(out, "<b>", finding, "title", "</b> ");
    put_text(out, "<code>", finding, "code", "</code>");
    if (json_is_integer(depth) && json_integer_value(depth) > 0)
        put_place(out, language, json_integer_value(depth));
    put_text(out, language == LANGUAGE_CHINESE ? "：" : ": ", finding, "reason", "");
    buf_puts(out, "</p>\n");
    put_hint(out, finding, brief);
    if (json_is_string(json_object_get(finding, "value")) ||
        json_is_string(json_object_get(finding, "expected"))) {
        buf_puts(out, "<dl>\n");
        put_compared(out, language, finding, "value", "Found");
        put_compared(out, language, finding, "expected", "Expected");
        buf_puts(out, "</dl>\n");
    }
    buf_puts(out, "</li>\n");
}

static void put_findings(struct buf *out, enum language language, const char *title, const json_t *findings,
                         bool brief)
{
    size_t n = json_array_size(findings);
    if (n == 0)
        return;
    put_section(out, language, title);
    buf_puts(out, "<ul>\n");
    for (size_t i = 0; i < n; i++)
        put_finding(out, language, json_array_get(findings, i), brief);
    buf_puts(out, "</ul>\n");
}

static void put_issuers(struct buf *out, enum language language, const json_t *issuers)
{
    size_t n = json_array_size(issuers);
    if (n == 0)
        return;
    put_section(out, language, "Authorities that were named to your browser");
    buf_puts(out, "<ul>\n");
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

static void put_titled(struct buf *out, enum language language, const char *title, const json_t *problem,
                       const char *key, bool code)
{
    if (!json_is_string(json_object_get(problem, key)))
        return;
    put_section(out, language, title);
    buf_puts(out, code ? "<p><code>" : "<p>");
    put_text(out, "", problem, key, code ? "</code></p>\n" : "</p>\n");
}

static void put_start(struct buf *out, enum language language)
{
    buf_puts(out, "<p><a href=\"/\">");
    put_words(out, language, "To the start page");
    buf_puts(out, "</a></p>\n");
}

int problem_page(const json_t *problem, enum language language, bool start, struct buf *out)
{
    /* Why a browser sends none is said once, where the picker is. */
    const bool brief = json_is_string(json_object_get(problem, "hint"));
    buf_printf(out, "<!DOCTYPE html>\n<html lang=\"%s\">\n", language == LANGUAGE_CHINESE ? "zh-Hans" : "en");
    buf_puts(out, "<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    put_heading(out, problem);
    buf_puts(out, "</title>\n<style>");
    buf_put(out, STYLE, sizeof STYLE - 1);
    buf_puts(out, "</style>\n<link rel=\"icon\" href=\"data:,\">\n</head>\n<body>\n<main>\n<h1>");
    put_heading(out, problem);
    buf_puts(out, "</h1>\n");
    put_text(out, "<p>", problem, "detail", "</p>\n");
    put_findings(out, language, "What is wrong", json_object_get(problem, "errors"), brief);
    put_findings(out, language, "What else was noticed", json_object_get(problem, "warnings"), false);
    put_titled(out, language, "The rule that refused", problem, "rule", true);
    put_titled(out, language, "If no certificate picker appeared", problem, "hint", false);
    put_issuers(out, language, json_object_get(problem, "accepted_issuers"));
    if (start)
        put_start(out, language);
    buf_puts(out, "</main>\n</body>\n</html>\n");
    return buf_failed(out) ? ERR_NOMEM : 0;
}
