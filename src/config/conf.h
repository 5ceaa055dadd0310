/* The configuration as an immutable value. conf_parse is pure (text in, struct out); conf_load only reads the
 * file. Every string in it was checked for its form; whether a file that it names can be used is for `pki` to
 * say. */
#ifndef MTLSD_CONFIG_CONF_H
#define MTLSD_CONFIG_CONF_H

#include "base/diag.h"
#include "base/err.h"
#include "config/variable.h"

struct buf;

/* The values are those of tls/proxy_header.h. */
enum proxy_protocol { PROXY_PROTOCOL_OFF, PROXY_PROTOCOL_V1, PROXY_PROTOCOL_V2, PROXY_PROTOCOL_BOTH };
/* In the order of what they ask. */
enum client_auth { CLIENT_AUTH_OFF, CLIENT_AUTH_REQUEST, CLIENT_AUTH_OPTIONAL, CLIENT_AUTH_REQUIRE };
enum client_cert { CLIENT_CERT_NONE, CLIENT_CERT_ANY, CLIENT_CERT_VERIFIED };
enum advertise_ca { ADVERTISE_CA_LIST, ADVERTISE_CA_NONE };
/* What is asked of certificates: RFC 5280 section 6, or also what sections 4.1 and 4.2 ask of their CAs. */
enum certificate_form { CERTIFICATE_FORM_STANDARD, CERTIFICATE_FORM_STRICT };
enum crl_check { CRL_CHECK_OFF, CRL_CHECK_LEAF, CRL_CHECK_CHAIN };
enum crl_stale { CRL_STALE_REFUSE, CRL_STALE_GRACE, CRL_STALE_ACCEPT };
enum error_detail { ERROR_DETAIL_FULL, ERROR_DETAIL_CODE, ERROR_DETAIL_NONE };
enum access_format { ACCESS_FORMAT_COMBINED, ACCESS_FORMAT_JSON };
enum sandbox_mode { SANDBOX_ON, SANDBOX_LOG, SANDBOX_OFF };
enum reload_mode { RELOAD_SIGNAL, RELOAD_AUTO };
/* What is spoken in the TLS of a listener: HTTP, or bytes that a backend understands. */
enum listener_mode { LISTENER_HTTP, LISTENER_TCP };

/* A text and where it was written. A relative file name was joined to the configuration file's folder; a
 * `pkcs11:` URI and the words `stdout`, `stderr`, `syslog`, `off` were left alone. */
struct conf_text {
    char *text; /* NULL: not given and no default */
    struct src src;
    bool inherited; /* a host's, which has it of its listener */
};

struct conf_list {
    struct conf_text *item;
    size_t n;
};

/* UNIX: a socket's path, behind which either may be spoken. */
enum conf_scheme {
    CONF_SCHEME_HTTP,
    CONF_SCHEME_HTTPS,
    CONF_SCHEME_H2C, /* HTTP/2 without TLS, which the server is known to speak */
    CONF_SCHEME_H2,  /* and with it */
    CONF_SCHEME_TCP,
    CONF_SCHEME_TLS,
    CONF_SCHEME_UNIX
};
enum balance {
    BALANCE_ROUND_ROBIN,
    BALANCE_LEAST_CONNECTIONS,
    BALANCE_CLIENT_ADDRESS,
    BALANCE_CLIENT_CERTIFICATE
};
/* Which of our own routes a listener has; AUTO: those whose location has neither backend nor redirect. */
enum routes { ROUTES_AUTO, ROUTES_OFF, ROUTES_HEALTH, ROUTES_ALL };
/* The last: version 2 with the client's certificate in it. */
enum send_proxy { SEND_PROXY_OFF, SEND_PROXY_V1, SEND_PROXY_V2, SEND_PROXY_V2_CERT };
/* Bits: in which fields a backend is told of the client. */
enum identity_format {
    IDENTITY_CLIENT_CERT = 1,
    IDENTITY_CLIENT_CERT_CHAIN = 2,
    IDENTITY_XFCC = 4,
    IDENTITY_X_SSL = 8
};
enum forwarded { FORWARDED_NONE = 0, FORWARDED_X = 1, FORWARDED_RFC7239 = 2, FORWARDED_BOTH = 3 };

