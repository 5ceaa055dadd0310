#include "config/conf_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/conf_value.h"

static const char
    CERTIFICATE[] = "write certificate = { \"server.crt\", \"server.key\" } in the listen block",
    CLIENT_CA[] = "write client_ca = { \"root.crt\" } in the listen block",
    CRL[] = "write crl = { \"root.crl\" } in the listen block",
    CLIENT_AUTH[] = "write client_auth = off, request, optional or require in the listen block",
    DEPTH[] = "write verify_depth = NUMBER in the listen block",
    ROOT[] = "write document_root = \"FOLDER\" outside the blocks",
    ADDRESS[] = "write address = \"[::]:443\" in the listen block",
    LISTEN[] = "write listen \"NAME\" { address = \"[::]:443\" ... } for each address to listen on",
    LOCATION[] = "write location \"/PATH/\" { ... } outside the listen block",
    NO_CHOICE[] = "leave it out: there is no option for it, TLS 1.2 and 1.3 are spoken with "
                  "what is sound in them",
    NO_NAMES[] = "leave it out: the certificate is chosen by the names that stand in it; a host "
                 "with other clients is host \"NAME\" { ... } in the listen block, other "
                 "contents are location \"NAME/\" { ... }",
    PROXY[] = "write backend = \"NAME\" in a location, and outside the blocks backend \"NAME\" { "
              "server = { \"http://127.0.0.1:9000\" } }",
    UPSTREAM[] = "write backend \"NAME\" { server = { \"http://127.0.0.1:9000\" } } outside the blocks, and "
                 "backend = \"NAME\" in a location",
    SERVER[] = "write listen \"NAME\" { address = \"[::]:443\" ... } for each address to listen on; "
               "those of an application are server = { \"http://127.0.0.1:9000\" } in a backend block",
    ALWAYS_VERIFIED[] =
        "leave it out: https and tls servers are always verified; write ca = { \"root.crt\" } "
        "with the CA of their certificates, and server_name where these have another name",
    SET_HEADER[] = "write set_header = { \"NAME: VALUE\" } in a location that has a backend",
    REDIRECT[] = "write redirect = \"https://HOST${uri}\" in a location, or for all of port 80 in a "
                 "listen block with tls = off",
    NO_FASTCGI[] = "leave it out: HTTP is spoken to backends; put a server that speaks it "
                   "before the application",
    NO_VERSION[] =
        "leave it out: http:// and https:// servers are asked in HTTP/1.1, h2c:// and h2:// ones over "
        "HTTP/2",
    GRPC[] = "write backend = \"NAME\" in a location, and outside the blocks backend \"NAME\" { server = { "
             "\"h2c://127.0.0.1:50051\" } }, or h2:// where the server speaks TLS",
    PASSWORD[] = "write it into a file, and password_file = \"FILE\" in the listen block",
    TARGET[] =
        "write backend = \"NAME\" in a location, or with mode = tcp in the listen block, and outside the "
        "blocks backend \"NAME\" { server = { \"http://127.0.0.1:9000\" } }, or tcp://",
    ALLOW[] =
        "write allow = { \"subject:CN=alice,*\", \"san.dns:*.example.org\", \"san.uri:spiffe://...\" } in a "
        "location, or with mode = tcp in the listen block",
    TIMEOUT[] =
        "write header_timeout, body_timeout or idle_timeout outside the blocks, or connect_timeout and "
        "response_timeout in a backend block",
    OUTSIDE[] = "leave it out: options of the whole server stand outside of any block",
    LEVEL[] = "write log_level = error, warning, notice, info or debug",
    COMMENT[] = "a comment begins with '#'",
    NO_HTTP[] = "leave it out: listen and location stand outside of any block",
    NEEDLESS[] = "leave it out: there is nothing like it here";

