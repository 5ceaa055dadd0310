/* Between the parts of `mtlsd probe`: the pure ones (probe_text.c), one try over the network (probe_try.c),
 * and the command. */
#ifndef MTLSD_CMD_PROBE_IMPL_H
#define MTLSD_CMD_PROBE_IMPL_H

#include <gnutls/gnutls.h>
#include <jansson.h>

#include "pki/verdict.h"
#include "tls/facts.h"

enum {
    PROBE_HOST = 256,
    PROBE_PATH = 2048,
    PROBE_HEAD = 16384,
    PROBE_ERROR = 256,
    PROBE_SAID = 128,
    PROBE_ALPN = 8
};

struct probe_url {
    char host[PROBE_HOST]; /* without brackets */
    char port[8];
    char path[PROBE_PATH];           /* with the query, begins with '/' */
    char authority[PROBE_HOST + 16]; /* for Host: as given */
    bool is_address;                 /* an IP address: no SNI */
    bool tcp;                        /* tls://: no HTTP is spoken, `path` is empty */
};

/* https:// or, with a port and no path, tls://. 0, or ERR_SYNTAX with the remedy. */
MUST_CHECK int probe_parse_url(const char *text, struct probe_url *out, struct err *err);

/* The status of a response's head, 0 while it is not whole, -1 when it is none. */
int probe_parse_status(const char *head, size_t len);

/* Milliseconds of "5s", "500ms", "1m". 0, or ERR_SYNTAX. */
MUST_CHECK int probe_parse_time(const char *text, unsigned *out_ms);

struct probe_job {
    const struct probe_url *url;
    const struct trust *trust;
    gnutls_certificate_credentials_t creds;
    unsigned timeout_ms; /* for a try as a whole */
    /* tls:// only */
    unsigned wait_ms; /* for what the server does after the handshake */
    const char *alpn[PROBE_ALPN];
    size_t n_alpn;
};

/* tls://: what the server did after the handshake, when nothing was sent to it. What ends the connection is
 * an error. */
enum probe_did { PROBE_DID_NOTHING, PROBE_DID_WAIT, PROBE_DID_SPEAK };

/* What one try came to. */
struct probe_result {
    char address[64];     /* "" : no connection */
    struct peer *peer;    /* the judged server, NULL: it never showed a certificate */
    bool handshake;       /* it was completed */
    struct tls_facts tls; /* when `handshake` */
    unsigned status;      /* of the response, 0: none */
    enum probe_did did;
    unsigned char said[PROBE_SAID]; /* the first that it said */
    size_t n_said;
    bool not_tls;            /* what answered does not begin with TLS */
    char error[PROBE_ERROR]; /* "" : none */
    int alert;               /* that the server sent, 0: none */
    unsigned connect_ms, handshake_ms, response_ms;
};

/* The server refused the client, by an alert that does not say that it is broken. */
bool probe_refused(const struct probe_result *result);

void probe_try(const struct probe_job *job, struct probe_result *out);
void probe_result_done(struct probe_result *result);

/* The JSON that is printed; `certified`: a client certificate was given. NULL when memory is short. */
json_t *probe_report(const char *url, const struct probe_result *result, bool certified, unsigned tries);

#endif
