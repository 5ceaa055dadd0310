#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cidr.h"
#include "suites.h"
#include "tls/proxy_header.h"
#include "tls/proxy_header_write.h"

/* C's escapes, as far as the table uses them. Returns the length. */
static size_t unescape(const char *text, uint8_t *out)
{
    size_t n = 0;
    while (*text) {
        if (*text != '\\') {
            out[n++] = (uint8_t)*text++;
        } else if (text[1] == 'x') {
            const char hex[] = {text[2], text[3], '\0'};
            out[n++] = (uint8_t)strtoul(hex, NULL, 16);
            text += 4;
        } else {
            out[n++] = text[1] == 'r' ? '\r' : '\n';
            text += 2;
        }
    }
    return n;
}

static void show(int used, const struct proxy_header *header, char out[static 80])
{
    char host[INET6_ADDRSTRLEN] = "";
    if (used <= 0) {
        snprintf(out, 80, used == 0 ? "-" : "!");
    } else if (!header->has_source) {
        snprintf(out, 80, "?");
    } else if (header->source.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &header->source.in.sin_addr, host, sizeof host);
        snprintf(out, 80, "%s:%u", host, ntohs(header->source.in.sin_port));
    } else {
        inet_ntop(AF_INET6, &header->source.in6.sin6_addr, host, sizeof host);
        snprintf(out, 80, "[%s]:%u", host, ntohs(header->source.in6.sin6_port));
    }
}

START_TEST(rows)
{
    const char *srcdir = getenv("srcdir");
    char name[4096], line[4096], got[80];
    snprintf(name, sizeof name, "%s/tests/data/proxy_header.tsv", srcdir ? srcdir : ".");
    FILE *file = fopen(name, "r");
    ck_assert_msg(file != NULL, "cannot open %s", name);
    unsigned n = 0;
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#')
            continue;
        char *save, *versions = strtok_r(line, "\t", &save), *text = strtok_r(NULL, "\t", &save),
                    *want = strtok_r(NULL, "\n", &save);
        unsigned allowed = strcmp(versions, "v1") == 0   ? PROXY_V1
                           : strcmp(versions, "v2") == 0 ? PROXY_V2
                                                         : PROXY_V1 | PROXY_V2;
        uint8_t bytes[4096];
        size_t len = unescape(text, bytes);
        struct proxy_header header;
        const char *why = NULL;
        int used = proxy_header_parse(bytes, len, allowed, &header, &why);
        show(used, &header, got);
        ck_assert_msg(strcmp(got, want) == 0, "%s: got %s, want %s", text, got, want);
        ck_assert_msg((used < 0) == (why != NULL), "%s: a reason for what is none", text);
        if (used > 0) {
            ck_assert_uint_eq((size_t)used, len);
            /* What follows does not matter, and every beginning of it needs more. */
            bytes[len] = 0x16;
            ck_assert_int_eq(proxy_header_parse(bytes, len + 1, allowed, &header, &why), used);
            for (size_t cut = 1; cut < len; cut++) {
                uint8_t *part = malloc(cut); /* exactly as large, for the sanitizer's eyes */
                memcpy(part, bytes, cut);
                ck_assert_msg(proxy_header_parse(part, cut, allowed, &header, &why) == 0, "%s: cut at %zu",
                              text, cut);
                free(part);
            }
        }
        n++;
    }
    fclose(file);
    ck_assert_uint_ge(n, 40);
}
END_TEST

START_TEST(a_socket_of_a_host)
{
    uint8_t bytes[16 + 216] = "\r\n\r\n\0\r\nQUIT\n\x21\x31\x00\xd8";
    struct proxy_header header;
    const char *why;
    ck_assert_int_eq(proxy_header_parse(bytes, sizeof bytes, PROXY_V2, &header, &why), (int)sizeof bytes);
    ck_assert(header.has_source);
    ck_assert_int_eq(header.source.any.sa_family, AF_UNIX);
}
END_TEST

static bool within(const char *range, const char *address)
{
    struct cidr cidr;
    struct err err;
    ck_assert_msg(cidr_parse(range, &cidr, &err) == 0, "%s", range);
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, address, &in.sin_addr) == 1)
        return cidr_has(&cidr, (struct sockaddr *)&in);
    ck_assert_int_eq(inet_pton(AF_INET6, address, &in6.sin6_addr), 1);
    return cidr_has(&cidr, (struct sockaddr *)&in6);
}