/* Matched whole and as written. */
static const struct {
    const char *word, *remedy;
} FOREIGN[] = {
    /* nginx */
    {"server", SERVER},
    {"http", NO_HTTP},
    {"events", NO_HTTP},
    {"root", ROOT},
    {"alias", ROOT},
    {"index", "leave it out: a folder answers with its index.html"},
    {"autoindex", "leave it out: folders are not listed"},
    {"server_name", NO_NAMES},
    {"ssl", "leave it out: every listener speaks TLS"},
    {"ssl_certificate", CERTIFICATE},
    {"ssl_certificate_key", CERTIFICATE},
    {"ssl_client_certificate", CLIENT_CA},
    {"ssl_trusted_certificate", "write trusted_ca = { \"root.crt\" } in the listen block"},
    {"ssl_crl", CRL},
    {"ssl_verify_client", CLIENT_AUTH},
    {"ssl_verify_depth", DEPTH},
    {"ssl_password_file", "write password_file = \"FILE\" in the listen block"},
    {"ssl_session_tickets", "write tickets = on or off in the listen block"},
    {"ssl_session_ticket_key", "write ticket_key_file = \"FILE\" in the listen block"},
    {"ssl_session_timeout", "write ticket_lifetime = DURATION in the listen block"},
    {"ssl_session_cache", "leave it out: sessions are resumed by tickets (see tickets)"},
    {"ssl_stapling_file", "write ocsp_response = { \"FILE\" } in the listen block"},
    {"ssl_protocols", NO_CHOICE},
    {"ssl_ciphers", NO_CHOICE},
    {"ssl_ecdh_curve", NO_CHOICE},
    {"ssl_dhparam", NO_CHOICE},
    {"ssl_conf_command", NO_CHOICE},
    {"ssl_prefer_server_ciphers", NO_CHOICE},
    {"worker_processes", "write workers = NUMBER outside the blocks"},
    {"worker_connections", "write max_connections = NUMBER outside the blocks"},
    {"keepalive_timeout", "write idle_timeout = DURATION outside the blocks"},
    {"send_timeout", "write request_timeout = DURATION outside the blocks"},
    {"client_header_timeout", "write header_timeout = DURATION outside the blocks"},
    {"client_body_timeout", "write body_timeout = DURATION outside the blocks"},
    {"client_max_body_size", "write max_body = SIZE in a location that has a backend"},
    {"large_client_header_buffers", "write max_header = SIZE outside the blocks"},
    {"set_real_ip_from", "write trusted_proxies = { \"ADDRESS\" } in the listen block"},
    {"proxy_pass", PROXY},
    {"proxy_set_header", SET_HEADER},
    {"proxy_connect_timeout", "write connect_timeout = DURATION in the backend block"},
    {"proxy_read_timeout", "write response_timeout = DURATION in the backend block"},
    {"proxy_send_timeout", "write response_timeout = DURATION in the backend block"},
    {"proxy_buffering", "leave it out: every piece is passed on at once"},
    {"proxy_http_version", NO_VERSION},
    {"proxy_request_buffering", "leave it out: every piece is passed on at once"},
    {"proxy_ssl_certificate", "write certificate = { \"FILE\", \"KEY\" } in the backend block"},
    {"proxy_ssl_trusted_certificate", "write ca = { \"FILE\" } in the backend block"},
    {"proxy_ssl_name", "write server_name = \"NAME\" in the backend block"},
    {"proxy_ssl_verify", ALWAYS_VERIFIED},
    {"fastcgi_pass", NO_FASTCGI},
    {"grpc_pass", GRPC},
    {"grpc_set_header", SET_HEADER},
    {"grpc_read_timeout", "write response_timeout = DURATION in the backend block"},
    {"grpc_send_timeout", "write response_timeout = DURATION in the backend block"},
    {"grpc_ssl_certificate", "write certificate = { \"FILE\", \"KEY\" } in the backend block"},
    {"grpc_ssl_trusted_certificate", "write ca = { \"FILE\" } in the backend block"},
    {"grpc_ssl_verify", ALWAYS_VERIFIED},
    {"upstream", UPSTREAM},
    {"gzip", NEEDLESS},
    {"sendfile", NEEDLESS},
    {"tcp_nopush", NEEDLESS},
    {"pid", NEEDLESS},
    {"try_files", NEEDLESS},
    {"return", REDIRECT},
    {"rewrite", NEEDLESS},
    {"add_header", NEEDLESS},
    {"error_page", NEEDLESS},
    {"types", NEEDLESS},
    {"default_type", NEEDLESS},
    {"log_format", "write access_log_format = combined or json outside the blocks"},
    /* Apache */
    {"Listen", LISTEN},
    {"DocumentRoot", ROOT},
    {"ServerName", NO_NAMES},
    {"SSLEngine", "leave it out: every listener speaks TLS"},
    {"SSLProtocol", NO_CHOICE},
    {"SSLCipherSuite", NO_CHOICE},
    {"SSLCertificateFile", CERTIFICATE},
    {"SSLCertificateKeyFile", CERTIFICATE},
    {"SSLCACertificateFile", CLIENT_CA},
    {"SSLCARevocationFile", CRL},
    {"SSLVerifyClient", CLIENT_AUTH},
    {"SSLVerifyDepth", DEPTH},
    {"ProxyPass", PROXY},
    /* Caddy */
    {"tls", CERTIFICATE},
    {"trusted_ca_cert_file", CLIENT_CA},
    {"trust_pool", CLIENT_CA},
    {"mode", CLIENT_AUTH},
    {"file_server", ROOT},
    {"reverse_proxy", PROXY},
    {"handle", LOCATION},
    {"handle_path", LOCATION},
    {"encode", NEEDLESS},
    {"log", "write access_log = \"FILE\" outside the blocks"},
    /* HAProxy */
    {"frontend", LISTEN},
    {"bind", ADDRESS},
    {"crt", CERTIFICATE},
    {"ca-file", CLIENT_CA},
    {"crl-file", CRL},
    {"verify", CLIENT_AUTH},
    {"global", OUTSIDE},
    {"defaults", OUTSIDE},
    {"maxconn", "write max_connections = NUMBER outside the blocks, or in a listen or backend block"},
    {"timeout", TIMEOUT},
    {"default_backend", PROXY},
    {"use_backend", PROXY},
    {"acl", ALLOW},
    {"ssl-min-ver", NO_CHOICE},
    {"ssl-default-bind-options", NO_CHOICE},
    {"ssl-default-bind-ciphers", NO_CHOICE},
    {"ssl-default-bind-ciphersuites", NO_CHOICE},
    /* ghostunnel */
    {"target", TARGET},
    {"keystore", CERTIFICATE},
    {"storepass", PASSWORD},
    {"cacert", CLIENT_CA},
    {"allow-cn", ALLOW},
    {"allow-ou", ALLOW},
    {"allow-dns", ALLOW},
    {"allow-uri", ALLOW},
    {"allow-all", "leave it out: without allow everybody is let in whose certificate is good"},
    /* Traefik */
    {"entryPoints", LISTEN},
    {"certFile", CERTIFICATE},
    {"keyFile", CERTIFICATE},
    {"caFiles", CLIENT_CA},
    {"clientAuth", CLIENT_AUTH},
    {"clientAuthType", CLIENT_AUTH},
    {"minVersion", NO_CHOICE},
    {"cipherSuites", NO_CHOICE},
    /* Anybody's */
    {"min_version", NO_CHOICE},
    {"tls_min_version", NO_CHOICE},
    {"ssl_min_version", NO_CHOICE},
    {"tls_version", NO_CHOICE},
    {"protocols", NO_CHOICE},
    {"ciphers", NO_CHOICE},
    {"cipher_suites", NO_CHOICE},
    {"ciphersuites", NO_CHOICE},
    {"curves", NO_CHOICE},
    {"cert", CERTIFICATE},
    {"cert_file", CERTIFICATE},
    {"key", CERTIFICATE},
    {"key_file", CERTIFICATE},
    {"private_key", CERTIFICATE},
    {"ca", CLIENT_CA},
    {"ca_file", CLIENT_CA},
    {"password", PASSWORD},
    {"passphrase", PASSWORD},
    {"port", ADDRESS},
    {"combined", "write access_log_format = combined"},
    {"json", "write access_log_format = json"},
    {"info", LEVEL},
    {"notice", LEVEL},
    {"warn", LEVEL},
    {"error", LEVEL},
    {"debug", LEVEL},
    {"--", COMMENT},
};

