/* Between the parts of `mtlsd probe`: the pure ones (probe_text.c), one try over the network (probe_try.c),
 * and the command. */
#ifndef MTLSD_CMD_PROBE_IMPL_H
#define MTLSD_CMD_PROBE_IMPL_H

#include <gnutls/gnutls.h>
#include <jansson.h>

#include "pki/verdict.h"
#include "tls/facts.h"

enum { PROBE_HOST = 256, PROBE_PATH = 2048, PROBE_HEAD = 16384, PROBE_ERROR = 256 };

struct probe_url {
    char host[PROBE_HOST]; /* without brackets */
    char port[8];
    char path[PROBE_PATH];           /* with the query, begins with '/' */
    char authority[PROBE_HOST + 16]; /* for Host: as given */
    bool is_address;                 /* an IP address: no SNI */
};

/* https only. 0, or ERR_SYNTAX with the remedy. */
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
};

/* What one try came to. */
struct probe_result {
    char address[64];        /* "" : no connection */
    struct peer *peer;       /* the judged server, NULL: it never showed a certificate */
    bool handshake;          /* it was completed */
    struct tls_facts tls;    /* when `handshake` */
    unsigned status;         /* of the response, 0: none */
    char error[PROBE_ERROR]; /* "" : none */
    int alert;               /* that the server sent, 0: none */
    unsigned connect_ms, handshake_ms, response_ms;
};

void probe_try(const struct probe_job *job, struct probe_result *out);
void probe_result_done(struct probe_result *result);

/* The JSON that is printed; `certified`: a client certificate was given. NULL when memory is short. */
json_t *probe_report(const char *url, const struct probe_result *result, bool certified, unsigned tries);

#endif
