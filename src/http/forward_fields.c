#include "http/forward_fields.h"

#include "http/identity.h"
#include "http/list.h"

bool forward_is_hop(const char *name, size_t len)
{
    static const struct identity_name HOP[] = {
        IDENTITY_NAME("connection"),         IDENTITY_NAME("keep-alive"),
        IDENTITY_NAME("proxy-connection"),   IDENTITY_NAME("te"),
        IDENTITY_NAME("transfer-encoding"),  IDENTITY_NAME("upgrade"),
        IDENTITY_NAME("proxy-authenticate"), IDENTITY_NAME("proxy-authorization"),
        IDENTITY_NAME("http2-settings"),     IDENTITY_NAME("trailer"),
        IDENTITY_NAME("content-length"),
    };
    return IDENTITY_AMONG(HOP, name, len);
}

static bool is_for_the_last(const char *name, size_t len)
{
    static const struct identity_name LAST[] = {
        IDENTITY_NAME("host"),
        IDENTITY_NAME("authorization"),
        IDENTITY_NAME("cookie"),
        IDENTITY_NAME("set-cookie"),
        IDENTITY_NAME("origin"),
        IDENTITY_NAME("referer"),
        IDENTITY_NAME("cache-control"),
        IDENTITY_NAME("expect"),
        IDENTITY_NAME("range"),
        IDENTITY_NAME("content-"),
        IDENTITY_NAME("if-"),
        IDENTITY_NAME("accept-"),
        IDENTITY_NAME("user-agent"),
        IDENTITY_NAME("location"),
        IDENTITY_NAME("vary"),
        IDENTITY_NAME("date"),
        IDENTITY_NAME("accept"),
        IDENTITY_NAME("etag"),
        IDENTITY_NAME("age"),
        IDENTITY_NAME("via"),
        IDENTITY_NAME("server"),
        IDENTITY_NAME("sec-"),
        IDENTITY_NAME("access-control-"),
    };
    return IDENTITY_AMONG(LAST, name, len);
}

bool forward_is_named(const char *connection, const char *name, size_t len)
{
    return list_has(connection, name, len) && !is_for_the_last(name, len);
}

bool forward_is_claim(const char *name, size_t len)
{
    static const struct identity_name CLAIMS[] = {
        IDENTITY_NAME("x-forwarded-"),
        IDENTITY_NAME("forwarded"),
        IDENTITY_NAME("x-real-ip"),
        /* In these, other servers say whose certificate it is: ingress-nginx, AWS, Azure, and recipes. */
        IDENTITY_NAME("ssl-client-"),
        IDENTITY_NAME("x-amzn-mtls-"),
        IDENTITY_NAME("x-arr-clientcert"),
        IDENTITY_NAME("x-client-cert"),
        IDENTITY_NAME("x-client-cert-"),
        IDENTITY_NAME("x-client-dn"),
        IDENTITY_NAME("x-client-s-dn"),
        IDENTITY_NAME("x-client-verify"),
        IDENTITY_NAME("x-tls-client-"),
    };
    return IDENTITY_AMONG(CLAIMS, name, len) || forward_is_lie(name, len);
}

bool forward_is_lie(const char *name, size_t len)
{
    static const struct identity_name LIES[] = {
        IDENTITY_NAME("x-original-url"),     IDENTITY_NAME("x-original-uri"),
        IDENTITY_NAME("x-original-host"),    IDENTITY_NAME("x-rewrite-url"),
        IDENTITY_NAME("x-forwarded-prefix"), IDENTITY_NAME("proxy"),
        IDENTITY_NAME("x-forwarded-uri"),    IDENTITY_NAME("x-forwarded-path"),
    };
    return IDENTITY_AMONG(LIES, name, len);
}
