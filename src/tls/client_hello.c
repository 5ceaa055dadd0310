#include "tls/client_hello.h"

#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "tls/wire.h"

enum {
    EXT_SERVER_NAME = 0,
    EXT_SUPPORTED_GROUPS = 10,
    EXT_SIGNATURE_ALGORITHMS = 13,
    EXT_ALPN = 16,
    EXT_SESSION_TICKET = 35,
    EXT_PRE_SHARED_KEY = 41,
    EXT_EARLY_DATA = 42,
    EXT_SUPPORTED_VERSIONS = 43,
    EXT_KEY_SHARE = 51,
};

enum { HOST_NAME = 0 /* NameType of RFC 6066 */, RANDOM_BYTES = 32, SESSION_ID_MOST = 32, BINDER_LEAST = 32 };

static void list_add(struct hello_list *list, uint16_t v)
{
    if (list->n < HELLO_MOST)
        list->v[list->n++] = v;
    list->total++;
}

/* A vector of at least one 16-bit number. */
static bool read_list(struct wire body, struct hello_list *list)
{
    uint16_t v;
    if (body.n == 0 || body.n % 2 != 0)
        return false;
    while (wire_u16(&body, &v))
        list_add(list, v);
    return true;
}

/* The extensions that matter here. Each function gets the whole extension_data. */

static bool read_server_name(struct wire data, struct client_hello *out)
{
    struct wire list;
    bool seen = false;
    if (!wire_vector16(&data, &list) || data.n != 0 || list.n == 0)
        return false;
    while (list.n > 0) {
        uint8_t type;
        struct wire name;
        if (!wire_u8(&list, &type) || !wire_vector16(&list, &name))
            return false;
        if (type != HOST_NAME)
            continue;
        /* RFC 6066 section 3: no two names of one type, none empty. */
        if (seen || name.n == 0)
            return false;
        seen = true;
        bool printable = name.n < sizeof out->server_name;
        for (size_t i = 0; printable && i < name.n; i++)
            printable = name.p[i] > 0x20 && name.p[i] < 0x7f;
        if (printable)
            memcpy(out->server_name, name.p, name.n);
    }
    return true;
}

static bool read_supported_versions(struct wire data, struct client_hello *out)
{
    struct wire list;
    return wire_vector8(&data, &list) && data.n == 0 && read_list(list, &out->versions);
}

static bool read_groups(struct wire data, struct client_hello *out)
{
    struct wire list;
    return wire_vector16(&data, &list) && data.n == 0 && read_list(list, &out->groups);
}

static bool read_signature_algorithms(struct wire data, struct client_hello *out)
{
    struct wire list;
    return wire_vector16(&data, &list) && data.n == 0 && read_list(list, &out->signature_algorithms);
}

static bool read_alpn(struct wire data, struct client_hello *out)
{
    struct wire list, name;
    if (!wire_vector16(&data, &list) || data.n != 0 || list.n == 0)
        return false;
    while (list.n > 0) {
        if (!wire_vector8(&list, &name) || name.n == 0)
            return false;
        if (out->alpn_total == 0)
            out->alpn_last = name.p[name.n - 1];
        out->alpn_total++;
        if (out->n_alpn == HELLO_MOST_ALPN)
            continue;
        memcpy(out->alpn[out->n_alpn], name.p, name.n < HELLO_ALPN_TEXT ? name.n : HELLO_ALPN_TEXT - 1);
        out->alpn_len[out->n_alpn++] = (uint8_t)name.n;
    }
    return true;
}

static bool read_key_share(struct wire data, struct client_hello *out)
{
    struct wire list, key;
    /* An empty list is allowed: it asks for a HelloRetryRequest (RFC 8446 section 4.2.8). */
    if (!wire_vector16(&data, &list) || data.n != 0)
        return false;
    while (list.n > 0) {
        uint16_t group;
        if (!wire_u16(&list, &group) || !wire_vector16(&list, &key) || key.n == 0)
            return false;
        list_add(&out->key_shares, group);
    }
    return true;
}

