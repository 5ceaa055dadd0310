#include "http/variables.h"

#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/text.h"

bool client_view_verified(const struct client_view *client)
{
    return client->peer && client->peer->verify == VERIFY_SUCCESS && client->peer->n_chain > 0;
}

static void put_hex(struct buf *out, unsigned char c)
{
    buf_putc(out, '\\');
    text_hex(out, &c, 1);
}

static bool is_plain(unsigned char c)
{
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

static int hex_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

void variable_put_name(struct buf *out, const char *rfc4514)
{
    for (const char *p = rfc4514; *p; p++) {
        const unsigned char c = (unsigned char)*p;
        if (c == '\\' && hex_digit(p[1]) && hex_digit(p[2])) {
            buf_put(out, p, 3);
            p += 2;
        } else if (c == '\\' && is_plain((unsigned char)p[1])) {
            buf_put(out, p++, 2); /* "\," */
        } else if (c == '\\' && p[1]) {
            put_hex(out, (unsigned char)*++p);
        } else if (is_plain(c)) {
            buf_putc(out, *p);
        } else {
            put_hex(out, c);
        }
    }
}

/* One of several values. */
static void put_value(struct buf *out, const unsigned char *value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const bool edge = value[i] == ' ' && (i == 0 || i + 1 == len); /* would be trimmed away */
        if (value[i] == ',')
            buf_puts(out, "\\,");
        else if (is_plain(value[i]) && !edge)
            buf_putc(out, (char)value[i]);
        else
            put_hex(out, value[i]);
    }
}

/* A word of the request. */
static void put_span(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c >= ' ' && c < 0x7f)
            buf_putc(out, text[i]);
        else
            put_hex(out, c);
    }
}

static void put_text(struct buf *out, const char *text)
{
    put_span(out, text, text ? strlen(text) : 0);
}

/* "example.org:8443", "[::1]:8443": a colon in brackets begins no port. */
static void put_hostname(struct buf *out, const char *host)
{
    const char *colon = host ? strrchr(host, ':') : NULL;
    const bool port = colon && !strchr(colon, ']');
    put_span(out, host, port ? (size_t)(colon - host) : host ? strlen(host) : 0);
}

static void put_attributes(struct buf *out, const struct certname *name, const char *label)
{
    bool first = true;
    for (size_t i = 0; i < name->n; i++) {
        const struct certname_attr *attr = &name->attr[i];
        if (!text_equal_nocase(attr->label, label))
            continue;
        if (!first)
            buf_putc(out, ',');
        first = false;
        if (attr->is_der)
            buf_putc(out, '#');
        if (attr->is_der)
            text_hex(out, attr->value, attr->len);
        else
            put_value(out, attr->value, attr->len);
    }
}

static void put_values(struct buf *out, const struct certvalues *values, bool shown)
{
    for (size_t i = 0; i < values->n; i++) {
        const struct certvalue *v = &values->v[i];
        if (i > 0)
            buf_putc(out, ',');
        if (shown)
            put_value(out, (const unsigned char *)v->text, strlen(v->text));
        else
            put_value(out, v->raw, v->len);
    }
}

static void put_codes(struct buf *out, const struct verdict_finding *finding, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_puts(out, i > 0 ? "," : "");
        buf_puts(out, VERDICT_ROWS[finding[i].code].code);
    }
}

static void put_time(struct buf *out, time_t t)
{
    char text[CLOCK_TEXT];
    buf_puts(out, clock_rfc3339(t, text));
}

/* What is said of a certificate that was verified. */
static void put_certificate(struct buf *out, enum variable variable, const struct client_view *client,
                            time_t now)
{
    enum { DAY = 86400 };
    const struct certinfo *leaf = client->peer->chain[0];
    /* Those that stand for one attribute of a name: the label is behind the dot. */
    const char *dot = strchr(VARIABLES[variable].name, '.');
    switch (variable) {
    case VARIABLE_SUBJECT:
        variable_put_name(out, leaf->subject.text);
        break;
    case VARIABLE_ISSUER:
        variable_put_name(out, leaf->issuer.text);
        break;
    case VARIABLE_ISSUER_CN:
    case VARIABLE_ISSUER_O:
        put_attributes(out, &leaf->issuer, dot + 1);
        break;
    case VARIABLE_SERIAL:
        buf_puts(out, leaf->serial);
        break;
    case VARIABLE_NOT_BEFORE:
        put_time(out, leaf->not_before);
        break;
    case VARIABLE_NOT_AFTER:
        put_time(out, leaf->not_after);
        break;
    case VARIABLE_DAYS_REMAINING:
        buf_put_uint(out, leaf->not_after > now ? (uint64_t)(leaf->not_after - now) / DAY : 0);
        break;
    case VARIABLE_SAN_DNS:
        put_values(out, &leaf->dns_names, false);
        break;
    case VARIABLE_SAN_EMAIL:
        put_values(out, &leaf->emails, false);
        break;
    case VARIABLE_SAN_IP:
        put_values(out, &leaf->ips, true);
        break;
    case VARIABLE_SAN_URI:
        put_values(out, &leaf->uris, false);
        break;
    case VARIABLE_FINGERPRINT:
        buf_puts(out, leaf->fingerprint_sha256);
        break;
    case VARIABLE_SPKI:
        buf_puts(out, leaf->spki_sha256);
        break;
    case VARIABLE_CERTIFICATE:
        if (client->n_chain > 0)
            base64_encode(out, client->chain[0].data, client->chain[0].size);
        break;
    default:
        put_attributes(out, &leaf->subject, dot ? dot + 1 : "");
        break;
    }
}