/* The same inside a backend block. */
static const struct {
    const char *word, *remedy;
} FOREIGN_BACKEND[] = {
    {"verify", ALWAYS_VERIFIED},
    {"ssl_verify", ALWAYS_VERIFIED},
    {"insecure", ALWAYS_VERIFIED},
    {"insecure_skip_verify", ALWAYS_VERIFIED},
    {"tls_insecure_skip_verify", ALWAYS_VERIFIED},
    {"tls", "leave it out: write https:// before the server's host"},
    {"ssl", "leave it out: write https:// before the server's host"},
    {"mode",
     "leave it out: http://, https://, h2c://, h2://, tcp:// or tls:// before the server's host says it"},
    {"proto", "leave it out: h2c:// or h2:// before the server's host says that it is asked over HTTP/2"},
    {"http2_protocol_options", "leave it out: h2c:// or h2:// before the server's host says it"},
    {"timeout", "write connect_timeout and response_timeout"},
    {"read_timeout", "write response_timeout = DURATION"},
    {"keepalive", "write keepalive_timeout = DURATION"},
    {"retries", "leave it out: a request without a body goes to another server when a connection fails"},
    {"queue", "write queue_timeout = DURATION: how long a request waits for its turn"},
    {"maxconn", "write max_connections = NUMBER"},
    {"max_conns", "write max_connections = NUMBER"},
    {"ca_file", "write ca = { \"root.crt\" }"},
    {"crt", "write certificate = { \"client.crt\", \"client.key\" }"},
    {"health_check", "write check = \"/healthz\""},
    {"option", "write check = \"/healthz\""},
    {"least_conn", "write balance = least-connections"},
    {"ip_hash", "write balance = client-address"},
    {"sticky", "write balance = client-address, or client-certificate"},
};