static unsigned count_identities(struct wire data)
{
    struct wire identities, item, age;
    unsigned n = 0;
    if (!wire_vector16(&data, &identities))
        return 0;
    while (wire_vector16(&identities, &item) && wire_bytes(&identities, 4, &age))
        n++;
    return n;
}

bool client_hello_affordable(const uint8_t *body, size_t len, unsigned *items)
{
    enum { NUMBER = 1, EXTENSION = 2, IDENTITY = 16 };
    struct wire in = {body, len}, random, part, data;
    uint16_t version, type;
    if (!wire_u16(&in, &version) || !wire_bytes(&in, RANDOM_BYTES, &random) || !wire_vector8(&in, &part) ||
        !wire_vector16(&in, &part))
        return true;
    *items += NUMBER * (unsigned)(part.n / 2);
    if (!wire_vector8(&in, &part) || !wire_vector16(&in, &part))
        return *items <= HELLO_MOST_ITEMS;
    while (*items <= HELLO_MOST_ITEMS && wire_u16(&part, &type) && wire_vector16(&part, &data)) {
        *items += EXTENSION;
        if (type == EXT_PRE_SHARED_KEY)
            *items += IDENTITY * count_identities(data);
        else if (type == EXT_SUPPORTED_GROUPS || type == EXT_SIGNATURE_ALGORITHMS)
            *items += NUMBER * (unsigned)(data.n / 2);
    }
    return *items <= HELLO_MOST_ITEMS;
}

/* The parts in front of the extensions; *in is behind them then. */
static bool read_front(struct wire *in, struct wire *cipher_suites, struct wire *compressions)
{
    struct wire part;
    uint16_t version;
    return wire_u16(in, &version) && wire_bytes(in, RANDOM_BYTES, &part) && wire_vector8(in, &part) &&
           wire_vector16(in, cipher_suites) && wire_vector8(in, compressions);
}

bool client_hello_extension(const uint8_t *body, size_t len, uint16_t wanted, struct wire *data)
{
    struct wire in = {body, len}, suites, compressions, block;
    uint16_t type;
    if (!read_front(&in, &suites, &compressions) || !wire_vector16(&in, &block))
        return false;
    while (wire_u16(&block, &type) && wire_vector16(&block, data)) {
        if (type == wanted)
            return true;
    }
    return false;
}

bool client_hello_numbers(const uint8_t *body, size_t len, struct hello_numbers *out)
{
    struct wire in = {body, len}, part, data;
    uint16_t version;
    memset(out, 0, sizeof *out);
    if (!wire_u16(&in, &version) || !wire_bytes(&in, RANDOM_BYTES, &part) || !wire_vector8(&in, &part) ||
        !wire_vector16(&in, &out->cipher_suites))
        return false;
    if (client_hello_extension(body, len, EXT_SIGNATURE_ALGORITHMS, &data) &&
        !wire_vector16(&data, &out->signature_algorithms))
        return false;
    out->has_groups = client_hello_extension(body, len, EXT_SUPPORTED_GROUPS, &data);
    return !out->has_groups || wire_vector16(&data, &out->groups);
}

bool client_hello_compresses(const uint8_t *body, size_t len)
{
    struct wire in = {body, len}, suites, compressions;
    return read_front(&in, &suites, &compressions) && (compressions.n != 1 || compressions.p[0] != 0);
}

static bool read_pre_shared_key(struct wire data, struct client_hello *out)
{
    struct wire identities, binders, item, age;
    if (!wire_vector16(&data, &identities) || !wire_vector16(&data, &binders) || data.n != 0 ||
        identities.n == 0 || binders.n == 0)
        return false;
    while (identities.n > 0) {
        if (!wire_vector16(&identities, &item) || item.n == 0 || !wire_bytes(&identities, 4, &age))
            return false;
    }
    while (binders.n > 0) {
        if (!wire_vector8(&binders, &item) || item.n < BINDER_LEAST)
            return false;
    }
    out->psk_offered = true;
    return true;
}

static bool read_early_data(struct wire data, struct client_hello *out)
{
    out->early_data = true;
    return data.n == 0;
}

static bool read_session_ticket(struct wire data, struct client_hello *out)
{
    (void)data;
    out->session_ticket = true;
    return true;
}

