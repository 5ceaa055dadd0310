#include "config/option.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/conf.h"

/* WORD options are stored through an int. */
_Static_assert(sizeof(enum client_auth) == sizeof(int), "enums are stored as int");

enum { KIB = 1024, MIB = 1024 * KIB, MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

#define WORDS(...)                                                                                           \
    (const struct option_word[])                                                                             \
    {                                                                                                        \
        __VA_ARGS__,                                                                                         \
        {                                                                                                    \
            NULL, 0                                                                                          \
        }                                                                                                    \
    }
#define GLOBAL(field)   SECTION_GLOBAL, #field, .offset = offsetof(struct conf, field)
#define BACKEND(field)  SECTION_BACKEND, #field, .offset = offsetof(struct conf_backend, field)
#define LISTEN(field)   SECTION_LISTEN, #field, .offset = offsetof(struct conf_listener, field)
#define LOCATION(field) SECTION_LOCATION, #field, .offset = offsetof(struct conf_location, field)

const struct option OPTIONS[] = {
    {GLOBAL(workers), .type = OPTION_NUMBER, .preset = "0", .example = "4", .min = 0, .max = 1024,
     .flags = OPTION_RESTART, .help = "Worker threads, each for all listeners; 0 means one per processor."},
    {GLOBAL(document_root), .type = OPTION_PATH, .example = "\"www\"", .flags = OPTION_FOLDER,
     .help = "Folder with the files to serve; without it only /api and /health answer."},
    {GLOBAL(access_log), .type = OPTION_PATH, .preset = "off", .also = "off | stdout | stderr | syslog",
     .example = "\"/var/log/mtlsd/access.log\"", .flags = OPTION_WRITTEN,
     .help = "Where one line per request goes: nowhere, to the standard output or error, to syslog or to a "
             "file."},
    {GLOBAL(access_log_format), .type = OPTION_WORD, .preset = "combined", .example = "json",
     .words = WORDS({"combined", ACCESS_FORMAT_COMBINED}, {"json", ACCESS_FORMAT_JSON}),
     .help = "Form of these lines: the customary text, or one JSON object each."},
    {GLOBAL(error_log), .type = OPTION_PATH, .preset = "stderr", .also = "stderr | stdout | syslog",
     .example = "\"/var/log/mtlsd/error.log\"", .flags = OPTION_WRITTEN,
     .help = "Where the server's own messages go; each failed handshake is one, with its reason."},
    {GLOBAL(log_level), .type = OPTION_WORD, .preset = "info", .example = "notice",
     .words = WORDS({"error", LOG_LEVEL_ERROR}, {"warning", LOG_LEVEL_WARNING}, {"notice", LOG_LEVEL_NOTICE},
                    {"info", LOG_LEVEL_INFO}, {"debug", LOG_LEVEL_DEBUG}),
     .help = "The least important messages that the error log still takes."},
    {GLOBAL(user), .type = OPTION_TEXT, .example = "\"mtlsd\"", .flags = OPTION_RESTART,
     .help = "Who to become, by name or number, when started as root: after the listeners are bound, "
             "before the first connection."},
    {GLOBAL(group), .type = OPTION_TEXT, .example = "\"mtlsd\"", .flags = OPTION_RESTART,
     .help = "Group to become; without it that of user. The user's other groups come along."},
    {GLOBAL(pid_file), .type = OPTION_PATH, .example = "\"/run/mtlsd.pid\"",
     .flags = OPTION_RESTART | OPTION_KEPT,
     .help = "File for the number of the server's process, by which `mtlsd reload` finds it; a second server "
             "with the same file does not start. At the end it is removed, or emptied where user and sandbox "
             "allow no more."},
    {GLOBAL(sandbox), .type = OPTION_WORD, .preset = "on", .example = "log", .flags = OPTION_RESTART,
     .words = WORDS({"on", SANDBOX_ON}, {"log", SANDBOX_LOG}, {"off", SANDBOX_OFF}),
     .help = "Gives up, after the start, all system calls and files that serving does not need; log: only "
             "has the kernel log such calls."},
    {GLOBAL(sandbox_paths), .type = OPTION_PATHS, .example = "{ \"/var/lib/softhsm\" }",
     .flags = OPTION_RESTART | OPTION_FOLDER | OPTION_WRITTEN,
     .help = "Folders or files that the sandbox opens besides those that the configuration names, for "
             "reading and writing: what a PKCS#11 module keeps."},
    {GLOBAL(handshake_timeout), .type = OPTION_DURATION, .preset = "10s", .example = "5s", .min = 1,
     .max = 5 * MINUTE, .help = "A TLS handshake that is not done by then is ended."},
    {GLOBAL(header_timeout), .type = OPTION_DURATION, .preset = "15s", .example = "10s", .min = 1,
     .max = 10 * MINUTE,
     .help = "A request's head that is not whole by then is answered 408, however busily it trickles in."},
    {GLOBAL(body_timeout), .type = OPTION_DURATION, .preset = "60s", .example = "2m", .min = 1, .max = HOUR,
     .help =
         "A request's body that is not whole by then, counted from the end of its head, is answered 408. "
         "One that goes to a backend may take longer, but each body_timeout brings 16 KiB of it, or, where "
         "the answer has begun, a byte."},
    {GLOBAL(request_timeout), .type = OPTION_DURATION, .preset = "1h", .example = "15m", .min = 1, .max = DAY,
     .help =
         "A response that is not taken whole by then, counted from the request, is cut off: leave slow "
         "clients time for the largest file. One of a backend may take longer, when the client takes some of it "
         "in each idle_timeout."},
    {GLOBAL(idle_timeout), .type = OPTION_DURATION, .preset = "60s", .example = "30s", .min = 1, .max = HOUR,
     .help = "A connection on which nothing moves for so long is closed."},
    {GLOBAL(drain_timeout), .type = OPTION_DURATION, .preset = "30s", .example = "1m", .min = 0, .max = HOUR,
     .help = "After SIGTERM, requests in progress may take so long to finish."},
    {GLOBAL(max_connections), .type = OPTION_NUMBER, .preset = "0", .example = "10000", .min = 0,
     .max = 1000000,
     .help = "Most open connections of all listeners; more are closed at once. 0: 32768, or what fits "
             "into seven eighths of the limit of open files, less 64, when that is fewer."},
    {GLOBAL(max_connections_per_address), .type = OPTION_NUMBER, .preset = "0", .example = "50", .min = 0,
     .max = 1000000,
     .help = "Most of them from one IPv4 address or IPv6 /64 network. 0: three quarters of "
             "max_connections, so that no single client takes all, yet a NAT, a load balancer or a load "
             "test passes."},
    {GLOBAL(max_handshakes), .type = OPTION_NUMBER, .preset = "0", .example = "2000", .min = 0,
     .max = 1000000,
     .help = "Most connections whose TLS handshake is under way. Then the one that was silent for the "
             "longest makes room, or, when half of them have spoken, the oldest of those: honest clients "
             "still come in. 0: half of max_connections."},
    {GLOBAL(handshake_rate), .type = OPTION_NUMBER, .preset = "0", .example = "10", .min = 0, .max = 1000000,
     .help = "Connections a second from one IPv4 address or IPv6 /64 network; more are closed before any "
             "TLS. 0: no limit, for a health checker, a load balancer and a NAT are one address each."},
    {GLOBAL(handshake_burst), .type = OPTION_NUMBER, .preset = "100", .example = "50", .min = 1,
     .max = 1000000,
     .help = "So many connections may come at once after a pause, before handshake_rate holds."},
    {GLOBAL(request_rate), .type = OPTION_NUMBER, .preset = "0", .example = "100", .min = 0, .max = 1000000,
     .help = "Requests a second from one IPv4 address or IPv6 /64 network; more are answered 429 with "
             "Retry-After, but for /health and its like. 0: no limit."},
    {GLOBAL(request_burst), .type = OPTION_NUMBER, .preset = "100", .example = "500", .min = 1,
     .max = 1000000, .help = "So many requests may come at once after a pause, before request_rate holds."},
    {GLOBAL(keepalive_requests), .type = OPTION_NUMBER, .preset = "1000000", .example = "10000", .min = 1,
     .max = 1000000000,
     .help = "Most requests on one connection; the last answer closes it. A small number spreads clients "
             "anew over the servers behind a balancer, at the price of handshakes."},
    {GLOBAL(http2_max_streams), .type = OPTION_NUMBER, .preset = "100", .example = "50", .min = 1,
     .max = 1000, .help = "Most requests that a connection with HTTP/2 may have under way at once."},
    {GLOBAL(file_cache), .type = OPTION_SIZE, .preset = "8m", .example = "32m", .min = 0, .max = 1024 * MIB,
     .help = "Most bytes of files of up to 256k that each worker keeps ready; a file that changed is read "
             "again within a second. Small answers of HTTP/2 come beside it, up to 512k. 0: none."},
    {GLOBAL(max_header), .type = OPTION_SIZE, .preset = "16k", .example = "32k", .min = 2 * KIB,
     .max = 256 * KIB, .flags = OPTION_RESTART,
     .help = "Most bytes of a request's line and header fields; more is answered 431."},
    {GLOBAL(max_header_fields), .type = OPTION_NUMBER, .preset = "100", .example = "64", .min = 8,
     .max = 1000, .flags = OPTION_RESTART, .help = "Most header fields of a request; more is answered 431."},
    {GLOBAL(max_uri), .type = OPTION_SIZE, .preset = "8k", .example = "4k", .min = 64, .max = 64 * KIB,
     .help = "Most bytes of a request's target, path and query; more is answered 414."},
    {GLOBAL(max_body), .type = OPTION_SIZE, .preset = "64k", .example = "1m", .min = 0, .max = 1024LL * MIB,
     .help = "Most bytes of a request's body, which is read and dropped; more is answered 413."},
    {GLOBAL(max_crl_size), .type = OPTION_SIZE, .preset = "128m", .example = "512m", .min = 64 * KIB,
     .max = 1024LL * MIB,
     .help = "Most bytes of a file of CRLs. While it is read it takes up to twice its size of memory, "
             "afterwards some 30 bytes for each entry."},
    {GLOBAL(error_detail), .type = OPTION_WORD, .preset = "full", .example = "code",
     .words = WORDS({"full", ERROR_DETAIL_FULL}, {"code", ERROR_DETAIL_CODE}, {"none", ERROR_DETAIL_NONE}),
     .help = "What a refused client is told: every reason with a hint, the codes alone, or nothing. The log "
             "has all."},
    {GLOBAL(reload), .type = OPTION_WORD, .preset = "signal", .example = "auto",
     .words = WORDS({"signal", RELOAD_SIGNAL}, {"auto", RELOAD_AUTO}),
     .help = "When configuration, certificates, CAs and CRLs are read again: on SIGHUP, or also when a file "
             "changes."},
    {GLOBAL(preflight), .type = OPTION_BOOL, .preset = "off", .example = "on",
     .help = "Lets a CORS preflight request (OPTIONS) pass without a certificate, and nothing else."},
    {GLOBAL(verify_route), .type = OPTION_BOOL, .preset = "off", .example = "on",
     .help =
         "Judges a certificate that is sent to POST /api/verify as if a handshake had shown it. It tells who "
         "may ask whether CAs of the listener issued it, and whether it is revoked."},
    {GLOBAL(hsts), .type = OPTION_BOOL, .preset = "on", .example = "off",
     .help = "Sends Strict-Transport-Security, so that browsers remember to use https."},
    {GLOBAL(expires_soon), .type = OPTION_DURATION, .preset = "30d", .example = "14d", .min = 0,
     .max = 3650LL * DAY,
     .help = "Warns about a client certificate that ends within this time, at the earliest in the last third "
             "of its life."},
    {GLOBAL(rejections), .type = OPTION_NUMBER, .preset = "100", .example = "1000", .min = 0, .max = 10000,
     .flags = OPTION_RESTART,
     .help =
         "How many refused certificates /api/rejections remembers, in at most 64m of memory; 0 for none."},
    {GLOBAL(handshake_record), .type = OPTION_BOOL, .preset = "on", .example = "off",
     .help =
         "Keeps the messages of each connection's TLS handshake for /api/handshake: 1 to 18 KiB of memory."},

    {BACKEND(server), .type = OPTION_TEXTS,
     .example = "{ \"http://127.0.0.1:9000 weight=3\", \"https://app.internal:8443\" }",
     .flags = OPTION_REQUIRED | OPTION_SAMPLE,
     .help =
         "Servers: http://, https://, h2c:// or h2:// (HTTP/2; h2:// with TLS), for mode = tcp tcp:// or "
         "tls://, with HOST:PORT, or unix:PATH; then weight=NUMBER (1 to 100), when one is to get more. All "
         "addresses of a name are used."},
    {BACKEND(balance), .type = OPTION_WORD, .preset = "round-robin", .example = "least-connections",
     .words = WORDS({"round-robin", BALANCE_ROUND_ROBIN}, {"least-connections", BALANCE_LEAST_CONNECTIONS},
                    {"client-address", BALANCE_CLIENT_ADDRESS},
                    {"client-certificate", BALANCE_CLIENT_CERTIFICATE}),
     .help = "Which server gets a request: each in its turn, the one with the fewest under way, or always "
             "the same one for an address or a client certificate; all by weight."},
    {BACKEND(check), .type = OPTION_TEXT, .example = "\"/healthz\"",
     .help =
         "Path that every server is asked for; an answer of 2xx means that it is well. \"connect\", for tcp:// "
         "and tls://: a connection will do. Without it only clients' requests tell."},
    {BACKEND(check_interval), .type = OPTION_DURATION, .preset = "5s", .example = "10s", .min = 1,
     .max = HOUR, .help = "Time between two such checks of a server."},
    {BACKEND(max_fails), .type = OPTION_NUMBER, .preset = "3", .example = "1", .min = 0, .max = 1000,
     .help = "So many failures within fail_timeout take a server out, unless it is the last; 0: none do."},
    {BACKEND(fail_timeout), .type = OPTION_DURATION, .preset = "10s", .example = "30s", .min = 1, .max = HOUR,
     .help = "How long a server stays out before one request tries it; back again, it gets its share "
             "little by little."},
    {BACKEND(connect_timeout), .type = OPTION_DURATION, .preset = "5s", .example = "2s", .min = 1,
     .max = 10 * MINUTE,
     .help =
         "A connection that is not made by then, with TLS where it is https or tls, goes to the next server; "
         "when there is none, the answer is 504."},
    {BACKEND(response_timeout), .type = OPTION_DURATION, .preset = "60s", .example = "5m", .min = 1,
     .max = DAY,
     .help = "A response that has not begun by then is answered 504; one of which nothing comes for so long "
             "is cut."},
    {BACKEND(tunnel_timeout), .type = OPTION_DURATION, .preset = "1h", .example = "10m", .min = 1,
     .max = 30LL * DAY,
     .help =
         "A connection of a listener with mode = tcp, or one that was upgraded, on which no byte moves for so "
         "long is cut."},
    {BACKEND(keepalive), .type = OPTION_NUMBER, .preset = "1024", .example = "64", .min = 0, .max = 65536,
     .help =
         "Most idle connections that each worker keeps to each server; 0: each request makes its own, of HTTP/2 "
         "those that are under way at once share them."},
    {BACKEND(keepalive_timeout), .type = OPTION_DURATION, .preset = "4s", .example = "30s", .min = 1,
     .max = HOUR,
     .help = "An idle connection is closed after it: before the server closes it, which commonly is after "
             "five seconds."},
    {BACKEND(max_connections), .type = OPTION_NUMBER, .preset = "0", .example = "100", .min = 0,
     .max = 1000000,
     .help = "Most requests under way at each server; of h2c:// and h2:// servers, most connections, each of "
             "which has up to 100 requests; more wait for queue_timeout. 0: any number."},
    {BACKEND(queue_timeout), .type = OPTION_DURATION, .preset = "1s", .example = "5s", .min = 1,
     .max = 10 * MINUTE, .help = "A request that waited so long for a server is answered 503."},
    {BACKEND(ca), .type = OPTION_PATHS, .example = "{ \"backend-ca.crt\" }",
     .help =
         "CAs that the certificates of https and tls servers are verified against; without any, those of the "
         "system."},
    {BACKEND(server_name), .type = OPTION_TEXT, .example = "\"app.internal\"",
     .help =
         "Name that https and tls servers are asked for (SNI) and that their certificate must be for; without "
         "it, the host in the URL."},
    {BACKEND(certificate), .type = OPTION_PATHS, .example = "{ \"mtlsd.crt\", \"mtlsd.key\" }",
     .flags = OPTION_SECRET,
     .help = "This server's own certificate and key, for https and tls servers that ask."},
    {BACKEND(send_proxy), .type = OPTION_WORD, .preset = "off", .example = "v2",
     .words = WORDS({"off", SEND_PROXY_OFF}, {"v1", SEND_PROXY_V1}, {"v2", SEND_PROXY_V2},
                    {"v2-client-cert", SEND_PROXY_V2_CERT}),
     .help = "Whether a connection to a server begins with a PROXY protocol header about the client, of "
             "version 2 also with its certificate where that was verified. No other client's requests go "
             "over it then."},

    {LISTEN(address), .type = OPTION_TEXT, .example = "\"[::]:8443\"",
     .flags = OPTION_REQUIRED | OPTION_SAMPLE,
     .help =
         "HOST:PORT; an IPv6 address stands in brackets, [::] is every address, port 0 any free one. With "
         "mode = tcp also unix:/PATH, a UNIX socket."},
    {LISTEN(mode), .type = OPTION_WORD, .preset = "http", .example = "tcp",
     .words = WORDS({"http", LISTENER_HTTP}, {"tcp", LISTENER_TCP}),
     .help =
         "What is spoken inside TLS: http, or tcp, bytes of any protocol, which go to a backend as they are."},
    {LISTEN(tls), .type = OPTION_BOOL, .preset = "on", .example = "off",
     .help = "Whether TLS is spoken. off, for port 80: every request is sent to where redirect says, and "
             "nothing is served; off, with mode = tcp: clients speak without TLS, which the backend's tls:// "
             "servers get."},
    {LISTEN(insecure_plain), .type = OPTION_BOOL, .preset = "off", .example = "on",
     .help =
         "Lets mode = tcp with tls = off stand at other addresses than those of loopback: whoever reaches "
         "it speaks in this server's name."},
    {LISTEN(redirect), .type = OPTION_TEXT, .example = "\"https://${hostname}${uri}\"",
     .help = "With tls = off, where clients are sent (308); in ${} the variables of a location's redirect."},
    {LISTEN(acme_webroot), .type = OPTION_PATH, .example = "\"/var/lib/mtlsd/acme\"", .flags = OPTION_FOLDER,
     .help = "With tls = off, the folder (webroot) where an ACME client puts the files of "
             "/.well-known/acme-challenge/, which alone are not redirected."},
    {LISTEN(certificate), .type = OPTION_PATHS, .example = "{ \"server.crt\", \"server.key\" }",
     .flags = OPTION_REQUIRED | OPTION_SAMPLE | OPTION_SECRET | OPTION_HOST,
     .help = "The server's certificates, chains and keys, in any order and form: PEM, DER, PKCS#7, PKCS#12, "
             "pkcs11: URI."},
    {LISTEN(client_auth), .type = OPTION_WORD, .preset = "off", .example = "request",
     .flags = OPTION_SAMPLE | OPTION_HOST,
     .words = WORDS({"off", CLIENT_AUTH_OFF}, {"one-way", CLIENT_AUTH_OFF}, {"request", CLIENT_AUTH_REQUEST},
                    {"optional", CLIENT_AUTH_OPTIONAL}, {"require", CLIENT_AUTH_REQUIRE},
                    {"mutual", CLIENT_AUTH_REQUIRE}),
     .help = "Whether clients are asked for a certificate: off (one-way) does not ask; request asks and "
             "serves all, reporting a bad one; optional refuses a bad one; require (mutual) refuses a "
             "missing one too."},
    {LISTEN(client_ca), .type = OPTION_PATHS, .example = "{ \"root.crt\" }",
     .flags = OPTION_SAMPLE | OPTION_HOST,
     .help = "CAs that client certificates are verified against; their names are sent to clients."},
    {LISTEN(trusted_ca), .type = OPTION_PATHS, .example = "{ \"old-root.crt\" }", .flags = OPTION_HOST,
     .help = "CAs that are trusted as well, but not named to clients."},
    {LISTEN(certificate_form), .type = OPTION_WORD, .preset = "standard", .example = "strict",
     .words = WORDS({"standard", CERTIFICATE_FORM_STANDARD}, {"strict", CERTIFICATE_FORM_STRICT}),
     .flags = OPTION_HOST,
     .help = "What is asked of the form of client certificates: what RFC 5280 section 6 asks of a path, with "
             "a warning about the rest; or also what its sections 4.1 and 4.2 ask of the CAs that issue."},
    {LISTEN(crl), .type = OPTION_PATHS, .example = "{ \"root.crl\", \"intermediate.crl\" }",
     .flags = OPTION_SAMPLE | OPTION_HOST, .help = "Certificate revocation lists of these CAs."},
    {LISTEN(advertise_ca), .type = OPTION_WORD, .preset = "list", .example = "none",
     .words = WORDS({"list", ADVERTISE_CA_LIST}, {"none", ADVERTISE_CA_NONE}), .flags = OPTION_HOST,
     .help =
         "Whether the names of client_ca are sent to clients, which choose their certificate by them. With none "
         "any is offered, and Chromium sends its own without the intermediates."},
    {LISTEN(crl_check), .type = OPTION_WORD, .preset = "chain", .example = "leaf",
     .words = WORDS({"off", CRL_CHECK_OFF}, {"leaf", CRL_CHECK_LEAF}, {"chain", CRL_CHECK_CHAIN}),
     .flags = OPTION_HOST,
     .help = "Which certificates are looked up in the CRLs: none, the client's own, or its whole chain."},
    {LISTEN(crl_stale), .type = OPTION_TEXT, .preset = "refuse", .min = 1, .max = 366LL * DAY,
     .also = "refuse | grace:DURATION | accept", .example = "grace:7d", .flags = OPTION_HOST,
     .help = "What happens when a CRL is past its next update: its issuer's certificates are refused, "
             "still accepted for a time, or accepted."},
    {LISTEN(verify_depth), .type = OPTION_NUMBER, .preset = "5", .example = "2", .min = 0, .max = 16,
     .flags = OPTION_HOST,
     .help = "Most intermediate certificates between a client's certificate and a trusted CA."},
    {LISTEN(tickets), .type = OPTION_BOOL, .preset = "on", .example = "off",
     .help =
         "Lets clients resume a session by ticket (in TLS 1.2 see tickets_tls12); the certificate in it is "
         "judged again each time."},
    {LISTEN(tickets_tls12), .type = OPTION_BOOL, .preset = "off", .example = "on", .flags = OPTION_HOST,
     .help = "Gives tickets to TLS 1.2 clients also where client_auth asks. They go over the wire "
             "unencrypted by TLS: useless without the session's secret, but in anybody's hands. Off, each "
             "such connection costs a full handshake."},
    {LISTEN(ticket_lifetime), .type = OPTION_DURATION, .preset = "6h", .example = "1h", .min = MINUTE,
     .max = 7LL * DAY,
     .help = "How long a ticket is good; the key that protects it changes after three times as long."},
    {LISTEN(ticket_key_file), .type = OPTION_PATH, .example = "\"ticket.key\"", .flags = OPTION_SECRET,
     .help =
         "Ticket key that several servers share. What protects the tickets is derived from it by time, alike "
         "on all whose clocks agree; another file ends the tickets made before. Without it each server makes "
         "its own."},
    {LISTEN(ocsp_response), .type = OPTION_PATHS, .example = "{ \"server.ocsp\" }", .flags = OPTION_HOST,
     .help = "OCSP responses (DER) to staple to the server's certificates."},
    {LISTEN(password_file), .type = OPTION_PATH, .example = "\"server.pass\"",
     .flags = OPTION_SECRET | OPTION_HOST,
     .help = "File whose first line opens a PKCS#12 file or an encrypted key in certificate."},
    {LISTEN(pin_file), .type = OPTION_PATH, .example = "\"token.pin\"", .flags = OPTION_SECRET | OPTION_HOST,
     .help = "File whose first line is the PIN of the pkcs11: URIs in certificate."},
    {LISTEN(max_connections), .type = OPTION_NUMBER, .preset = "0", .example = "1000", .min = 0,
     .max = 1000000,
     .help = "Most open connections of this listener, so that one of several cannot starve the others. 0: "
             "only the limit of all listeners holds."},
    {LISTEN(proxy_protocol), .type = OPTION_WORD, .preset = "off", .example = "v2",
     .words = WORDS({"off", PROXY_PROTOCOL_OFF}, {"v1", PROXY_PROTOCOL_V1}, {"v2", PROXY_PROTOCOL_V2},
                    {"both", PROXY_PROTOCOL_BOTH}),
     .help = "Whether every connection begins with a PROXY protocol header, by which a balancer in front "
             "says whose it is. Without a header, or from an address that is not in trusted_proxies, it is "
             "closed."},
    {LISTEN(trusted_proxies), .type = OPTION_TEXTS, .example = "{ \"127.0.0.1\", \"10.0.0.0/8\", \"::1\" }",
     .help = "Addresses and ranges of the proxies that are believed."},
    {LISTEN(routes), .type = OPTION_WORD, .preset = "auto", .example = "health",
     .words =
         WORDS({"auto", ROUTES_AUTO}, {"off", ROUTES_OFF}, {"health", ROUTES_HEALTH}, {"all", ROUTES_ALL}),
     .help = "Which of the routes (`mtlsd routes`) answer here, before any location's backend or redirect: "
             "none, /health, /livez and /readyz, or all. auto: these three, and the others where their own "
             "location has no backend and no redirect."},
    {LISTEN(http2), .type = OPTION_BOOL, .preset = "on", .example = "off",
     .help =
         "Whether HTTP/2 is offered (ALPN h2) before HTTP/1.1; never by a build without nghttp2. gRPC gets "
         "502 where the backend is asked in HTTP/1.1; protocols of upgrade are for clients with HTTP/1.1."},
    {LISTEN(backend), .type = OPTION_TEXT, .example = "\"pg\"", .flags = OPTION_HOST,
     .help =
         "With mode = tcp, the backend that gets the connections of those who may: its servers are tcp://, "
         "tls:// or unix:."},
    {LISTEN(allow), .type = OPTION_TEXTS, .example = "{ \"san.uri:spiffe://example.org/billing\" }",
     .flags = OPTION_HOST,
     .help = "With mode = tcp, rules FIELD:PATTERN of which a client's verified certificate must match one; "
             "without any, each that client_auth lets in is allowed."},
    {LISTEN(deny), .type = OPTION_TEXTS, .example = "{ \"serial:0a1b2c\" }", .flags = OPTION_HOST,
     .help = "With mode = tcp, rules FIELD:PATTERN that refuse a certificate, whatever allow says."},
    {LISTEN(alpn), .type = OPTION_TEXTS, .example = "{ \"postgresql\" }", .flags = OPTION_HOST,
     .help =
         "With mode = tcp, the protocols (ALPN) that are spoken: a client that names only others is refused. "
         "What was agreed on goes on to tls:// servers, and into a PROXY header."},

    {LOCATION(client_cert), .type = OPTION_WORD, .preset = "verified", .example = "verified",
     .flags = OPTION_SAMPLE,
     .words = WORDS({"none", CLIENT_CERT_NONE}, {"any", CLIENT_CERT_ANY}, {"verified", CLIENT_CERT_VERIFIED}),
     .help = "What a request here needs: nothing, any client certificate, or one that was verified."},
    {LOCATION(client_ca), .type = OPTION_PATHS, .example = "{ \"partners.crt\" }",
     .help = "CAs, or clients' own certificates, of which one must be the end of the certificate's path; the "
             "listener must trust them. Without any, each that it trusts will do."},
    {LOCATION(allow), .type = OPTION_TEXTS,
     .example = "{ \"subject:CN=alice,*\", \"san.email:*@example.org\" }",
     .help =
         "Rules FIELD:PATTERN of which a verified certificate must match one; without any, each is allowed."},
    {LOCATION(deny), .type = OPTION_TEXTS, .example = "{ \"serial:0a1b2c\" }",
     .help = "Rules FIELD:PATTERN that refuse a certificate, whatever allow says."},
    {LOCATION(backend), .type = OPTION_TEXT, .example = "\"app\"",
     .help = "Backend that gets the requests of those who may; without it, files and /api answer."},
    {LOCATION(redirect), .type = OPTION_TEXT, .example = "\"https://new.example.org${uri}\"",
     .help = "Where clients are sent instead (308); ${uri} is the path and query of the request, and the "
             "other variables (`mtlsd variables`) stand here as well."},
    {LOCATION(strip_prefix), .type = OPTION_BOOL, .preset = "off", .example = "on",
     .help = "Leaves the location's path out of that which the backend gets: /app/x becomes /x."},
    {LOCATION(encoded_slashes), .type = OPTION_BOOL, .preset = "off", .example = "on",
     .help =
         "Lets a slash that is encoded (%2F) through to the backend as it came, where the location is the "
         "same for who takes it for a slash and for who does not; otherwise such a path is answered 400."},
    {LOCATION(proxy_redirect), .type = OPTION_BOOL, .preset = "on", .example = "off",
     .help =
         "Whether Location and Refresh of the backend that lead to one of its own servers, or over http to "
         "the client's host, are written for the client: https, its host, and with strip_prefix the "
         "location's path."},
    {LOCATION(identity), .type = OPTION_WORDS, .example = "{ \"client-cert\" }",
     .words = WORDS({"client-cert", IDENTITY_CLIENT_CERT}, {"client-cert-chain", IDENTITY_CLIENT_CERT_CHAIN},
                    {"xfcc", IDENTITY_XFCC}, {"x-ssl", IDENTITY_X_SSL}),
     .help = "Fields that tell the backend who the client is: Client-Cert and Client-Cert-Chain (RFC 9440), "
             "X-Forwarded-Client-Cert (Envoy), X-SSL-Client-Verify, -S-DN and so on. What clients send "
             "under any of these names never passes."},
    {LOCATION(set_header), .type = OPTION_TEXTS,
     .example = "{ \"X-User: ${subject.cn}\", \"X-Tenant: ${san.uri}\" }",
     .help = "Fields of the request to the backend, in place of the client's own of that name; `mtlsd "
             "variables` lists what may stand in ${}. A field that comes out empty is left out."},
    {LOCATION(forwarded), .type = OPTION_WORD, .preset = "x-forwarded", .example = "both",
     .words = WORDS({"none", FORWARDED_NONE}, {"x-forwarded", FORWARDED_X}, {"rfc7239", FORWARDED_RFC7239},
                    {"both", FORWARDED_BOTH}),
     .help = "How the backend learns the client's address, scheme and host: X-Forwarded-For, -Proto, -Host "
             "and -Port, or Forwarded (RFC 7239)."},
    {LOCATION(upgrade), .type = OPTION_TEXTS, .example = "{ \"websocket\" }",
     .help = "Protocols that a connection may change to; the backend decides. Without any, an Upgrade is "
             "left out of the request."},
    {LOCATION(max_body), .type = OPTION_SIZE, .preset = "64m", .example = "2g", .min = 0,
     .max = 1024LL * 1024 * MIB,
     .help =
         "Most bytes of a request's body to the backend; more is answered 413. The one outside the blocks "
         "is for requests that no backend gets."},
    {LOCATION(request_timeout), .type = OPTION_DURATION, .preset = "0s", .example = "30s", .min = 0,
     .max = DAY,
     .help =
         "A request to the backend that is not over by then, counted from its head, is answered 504, or "
         "408 where its body is late, or cut off where its response has begun. 0, and for tunnels: no such "
         "bound."},
};

const size_t OPTION_COUNT = ARRAY_LEN(OPTIONS);
_Static_assert(ARRAY_LEN(OPTIONS) <= OPTION_MOST, "raise OPTION_MOST");

const char *option_section_name(enum option_section section)
{
    static const char *const NAMES[SECTION_COUNT] = {
        [SECTION_GLOBAL] = "",   [SECTION_BACKEND] = "backend",   [SECTION_LISTEN] = "listen",
        [SECTION_HOST] = "host", [SECTION_LOCATION] = "location",
    };
    return NAMES[section];
}

bool option_is_list(const struct option *option)
{
    return option->type == OPTION_PATHS || option->type == OPTION_TEXTS || option->type == OPTION_WORDS;
}

const struct option *option_find(enum option_section section, const char *name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (option_in(&OPTIONS[i], section) && strcmp(OPTIONS[i].name, name) == 0)
            return &OPTIONS[i];
    }
    return NULL;
}

