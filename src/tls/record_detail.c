#include "tls/record_detail.h"

#include "pki/der.h"
#include "tls/certificate_message.h"
#include "tls/client_hello.h"

enum {
    EXT_SIGNATURE_ALGORITHMS = 13,
    EXT_ALPN = 16,
    EXT_PRE_SHARED_KEY = 41,
    EXT_SUPPORTED_VERSIONS = 43,
    EXT_CERTIFICATE_AUTHORITIES = 47,
    EXT_KEY_SHARE = 51,
};
enum { RANDOM_BYTES = 32, NAMED_CURVE = 3 /* ECCurveType of RFC 8422 */ };

/* RFC 8446 section 4.1.3: the SHA-256 of "HelloRetryRequest". */
static const uint8_t RETRY_RANDOM[RANDOM_BYTES] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

bool detail_is_hello_retry(const uint8_t *body, size_t len)
{
    return len >= 2 + RANDOM_BYTES && memcmp(body + 2, RETRY_RANDOM, RANDOM_BYTES) == 0;
}

/* A message under the parser's hands. */
struct keep {
    bool tls13;
    struct wire body;
    struct wire_out *out;
};

/* The extension of that type in a block of them. False when there is none or the block is malformed before
 * it. */
static bool find_extension(struct wire block, uint16_t wanted, struct wire *data)
{
    uint16_t type;
    while (wire_u16(&block, &type) && wire_vector16(&block, data)) {
        if (type == wanted)
            return true;
    }
    return false;
}

static bool keep_client_hello(struct keep *k)
{
    struct client_hello hello;
    return client_hello_parse(k->body.p, k->body.n, &hello, NULL) == 0 && client_hello_pack(&hello, k->out);
}

struct hello {
    uint16_t version, cipher_suite;
    struct wire extensions;
};

static bool read_hello(struct wire body, struct hello *out)
{
    struct wire random, session_id, data;
    uint8_t compression;
    if (!wire_u16(&body, &out->version) || !wire_bytes(&body, RANDOM_BYTES, &random) ||
        !wire_vector8(&body, &session_id) || !wire_u16(&body, &out->cipher_suite) ||
        !wire_u8(&body, &compression))
        return false;
    out->extensions = (struct wire){0};
    if (body.n > 0 && (!wire_vector16(&body, &out->extensions) || body.n != 0))
        return false;
    if (find_extension(out->extensions, EXT_SUPPORTED_VERSIONS, &data) && !wire_u16(&data, &out->version))
        return false;
    return true;
}

static uint16_t share_group(struct wire extensions)
{
    struct wire data;
    uint16_t group;
    return find_extension(extensions, EXT_KEY_SHARE, &data) && wire_u16(&data, &group) ? group : 0;
}

static bool keep_server_hello(struct keep *k)
{
    struct hello hello;
    struct wire data;
    return read_hello(k->body, &hello) && wire_put_u16(k->out, hello.version) &&
           wire_put_u16(k->out, hello.cipher_suite) && wire_put_u16(k->out, share_group(hello.extensions)) &&
           wire_put_u8(k->out, find_extension(hello.extensions, EXT_PRE_SHARED_KEY, &data));
}

static bool keep_hello_retry(struct keep *k)
{
    struct hello hello;
    return read_hello(k->body, &hello) && wire_put_u16(k->out, share_group(hello.extensions));
}

static bool keep_encrypted_extensions(struct keep *k)
{
    struct wire block, data, list, name;
    if (!wire_vector16(&k->body, &block))
        return false;
    if (!find_extension(block, EXT_ALPN, &data))
        return true;
    return wire_vector16(&data, &list) && wire_vector8(&list, &name) && wire_put(k->out, name.p, name.n);
}

static bool put_vector(struct wire_out *out, struct wire bytes)
{
    size_t before = out->n;
    if (bytes.n <= UINT16_MAX && wire_put_u16(out, (uint16_t)bytes.n) && wire_put(out, bytes.p, bytes.n))
        return true;
    out->n = before;
    return false;
}

static bool keep_certificate_request(struct keep *k)
{
    struct wire context, block, data, signatures = {0}, names = {0}, name;
    if (k->tls13) {
        if (!wire_vector8(&k->body, &context) || !wire_vector16(&k->body, &block))
            return false;
        if (find_extension(block, EXT_SIGNATURE_ALGORITHMS, &data) && !wire_vector16(&data, &signatures))
            return false;
        if (find_extension(block, EXT_CERTIFICATE_AUTHORITIES, &data) && !wire_vector16(&data, &names))
            return false;
    } else {
        struct wire types;
        if (!wire_vector8(&k->body, &types) || !wire_vector16(&k->body, &signatures) ||
            !wire_vector16(&k->body, &names))
            return false;
    }
    if (signatures.n % 2 != 0)
        return false;
    if (!put_vector(k->out, signatures))
        return false;
    while (names.n > 0) {
        if (!wire_vector16(&names, &name))
            return false;
        if (!put_vector(k->out, name))
            return true; /* those before it stay */
    }
    return true;
}

