#include "tls/proxy_header.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t SIGNATURE[12] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};
static const char NAME[] = "PROXY ";

enum { V1_MOST = 107, V2_HEAD = 16, FIELD_MOST = INET6_ADDRSTRLEN };

static int bad(const char **why, const char *reason)
{
    *why = reason;
    return -1;
}

/* --- version 1: a line --------------------------------------------------------------------------------- */

/* The next field, up to a single space or the end. False: there is none, or it is too long. */
static bool next_field(const char **p, char out[static FIELD_MOST])
{
    size_t n = strcspn(*p, " ");
    if (n == 0 || n >= FIELD_MOST)
        return false;
    memcpy(out, *p, n);
    out[n] = '\0';
    *p += n + ((*p)[n] == ' ');
    return true;
}

static bool port_of(const char *text, in_port_t *out)
{
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > 5 || text[n] != '\0' || (n > 1 && text[0] == '0'))
        return false;
    long port = strtol(text, NULL, 10);
    *out = htons((uint16_t)port);
    return port <= 65535;
}

/* "TCP4 192.0.2.1 192.0.2.2 56324 443" */
static bool read_line(const char *line, struct proxy_header *out)
{
    char family[FIELD_MOST], source[FIELD_MOST], target[FIELD_MOST], port[FIELD_MOST],
        target_port[FIELD_MOST];
    if (strncmp(line, "UNKNOWN", 7) == 0 && (line[7] == '\0' || line[7] == ' '))
        return true;
    if (line[0] == '\0' || line[strlen(line) - 1] == ' ')
        return false;
    if (!next_field(&line, family) || !next_field(&line, source) || !next_field(&line, target) ||
        !next_field(&line, port) || !next_field(&line, target_port) || *line != '\0')
        return false;
    struct in6_addr ignored;
    in_port_t ignored_port;
    out->has_source = true;
    if (strcmp(family, "TCP4") == 0) {
        out->source.in.sin_family = AF_INET;
        return inet_pton(AF_INET, source, &out->source.in.sin_addr) == 1 &&
               inet_pton(AF_INET, target, &ignored) == 1 && port_of(port, &out->source.in.sin_port) &&
               port_of(target_port, &ignored_port);
    }
    out->source.in6.sin6_family = AF_INET6;
    return strcmp(family, "TCP6") == 0 && inet_pton(AF_INET6, source, &out->source.in6.sin6_addr) == 1 &&
           inet_pton(AF_INET6, target, &ignored) == 1 && port_of(port, &out->source.in6.sin6_port) &&
           port_of(target_port, &ignored_port);
}

static int parse_v1(const uint8_t *bytes, size_t len, struct proxy_header *out, const char **why)
{
    char line[V1_MOST + 1];
    size_t most = len < V1_MOST ? len : V1_MOST;
    const uint8_t *end = memchr(bytes, '\n', most);
    if (!end)
        return len < V1_MOST ? 0 : bad(why, "a PROXY line of more than 107 bytes");
    size_t n = (size_t)(end - bytes);
    if (bytes[n - 1] != '\r' || memchr(bytes, '\0', n))
        return bad(why, "a PROXY line that does not end in CR LF");
    size_t from = sizeof NAME - 1;
    memcpy(line, bytes + from, n - 1 - from);
    line[n - 1 - from] = '\0';
    struct proxy_header header = {0};
    if (!read_line(line, &header))
        return bad(why, "a PROXY line whose fields are not as they should be");
    *out = header;
    return (int)n + 1;
}

/* --- version 2: binary --------------------------------------------------------------------------------- */

/* The extensions' types do not matter, but they must fill the rest exactly. */
static bool are_extensions(const uint8_t *p, size_t len)
{
    while (len >= 3) {
        size_t n = 3 + ((size_t)p[1] << 8 | p[2]);
        if (n > len)
            return false;
        p += n;
        len -= n;
    }
    return len == 0;
}

static int parse_v2(const uint8_t *bytes, size_t len, struct proxy_header *out, const char **why)
{
    /* Family and protocol; bytes of both addresses and ports. */
    enum { UNSPECIFIED = 0x00, TCP4 = 0x11, TCP6 = 0x21, STREAM = 0x31 };
    struct proxy_header header = {0};
    if (len < V2_HEAD)
        return 0;
    size_t rest = (size_t)bytes[14] << 8 | bytes[15], addresses = 0;
    const uint8_t *p = bytes + V2_HEAD;
    if (bytes[12] >> 4 != 2)
        return bad(why, "a PROXY header of an unknown version");
    if ((bytes[12] & 15) > 1)
        return bad(why, "a PROXY header with an unknown command");
    if (rest > PROXY_MOST - V2_HEAD)
        return bad(why, "a PROXY header of more than 4096 bytes");
    if (len < V2_HEAD + rest)
        return 0;
    bool local = (bytes[12] & 15) == 0;
    switch (bytes[13]) {
    case UNSPECIFIED:
        local = true;
        break;
    case TCP4:
        addresses = 12;
        break;
    case TCP6:
        addresses = 36;
        break;
    case STREAM:
        addresses = 216;
        break;
    default:
        if (!local)
            return bad(why, "a PROXY header for something that is no stream");
    }
    /* What a LOCAL header holds besides is to be passed over. */
    if (!local) {
        if (rest < addresses || !are_extensions(p + addresses, rest - addresses))
            return bad(why, "a PROXY header whose lengths do not add up");
        header.has_source = true;
        if (bytes[13] == TCP4) {
            header.source.in.sin_family = AF_INET;
            memcpy(&header.source.in.sin_addr, p, 4);
            memcpy(&header.source.in.sin_port, p + 8, 2);
        } else if (bytes[13] == TCP6) {
            header.source.in6.sin6_family = AF_INET6;
            memcpy(&header.source.in6.sin6_addr, p, 16);
            memcpy(&header.source.in6.sin6_port, p + 32, 2);
        } else {
            header.source.un.sun_family = AF_UNIX;
        }
    }
    *out = header;
    return (int)(V2_HEAD + rest);
}

int proxy_header_parse(const uint8_t *bytes, size_t len, unsigned versions, struct proxy_header *out,
                       const char **why)
{
    size_t n1 = len < sizeof NAME - 1 ? len : sizeof NAME - 1,
           n2 = len < sizeof SIGNATURE ? len : sizeof SIGNATURE;
    bool v1 = (versions & PROXY_V1) && memcmp(bytes, NAME, n1) == 0;
    bool v2 = (versions & PROXY_V2) && memcmp(bytes, SIGNATURE, n2) == 0;
    if (v1)
        return n1 == sizeof NAME - 1 ? parse_v1(bytes, len, out, why) : 0;
    if (v2)
        return n2 == sizeof SIGNATURE ? parse_v2(bytes, len, out, why) : 0;
    return bad(why, "no PROXY header, or one of a version that proxy_protocol does not allow");
}

int proxy_header_begins(const uint8_t *bytes, size_t len)
{
    size_t name = sizeof NAME - 1;
    if (memcmp(bytes, NAME, len < name ? len : name) == 0)
        return len >= name;
    if (memcmp(bytes, SIGNATURE, len < sizeof SIGNATURE ? len : sizeof SIGNATURE) == 0)
        return len >= sizeof SIGNATURE;
    return -1;
}
