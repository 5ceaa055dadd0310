#include "tls/proxy_header_write.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Both ends, always of one family: an address of version 4 beside one of 6 is written as one of 6. */
struct ends {
    int family; /* AF_UNSPEC: not known */
    struct in6_addr address[2];
    unsigned port[2];
};

static bool read_end(const char *text, struct ends *out, unsigned i, bool *is_v4)
{
    char host[INET6_ADDRSTRLEN];
    const char *address = NULL, *port = NULL;
    size_t len = 0;
    if (text)
        text_address(text, &address, &len, &port);
    if (!port || !*port || len >= sizeof host)
        return false;
    memcpy(host, address, len);
    host[len] = '\0';
    struct in_addr v4;
    *is_v4 = inet_pton(AF_INET, host, &v4) == 1;
    if (*is_v4) {
        out->address[i] = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
        memcpy(&out->address[i].s6_addr[12], &v4, sizeof v4);
    } else if (inet_pton(AF_INET6, host, &out->address[i]) != 1) {
        return false;
    }
    out->port[i] = (unsigned)strtoul(port, NULL, 10) & 0xffff;
    return true;
}

static void read_ends(const struct proxy_said *said, struct ends *out)
{
    bool v4[2] = {false, false};
    *out = (struct ends){.family = AF_UNSPEC};
    if (read_end(said->source, out, 0, &v4[0]) && read_end(said->target, out, 1, &v4[1]))
        out->family = v4[0] && v4[1] ? AF_INET : AF_INET6;
}

/* --- version 1 ------------------------------------------------------------------------------------------ */

static void write_line(const struct ends *ends, struct buf *out)
{
    char host[2][INET6_ADDRSTRLEN];
    if (ends->family == AF_UNSPEC) {
        buf_puts(out, "PROXY UNKNOWN\r\n");
        return;
    }
    for (unsigned i = 0; i < 2; i++)
        (void)inet_ntop(ends->family, ends->address[i].s6_addr + (ends->family == AF_INET ? 12 : 0), host[i],
                        sizeof host[i]);
    buf_printf(out, "PROXY %s %s %s %u %u\r\n", ends->family == AF_INET ? "TCP4" : "TCP6", host[0], host[1],
               ends->port[0], ends->port[1]);
}

/* --- version 2 ------------------------------------------------------------------------------------------ */

enum {
    TLV_ALPN = 0x01,
    TLV_AUTHORITY = 0x02,
    TLV_SSL = 0x20,
    TLV_SSL_VERSION = 0x21,
    TLV_SSL_CN = 0x22,
    TLV_SSL_CIPHER = 0x23,
    TLV_SSL_SIG_ALG = 0x24,
    TLV_SSL_KEY_ALG = 0x25,
    TLV_SSL_CLIENT_CERT = 0x28,
    CLIENT_SSL = 1,
    CLIENT_CERT_CONN = 2,
    CLIENT_CERT_SESS = 4,
};

static void put_16(struct buf *out, size_t n)
{
    buf_putc(out, (char)(n >> 8));
    buf_putc(out, (char)n);
}

static void put_value(struct buf *out, int type, const void *value, size_t len, size_t most)
{
    if (len == 0 || len > most)
        return;
    buf_putc(out, (char)type);
    put_16(out, len);
    buf_put(out, value, len);
}

static void put_tlv(struct buf *out, int type, const void *value, size_t len)
{
    put_value(out, type, value, len, PROXY_MOST_TEXT);
}

static void put_text(struct buf *out, int type, const char *text)
{
    if (text)
        put_tlv(out, type, text, strlen(text));
}

/* A receiver may take it for a C string, or print it. */
static bool is_plain(const unsigned char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] < ' ' || text[i] == 0x7f)
            return false;
    }
    return true;
}

static void put_tls(const struct proxy_said *said, struct buf *out)
{
    struct buf inner = {0};
    unsigned client = CLIENT_SSL;
    if (said->certificate)
        client |= CLIENT_CERT_SESS | (said->resumed ? 0 : CLIENT_CERT_CONN);
    bool verified = said->certificate && said->verified;
    buf_putc(&inner, (char)client);
    put_16(&inner, 0);
    put_16(&inner, !verified);
    put_text(&inner, TLV_SSL_VERSION, said->version);
    if (verified && is_plain(said->common_name, said->common_name_len))
        put_tlv(&inner, TLV_SSL_CN, said->common_name, said->common_name_len);
    put_text(&inner, TLV_SSL_CIPHER, said->cipher);
    put_text(&inner, TLV_SSL_SIG_ALG, said->signature);
    put_text(&inner, TLV_SSL_KEY_ALG, said->key);
    if (verified)
        put_value(&inner, TLV_SSL_CLIENT_CERT, said->der.data, said->der.size, PROXY_MOST_CERTIFICATE);
    buf_putc(out, TLV_SSL);
    put_16(out, inner.len);
    buf_put(out, inner.data, inner.len);
    out->failed = out->failed || buf_failed(&inner);
    buf_done(&inner);
}

static void write_binary(const struct proxy_said *said, const struct ends *ends, struct buf *out)
{
    static const char SIGNATURE[] = "\r\n\r\n\0\r\nQUIT\n";
    bool known = ends->family != AF_UNSPEC, v4 = ends->family == AF_INET;
    struct buf rest = {0};
    for (unsigned i = 0; known && i < 2; i++)
        buf_put(&rest, ends->address[i].s6_addr + (v4 ? 12 : 0), v4 ? 4 : 16);
    for (unsigned i = 0; known && i < 2; i++)
        put_16(&rest, ends->port[i]);
    if (said->tls) {
        put_text(&rest, TLV_ALPN, said->alpn);
        put_text(&rest, TLV_AUTHORITY, said->server_name);
        put_tls(said, &rest);
    }
    buf_put(out, SIGNATURE, sizeof SIGNATURE - 1);
    buf_putc(out, known || said->tls ? 0x21 : 0x20); /* PROXY, or LOCAL */
    buf_putc(out, (char)(!known ? 0x00 : v4 ? 0x11 : 0x21));
    put_16(out, rest.len);
    if (rest.len > 0)
        buf_put(out, rest.data, rest.len);
    out->failed = out->failed || buf_failed(&rest);
    buf_done(&rest);
}

void proxy_write_header(unsigned version, const struct proxy_said *said, struct buf *out)
{
    struct ends ends;
    read_ends(said, &ends);
    if (version == PROXY_V1)
        write_line(&ends, out);
    else if (version == PROXY_V2)
        write_binary(said, &ends, out);
}