bool option_also(const struct option *option, const char *text)
{
    size_t n = strcspn(text, ":");
    for (const char *word = option->also; word && *word; word += strspn(word, " |")) {
        size_t whole = strcspn(word, " |"), len = strcspn(word, " |:");
        if (len == n && memcmp(word, text, n) == 0 && (whole > len) == (text[n] == ':'))
            return true;
        word += whole;
    }
    return false;
}

const char *option_word(const struct option *option, int value)
{
    for (const struct option_word *w = option->words; w && w->word; w++) {
        if (w->value == value)
            return w->word;
    }
    return NULL;
}

/* Appends to a text of fixed size; what does not fit is cut, for it is for people. */
static void append(char out[static OPTION_KIND_TEXT], const char *text)
{
    size_t at = strlen(out);
    snprintf(out + at, OPTION_KIND_TEXT - at, "%s", text);
}

const char *option_kind(const struct option *option, char out[static OPTION_KIND_TEXT])
{
    static const char *const KINDS[] = {[OPTION_BOOL] = "on | off", [OPTION_NUMBER] = "number",
                                        [OPTION_SIZE] = "size",     [OPTION_DURATION] = "duration",
                                        [OPTION_WORD] = "",         [OPTION_TEXT] = "text",
                                        [OPTION_PATH] = "file",     [OPTION_PATHS] = "files",
                                        [OPTION_TEXTS] = "texts",   [OPTION_WORDS] = ""};
    out[0] = '\0';
    if (option->also) {
        append(out, option->also);
        append(out, option->type == OPTION_PATH ? " | file" : "");
    } else if (option->words) {
        for (const struct option_word *w = option->words; w->word; w++) {
            if (option_word(option, w->value) != w->word)
                continue;
            append(out, out[0] ? " | " : "");
            append(out, w->word);
        }
    } else {
        append(out, KINDS[option->type]);
    }
    return out;
}

