/* The host and port of a Host field or of an absolute request-target, byte by byte: a DNS name, an IPv4
 * address or an IPv6 literal in brackets, with an optional port (RFC 3986 section 3.2.2, RFC 5952's superset
 * of spellings). Narrower than reg-name: percent-escapes and sub-delims name no host that a certificate could
 * vouch for, and a comma or a second spelling of the same name is how two parsers come to disagree. Pure,
 * incremental, no copy. */
#ifndef MTLSD_HTTP_HOST_H
#define MTLSD_HTTP_HOST_H

#include "base/base.h"

struct http1_host {
    uint8_t state;
    uint8_t groups;  /* of an IPv6 literal, complete */
    uint8_t digits;  /* of the group or number under way */
    uint8_t dots;    /* of an IPv4 tail */
    uint16_t number; /* port, or decimal value of the group under way */
    uint8_t length;  /* of the name */
    uint8_t flags;
};

void http1_host_init(struct http1_host *host);

/* Takes the bytes that belong to it and returns the first that does not, or `end`. */
const unsigned char *http1_host_run(struct http1_host *host, const unsigned char *p,
                                    const unsigned char *end);

/* True when what was taken is a whole host with its port, if any. "host:" with an empty port is one, by the
 * grammar. */
bool http1_host_whole(const struct http1_host *host);

/* True while nothing was taken. */
bool http1_host_empty(const struct http1_host *host);

struct http1_head;

/* What a request is for: the authority of an absolute target, else the Host field, else, of an HTTP/1.0
 * request, the name that TLS was asked for, where it is one (else ""). Cut where it is longer than any. It
 * lies in `out`, or where it came from. */
enum { HTTP1_AUTHORITY = 280 };
const char *http1_authority(const struct http1_head *head, const char *server_name,
                            char out[static HTTP1_AUTHORITY]);

/* The host of it as names are compared: without port and final dot, in small letters. */
const char *http1_host_name(const char *authority, char out[static HTTP1_AUTHORITY]);

#endif
