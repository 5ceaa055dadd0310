#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "cmd/probe_impl.h"
#include "http/view.h"
#include "http/view_checks.h"
#include "http/view_impl.h"

static bool is_port(const char *text)
{
    size_t n = strspn(text, "0123456789");
    long v = n > 0 && n <= 5 && text[n] == '\0' ? strtol(text, NULL, 10) : 0;
    return v > 0 && v < 65536;
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static bool parse_authority(const char *text, struct probe_url *out)
{
    const char *port = NULL;
    size_t n;
    if (text[0] == '[') {
        const char *end = strchr(text, ']');
        if (!end || (end[1] != '\0' && end[1] != ':'))
            return false;
        port = end[1] == ':' ? end + 2 : NULL;
        n = (size_t)(end - text) - 1;
        text++;
    } else {
        const char *colon = strchr(text, ':');
        port = colon ? colon + 1 : NULL;
        n = colon ? (size_t)(colon - text) : strlen(text);
    }
    if (n == 0 || n >= sizeof out->host || (port && !is_port(port)))
        return false;
    memcpy(out->host, text, n);
    out->host[n] = '\0';
    snprintf(out->port, sizeof out->port, "%s", port ? port : out->tcp ? "" : "443");
    unsigned char raw[16];
    out->is_address = inet_pton(AF_INET, out->host, raw) == 1 || inet_pton(AF_INET6, out->host, raw) == 1;
    return true;
}

int probe_parse_url(const char *text, struct probe_url *out, struct err *err)
{
    struct probe_url url = {.tcp = strncasecmp(text, "tls://", 6) == 0};
    if (!url.tcp && strncasecmp(text, "https://", 8) != 0)
        return err_set(err, ERR_SYNTAX,
                       "%s: give a URL that begins with https://, or --tcp HOST:PORT where no HTTP is spoken",
                       text);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p <= 0x20 || *p >= 0x7f)
            return err_set(err, ERR_SYNTAX, "the URL holds a byte that must be percent-encoded");
    }
    const char *authority = strstr(text, "://") + 3;
    size_t n = strcspn(authority, "/?#");
    if (n == 0 || n >= sizeof url.authority)
        return err_set(err, ERR_SYNTAX, "%s: the URL names no host", text);
    memcpy(url.authority, authority, n);
    url.authority[n] = '\0';
    if (strchr(url.authority, '@') || !parse_authority(url.authority, &url))
        return err_set(err, ERR_SYNTAX, "%s: write the host as NAME, NAME:PORT or [IPV6]:PORT", text);
    if (url.tcp && (!url.port[0] || authority[n] != '\0'))
        return err_set(err, ERR_SYNTAX, "%s: with --tcp give HOST:PORT, and nothing behind it", text);
    const char *path = authority + n;
    size_t path_len = strcspn(path, "#");
    int written = url.tcp ? 0
                          : snprintf(url.path, sizeof url.path, "%s%.*s", path[0] == '/' ? "" : "/",
                                     (int)path_len, path);
    if (written < 0 || (size_t)written >= sizeof url.path)
        return err_set(err, ERR_SYNTAX, "the URL's path is too long");
    *out = url;
    return 0;
}

int probe_parse_status(const char *head, size_t len)
{
    static const char BEGIN[] = "HTTP/1.";
    size_t n = len < sizeof BEGIN - 1 ? len : sizeof BEGIN - 1;
    if (memcmp(head, BEGIN, n) != 0)
        return -1;
    const char *end = memmem(head, len, "\r\n\r\n", 4);
    if (!end)
        return 0;
    /* "HTTP/1.1 200" */
    if (!isdigit((unsigned char)head[7]) || head[8] != ' ' || !isdigit((unsigned char)head[9]) ||
        !isdigit((unsigned char)head[10]) || !isdigit((unsigned char)head[11]) || head[9] < '1')
        return -1;
    return (head[9] - '0') * 100 + (head[10] - '0') * 10 + (head[11] - '0');
}

int probe_parse_time(const char *text, unsigned *out_ms)
{
    static const struct {
        const char *unit;
        unsigned long ms;
    } UNITS[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}};
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 7)
        return ERR_SYNTAX;
    unsigned long v = strtoul(text, NULL, 10);
    for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
        unsigned long ms = v * UNITS[i].ms;
        if (strcmp(text + digits, UNITS[i].unit) == 0 && ms > 0 && ms <= 3600000) {
            *out_ms = (unsigned)ms;
            return 0;
        }
    }
    return ERR_SYNTAX;
}

/* --- the report ----------------------------------------------------------------------------------------- */

static json_t *checks(const char *url, const struct peer *peer)
{
    struct probe_url parts;
    struct err err;
    struct view_checks_input in = {.peer = peer, .purpose = PURPOSE_SERVER};
    if (probe_parse_url(url, &parts, &err) == 0)
        in.hostname = parts.host;
    return view_checks(&in);
}

static json_t *tls(const struct probe_result *r)
{
    if (!r->handshake)
        return json_null();
    json_t *object = json_object();
    bool good = view_put(object, "version", view_text(r->tls.version)) &&
                view_put(object, "cipher_suite", view_text(r->tls.cipher_suite)) &&
                view_put(object, "group", view_text(r->tls.group)) &&
                view_put(object, "server_signature", view_text(r->tls.server_signature)) &&
                view_put(object, "alpn", view_text(r->tls.alpn[0] ? r->tls.alpn : NULL));
    return view_finish(object, good);
}