/* Most protocols in alpn: GnuTLS takes no more. */
enum { CONF_ALPNS_MOST = 8 };

/* A `check` that asks for nothing but a connection. */
#define CONF_CHECK_CONNECT "connect"

/* One server of a backend, taken apart: "http://127.0.0.1:9000 weight=3", "unix:/run/app.sock". */
struct conf_server {
    char *name; /* its URL as written, for logs and metrics; unique in its backend */
    struct src src;
    enum conf_scheme scheme;
    char *host; /* a name, or an address without brackets; "localhost" where there is a path */
    bool ipv6;  /* it was written in brackets */
    unsigned short port;
    char *path; /* a UNIX socket's, joined to the configuration's folder; NULL: host and port */
    unsigned weight;
};

/* backend "NAME" { ... } */
struct conf_backend {
    char *name;
    struct src src;
    struct conf_list server;     /* as written */
    struct conf_server *servers; /* the same, taken apart */
    size_t n_servers;
    enum balance balance;
    struct conf_text check; /* the path that is asked for, "connect" for tcp; NULL: none */
    long long check_interval;
    long long max_fails; /* 0: a server is never taken out */
    long long fail_timeout, connect_timeout, response_timeout, tunnel_timeout;
    long long keepalive; /* idle connections, of each worker */
    long long keepalive_timeout;
    long long max_connections; /* to each server, of all workers; 0: any number */
    long long queue_timeout;
    struct conf_list ca;          /* https, tls: none: those of the system */
    struct conf_text server_name; /* SNI, and the name that is verified; NULL: the server's host */
    struct conf_list certificate; /* mtlsd's own towards it, with its key */
    enum send_proxy send_proxy;
};

/* listen "NAME" { ... }, and in it host "NAME" { ... }: what the listener says to whoever asks for that name
 * (SNI). A host has every field of a listener; those that it does not say, or cannot, are copies of its
 * listener's. */
struct conf_listener {
    char *name; /* a host's: in small letters, or "*.example.org" */
    struct src src;
    const struct conf_listener *of;   /* a host's listener; NULL: it is one */
    const struct conf_listener *host; /* a listener's, n_hosts of them, in struct conf */
    size_t n_hosts;
    struct conf_text address; /* "[::]:8443", "0.0.0.0:443", "localhost:0" */
    enum listener_mode mode;
    bool tls;                      /* false, http: every request is redirected, and what follows says nothing;
                                      tcp: clients speak plainly */
    bool insecure_plain;           /* ... and may come from elsewhere than this machine */
    struct conf_text redirect;     /* where to, without TLS */
    struct template redirect_to;   /* the same, taken apart */
    struct conf_text acme_webroot; /* without TLS; NULL: none */
    struct conf_list
        certificate; /* files in any order and format: leaf first per chain, keys found by match */
    enum client_auth client_auth;
    struct src client_auth_src;  /* for "client_auth = require needs client_ca" */
    struct conf_list client_ca;  /* trusted and advertised */
    struct conf_list trusted_ca; /* trusted, not advertised */
    enum certificate_form certificate_form;
    struct conf_list crl;
    enum advertise_ca advertise_ca;
    enum crl_check crl_check;
    struct conf_text crl_stale;    /* as written: "refuse", "grace:DURATION", "accept" */
    enum crl_stale crl_stale_mode; /* derived from it */
    long long crl_grace;           /* seconds */
    long long verify_depth;        /* most intermediates between leaf and trust anchor */
    bool tickets;                  /* session resumption by tickets */
    bool tickets_tls12;            /* in TLS 1.2, too, where clients are asked for certificates */
    long long ticket_lifetime;     /* seconds */
    struct conf_text ticket_key_file;
    struct conf_list ocsp_response; /* DER responses to staple, matched to the certificates */
    struct conf_text password_file; /* for PKCS#12 and encrypted keys: first line */
    struct conf_text pin_file;      /* for pkcs11: URIs */
    long long max_connections;      /* 0: only the limits of all listeners hold */
    enum proxy_protocol proxy_protocol;
    struct conf_list trusted_proxies; /* addresses and ranges, as written: see base/cidr.h */
    enum routes routes;
    bool http2;           /* offered, before HTTP/1.1; false where nobody could speak it */
    struct src http2_src; /* without a file: nobody wrote it */
    /* What follows is said where mode = tcp. */
    struct conf_text backend;      /* the name of one */
    const struct conf_backend *to; /* that one */
    struct conf_list allow, deny;  /* rules, as a location's */
    struct conf_list alpn;         /* protocols that are spoken there; none: whatever the client says */
};

