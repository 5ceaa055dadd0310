/* What a handshake message says, in the few bytes that are worth keeping: the parsers of message bodies and
 * the readers of what they kept. Bodies are a peer's bytes: nothing in them is trusted. Pure, no allocation.
 */
#ifndef MTLSD_TLS_RECORD_DETAIL_H
#define MTLSD_TLS_RECORD_DETAIL_H

#include "tls/wire.h"

/* HandshakeType (RFC 8446 section 4). */
enum tls_message {
    TLS_CLIENT_HELLO = 1,
    TLS_SERVER_HELLO = 2,
    TLS_NEW_SESSION_TICKET = 4,
    TLS_HELLO_RETRY_REQUEST =
        6, /* its own number in drafts only; here it stands for the ServerHello that is one */
    TLS_ENCRYPTED_EXTENSIONS = 8,
    TLS_CERTIFICATE = 11,
    TLS_SERVER_KEY_EXCHANGE = 12,
    TLS_CERTIFICATE_REQUEST = 13,
    TLS_SERVER_HELLO_DONE = 14,
    TLS_CERTIFICATE_VERIFY = 15,
    TLS_CLIENT_KEY_EXCHANGE = 16,
    TLS_FINISHED = 20,
    TLS_KEY_UPDATE = 24,
};

enum detail_kind {
    DETAIL_NONE,  /* not understood, malformed, or without room */
    DETAIL_EMPTY, /* a message that has nothing to tell */
    DETAIL_CLIENT_HELLO,
    DETAIL_SERVER_HELLO,
    DETAIL_HELLO_RETRY_REQUEST,
    DETAIL_ENCRYPTED_EXTENSIONS,
    DETAIL_CERTIFICATE_REQUEST,
    DETAIL_CERTIFICATE,
    DETAIL_CERTIFICATE_VERIFY,
    DETAIL_SERVER_KEY_EXCHANGE,
    DETAIL_NEW_SESSION_TICKET,
    DETAIL_KEY_UPDATE,
    DETAIL_ALERT,
    DETAIL_COUNT
};

/* True when a ServerHello's body is a HelloRetryRequest: its random is the one of RFC 8446 section 4.1.3. */
bool detail_is_hello_retry(const uint8_t *body, size_t len);

/* Appends the detail of a message to `out` and says of what kind it is. `tls13` says by which version's form
 * a body is read where they differ. Lists of names and certificates may be cut short; out->full tells. */
enum detail_kind detail_keep(uint8_t type, bool tls13, const uint8_t *body, size_t len, struct wire_out *out);

/* What was kept. Slices borrow the kept bytes. */
struct detail {
    uint16_t version, cipher_suite; /* ServerHello */
    uint16_t group;                 /* ServerHello, HelloRetryRequest, ServerKeyExchange; 0: none */
    bool psk_selected;              /* ServerHello */
    uint16_t signature;             /* CertificateVerify, ServerKeyExchange; 0: none */
    uint32_t lifetime;              /* NewSessionTicket: seconds */
    bool update_requested;          /* KeyUpdate */
    uint8_t level, description;     /* Alert */
    struct wire alpn;               /* EncryptedExtensions: the chosen name, empty: none */
    struct wire signatures;         /* CertificateRequest: for wire_u16 */
    struct wire items;              /* CertificateRequest: for wire_vector16, DER names; Certificate: for
                                       detail_certificate */
};
/* Of every kind but NONE, EMPTY and CLIENT_HELLO (client_hello_unpack). False for bytes that detail_keep did
 * not make. */
MUST_CHECK bool detail_read(enum detail_kind kind, struct wire kept, struct detail *out);

struct detail_certificate {
    uint32_t bytes;
    struct wire subject, issuer; /* DER names; empty when the certificate is malformed */
};
/* The next of detail.items; false at the end. */
bool detail_certificate(struct wire *items, struct detail_certificate *out);

#endif