static const struct {
    uint16_t type;
    bool (*read)(struct wire data, struct client_hello *out);
} READERS[] = {
    {EXT_SERVER_NAME, read_server_name},
    {EXT_SUPPORTED_GROUPS, read_groups},
    {EXT_SIGNATURE_ALGORITHMS, read_signature_algorithms},
    {EXT_ALPN, read_alpn},
    {EXT_SESSION_TICKET, read_session_ticket},
    {EXT_PRE_SHARED_KEY, read_pre_shared_key},
    {EXT_EARLY_DATA, read_early_data},
    {EXT_SUPPORTED_VERSIONS, read_supported_versions},
    {EXT_KEY_SHARE, read_key_share},
};

static bool read_extension(uint16_t type, struct wire data, struct client_hello *out)
{
    for (size_t i = 0; i < ARRAY_LEN(READERS); i++) {
        if (READERS[i].type == type)
            return READERS[i].read(data, out);
    }
    return true;
}

static int read_extensions(struct wire block, struct client_hello *out, struct err *err)
{
    uint8_t seen[65536 / 8] = {0};
    while (block.n > 0) {
        uint16_t type;
        struct wire data;
        if (!wire_u16(&block, &type) || !wire_vector16(&block, &data))
            return err_set(err, ERR_SYNTAX, "ClientHello: an extension runs over the end");
        if (seen[type / 8] & 1u << type % 8)
            return err_set(err, ERR_SYNTAX, "ClientHello: extension %u comes twice", type);
        seen[type / 8] |= (uint8_t)(1u << type % 8);
        list_add(&out->extensions, type);
        if (!read_extension(type, data, out))
            return err_set(err, ERR_SYNTAX, "ClientHello: extension %u is malformed", type);
        if (type == EXT_PRE_SHARED_KEY && block.n > 0)
            return err_set(err, ERR_SYNTAX, "ClientHello: pre_shared_key is not the last extension");
    }
    return 0;
}

int client_hello_parse(const uint8_t *body, size_t len, struct client_hello *out, struct err *err)
{
    struct wire all = {body, len}, random, session_id, suites, compression, extensions;
    memset(out, 0, sizeof *out);
    if (!wire_u16(&all, &out->legacy_version) || !wire_bytes(&all, RANDOM_BYTES, &random))
        return err_set(err, ERR_SYNTAX, "ClientHello: %zu bytes are too few", len);
    if (!wire_vector8(&all, &session_id) || session_id.n > SESSION_ID_MOST)
        return err_set(err, ERR_SYNTAX, "ClientHello: bad length of legacy_session_id");
    if (!wire_vector16(&all, &suites) || !read_list(suites, &out->cipher_suites))
        return err_set(err, ERR_SYNTAX, "ClientHello: bad length of cipher_suites");
    if (!wire_vector8(&all, &compression) || compression.n == 0)
        return err_set(err, ERR_SYNTAX, "ClientHello: bad length of legacy_compression_methods");
    /* Before TLS 1.3 the whole block may be absent (RFC 5246 section 7.4.1.2). */
    if (all.n == 0)
        return 0;
    if (!wire_vector16(&all, &extensions) || all.n != 0)
        return err_set(err, ERR_SYNTAX, "ClientHello: bad length of the extensions");
    return read_extensions(extensions, out, err);
}

