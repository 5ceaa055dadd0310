/* The values of the variables (config/variable.h), and of texts in which they stand. Pure.
 *
 * What a client or a CA chose is written so that it can be a field's value and no more: a byte that is no
 * visible ASCII, a quote and a backslash become \XX, as RFC 4514 has it. Several values of one kind are
 * separated by commas, and a comma within one becomes "\,". Whoever undoes these has the values again. */
#ifndef MTLSD_HTTP_VARIABLES_H
#define MTLSD_HTTP_VARIABLES_H

#include <time.h>

#include "base/buf.h"
#include "config/variable.h"
#include "pki/verdict.h"
#include "tls/facts.h"

/* What is known of a connection's client. All borrowed. */
struct client_view {
    const struct peer *peer;     /* as judged now; NULL: client_auth = off */
    const gnutls_datum_t *chain; /* what it proved to have, DER, its own first */
    unsigned n_chain;
    const struct tls_facts *tls;
    const char *remote; /* "192.0.2.1:54321", "[2001:db8::1]:443" */
    const char *listener;
    uint64_t connection;
};

/* And of its request. */
struct request_view {
    const char *method;
    const char *host;  /* host and port, as sent; "" none */
    const char *path;  /* normalised and encoded: the path that goes on */
    const char *query; /* as sent, NULL: none */
    uint64_t number;
    time_t now;
};

/* The client's certificate was verified: only then it has an identity. */
bool client_view_verified(const struct client_view *client);

/* A name (its RFC 4514 text) or a value as above. */
void variable_put_name(struct buf *out, const char *rfc4514);

void variable_put(struct buf *out, enum variable variable, const struct client_view *client,
                  const struct request_view *request);
void template_put(struct buf *out, const struct template *template, const struct client_view *client,
                  const struct request_view *request);

#endif
