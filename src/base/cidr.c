#include "base/cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};

/* "8" to "128"; -1: it is no such number. */
static int bits_of(const char *text, int most)
{
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > 3 || text[n] != '\0' || (n > 1 && text[0] == '0'))
        return -1;
    int bits = (int)strtol(text, NULL, 10);
    return bits <= most ? bits : -1;
}

static bool has_rest(const uint8_t address[static 16], unsigned bits)
{
    for (unsigned i = bits; i < 128; i++) {
        if (address[i / 8] & (0x80u >> i % 8))
            return true;
    }
    return false;
}

int cidr_parse(const char *text, struct cidr *out, struct err *err)
{
    char host[INET6_ADDRSTRLEN];
    size_t n = strcspn(text, "/");
    struct cidr cidr = {.bits = 128};
    bool good = n < sizeof host;
    if (good) {
        memcpy(host, text, n);
        host[n] = '\0';
        if (inet_pton(AF_INET, host, cidr.address + 12) == 1)
            memcpy(cidr.address, MAPPED, sizeof MAPPED);
        else
            good = inet_pton(AF_INET6, host, cidr.address) == 1;
    }
    if (good && text[n] == '/') {
        int most = strchr(host, ':') ? 128 : 32, bits = bits_of(text + n + 1, most);
        good = bits >= 0;
        cidr.bits = (uint8_t)(128 - most + (good ? bits : 0));
    }
    if (!good)
        return err_set(
            err, ERR_SYNTAX,
            "\"%s\" is no address or range of them: write one as \"192.0.2.1\", \"10.0.0.0/8\", \"::1\" or "
            "\"2001:db8::/32\"",
            text);
    if (has_rest(cidr.address, cidr.bits))
        return err_set(
            err, ERR_SYNTAX,
            "\"%s\" has bits beyond its prefix: write the first address of the range, or a longer prefix",
            text);
    *out = cidr;
    return 0;
}

bool cidr_has(const struct cidr *cidr, const struct sockaddr *address)
{
    uint8_t bytes[16];
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        memcpy(bytes, MAPPED, sizeof MAPPED);
        memcpy(bytes + 12, &in->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        memcpy(bytes, &in6->sin6_addr, sizeof bytes);
    } else {
        return false;
    }
    unsigned whole = cidr->bits / 8, rest = cidr->bits % 8;
    if (memcmp(bytes, cidr->address, whole) != 0)
        return false;
    return rest == 0 || ((bytes[whole] ^ cidr->address[whole]) >> (8 - rest)) == 0;
}
