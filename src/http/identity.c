#include "http/identity.h"

#include <ctype.h>
#include <string.h>

#include "base/base64.h"

/* The certificates of a chain are 32 KiB at most, three times that in PEM with its escapes. */
enum { MOST = 256 * 1024 };

static void put_item(struct buf *out, const gnutls_datum_t *der)
{
    buf_putc(out, ':');
    base64_encode(out, der->data, der->size);
    buf_putc(out, ':');
}

/* RFC 9440 section 2.2. */
static void put_client_cert(struct buf *out, const struct client_view *client)
{
    if (!client_view_verified(client) || client->n_chain == 0)
        return;
    buf_puts(out, "Client-Cert: ");
    put_item(out, &client->chain[0]);
    buf_puts(out, "\r\n");
}

/* Section 2.3: without the client's own. */
static void put_client_cert_chain(struct buf *out, const struct client_view *client)
{
    if (!client_view_verified(client) || client->n_chain < 2)
        return;
    buf_puts(out, "Client-Cert-Chain: ");
    for (unsigned i = 1; i < client->n_chain; i++) {
        buf_puts(out, i > 1 ? ", " : "");
        put_item(out, &client->chain[i]);
    }
    buf_puts(out, "\r\n");
}

/* PEM as in a URL's query, which Envoy and nginx ($ssl_client_escaped_cert) write the same way. */
static void put_escaped_pem(struct buf *out, const gnutls_datum_t *der)
{
    enum { LINE = 64 };
    struct buf text;
    buf_init(&text, MOST);
    base64_encode(&text, der->data, der->size);
    buf_puts(out, "-----BEGIN%20CERTIFICATE-----%0A");
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.data[i];
        if (i > 0 && i % LINE == 0)
            buf_puts(out, "%0A");
        if (isalnum((unsigned char)c))
            buf_putc(out, c);
        else
            buf_printf(out, "%%%02X", (unsigned)c);
    }
    buf_puts(out, "%0A-----END%20CERTIFICATE-----%0A");
    out->failed = out->failed || buf_failed(&text);
    buf_done(&text);
}

/* ";URI=..." for each; always quoted, and what would end the quotes, or is no visible ASCII, as %XX. */
static void put_xfcc_names(struct buf *out, const char *key, const struct certvalues *values)
{
    for (size_t i = 0; i < values->n; i++) {
        buf_printf(out, ";%s=\"", key);
        for (size_t j = 0; j < values->v[i].len; j++) {
            const unsigned char c = values->v[i].raw[j];
            if (c > ' ' && c < 0x7f && c != '"' && c != '\\')
                buf_putc(out, (char)c);
            else
                buf_printf(out, "%%%02X", c);
        }
        buf_putc(out, '"');
    }
}

static void put_xfcc(struct buf *out, const struct client_view *client)
{
    if (!client_view_verified(client))
        return;
    const struct certinfo *leaf = client->peer->chain[0];
    buf_printf(out, "X-Forwarded-Client-Cert: Hash=%s", leaf->fingerprint_sha256);
    if (client->n_chain > 0) {
        buf_puts(out, ";Cert=\"");
        put_escaped_pem(out, &client->chain[0]);
        buf_putc(out, '"');
    }
    buf_puts(out, ";Subject=\"");
    variable_put_name(out, leaf->subject.text); /* has no quotes */
    buf_putc(out, '"');
    put_xfcc_names(out, "URI", &leaf->uris);
    put_xfcc_names(out, "DNS", &leaf->dns_names);
    buf_puts(out, "\r\n");
}

