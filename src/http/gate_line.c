/* The request line (RFC 9112 section 3). */
#include <string.h>

#include "http/gate_walk.h"

/* The methods that the rules about the target's form name; they begin with different letters. */
static const struct gate_word METHODS[] = {{"", 0}, {"OPTIONS", 7}, {"CONNECT", 7}};
static const struct gate_word HTTPS = {"https://", 8};

enum { METHOD_MOST = 32 };

void gate_method(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    const unsigned char *from = w->p;
    w->p = chars_run(w->p, w->end, CHARS_TOKEN);
    if (w->p > from) {
        if (g->target == 0)
            g->method = *from == 'O' ? METHOD_IS_OPTIONS : *from == 'C' ? METHOD_IS_CONNECT : METHOD_ANY;
        if (g->method != METHOD_ANY && !gate_match(g, &METHODS[g->method], from, w->p, 0))
            g->method = METHOD_ANY;
        g->target += (uint32_t)(w->p - from);
        if (g->target > METHOD_MOST) { /* RFC 9112 section 3: longer than any that is known */
            w->p -= g->target - METHOD_MOST;
            gate_refuse(w, 501, "the method is too long");
            return;
        }
    }
    if (w->p == w->end)
        return;
    if (*w->p != ' ' || g->target == 0) {
        gate_refuse_byte(w, "the method is no token");
        return;
    }
    if (g->method != METHOD_ANY && !gate_matched_whole(g, &METHODS[g->method]))
        g->method = METHOD_ANY;
    if (g->method == METHOD_IS_CONNECT) {
        gate_refuse(w, 405, "CONNECT is for proxies, and this is none");
        return;
    }
    w->p++;
    g->target = 0;
    g->matched = 0;
    g->state = AT_TARGET;
}

/* RFC 9112 section 3.2: origin-form, absolute-form or asterisk-form; authority-form belongs to CONNECT. */
void gate_target(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    unsigned c = *w->p;
    if (c == '/') {
        g->form = FORM_ORIGIN;
        g->state = AT_ORIGIN;
    } else if (c == '*') {
        g->form = FORM_STAR;
        g->target++;
        g->state = AT_STAR;
        w->p++;
    } else if ((c | 0x20) == 'h') {
        g->form = FORM_ABSOLUTE;
        g->state = AT_SCHEME;
    } else {
        gate_refuse_byte(w, "the request-target is neither a path nor a http or https URI");
    }
}

static void end_target(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    if (*w->p != ' ') {
        gate_refuse_byte(w,
                         *w->p == '\r' ? "the request line has no version" : "a byte that no URI may hold");
        return;
    }
    w->p++;
    g->matched = 0;
    g->state = AT_VERSION;
}

void gate_origin(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    size_t room = w->limits->max_target > g->target ? w->limits->max_target - g->target : 0;
    const unsigned char *from = w->p;
    w->p = chars_run(w->p, room < (size_t)(w->end - w->p) ? w->p + room : w->end, CHARS_TARGET);
    g->target += (uint32_t)(w->p - from);
    if (w->p == w->end)
        return;
    if (CHARS[*w->p] & CHARS_TARGET)
        gate_refuse(w, 414, "the request-target is too long");
    else
        end_target(w);
}

/* "http://" or "https://", in any case. */
void gate_scheme(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    for (; w->p < w->end && !gate_matched_whole(g, &HTTPS); w->p++, g->target++) {
        unsigned c = *w->p;
        if (g->matched == 4 && c == ':')
            g->matched++; /* no "s" */
        if ((c | (g->matched < 5 ? 0x20u : 0)) != (unsigned char)HTTPS.text[g->matched]) {
            gate_refuse_byte(w, "the request-target is neither a path nor a http or https URI");
            return;
        }
        g->matched++;
    }
    if (gate_matched_whole(g, &HTTPS)) {
        http1_host_init(&g->host);
        g->state = AT_AUTHORITY;
    }
}

void gate_authority(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    const unsigned char *from = w->p;
    w->p = http1_host_run(&g->host, w->p, w->end);
    g->target += (uint32_t)(w->p - from);
    if (w->p == w->end)
        return;
    unsigned c = *w->p;
    if (c == '@')
        gate_refuse(w, 400, "the authority of the request-target holds a user name");
    else if ((c != '/' && c != '?' && c != ' ') || !http1_host_whole(&g->host))
        gate_refuse_byte(w, "the authority of the request-target is neither a name nor an address");
    else
        g->state = AT_ORIGIN;
}

void gate_star(struct gate_walk *w)
{
    if (*w->p == ' ')
        end_target(w);
    else
        gate_refuse_byte(w, "the request-target begins with *");
}

/* "HTTP/" DIGIT "." DIGIT, in this case only. The major number waits in `token`, so that a well-formed
 * version that is not ours gets 505 and anything else 400. */
void gate_version(struct gate_walk *w)
{
    static const char prefix[] = "HTTP/", usual[] = "HTTP/1.1\r\n";
    struct http1_gate *g = w->gate;
    size_t n = sizeof usual - 1;
    if (g->matched == 0 && g->form != FORM_STAR && (size_t)(w->end - w->p) >= n &&
        memcmp(w->p, usual, n) == 0) {
        w->p += n;
        g->state = AT_FIELD;
        return;
    }
    for (; w->p < w->end && g->matched < 8; w->p++, g->matched++) {
        unsigned c = *w->p;
        bool digit = (CHARS[c] & CHARS_DIGIT) != 0;
        bool good = g->matched < 5    ? c == (unsigned char)prefix[g->matched]
                    : g->matched == 6 ? c == '.'
                                      : digit;
        if (!good) {
            gate_refuse_byte(w, "the version is not HTTP/1.1");
            return;
        }
        if (g->matched == 5)
            g->token = (uint8_t)c;
        else if (g->matched == 7 && c == '0')
            g->flags |= OLD; /* RFC 9110 section 2.5: a higher minor version is read as 1.1 */
    }
    if (g->matched == 8)
        g->state = AT_LINE_CR;
}

void gate_line_cr(struct gate_walk *w)
{
    struct http1_gate *g = w->gate;
    if (*w->p == '\r' && g->token != '1')
        gate_refuse(w, 505, "HTTP/1.1 and HTTP/1.0 are spoken here");
    else if (*w->p == '\r' && g->form == FORM_STAR && g->method != METHOD_IS_OPTIONS)
        gate_refuse(w, 400, "* is for OPTIONS");
    else
        gate_take_cr(w, AT_LINE_LF, "the request line does not end after the version");
}

void gate_line_lf(struct gate_walk *w)
{
    gate_take_lf(w, AT_FIELD);
}