START_TEST(ranges)
{
    ck_assert(within("127.0.0.1", "127.0.0.1"));
    ck_assert(!within("127.0.0.1", "127.0.0.2"));
    ck_assert(within("127.0.0.1", "::ffff:127.0.0.1"));
    ck_assert(within("10.0.0.0/8", "10.255.0.1"));
    ck_assert(!within("10.0.0.0/8", "11.0.0.1"));
    ck_assert(within("192.0.2.128/25", "192.0.2.200"));
    ck_assert(!within("192.0.2.128/25", "192.0.2.127"));
    ck_assert(within("0.0.0.0/0", "203.0.113.9"));
    ck_assert(!within("0.0.0.0/0", "2001:db8::1"));
    ck_assert(within("::/0", "2001:db8::1"));
    ck_assert(within("2001:db8::/33", "2001:db8:7fff::1"));
    ck_assert(!within("2001:db8::/33", "2001:db8:8000::1"));
    ck_assert(within("::1", "::1"));
    ck_assert(!within("::1", "127.0.0.1"));
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct cidr all;
    ck_assert_int_eq(cidr_parse("::/0", &all, NULL), 0);
    ck_assert(!cidr_has(&all, &other));
}
END_TEST

START_TEST(no_ranges)
{
    static const char *const TEXTS[] = {
        "",       "localhost",  "10.0.0.0/33", "10.0.0.0/",      "10.0.0.0/-1", "10.0.0.0/08",
        "10.0.0", "10.0.0.1/8", "::1/129",     "2001:db8::1/32", "10.0.0.0/8 ", "1.2.3.4/32/32"};
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        struct cidr cidr = {.bits = 77};
        struct err err = {0};
        ck_assert_msg(cidr_parse(TEXTS[i], &cidr, &err) == ERR_SYNTAX, "\"%s\" was taken", TEXTS[i]);
        ck_assert_msg(strstr(err.text, "write ") != NULL, "%s", err.text);
        ck_assert_uint_eq(cidr.bits, 77);
    }
}
END_TEST

/* Every beginning of a header may become one; what else clients begin with is none. */
START_TEST(unexpected)
{
    static const char V1[] = "PROXY TCP4", V2[] = "\r\n\r\n\0\r\nQUIT\n\x21";
    for (size_t n = 1; n < sizeof V1; n++)
        ck_assert_int_eq(proxy_header_begins((const uint8_t *)V1, n), n >= 6);
    for (size_t n = 1; n < sizeof V2; n++)
        ck_assert_int_eq(proxy_header_begins((const uint8_t *)V2, n), n >= 12);
    static const char *const OTHERS[] = {"POST / HTTP/1.1", "PROPFIND /", "PUT",           "PROXZ",
                                         "GET /",           "\x16\3\1",   "\r\n\r\nGET /", "\n"};
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++)
        ck_assert_int_eq(proxy_header_begins((const uint8_t *)OTHERS[i], strlen(OTHERS[i])), -1);
}
END_TEST

/* What is written is read as what it says; `source` as show has it. */
static void round_trip(unsigned version, const struct proxy_said *said, const char *source)
{
    struct buf out = {0};
    struct proxy_header header;
    const char *why = NULL;
    char got[80];
    proxy_write_header(version, said, &out);
    ck_assert(!buf_failed(&out));
    int used = proxy_header_parse((const uint8_t *)out.data, out.len, version, &header, &why);
    ck_assert_msg(used == (int)out.len, "%s", why ? why : "a part of it");
    show(used, &header, got);
    ck_assert_str_eq(got, source);
    buf_done(&out);
}