/* Values of other servers. */
static const struct {
    const char *option, *word, *ours;
} FOREIGN_VALUE[] = {
    {"balance", "ip_hash", "client-address"},
    {"balance", "source", "client-address"},
    {"balance", "least_conn", "least-connections"},
    {"balance", "leastconn", "least-connections"},
    {"client_auth", "on", "require"},
    {"client_auth", "true", "require"},
    {"client_auth", "mandatory", "require"},
    {"client_auth", "false", "off"},
    {"client_auth", "yes", "require"},
    {"client_auth", "always", "require"},
    {"client_auth", "required", "require"},
    {"client_auth", "require_and_verify", "require"},
    {"client_auth", "verify_if_given", "optional"},
    {"client_auth", "optional_no_ca", "request"},
    {"client_auth", "none", "off"},
    {"client_cert", "require", "verified"},
    {"client_cert", "required", "verified"},
    {"client_cert", "on", "verified"},
    {"client_cert", "request", "any"},
    {"client_cert", "optional", "any"},
    {"client_cert", "off", "none"},
    {"identity", "X-SSL-Client-Cert", "x-ssl"},
    {"identity", "x-ssl-client-cert", "x-ssl"},
    {"identity", "X-Forwarded-Client-Cert", "xfcc"},
    {"identity", "x-forwarded-client-cert", "xfcc"},
    {"identity", "Client-Cert", "client-cert"},
    {"mode", "stream", "tcp"},
    {"mode", "tls", "tcp"},
    {"mode", "https", "http"},
    {"log_level", "warn", "warning"},
    {"log_level", "crit", "error"},
    {"log_level", "err", "error"},
    {"log_level", "trace", "debug"},
    {"proxy_protocol", "on", "v2"},
    {"routes", "none", "off"},
    {"routes", "on", "all"},
    {"forwarded", "off", "none"},
    {"forwarded", "on", "x-forwarded"},
    {"send_proxy", "on", "v2"},
};

const char *conf_words_value(const char *option, const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(FOREIGN_VALUE); i++) {
        if (strcmp(option, FOREIGN_VALUE[i].option) == 0 && strcmp(word, FOREIGN_VALUE[i].word) == 0)
            return FOREIGN_VALUE[i].ours;
    }
    return NULL;
}

static const char *foreign_in(enum option_section section, const char *name)
{
    for (size_t i = 0; section == SECTION_BACKEND && i < ARRAY_LEN(FOREIGN_BACKEND); i++) {
        if (strcmp(name, FOREIGN_BACKEND[i].word) == 0)
            return FOREIGN_BACKEND[i].remedy;
    }
    return conf_words_foreign(name);
}

const char *conf_words_foreign(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(FOREIGN); i++) {
        if (strcmp(name, FOREIGN[i].word) == 0)
            return FOREIGN[i].remedy;
    }
    return NULL;
}