/* Subject and issuer out of Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version OPTIONAL,
 * serial, signature, issuer, validity, subject, ... } ... }. Their DER as a whole; both stay empty when it is
 * no certificate. */
static void read_names(struct wire certificate, struct wire *subject, struct wire *issuer)
{
    struct der in = {certificate.p, certificate.n}, whole, tbs, skipped, first, second, value;
    unsigned tag;
    *subject = *issuer = (struct wire){0};
    if (!der_take(&in, DER_SEQUENCE, &whole) || !der_take(&whole, DER_SEQUENCE, &tbs))
        return;
    if (der_next_is(&tbs, DER_CONTEXT_C(0)) && !der_any(&tbs, &tag, &value, &skipped))
        return;
    if (!der_take(&tbs, DER_INTEGER, &skipped) || !der_take(&tbs, DER_SEQUENCE, &skipped) ||
        !der_any(&tbs, &tag, &value, &first) || tag != DER_SEQUENCE ||
        !der_take(&tbs, DER_SEQUENCE, &skipped) || !der_any(&tbs, &tag, &value, &second) ||
        tag != DER_SEQUENCE)
        return;
    *issuer = (struct wire){first.p, first.n};
    *subject = (struct wire){second.p, second.n};
}

static bool put_certificate(struct wire_out *out, struct wire certificate)
{
    size_t before = out->n;
    struct wire subject, issuer;
    read_names(certificate, &subject, &issuer);
    if (wire_put_u32(out, (uint32_t)certificate.n) && put_vector(out, subject) && put_vector(out, issuer))
        return true;
    out->n = before;
    return false;
}

static bool keep_certificate(struct keep *k)
{
    struct wire list, certificate, extensions;
    size_t before = k->out->n;
    if (!certificate_list(k->body, k->tls13, &list))
        return false;
    while (list.n > 0) {
        if (!certificate_next(&list, k->tls13, &certificate, &extensions))
            return false;
        if (!put_certificate(k->out, certificate))
            return k->out->n > before; /* those before it stay; none at all would look like an empty list */
    }
    return true;
}

static bool keep_certificate_verify(struct keep *k)
{
    uint16_t signature;
    return wire_u16(&k->body, &signature) && wire_put_u16(k->out, signature);
}

static bool keep_server_key_exchange(struct keep *k)
{
    uint8_t type;
    uint16_t group, signature;
    struct wire point;
    return wire_u8(&k->body, &type) && type == NAMED_CURVE && wire_u16(&k->body, &group) &&
           wire_vector8(&k->body, &point) && wire_u16(&k->body, &signature) && wire_put_u16(k->out, group) &&
           wire_put_u16(k->out, signature);
}

/* Both versions begin with ticket_lifetime. */
static bool keep_ticket(struct keep *k)
{
    uint32_t lifetime;
    return wire_u32(&k->body, &lifetime) && wire_put_u32(k->out, lifetime);
}

static bool keep_key_update(struct keep *k)
{
    uint8_t request;
    return wire_u8(&k->body, &request) && wire_put_u8(k->out, request);
}

static bool keep_nothing(struct keep *k)
{
    (void)k;
    return true;
}

/* The readers' side. */

static bool no_detail(struct wire kept, struct detail *out)
{
    (void)out;
    return kept.n == 0;
}

static bool read_server_hello(struct wire kept, struct detail *out)
{
    uint8_t psk = 0;
    bool good = wire_u16(&kept, &out->version) && wire_u16(&kept, &out->cipher_suite) &&
                wire_u16(&kept, &out->group) && wire_u8(&kept, &psk) && kept.n == 0;
    out->psk_selected = good && psk;
    return good;
}

static bool read_hello_retry(struct wire kept, struct detail *out)
{
    return wire_u16(&kept, &out->group) && kept.n == 0;
}

static bool read_encrypted_extensions(struct wire kept, struct detail *out)
{
    out->alpn = kept;
    return true;
}

static bool read_certificate_request(struct wire kept, struct detail *out)
{
    if (!wire_vector16(&kept, &out->signatures))
        return false;
    out->items = kept;
    return true;
}

