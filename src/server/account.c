#include "server/account.h"

#include "base/clock.h"
#include "http/route.h"
#include "report/access.h"
#include "report/metrics.h"
#include "server/server.h"

/* nginx's number for a client that left before it had its answer: readers of access logs know it, and take no
 * 0.
 */
enum { CLIENT_LEFT = 499 };

/* What is the same for all requests of a connection. */
static struct access_record record_of(const struct conn *conn)
{
    const struct certinfo *leaf = conn->peer && conn->peer->n_chain > 0 ? conn->peer->chain[0] : NULL;
    return (struct access_record){
        .at = clock_now(),
        .remote = conn->remote,
        .listener = conn->listener_name,
        .tls_version = conn->facts.version,
        .cipher_suite = conn->facts.cipher_suite,
        .resumed = conn->facts.resumed,
        .client_verify = verify_word(conn->peer ? conn->peer->verify : VERIFY_NONE),
        .client_subject = leaf ? leaf->subject.text : NULL,
        .client_serial = leaf ? leaf->serial : NULL,
        .client_fingerprint_sha256 = leaf ? leaf->fingerprint_sha256 : NULL,
        .run = server_run(conn->server),
        .connection_id = conn->id,
    };
}

void account_answered(const struct conn *conn)
{
    uint64_t took_us = clock_mono_us() - conn->began_us;
    unsigned status = conn->status ? conn->status : CLIENT_LEFT;
    metrics_add(METRIC_requests, conn->route ? (size_t)(conn->route - ROUTES) : ROUTE_COUNT, status / 100, 1);
    metrics_observe(METRIC_request_seconds, 0, took_us);
    metrics_add(METRIC_response_bytes, 0, 0, conn->reply_bytes);
    if (!access_enabled())
        return;
    struct access_record record = record_of(conn);
    record.method = conn->head.method;
    record.target = conn->head.target;
    record.protocol = http1_head_is_old(&conn->head) ? "HTTP/1.0" : "HTTP/1.1";
    record.status = status;
    record.bytes = conn->reply_bytes;
    record.duration_us = took_us;
    record.referer = http1_head_value(&conn->head, "Referer");
    record.user_agent = http1_head_value(&conn->head, "User-Agent");
    record.request_number = conn->n_requests;
    access_write(&record);
}

void account_refused(const struct conn *conn, unsigned status, uint64_t bytes)
{
    metrics_add(METRIC_requests, ROUTE_COUNT, status / 100, 1);
    metrics_add(METRIC_response_bytes, 0, 0, bytes);
    if (!access_enabled())
        return;
    struct access_record record = record_of(conn);
    record.status = status;
    record.bytes = bytes;
    access_write(&record);
}
