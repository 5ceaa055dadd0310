/* JSON views: pure functions from facts to jansson values, the shapes of the manual's section on routes. Each
 * returns a new reference that the caller owns, or NULL when memory is short. */
#ifndef MTLSD_HTTP_VIEW_H
#define MTLSD_HTTP_VIEW_H

#include <jansson.h>

#include "http/message.h"

json_t *view_tls(const struct tls_facts *facts);

/* What /api/peer says, and `mtlsd verify`. `peer` may be NULL (client_auth = off). */
struct view_peer_input {
    const struct peer *peer;
    const char *client_auth; /* the mode's word, NULL: left out (verify) */
    bool requested, resumed;
    const struct tls_facts *tls;  /* of the handshake, NULL: there was none (verify) */
    enum verdict_purpose purpose; /* with hostname, for the checks */
    const char *hostname;
    const struct certname *advertised;
    size_t n_advertised;
    time_t now;               /* for days_remaining; 0: when the verdict was made */
    time_t at;                /* when the verdict was asked for; 0: when it was made */
    enum error_detail detail; /* what a certificate that did not verify is told; 0: everything */
};
json_t *view_peer(const struct view_peer_input *input);
/* What /api/handshake says: the messages of a handshake, in order, and how the other mode differs. `peer`
 * (may be NULL) is the client as judged last, for which it was asked `at` (0: when it was judged): for a
 * resumed handshake that is when the certificate of the ticket was judged again. null for a NULL record. */
json_t *view_handshake(const struct record *record, const struct peer *peer, time_t at);
/* The same from a request, as far as its conf->error_detail allows. */
json_t *view_request_peer(const struct request *request);
json_t *view_certificate(const struct certinfo *info, time_t now);
/* errors[] or warnings[] with as much as `detail` allows. */
json_t *view_findings(const struct verdict_finding *findings, size_t n, enum error_detail detail);
json_t *view_connection(const struct request *request);
/* Which one it is, and whether it had a whole handshake. */
json_t *view_connection_brief(const struct request *request);
/* application/health+json. `status` (may be NULL) receives "pass", "warn" or "fail". No path, no reason of a
 * refused reload, no identity: everybody may ask. */
json_t *view_health(const struct health *health, const char **status);

/* What /api/rejections says, in the order given, appended to `out` one by one: the first `show` of the n, or
 * as many as fit into `most_bytes` (and always one). Those that are not shown are told of as the address of
 * the next page, which asks for `show` again. Not limited by error_detail: who may read it is policy's to
 * say. 0 or ERR_NOMEM. */
MUST_CHECK int view_rejections(const struct rejection *rejections, size_t n, size_t show, size_t most_bytes,
                               struct buf *out);

/* Serialises: two spaces of indent, keys in the order set, a final newline; appended to `out`. 0 or
 * ERR_NOMEM. */
MUST_CHECK int view_write(json_t *value, struct buf *out);
/* The same; `compact`: without white space. */
MUST_CHECK int view_write_as(json_t *value, bool compact, struct buf *out);

#endif