static bool read_certificate(struct wire kept, struct detail *out)
{
    out->items = kept;
    return true;
}

static bool read_certificate_verify(struct wire kept, struct detail *out)
{
    return wire_u16(&kept, &out->signature) && kept.n == 0;
}

static bool read_server_key_exchange(struct wire kept, struct detail *out)
{
    return wire_u16(&kept, &out->group) && wire_u16(&kept, &out->signature) && kept.n == 0;
}

static bool read_ticket(struct wire kept, struct detail *out)
{
    return wire_u32(&kept, &out->lifetime) && kept.n == 0;
}

static bool read_key_update(struct wire kept, struct detail *out)
{
    uint8_t request;
    bool good = wire_u8(&kept, &request) && kept.n == 0;
    out->update_requested = good && request;
    return good;
}

static bool read_alert(struct wire kept, struct detail *out)
{
    return wire_u8(&kept, &out->level) && wire_u8(&kept, &out->description) && kept.n == 0;
}

bool detail_certificate(struct wire *items, struct detail_certificate *out)
{
    return wire_u32(items, &out->bytes) && wire_vector16(items, &out->subject) &&
           wire_vector16(items, &out->issuer);
}

static bool (*const READERS[DETAIL_COUNT])(struct wire kept, struct detail *out) = {
    [DETAIL_NONE] = no_detail,
    [DETAIL_EMPTY] = no_detail,
    [DETAIL_CLIENT_HELLO] = no_detail,
    [DETAIL_SERVER_HELLO] = read_server_hello,
    [DETAIL_HELLO_RETRY_REQUEST] = read_hello_retry,
    [DETAIL_ENCRYPTED_EXTENSIONS] = read_encrypted_extensions,
    [DETAIL_CERTIFICATE_REQUEST] = read_certificate_request,
    [DETAIL_CERTIFICATE] = read_certificate,
    [DETAIL_CERTIFICATE_VERIFY] = read_certificate_verify,
    [DETAIL_SERVER_KEY_EXCHANGE] = read_server_key_exchange,
    [DETAIL_NEW_SESSION_TICKET] = read_ticket,
    [DETAIL_KEY_UPDATE] = read_key_update,
    [DETAIL_ALERT] = read_alert,
};

bool detail_read(enum detail_kind kind, struct wire kept, struct detail *out)
{
    memset(out, 0, sizeof *out);
    return READERS[kind](kept, out);
}

/* The messages that are understood. */
static const struct {
    uint8_t type;
    enum detail_kind kind;
    bool (*keep)(struct keep *k);
} ROWS[] = {
    {TLS_CLIENT_HELLO, DETAIL_CLIENT_HELLO, keep_client_hello},
    {TLS_SERVER_HELLO, DETAIL_SERVER_HELLO, keep_server_hello},
    {TLS_HELLO_RETRY_REQUEST, DETAIL_HELLO_RETRY_REQUEST, keep_hello_retry},
    {TLS_ENCRYPTED_EXTENSIONS, DETAIL_ENCRYPTED_EXTENSIONS, keep_encrypted_extensions},
    {TLS_CERTIFICATE_REQUEST, DETAIL_CERTIFICATE_REQUEST, keep_certificate_request},
    {TLS_CERTIFICATE, DETAIL_CERTIFICATE, keep_certificate},
    {TLS_CERTIFICATE_VERIFY, DETAIL_CERTIFICATE_VERIFY, keep_certificate_verify},
    {TLS_SERVER_KEY_EXCHANGE, DETAIL_SERVER_KEY_EXCHANGE, keep_server_key_exchange},
    {TLS_NEW_SESSION_TICKET, DETAIL_NEW_SESSION_TICKET, keep_ticket},
    {TLS_KEY_UPDATE, DETAIL_KEY_UPDATE, keep_key_update},
    {TLS_CLIENT_KEY_EXCHANGE, DETAIL_EMPTY, keep_nothing},
    {TLS_SERVER_HELLO_DONE, DETAIL_EMPTY, keep_nothing},
    {TLS_FINISHED, DETAIL_EMPTY, keep_nothing},
};

enum detail_kind detail_keep(uint8_t type, bool tls13, const uint8_t *body, size_t len, struct wire_out *out)
{
    struct keep k = {tls13, {body, len}, out};
    size_t before = out->n;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        if (ROWS[i].type != type)
            continue;
        if (ROWS[i].keep(&k))
            return ROWS[i].kind;
        out->n = before;
        break;
    }
    return DETAIL_NONE;
}
