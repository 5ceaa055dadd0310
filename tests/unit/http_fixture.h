/* A request with everything around it, for the tests of the HTTP layer. */
#ifndef MTLSD_TESTS_UNIT_HTTP_FIXTURE_H
#define MTLSD_TESTS_UNIT_HTTP_FIXTURE_H

#include <jansson.h>

#include "http/message.h"

enum { FIXTURE_HEADERS = 8 };

struct fixture {
    struct conf conf;
    struct tls_facts tls;
    struct client_hello hello;
    _Alignas(struct hello_pack) uint8_t pack[sizeof(struct hello_pack) + HELLO_PACK_MOST];
    struct certinfo leaf, ca;
    struct certinfo *chain[2];
    struct certvalue dns_name, usage;
    struct verdict_finding error, warning;
    struct peer peer;
    struct certname advertised[2];
    struct health_listener listener[2];
    struct health health;
    struct {
        const char *name, *value;
    } header[FIXTURE_HEADERS];
    size_t n_headers;
    struct request request;
    struct reply reply;
};

/* The day on which everything happens: 2026-06-15T12:00:00Z. */
enum { FIXTURE_NOW = 1781524800 };

/* GET /api/peer on a `request` listener without a certificate; health is good. */
void fixture_init(struct fixture *f);
void fixture_done(struct fixture *f);

/* A certificate came: CN=alice with serial 0a, issued by CN=Test CA. FAILED comes with the error `expired`.
 */
void fixture_present(struct fixture *f, enum verify_state verify);

/* After a change of `hello`. */
void fixture_hello(struct fixture *f);

/* Sets path and target. */
void fixture_path(struct fixture *f, const char *path);
void fixture_header(struct fixture *f, const char *name, const char *value);

/* The value of a reply's header, or NULL. */
const char *fixture_reply_header(const struct fixture *f, const char *name);
/* The reply's body as JSON; the test fails when it is none. The caller drops it. */
json_t *fixture_reply_json(const struct fixture *f);
/* The text at a path like "errors.0.code"; "null", "true", numbers as written. The test fails when there is
 * nothing. Static. */
const char *fixture_at(const json_t *json, const char *path);

#endif