static int compare_u16(const void *a, const void *b)
{
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

/* "1301,1302,..." without GREASE. Returns the end of the text. */
static char *hex_list(const uint16_t *v, size_t n, char *out)
{
    static const char HEX[] = "0123456789abcdef";
    const char *begin = out;
    for (size_t i = 0; i < n; i++) {
        if (hello_is_grease(v[i]))
            continue;
        if (out != begin)
            *out++ = ',';
        for (int shift = 12; shift >= 0; shift -= 4)
            *out++ = HEX[v[i] >> shift & 15];
    }
    return out;
}

enum { JA4_HASH = 12 };

/* The first half dozen bytes of SHA-256 as hex, zeros for nothing. */
static char *hash12(const char *text, size_t len, char *out)
{
    static const char HEX[] = "0123456789abcdef";
    uint8_t digest[32] = {0};
    if (len > 0)
        gnutls_hash_fast(GNUTLS_DIG_SHA256, text, len, digest);
    for (size_t i = 0; i < JA4_HASH / 2; i++) {
        *out++ = HEX[digest[i] >> 4];
        *out++ = HEX[digest[i] & 15];
    }
    return out;
}

static const char *ja4_version(const struct client_hello *hello)
{
    static const struct {
        uint16_t version;
        char text[3];
    } WORDS[] = {{0x0304, "13"}, {0x0303, "12"}, {0x0302, "11"}, {0x0301, "10"}, {0x0300, "s3"},
                 {0x0002, "s2"}, {0xfeff, "d1"}, {0xfefd, "d2"}, {0xfefc, "d3"}};
    uint16_t version = hello->versions.n > 0 ? 0 : hello->legacy_version;
    for (size_t i = 0; i < hello->versions.n; i++) {
        if (!hello_is_grease(hello->versions.v[i]) && hello->versions.v[i] > version)
            version = hello->versions.v[i];
    }
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        if (WORDS[i].version == version)
            return WORDS[i].text;
    }
    return "00";
}

/* Two digits, at most 99. */
static char *ja4_count(const struct hello_list *list, char *out)
{
    unsigned n = 0;
    for (size_t i = 0; i < list->n; i++)
        n += !hello_is_grease(list->v[i]);
    if (n > 99)
        n = 99;
    *out++ = (char)('0' + n / 10);
    *out++ = (char)('0' + n % 10);
    return out;
}

static bool is_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static char *ja4_alpn(const struct client_hello *hello, char *out)
{
    static const char HEX[] = "0123456789abcdef";
    if (hello->n_alpn == 0) {
        *out++ = '0';
        *out++ = '0';
        return out;
    }
    uint8_t first = (uint8_t)hello->alpn[0][0], last = hello->alpn_last;
    bool plain = is_alnum(first) && is_alnum(last);
    *out++ = plain ? (char)first : HEX[first >> 4];
    *out++ = plain ? (char)last : HEX[last & 15];
    return out;
}

static bool whole(const struct hello_list *list)
{
    return list->n == list->total;
}

void client_hello_ja4(const struct client_hello *hello, char out[static JA4_TEXT])
{
    char text[2 * HELLO_MOST * 5 + 1], *end;
    uint16_t sorted[HELLO_MOST];
    size_t n = 0;
    bool sni = false;

    *out = '\0';
    if (!whole(&hello->cipher_suites) || !whole(&hello->extensions) || !whole(&hello->signature_algorithms))
        return;

    const char *version = ja4_version(hello);
    for (size_t i = 0; i < hello->extensions.n; i++) {
        uint16_t v = hello->extensions.v[i];
        sni = sni || v == EXT_SERVER_NAME;
        if (v != EXT_SERVER_NAME && v != EXT_ALPN)
            sorted[n++] = v;
    }
    *out++ = 't';
    *out++ = version[0];
    *out++ = version[1];
    *out++ = sni ? 'd' : 'i';
    out = ja4_count(&hello->cipher_suites, out);
    out = ja4_count(&hello->extensions, out);
    out = ja4_alpn(hello, out);
    *out++ = '_';

    qsort(sorted, n, sizeof *sorted, compare_u16);
    end = hex_list(sorted, n, text);
    if (end > text && hello->signature_algorithms.n > 0) {
        char *begin = end;
        *end++ = '_';
        end = hex_list(hello->signature_algorithms.v, hello->signature_algorithms.n, end);
        if (end == begin + 1)
            end = begin;
    }
    char extensions_hash[JA4_HASH];
    hash12(text, (size_t)(end - text), extensions_hash);

    memcpy(sorted, hello->cipher_suites.v, hello->cipher_suites.n * sizeof *sorted);
    qsort(sorted, hello->cipher_suites.n, sizeof *sorted, compare_u16);
    end = hex_list(sorted, hello->cipher_suites.n, text);
    out = hash12(text, (size_t)(end - text), out);
    *out++ = '_';
    memcpy(out, extensions_hash, sizeof extensions_hash);
    out[sizeof extensions_hash] = '\0';
}