static json_t *times(const struct probe_result *r)
{
    json_t *object = json_object();
    bool good = view_put(object, "connect", json_integer(r->connect_ms)) &&
                view_put(object, "handshake", json_integer(r->handshake_ms)) &&
                view_put(object, "response", json_integer(r->response_ms));
    return view_finish(object, good);
}

#define NOT_TAKEN                                                                                            \
    "the server did not take the client certificate: mtlsd verify with its CAs and CRLs says why, as its "   \
    "log and /api/rejections do"
#define RULES     "the server's rules (allow, deny) do not let this client in: its log names the rule"
#define PROTOCOLS "the server speaks none of the protocols that were offered: see --alpn"
#define BACKEND   "the server may have let the client in and not have reached its backend: its log says which"

/* Alerts that say something of the client, or of what is behind the server. */
static const struct answer {
    int alert;
    bool refuses;                 /* the client */
    const char *certified, *bare; /* the hint, with a client certificate and without; NULL: none is known */
} ANSWERS[] = {
    {GNUTLS_A_CERTIFICATE_REQUIRED, true,
     "the server got no certificate: it named other CAs than the one that issued it, or another kind of key; "
     "its log says whom it asked for",
     "the server wants a client certificate: give --cert FILE and --key FILE"},
    {GNUTLS_A_BAD_CERTIFICATE, true, NOT_TAKEN, NULL},
    {GNUTLS_A_UNSUPPORTED_CERTIFICATE, true, NOT_TAKEN, NULL},
    {GNUTLS_A_CERTIFICATE_REVOKED, true, NOT_TAKEN, NULL},
    {GNUTLS_A_CERTIFICATE_EXPIRED, true, NOT_TAKEN, NULL},
    {GNUTLS_A_CERTIFICATE_UNKNOWN, true, NOT_TAKEN, NULL},
    {GNUTLS_A_UNKNOWN_CA, true, NOT_TAKEN, NULL},
    {GNUTLS_A_ACCESS_DENIED, true, RULES, RULES},
    {GNUTLS_A_NO_APPLICATION_PROTOCOL, true, PROTOCOLS, PROTOCOLS},
    {GNUTLS_A_HANDSHAKE_FAILURE, true, NULL,
     "it may want a client certificate: give --cert FILE and --key FILE"},
    {GNUTLS_A_INTERNAL_ERROR, false, BACKEND, BACKEND},
};

static const struct answer *answer_of(const struct probe_result *r)
{
    static const struct answer NONE = {.refuses = false};
    for (size_t i = 0; i < ARRAY_LEN(ANSWERS); i++) {
        if (ANSWERS[i].alert == r->alert)
            return &ANSWERS[i];
    }
    return &NONE;
}

bool probe_refused(const struct probe_result *r)
{
    return answer_of(r)->refuses;
}

/* What to do about the server's refusal of a client; NULL: nothing is known. */
static const char *hint(const struct probe_result *r, bool certified)
{
    if (r->not_tls)
        return "a protocol that asks for TLS by a command of its own (STARTTLS) cannot be probed; else it is "
               "another port that is wanted";
    return certified ? answer_of(r)->certified : answer_of(r)->bare;
}

/* What a tcp server did; null where HTTP was spoken or nothing was waited for. */
static json_t *server(const struct probe_result *r)
{
    if (r->did == PROBE_DID_NOTHING)
        return json_null();
    char *said = r->did == PROBE_DID_SPEAK ? text_escaped((const char *)r->said, r->n_said) : NULL;
    json_t *object = json_object();
    bool good = (r->did != PROBE_DID_SPEAK || said) &&
                view_put(object, "does", json_string(r->did == PROBE_DID_SPEAK ? "speak" : "wait")) &&
                view_put(object, "said", view_text(said));
    free(said);
    return view_finish(object, good);
}

json_t *probe_report(const char *url, const struct probe_result *r, bool certified, unsigned tries)
{
    const struct peer *peer = r->peer;
    const struct certinfo *leaf = peer && peer->n_chain > 0 ? peer->chain[0] : NULL;
    json_t *object = json_object();
    bool good =
        view_put(object, "url", view_text(url)) &&
        view_put(object, "address", view_text(r->address[0] ? r->address : NULL)) &&
        view_put(object, "tries", json_integer(tries)) &&
        view_put(object, "error", view_text(r->error[0] ? r->error : NULL)) &&
        view_put(object, "hint", view_text(r->error[0] ? hint(r, certified) : NULL)) &&
        view_put(object, "refused", json_boolean(probe_refused(r))) &&
        view_put(object, "status", r->status ? json_integer(r->status) : json_null()) &&
        view_put(object, "server", server(r)) && view_put(object, "checks", checks(url, peer)) &&
        view_put(object, "verify", view_text(peer ? verify_word(peer->verify) : NULL)) &&
        view_put(object, "errors",
                 peer ? view_findings(peer->errors, peer->n_errors, ERROR_DETAIL_FULL) : json_array()) &&
        view_put(object, "warnings",
                 peer ? view_findings(peer->warnings, peer->n_warnings, ERROR_DETAIL_FULL) : json_array()) &&
        view_put(object, "certificate", leaf ? view_certificate(leaf, clock_now()) : json_null()) &&
        view_put(object, "tls", tls(r)) && view_put(object, "milliseconds", times(r));
    return view_finish(object, good);
}
