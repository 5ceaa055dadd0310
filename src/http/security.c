#include "http/security.h"

#include "base/text.h"

/* Pages come with their own script and style files and with nothing inline, so the policy can be this strict.
 * An identity is in many of the replies: no other origin may embed, open or read them. */
static const struct {
    const char *name, *value;
} HEADERS[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
     "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

bool security_has_header(const struct reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->n_headers; i++) {
        if (text_equal_nocase(reply->header[i].name, name))
            return true;
    }
    return false;
}

static void add(struct reply *reply, const char *name, const char *value)
{
    /* A header that memory is too short for is left out: better a reply without it than none. */
    if (!security_has_header(reply, name))
        (void)reply_header(reply, name, "%s", value);
}

void security_headers(const struct conf *conf, struct reply *reply)
{
    for (size_t i = 0; i < ARRAY_LEN(HEADERS); i++)
        add(reply, HEADERS[i].name, HEADERS[i].value);
    if (conf && conf->hsts)
        add(reply, "Strict-Transport-Security", "max-age=31536000");
}
