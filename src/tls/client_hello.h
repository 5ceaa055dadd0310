/* What a client offered: a ClientHello parsed once, by a pure function that trusts nothing in it. */
#ifndef MTLSD_TLS_CLIENT_HELLO_H
#define MTLSD_TLS_CLIENT_HELLO_H

#include "base/err.h"
#include "tls/wire.h"

/* Bounded lists: what is above the bound is counted, not kept. GREASE values (RFC 8701) stay in. */
enum { HELLO_MOST = 128, HELLO_MOST_ALPN = 16, HELLO_ALPN_TEXT = 32 };

struct hello_list {
    uint16_t v[HELLO_MOST];
    uint16_t n;     /* kept */
    uint16_t total; /* offered */
};

struct client_hello {
    uint16_t legacy_version;
    struct hello_list versions; /* supported_versions; empty when the extension is absent */
    struct hello_list cipher_suites, groups, signature_algorithms, key_shares,
        extensions;                              /* in the order sent */
    char alpn[HELLO_MOST_ALPN][HELLO_ALPN_TEXT]; /* raw bytes, the first 31 of each, NUL-terminated */
    uint8_t alpn_len[HELLO_MOST_ALPN];           /* as sent: may be more than is kept */
    uint8_t alpn_last;                           /* the last byte of the first name */
    uint16_t n_alpn, alpn_total;                 /* kept, offered */
    char server_name[256]; /* host_name of RFC 6066 as sent, "" when absent or with bytes outside printable
                              ASCII */
    bool psk_offered, early_data, session_ticket;
};

/* `body` is the handshake message without its four byte header. 0, or ERR_SYNTAX when the structure is broken
 * (then *out holds nothing of use). */
MUST_CHECK int client_hello_parse(const uint8_t *body, size_t len, struct client_hello *out, struct err *err);

/* What it costs to read, before anybody reads it: each suite is one item, an extension two, a PSK identity,
 * for which GnuTLS may derive a ticket key, sixteen. *items grows by them, over the hellos of a handshake.
 * False: there are more than HELLO_MOST_ITEMS. A malformed one is for others to refuse. */
enum { HELLO_MOST_ITEMS = 8192 };
MUST_CHECK bool client_hello_affordable(const uint8_t *body, size_t len, unsigned *items);

/* The bytes of an extension. False: it is not there. */
MUST_CHECK bool client_hello_extension(const uint8_t *body, size_t len, uint16_t type, struct wire *data);

/* What its lists of numbers hold, however long; empty where there is no such extension. False: it is
 * malformed.
 */
struct hello_numbers {
    struct wire cipher_suites, signature_algorithms, groups;
    bool has_groups;
};
MUST_CHECK bool client_hello_numbers(const uint8_t *body, size_t len, struct hello_numbers *out);

/* Whether it offers any other compression than none (RFC 8446 section 4.1.2 forbids that). */
MUST_CHECK bool client_hello_compresses(const uint8_t *body, size_t len);

/* The same in as few bytes as it takes, for keeping with a connection: hello_pack_read gives back what went
 * in. */
struct hello_pack {
    uint16_t n;
    uint8_t byte[];
};
/* NULL when memory is short. The caller frees it. */
struct hello_pack *hello_pack_new(const struct client_hello *hello);
void hello_pack_read(const struct hello_pack *pack, struct client_hello *out);

/* The bytes alone, HELLO_PACK_MOST at most. Packing is false when they have no room; then nothing was put.
 * Unpacking is false for bytes that packing did not make. */
enum { HELLO_PACK_MOST = 3072 };
MUST_CHECK bool client_hello_pack(const struct client_hello *hello, struct wire_out *out);
MUST_CHECK bool client_hello_unpack(struct wire bytes, struct client_hello *out);

/* RFC 8701 */
static inline bool hello_is_grease(uint16_t v)
{
    return (v & 0x0f0f) == 0x0a0a && (v >> 8) == (v & 0xff);
}

/* JA4 as FoxIO defines it for TLS over TCP: 36 characters. "" when a list that goes into it was longer than
 * what is kept, since a fingerprint of a part would be another client's. */
enum { JA4_TEXT = 40 };
void client_hello_ja4(const struct client_hello *hello, char out[static JA4_TEXT]);

#endif