static void put_tls(struct buf *out, enum variable variable, const struct tls_facts *tls)
{
    switch (variable) {
    case VARIABLE_TLS_VERSION:
        put_text(out, tls->version);
        break;
    case VARIABLE_TLS_CIPHER:
        put_text(out, tls->cipher_suite);
        break;
    case VARIABLE_TLS_GROUP:
        put_text(out, tls->group);
        break;
    case VARIABLE_TLS_ALPN:
        put_text(out, tls->alpn);
        break;
    case VARIABLE_TLS_SERVER_NAME:
        put_text(out, tls->server_name);
        break;
    case VARIABLE_TLS_RESUMED:
        buf_puts(out, tls->resumed ? "true" : "false");
        break;
    case VARIABLE_TLS_CLIENT_SIGNATURE:
        put_text(out, tls->client_signature);
        break;
    default:
        break;
    }
}

static void put_request(struct buf *out, enum variable variable, const struct client_view *client,
                        const struct request_view *request)
{
    const char *address, *port;
    size_t len;
    switch (variable) {
    case VARIABLE_REMOTE:
        text_address(client->remote, &address, &len, NULL);
        buf_put(out, address, len);
        break;
    case VARIABLE_REMOTE_PORT:
        text_address(client->remote, &address, &len, &port);
        buf_puts(out, port);
        break;
    case VARIABLE_LISTENER:
        buf_puts(out, client->listener);
        break;
    case VARIABLE_CONNECTION:
        buf_put_uint(out, client->connection);
        break;
    case VARIABLE_REQUEST:
        buf_put_uint(out, request->number);
        break;
    case VARIABLE_METHOD:
        put_text(out, request->method);
        break;
    case VARIABLE_HOST:
        put_text(out, request->host);
        break;
    case VARIABLE_HOSTNAME:
        put_hostname(out, request->host);
        break;
    case VARIABLE_URI:
        put_text(out, request->path);
        if (request->query)
            buf_putc(out, '?');
        put_text(out, request->query);
        break;
    case VARIABLE_PATH:
        put_text(out, request->path);
        break;
    case VARIABLE_QUERY:
        put_text(out, request->query);
        break;
    default:
        break;
    }
}

void variable_put(struct buf *out, enum variable variable, const struct client_view *client,
                  const struct request_view *request)
{
    const struct peer *peer = client->peer;
    if (VARIABLES[variable].identity) {
        if (client_view_verified(client))
            put_certificate(out, variable, client, request->now);
    } else if (variable == VARIABLE_VERIFY) {
        buf_puts(out, verify_word(peer ? peer->verify : VERIFY_NONE));
    } else if (variable == VARIABLE_ERRORS) {
        /* Without a certificate there is nothing that was not verified. */
        if (peer && peer->verify == VERIFY_FAILED)
            put_codes(out, peer->errors, peer->n_errors);
    } else if (variable == VARIABLE_WARNINGS) {
        if (peer && peer->verify != VERIFY_NONE)
            put_codes(out, peer->warnings, peer->n_warnings);
    } else if (strncmp(VARIABLES[variable].name, "tls.", 4) == 0) {
        put_tls(out, variable, client->tls);
    } else {
        put_request(out, variable, client, request);
    }
}

void template_put(struct buf *out, const struct template *template, const struct client_view *client,
                  const struct request_view *request)
{
    for (size_t i = 0; i < template->n; i++) {
        const struct template_part *part = &template->part[i];
        if (part->variable == VARIABLE_COUNT)
            buf_put(out, part->text, part->len);
        else
            variable_put(out, part->variable, client, request);
    }
}
