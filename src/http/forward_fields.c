#include "http/forward_fields.h"

#include <string.h>
#include <strings.h>

#include "http/identity.h"

/* "x-": all that begin so. */
static bool is_among(const char *const list[], size_t n, const char *name, size_t len)
{
    for (size_t i = 0; i < n; i++) {
        const size_t m = strlen(list[i]);
        const bool all = list[i][m - 1] == '-' && len > m;
        if (identity_same_name(name, all ? m : len, list[i], m))
            return true;
    }
    return false;
}

bool forward_is_hop(const char *name, size_t len)
{
    static const char *const HOP[] = {
        "connection",        "keep-alive", "proxy-connection",   "te",
        "transfer-encoding", "upgrade",    "proxy-authenticate", "proxy-authorization",
        "http2-settings",    "trailer",    "content-length",
    };
    return is_among(HOP, ARRAY_LEN(HOP), name, len);
}

static bool is_for_the_last(const char *name, size_t len)
{
    static const char *const LAST[] = {"host",    "authorization", "cookie",         "set-cookie", "origin",
                                       "referer", "cache-control", "expect",         "range",      "content-",
                                       "if-",     "accept-",       "user-agent",     "location",   "vary",
                                       "date",    "accept",        "etag",           "age",        "via",
                                       "server",  "sec-",          "access-control-"};
    return is_among(LAST, ARRAY_LEN(LAST), name, len);
}

bool forward_is_named(const char *connection, const char *name, size_t len)
{
    const char *p = connection;
    while (p && *p) {
        p += strspn(p, " \t,");
        const size_t n = strcspn(p, " \t,");
        if (n > 0 && n == len && strncasecmp(p, name, len) == 0)
            return !is_for_the_last(name, len);
        p += n;
    }
    return false;
}

bool forward_is_claim(const char *name, size_t len)
{
    static const char *const CLAIMS[] = {"x-forwarded-", "forwarded", "x-real-ip"};
    return is_among(CLAIMS, ARRAY_LEN(CLAIMS), name, len) || forward_is_lie(name, len);
}

bool forward_is_lie(const char *name, size_t len)
{
    static const char *const LIES[] = {"x-original-url",  "x-original-uri",     "x-original-host",
                                       "x-rewrite-url",   "x-forwarded-prefix", "proxy",
                                       "x-forwarded-uri", "x-forwarded-path"};
    return is_among(LIES, ARRAY_LEN(LIES), name, len);
}