/* One of set_header. */
struct conf_field {
    char *name;
    struct template value;
    struct src src;
};

/* location "/PATH/" { ... }, location "HOST/PATH/" { ... } */
struct conf_location {
    char *prefix; /* as written, the host in small letters */
    struct src src;
    enum client_cert client_cert;
    struct conf_list client_ca;    /* where the path must end; none: anywhere that the listener trusts */
    struct conf_list allow, deny;  /* rules in the words of policy.h, which checks their form */
    struct conf_text backend;      /* the name of one */
    const struct conf_backend *to; /* that one; NULL: files and routes of our own */
    struct conf_text redirect;     /* where to, instead */
    struct template redirect_to;   /* the same, taken apart */
    bool proxy_redirect;           /* where the backend leads to itself, the client is led here */
    bool strip_prefix;             /* the backend's path begins behind the location's */
    bool encoded_slashes;          /* a path with them goes to the backend, where they decide nothing */
    unsigned identity;             /* enum identity_format, several */
    struct conf_list set_header;   /* "NAME: VALUE" */
    struct conf_field *field;      /* the same, taken apart */
    size_t n_fields;
    enum forwarded forwarded;
    struct conf_list upgrade;  /* protocols, as written: case does not matter */
    long long max_body;        /* bytes, of a request to the backend */
    long long request_timeout; /* seconds, for all of it; 0: no such bound */
};

/* Behind the host, if there is one. */
const char *conf_location_path(const struct conf_location *location);
/* How many bytes before it are the host's: 0, it is a location of every host. */
size_t conf_location_host(const struct conf_location *location);

/* Each has threads of its own, one for each worker. */
enum { CONF_LISTENERS_MOST = 1024 };

struct conf {
    char *file; /* the name given to conf_load, what every src.file points to (or an included file's name) */
    char *dir;  /* folder that relative names are joined to */
    long long workers; /* 0: one per processor */
    struct conf_text document_root;
    struct conf_text access_log; /* "off", "stdout", "stderr", "syslog" or a file */
    enum access_format access_log_format;
    struct conf_text error_log;   /* "stderr", "stdout", "syslog" or a file */
    int log_level;                /* enum log_level */
    struct conf_text user, group; /* whom to become, names or numbers */
    struct conf_text pid_file;    /* written and locked as long as the server runs */
    enum sandbox_mode sandbox;
    struct conf_list sandbox_paths;
    long long handshake_timeout, header_timeout, idle_timeout, drain_timeout; /* seconds */
    long long body_timeout, request_timeout;                                  /* seconds */
    long long max_connections, max_connections_per_address, max_handshakes;   /* 0: derived, see limits.c */
    long long handshake_rate, handshake_burst, request_rate,
        request_burst; /* a second and address; 0: none */
    long long keepalive_requests;
    long long http2_max_streams; /* of a connection, at once */
    long long max_header;        /* bytes of request line and header fields */
    long long max_header_fields, max_uri;
    long long file_cache;   /* bytes, for each worker */
    long long max_body;     /* bytes of a request body that are read and dropped; more is 413 */
    long long max_crl_size; /* bytes of a file of CRLs */
    enum error_detail error_detail;
    enum reload_mode reload;
    bool preflight;         /* let a CORS preflight pass without a certificate */
    bool verify_route;      /* answer POST /api/verify */
    bool hsts;              /* send Strict-Transport-Security */
    long long expires_soon; /* seconds: warn when a client certificate ends within */
    long long rejections;   /* how many refusals /api/rejections remembers */
    bool handshake_record;  /* keep each connection's handshake for /api/handshake */
    struct conf_backend *backend;
    size_t n_backends;
    struct conf_listener *listener;
    size_t n_listeners;
    struct conf_listener *host; /* of all listeners, in their order */
    size_t n_hosts;
    struct conf_location *location;
    size_t n_locations;
    struct conf_text *names; /* file names that src.file points to; owned */
    size_t n_names;
};

