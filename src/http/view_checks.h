/* The checks of a certificate as data: what people ask of one, how each question was answered, what was
 * compared with what; and what nobody did. Pure. */
#ifndef MTLSD_HTTP_VIEW_CHECKS_H
#define MTLSD_HTTP_VIEW_CHECKS_H

#include <jansson.h>

#include "config/conf.h"
#include "pki/verdict.h"
#include "tls/facts.h"

struct view_checks_input {
    const struct peer *peer; /* NULL: nobody was judged */
    /* Of the handshake in which the certificate came, NULL: there was none. A server's key signs in each. */
    const struct tls_facts *tls;
    enum verdict_purpose purpose;
    const char *hostname;     /* PURPOSE_SERVER: the name that was asked for, or NULL */
    enum error_detail detail; /* what one that did not verify is told */
    time_t at;                /* when the verdict was asked for; 0: when it was made */
};

/* An object with a member for each question, in this order. For a client: possession, trusted, expired,
 * revoked, fit. For a server, the four of every introduction to TLS: expired, revoked, trusted (which fit
 * belongs to), name. Each has status (pass, fail, unknown), reasons (the codes of a failure), why (a word for
 * an unknown, null else), note (the same as a sentence), value (what was found) and expected (what it was
 * compared with). */
json_t *view_checks(const struct view_checks_input *input);

#endif