START_TEST(written)
{
    static const struct {
        const char *source, *target, *as;
    } ROWS[] = {
        {"192.0.2.1:54321", "192.0.2.2:443", "192.0.2.1:54321"},
        {"[2001:db8::1]:1", "[2001:db8::2]:65535", "[2001:db8::1]:1"},
        {"192.0.2.1:54321", "[2001:db8::2]:443", "[::ffff:192.0.2.1]:54321"},
        {"[2001:db8::1]:1", "192.0.2.2:443", "[2001:db8::1]:1"},
        {"unix", "192.0.2.2:443", "?"},
        {"192.0.2.1:54321", NULL, "?"},
        {NULL, NULL, "?"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const struct proxy_said said = {.source = ROWS[i].source, .target = ROWS[i].target};
        round_trip(PROXY_V1, &said, ROWS[i].as);
        round_trip(PROXY_V2, &said, ROWS[i].as);
        const struct proxy_said tls = {.source = ROWS[i].source,
                                       .target = ROWS[i].target,
                                       .tls = true,
                                       .server_name = "localhost",
                                       .alpn = "http/1.1",
                                       .version = "TLSv1.3",
                                       .certificate = true,
                                       .verified = true,
                                       .common_name = "somebody",
                                       .common_name_len = 8};
        round_trip(PROXY_V2, &tls, ROWS[i].as);
    }
    struct buf none = {0};
    proxy_write_header(0, &(struct proxy_said){0}, &none);
    ck_assert_uint_eq(none.len, 0);
}
END_TEST

/* The name of one that was not verified, one with a control byte, one that is too long: none of them. */
START_TEST(named)
{
    static char longer[PROXY_MOST_TEXT + 1];
    memset(longer, 'x', sizeof longer);
    const struct {
        const char *name;
        size_t len;
        bool verified, named;
    } NAMES[] = {
        {"bob", 3, true, true},
        {"bob", 3, false, false},
        {"bob\0", 4, true, false},
        {"b\nob", 4, true, false},
        {longer, sizeof longer, true, false},
        {longer, sizeof longer - 1, true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        const struct proxy_said said = {.source = "192.0.2.1:1",
                                        .target = "192.0.2.2:2",
                                        .tls = true,
                                        .certificate = true,
                                        .verified = NAMES[i].verified,
                                        .common_name = NAMES[i].name,
                                        .common_name_len = NAMES[i].len};
        struct buf out = {0};
        proxy_write_header(PROXY_V2, &said, &out);
        enum { AT_CLIENT = 16 + 12 + 3, AT_CN = AT_CLIENT + 5 };
        ck_assert_int_eq(out.data[AT_CLIENT], 7);
        ck_assert_int_eq(out.data[AT_CLIENT + 4], !NAMES[i].verified);
        ck_assert_msg((out.len > AT_CN && out.data[AT_CN] == 0x22) == NAMES[i].named, "row %zu", i);
        buf_done(&out);
    }
}
END_TEST

/* The certificate itself: last, whole or not at all, and only of a client that was verified. */
START_TEST(certificate)
{
    static unsigned char der[PROXY_MOST_CERTIFICATE + 1];
    static const struct {
        unsigned size;
        bool verified, there;
    } ROWS[] = {
        {1, true, true},
        {2000, true, true},
        {2000, false, false},
        {0, true, false},
        {PROXY_MOST_CERTIFICATE, true, true},
        {PROXY_MOST_CERTIFICATE + 1, true, false},
    };
    for (size_t i = 0; i < sizeof der; i++)
        der[i] = (unsigned char)i;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const struct proxy_said said = {.source = "192.0.2.1:1",
                                        .target = "192.0.2.2:2",
                                        .tls = true,
                                        .certificate = true,
                                        .verified = ROWS[i].verified,
                                        .der = {der, ROWS[i].size}};
        struct buf out = {0};
        proxy_write_header(PROXY_V2, &said, &out);
        enum { AT_SSL = 16 + 12, AT_CERT = AT_SSL + 3 + 5 };
        const unsigned char *byte = (const unsigned char *)out.data;
        const size_t size = ROWS[i].there ? 3 + (size_t)ROWS[i].size : 0;
        ck_assert(!buf_failed(&out));
        ck_assert_uint_eq(out.len, AT_CERT + size);
        ck_assert_uint_eq((size_t)byte[14] << 8 | byte[15], out.len - 16);
        ck_assert_uint_eq((size_t)byte[AT_SSL + 1] << 8 | byte[AT_SSL + 2], 5 + size);
        if (ROWS[i].there) {
            ck_assert_int_eq(byte[AT_CERT], 0x28);
            ck_assert_uint_eq((size_t)byte[AT_CERT + 1] << 8 | byte[AT_CERT + 2], ROWS[i].size);
            ck_assert_mem_eq(byte + AT_CERT + 3, der, ROWS[i].size);
        }
        buf_done(&out);
    }
}
END_TEST

Suite *suite_proxy_header(void)
{
    Suite *suite = suite_create("proxy_header");
    TCase *tcase = tcase_create("proxy_header");
    tcase_add_test(tcase, unexpected);
    tcase_add_test(tcase, rows);
    tcase_add_test(tcase, written);
    tcase_add_test(tcase, named);
    tcase_add_test(tcase, certificate);
    tcase_add_test(tcase, a_socket_of_a_host);
    tcase_add_test(tcase, ranges);
    tcase_add_test(tcase, no_ranges);
    suite_add_tcase(suite, tcase);
    return suite;
}
