/* Steps of the status line (RFC 9112 section 4), and what ends a line. */
#include "http/chars.h"
#include "upstream/response_walk.h"

void response_version(struct response_walk *w)
{
    static const char prefix[] = "HTTP/1.";
    struct response *r = w->r;
    r->flags |= BEGUN;
    for (; w->p < w->end; w->p++) {
        unsigned c = *w->p;
        if (r->digits < 7) {
            if (c != (unsigned char)prefix[r->digits]) {
                response_refuse_byte(w, "it does not begin with HTTP/1.");
                return;
            }
        } else if (r->digits == 7 && (CHARS[c] & CHARS_DIGIT)) {
            r->flags |= c == '0' ? OLD : 0;
        } else if (r->digits == 8 && c == ' ') {
            w->p++;
            r->digits = 0;
            r->status = 0;
            r->state = AT_STATUS;
            return;
        } else {
            response_refuse_byte(w, "its version is not HTTP/1.1");
            return;
        }
        r->digits++;
    }
}

void response_status(struct response_walk *w)
{
    struct response *r = w->r;
    for (; w->p < w->end && r->digits < 3; w->p++, r->digits++) {
        if (!(CHARS[*w->p] & CHARS_DIGIT)) {
            response_refuse_byte(w, "its status is not of three digits");
            return;
        }
        r->status = (uint16_t)(r->status * 10 + (*w->p - '0'));
    }
    if (r->digits < 3)
        return;
    if (r->status < 100 || r->status > 599)
        response_refuse(w, "its status is not between 100 and 599");
    else
        r->state = AT_AFTER_STATUS;
}

/* RFC 9112 section 4 asks for the space also where no reason follows; servers that forget it are common, and
 * nobody can misread them. */
void response_after_status(struct response_walk *w)
{
    if (*w->p == '\r')
        w->r->state = AT_REASON;
    else
        response_take(w, ' ', AT_REASON, "its status is not of three digits");
}

void response_line_lf(struct response_walk *w)
{
    response_take(w, '\n', AT_FIELD, "a CR without a LF");
}