/* Parses `text`, called `file` in messages, with relative names joined to `dir`. Every finding goes to
 * `diag`, in the order of files and lines. 0 and *out (free with conf_free), or negative when there was an
 * error; *out is untouched then. Pure but for memory and the environment variables that the text names;
 * include("FILE") is an error here. Any thread may call it. */
MUST_CHECK int conf_parse(const char *text, const char *file, const char *dir, struct diag *diag,
                          struct conf **out);

/* Reads the file and those that it includes, and parses it; returns like conf_parse. An unreadable file is
 * one finding. At most 16 MiB are read. */
MUST_CHECK int conf_load(const char *file, struct diag *diag, struct conf **out);

/* As conf_load, and after errors in the text *out is set, too: to all that could be understood, without
 * the listeners that were cut. For whoever wants to find more errors; nothing may be served from it. */
MUST_CHECK int conf_load_partial(const char *file, struct diag *diag, struct conf **out);

void conf_free(struct conf *conf);

/* Appends the text as a configuration has it, in double quotes. */
void conf_put_quoted(struct buf *out, const char *text);

/* What every listener's address is: "HOST:PORT" taken apart, or "unix:/PATH". */
enum { CONF_SOCKET_PATH_MOST = 107 }; /* as many bytes as the kernel takes */
#define CONF_ADDRESS_LOCAL "unix:"
struct conf_address {
    char host[256]; /* without brackets; an address with the zone after '%', or a name; or the path */
    bool local;     /* a UNIX socket; there is no port */
    unsigned short port;
    bool ipv6; /* it was written in brackets */
};
/* Whether a listener's is a UNIX socket. */
bool conf_is_local(const struct conf_listener *listener);
/* `http2 = on` is written there: where it is not, the default stands aside without a word. */
bool conf_wants_http2(const struct conf_listener *listener);
/* Of a host: not those of its listener. */
bool conf_has_own_certificates(const struct conf_listener *listener);
/* 0, or ERR_SYNTAX with what is wrong and what to write. */
MUST_CHECK int conf_address(const char *text, struct conf_address *out, struct err *err);
/* Whether `text` may stand among the servers of a backend that HTTP is spoken to; 0, or ERR_SYNTAX or
 * ERR_RANGE with what is wrong and what to write, or ERR_NOMEM. */
MUST_CHECK int conf_http_server(const char *text, struct err *err);

/* "LISTENER", "LISTENER/HOST" as a new string; NULL when memory is short. */
char *conf_label(const struct conf_listener *listener);
/* True when both believe the same CAs and CRLs; ask the same of clients besides, so that whom one lets in the
 * other does; show the same. */
bool conf_same_trust(const struct conf_listener *a, const struct conf_listener *b);
bool conf_same_credentials(const struct conf_listener *a, const struct conf_listener *b);
bool conf_same_judgement(const struct conf_listener *a, const struct conf_listener *b);

/* The words of the enums above, for views and logs. */
const char *conf_client_auth_word(enum client_auth v);

#endif