const char *option_number(const struct option *option, long long value, char out[static OPTION_KIND_TEXT])
{
    static const struct {
        long long size;
        const char *unit;
    } SIZES[] = {{1024LL * MIB, "g"}, {MIB, "m"}, {KIB, "k"}, {1, ""}},
      DURATIONS[] = {{DAY, "d"}, {HOUR, "h"}, {MINUTE, "m"}, {1, "s"}};
    size_t i = 0;
    /* TEXT with a range holds a duration: crl_stale's grace. */
    if (option->type == OPTION_DURATION || option->type == OPTION_TEXT) {
        while (value == 0 ? DURATIONS[i].size > 1 : value % DURATIONS[i].size != 0)
            i++;
        snprintf(out, OPTION_KIND_TEXT, "%lld%s", value / DURATIONS[i].size, DURATIONS[i].unit);
    } else if (option->type == OPTION_SIZE) {
        while (value == 0 ? SIZES[i].size > 1 : value % SIZES[i].size != 0)
            i++;
        snprintf(out, OPTION_KIND_TEXT, "%lld%s", value / SIZES[i].size, SIZES[i].unit);
    } else {
        snprintf(out, OPTION_KIND_TEXT, "%lld", value);
    }
    return out;
}

const char *option_range(const struct option *option, char out[static OPTION_KIND_TEXT])
{
    char least[OPTION_KIND_TEXT], most[OPTION_KIND_TEXT];
    out[0] = '\0';
    if (option->min == option->max)
        return out;
    append(out, option_number(option, option->min, least));
    append(out, " to ");
    append(out, option_number(option, option->max, most));
    return out;
}