/* A name of ours, and the blocks that have it. */
static void belongs_inside(enum option_section section, const char *name, char out[static CONF_WORDS_TEXT])
{
    int used = snprintf(out, CONF_WORDS_TEXT, "'%s' belongs inside %s block: write it in", name,
                        section == SECTION_GLOBAL ? "a" : "another");
    const char *joined = "";
    for (enum option_section other = SECTION_GLOBAL + 1; other < SECTION_COUNT; other++) {
        if (other == section || !option_find(other, name) || used >= CONF_WORDS_TEXT)
            continue;
        used += snprintf(out + used, (size_t)(CONF_WORDS_TEXT - used), "%s %s \"%s\" { ... }", joined,
                         option_section_name(other), other == SECTION_LOCATION ? "/PATH/" : "NAME");
        joined = " or";
    }
}

/* True with the message when the name is one of ours that stands elsewhere. */
static bool misplaced(enum option_section section, const char *name, char out[static CONF_WORDS_TEXT])
{
    for (enum option_section other = SECTION_GLOBAL; other < SECTION_COUNT; other++) {
        const char *block = option_section_name(other);
        if (*block && strcmp(name, block) == 0) {
            snprintf(out, CONF_WORDS_TEXT, "'%s' begins a block: write %s \"%s\" { ... }", block, block,
                     other == SECTION_LOCATION ? "/PATH/" : "NAME");
            return true;
        }
        if (other == section || !option_find(other, name))
            continue;
        if (*block)
            belongs_inside(section, name, out);
        else
            snprintf(out, CONF_WORDS_TEXT, "'%s' belongs outside the blocks: write it before the first one",
                     name);
        return true;
    }
    return false;
}

/* True with the message when it is the form of the name that is another's. */
static bool formed_otherwise(enum option_section section, const char *name, char out[static CONF_WORDS_TEXT])
{
    const size_t n = strlen(name);
    char bare[CONF_NAME_MOST + 1];
    if (n > 1 && n < sizeof bare && name[n - 1] == ':') { /* YAML's */
        snprintf(bare, sizeof bare, "%.*s", (int)(n - 1), name);
        if (option_find(section, bare))
            snprintf(out, CONF_WORDS_TEXT, "an option is written with '=', not with ':': write %s = VALUE",
                     bare);
        else
            conf_words_unknown(section, bare, out);
        return true;
    }
    if (name[0] == '[' && name[n - 1] == ']') { /* TOML's */
        snprintf(
            out, CONF_WORDS_TEXT,
            "a block is written in braces: backend \"NAME\" { ... }, listen \"NAME\" { ... } or location "
            "\"/PATH/\" { ... }");
        return true;
    }
    if (strstr(name, "\xc2\xa0")) {
        snprintf(out, CONF_WORDS_TEXT, "a no-break space (U+00A0) stands here: write an ordinary one");
        return true;
    }
    return false;
}

void conf_words_unknown(enum option_section section, const char *name, char out[static CONF_WORDS_TEXT])
{
    if (formed_otherwise(section, name, out))
        return;
    const char *words[OPTION_MOST + SECTION_COUNT];
    size_t n = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (option_in(&OPTIONS[i], section))
            words[n++] = OPTIONS[i].name;
    }
    for (enum option_section s = SECTION_GLOBAL + 1; section == SECTION_GLOBAL && s < SECTION_COUNT; s++)
        words[n++] = option_section_name(s);

    /* "listen|address" is libConfuse's way into a block. */
    const char *bar = strrchr(name, '|'), *own = bar ? bar + 1 : name;
    /* nginx's `server` and `server_name` are other things than a backend's. */
    const char *foreign = foreign_in(section, name), *near = text_nearest(name, words, n);
    if (!foreign && misplaced(section, own, out))
        return;
    char in[24];
    snprintf(in, sizeof in, "%s%s", section == SECTION_GLOBAL ? "" : " in ", option_section_name(section));
    char *shown = text_escaped(name, strnlen(name, CONF_NAME_MOST));
    if (strcmp(name, "include") == 0)
        snprintf(out, CONF_WORDS_TEXT, "include is written with parentheses: include(\"FILE\")");
    else if (foreign)
        snprintf(out, CONF_WORDS_TEXT, "unknown option '%s'%s: %s", shown ? shown : "", in, foreign);
    else if (near)
        snprintf(out, CONF_WORDS_TEXT, "unknown option '%s'%s: did you mean '%s'? `mtlsd options` lists all",
                 shown ? shown : "", in, near);
    else
        snprintf(out, CONF_WORDS_TEXT, "unknown option '%s'%s: `mtlsd options` lists all", shown ? shown : "",
                 in);
    free(shown);
}