static void put_x_ssl(struct buf *out, const struct client_view *client)
{
    static const struct {
        const char *name;
        enum variable variable;
    } FIELDS[] = {
        {"X-SSL-Client-S-DN", VARIABLE_SUBJECT},          {"X-SSL-Client-I-DN", VARIABLE_ISSUER},
        {"X-SSL-Client-Serial", VARIABLE_SERIAL},         {"X-SSL-Client-SHA256", VARIABLE_FINGERPRINT},
        {"X-SSL-Client-Not-Before", VARIABLE_NOT_BEFORE}, {"X-SSL-Client-Not-After", VARIABLE_NOT_AFTER},
        {"X-SSL-Protocol", VARIABLE_TLS_VERSION},         {"X-SSL-Cipher", VARIABLE_TLS_CIPHER},
    };
    const struct request_view none = {.method = ""};
    const struct peer *peer = client->peer;
    buf_printf(out, "X-SSL-Client-Verify: %s", verify_word(peer ? peer->verify : VERIFY_NONE));
    if (peer && peer->verify == VERIFY_FAILED && peer->n_errors > 0) {
        buf_putc(out, ':');
        variable_put(out, VARIABLE_ERRORS, client, &none);
    }
    buf_puts(out, "\r\n");
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        const size_t before = out->len;
        buf_printf(out, "%s: ", FIELDS[i].name);
        const size_t start = out->len;
        variable_put(out, FIELDS[i].variable, client, &none);
        if (out->len == start)
            out->len = before; /* an empty subject, or no certificate that was verified */
        else
            buf_puts(out, "\r\n");
    }
}

/* The formats, and below, in the same order, the names that clients may not send. */
static const struct {
    enum identity_format format;
    void (*put)(struct buf *out, const struct client_view *client);
} FORMATS[] = {
    {IDENTITY_CLIENT_CERT, put_client_cert},
    {IDENTITY_CLIENT_CERT_CHAIN, put_client_cert_chain},
    {IDENTITY_XFCC, put_xfcc},
    {IDENTITY_X_SSL, put_x_ssl},
};
static const struct identity_name OWN[ARRAY_LEN(FORMATS)] = {
    IDENTITY_NAME("client-cert"),
    IDENTITY_NAME("client-cert-chain"),
    IDENTITY_NAME("x-forwarded-client-cert"),
    IDENTITY_NAME("x-ssl-"),
};

static void put_formats(struct buf *out, unsigned formats, const struct client_view *client)
{
    for (size_t i = 0; i < ARRAY_LEN(FORMATS); i++) {
        if (formats & FORMATS[i].format)
            FORMATS[i].put(out, client);
    }
}

static int folded(char c)
{
    const unsigned char lower = (unsigned char)(c | 0x20); /* digits are as they are */
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ? lower : '-';
}

bool identity_same_name(const char *a, size_t a_len, const char *b, size_t b_len)
{
    if (a_len != b_len)
        return false;
    for (size_t i = 0; i < a_len; i++) {
        if (folded(a[i]) != folded(b[i]))
            return false;
    }
    return true;
}

bool identity_is_among(const struct identity_name list[], size_t n, const char *name, size_t len)
{
    for (size_t i = 0; i < n; i++) {
        const struct identity_name *own = &list[i];
        const bool begins = len > own->len && own->text[own->len - 1] == '-';
        /* Most differ in the length. */
        if ((len == own->len || begins) && identity_same_name(name, own->len, own->text, own->len))
            return true;
    }
    return false;
}

bool identity_owns(const char *name, size_t len)
{
    return IDENTITY_AMONG(OWN, name, len);
}

const struct buf *identity_of(struct identity_made *made, unsigned formats, const struct client_view *client)
{
    if (!made->made || made->formats != formats || made->peer != client->peer) {
        identity_made_done(made);
        buf_init(&made->fields, MOST);
        put_formats(&made->fields, formats, client);
        if (buf_failed(&made->fields)) {
            identity_made_done(made);
            return NULL;
        }
        /* Held, so that no other peer comes to lie where this one was. */
        made->peer = client->peer ? peer_ref((struct peer *)(uintptr_t)client->peer) : NULL;
        made->formats = formats;
        made->made = true;
    }
    return &made->fields;
}

void identity_made_done(struct identity_made *made)
{
    buf_done(&made->fields);
    peer_unref((struct peer *)(uintptr_t)made->peer);
    *made = (struct identity_made){0};
}
